"""File <-> float RGB tensor.

torch is imported where a tensor is made, not above: a command that runs a compiled model needs the
rest of this module and must not wait for torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylize_cli import decoders, encoders, files
from stylize_cli.encoders import Depth, Format
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from torch import Tensor

DEVICES = Path("/dev")
FORMATS: dict[str, Format] = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}


@dataclass(frozen=True)
class Planes:
    """A picture in memory.

    Attributes:
        rgb: (1, 3, H, W) float32, sRGB in [0, 1].
        alpha: (1, 1, H, W) float32 in [0, 1], not premultiplied; None where all is opaque.
        note: what a reader should be told of the file ("first of 12 frames"), or "".
    """

    rgb: Tensor
    alpha: Tensor | None = None
    note: str = ""


def read(path: Path) -> Planes:
    """Read an image file: upright, in sRGB, the first frame of an animation.

    Raises:
        StylizeError: the file is missing, not readable, or not a whole image of a sane size.
    """
    import torch  # noqa: PLC0415 - see the module's docstring

    pixels, note = decoders.decode(files.contents(path), name=str(path))
    planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
    alpha = planes[:, 3:] if planes.shape[1] == 4 else None
    return Planes(planes[:, :3], alpha, note)


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


def longest(fits: Callable[[int], bool], below: int) -> int:
    """The largest multiple of 16 px under `below` that fits, 0 where none does; by bisection."""
    least, most = 0, (below - 1) // 16 + 1
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(16 * middle) else (least, middle)
    return 16 * least


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
    there = image.device
    if there.type == "mps":  # which has no such filter
        image = image.cpu()
    return (
        functional.interpolate(image, size=size, mode="bicubic", antialias=True)
        .clamp(0, 1)
        .to(there)
    )


def at_area(image: Tensor, pixels: int, *, least: int = 1) -> Tensor:
    """The image (N, C, H, W) at about so many pixels, its aspect kept; see `same_area`."""
    return resize(image, same_area(size_of(image), pixels, least=least))


def write(path: Path, picture: Planes, *, quality: int = 95, depth: Depth = 8) -> None:
    """Write a picture in the format of the path's suffix; the file appears whole or not at all.

    Missing folders are created. See `encoders.encode` for transparency, the options and rounding.

    Raises:
        StylizeError: the suffix is unknown, or the folder cannot be written to.
    """
    planes = picture.rgb.detach().cpu().numpy()
    if picture.alpha is not None:
        planes = np.concatenate([planes, picture.alpha.detach().cpu().numpy()], axis=1)
    (pixels,) = planes.transpose(0, 2, 3, 1)
    files.write(path, encoders.encode(pixels, format_of(path), quality=quality, depth=depth))


def format_of(path: Path) -> Format:
    """The format that a path's suffix names.

    Raises:
        StylizeError: it names none that can be written.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        if DEVICES in path.parents:
            raise StylizeError(f"{path} is no file: give -o -, and send stdout there") from None
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
    files.check_place(path, inputs)
