"""A contact sheet of `stylize optimize` beside pastiche, with the yardstick's figures.

    python benchmarks/gallery.py DATA -o docs/gallery/optimize.jpg [--pairs N] [--work FOLDER]

DATA holds photos/, styles/ and reference/. Every pair of PAIRS is made by both at one size:
stylize's default preset, and pastiche with 200 steps. What already lies in the work folder is not
made again. The first line is the reference pair, with what both peers made of it before.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
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
REFERENCE_SIZE = 256  # px, long side of the reference pair and of what the peers made of it


def ours(photo: Path, style: Path, work: Path, *, size: int) -> Path:
    """What stylize's default preset makes of a pair."""
    file = work / f"{photo.stem}-{style.stem}-stylize.png"
    if not file.exists():
        measure(["stylize", "optimize", photo, style, "--size", str(size), "-q", "-o", file])
    return file


def theirs(photo: Path, style: Path, work: Path, *, size: int, steps: int) -> Path:
    """What pastiche makes of a pair."""
    file = work / f"{photo.stem}-{style.stem}-pastiche.png"
    if not file.exists():
        command = ["pastiche", "-c", photo, "-s", style, "-o", file, "--no-verbose"]
        measure([*command, "--num-steps", str(steps), "--size", str(size)])
    return file


def row(photo: Path, style: Path, files: Mapping[str, Path]) -> list[sheets.Cell]:
    """One line of the sheet: photo, style, and the results with their figures."""
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
        reference = args.data / "reference"
        pair = reference / "photo.png", reference / "style.png"
        made = {who: reference / f"{who}.png" for who in ("crowsonkb", "pastiche")}
        rows = [row(*pair, {"stylize": ours(*pair, work, size=REFERENCE_SIZE), **made})]
        for name, painting in PAIRS[: args.pairs]:
            small = presized(args.data / "photos" / f"{name}.jpg", work, long_side=args.size)
            pair = small, args.data / "styles" / f"{painting}.jpg"
            made = {"stylize": ours(*pair, work, size=args.size)}
            made["pastiche"] = theirs(*pair, work, size=args.size, steps=args.steps)
            rows.append(row(*pair, made))
        for cells in rows:
            print("  ".join(label for label, _ in cells[1:]), flush=True)
        sheet = sheets.contact_sheet(rows, height=HEIGHT)
        images.write(args.output, images.Planes(sheet), quality=85)


if __name__ == "__main__":
    main()
