"""Animated GIF, WebP and PNG, and folders of frames; nothing but Pillow reads and writes them."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylize_cli import decoders, encoders, files, headers, images, paths
from stylize_cli.arrays import Bytes, Size, size_of
from stylize_cli.errors import StylizeError
from stylize_cli.frames import RATE, Frame, Kept, Section

FORMATS = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG"}
READ = (*FORMATS, ".png")
MILLISECOND = Fraction(1, 1000)
SHOWN = 24  # bytes a pixel, of a frame and those before it as they are decoded and laid on white
USUAL = 100  # ms, of a frame that says 0: what browsers make of it
TOO_SHORT = 10  # ms: what is shown for as little, browsers show for 100
NUMBER = re.compile(r"%0?\d*d")

Names = Sequence[Path] | Path  # of frames: each one's, or a pattern with a number in its name


@dataclass(frozen=True)
class Animation:
    """An animated GIF, WebP or PNG.

    Attributes:
        path: of the file.
    """

    path: Path

    clock = MILLISECOND

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @cached_property
    def _image(self) -> Any:  # noqa: ANN401 - what of an image file is animated
        data = files.contents(self.path, what="a clip")
        try:
            image = headers.opened(data)
            count = int(getattr(image, "n_frames", 1))
        except Exception as error:  # a decoder fed damaged data raises whatever it ran into
            raise self._damaged() from error
        if count < 2:
            raise StylizeError(f"{self.path} is one picture: use stylize apply")
        decoders.check_size(self.name, image.size, SHOWN)
        return image

    @property
    def _first(self) -> int:
        """Which picture is the first frame: a PNG may have one for old programs before it."""
        return int(getattr(self._image, "default_image", False))

    @property
    def size(self) -> Size:
        """(height, width), px."""
        width, height = self._image.size
        return height, width

    @cached_property
    def _durations(self) -> list[int]:
        found = []
        for index in range(self._first, self._image.n_frames):
            self._seek(index)
            found.append(round(self._image.info.get("duration") or USUAL))
        return found

    @property
    def length(self) -> Fraction:
        """Seconds."""
        return sum(self._durations) * MILLISECOND

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        return len(self._durations) / self.length

    @property
    def plays(self) -> int:
        """How often it is shown; 0 is for ever."""
        repeats = self._image.info.get("loop")
        if self._image.format != "GIF":
            return int(repeats or 0)
        return 1 if repeats is None else int(repeats) and int(repeats) + 1

    def frames(self, span: Section, size: Size) -> Iterator[Frame]:
        """Its frames, on white where they are transparent."""
        time = Fraction(0)
        for index, duration in enumerate(self._durations, self._first):
            if span.holds(time):
                self._seek(index)
                shown = self._image.convert("RGBA")
                sheet = Image.new("RGBA", shown.size, "white")
                opaque = Image.alpha_composite(sheet, shown).convert("RGB")
                yield Frame(_scaled(opaque, size), time, duration * MILLISECOND)
            time += duration * MILLISECOND

    def _seek(self, index: int) -> None:
        try:
            self._image.seek(index)
            self._image.load()
        except Exception as error:  # as above
            raise self._damaged() from error

    def _damaged(self) -> StylizeError:
        return StylizeError(f"{self.path} is damaged or cut short: copy or download it again")


@dataclass(frozen=True)
class Folder:
    """A folder of frames, in the order of their names, numbers as numbers.

    Attributes:
        path: of the folder.
    """

    path: Path

    clock = 1 / RATE
    rate = RATE

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @cached_property
    def files(self) -> list[Path]:
        """Its pictures.

        Raises:
            StylizeError: there are none.
        """
        found = [file for file in paths.look_into(self.path).files if file.parent == self.path]
        if not found:
            raise StylizeError(
                f"there are no frames in {self.path}: name a folder of pictures, or each clip"
            )
        return sorted(found, key=_natural)

    @cached_property
    def size(self) -> Size:
        """(height, width) of the first, px."""
        return size_of(_read(self.files[0]))

    @property
    def length(self) -> Fraction:
        """Seconds."""
        return len(self.files) / RATE

    def frames(self, span: Section, size: Size) -> Iterator[Frame]:
        """Its pictures, all at one size."""
        for index, file in enumerate(self.files):
            time = index / RATE
            if span.is_over(time):
                return
            if span.holds(time):
                yield Frame(_scaled(Image.fromarray(_read(file)), size), time, 1 / RATE)


class AnimationWriter:
    """Writes an animation when all its frames are there, at Ctrl-C those that are.

    The formats' writers want all frames at once: memory grows with the length.

    Args:
        path: of the file.
        plays: how often it is shown; 0 is for ever.
        quality: of WebP, 0 to 100.
    """

    def __init__(self, path: Path, plays: int = 0, quality: int = 90) -> None:
        self.path, self.plays, self.quality = path, plays, quality
        self._frames: list[Image.Image] = []
        self._durations: list[int] = []
        self._tick = 10 if self._format == "GIF" else 1  # ms, of which the format counts multiples

    def __enter__(self) -> "AnimationWriter":
        return self

    def write(self, frame: Frame) -> None:
        """Keeps a frame, for GIF as the 256 colours that it will have.

        One that comes too soon behind another gives its time to that.
        """
        # From one rounded time to the next: rounded durations would add up to another length.
        tick = self._tick
        ends = frame.time, frame.time + frame.duration
        start, end = (round(time / MILLISECOND / tick) for time in ends)
        duration = max(end - start, 1) * tick
        if self._durations and self._durations[-1] <= TOO_SHORT:
            self._durations[-1] += duration
            return
        image = Image.fromarray(frame.pixels)
        if self._format == "GIF":
            image = image.quantize(256, Image.Quantize.MEDIANCUT)
        self._frames.append(image)
        self._durations.append(duration)

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if not self._frames or kind not in (None, KeyboardInterrupt):
            return
        self._durations[-1] = max(self._durations[-1], TOO_SHORT + self._tick)
        first, *others = self._frames
        options: dict[str, Any] = {"quality": self.quality} if self._format == "WEBP" else {}
        if self._format != "GIF":
            options["loop"] = self.plays
        elif self.plays != 1:  # a GIF says how often it is repeated, or nothing
            options["loop"] = max(0, self.plays - 1)
        buffer = BytesIO()
        options |= {"append_images": others, "duration": self._durations}
        first.save(buffer, self._format, save_all=True, **options)
        files.write(self.path, buffer.getvalue())

    @property
    def _format(self) -> str:
        return FORMATS[self.path.suffix.lower()]


class FolderWriter:
    """Writes frames as pictures, under the names that are given or numbered ones."""

    def __init__(self, names: Names, first: int = 0, quality: int = 95) -> None:
        self.names, self.quality, self._next = names, quality, first

    def __enter__(self) -> "FolderWriter":
        return self

    def write(self, frame: Frame) -> None:
        """Writes one, whole or not at all."""
        path = nth(self.names, self._next)
        self._next += 1  # also of one that fails: the next has a name of its own
        data = encoders.encode(frame.pixels, images.format_of(path), quality=self.quality)
        files.write(path, data)

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        pass


def nth(names: Names, index: int) -> Path:
    """The path of a frame: from the list, or of a pattern such as out/%04d.png, from 1 on."""
    if not isinstance(names, Path):
        return names[index]
    return names.with_name(NUMBER.sub(lambda number: number[0] % (index + 1), names.name))


def kept(names: Names) -> Kept | None:
    """What an earlier run left: the frames from the first on that are there.

    Raises:
        StylizeError: the last of them is no whole picture.
    """
    count = 0
    with contextlib.suppress(IndexError):
        while nth(names, count).exists():
            count += 1
    if not count:
        return None
    try:
        last = _read(nth(names, count - 1))
    except StylizeError as error:
        raise StylizeError(f"{error}, or delete it to paint it anew") from error
    return Kept(count, last)


def is_animation(path: Path) -> bool:
    """Whether a clip is read here, by its suffix."""
    return path.suffix.lower() in READ


def _read(file: Path) -> Bytes:
    """(H, W, 3) of a frame, on white where it is transparent."""
    pixels, _note = decoders.decode(files.contents(file), name=str(file))
    return encoders.quantised(pixels, 8, on_white=pixels.shape[2] == 4)  # type: ignore[return-value]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts frame2 before frame10."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _scaled(image: Image.Image, size: Size) -> Bytes:
    if image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.LANCZOS)
    return np.asarray(image)
