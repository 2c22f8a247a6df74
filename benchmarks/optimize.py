"""`stylize optimize` beside pastiche: time, memory and the yardstick's figures, in one run.

    pip install . pastiche
    python benchmarks/optimize.py PHOTO STYLE [--sizes 256 384 512] [--steps 200]

Both get the same picture, scaled beforehand, and start as a user starts them: a new process, the
weights not yet read. The figures are measured on the files they save. Prints a Markdown table.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from inputs import presized
from processes import Measured, machine, measure

HEADER = (
    "| size | made by | seconds | of pastiche's | peak MB | of pastiche's "
    "| style error | content error | notebook |\n|---|---|---|---|---|---|---|---|---|"
)


def commands(photo: Path, style: Path, folder: Path, *, size: int, steps: int) -> dict[str, list]:
    """What to run, by name; each writes folder/NAME.png."""
    ours = ["stylize", "optimize", photo, style, "--size", size, "--quiet", "-o"]
    return {
        "pastiche": [
            "pastiche", "-c", photo, "-s", style, "-o", folder / "pastiche.png",
            "--num-steps", steps, "--size", size, "--no-verbose",
        ],
        "default": [*ours, folder / "default.png"],
        "notebook": [*ours, folder / "notebook.png", "--preset", "notebook"],
        "neighbours": [*ours, folder / "neighbours.png", "--preset", "neighbours"],
    }  # fmt: skip


def row(name: str, size: int, result: Measured, peer: Measured, judged: dict) -> str:
    """One line of the table."""
    label = name if name == "pastiche" else f"stylize, {name} preset"
    return (
        f"| {size} | {label} | {result.seconds:.1f} | {result.seconds / peer.seconds:.3f} "
        f"| {result.megabytes:.0f} | {result.megabytes / peer.megabytes:.2f} "
        f"| {judged['style_error']:.3f} | {judged['content_error']:.3f} "
        f"| {judged['notebook']:.3g} |"
    )


def compare(photo: Path, style: Path, *, size: int, steps: int, keep: Path | None) -> None:
    """Runs all at one size, and prints their lines."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = presized(photo, folder, long_side=size)
        results = {
            name: measure([str(word) for word in command])
            for name, command in commands(small, style, folder, size=size, steps=steps).items()
        }
        files = [str(folder / f"{name}.png") for name in results]
        report = measure(
            ["stylize", "evaluate", *files, "--content", small, "--style", style, "--json"]
        )
        for (name, result), line in zip(results.items(), report.output.splitlines(), strict=True):
            print(row(name, size, result, results["pastiche"], json.loads(line)), flush=True)
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / f"{name}.png", keep / f"{photo.stem}-{size}-{name}.png")


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 384, 512])
    parser.add_argument("--steps", type=int, default=200, help="of pastiche")
    parser.add_argument("--keep", type=Path, help="folder to copy the results to")
    args = parser.parse_args()
    print(machine())
    print(HEADER)
    for size in args.sizes:
        compare(args.photo, args.style, size=size, steps=args.steps, keep=args.keep)


if __name__ == "__main__":
    main()
