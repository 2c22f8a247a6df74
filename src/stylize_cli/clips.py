"""Clips by their paths: which module reads and writes what."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from stylize_cli import animations, containers, encoders, files, films, images, paths
from stylize_cli.animations import Animation, AnimationWriter, Folder, FolderWriter, Names
from stylize_cli.arrays import Size, size_of
from stylize_cli.errors import StylizeError
from stylize_cli.film_writer import CONTAINERS, CRF, NEARLY, SIDES, Codec, FilmWriter
from stylize_cli.films import Film
from stylize_cli.frames import RATE, Clip, Frame, Kept, Section, Writer

USUAL: dict[str, Codec] = {".webm": "vp9"}  # h264 elsewhere


def open_clip(path: Path) -> Clip:
    """The clip at a path: a folder of frames, an animation, or a film.

    Raises:
        StylizeError: there is none, or it cannot be read.
    """
    if paths.is_folder(path):
        return Folder(path)
    if animations.is_animation(path):
        return Animation(path)
    if path.suffix.lower() in paths.SUFFIXES:
        raise StylizeError(f"{path} is one picture: use stylize apply")
    return Film(path)


@dataclass(frozen=True)
class Destination:
    """Where the frames of a clip go.

    Attributes:
        path: a film, an animation, a folder of frames, or a pattern such as out/%04d.png.
        codec: of a film; None is the container's usual one.
        crf: quality of the codec, the less the better; None is its usual one.
    """

    path: Path
    codec: Codec | None = None
    crf: int | None = None

    @property
    def kind(self) -> str:
        """What it is: "film", "animation" or "frames"."""
        suffix = self.path.suffix.lower()
        if suffix in CONTAINERS:
            return "film"
        if suffix in images.FORMATS and animations.NUMBER.search(self.path.name):
            return "frames"
        if suffix in animations.FORMATS:
            return "animation"
        return "" if suffix else "frames"

    @property
    def is_pattern(self) -> bool:
        """Whether it numbers frames, as out/%04d.png does."""
        return self.kind == "frames" and bool(animations.NUMBER.search(self.path.name))

    @property
    def chosen(self) -> Codec:
        """The codec."""
        return self.codec or USUAL.get(self.path.suffix.lower(), "h264")

    def holds(self, codec: Codec) -> bool:
        """Whether the container can hold pictures of a codec."""
        suffix = self.path.suffix.lower()
        return suffix != (".mov" if codec == "vp9" else ".webm")

    @property
    def quality(self) -> int:
        """The crf."""
        return CRF[self.chosen][0] if self.crf is None else self.crf

    @property
    def multiple(self) -> int:
        """What both sides must be multiples of."""
        return SIDES[self.chosen] if self.kind == "film" else 1

    def check(self, clip: Clip) -> None:
        """Refuses, before any work, what could not be written or would destroy the clip.

        Raises:
            StylizeError: its kind is unknown, the codec does not suit it, or it is the clip.
        """
        if not self.kind:
            raise StylizeError(
                f"{self.path} is no clip: name it {', '.join((*CONTAINERS, *animations.FORMATS))}, "
                "or frames such as out/%04d.png"
            )
        if self.kind != "film" and (self.codec or self.crf is not None):
            raise StylizeError("`codec` and `crf` are for films: leave them out, or name an .mp4")
        if self.kind == "film":
            containers.library()
            self._check_codec()
        if self.kind == "frames":
            self._check_frames(clip)
        else:
            files.check_place(self.path, [Path(clip.name)])

    def _check_codec(self) -> None:
        if not self.holds(self.chosen):
            name, other = ("WebM", "vp9") if self.chosen != "vp9" else ("MOV", "h264")
            raise StylizeError(
                f"{name} holds no {self.chosen}: use `codec` {other}, or name an .mp4"
            )
        if self.quality > CRF[self.chosen][1]:
            raise StylizeError(f"`crf` of {self.chosen} goes from 0 to {CRF[self.chosen][1]}")

    def _check_frames(self, clip: Clip) -> None:
        if len(animations.NUMBER.findall(self.path.name)) > 1:
            raise StylizeError(f"{self.path} has two numbers, and frames one: write out/%04d.png")
        names = self.names(clip, Section())
        if isinstance(names, list) and len(set(names)) < len(names):
            raise StylizeError(
                f"names of frames in {clip.name} differ in nothing but their endings: "
                f"number the results with -o {self.path}/%05d.png"
            )
        first = animations.nth(names, 0)
        images.check_writable(first, [])
        folder = first.parent
        if paths.is_folder(clip.name) and files.resolved(folder) == files.resolved(clip.name):
            raise StylizeError(
                f"{folder} is an input and would be overwritten: name another folder"
            )

    def check_size(self, size: Size) -> None:
        """Refuses, before any work, frames of (height, width) that the format does not hold.

        Raises:
            StylizeError: they are too long for it.
        """
        format = images.FORMATS.get(self.path.suffix.lower())
        if format:
            other = ".png" if self.kind == "frames" else ".apng"
            fix = f"use a smaller `size`, or name it {self.path.with_suffix(other)}"
            encoders.check_side(format, max(size), fix=fix)

    def numbered(self, behind: int = 0) -> list[Path]:
        """Of a pattern the frames that are there, in order, from the one behind so many on."""
        shape = re.compile(r"(\d+)".join(map(re.escape, animations.NUMBER.split(self.path.name))))
        matches = (shape.fullmatch(file.name) for file in self.path.parent.glob("*"))
        numbers = sorted(int(match[1]) for match in matches if match)
        files = (animations.nth(self.path, number - 1) for number in numbers if number > behind)
        return [file for file in files if paths.is_there(file)]  # %04d is not for 1.png

    def names(self, clip: Clip, span: Section) -> Names:
        """Of frames: in a span the clip's own where that is a folder, or a pattern."""
        if self.is_pattern:
            return self.path
        if isinstance(clip, Folder):
            return [
                self.path
                / (file.name if file.suffix.lower() in images.FORMATS else f"{file.stem}.png")
                for index, file in enumerate(clip.files)
                if span.holds(index / RATE)
            ]
        return self.path / "%05d.png"

    def kept(self, clip: Clip, span: Section, size: Size, label: str) -> Kept | None:
        """What an earlier run left, where it was made in the same way.

        Args:
            clip: that is painted.
            span: of it.
            size: (height, width) of the result, which is all that frames tell.
            label: of all else that decides how a film looks.

        Raises:
            StylizeError: it was made otherwise, or of its kind nothing can be gone on with.
        """
        if self.kind == "animation":
            raise StylizeError("`resume` goes on with films and frames: leave it out")
        if self.kind == "frames":
            kept = animations.kept(self.names(clip, span))
            if kept is not None and size_of(kept.last) != size:
                raise self._made_otherwise()
            return kept
        if paths.is_there(self.path) and films.label_of(self.path) != label:
            raise self._made_otherwise()
        return films.kept(self.path)

    def _made_otherwise(self) -> StylizeError:
        return StylizeError(
            f"{self.path} was made with other options: leave out `resume`, or name another `output`"
        )

    def writer(
        self,
        clip: Clip,
        span: Section,
        size: Size,
        label: str,
        *,
        kept: Kept | None,
        first: Fraction,
    ) -> Writer:
        """What takes frames of (height, width), the first to be shown at `first` s; a context."""
        if self.kind == "frames":
            return FolderWriter(self.names(clip, span), kept.count if kept else 0)
        if self.kind == "animation":
            return AnimationWriter(self.path, clip.plays if isinstance(clip, Animation) else 0)
        return FilmWriter(
            self.path,
            size=size,
            clock=clip.clock,
            rate=clip.rate,
            source=(clip, span) if isinstance(clip, Film) else None,
            kept=(self.path, first) if kept else None,
            codec=self.chosen,
            crf=self.quality,
            label=label,
        )


def weight(clip: Clip) -> int:
    """Bytes of its files."""
    files = clip.files if isinstance(clip, Folder) else [Path(clip.name)]
    return sum(file.stat().st_size for file in files)


def label(facts: Mapping[str, Any]) -> str:
    """A line that says of a file how it was made: the same facts, the same line."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return f"stylize {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def behind(kept: Kept, first: Frame, clip: Clip, span: Section, size: Size) -> Iterator[Frame]:
    """What is left of a span, from the last frame on that an earlier run wrote.

    Args:
        kept: of that run.
        first: frame of the span.
        clip: that is painted.
        span: of it.
        size: (height, width) that its frames are scaled to.
    """
    if kept.time is None:
        return islice(clip.frames(span, size), kept.count - 1, None)
    start = max(Fraction(0), first.time + kept.time - NEARLY)
    return clip.frames(Section(start, span.end), size)
