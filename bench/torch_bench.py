"""What `npm run bench -- --vs-torch` compares with: PyTorch on the CPU, with the workloads of workloads.ts
and some to come.

    python3 bench/torch_bench.py [--threads 2] [--only NAME,NAME] [--seconds 2] [--memory]

One JSON line per workload, medians in milliseconds: a training step (forward, cross-entropy, backward, SGD with
Nesterov's momentum) and an inference. Each is measured in PyTorch's default layout and with channels last; the faster
one counts. With --memory the line has `peak_mb` instead: the peak of live bytes during one training step, in the layout
that needs less.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import pad
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


class InvertedResidual(nn.Module):
    """1 x 1 to `expansion` times the channels (none where that is 1), depthwise 3 x 3, 1 x 1 to `filters`. Each without
    bias and followed by a batch norm; ReLU6 after the first two. The input is added where the shape stays."""

    def __init__(self, channels, filters, stride, expansion):
        super().__init__()
        hidden = expansion * channels
        layers = []
        if expansion != 1:
            layers += [conv(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        layers += [
            nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            conv(hidden, filters, 1, bias=False),
            nn.BatchNorm2d(filters),
        ]
        self.body = nn.Sequential(*layers)
        self.adds = stride == 1 and channels == filters

    def forward(self, image):
        return image + self.body(image) if self.adds else self.body(image)


def mobilenet():
    """MobileNetV2 of width 1 (Sandler et al., 2018) as torchvision has it, without its dropout: 3,504,872 parameters.

    Input 3 x 96 x 96. 3 x 3 / 2 convolution to 32, batch norm, ReLU6; the seventeen inverted residuals below; 1 x 1
    convolution to 1280, batch norm, ReLU6; global average; dense 1280 -> 1000. All 3 x 3 are padded by 1 on every side
    (with stride 2 as well, unlike "same"), only the dense layer has a bias, norms have PyTorch's defaults (momentum
    0.1, epsilon 1e-5). Extents: 48, 48, 24, 12, 6, 6, 3, 3."""
    layers = [conv(3, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    channels = 32
    for expansion, filters, count, stride in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for index in range(count):
            layers.append(InvertedResidual(channels, filters, stride if index == 0 else 1, expansion))
            channels = filters
    layers += [conv(channels, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


class WaveNet(nn.Module):
    """WaveNet (van den Oord et al., 2016) with one stack of ten gated layers: 265,152 parameters.

    Input 1 x 8000: samples in [0, 1). All convolutions are 1-D with bias. A causal convolution has size 2 and as many
    zeros on the left as its dilation d, none on the right: y[t] = w0 x[t - d] + w1 x[t] + b.

        x = causal(1 -> 64, d 1)(input)
        for d in 1, 2, 4, ..., 512:
            z = tanh(causal(64 -> 64, d)(x)) * sigmoid(causal(64 -> 64, d)(x))   two convolutions: filter, then gate
            skips += conv1(64 -> 64)(z)                                          size 1
            x = x + conv1(64 -> 64)(z)                                           not in the last layer: nothing reads it
        logits = conv1(64 -> 256)(relu(conv1(64 -> 64)(relu(skips))))

    256 classes for each of the 8000 samples; the cross-entropy is the mean over batch and samples. Receptive field:
    1025 samples.
    """

    def __init__(self, channels=64, classes=256, layers=10):
        super().__init__()
        self.dilations = [2**index for index in range(layers)]
        self.front = nn.Conv1d(1, channels, 2)
        self.filters = nn.ModuleList(nn.Conv1d(channels, channels, 2, dilation=d) for d in self.dilations)
        self.gates = nn.ModuleList(nn.Conv1d(channels, channels, 2, dilation=d) for d in self.dilations)
        self.skips = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in self.dilations)
        self.residuals = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in self.dilations[1:])
        hidden, logits = nn.Conv1d(channels, channels, 1), nn.Conv1d(channels, classes, 1)
        self.head = nn.Sequential(nn.ReLU(), hidden, nn.ReLU(), logits)

    def forward(self, samples):
        x = self.front(pad(samples, (1, 0)))
        total = 0
        for index, dilation in enumerate(self.dilations):
            padded = pad(x, (dilation, 0))
            z = torch.tanh(self.filters[index](padded)) * torch.sigmoid(self.gates[index](padded))
            total = total + self.skips[index](z)
            if index < len(self.residuals):
                x = x + self.residuals[index](z)
        return self.head(total)


def volume():
    """Three 3-D convolutions: 359,498 parameters.

    Input 1 x 32 x 32 x 32. Three times: convolution 3 x 3 x 3 with bias, padded by 1 on every side, ReLU, max-pooling
    of 2 x 2 x 2 with stride 2; to 32, 64 and 128 filters. Then flatten (128 x 4 x 4 x 4) and dense -> 10."""
    layers = []
    for channels, filters in [(1, 32), (32, 64), (64, 128)]:
        layers += [nn.Conv3d(channels, filters, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 4**3, 10))


class UNet(nn.Module):
    """U-Net (Ronneberger et al., 2015) with padded convolutions, so that nothing is cropped: 1,925,634 parameters.

    Input 3 x 128 x 128. `double(f)` is twice: convolution 3 x 3 with bias, padded by 1, to f filters, ReLU.

        a = double(32)(input)                       128 x 128
        b = double(64)(maxPool2(a))                  64 x 64
        c = double(128)(maxPool2(b))                 32 x 32
        x = double(256)(maxPool2(c))                 16 x 16
        x = double(128)(concat(c, up(128)(x)))       up(f): transposed convolution 2 x 2, stride 2, bias, f filters
        x = double(64)(concat(b, up(64)(x)))         concat: the skipped channels first
        x = double(32)(concat(a, up(32)(x)))
        logits = convolution 1 x 1 with bias -> 2

    Two classes for each pixel; the cross-entropy is the mean over batch and pixels."""

    def __init__(self, widths=(32, 64, 128, 256), classes=2):
        super().__init__()
        steps = list(zip(widths, widths[1:]))
        self.down = nn.ModuleList(self.double(a, b) for a, b in [(3, widths[0]), *steps])
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(steps))
        self.merge = nn.ModuleList(self.double(2 * a, a) for a, _ in reversed(steps))
        self.pool = nn.MaxPool2d(2)
        self.head = conv(widths[0], classes, 1)

    @staticmethod
    def double(channels, filters):
        first, second = conv(channels, filters, 3, padding=1), conv(filters, filters, 3, padding=1)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())

    def forward(self, x):
        skipped = []
        for index, double in enumerate(self.down):
            x = double(x if index == 0 else self.pool(x))
            skipped.append(x)
        skipped.pop()
        for up, merge in zip(self.up, self.merge):
            x = merge(torch.cat([skipped.pop(), up(x)], dim=1))
        return self.head(x)


class Workload(NamedTuple):
    make: Callable[[], nn.Module]
    parameters: int
    batch: int
    shape: tuple  # of one image, channels first
    classes: int
    positions: tuple = ()  # of the labels of one image: none, one label; else one for each sample or pixel


WORKLOADS = {
    "mnist-shallow-b50": Workload(mnist_shallow, 98_820, 50, (1, 28, 28), 10),
    "mnist-deep-b50": Workload(mnist_deep, 286_940, 50, (1, 28, 28), 10),
    "cifar-64-64-b32": Workload(cifar, 123_338, 32, (3, 32, 32), 10),
    "cifar-64-64-b250": Workload(cifar, 123_338, 250, (3, 32, 32), 10),
    "resnet18-224-b4": Workload(resnet18, 11_689_512, 4, (3, 224, 224), 1000),
    "resnet18-224-b1": Workload(resnet18, 11_689_512, 1, (3, 224, 224), 1000),
    "mobilenet-96-b16": Workload(mobilenet, 3_504_872, 16, (3, 96, 96), 1000),
    "wavenet-8000-b8": Workload(WaveNet, 265_152, 8, (1, 8000), 256, (8000,)),
    "volume-32-b4": Workload(volume, 359_498, 4, (1, 32, 32, 32), 10),
    "unet-128-b4": Workload(UNet, 1_925_634, 4, (3, 128, 128), 2, (128, 128)),
}

# by the number of an image's dimensions; sequences have no other layout
LAYOUTS = {
    2: (torch.contiguous_format,),
    3: (torch.contiguous_format, torch.channels_last),
    4: (torch.contiguous_format, torch.channels_last_3d),
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

    def __init__(self, workload, layout):
        make, parameters, batch, shape, classes, positions = workload
        self.network = make().to(memory_format=layout)
        assert sum(tensor.numel() for tensor in self.network.parameters()) == parameters
        self.images = torch.rand(batch, *shape).to(memory_format=layout)
        self.labels = torch.randint(classes, (batch, *positions))
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.01, momentum=0.9, nesterov=True)
        self.cross_entropy = nn.CrossEntropyLoss()

    def train(self):
        self.optimizer.zero_grad()
        self.cross_entropy(self.network(self.images), self.labels).backward()
        self.optimizer.step()

    def infer(self):
        self.network(self.images)


def measure_times(workload, layout, seconds):
    step = Step(workload, layout)
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
    allocator). Not counted are code, Python's own objects, and what a library takes from malloc itself."""
    step = Step(workload, layout)
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
    for name in names:
        workload = WORKLOADS[name]
        layouts = LAYOUTS[len(workload.shape)]
        line = {"peer": f"torch-{torch.__version__}", "threads": options.threads, "name": name}
        if options.memory:
            line["peak_mb"] = round(min(measure_peak(workload, layout) for layout in layouts) / 1e6, 3)
        else:
            times = [measure_times(workload, layout, options.seconds) for layout in layouts]
            line["train_ms"], line["infer_ms"] = (round(min(side), 3) for side in zip(*times))
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
