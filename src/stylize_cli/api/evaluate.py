"""How close pictures are to a style and to a photo."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylize_cli import descriptors, devices, limits, metrics
from stylize_cli.api.options import MEMORY, THREADS, check_ranges
from stylize_cli.api.picture import Picture, Source
from stylize_cli.api.roles import check_compared
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError, too_little_memory

LEAST = 150_000_000  # bytes that VGG's maps must have: tiles of less are all halo


@dataclass(frozen=True)
class Findings:
    """What was measured of one picture, or why nothing was.

    Attributes:
        machine: what computed.
        width: px.
        height: px.
        seconds: it took, from reading the picture on.
        figures: "style_error", "content_error" and "notebook", those that were asked for; see
            `metrics.judge`.
        note: of the picture ("first of 12 frames"), or "".
        error: "" where it was measured.
    """

    machine: Machine
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    figures: dict[str, float] | None = None
    note: str = ""
    error: str = ""


def evaluate(
    picture: Source,
    *,
    style: Source | None = None,
    content: Source | None = None,
    weights: "str | PathLike[str] | None" = None,
    device: str = "auto",
    threads: int | None = None,
    memory: int | None = None,
) -> dict[str, float]:
    """Measures how close a picture is to a style and to a photo, whatever made it.

    Args:
        picture: the result, at its own size.
        style: the style that it should have.
        content: the photo that it was made of.
        weights: a file in place of the original VGG-19's.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: of the CPU; None leaves torch's number alone.
        memory: most bytes that the whole program may take; None is what is free.

    Returns:
        "style_error" and "content_error", relative, 0 for a perfect match, of what was given; and
        "notebook", the objective of Gatys' notebook, where both were.

    Raises:
        StylizeError: nothing to compare with was given, a picture cannot be read or is too small,
            or memory will not do.
    """
    (found,) = evaluations(
        [picture],
        style=style,
        content=content,
        weights=weights,
        device=device,
        threads=threads,
        memory=memory,
    )
    if found.figures is None:
        raise StylizeError(found.error)
    return found.figures


def evaluations(
    pictures: Sequence[Source],
    *,
    style: Source | None = None,
    content: Source | None = None,
    weights: "str | PathLike[str] | None" = None,
    device: str = "auto",
    threads: int | None = None,
    memory: int | None = None,
) -> Iterator[Findings]:
    """Measures several pictures one after the other; one that fails does not stop the others.

    Args:
        pictures: see `evaluate`.
        style: see there; so are the others.
        content: see there.
        weights: see there.
        device: see there.
        threads: see there.
        memory: see there.

    Raises:
        StylizeError: nothing to compare with was given, or it cannot be read.
    """
    check_compared(style, content)
    check_ranges({"memory": memory, "threads": threads}, {**MEMORY, **THREADS})
    machine = devices.machine(device, "float32")  # the figures are to compare with others'

    def read(source: Source) -> Picture:
        return Picture(source, room=limits.room(machine, memory))

    painting = None if style is None else read(style)
    photo = None if content is None else read(content)
    wanted = [
        None if painting is None else _style(painting).to(machine.device),
        None if photo is None else _tensor(photo).to(machine.device),
    ]
    file = None if weights is None else Path(fspath(weights))
    describe = descriptors.load("vgg19", file=file).to(machine.device)
    for source in pictures:
        began = time.perf_counter()
        try:
            picture = read(source)
            room = _room(picture, limits.room(machine, memory))
            with devices.threads(threads):
                image = _tensor(picture).to(machine.device)
                figures = metrics.judge(describe, image, *wanted, room=room)
        except StylizeError as error:
            yield Findings(machine, error=str(error))
        else:
            seconds = time.perf_counter() - began
            yield Findings(machine, picture.width, picture.height, seconds, figures, picture.note)


def _style(picture: Picture) -> Tensor:
    """(1, C, H, W) of a style: RGB, and alpha where not all of it is opaque."""
    if picture.pixels.shape[2] == 3:
        return _tensor(picture)
    return picture.as_style()


def _tensor(picture: Picture) -> Tensor:
    """(1, 3, H, W) RGB: uint8 as its file has it, or floats in [0, 1]."""
    pixels = picture.pixels if picture.pixels.dtype == np.uint8 else picture.floats
    return torch.from_numpy(np.ascontiguousarray(pixels[..., :3])).permute(2, 0, 1)[None]


def _room(picture: Picture, free: int) -> int:
    """Bytes that VGG's maps may take, beside a style resized to the picture's area.

    Raises:
        StylizeError: that is too little.
    """
    resized = 2 * 3 * 2 * picture.width * picture.height  # float16, of one of which floats too
    left = min(metrics.ROOM, free - resized)
    if left < LEAST:
        what = f"{picture.width}x{picture.height} px"
        raise too_little_memory(what, resized + LEAST, free, "give `memory` more, or free some")
    return left
