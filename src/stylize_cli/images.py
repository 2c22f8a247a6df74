"""File <-> float RGB tensor.

torch is imported where a tensor is made, not above: a command that runs a compiled model needs the
rest of this module and must not wait for torch.
"""

from __future__ import annotations

import difflib
import math
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylize_cli import decoders, encoders
from stylize_cli.encoders import Depth, Format
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from torch import Tensor

FORMATS: dict[str, Format] = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    Attributes:
        rgb: (1, 3, H, W) float32, sRGB in [0, 1].
        alpha: (1, 1, H, W) float32 in [0, 1], not premultiplied; None where all is opaque.
        note: what a reader should be told of the file ("first of 12 frames"), or "".
    """

    rgb: Tensor
    alpha: Tensor | None = None
    note: str = ""


def read(path: Path) -> Picture:
    """Read an image file: upright, in sRGB, the first frame of an animation.

    Raises:
        StylizeError: the file is missing, not readable, or not a whole image of a sane size.
    """
    return read_bytes(contents(path), name=str(path))


def read_bytes(data: bytes, *, name: str = "stdin") -> Picture:
    """Read an image file that is in memory already; see `read`.

    Args:
        data: the whole file.
        name: what to call it in errors.
    """
    import torch  # noqa: PLC0415 - see the module's docstring

    pixels, note = decoders.decode(data, name=name)
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
    return Picture(
        rgb=planes[:, :3],
        alpha=planes[:, 3:] if planes.shape[1] == 4 else None,
        note=note,
    )


def contents(path: Path) -> bytes:
    """The bytes of an input file.

    Raises:
        StylizeError: the file is missing (naming one that is called nearly the same, where there
            is one), a folder, or not readable.
    """
    try:
        if path.is_dir():
            raise StylizeError(f"{path} is a folder: name an image file in it")
        return path.read_bytes()
    except FileNotFoundError:
        raise StylizeError(f"there is no file {path}{_suggestion(path)}") from None
    except OSError as error:
        raise StylizeError(
            f"cannot read {path} ({error.strerror}): check the path and its permissions"
        ) from error


def _suggestion(path: Path) -> str:
    try:
        names = {file.name.lower(): file for file in path.parent.iterdir()}
    except OSError:
        return f": check the path, the folder {path.parent} does not open"
    near = difflib.get_close_matches(path.name.lower(), names, n=1)
    return f": did you mean {names[near[0]]}?" if near else ": check the path"


def size_of(image: Tensor) -> tuple[int, int]:
    """(height, width) of a tensor (…, H, W)."""
    return image.shape[-2], image.shape[-1]


def fitted(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """The (height, width) of the same aspect whose longer side is `long_side`, at least 1 each."""
    height, width = size
    scale = long_side / max(size)
    return max(1, round(height * scale)), max(1, round(width * scale))


def same_area(size: tuple[int, int], pixels: int, *, least: int = 1) -> tuple[int, int]:
    """The (height, width) of the same aspect that holds about `pixels`, at least `least` each."""
    height, width = size
    scale = math.sqrt(pixels / (height * width))
    return max(least, round(height * scale)), max(least, round(width * scale))


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize by an antialiased bicubic filter.

    Args:
        image: (N, C, H, W) in [0, 1]; colours or alpha.
        size: (height, width) wanted.

    Returns:
        (N, C, *size) in [0, 1]: the filter's overshoot is clamped.
    """
    from torch.nn import functional  # noqa: PLC0415 - see the module's docstring

    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return functional.interpolate(image, size=size, mode="bicubic", antialias=True).clamp(0, 1)


def encode(picture: Picture, format: Format, *, quality: int = 95, depth: Depth = 8) -> bytes:
    """Encode a picture, transparency included; JPEG has none and is laid on white.

    See `encoders.encode` for the options, the rounding and what is raised.
    """
    planes = [picture.rgb] if picture.alpha is None else [picture.rgb, picture.alpha]
    pixels = np.concatenate([plane.detach().cpu().numpy() for plane in planes], axis=1)
    (pixels,) = pixels.transpose(0, 2, 3, 1)
    return encoders.encode(pixels, format, quality=quality, depth=depth)


def write(path: Path, picture: Picture, *, quality: int = 95, depth: Depth = 8) -> None:
    """Write a picture in the format of the path's suffix; the file appears whole or not at all.

    Missing folders are created.

    Raises:
        StylizeError: the suffix is unknown, or the folder cannot be written to.
    """
    write_bytes(path, encode(picture, format_of(path), quality=quality, depth=depth))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary one beside it, so that it appears whole or not at all.

    Raises:
        StylizeError: the folder cannot be made or written to, or the disk is full.
    """
    target = path.resolve()  # a link stays a link
    partial = target.with_name(f".stylize-{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StylizeError(
            f"cannot write {path} ({error.strerror}): choose another folder with -o"
        ) from error


def format_of(path: Path) -> Format:
    """The format that a path's suffix names.

    Raises:
        StylizeError: it names none that can be written.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise StylizeError(f"cannot write {path}: its name must end in one of {known}") from None


def check_writable(path: Path, inputs: Iterable[Path], *, depth: Depth = 8) -> None:
    """Refuse, before any work, an output that could not be written or would destroy an input.

    Args:
        path: the output file.
        inputs: files the command reads; those that do not exist are passed over.
        depth: bits a channel that it is to hold.

    Raises:
        StylizeError: the suffix is unknown or cannot hold that depth, the path is a folder or one
            of the inputs (through links too), or the nearest folder there is cannot be written to.
    """
    encoders.check_depth(format_of(path), depth)
    check_place(path, inputs)


def check_place(path: Path, inputs: Iterable[Path]) -> None:
    """The part of `check_writable` that holds for a file of any kind.

    Raises:
        StylizeError: the path is a folder or an input, or its folder cannot be written to.
    """
    try:
        if path.is_dir():
            raise StylizeError(f"{path} is a folder: name a file in it")
        if path.exists() and any(file.exists() and path.samefile(file) for file in inputs):
            raise StylizeError(f"{path} is an input and would be overwritten: name another output")
        folder = next(parent for parent in path.resolve().parents if parent.exists())
        is_writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    except PermissionError:  # a folder on the way does not open
        is_writable = False
    except OSError as error:  # a name that is too long
        raise StylizeError(
            f"cannot write {path} ({error.strerror}): name another output with -o"
        ) from error
    if not is_writable:
        raise StylizeError(f"cannot write {path}: its folder is not writable; choose another")
