"""A contact sheet of `stylize optimize` beside pastiche, with the yardstick's figures.

    python benchmarks/gallery.py DATA -o docs/gallery/optimize.jpg [--pairs N] [--work FOLDER]

DATA holds photos/ and styles/. Every pair of PAIRS is made by both at one size: stylize's default
preset, and pastiche with 200 steps. What already lies in the work folder is not made again.
"""

import argparse
import json
import tempfile
from pathlib import Path

from optimize import presized
from processes import measure

from stylize_cli import images, sheets

PAIRS = (
    ("skimage-astronaut", "picabia-udnie"),
    ("gc-erase-red-panda", "vangogh-starry-night"),
    ("skimage-coffee", "hokusai-great-wave"),
    ("gc-explore-monuments-neuschwansteincastle", "monet-poppy-field"),
    ("skimage-chelsea", "delaunay-metzinger"),
    ("gc-explore-farm-animals-horse", "vangogh-wheat-field-cypresses"),
    ("gc-explore-monuments-montstmichel", "munch-scream"),
    ("gc-erase-toucan", "kandinsky-composition-vii"),
    ("gc-explore-farm-animals-owl", "klimt-kiss"),
    ("gc-explore-monuments-tajmahal", "signac-calanque"),
)
HEIGHT = 240  # px of every picture on the sheet


def make(photo: Path, style: Path, work: Path, *, size: int, steps: int) -> dict[str, Path]:
    """Both results of one pair, by name."""
    name = f"{photo.stem}-{style.stem}"
    files = {who: work / f"{name}-{who}.png" for who in ("stylize", "pastiche")}
    small = presized(photo, work, long_side=size)
    if not files["stylize"].exists():
        measure(
            ["stylize", "optimize", small, style, "--size", str(size), "-q", "-o", files["stylize"]]
        )
    if not files["pastiche"].exists():
        command = ["pastiche", "-c", small, "-s", style, "-o", files["pastiche"], "--no-verbose"]
        measure([*command, "--num-steps", str(steps), "--size", str(size)])
    return files


def row(photo: Path, style: Path, work: Path, *, size: int, steps: int) -> list[sheets.Cell]:
    """One line of the sheet: photo, style, and both results with their figures."""
    files = make(photo, style, work, size=size, steps=steps)
    command = ["stylize", "evaluate", *files.values(), "--content", photo, "--style", style]
    report = measure([*map(str, command), "--json"]).output.splitlines()
    cells = [("photo", images.read(photo).rgb), (style.stem, images.read(style).rgb)]
    for (who, file), line in zip(files.items(), map(json.loads, report), strict=True):
        label = f"{who}: style {line['style_error']:.2f}, content {line['content_error']:.2f}"
        cells.append((label, images.read(file).rgb))
    return cells


def main() -> None:
    """Parses the command line, makes what is missing and draws the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="how many of them")
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = args.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        rows = []
        for photo, style in PAIRS[: args.pairs]:
            paths = args.data / "photos" / f"{photo}.jpg", args.data / "styles" / f"{style}.jpg"
            rows.append(row(*paths, work, size=args.size, steps=args.steps))
            print("  ".join(label for label, _ in rows[-1][1:]), flush=True)
        sheet = sheets.contact_sheet(rows, height=HEIGHT)
        images.write(args.output, images.Picture(sheet), quality=85)


if __name__ == "__main__":
    main()
