"""A feed-forward net over many pictures: decoding, the network and encoding overlap."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from stylize_cli import decoders
from stylize_cli.arrays import Pixels, Samples, size_of
from stylize_cli.engines import Engine
from stylize_cli.errors import StylizeError, first_line, is_exhausted
from stylize_cli.methods import feedforward
from stylize_cli.methods.look import Look
from stylize_cli.methods.painting import fit, given_size, needed, paint, threads

EXHAUSTED = "it takes more memory than there is: use a smaller `size`"
BATCH = 4  # pictures that run together
BATCH_PIXELS = 4_000_000  # of them together: larger ones gain nothing

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Photo:
    """A picture to work on, and where its results go.

    Attributes:
        name: what to call it in errors.
        read: the bytes of its file.
        save: told the style and the result, (H, W, 3) or with alpha (H, W, 4), in [0, 1] or
            samples; called in threads.
    """

    name: str
    read: Callable[[], bytes]
    save: Callable[[str | None, Pixels | Samples], None]


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
        return size_of(self.pixels)


@dataclass(frozen=True)
class _Large:
    """A photo that comes tile by tile, and is not decoded before its turn.

    Attributes:
        photo: what it is.
        data: its file.
    """

    photo: Photo
    data: bytes


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
    decoding, encoding = (ThreadPoolExecutor(threads(engine)) for _ in range(2))
    pending: deque[Future[Result]] = deque()
    ahead = early(engine)
    decode = partial(_decode, look=look, engine=engine, room=room)
    decoded = _ahead(decoding, decode, photos, ahead)
    try:
        for group in _groups(decoded, partial(batch_size, engine, room)):
            for work in _works(engine, group, look, room):
                pending.append(encoding.submit(work))
                while len(pending) > ahead:
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


def early(engine: Engine) -> int:
    """How many pictures are decoded early, and as many results that wait to be written."""
    return 2 * threads(engine)


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[T], U], items: Iterable[T], count: int
) -> Iterator[U]:
    """Results of `work` in order, so many of them computed ahead."""
    waiting: deque[Future[U]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _decode(photo: Photo, *, look: Look, engine: Engine, room: int) -> _Decoded | _Large | Result:
    """The photo at the size that the network is given, or why there is none."""
    began = time.perf_counter()
    try:
        data = photo.read()
        own = decoders.size_of(data)
        if own and (look.tileable or needed(engine, given_size(own, look.size)) > room):
            return _Large(photo, data)
        pixels, note = decoders.decode(data, name=photo.name, least=look.size, room=room)
        pixels = fit(pixels, look.size, engine, room)
    except StylizeError as error:
        return Result(photo, error=str(error))
    except MemoryError:
        return Result(photo, error=EXHAUSTED)
    return _Decoded(photo, pixels, time.perf_counter() - began, note)


def _groups(
    decoded: Iterable[_Decoded | _Large | Result], most: Callable[[tuple[int, int]], int]
) -> Iterator[list[_Decoded] | _Large | Result]:
    """Photos of one size that follow each other; large ones and failures in their place."""
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
    engine: Engine, group: list[_Decoded] | _Large | Result, look: Look, room: int
) -> Iterator[Callable[[], Result]]:
    """Runs the network, batch by batch; gives what is left to do for each result."""
    if isinstance(group, Result):
        yield partial(replace, group)
        return
    if isinstance(group, _Large):
        yield from (partial(replace, result) for result in _large(engine, group, look, room))
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
            for item, style in batch:
                yield partial(Result, item.photo, style, error=_reason(error))
            continue
        seconds = (time.perf_counter() - began) / len(batch)
        for (item, style), output in zip(batch, outputs, strict=True):
            yield partial(_finish, engine, item, style, output, look, seconds)


def _reason(error: Exception) -> str:
    """Why an engine failed, and what to do."""
    fix = "use a smaller `size`" if is_exhausted(error) else "try another `engine`"
    said = first_line(error) or type(error).__name__
    return f"the network failed on it ({said}): {fix}"


def _large(engine: Engine, item: _Large, look: Look, room: int) -> Iterator[Result]:
    """Paints a photo tile by tile and saves its results, one after the other."""
    photo, began, styles = item.photo, time.perf_counter(), list(look.styles)
    try:
        pixels, note = decoders.decode_lean(item.data, name=photo.name, least=look.size, room=room)
        room -= pixels.nbytes
        while styles:
            wanted = look.wanted(engine.about, styles[0])
            result, said = paint(engine, pixels, look.size, wanted, room=room)
            photo.save(styles[0], result)
            seconds, began = time.perf_counter() - began, time.perf_counter()
            size = size_of(result)
            notes = ", ".join(filter(None, [note, said]))
            yield Result(photo, styles.pop(0), size, seconds, note=notes)
    except StylizeError as error:
        yield from (Result(photo, style, error=str(error)) for style in styles)
    except (RuntimeError, MemoryError) as error:
        yield from (Result(photo, style, error=_reason(error)) for style in styles)


def _finish(
    engine: Engine,
    item: _Decoded,
    style: str | None,
    output: Pixels,
    look: Look,
    seconds: float,
) -> Result:
    began = time.perf_counter()
    try:
        result = feedforward.finish(
            output,
            item.pixels,
            engine.about,
            strength=look.strength,
            preserve_color=look.preserve_color,
        )
        item.photo.save(style, result)
    except StylizeError as error:
        return Result(item.photo, style, error=str(error))
    except MemoryError:
        return Result(item.photo, style, error=EXHAUSTED)
    size = size_of(result)
    seconds += item.seconds / len(look.styles) + time.perf_counter() - began
    return Result(item.photo, style, size, seconds, note=item.note)
