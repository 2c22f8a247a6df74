"""A clip painted by a trained network."""

import contextlib
import hashlib
import math
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from stylize_cli import choices, clips, flow, images
from stylize_cli.api.network import Network
from stylize_cli.api.options import ANY, Ranges, check_ranges
from stylize_cli.arrays import Size
from stylize_cli.clips import Destination
from stylize_cli.config import LEAST_SIDE, MOST
from stylize_cli.errors import StylizeError, counted, too_little_memory
from stylize_cli.film_writer import Codec
from stylize_cli.frames import Clip, Frame, Section, Writer
from stylize_cli.methods import feedforward
from stylize_cli.methods import video as method
from stylize_cli.methods.video import ClipLook
from stylize_cli.progress import OnStep, Step, ignore

SMOOTH = 0.8  # where nothing else is said
FRAME = 30  # bytes a pixel of the result: as it is decoded, painted, carried on and written
RANGES: Ranges = {
    "strength": (0.0, 1.0),
    "smooth": (0.0, 1.0),
    "size": (LEAST_SIDE, MOST),
    "start": (0, ANY),
    "end": (0, ANY),
    "crf": (0, 63),
}


@dataclass(frozen=True)
class Video:
    """A clip that was written.

    Attributes:
        path: of it.
        width: of its frames, px.
        height: likewise.
        frames: how many were painted, those of an earlier run too.
        new: how many of them by this run.
        seconds: that the work took.
        notes: what its maker should be told.
    """

    path: Path
    width: int
    height: int
    frames: int
    new: int
    seconds: float
    notes: tuple[str, ...] = ()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, behind the first frames of a clip.

    Attributes:
        made: what is there of it.
    """

    def __init__(self, made: Video) -> None:
        super().__init__()
        self.made = made


def video(
    network: Network,
    clip: "str | PathLike[str]",
    output: "str | PathLike[str]",
    *,
    style: str | None = None,
    to: str | None = None,
    strength: float = 1.0,
    preserve_color: bool = False,
    size: int | None = None,
    start: float = 0,
    end: float | None = None,
    smooth: float | None = None,
    codec: Codec | None = None,
    crf: int | None = None,
    resume: bool = False,
    on_step: OnStep = ignore,
) -> Video:
    """Paints a clip, frame by frame, and keeps what was painted from flickering.

    Frames stream: memory does not grow with the length, but where a GIF, WebP or APNG is written.
    Times stay exact; sound and subtitles are copied. At a `KeyboardInterrupt` what is painted by
    then stays, as a clip that plays, and it is raised on as `Interrupted`.

    Args:
        network: from `load`.
        clip: a file, an animated GIF, WebP or PNG, or a folder of frames.
        output: a file such as out.mp4, out.webm or out.gif; a folder; or frames: out/%04d.png.
        style: which of the network's styles; None where there is one or none.
        to: the style that the last frame has: in between they are mixed evenly.
        strength: share of the result in the mixture with the clip, in [0, 1].
        preserve_color: keep the clip's colours.
        size: long side of the result, before super-resolution, px; None is the clip's own.
        start: seconds that are left out at the start.
        end: when to end, seconds from the clip's start; None is its end.
        smooth: how much of the frame before is carried along, in [0, 1]; 0 is frame by frame, None
            the usual 0.8, or 0 where OpenCV is missing.
        codec: "h264", "hevc" or "vp9"; None is the container's usual one.
        crf: quality of the codec, the less the better; None is its usual one.
        resume: go on with what an interrupted run left.
        on_step: told of every frame.

    Raises:
        StylizeError: the clip cannot be read or the result not written, an option will not do,
            memory will not do, or an extra is not installed.
        TypeError: a value is of a wrong type.
    """
    given = {"strength": strength, "smooth": smooth, "size": size, "start": start, "end": end}
    check_ranges(given | {"crf": crf}, RANGES)
    choices.check({"codec": codec}, video.__annotations__)
    if not isinstance(network, Network):
        raise TypeError(f"network takes what stylize.load returns, not {network!r}")
    network.check_takes_photos()
    job = prepare(network, clip, output, style=style, to=to, size=size, start=start, end=end,
                  codec=codec, crf=crf)  # fmt: skip
    notes = []
    if smooth is None:
        smooth = SMOOTH if flow.is_there() else 0
        if not smooth:
            notes.append("frame by frame: without flicker with pip install 'stylize-cli[video]'")
    look = replace(job.look, strength=strength, preserve_color=preserve_color, smooth=smooth)
    return replace(job, look=look, notes=(*notes,)).run(resume=resume, on_step=on_step)


@dataclass(frozen=True)
class Filming:
    """A clip, read and checked, ready to be painted.

    Attributes:
        network: that paints it.
        clip: what is painted.
        target: where it goes.
        span: of the clip.
        size: (height, width) of what the network is given, px.
        look: what to make of it.
        notes: what its maker should be told.
    """

    network: Network
    clip: Clip
    target: Destination
    span: Section
    size: Size
    look: ClipLook
    notes: tuple[str, ...] = ()

    @property
    def result_size(self) -> Size:
        """(height, width) of the result, px."""
        factor = self.network.engine.about.factor
        return self.size[0] * factor, self.size[1] * factor

    @property
    def label(self) -> str:
        """Of all that decides how the result looks; files count by what is in them, not by name."""
        facts: dict[str, Any] = {"look": self.look, "size": self.size, "start": self.span.start}
        facts |= {"clip": clips.weight(self.clip), "length": self.clip.length}
        facts["model"] = hashlib.sha256(self.network.model.read_bytes()).hexdigest()
        return clips.label(facts | {"codec": self.target.chosen, "crf": self.target.quality})

    @property
    def total(self) -> int | None:
        """How many frames there are, about."""
        end = _ending(self.clip, self.span)
        return None if end is None else max(1, round((end - self.span.start) * self.clip.rate))

    def run(self, *, resume: bool, on_step: OnStep) -> Video:
        """Paints and writes it; see `video`."""
        began = time.perf_counter()
        which = self.clip, self.span, self.result_size, self.label
        kept = self.target.kept(*which) if resume else None
        frames = self.clip.frames(self.span, self.size)
        first = next(frames, None)
        if first is None:
            raise StylizeError(
                f"{self.clip.name} has no frames from {float(self.span.start):g} s on: "
                "choose another time to start or to end"
            )
        left = method.with_first(first, frames)
        if kept is not None:
            left = clips.behind(kept, first, self.clip, self.span, self.size)
        before, last = (kept.count, kept.last) if kept else (0, None)
        new, room = 0, self.network.room
        painted = method.paint(self.network.engine, left, self.look, room=room, before=last)
        writer = self.target.writer(*which, kept=kept, first=first.time - self.span.start)
        shifted = (replace(frame, time=frame.time - self.span.start) for frame in painted)

        def write(frame: Frame) -> None:
            nonlocal new
            writer.write(frame)
            new += 1

        try:
            with (
                contextlib.closing(painted),
                writer,
                contextlib.closing(method.behind(shifted, write)) as written,
            ):
                for done, frame in enumerate(written, 1):
                    on_step(self._step(done, before + done, began, frame))
        except KeyboardInterrupt as end:
            if before + new:
                raise Interrupted(self._made(before, new, began, writer)) from end
            raise
        return self._made(before, new, began, writer)

    def _made(self, before: int, new: int, began: float, writer: Writer) -> Video:
        """What was written: so many frames, and so many new ones."""
        height, width = self.result_size
        left_out = (f"left out: {kind}" for kind in getattr(writer, "left_out", ()))
        notes = (*self.notes, *getattr(self.clip, "notes", ()), *left_out)
        if self.target.is_pattern and (older := self.target.numbered(before + new)):
            frames = counted(len(older), "older frame")
            notes += (f"{frames} behind the last: {older[0]} to {older[-1].name} stay",)
        seconds = time.perf_counter() - began
        return Video(self.target.path, width, height, before + new, new, seconds, notes)

    def _step(self, new: int, done: int, began: float, frame: Frame) -> Step:
        rate = new / (time.perf_counter() - began)
        total = None if self.total is None else max(self.total, done)
        return Step(f"Painting at {float(frame.time):.1f} s, {rate:.1f} frames/s", done, total)


def prepare(
    network: Network,
    clip: "str | PathLike[str]",
    output: "str | PathLike[str]",
    *,
    style: str | None,
    to: str | None,
    size: int | None,
    start: float,
    end: float | None,
    codec: Codec | None,
    crf: int | None,
) -> Filming:
    """Reads what a clip is and refuses what cannot be; see `video`."""
    opened = clips.open_clip(Path(fspath(clip)))
    target = Destination(Path(fspath(output)), codec, crf)
    target.check(opened)
    span = Section.between(start, end)
    if span.end is not None and span.end <= span.start:
        raise StylizeError(f"`end` {end:g} is not after the start, {start:g}: give a later one")
    sides = _sides(opened.size, size, target, network.engine.about.factor)
    about = network.engine.about
    need = FRAME * math.prod(side * about.factor for side in sides)
    if need > network.room:
        what = f"a frame of {sides[1]}x{sides[0]} px"
        raise too_little_memory(what, need, network.room, "use a smaller `size`")
    look = ClipLook(feedforward.choose_style(about, style))
    if to is not None:
        network.check_takes_mixtures("leave out `to`")
        over = _ending(opened, span)
        if over is None:
            raise StylizeError(f"{opened.name} does not say how long it is: give `end` with `to`")
        look = replace(look, to=feedforward.choose_style(about, to), over=(span.start, over))
    filming = Filming(network, opened, target, span, sides, look)
    target.check_size(filming.result_size)
    return filming


def _sides(own: Size, long_side: int | None, target: Destination, factor: int) -> Size:
    """The (height, width) that the network is given.

    Raises:
        StylizeError: the clip's own will not do for the codec.
    """
    multiple = target.multiple
    if long_side is not None:
        sides = images.fitted(own, long_side)
        height, width = (max(2, round(side / multiple) * multiple) for side in sides)
        return height, width
    if any(side * factor % multiple for side in own):
        fix = max(own) // multiple * multiple
        raise StylizeError(
            f"the clip is {own[1]}x{own[0]} px, and this codec takes even sides: "
            f"use `size` {fix}{', or `codec` vp9' if target.holds('vp9') else ''}"
        )
    return own


def _ending(clip: Clip, span: Section) -> Fraction | None:
    """When the span ends, seconds, where that is known."""
    known = [end for end in (clip.length, span.end) if end is not None]
    return min(known, default=None)
