"""Bytes of an image file -> sRGB pixels, whatever the file's mode, profile, rotation or depth."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from stylize_cli import deep, hardware, headers, jpegs, profiles
from stylize_cli.arrays import Pixels
from stylize_cli.errors import StylizeError, amount

MIN_SIDE = 2  # pixels; a one-pixel line has no texture, and no neighbours to take differences with
MOST = 2**30  # pixels of a file, however much memory there is
SPARE = 2  # sides that are read for each that is wanted: the rest is left to a better filter
# Bytes a pixel at the peak: as decoded and converted; more where a channel has 16 bits; as floats.
DECODED, DEEP, FLOATS = 12, 24, 24
BYTES = 4  # a pixel, of one that stays as its file has it
COEFFICIENTS = 6  # bytes a pixel: of a progressive JPEG

_UPRIGHT: dict[int, Callable[[Any], Any]] = {
    2: lambda planes: planes[:, :, ::-1],
    3: lambda planes: planes[:, ::-1, ::-1],
    4: lambda planes: planes[:, ::-1],
    5: lambda planes: planes.swapaxes(1, 2),
    6: lambda planes: planes.swapaxes(1, 2)[:, :, ::-1],
    7: lambda planes: planes.swapaxes(1, 2)[:, ::-1, ::-1],
    8: lambda planes: planes.swapaxes(1, 2)[:, ::-1],
}
_NOT_FRAMES = {"MPO"}  # of which several "frames" are a preview beside the photo


def decode(
    data: bytes, *, name: str, least: int | None = None, room: int | None = None
) -> tuple[Pixels, str]:
    """Decode the first frame of an image file to floats; see `decode_lean`.

    Returns:
        The pixels, (H, W, 3) or with transparency (H, W, 4), float32 in [0, 1], alpha not
        premultiplied; and what a reader should be told ("first of 12 frames"), or "".
    """
    pixels, note = decode_lean(data, name=name, least=least, room=room, extra=FLOATS)
    if pixels.dtype == np.uint8:
        return _floats(pixels.transpose(2, 0, 1)).transpose(1, 2, 0), note
    return cast(Pixels, pixels), note


def decode_lean(
    data: bytes,
    *,
    name: str,
    least: int | None = None,
    room: int | None = None,
    extra: int = BYTES,
) -> tuple[Pixels | NDArray[np.uint8], str]:
    """Decode the first frame of an image file, upright and in sRGB.

    Where a pixel is fully transparent, the colour hidden there is replaced by the mean visible
    colour: editors leave anything there, and a descriptor would see it.

    Args:
        data: the file, in any of `headers.FORMATS`, or HEIF where pillow-heif is installed.
        name: what to call it in errors.
        least: px that the shorter side is wanted to have. Of a file that has over twice as many,
            fewer may be decoded; never fewer than `least`. None is the whole picture.
        room: bytes of memory that decoding may take; None is what is free.
        extra: bytes a pixel that whoever asks takes on top.

    Returns:
        The pixels, (H, W, 3) or with transparency (H, W, 4), alpha not premultiplied: uint8 of what
        is opaque and has 8 bits a channel, float32 in [0, 1] of all else; and what a reader should
        be told ("first of 12 frames"), or "".

    Raises:
        StylizeError: the data is empty, not an image, damaged, too large or too small.
    """
    if not data:
        raise StylizeError(f"{name} is empty: copy or download it again")
    with _reading(name):
        planes, notes = _planes(data, name, least, room, extra)
    return planes.transpose(1, 2, 0), ", ".join(notes)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """What decoders raise inside becomes a `StylizeError` that says it of the picture."""
    try:
        yield
    except UnidentifiedImageError:
        raise StylizeError(
            f"{name} is not an image of a known format: convert it to PNG or JPEG first"
        ) from None
    except deep.Unreadable as error:
        raise StylizeError(
            f"{name} is a TIFF of a kind that is not read ({error}): save it without compression, "
            "with 8 or 16 bits a channel"
        ) from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        said = str(error).partition(",")[0]  # "Image size (… pixels) exceeds limit of … pixels"
        raise StylizeError(f"{name} is too large: {said}; make it smaller first") from None
    except (StylizeError, MemoryError):
        raise
    except Exception as error:  # a decoder fed damaged data raises whatever its parser ran into
        reason = str(error) or type(error).__name__
        raise StylizeError(
            f"{name} is damaged or cut short ({reason}): copy or download it again"
        ) from error


def size_of(data: bytes) -> tuple[int, int] | None:
    """(height, width) of an image file, upright, from its header; None where that does not open."""
    try:
        image = headers.opened(data)
    except Exception:  # decoding it says what is wrong
        return None
    is_turned = headers.orientation(image) > 4
    return (image.width, image.height) if is_turned else (image.height, image.width)


def pixels_of(
    image: Image.Image, *, name: str, least: int | None = None, room: int | None = None
) -> Pixels | NDArray[np.uint8]:
    """The pixels of an image that Pillow holds, or has opened, as `decode_lean` gives a file's.

    Args:
        image: of any mode; what is left of its file to read is read.
        name: see `decode_lean`; so are the others.
        least: see there.
        room: see there.

    Raises:
        StylizeError: see there.
    """
    with _reading(name):
        decoded = DEEP if image.mode.startswith(("I", "F")) else DECODED
        check_size(name, image.size, decoded, least, room, BYTES)
        _check_open(image, name)
        planes = _colours(image, image.info.get("icc_profile"), least)
    turn = headers.orientation(image)
    return (_UPRIGHT[turn](planes) if turn in _UPRIGHT else planes).transpose(1, 2, 0)


def _check_open(image: Image.Image, name: str) -> None:
    """Raises `StylizeError` where Pillow has nothing left to read an image from."""
    try:
        image.load()
    except (ValueError, AssertionError) as error:  # the latter without a text
        if "closed" not in (str(error) or "closed"):
            raise
        raise StylizeError(f"{name} is closed: give it while it is open, or its path") from error


def _planes(
    data: bytes, name: str, least: int | None, room: int | None, extra: int
) -> tuple[Pixels | NDArray[np.uint8], list[str]]:
    """(C, H, W): RGB or RGBA, upright; and notes."""

    def check(size: tuple[int, int], decoded: float) -> None:
        check_size(name, size, decoded, least, room, extra)

    planes: Pixels | NDArray[np.uint8]
    found, notes = deep.tiff(data, lambda size: check(size, DEEP)), []
    if found is None:
        image = headers.opened(data)
        frames = 1 if image.format in _NOT_FRAMES else getattr(image, "n_frames", 1)
        side = None if least is None else SPARE * least
        jpegs.draft(image, side)
        check(image.size, _bytes_decoded(image, data))
        turn, icc = headers.orientation(image), image.info.get("icc_profile")
        if (samples := deep.sixteen(lambda: headers.opened(data))) is not None:
            planes = _deep_colours(deep.keyed(samples, image.info.get("transparency")), icc, least)
        else:
            image, cut = jpegs.loaded(image, data, side)
            notes += [cut] if cut else []
            planes = _colours(image, icc, least)
    else:
        frames, turn = found.frames, found.orientation
        planes = _deep_colours(found.planes, found.icc, least)
    if frames > 1:
        notes.insert(0, f"first of {frames} frames")
    return _UPRIGHT[turn](planes) if turn in _UPRIGHT else planes, notes


def check_size(
    name: str,
    size: tuple[int, int],
    decoded: float,
    least: int | None = None,
    room: int | None = None,
    extra: int = 0,
) -> None:
    """Refuses, before it is decoded, a picture that is too small, or for which memory will not do.

    Args:
        name: of the picture.
        size: as it will be decoded, px.
        decoded: bytes a pixel while it is.
        least: see `decode`; so is room.
        room: see there.
        extra: see `decode_lean`.

    Raises:
        StylizeError: it is one of those.
    """
    width, height = size
    if min(size) < MIN_SIDE:
        raise StylizeError(
            f"{name} is {width}x{height} pixels: give a picture of at least {MIN_SIDE}x{MIN_SIDE}"
        )
    pixels = width * height
    need = int(pixels * (decoded + extra / _factor(size, least) ** 2))
    room = hardware.available_memory() if room is None else room
    if pixels > MOST or need > room:
        raise StylizeError(
            f"{name} is too large: its {width}x{height} pixels take {amount(need)} to read, "
            f"{amount(room)} is free; make it smaller first, or leave it more memory"
        )


def _bytes_decoded(image: Image.Image, data: bytes) -> float:
    """A pixel's, at the peak of decoding."""
    if image.format == "PNG" and data[24:25] == b"\x10":
        return DEEP
    if not image.info.get("progressive"):
        return DECODED
    # All of its coefficients are held, whatever the scale at which it is decoded.
    whole = headers.opened(data).size
    return DECODED + COEFFICIENTS * whole[0] * whole[1] / (image.width * image.height)


def _factor(size: tuple[int, int], least: int | None) -> int:
    """By how much a picture can be made smaller, a side."""
    return 1 if least is None else max(1, min(size) // (SPARE * least))


def _deep_colours(planes: Pixels, icc: bytes | None, least: int | None) -> Pixels:
    """(C, H, W) of more than 8 bits, grey or RGB, with alpha or without, to RGB or RGBA."""
    planes = deep.shrunk(planes, _factor(planes.shape[1:], least))
    grey_or_rgb = planes[: len(planes) - (len(planes) + 1) % 2]
    colours = profiles.deep_to_srgb(grey_or_rgb, icc)
    if len(grey_or_rgb) == len(planes):
        return colours
    return _clean(planes if len(planes) == 4 else np.concatenate([colours, planes[1:]]))


def _colours(
    image: Image.Image, icc: bytes | None, least: int | None
) -> Pixels | NDArray[np.uint8]:
    """A decoded picture's channels, RGB or RGBA; of an opaque one of 8 bits as they are."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        top = 1.0 if image.mode == "F" else 65535.0
        grey = deep.unit(np.asarray(image)[None], top)
        return _deep_colours(deep.keyed(grey, image.info.get("transparency")), icc, least)
    if not image.has_transparency_data:
        if image.mode not in ("L", "RGB", "CMYK", "LAB"):
            image = image.convert("L" if image.mode == "1" else "RGB")
        shown = profiles.to_srgb(_reduced(image, least), icc)
        return np.array(shown).transpose(2, 0, 1)  # a copy, which can be written to
    is_grey = image.mode in ("1", "L", "LA", "La")
    if image.mode == "La":  # the one premultiplied mode that does not convert to RGBA directly
        image = image.convert("LA")
    image = image.convert("RGBA")
    if _factor(image.size, least) > 1:  # premultiplied: what is hidden does not count
        image = _reduced(image.convert("RGBa"), least).convert("RGBA")
    alpha = _unit(image.getchannel("A"))
    rgb = _unit(profiles.to_srgb(image.getchannel("R") if is_grey else image.convert("RGB"), icc))
    return _clean(np.concatenate([rgb, alpha]))


def _clean(planes: Pixels) -> Pixels:
    """RGB or RGBA without an alpha that is full everywhere, and without hidden colours."""
    if len(planes) == 3 or planes[3].min() == 1:
        return planes[:3]
    rgb, alpha = planes[:3], planes[3]
    if alpha.max() > 0:
        shown = np.tensordot(rgb, alpha, axes=2) / alpha.sum(dtype=np.float64)
        rgb[:, alpha == 0] = shown[:, None]
    return planes


def _reduced(image: Image.Image, least: int | None) -> Image.Image:
    factor = _factor(image.size, least)
    return image.reduce(factor) if factor > 1 else image


def _floats(planes: NDArray[Any]) -> Pixels:
    """(C, H, W) in [0, 1] of planes of 8 bits."""
    values = np.empty(planes.shape, np.float32)
    np.divide(planes, np.float32(255), out=values)
    return values


def _unit(image: Image.Image) -> Pixels:
    """(C, H, W) in [0, 1] of an image of 8 bits."""
    planes = np.empty((len(image.getbands()), image.height, image.width), np.float32)
    for channel, plane in enumerate(planes):
        np.divide(np.asarray(image.getchannel(channel)), np.float32(255), out=plane)
    return planes
