"""Does `optimize` ever end above where it started? Many pairs, several sizes, every preset.

    python benchmarks/stability.py PHOTOS STYLES [--pairs 20] [--sizes 96 192 384]

Pairs the i-th photo with the i-th style of two folders, evenly spread over both. For every run it
notes the loss of the photo itself at the final size, the loss of the result, and whether the loss
ever rose within a scale. Prints a line for each preset and size, and exits with 1 if any run ended
above its start.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from inputs import spread
from processes import machine

from stylize_cli import descriptors, devices, images, objectives
from stylize_cli.config.optimize import PRESETS, OptimizeConfig
from stylize_cli.methods import optimize as method
from stylize_cli.methods.pictures import Pictures


def run(photo: Path, style: Path, config: OptimizeConfig, size: int) -> tuple[float, float, bool]:
    """Loss of the photo, loss of the result, and whether the loss rose within a scale."""
    describe = descriptors.load(
        "vgg19",
        dtype=devices.choose_precision("auto", torch.device("cpu")),
        pool=config.pool,
        edges=config.edges,
        normalise=config.normalise,
    )
    content = images.read(photo).rgb
    pictures = Pictures(content, ((images.read(style).rgb, 1.0),))
    shape = images.fitted(images.size_of(content), size)
    rose, before = False, None
    for now in method.optimize(describe, pictures, config, size=shape):
        same_scale = before is not None and before.image.shape == now.image.shape
        rose |= bool(same_scale and now.losses["total"] > before.losses["total"])
        before = now
    targets = method.targets(describe, pictures, config, shape)
    start = objectives.evaluate(describe, images.resize(content, shape), targets).loss
    return start, before.losses["total"], rose


def main() -> int:
    """Parses the command line and prints a line for each preset and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("styles", type=Path)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 192, 384])
    parser.add_argument("--presets", nargs="+", default=["default", "notebook"])
    parser.add_argument("--iterations", type=int)
    args = parser.parse_args()
    print(machine())
    pairs = list(zip(spread(args.photos, args.pairs), spread(args.styles, args.pairs), strict=True))
    print(
        "| preset | size | runs | ended above the start | rose within a scale | worst end/start |"
    )
    print("|---|---|---|---|---|---|")
    worst = 0.0
    for preset in args.presets:
        config = PRESETS[preset]
        config = replace(config, iterations=args.iterations or config.iterations)
        for size in args.sizes:
            runs = [run(photo, style, config, size) for photo, style in pairs]
            above = sum(end > start for start, end, _ in runs)
            ratio = max(end / start for start, end, _ in runs)
            rises = sum(rose for _, _, rose in runs)
            print(
                f"| {preset} | {size} | {len(runs)} | {above} | {rises} | {ratio:.3f} |", flush=True
            )
            worst = max(worst, ratio)
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
