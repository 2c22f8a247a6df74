"""A step of training a style network, ours beside that of pytorch/examples' fast_neural_style.

    pip install . torchvision
    python benchmarks/train.py DATA [--size 256] [--batch 4] [--steps 5] [--rounds 3]

DATA holds photos/ and styles/. Each contender trains in a process of its own; a round runs them one
after the other, so that a noisy neighbour meets them all, and ratios are taken within a round.
Prints a Markdown table of medians over the rounds.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from processes import machine, measure

CONTENDERS: dict[str, list[str]] = {
    "fast_neural_style": ["example"],
    "stylize, default preset": ["stylize"],
    "stylize, --width 32": ["stylize", "--width", "32"],
}
HEADER = (
    "| step of | seconds | of the example's | peak MB | of the example's |\n"
    "|---|---|---|---|---|"
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Seconds of a step, and peak memory of the process in MB."""

    seconds: float
    megabytes: float


def cost(contender: list[str], options: list[str]) -> Cost:
    """Trains one contender for a few steps."""
    child = str(Path(__file__).with_name("train_steps.py"))
    result = measure([sys.executable, child, *contender, *options])
    return Cost(json.loads(result.output)["seconds"], result.megabytes)


def row(name: str, costs: list[Cost], peers: list[Cost]) -> str:
    """One line of the table, from as many rounds of both."""
    pairs = list(zip(costs, peers, strict=True))
    return (
        f"| {name} | {median(own.seconds for own in costs):.2f} "
        f"| {median(own.seconds / peer.seconds for own, peer in pairs):.2f} "
        f"| {median(own.megabytes for own in costs):.0f} "
        f"| {median(own.megabytes / peer.megabytes for own, peer in pairs):.2f} |"
    )


def main() -> None:
    """Parses the command line, runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--size", type=int, default=256, help="side of the crops, px")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5, help="timed in each process")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print(machine())
    options = [str(args.data)]
    for name in ("size", "batch", "steps"):
        options += [f"--{name}", str(getattr(args, name))]
    costs: dict[str, list[Cost]] = {name: [] for name in CONTENDERS}
    for _ in range(args.rounds):
        for name, contender in CONTENDERS.items():
            costs[name].append(cost(contender, options))
    print(HEADER)
    for name in CONTENDERS:
        print(row(name, costs[name], costs["fast_neural_style"]))


if __name__ == "__main__":
    main()
