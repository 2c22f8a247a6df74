"""Pictures of the documentation, each made by the commands that are shown beside it.

A table says of every picture which commands make it and, where it is a sheet, what is shown of
their results and under which labels. The commands run as they stand, in a work folder in which
`examples` is the repository's, and `photos`, `styles` and `textures` are those of --data that may
be published. What a command has made is kept there, with a note of the command and of its inputs:
it runs again where one of them has changed, or with --force. All pages share that folder: what two
of them show is made once, so that a name in it stands for one command.
"""

import argparse
import hashlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import manifest
import numpy as np
from PIL import Image

from stylize_cli import models, sheets
from stylize_cli.arrays import Pixels

ROOT = Path(__file__).parents[1]
HEIGHT = 256  # px, of every picture on a sheet
SUFFIX = ".webp"
MOST = 120_000  # bytes of a picture: a page of several opens at once
QUALITIES = (88, 80, 72, 64)
LEAST = 64  # px, that a size is scaled to at least: what every network can be trained at
# Of a figure in another page: between these two lines it is drawn.
MARK = re.compile(r"<!-- figure: (\S+) -->\n(?:(?!<!--).*\n)*<!-- end of figure -->")
SCALED = re.compile(r"(--(?:size|steps|cell|iterations) )(\d+)")
USUAL = {  # where a command says nothing, for those that are tried at another size
    "optimize": {"--size": 512, "--iterations": 100},
    "apply": {"--size": 768},
    "texture": {"--size": 512},
    "reconstruct": {"--size": 256, "--iterations": 100},
    "train": {"--size": 192, "--steps": 2000},
}

Run = Callable[[Sequence[str], Path], None]


@dataclass(frozen=True)
class Cell:
    """What a sheet shows under one label.

    Attributes:
        label: what it says.
        file: in the work folder.
        zoom: 0 shows the whole picture; 1 as much of its middle as fits, pixel by pixel; 2 half of
            that, every pixel as four.
        reduced: shows it shrunk so many times and enlarged again by bicubic interpolation.
        at: where the middle is, of the picture's width and height.
    """

    label: str
    file: str
    zoom: int = 0
    reduced: int = 1
    at: tuple[float, float] = (0.5, 0.5)


@dataclass(frozen=True)
class Picture:
    """One picture of the documentation.

    Attributes:
        name: of its file, without the suffix.
        caption: what it shows, a sentence.
        commands: that make what it shows, each its file of -o.
        rows: of the sheet; none where the last command makes the picture itself.
        height: of the pictures on the sheet, px.
        shown: its file as the page links it, where another table makes it; "" for this one's own.
    """

    name: str
    caption: str
    commands: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    height: int = HEIGHT
    shown: str = ""


def output_of(command: str) -> str:
    """The file that a command makes."""
    words = shlex.split(command)
    return words[words.index("-o") + 1]


def scaled(command: str, factor: float) -> str:
    """The command at so many times its size and its steps: to try it, quickly."""
    if factor == 1:
        return command
    for option, value in USUAL.get(shlex.split(command)[1], {}).items():
        command += "" if f"{option} " in command else f" {option} {value}"

    def change(found: re.Match[str]) -> str:
        least = LEAST if found[1] in ("--size ", "--cell ") else 2
        return f"{found[1]}{max(least, round(int(found[2]) * factor))}"

    return SCALED.sub(change, command)


def inputs_of(command: str, work: Path) -> list[Path]:
    """What a command reads: its words that are files, or names of bundled models."""
    words = [word for word in shlex.split(command) if word != output_of(command)]
    bundled = [models.PRETRAINED / f"{word}{models.SUFFIX}" for word in words]
    return [path for path in [*(work / word for word in words), *bundled] if path.is_file()]


def note_of(command: str, work: Path) -> str:
    """What tells whether a result is that of this command and of these inputs."""
    known = hashlib.sha256(command.encode())
    for path in inputs_of(command, work):
        known.update(path.read_bytes())
    return known.hexdigest()


def stylize(words: Sequence[str], work: Path) -> None:
    """Runs a command line of `stylize` in a folder, by this interpreter."""
    subprocess.run([sys.executable, "-m", "stylize_cli", *words[1:]], cwd=work, check=True)


def produce(command: str, work: Path, *, force: bool = False, run: Run = stylize) -> bool:
    """Runs a command unless its result is there already; whether it ran.

    A training that was stopped goes on.
    """
    made = work / output_of(command)
    note, wanted = made.with_name(f"{made.name}.note"), note_of(command, work)
    known = note.read_text() if note.exists() and not force else ""
    if made.exists() and known == wanted:
        return False
    words, state = shlex.split(command), made.with_suffix(".state.pt")
    if state.exists() and known == f"{wanted} begun":
        words.append("--resume")
    elif made.suffix == ".pt":  # a training replaces no other
        for file in (made, state):
            file.unlink(missing_ok=True)
    note.write_text(f"{wanted} begun")
    print(f"$ {command}", flush=True)
    run(words, work)
    note.write_text(wanted)
    return True


def shown(cell: Cell, work: Path, height: int) -> Pixels:
    """What a sheet shows of a picture: (H, W, 3) RGB in [0, 1]."""
    with Image.open(work / cell.file) as opened:
        image = opened.convert("RGB")
    if cell.reduced > 1:
        small = tuple(max(1, side // cell.reduced) for side in image.size)
        image = image.resize(small, Image.Resampling.BICUBIC)
        image = image.resize([cell.reduced * side for side in small], Image.Resampling.BICUBIC)
    if cell.zoom:
        sides = [min(height // cell.zoom, side) for side in image.size]
        corner = [round((w - s) * at) for w, s, at in zip(image.size, sides, cell.at, strict=True)]
        image = image.crop((*corner, corner[0] + sides[0], corner[1] + sides[1]))
        large = [cell.zoom * side for side in sides]
        image = image.resize(large, Image.Resampling.NEAREST)
    return np.asarray(image, np.float32) / np.float32(255)


def draw(picture: Picture, work: Path) -> Image.Image:
    """The picture itself, of what its commands have made."""
    if not picture.rows:
        with Image.open(work / output_of(picture.commands[-1])) as opened:
            return opened.convert("RGB")
    rows = [
        [(cell.label, shown(cell, work, picture.height).transpose(2, 0, 1)[None]) for cell in row]
        for row in picture.rows
    ]
    sheet = sheets.draw(rows, height=picture.height)
    return Image.fromarray((sheet * 255).round().astype(np.uint8))


def packed(image: Image.Image) -> bytes:
    """The picture as WebP: as good as `MOST` bytes allow; where that is too poor, smaller."""
    while True:
        for quality in QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, "webp", quality=quality, method=6)
            if buffer.tell() <= MOST:
                return buffer.getvalue()
        image = image.resize([round(side * 0.85) for side in image.size], Image.Resampling.LANCZOS)


def prepare(work: Path, data: Path | None) -> None:
    """Lays the pictures that commands name into the work folder, as links."""
    work.mkdir(parents=True, exist_ok=True)
    links = {work / "examples": ROOT / "examples"}
    if data is not None:
        shown = [one for one in manifest.rows(data) if one["may_commit"] == "yes"]
        used = [one["file"] for one in shown if one["licence_class"] in manifest.FREE]
        links |= {work / name: data / name for name in used if not name.startswith("superres/")}
    for link, target in links.items():
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(target.resolve())


@dataclass(frozen=True)
class Page:
    """The page of the documentation that shows a table's pictures.

    Attributes:
        file: of Markdown.
        title: its heading.
        introduction: what it says first.
        folder: of the pictures, beside it.
        marked: another page beside it, which shows each picture at its mark.
    """

    file: Path
    title: str
    introduction: str
    folder: Path
    marked: Path | None = None

    def text(self, pictures: Sequence[Picture]) -> str:
        """Every picture that is there under its name, with the commands that make it."""
        parts = [f"# {self.title}\n\n{self.introduction}"]
        for one in pictures:
            if image := self._image(one):
                lines = "\n".join(one.commands)
                parts.append(f"## {one.name}\n\n{one.caption}\n\n{image}\n\n```sh\n{lines}\n```")
        return "\n\n".join(parts) + "\n"

    def filled(self, text: str, pictures: Sequence[Picture]) -> str:
        """The text of the marked page, with those pictures behind their marks that are there."""
        table = {one.name: one for one in pictures}

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            image = self._image(table[name])
            if not image:
                return f"<!-- figure: {name} -->\n<!-- end of figure -->"
            made = f"*{table[name].caption}* [How it was made]({self.file.name}#{name})."
            return f"<!-- figure: {name} -->\n{image}\n\n{made}\n<!-- end of figure -->"

        return MARK.sub(fill, text)

    def place(self, picture: Picture) -> Path:
        """The file of a picture, of this page's own or of another's."""
        own = self.folder / f"{picture.name}{SUFFIX}"
        return self.file.parent / picture.shown if picture.shown else own

    def _image(self, picture: Picture) -> str:
        """The Markdown that shows a picture, or "" where it is not there."""
        file = self.place(picture)
        return f"![{picture.caption}]({file.parent.name}/{file.name})" if file.exists() else ""


def main(pictures: Sequence[Picture], page: Page, description: str) -> None:
    """Parses the command line, makes the pictures that are named, and says which failed.

    Args:
        pictures: the table.
        page: that shows them.
        description: for --help.
    """
    table = {one.name: one for one in pictures if not one.shown}
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(table)}")
    parser.add_argument("--list", action="store_true", help="say the commands, run nothing")
    parser.add_argument("--force", action="store_true", help="make what is there, too")
    parser.add_argument("--size", type=float, default=1.0, metavar="X", help="to try: smaller")
    parser.add_argument("--data", type=Path, help="folder of photos/, styles/ and textures/")
    parser.add_argument("--work", type=Path, default=ROOT / "build", metavar="FOLDER")
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in table]
    if unknown:
        parser.error(f"no picture {', '.join(unknown)}; there are {', '.join(table)}")
    chosen = [table[name] for name in args.names or table]
    if args.list:
        print("\n".join(line for one in chosen for line in (f"# {one.name}", *one.commands)))
        return
    # What is only tried is kept apart: it would else replace trained models and the pictures.
    is_tried = args.size != 1
    work = args.work / (f"tried-{args.size:g}" if is_tried else "pictures")
    prepare(work, args.data)

    def made(picture: Picture) -> bool:
        tried = work / page.folder.name / f"{picture.name}{SUFFIX}"
        path = tried if is_tried else page.place(picture)
        return _make(picture, work, path, args.size, force=args.force)

    failed = [one.name for one in chosen if not made(one)]
    if not is_tried:
        page.file.write_text(page.text(pictures), encoding="utf-8")
        if page.marked:
            text = page.marked.read_text(encoding="utf-8")
            page.marked.write_text(page.filled(text, pictures), encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _make(picture: Picture, work: Path, path: Path, factor: float, *, force: bool) -> bool:
    """Makes one picture; whether that succeeded. The next are made all the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        for command in picture.commands:
            produce(scaled(command, factor), work, force=force)
        path.write_bytes(packed(draw(picture, work)))
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"{picture.name}: {error}", file=sys.stderr, flush=True)
        return False
    print(path, flush=True)
    return True
