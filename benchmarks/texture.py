"""Texture networks beside optimisation, tiles and shuffled patches: style error, diversity, cost.

    python benchmarks/texture.py SOURCE... [--models FOLDER] [--train OPTIONS] [-o sheet.jpg]
    python benchmarks/texture.py SOURCE... --middle 340 [...]
    python benchmarks/texture.py SOURCE... --models FOLDER --costs [--sizes 256 1024 2048]

SOURCE is a picture of a texture, or with --middle its middle square of so many px: all are shown at
one size, so that its forms are larger. Its network is FOLDER/NAME.pt, trained first where there is
none.
Every error is the style error under VGG-19 against the source at 256², whatever a sample's size: so
large a detail is to be, and a Gram matrix is a mean over positions. Diversity is the mean distance
of two samples' pixels over the deviation within them and √2: 1 says unrelated, 0 one picture.

With --costs, what a picture takes, as seconds and peak memory of the whole process, made by
`stylize texture`, its model converted before, and by `stylize optimize --texture`; and the seconds
without the start, of one more picture or of the optimisation alone.
"""

import argparse
import json
import math
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean

import torch
from processes import Measured, machine, measure
from torch import Tensor

from stylize_cli import descriptors, images, losses, metrics, sheets
from stylize_cli.config import STYLE_LAYERS
from stylize_cli.descriptors import Descriptor

SIDE = 256  # px, of the square whose area the source is shown at
LARGE = 1024  # px, of the large sample
PATCH = 32  # px, of what is shuffled
SAMPLES = 4  # of every network
MORE = 8  # pictures, to tell one picture's time from the start's
HEADER = (
    "| texture | optimised | one pass, 256² | of it | one pass, 1024² | tiled | shuffled "
    "| diversity |\n|---|---|---|---|---|---|---|---|"
)  # fmt: skip
COSTS = "| made by | size | seconds | without the start | peak MB |\n|---|---|---|---|---|"


def stylize(*arguments: str) -> Measured:
    """The command line, from its start to its end."""
    return measure([sys.executable, "-m", "stylize_cli", *arguments, "--quiet"])


def shown(source: Path) -> Tensor:
    """The source at the area that its network was shown."""
    picture = images.read(source).rgb
    return images.resize(picture, images.same_area(images.size_of(picture), SIDE**2))


def middle(source: Path, side: int, folder: Path) -> Path:
    """A file of a source's middle square, of the whole shorter side where that is less."""
    picture = images.read(source).rgb
    height, width = images.size_of(picture)
    side = min(side, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    file = folder / f"{source.stem}.png"
    images.write(file, images.Planes(picture[..., top : top + side, left : left + side]))
    return file


def patches(picture: Tensor, side: int) -> list[Tensor]:
    """Squares that cover it, without what is left over at the right and at the bottom."""
    height, width = images.size_of(picture)
    corners = [(y, x) for y in range(0, height - side + 1, side) for x in range(0, width, side)]
    return [picture[..., y : y + side, x : x + side] for y, x in corners if x + side <= width]


def laid(parts: Sequence[Tensor], count: int) -> Tensor:
    """A square of count by count of them, from the first on and again."""
    rows = [[parts[(row * count + i) % len(parts)] for i in range(count)] for row in range(count)]
    return torch.cat([torch.cat(row, dim=3) for row in rows], dim=2)


def tiled(picture: Tensor) -> Tensor:
    """Its middle at half the side, side by side: what repeating a source without care gives."""
    height, width = images.size_of(picture)
    top, left = (height - SIDE // 2) // 2, (width - SIDE // 2) // 2
    return laid([picture[..., top : top + SIDE // 2, left : left + SIDE // 2]], 2)


def shuffled(picture: Tensor) -> Tensor:
    """Its patches in another order."""
    parts = patches(picture, PATCH)
    order = torch.randperm(len(parts), generator=torch.Generator().manual_seed(0))
    return laid([parts[number] for number in order], SIDE // PATCH)


def diversity(samples: Sequence[Tensor]) -> float:
    """Mean distance between samples over that of unrelated ones."""
    apart = fmean((a - b).square().mean().sqrt().item() for a, b in combinations(samples, 2))
    within = fmean(sample.var((2, 3)).mean().item() for sample in samples)
    return apart / math.sqrt(2 * within)


class Judge:
    """Style errors against one source."""

    def __init__(self, vgg: Descriptor, source: Tensor) -> None:
        self.vgg = vgg
        self.wanted = vgg(source, STYLE_LAYERS, lambda _, maps: losses.gram_matrix(maps))

    @torch.no_grad()
    def error(self, picture: Tensor) -> float:
        """Mean over the layers of ‖G - A‖ / ‖A‖."""
        found = self.vgg(picture, STYLE_LAYERS, lambda _, maps: losses.gram_matrix(maps))
        return fmean(metrics.relative_error(found[k], self.wanted[k]) for k in STYLE_LAYERS)


def trained(source: Path, folder: Path, options: Sequence[str]) -> Path:
    """The network of a source, trained to its end if it is not."""
    model = folder / f"{source.stem}.pt"
    begun = model.with_suffix(".state.pt").exists()
    if begun or not model.exists():
        going = ["--resume"] if begun else []
        stylize("train", "--style", str(source), "-o", str(model), *options, *going)
    return model


def compare(
    vgg: Descriptor, source: Path, model: Path, scratch: Path
) -> tuple[list[float], list[tuple[str, Tensor]]]:
    """Figures of one texture, in the order of the table, and pictures for the sheet."""
    picture = shown(source)
    judge = Judge(vgg, picture)
    optimised, large = scratch / "optimised.png", scratch / "large.png"
    stylize("optimize", "--texture", str(source), "--size", str(SIDE), "-o", str(optimised))
    made = scratch / source.stem
    made.mkdir()
    size = ["--size", str(SIDE), "--count", str(SAMPLES)]
    stylize("texture", str(model), *size, "-o", f"{made}/")
    stylize("texture", str(model), "--size", str(LARGE), "-o", str(large))
    samples = [images.read(file).rgb for file in sorted(made.iterdir())]
    best, most = images.read(optimised).rgb, images.read(large).rgb
    passed = fmean(judge.error(sample) for sample in samples)
    others = [judge.error(one) for one in (most, tiled(picture), shuffled(picture))]
    figures = [judge.error(best), passed, passed / judge.error(best), *others, diversity(samples)]
    cells = [(source.stem, picture), ("optimised", best), *(("", one) for one in samples[:2])]
    return figures, [*cells, (f"{LARGE} px", most)]


def costs(source: Path, model: Path, sizes: Sequence[int], scratch: Path) -> None:
    """Prints what both ways take at every size."""
    print(COSTS)
    for size in sizes:
        own = ["--size", str(size), "--seed", "1"]
        stylize("texture", str(model), *own, "-o", str(scratch / "first.png"))  # fills the cache
        once = stylize("texture", str(model), *own, "-o", str(scratch / f"{size}.png"))
        many = stylize("texture", str(model), *own, "--count", str(1 + MORE), "-o", f"{scratch}/")
        each = (many.seconds - once.seconds) / MORE
        print(f"| texture | {size}² | {once.seconds:.2f} | {each:.3f} | {once.megabytes:.0f} |")
        slow = stylize(
            *("optimize", "--texture", str(source), "--size", str(size), "--json"),
            *("-o", str(scratch / f"slow-{size}.png")),
        )
        alone = json.loads(slow.output)["seconds"]
        print(f"| optimize | {size}² | {slow.seconds:.1f} | {alone:.1f} | {slow.megabytes:.0f} |")
        print(f"One more picture of {size}² is {alone / each:.0f} times faster.", file=sys.stderr)


def main() -> None:
    """Parses the command line, measures, prints a table and draws the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--models", type=Path, default=Path("textures"))
    parser.add_argument("--middle", type=int, help="px, of the square that is taken of a source")
    parser.add_argument("--train", default="", help='options of stylize train, as "--seed 1"')
    parser.add_argument("--costs", action="store_true", help="time and memory of the first source")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    print(machine())
    args.models.mkdir(exist_ok=True)
    sources: list[Path] = args.sources
    if args.middle:
        sources = [middle(one, args.middle, args.models) for one in sources]
    models = [trained(one, args.models, shlex.split(args.train)) for one in sources]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if args.costs:
            costs(sources[0], models[0], args.sizes, scratch)
            return
        vgg, table, rows = descriptors.load(), [], []
        print(HEADER)
        for source, model in zip(sources, models, strict=True):
            figures, cells = compare(vgg, source, model, scratch)
            table.append(figures)
            rows.append(cells)
            _print(source.stem, figures)
        optimised, passed, _, *others = (fmean(column) for column in zip(*table, strict=True))
        _print("mean", [optimised, passed, passed / optimised, *others])
    if args.output:
        sheet = sheets.contact_sheet(rows, height=SIDE)
        images.write(args.output, images.Planes(sheet), quality=85)


def _print(name: str, figures: Sequence[float]) -> None:
    print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in figures) + " |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {error}")
