"""Pictures of more than 8 bits a channel, which Pillow reads as 8 or not at all: PNG and TIFF."""

import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from stylize_cli.arrays import Pixels

if TYPE_CHECKING:
    from tifffile import TiffPage


MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# tifffile's names for kinds of TIFF (TIFF 6.0, sections 3 to 8 and 18).
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
ASSOCIATED = 1  # colours are multiplied by the alpha
SEPARATE = 2  # one channel after the other
NONE, DEFLATE, PACKBITS = (1,), (8, 32946), (32773,)  # compressions that need no other package

# How Pillow calls 16 bits that it reads as 8; of "a", colours are multiplied by the alpha.
_TRUE_COLOUR = ("RGB;16", "RGBX;16", "RGBA;16", "RGBa;16")
_SWAPPED = {"B": "L", "L": "B", "N": "B"}  # names the other byte of a sample

# Unhandled, its log of what is odd in a file would go to the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Deep:
    """What a file holds.

    Attributes:
        planes: (C, H, W) of the first, in [0, 1]: grey or RGB, and alpha where there is any, not
            premultiplied.
        frames: how many pictures there are.
        icc: its colour profile.
        orientation: as EXIF has it.
    """

    planes: Pixels
    frames: int
    icc: bytes | None
    orientation: int


class Unreadable(Exception):
    """A kind of file that nothing here reads right; the text says which."""


def unit(values: NDArray[Any], top: float) -> Pixels:
    """Samples as float32 in [0, 1], for what is white; brighter ones are scaled into that range."""
    brightest = float(values.max(initial=0, where=np.isfinite(values)))
    found = values.astype(np.float32)
    np.nan_to_num(found, copy=False, nan=0, posinf=0, neginf=0)
    found /= np.float32(max(top, brightest))
    return found.clip(0, 1, out=found)


def sixteen(opened: Callable[[], ImageFile.ImageFile]) -> Pixels | None:
    """Samples of a PNG or TIFF of 16 bits a channel that Pillow would cut to 8.

    It is decoded twice, once for the upper and once for the lower byte of every sample.

    Args:
        opened: opens the file, not loaded.

    Returns:
        (C, H, W) in [0, 1]: grey and alpha, RGB or RGBA; None where the file is of another kind.
    """
    image = opened()
    mode = _raw_mode(image)
    if mode == "LA;16B":  # as RGBA of 8 bits its samples are the bytes of L and A
        bytes_of = np.asarray(_loaded(image, "RGBA")).astype(np.uint16)
        return unit((bytes_of[..., ::2] << 8 | bytes_of[..., 1::2]).transpose(2, 0, 1), 65535)
    if mode[:-1] not in _TRUE_COLOUR or image.mode not in ("RGB", "RGBA"):
        return None
    kind, order = mode[:-1].replace("a", "A"), mode[-1]  # as they are, not divided by the alpha
    upper = np.asarray(_loaded(image, kind + order))
    lower = np.asarray(_loaded(opened(), kind + _SWAPPED[order]))
    planes = np.empty((upper.shape[2], *upper.shape[:2]), np.float32)
    for channel, plane in enumerate(planes):
        plane[:] = upper[..., channel].astype(np.uint16) << 8 | lower[..., channel]
        plane /= 65535
    return divided(planes) if "a" in mode else planes


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """How the bytes of its file are laid out, in Pillow's words."""
    arguments = image.tile[0].args if image.tile else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _loaded(image: ImageFile.ImageFile, mode: str) -> Image.Image:
    """The image, its bytes taken for those of another layout of the same length."""
    image.tile = [
        tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode)
        for tile in image.tile
    ]
    image.load()
    return image


def tiff(data: bytes, check: Callable[[tuple[int, int]], None]) -> Deep | None:
    """Reads a TIFF of more than 8 bits a channel.

    Args:
        data: an image file.
        check: told (width, height) before anything is decoded; raises where that is too much.

    Returns:
        Its first page; None where the file is another, has 8 bits or fewer, or where Pillow reads
        it right.

    Raises:
        Unreadable: a compression that needs another package, or more than one layer.
        Exception: whatever its parser runs into in damaged data.
    """
    if data[:4] not in MAGIC:
        return None
    import tifffile  # noqa: PLC0415 - 4 MB that only TIFF needs

    try:
        file = tifffile.TiffFile(BytesIO(data))
        page, frames = file.pages.first, len(file.pages)
        kind = int(page.photometric)
    except Exception:  # what it cannot parse, Pillow may
        return None
    if kind not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        return None
    is_odd = kind != RGB or ASSOCIATED in map(int, page.extrasamples)  # for Pillow, in layers
    layers = page.planarconfig == SEPARATE and is_odd and page.samplesperpixel > 1
    is_signed = page.dtype == np.int8
    if page.bitspersample <= 8 and not layers and not is_signed:
        return None
    if page.compression not in NONE + DEFLATE + PACKBITS:
        sixteen_bits = page.dtype == np.uint16 and page.bitspersample == 16
        if page.planarconfig != SEPARATE and kind != WHITE_IS_ZERO and sixteen_bits:
            return None
        raise Unreadable(f"its compression is {getattr(page.compression, 'name', 'unknown')}")
    if page.axes not in ("YX", "YXS", "SYX"):
        raise Unreadable(f"its axes are {page.axes}")
    check((page.imagewidth, page.imagelength))
    if page.compression in DEFLATE:
        _check_deflated(page, data)
    values = page.asarray() if page.bitspersample % 8 == 0 else _unpacked(page, data)
    planes = values[None] if page.axes == "YX" else values
    planes = planes if page.axes != "YXS" else planes.transpose(2, 0, 1)
    turn = page.tags.valueof(274, 1)
    return Deep(_colours(planes, page, kind), frames, page.iccprofile, turn)


def _check_deflated(page: "TiffPage", data: bytes) -> None:
    """Refuses a piece of the picture that unfolds to more than its place: a few KB may be GBs."""
    most = 1
    for length in page.chunks:
        most *= length
    most *= np.dtype(page.dtype).itemsize
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        stream = zlib.decompressobj()
        if len(stream.decompress(data[offset : offset + count], most + 1)) > most:
            raise ValueError("more data than the picture has room for")


def _unpacked(page: "TiffPage", data: bytes) -> NDArray[np.uint16]:
    """Samples that begin within a byte, such as those of 12 bits: (H, W) or (H, W, C).

    Raises:
        Unreadable: they are in tiles or in layers, or packed otherwise than by deflate.
    """
    plain = page.compression in NONE + DEFLATE and page.predictor == 1 and page.fillorder == 1
    if page.is_tiled or page.axes == "SYX" or page.bitspersample > 16 or not plain:
        raise Unreadable(f"its samples have {page.bitspersample} bits")
    strips = [
        data[at : at + count]
        for at, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    if page.compression in DEFLATE:
        strips = [zlib.decompress(strip) for strip in strips]
    bits, count = page.bitspersample, page.imagewidth * page.samplesperpixel
    length = (count * bits + 7) // 8  # bytes of a row
    lines = np.frombuffer(b"".join(strips), np.uint8)[: length * page.imagelength]
    places = 1 << np.arange(bits, dtype=np.uint32)[::-1]
    values = np.empty((page.imagelength, count), np.uint16)
    for row, line in zip(values, lines.reshape(page.imagelength, length), strict=True):
        row[:] = np.unpackbits(line)[: count * bits].reshape(count, bits) @ places
    return values.reshape(page.shape)


def _colours(planes: NDArray[Any], page: "TiffPage", kind: int) -> Pixels:
    wanted = 3 if kind == RGB else 1
    alphas = [int(extra) for extra in page.extrasamples]
    is_signed = planes.dtype.kind == "i"
    white = 1.0 if planes.dtype.kind == "f" else float(2 ** (page.bitspersample - is_signed) - 1)
    # Beyond 16 bits, integers are some instrument's: the brightest is white.
    top = min(white, 65535.0)
    if planes.ndim != 3 or len(planes) < wanted:
        raise ValueError("its samples are not those of its colours")
    colours = planes[:wanted]
    if kind == WHITE_IS_ZERO:
        colours = white - colours.astype(np.float64)
    found = unit(colours, top)
    if not alphas or alphas[0] == 0:  # none, or something else
        return found
    alpha = unit(planes[wanted : wanted + 1], white)
    if alphas[0] == ASSOCIATED:
        return divided(np.concatenate([found, alpha]))
    return np.concatenate([found, alpha])


def keyed(planes: Pixels, key: int | tuple[int, ...] | None) -> Pixels:
    """Samples with the alpha that a PNG's tRNS chunk gives them: one colour is transparent.

    Args:
        planes: (C, H, W) in [0, 1], grey or RGB.
        key: of that colour the samples of 16 bits, None where there is none.

    Returns:
        (C, H, W), or (C + 1, H, W).
    """
    if key is None:
        return planes
    colour = np.asarray(key, np.float32).reshape(-1, 1, 1) / np.float32(65535)
    return np.concatenate([planes, (planes != colour).any(0, keepdims=True)], dtype=np.float32)


def shrunk(planes: Pixels, factor: int) -> Pixels:
    """Makes channels smaller by a factor: every square of pixels becomes the mean of what is seen.

    Args:
        planes: (C, H, W) in [0, 1]; of two or four the last is alpha, not premultiplied. They are
            overwritten.
        factor: how many pixels a side of a square has.
    """
    if factor == 1:
        return planes
    has_alpha = len(planes) % 2 == 0
    if has_alpha:
        planes[:-1] *= planes[-1]
    height, width = (side // factor for side in planes.shape[1:])
    cut = planes[:, : height * factor, : width * factor]
    squares = cut.reshape(len(planes), height, factor, width, factor)
    means: Pixels = squares.mean((2, 4), dtype=np.float32)
    return divided(means) if has_alpha else means


def divided(planes: Pixels) -> Pixels:
    """(C, H, W), whose last is alpha, that the others were multiplied by; they are overwritten."""
    alpha = planes[-1]
    for plane in planes[:-1]:
        np.divide(plane, alpha, out=plane, where=alpha > 0)
        np.multiply(plane.clip(0, 1, out=plane), alpha > 0, out=plane)
    return planes
