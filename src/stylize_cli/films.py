"""A film, which is a clip in a container: MP4, MKV and what else PyAV reads; that is one extra."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize_cli import files, paths
from stylize_cli.arrays import Bytes, Size
from stylize_cli.containers import (
    OPENING,
    address,
    first_time,
    length_of,
    library,
    pictures_of,
    seek,
)
from stylize_cli.errors import StylizeError
from stylize_cli.frames import RATE, Frame, Kept, Section

if TYPE_CHECKING:
    from av.container import InputContainer

JPEG = b"\xff\xd8"  # how each begins
HDR = 16, 18  # in the tables of H.273: transfers of PQ and HLG
LEAST = 8  # frames that are gone on with: of fewer an encoder has not found its order yet
EARLIER = 10  # seconds, in which there is a whole picture in most streams
TAIL = 2  # seconds, in which the last frame is looked for first
HD, UNSAID = (720, 1280), 2  # (lines, columns): from either on, colours not said are BT.709's


@dataclass(frozen=True)
class Film:
    """A clip in a container.

    Attributes:
        path: of the file.
    """

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @cached_property
    def _facts(self) -> "tuple[Size, Fraction, Fraction, Fraction | None, tuple[str, ...]]":
        """Size, clock, rate, length and notes."""
        with self.opened() as container:
            stream = pictures_of(container)
            frame = next(self._decoded(container), None)
            if frame is None:
                raise StylizeError(f"{self.path} has no frames: copy or download it again")
            # A size in square pixels: those of tapes and discs are wider, or narrower.
            shape = stream.sample_aspect_ratio or 1
            width = frame.width if shape == 1 else round(frame.width * shape / 2) * 2
            size = frame.height, width
            upright = size if abs(frame.rotation) != 90 else size[::-1]
            length = length_of(container)
            clock = stream.time_base or 1 / RATE
            notes = tuple(_notes(frame))
            return upright, clock, stream.average_rate or RATE, length, notes

    @property
    def size(self) -> Size:
        """(height, width) of its frames, upright, px."""
        return self._facts[0]

    @property
    def clock(self) -> Fraction:
        """Seconds of which all its times are multiples."""
        return self._facts[1]

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        return self._facts[2]

    @property
    def length(self) -> Fraction | None:
        """Seconds, or None where the file does not say."""
        return self._facts[3]

    @property
    def notes(self) -> tuple[str, ...]:
        """What of it is not painted as it should be seen."""
        return self._facts[4]

    def frames(self, span: Section, size: Size) -> Iterator[Frame]:
        """Its frames in a span, turned upright."""
        for time, duration, frame in self._rising(span.start):
            if span.is_over(time):
                return
            if span.holds(time):
                yield Frame(_pixels(frame, size), time, duration)

    def _rising(self, start: Fraction) -> Iterator[tuple[Fraction, Fraction, Any]]:
        """When and how long each frame is shown, and the frame; from before `start`.

        Where recordings were joined, times begin anew: they go on behind the last. Of two frames
        with one time the second is later by a tick.
        """
        late, end = Fraction(0), Fraction(0)
        before: Fraction | None = None  # when the last was told to be shown
        for number, (given, frame) in enumerate(self._from(start)):
            told = number / self.rate if given is None else given
            duration = frame.duration * frame.time_base if frame.duration else 1 / self.rate
            if before is None:
                time = told
            elif told < before:
                late = end - told
                time = end
            else:
                time = max(told + late, time + self.clock)
            before, end = told, time + duration
            yield time, duration, frame

    def _from(self, start: Fraction) -> Iterator[tuple[Fraction | None, Any]]:
        """Its frames as they are decoded, with their times, where they say; from before `start`.

        Where no index says which pictures are whole, as in a transport stream, a seek may end
        behind the last of them; what is decoded begins with the next then. Where recordings were
        joined, the file says the length of one, and nothing seeks into the others.
        """
        seeks = start and (self.length is None or start <= self.length)
        for place in (start, max(Fraction(0), start - EARLIER)) if seeks else ():
            timed = self._sought(place)
            first = next(timed, None)
            if first and first[0] is not None and first[0] <= start:
                return itertools.chain([first], timed)
        return self._sought(Fraction(0))

    def _sought(self, start: Fraction) -> Iterator[tuple[Fraction | None, Any]]:
        """Its frames and their times, from where a seek to `start` ends."""
        with self.opened() as container:
            first = first_time(container)
            if start and container.format.name != "mpeg":  # discs', where it ends a frame off
                seek(container, start + first)
            for frame in self._decoded(container):
                told = None if frame.pts is None else frame.pts * frame.time_base - first
                yield told, frame

    @contextlib.contextmanager
    def opened(self) -> "Iterator[InputContainer]":
        """The file, opened and seen to have pictures."""
        av = library()
        if not paths.is_file(self.path):
            files.contents(self.path, what="a clip")  # says what is there instead
        try:
            container = av.open(address(self.path), options=OPENING)
        except av.error.ArgumentError as error:
            raise StylizeError(
                f"{self.path} is sound alone, a text, one picture or a list of other files: "
                "give a clip that is one file, such as an MP4"
            ) from error
        except av.error.FFmpegError as error:
            raise StylizeError(
                f"{self.path} is no clip, or damaged ({error.strerror}): "
                "copy it again, or convert it to MP4"
            ) from error
        with container:
            self._check_whole(container)
            pictures_of(container)
            yield container

    def _check_whole(self, container: "InputContainer") -> None:
        """Raises `StylizeError` where it is JPEGs found amid other things, as in a PDF."""
        if container.format.name == "mjpeg":
            with self.path.open("rb") as file:
                if file.read(len(JPEG)) != JPEG:
                    raise StylizeError(
                        f"{self.path} is no clip, but holds pictures, as a PDF does: "
                        "give a clip, such as an MP4"
                    )

    def _decoded(self, container: "InputContainer") -> Iterator[Any]:
        """Its frames as the decoder gives them."""
        av = library()
        stream = pictures_of(container)
        stream.thread_type = "AUTO"
        time = 0.0
        try:
            for frame in container.decode(stream):
                time = frame.time or time
                yield frame
        except av.error.FFmpegError as error:
            raise self.damaged(time, error) from error

    def damaged(self, time: float, error: Exception) -> StylizeError:
        """What to say of an error of FFmpeg's behind some seconds."""
        reason = getattr(error, "strerror", None) or error
        return StylizeError(
            f"{self.path} is damaged after {time:.2f} s ({reason}): "
            f"copy it again, or stop before it with `end` {time:.2f}"
        )


def kept(path: Path) -> Kept | None:
    """What an earlier run left in a file; None where that is too little, or no file."""
    if not paths.is_there(path):
        return None
    film = Film(path)
    with film.opened() as container:
        stream = pictures_of(container)
        count = sum(packet.size > 0 for packet in container.demux(stream))
    if count < LEAST:
        return None
    last = None
    length = film.length or Fraction(0)
    for start in (max(Fraction(0), length - TAIL), Fraction(0)):
        for frame in film.frames(Section(start), film.size) if last is None else ():
            last = frame
    if last is None:
        raise StylizeError(f"{path} has no frames to go on from: leave out `resume`")
    return Kept(count, last.pixels, last.time)


def label_of(path: Path) -> str:
    """What `FilmWriter` was told to write of how a file was made, or ""."""
    with Film(path).opened() as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    return str(found.get("comment", ""))


def _notes(frame: Any) -> Iterator[str]:  # noqa: ANN401 - PyAV's
    if frame.color_trc in HDR:
        yield "the clip is HDR, and is painted too pale: convert it to SDR first"
    if frame.interlaced_frame:
        yield "the clip is interlaced, and combs are painted where it moves: deinterlace it first"


def _pixels(frame: Any, size: Size) -> Bytes:  # noqa: ANN401 - PyAV's
    """A frame's pixels upright, at (height, width)."""
    turns = round(frame.rotation / 90) % 4
    height, width = size if turns % 2 == 0 else size[::-1]
    is_hd = frame.height >= HD[0] or frame.width >= HD[1]
    colours = "ITU709" if frame.colorspace == UNSAID and is_hd else None
    kinds = library().video.reformatter.Interpolation
    how = kinds.BICUBIC | kinds.FULL_CHR_H_INT  # the former alone darkens what it scales
    rgb = frame.reformat(width, height, "rgb24", src_colorspace=colours, interpolation=how)
    return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), turns))
