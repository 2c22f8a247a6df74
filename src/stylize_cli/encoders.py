"""Sample values -> the bytes of a PNG, JPEG, WebP or TIFF file. The same pixels, the same bytes."""

import struct
import zlib
from io import BytesIO
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylize_cli.errors import StylizeError

Format = Literal["PNG", "JPEG", "WEBP", "TIFF"]
Depth = Literal[8, 16]
Samples = NDArray[np.uint8] | NDArray[np.uint16]

_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}  # pixels: limits of libjpeg and of the WebP format
# Of zlib in 8-bit PNG: of a filtered painting, runs are all that repeats. It takes a quarter of the
# time that Pillow's default takes, and no more bytes.
_LEVEL = 1
_FULL_CHROMA_QUALITY = 90  # from here on JPEG keeps colour at full resolution (4:4:4)


def check_depth(format: Format, depth: Depth) -> None:
    """Refuse 16 bits where the format has 8.

    Raises:
        StylizeError: the format cannot hold that depth.
    """
    if depth == 16 and format not in ("PNG", "TIFF"):
        raise StylizeError(
            f"{format} holds 8 bits a channel: use --depth 8, or an output named .png or .tif"
        )


def encode(
    pixels: NDArray[np.float32] | Samples, format: Format, *, quality: int = 95, depth: Depth = 8
) -> bytes:
    """Encode sRGB pixels; no metadata are written. JPEG has no transparency: it is laid on white.

    Args:
        pixels: (H, W, 3) or with alpha (H, W, 4), in [0, 1]; or what `quantised` made of (H, W, 3).
        format: of the file.
        quality: of JPEG and WebP, 1-100; JPEG keeps full colour resolution from 90 on.
        depth: bits a channel; 16 is for PNG and TIFF only.

    Raises:
        StylizeError: the format cannot hold that depth or that many pixels a side.
        ValueError: a value is not finite.
    """
    check_depth(format, depth)
    check_side(format, max(pixels.shape[:2]))
    if format == "JPEG" and pixels.shape[2] == 4:
        alpha = pixels[..., 3:]
        pixels = pixels[..., :3] * alpha + (1 - alpha)
    samples = quantised(pixels, depth)
    if format == "TIFF":
        return _tiff(samples)
    if depth == 16:
        return _png16(samples)
    options: dict[str, Any] = {"quality": quality}
    if format == "PNG":
        options = {"compress_level": _LEVEL, "compress_type": zlib.Z_RLE}
    if format == "JPEG":
        options["subsampling"] = "4:4:4" if quality >= _FULL_CHROMA_QUALITY else "4:2:0"
    buffer = BytesIO()
    Image.fromarray(samples).save(buffer, format, **options)
    return buffer.getvalue()


def check_side(format: Format, side: int) -> None:
    """Refuse a picture that is too long for the format.

    Raises:
        StylizeError: the format cannot hold that many pixels a side.
    """
    limit = _LONGEST_SIDE.get(format)
    if limit and side > limit:
        raise StylizeError(
            f"{format} holds at most {limit} pixels a side and this picture has {side}: "
            "give the output a name ending in .png or .tif"
        )


def quantised(pixels: NDArray[np.float32] | Samples, depth: Depth) -> Samples:
    """Samples of pixels: clamped to [0, 1] and rounded to the nearest level, halves up.

    Args:
        pixels: of any shape; samples of that depth stay as they are.
        depth: bits of a sample.

    Raises:
        ValueError: a value is not finite.
    """
    if pixels.dtype.kind == "u":
        return cast(Samples, pixels)
    if not np.isfinite(pixels).all():
        raise ValueError("pixels to encode must be finite")
    top, half = np.float32(2**depth - 1), np.float32(0.5)
    # The conversion truncates, so this rounds half up.
    levels = np.clip(cast(NDArray[np.float32], pixels), 0, 1) * top + half
    return levels.astype(np.uint8) if depth == 8 else levels.astype(np.uint16)


def _tiff(samples: Samples) -> bytes:
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
    )
    return buffer.getvalue()


def _png16(samples: Samples) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write (PNG specification, 5 and 9)."""
    height, width, channels = samples.shape
    rows = samples.astype(">u2", order="C").view(np.uint8).reshape(height, width * channels * 2)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = 2  # filter "Up": each byte less the one above it
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]
    colour_type = {3: 2, 4: 6}[channels]  # truecolour, truecolour with alpha
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
