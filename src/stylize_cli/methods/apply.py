"""A feed-forward net over many pictures: decoding, the network and encoding overlap."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from stylize_cli import decoders, hardware, images
from stylize_cli.engines import Engine, Pixels
from stylize_cli.errors import StylizeError, is_exhausted, too_little_memory
from stylize_cli.methods import feedforward
from stylize_cli.methods.feedforward import Noise

MOST_THREADS = 8  # pictures that wait take memory
THREADS = min(max(2, hardware.cores()), MOST_THREADS)  # that decode, and as many that encode
AHEAD = 2 * THREADS  # pictures decoded early, and as many results that wait to be written
BATCH = 4  # pictures that run together
BATCH_PIXELS = 4_000_000  # of them together: larger ones gain nothing
# In memory beside the network's own: waiting, in hand, and as they are encoded.
PICTURES = 10 + 4 * THREADS

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Look:
    """What to make of every photo.

    Attributes:
        styles: names, each of which gives a result; (None,) for a net without styles.
        strength: share of the result in the mixture with the photo, in [0, 1].
        preserve_color: keep the photo's colours.
        size: long side of what the network is given, px; None is the photo's own.
        noise: of a texture-style net.
    """

    styles: Sequence[str | None]
    strength: float = 1.0
    preserve_color: bool = False
    size: int | None = None
    noise: Noise = feedforward.USUAL


@dataclass(frozen=True)
class Photo:
    """A picture to work on, and where its results go.

    Attributes:
        name: what to call it in errors.
        read: the bytes of its file.
        save: told the style and the result, (H, W, 3) or with alpha (H, W, 4), in [0, 1]; called in
            threads.
    """

    name: str
    read: Callable[[], bytes]
    save: Callable[[str | None, Pixels], None]


@dataclass(frozen=True)
class Result:
    """One result, or why there is none.

    Attributes:
        photo: what it was made of.
        style: its style.
        size: (height, width).
        seconds: of work on it: decoding, its share of the network's time, encoding.
        error: "" where it was saved.
        note: of the photo ("first of 12 frames"), or "".
    """

    photo: Photo
    style: str | None = None
    size: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Decoded:
    photo: Photo
    pixels: Pixels
    seconds: float
    note: str

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]


def apply(
    engine: Engine, photos: Iterable[Photo], look: Look, *, room: int
) -> Generator[Result, None, None]:
    """Works on pictures while the next are decoded and the last are encoded.

    Args:
        engine: runs the model.
        photos: to work on.
        look: what to make of each.
        room: bytes that all this may take.

    Yields:
        The results in the order of the photos; a photo that fails does not stop the others. After
        Ctrl-C those that are computed by then are still saved and yielded.
    """
    decoding, encoding = ThreadPoolExecutor(THREADS), ThreadPoolExecutor(THREADS)
    pending: deque[Future[Result]] = deque()
    decoded = _ahead(decoding, partial(_decode, look=look, engine=engine, room=room), photos)
    try:
        for group in _groups(decoded, partial(batch_size, engine, room)):
            for work in _works(engine, group, look, room):
                pending.append(encoding.submit(work))
                while len(pending) > AHEAD:
                    yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except KeyboardInterrupt:
        decoding.shutdown(wait=False, cancel_futures=True)
        for future in pending:
            yield future.result()
        raise
    finally:
        decoding.shutdown(cancel_futures=True)
        encoding.shutdown()


def needed(engine: Engine, size: tuple[int, int], batch: int = 1) -> int:
    """Bytes that pictures of (height, width) take, a batch of them at a time, from file to file."""
    outputs = size[0] * size[1] * engine.about.factor**2
    waiting = PICTURES * 4 * np.dtype(np.float32).itemsize * outputs
    return engine.bytes_needed(size, batch) + waiting


def _ahead(pool: ThreadPoolExecutor, work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Results of `work` in order, a few of them computed ahead."""
    waiting: deque[Future[U]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _decode(photo: Photo, *, look: Look, engine: Engine, room: int) -> _Decoded | Result:
    """The photo at the size that the network is given, or why there is none."""
    began = time.perf_counter()
    try:
        pixels, note = decoders.decode(photo.read(), name=photo.name, least=look.size, room=room)
        pixels = fit(pixels, look.size, engine, room)
    except StylizeError as error:
        return Result(photo, error=str(error))
    return _Decoded(photo, pixels, time.perf_counter() - began, note)


def fit(pixels: Pixels, long_side: int | None, engine: Engine, room: int) -> Pixels:
    """A photo at the size that the network is given, None for its own.

    Raises:
        StylizeError: that takes more than the room in bytes; it says which size does not.
    """
    own = pixels.shape[0], pixels.shape[1]
    size = own if long_side is None else images.fitted(own, long_side)
    size = max(size[0], decoders.MIN_SIDE), max(size[1], decoders.MIN_SIDE)
    _check_room(engine, size, room)
    return feedforward.resized(pixels, size)


def _check_room(engine: Engine, size: tuple[int, int], room: int) -> None:
    """Raises `StylizeError` where memory will not do, and says which size will."""
    need = needed(engine, size)
    if need <= room:
        return
    long = images.longest(lambda long: needed(engine, images.fitted(size, long)) <= room, max(size))
    fix = f"use --size {long}" if long > 0 else "give --memory more, or free some"
    raise too_little_memory(f"{size[1]}x{size[0]} px", need, room, fix)


def _groups(
    decoded: Iterable[_Decoded | Result], most: Callable[[tuple[int, int]], int]
) -> Iterator[list[_Decoded] | Result]:
    """Photos of one size that follow each other; failures in their place."""
    group: list[_Decoded] = []
    for item in decoded:
        fits = isinstance(item, _Decoded) and (
            not group or (item.size == group[0].size and len(group) < most(item.size))
        )
        if group and not fits:
            yield group
            group = []
        if isinstance(item, _Decoded):
            group.append(item)
        else:
            yield item
    if group:
        yield group


def batch_size(engine: Engine, room: int, size: tuple[int, int]) -> int:
    """How many pictures of (height, width) run together in that many bytes."""
    most = min(BATCH, BATCH_PIXELS // (size[0] * size[1]))
    return max((n for n in range(1, most + 1) if needed(engine, size, n) <= room), default=1)


def _works(
    engine: Engine, group: list[_Decoded] | Result, look: Look, room: int
) -> Iterator[Callable[[], Result]]:
    """Runs the network, batch by batch; gives what is left to do for each result."""
    if isinstance(group, Result):
        failure = group
        yield lambda: failure
        return
    about = engine.about
    tasks = [(item, style) for item in group for style in look.styles]
    step = batch_size(engine, room, group[0].size)
    for start in range(0, len(tasks), step):
        batch = tasks[start : start + step]
        began = time.perf_counter()
        mixes = [feedforward.one_style(about, style) for _, style in batch]
        photos = [item.pixels for item, _ in batch]
        try:
            outputs = feedforward.forward(engine, photos, mixes, look.noise)
        except StylizeError as error:
            for item, style in batch:
                yield partial(Result, item.photo, style, error=f"{item.photo.name}: {error}")
            continue
        except (RuntimeError, MemoryError) as error:  # of an engine: a GPU's memory, above all
            fix = "use a smaller --size" if is_exhausted(error) else "try another --engine"
            reason = f"the network failed on it ({_first_line(error)}): {fix}"
            for item, style in batch:
                yield partial(Result, item.photo, style, error=reason)
            continue
        seconds = (time.perf_counter() - began) / len(batch)
        for (item, style), output in zip(batch, outputs, strict=True):
            yield partial(_finish, engine, item, style, output, look, seconds)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _finish(
    engine: Engine,
    item: _Decoded,
    style: str | None,
    output: Pixels,
    look: Look,
    seconds: float,
) -> Result:
    began = time.perf_counter()
    result = feedforward.finish(
        output,
        item.pixels,
        engine.about,
        strength=look.strength,
        preserve_color=look.preserve_color,
    )
    try:
        item.photo.save(style, result)
    except StylizeError as error:
        return Result(item.photo, style, error=str(error))
    size = result.shape[0], result.shape[1]
    seconds += item.seconds / len(look.styles) + time.perf_counter() - began
    return Result(item.photo, style, size, seconds, note=item.note)
