"""A clip as a stream of frames, whatever it is read from and written to."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from stylize_cli.arrays import Bytes, Size

RATE = Fraction(25)  # frames a second, of what does not say


@dataclass(frozen=True)
class Frame:
    """One picture of a clip.

    Attributes:
        pixels: (H, W, 3) sRGB, 0 to 255, upright.
        time: when it is shown, seconds from the clip's start.
        duration: for how long, seconds.
    """

    pixels: Bytes
    time: Fraction
    duration: Fraction


@dataclass(frozen=True)
class Section:
    """A part of a clip: seconds from its start, to before `end`, None for all."""

    start: Fraction = Fraction(0)
    end: Fraction | None = None

    @classmethod
    def between(cls, start: float, end: float | None) -> "Section":
        """Of times as they were written: 0.1 is a tenth."""
        # The text, since repr of numpy's numbers has a name around it.
        return cls(Fraction(str(start)), None if end is None else Fraction(str(end)))

    def holds(self, time: Fraction) -> bool:
        """Whether a frame of that time lies in it."""
        return self.start <= time and (self.end is None or time < self.end)

    def is_over(self, time: Fraction) -> bool:
        """Whether that time lies at its end or behind it."""
        return self.end is not None and time >= self.end


class Clip(Protocol):
    """What frames are read from."""

    @property
    def name(self) -> str:
        """What to call it in errors."""

    @property
    def size(self) -> Size:
        """(height, width) of its frames, upright, px."""

    @property
    def clock(self) -> Fraction:
        """Seconds of which all its times are multiples."""

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""

    @property
    def length(self) -> Fraction | None:
        """Seconds, or None where that is not known."""

    def frames(self, span: Section, size: Size) -> Iterator[Frame]:
        """Its frames in a span, scaled to (height, width), one after the other.

        Raises:
            StylizeError: the clip is damaged.
        """


class Writer(Protocol):
    """What frames are written to; a context, whose result appears at its end, or at Ctrl-C."""

    def __enter__(self) -> "Writer":
        """Opens it."""

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:  # noqa: ANN401
        """Closes it; but for `KeyboardInterrupt` nothing is left where anything was raised."""

    def write(self, frame: Frame) -> None:
        """Takes the next frame; its time counts from the start of what is written."""


@dataclass(frozen=True)
class Kept:
    """What an earlier run left of a result.

    Attributes:
        count: how many frames there are.
        last: the last of them.
        time: of that one, seconds from the first; None where files do not say.
    """

    count: int
    last: Bytes
    time: Fraction | None = None
