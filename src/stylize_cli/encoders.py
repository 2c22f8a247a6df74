"""Sample values -> the bytes of a PNG, JPEG, WebP or TIFF file. The same pixels, the same bytes."""

from io import BytesIO
from typing import Any, Literal, cast

import numpy as np
from PIL import Image

from stylize_cli import choices, pngs, profiles
from stylize_cli.arrays import Pixels, Samples
from stylize_cli.errors import StylizeError

Format = Literal["PNG", "JPEG", "WEBP", "TIFF"]
Depth = Literal[8, 16]

_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}  # pixels: limits of libjpeg and of the WebP format
_WHITE = {"uint8": np.float32(255), "uint16": np.float32(65535)}
_ROWS = 64  # converted at once: whole, the steps between take several times the picture
_TEXTS = (270, 271, 272, 305, 306, 315, 33432)  # of TIFF: description, camera, date, author
_EXIF, _MAKER_NOTE = 0x8769, 0x927C  # of metadata: a part, and in it what a camera keeps for itself
_MOST_EXIF = 65533  # bytes of metadata that a JPEG holds
_FULL_CHROMA_QUALITY = 90  # from here on JPEG keeps colour at full resolution (4:4:4)


def check_depth(format: Format, depth: Depth) -> None:
    """Refuse 16 bits where the format has 8, and what is no format or depth.

    Raises:
        StylizeError: the format cannot hold that depth, or they are unknown.
    """
    choices.check({"format": format, "depth": depth}, check_depth.__annotations__)
    if depth == 16 and format not in ("PNG", "TIFF"):
        raise StylizeError(
            f"{format} holds 8 bits a channel: use `depth` 8, or an output named .png or .tif"
        )


def encode(
    pixels: Pixels | Samples,
    format: Format,
    *,
    quality: int = 95,
    depth: Depth = 8,
    exif: bytes = b"",
) -> bytes:
    """Encode sRGB pixels, and say that they are. JPEG has no transparency: it is laid on white.

    Args:
        pixels: (H, W, 3) or with alpha (H, W, 4), in [0, 1]; or what `quantised` made of (H, W, 3).
        format: of the file.
        quality: of JPEG and WebP, 1-100; JPEG keeps full colour resolution from 90 on.
        depth: bits a channel; 16 is for PNG and TIFF only.
        exif: metadata to write, from `headers.metadata`; TIFF gets the texts among them (date,
            camera, author), JPEG what it holds: 64 KB.

    Raises:
        StylizeError: the format cannot hold that depth or that many pixels a side.
        ValueError: a value is not finite.
    """
    check_depth(format, depth)
    check_side(format, max(pixels.shape[:2]))
    samples = quantised(pixels, depth, on_white=format == "JPEG" and pixels.shape[2] == 4)
    if format == "TIFF":
        return _tiff(samples, exif)
    if format == "PNG":
        return pngs.encode(samples, exif)
    options: dict[str, Any] = {"quality": quality, "icc_profile": profiles.srgb()}
    if format == "JPEG":
        options["subsampling"] = "4:4:4" if quality >= _FULL_CHROMA_QUALITY else "4:2:0"
        exif = _shortened(exif)
    if exif:
        options["exif"] = exif
    buffer = BytesIO()
    Image.fromarray(samples).save(buffer, format, **options)
    return buffer.getvalue()


def check_side(
    format: Format, side: int, *, fix: str = "give the output a name ending in .png or .tif"
) -> None:
    """Refuse a picture that is too long for the format.

    Args:
        format: of the file.
        side: the longer one, px.
        fix: what to advise.

    Raises:
        StylizeError: the format cannot hold that many pixels a side.
    """
    limit = _LONGEST_SIDE.get(format)
    if limit and side > limit:
        raise StylizeError(
            f"{format} holds at most {limit} pixels a side and this picture has {side}: {fix}"
        )


def quantised(pixels: Pixels | Samples, depth: Depth, *, on_white: bool = False) -> Samples:
    """Samples of pixels: clamped to [0, 1] and rounded to the nearest level, halves up.

    Args:
        pixels: (H, ...), or samples of that depth, which stay as they are but on white.
        depth: bits of a sample.
        on_white: whether their last axis is RGBA, which becomes RGB laid on white.

    Raises:
        ValueError: a value is not finite.
    """
    is_samples = pixels.dtype.kind == "u"
    if is_samples and not on_white:
        return cast(Samples, pixels)
    shape = (*pixels.shape[:-1], 3) if on_white else pixels.shape
    samples = np.empty(shape, np.uint8 if depth == 8 else np.uint16)
    top, half = np.float32(2**depth - 1), np.float32(0.5)
    for row in range(0, len(pixels), _ROWS):
        block = cast(Pixels, pixels[row : row + _ROWS])
        if is_samples:
            block = block / top
        if not np.isfinite(block).all():
            raise ValueError("pixels to encode must be finite")
        if on_white:
            block = block[..., :3] * block[..., 3:] + (1 - block[..., 3:])
        # The conversion truncates, so this rounds half up.
        samples[row : row + _ROWS] = np.clip(block, 0, 1) * top + half
    return samples


def floats(pixels: Pixels | Samples) -> Pixels:
    """What `quantised` made samples of: float32 in [0, 1], of the same shape.

    Args:
        pixels: samples; or floats, which stay as they are.
    """
    white = _WHITE.get(pixels.dtype.name)
    if white is None:
        return pixels.astype(np.float32, copy=False)
    found: Pixels = np.divide(pixels, white, dtype=np.float32)
    return found


def _tiff(samples: Samples, exif: bytes) -> bytes:
    import tifffile  # noqa: PLC0415 - 4 MB that only TIFF needs

    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        samples,
        photometric="rgb",
        extrasamples=["unassalpha"] if samples.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        metadata=None,
        software=False,
        iccprofile=profiles.srgb(),
        extratags=_texts(exif),
    )
    return buffer.getvalue()


def _shortened(exif: bytes) -> bytes:
    """Metadata that fit into a JPEG: without the maker's note, or none, where all are too long."""
    if len(exif) <= _MOST_EXIF:
        return exif
    found = Image.Exif()
    found.load(exif)
    found.get_ifd(_EXIF).pop(_MAKER_NOTE, None)
    shorter = found.tobytes()
    return shorter if len(shorter) <= _MOST_EXIF else b""


def _texts(exif: bytes) -> list[tuple[int, str, int, str, bool]]:
    """Metadata that are texts, as tifffile takes them: ASCII alone."""
    found = Image.Exif()
    found.load(exif)
    texts = ((tag, str(found[tag]).rstrip("\0")) for tag in _TEXTS if tag in found)
    return [(tag, "s", 0, text, True) for tag, text in texts if text.isascii()]
