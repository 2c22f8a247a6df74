"""A feed-forward net over a clip: what was painted before is carried along and joined."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import TypeVar, cast

import numpy as np

from stylize_cli import encoders, flow
from stylize_cli.arrays import Bytes, Pixels, size_of
from stylize_cli.engines import Engine
from stylize_cli.flow import Flow
from stylize_cli.frames import Frame
from stylize_cli.methods import apply, feedforward, painting

AHEAD = 4  # frames that are decoded, and whose flow is found, before they are needed
KEPT = 0.95  # most that a frame takes from the one before: all would never change again

T = TypeVar("T")


@dataclass(frozen=True)
class ClipLook:
    """What to make of every frame.

    Attributes:
        style: of the first frame; None for a net without styles.
        to: of the last; in between they are mixed evenly. None to stay with the first.
        over: (start, end) in seconds: when the mixing starts, and when it is done.
        strength: share of the result in the mixture with the frame, in [0, 1].
        preserve_color: keep the frame's colours.
        smooth: how much of the result before is carried along, in [0, 1]; 0 is none.
    """

    style: str | None = None
    to: str | None = None
    over: tuple[Fraction, Fraction] = (Fraction(0), Fraction(1))
    strength: float = 1.0
    preserve_color: bool = False
    smooth: float = 0.0


@dataclass(frozen=True)
class _Seen:
    """A frame, and how it follows from the one before; None where nobody asks, or of the first."""

    frame: Frame
    flow: Flow | None


def paint(
    engine: Engine,
    frames: Iterable[Frame],
    look: ClipLook,
    *,
    room: int,
    before: Bytes | None = None,
) -> Generator[Frame, None, None]:
    """Paints frames while the next are decoded; whoever takes them may encode beside it.

    Args:
        engine: runs the model.
        frames: to paint, of one size.
        look: what to make of them.
        room: bytes that all this may take.
        before: the result of the first frame, where an earlier run has painted it: it is not
            painted, nor given again.

    Yields:
        The results, with the frames' times.
    """
    seen = ahead(_followed(frames, smooth=look.smooth > 0))
    painted: Pixels | None = None
    if before is not None:
        next(seen, None)
        painted = encoders.floats(before)
    first = next(seen, None)
    if first is None:
        return
    # Of one size, so that memory is looked at once.
    pixels = painting.fit(encoders.floats(first.frame.pixels), None, engine, room)
    most = max(1, apply.batch_size(engine, room, size_of(pixels)))
    batches = _batches(with_first(first, seen), most)
    # The network of a batch, while the one before is joined.
    for made in ahead((_painted(engine, batch, look) for batch in batches), 1):
        for item, new in made:
            painted = _joined(painted, new, item.flow, look.smooth)
            yield replace(item.frame, pixels=cast(Bytes, encoders.quantised(painted, 8)))


def ahead(items: Iterable[T], count: int = AHEAD) -> Iterator[T]:
    """The items, a few of them made in a thread before they are asked for."""
    source = iter(items)
    end = object()
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, source, end) for _ in range(count))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, source, end))
                yield item  # type: ignore[misc]  # it is no end
        finally:
            for future in waiting:
                future.cancel()


def behind(
    items: Iterable[T], work: Callable[[T], None], count: int = AHEAD
) -> Generator[T, None, None]:
    """The items, each given when a thread has worked on it; a few of them wait.

    Where the work on one fails, there is none on those behind it.
    """

    def follow(before: Future[None] | None, item: T) -> None:
        if before is not None:
            before.result()  # which is over, and fails this one with it
        work(item)

    with ThreadPoolExecutor(1) as pool:
        waiting: deque[tuple[T, Future[None]]] = deque()
        last: Future[None] | None = None
        try:
            for item in items:
                last = pool.submit(follow, last, item)
                waiting.append((item, last))
                while len(waiting) > count:
                    done, future = waiting.popleft()
                    future.result()
                    yield done
        finally:  # also at Ctrl-C: what is painted is written
            left = [(item, future.exception()) for item, future in waiting]
        for done, error in left:
            if error:
                raise error
            yield done


def _followed(frames: Iterable[Frame], *, smooth: bool) -> Iterator[_Seen]:
    before = None
    for frame in frames:
        found = flow.between(before.pixels, frame.pixels) if smooth and before else None
        yield _Seen(frame, found)
        before = frame


def with_first(first: T, rest: Iterable[T]) -> Iterator[T]:
    """One that was looked at, and the rest behind it; closed, it closes them."""
    yield first
    yield from rest


def _batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch


def _painted(engine: Engine, batch: Sequence[_Seen], look: ClipLook) -> list[tuple[_Seen, Pixels]]:
    """Some frames, each with what the network makes of it by itself."""
    photos = [encoders.floats(item.frame.pixels) for item in batch]
    mixes = [mixture(engine, look, item.frame.time) for item in batch]
    outputs = feedforward.forward(engine, photos, mixes)
    finished = (
        feedforward.finish(
            output,
            photo,
            engine.about,
            strength=look.strength,
            preserve_color=look.preserve_color,
        )
        for photo, output in zip(photos, outputs, strict=True)
    )
    return list(zip(batch, finished, strict=True))


def mixture(engine: Engine, look: ClipLook, time: Fraction) -> Pixels:
    """The mixture (N,) of styles at a time."""
    one = feedforward.one_style(engine.about, look.style)
    if look.to is None:
        return one
    start, end = look.over
    share = np.float32(np.clip(float((time - start) / (end - start)), 0, 1))
    mixed: Pixels = (1 - share) * one + share * feedforward.one_style(engine.about, look.to)
    return mixed


def _joined(before: Pixels | None, new: Pixels, found: Flow | None, smooth: float) -> Pixels:
    """The new result, and where it can be trusted that of the frame before, carried along."""
    if before is None or found is None or found.is_cut:
        return new
    new = np.ascontiguousarray(new)  # which is planes, as OpenVINO makes them
    weight = np.float32(KEPT * smooth) * flow.trusted(found, size_of(new))
    joined = flow.carried(before, found)  # a picture of its own, so that all is done in place
    joined -= new
    joined *= weight
    joined += new
    return joined
