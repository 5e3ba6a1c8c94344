"""What `npm run bench -- --vs-torch` compares with: PyTorch on the CPU, with the workloads of workloads.ts.

    python3 bench/torch_bench.py [--threads 2] [--only NAME,NAME] [--seconds 2]

One JSON line per workload, medians in milliseconds: a training step (forward, cross-entropy, backward, SGD with
Nesterov's momentum) and an inference. Each is measured in PyTorch's default layout and with channels last; the faster
one counts.
"""

import argparse
import json
import time
from statistics import median

import torch
from torch import nn


def conv(channels, filters, size, stride=1, padding=0, bias=True):
    return nn.Conv2d(channels, filters, size, stride, padding, bias=bias)


def mnist_shallow():
    return nn.Sequential(
        conv(1, 10, 5, stride=2, padding=2),  # 14 x 14
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(10 * 14 * 14, 50),
        nn.ReLU(),
        nn.Linear(50, 10),
    )


def mnist_deep():
    return nn.Sequential(
        conv(1, 10, 5, stride=2, padding=2),  # 14 x 14
        nn.ReLU(),
        conv(10, 40, 5, stride=2, padding=2),  # 7 x 7
        nn.ReLU(),
        conv(40, 80, 5, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(80 * 7 * 7, 50),
        nn.ReLU(),
        nn.Linear(50, 10),
    )


def cifar():
    return nn.Sequential(
        conv(3, 64, 5),  # 28 x 28
        nn.ReLU(),
        nn.MaxPool2d(2),
        conv(64, 64, 5),  # 10 x 10
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 5 * 5, 10),
    )


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut, which is a 1 x 1 convolution where the shape changes."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, filters, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
            conv(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != filters:
            self.shortcut = nn.Sequential(conv(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, image):
        return torch.relu(self.body(image) + self.shortcut(image))


def resnet18():
    layers = [conv(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for filters, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        layers += [BasicBlock(channels, filters, stride), BasicBlock(filters, filters, 1)]
        channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


# name: network, batch, shape of an image, classes
WORKLOADS = {
    "mnist-shallow-b50": (mnist_shallow, 50, (1, 28, 28), 10),
    "mnist-deep-b50": (mnist_deep, 50, (1, 28, 28), 10),
    "cifar-64-64-b32": (cifar, 32, (3, 32, 32), 10),
    "cifar-64-64-b250": (cifar, 250, (3, 32, 32), 10),
    "resnet18-224-b4": (resnet18, 4, (3, 224, 224), 1000),
    "resnet18-224-b1": (resnet18, 1, (3, 224, 224), 1000),
}


def median_milliseconds(run, seconds):
    """Warms up for a while (the first runs choose kernels), then takes the median over at least five runs."""
    warm = time.perf_counter() + min(seconds, 0.5)
    runs = 0
    while runs < 3 or time.perf_counter() < warm:
        run()
        runs += 1
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        began = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - began))
    return median(times)


def measure(make, batch, shape, classes, layout, seconds):
    network = make().to(memory_format=layout)
    images = torch.rand(batch, *shape).to(memory_format=layout)
    labels = torch.randint(classes, (batch,))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    cross_entropy = nn.CrossEntropyLoss()

    def train():
        optimizer.zero_grad()
        cross_entropy(network(images), labels).backward()
        optimizer.step()

    def infer():
        network(images)

    network.train()
    train_ms = median_milliseconds(train, seconds)
    network.eval()
    with torch.no_grad():
        infer_ms = median_milliseconds(infer, seconds)
    return train_ms, infer_ms


def main():
    parser = argparse.ArgumentParser(description="Times PyTorch on the CPU.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(WORKLOADS)
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        parser.error(f"unknown workload {unknown[0]}; there are {', '.join(WORKLOADS)}")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    for name in names:
        layouts = (torch.contiguous_format, torch.channels_last)
        times = [measure(*WORKLOADS[name], layout, options.seconds) for layout in layouts]
        train_ms, infer_ms = (round(min(side), 3) for side in zip(*times))
        peer = f"torch-{torch.__version__}"
        line = {"peer": peer, "threads": options.threads, "name": name, "train_ms": train_ms, "infer_ms": infer_ms}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
