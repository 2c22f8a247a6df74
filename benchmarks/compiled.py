"""What `--compile` costs and gains: one evaluation of the loss, as it is and compiled.

    python benchmarks/compiled.py PHOTO STYLE [--size 256]

Compiling is counted by the first evaluation. The two take turns afterwards: noise hits both.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from processes import machine

from stylize_cli import descriptors, devices, images, objectives
from stylize_cli.config.optimize import PRESETS
from stylize_cli.methods import optimize
from stylize_cli.methods.pictures import Pictures

TURNS = 9


def main() -> None:
    """Parses the command line, measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=256)
    args = parser.parse_args()
    print(machine())
    config = PRESETS["default"]
    dtype = devices.choose_precision("auto", torch.device("cpu"))
    describe = descriptors.load(
        layers=config.layers,
        dtype=dtype,
        pool=config.pool,
        edges=config.edges,
        normalise=config.normalise,
    )
    photo = images.read(args.photo).rgb
    size = images.fitted(images.size_of(photo), args.size)
    photo = images.resize(photo, size)
    pictures = Pictures(photo, ((images.read(args.style).rgb, 1.0),))
    aims = optimize.targets(describe, pictures, config, size)

    def seconds(kind: objectives.Describe) -> float:
        began = time.perf_counter()
        objectives.evaluate(kind, photo, aims)
        return time.perf_counter() - began

    kinds = {"as it is": describe, "compiled": torch.compile(describe)}
    first = {name: seconds(kind) for name, kind in kinds.items()}
    later = [{name: seconds(kind) for name, kind in kinds.items()} for _ in range(TURNS)]
    print("| VGG | first evaluation, s | later, s | ratio |\n|---|---|---|---|")
    for name in kinds:
        median = statistics.median(turn[name] for turn in later)
        ratio = statistics.median(turn[name] / turn["as it is"] for turn in later)
        print(f"| {name} | {first[name]:.1f} | {median:.3f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
