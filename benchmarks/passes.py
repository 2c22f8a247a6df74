"""How long one pass of a network takes beside another's: their processor time, in turn.

    python benchmarks/passes.py classics MODEL... [--sizes 512x384 1024x768] [--turns 15]

The first model is what the others are compared with. One thread, in the precision that `apply`
takes; the first of several styles. Ratios are medians of the turns'.
"""

import argparse
import time
from collections.abc import Sequence
from statistics import median

import numpy as np
from processes import machine

from stylize_cli import engines, models
from stylize_cli.engines import Engine


def inputs(engine: Engine, size: tuple[int, int]) -> list[np.ndarray]:
    """A picture of (height, width) and, where the network has styles, the first of them."""
    about = engine.about
    photo = np.random.default_rng(0).random((1, 3, *size), np.float32)
    mix = [np.eye(len(about.styles), dtype=np.float32)[:1]] if about.takes_mix else []
    return [photo, *mix]


def seconds(engine: Engine, given: Sequence[np.ndarray]) -> float:
    """Of the processor, for one pass."""
    start = time.process_time()
    engine.run(*given)
    return time.process_time() - start


def main() -> None:
    """Parses the command line and prints a row a model and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--sizes", nargs="+", default=["512x384", "1024x768"])
    parser.add_argument("--turns", type=int, default=15)
    args = parser.parse_args()
    opened = [engines.open_model(models.find(name), threads=1) for name in args.models]
    print(f"{machine()}\n\n| model | precision | size | ms | of the first |\n|---|---|---|---|---|")
    for size in args.sizes:
        width, height = map(int, size.split("x"))
        given = [inputs(engine, (height, width)) for engine in opened]
        pairs = list(zip(opened, given, strict=True))
        for pair in pairs:
            seconds(*pair)  # compiles
        turns = [[seconds(*pair) for pair in pairs] for _ in range(args.turns)]
        for k, (name, engine) in enumerate(zip(args.models, opened, strict=True)):
            took = 1000 * median(turn[k] for turn in turns)
            ratio = median(turn[k] / turn[0] for turn in turns)
            print(f"| {name} | {engine.precision} | {size} | {took:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
