"""What `npm run bench -- --vs-torch` compares with: PyTorch on the CPU, with the workloads of workloads.ts.

    python3 bench/torch_bench.py [--threads 2] [--only NAME,NAME] [--seconds 2] [--memory]

One JSON line per workload, medians in milliseconds: a training step (forward, cross-entropy, backward, SGD with
Nesterov's momentum) and an inference. Each is measured in PyTorch's default layout and with channels last; the faster
one counts. With --memory the line has `peak_mb` instead: the peak of live bytes during one training step, in the layout
that needs less.
"""

import argparse
import json
import time
from statistics import median

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile


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


class Step:
    """A network in one layout with a batch and its optimiser."""

    def __init__(self, make, batch, shape, classes, layout):
        self.network = make().to(memory_format=layout)
        self.images = torch.rand(batch, *shape).to(memory_format=layout)
        self.labels = torch.randint(classes, (batch,))
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.01, momentum=0.9, nesterov=True)
        self.cross_entropy = nn.CrossEntropyLoss()

    def train(self):
        self.optimizer.zero_grad()
        self.cross_entropy(self.network(self.images), self.labels).backward()
        self.optimizer.step()

    def infer(self):
        self.network(self.images)


def measure_times(workload, layout, seconds):
    step = Step(*workload, layout)
    step.network.train()
    train_ms = median_milliseconds(step.train, seconds)
    step.network.eval()
    with torch.no_grad():
        infer_ms = median_milliseconds(step.infer, seconds)
    return train_ms, infer_ms


def measure_peak(workload, layout):
    """The most bytes that are alive at one time of a training step: what lives between steps (parameters, buffers,
    optimiser state, images and labels) and what PyTorch's CPU allocator hands out during the step and has not got back
    (activations, gradients, temporaries, and the reordered operands and scratchpads of oneDNN, which uses the same
    allocator). Not counted are code, Python's own objects, and what a library takes from malloc, as BLAS does to pack."""
    step = Step(*workload, layout)
    step.network.train()
    for _ in range(2):  # the first creates the optimiser's state
        step.train()
    # gradients of the step before would end at its start: they must not count as what stays
    step.optimizer.zero_grad()
    state = [value for values in step.optimizer.state.values() for value in values.values() if torch.is_tensor(value)]
    resident = [*step.network.parameters(), *step.network.buffers(), *state, step.images, step.labels]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in resident}
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step.train()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = sum(storages.values())
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()  # negative when memory is given back
        peak = max(peak, live)
    return peak


def main():
    parser = argparse.ArgumentParser(description="Measures PyTorch on the CPU.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--memory", action="store_true", help="peak memory of a training step in place of times")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(WORKLOADS)
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        parser.error(f"unknown workload {unknown[0]}; there are {', '.join(WORKLOADS)}")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    layouts = (torch.contiguous_format, torch.channels_last)
    for name in names:
        line = {"peer": f"torch-{torch.__version__}", "threads": options.threads, "name": name}
        if options.memory:
            line["peak_mb"] = round(min(measure_peak(WORKLOADS[name], layout) for layout in layouts) / 1e6, 3)
        else:
            times = [measure_times(WORKLOADS[name], layout, options.seconds) for layout in layouts]
            line["train_ms"], line["infer_ms"] = (round(min(side), 3) for side in zip(*times))
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
