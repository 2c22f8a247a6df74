"""The contenders of train.py, which runs this file: prints {"seconds": median of a step}.

    python benchmarks/train_steps.py {stylize,example} DATA [--width W]

`stylize` is the default perceptual preset as `stylize train` runs it. `example` is the step of
pytorch/examples' fast_neural_style: its network, VGG-16 up to relu4_3 of output and photos both,
float32, torch's default layout. Both are fed by our loader, which decodes beside the step; the
example's own decodes within it.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylize_cli import datasets, descriptors, devices, images
from stylize_cli.config.train import TRAIN_PRESETS
from stylize_cli.datasets import Crops
from stylize_cli.methods.tasks import Task
from stylize_cli.methods.train import Training

PRESET = TRAIN_PRESETS["perceptual", "default"]
WARM_UP = 2  # steps not timed
CONTENT_WEIGHT, STYLE_WEIGHT = 1e5, 1e10  # the example's defaults
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
ENDS = (4, 9, 16, 23)  # in torchvision's VGG-16, behind relu1_2, relu2_2, relu3_3 and relu4_3


def stylize(crops: Crops, style: Tensor, *, batch: int, steps: int, width: int) -> Iterator[None]:
    """Trains by our code; yields after every step."""
    config = replace(PRESET, width=width, size=crops.size, batch_size=batch, steps=steps)
    machine = devices.machine()
    describe = descriptors.load(
        "vgg19", layers=config.layers, dtype=machine.dtype, pool=config.pool, edges=config.edges
    ).to(machine.device)
    task = Task("perceptual", config, styles=(("style", style.to(machine.device)),))
    for _update in Training(task, crops, describe, machine).run():
        yield


def example(crops: Crops, style: Tensor, *, batch: int, steps: int) -> Iterator[None]:
    """Trains as the example does; yields after every step."""
    device = devices.choose("auto")
    network, vgg = transformer().to(device), Vgg16().to(device)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    square = images.resize(style, (crops.size, crops.size)).to(device)
    grams = [gram(maps) for maps in vgg(normalised(255 * square.repeat(batch, 1, 1, 1)))]
    photos = datasets.batches(crops, batch)
    for _ in range(steps):
        optimizer.zero_grad()
        photo = 255 * next(photos).to(device)
        output = normalised(network(photo))
        found, wanted = vgg(output), vgg(normalised(photo))
        content = CONTENT_WEIGHT * F.mse_loss(found[1], wanted[1])
        terms = [F.mse_loss(gram(m), target) for m, target in zip(found, grams, strict=True)]
        total = content + STYLE_WEIGHT * sum(terms)
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total.item()
        yield


def transformer() -> nn.Sequential:
    """The example's network: 1,679,235 parameters, values around 0-255 in and out."""
    return nn.Sequential(
        *normed(3, 32, 9), nn.ReLU(),
        *normed(32, 64, 3, stride=2), nn.ReLU(),
        *normed(64, 128, 3, stride=2), nn.ReLU(),
        *(Residual(128) for _ in range(5)),
        nn.Upsample(scale_factor=2), *normed(128, 64, 3), nn.ReLU(),
        nn.Upsample(scale_factor=2), *normed(64, 32, 3), nn.ReLU(),
        *padded(32, 3, 9),
    )  # fmt: skip


class Residual(nn.Module):
    """Two normalised convolutions, and the input added."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*normed(maps, maps, 3), nn.ReLU(), *normed(maps, maps, 3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x) + x
        return out


def padded(into: int, out: int, kernel: int, *, stride: int = 1) -> list[nn.Module]:
    return [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(into, out, kernel, stride)]


def normed(into: int, out: int, kernel: int, *, stride: int = 1) -> list[nn.Module]:
    return [*padded(into, out, kernel, stride=stride), nn.InstanceNorm2d(out, affine=True)]


class Vgg16(nn.Module):
    """Torchvision's, with random weights: they do not change what a step costs."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.vgg import cfgs, make_layers  # type: ignore[import-untyped]

        layers = list(make_layers(cfgs["D"]))[: ENDS[-1]]  # without the 0.5 GB of its classifier
        self.slices = nn.ModuleList(
            nn.Sequential(*layers[start:end]) for start, end in zip((0, *ENDS), ENDS, strict=False)
        )
        self.requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for part in self.slices:
            x = part(x)
            found.append(x)
        return found


def normalised(image: Tensor) -> Tensor:
    """From 0-255 to what torchvision's VGG expects."""
    mean, deviation = (image.new_tensor(v).view(-1, 1, 1) for v in (MEAN, DEVIATION))
    return (image / 255 - mean) / deviation


def gram(maps: Tensor) -> Tensor:
    batch, channels, height, width = maps.shape
    rows = maps.view(batch, channels, height * width)
    return rows.bmm(rows.transpose(1, 2)) / (channels * height * width)


def seconds(updates: Iterator[None]) -> list[float]:
    """Of every step after the warm-up."""
    times = []
    began = time.perf_counter()
    for _ in updates:
        now = time.perf_counter()
        times.append(now - began)
        began = now
    return times[WARM_UP:]


def main() -> None:
    """Parses the command line, trains and prints the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=["stylize", "example"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--width", type=int, default=PRESET.width, help="of stylize's network")
    args = parser.parse_args()
    files = datasets.find(args.data / "photos").files
    crops = Crops(files, args.size, PRESET.zoom, PRESET.flip, seed=0)
    style = images.read(datasets.find(args.data / "styles").files[0]).rgb
    steps = WARM_UP + args.steps
    if args.contender == "example":
        updates = example(crops, style, batch=args.batch, steps=steps)
    else:
        updates = stylize(crops, style, batch=args.batch, steps=steps, width=args.width)
    print(json.dumps({"seconds": median(seconds(updates))}))


if __name__ == "__main__":
    main()
