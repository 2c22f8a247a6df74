"""Styles together, alone, and added later: style and content error (Dumoulin et al. 2017, sec. 3).

    python benchmarks/conditional.py STYLE STYLE STYLE... --dataset PHOTOS --photos PHOTO...
        [--steps 600] [--added 75] [--size 128] [--models FOLDER]

Trains one network of all styles, one network for each style alone, and one of all styles but the
last, to which the last is added; every training has as many steps as the others, but for the added
style's. Each network's pictures of the photos, which none has seen, are judged at 256 px. What is
in the folder already is not trained again.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, pstdev

from inputs import presized
from processes import Measured, machine, measure

from stylize_cli import descriptors, images, metrics
from stylize_cli.descriptors import Descriptor

SIDE = 256  # px, long side of the pictures judged
HEADER = "| style | network | steps | style error | content error |\n|---|---|---|---|---|"


def stylize(*arguments: str) -> Measured:
    """A command's time, and the paths that it prints."""
    return measure([sys.executable, "-m", "stylize_cli", *arguments, "--quiet"])


def train(model: Path, options: Sequence[str]) -> Path:
    """The model, trained to its end if it is not."""
    going = ["--resume"] if model.with_suffix(".state.pt").exists() else []
    seconds = stylize("train", "-o", str(model), *options, *going).seconds
    print(f"{model.name}: {seconds:.0f} s", file=sys.stderr, flush=True)
    return model


def errors(
    vgg: Descriptor, model: Path, painting: Path, photos: Sequence[Path], scratch: Path
) -> tuple[float, float]:
    """Mean style and content error of what a model makes of the photos in one style."""
    folder = scratch / f"{model.stem}-{painting.stem}"
    folder.mkdir()
    style = ["--style", painting.stem]
    made = stylize("apply", str(model), *map(str, photos), *style, "-o", f"{folder}/")
    wanted = images.read(painting).rgb
    judged = [
        metrics.judge(vgg, images.read(Path(file)).rgb, wanted, images.read(photo).rgb)
        for file, photo in zip(made.output.splitlines(), photos, strict=True)
    ]
    return fmean(one["style_error"] for one in judged), fmean(
        one["content_error"] for one in judged
    )


def main() -> None:
    """Parses the command line, trains, judges and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("styles", type=Path, nargs="+")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--added", type=int, default=75, help="steps of the added style")
    parser.add_argument("--size", default="128", help="side of the crops, px")
    parser.add_argument("--models", type=Path, default=Path("conditional"))
    args = parser.parse_args()
    print(machine())
    args.models.mkdir(exist_ok=True)
    *first, last = args.styles
    shared = ["--dataset", str(args.dataset), "--size", args.size]
    steps = [*shared, "--steps", str(args.steps)]

    def of(styles: Sequence[Path]) -> list[str]:
        return [word for style in styles for word in ("--style", str(style))]

    together = train(args.models / "together.pt", [*of(args.styles), *steps])
    base = train(args.models / "base.pt", [*of(first), *steps])
    added = ["--add-style", str(last), "--to", str(base), *shared, "--steps", str(args.added)]
    grown = train(args.models / "grown.pt", added)
    alone = {
        style: train(args.models / f"{style.stem}.pt", [*of([style]), *steps])
        for style in args.styles
    }
    vgg, found = descriptors.load(), dict[str, list[tuple[float, float]]]()
    print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        photos = [presized(photo, scratch, long_side=SIDE) for photo in args.photos]
        for style in args.styles:
            judged = [("together", together, args.steps), ("alone", alone[style], args.steps)]
            if style == last:
                judged.append(("added", grown, args.added))
            for name, model, count in judged:
                made = errors(vgg, model, style, photos, scratch)
                found.setdefault(name, []).append(made)
                print(f"| {style.stem} | {name} | {count} | {made[0]:.3f} | {made[1]:.3f} |")
    for name in ("together", "alone"):
        cells = [
            f"{fmean(column):.3f} ± {pstdev(column):.3f}"
            for column in zip(*found[name], strict=True)
        ]
        print(f"| mean ± deviation | {name} | {args.steps} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
