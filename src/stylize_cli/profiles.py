"""Colour profiles: pixels of any into sRGB, and the one that sRGB files carry."""

import contextlib
import struct
from collections.abc import Callable
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stylize_cli.arrays import Pixels

Curve = Callable[[Pixels], Pixels]

ROWS = 64  # converted at once: the steps between take several times their memory
_DATE = slice(24, 36)  # of a profile's header: the same picture gives the same bytes on any day


@cache
def srgb() -> bytes:
    """The profile of sRGB, 588 bytes."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """An opaque image of 8 bits to RGB, through its profile where it has one that fits it."""
    if image.mode == "LAB":
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    elif image.mode not in ("L", "CMYK", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if not icc or icc == srgb():
        return image if image.mode == "RGB" else image.convert("RGB")
    with contextlib.suppress(ImageCms.PyCMSError, OSError):
        source = ImageCms.ImageCmsProfile(BytesIO(icc))
        if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if converted is not None:
            return converted
    return image.convert("RGB")


def deep_to_srgb(planes: Pixels, icc: bytes | None) -> Pixels:
    """Pixels of more than 8 bits to RGB; ImageCms knows 8 only.

    Profiles of three curves and a matrix are computed (ICC.1:2010, 8.3 and annex F). Of tables, the
    8-bit conversion is taken, and what 8 bits leave out is added to it.

    Args:
        planes: (1, H, W) grey or (3, H, W), in [0, 1]; overwritten.
        icc: the profile, or None.

    Returns:
        (3, H, W) sRGB in [0, 1].
    """
    if len(planes) == 1:
        return _grey(planes[0], icc)
    if not icc or icc == srgb():
        return planes
    convert = _by_matrix(icc) or _by_table(icc)
    for row in range(0, planes.shape[1], ROWS):
        planes[:, row : row + ROWS] = convert(planes[:, row : row + ROWS])
    return planes


def _grey(values: Pixels, icc: bytes | None) -> Pixels:
    # Between the colours of 256 greys the curve is smooth.
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    curve = np.asarray(to_srgb(ramp, icc))[0] / 255
    planes = np.empty((3, *values.shape), np.float32)
    if (curve[:, 0] == np.linspace(0, 1, 256)).all():
        planes[:] = values
        return planes
    at = np.linspace(0, 1, 256)
    for plane, channel in zip(planes, curve.T, strict=True):
        for row, line in zip(plane, values, strict=True):
            row[:] = np.interp(line, at, channel)
    return planes


def _by_table(icc: bytes) -> Callable[[Pixels], Pixels]:
    def convert(planes: Pixels) -> Pixels:
        levels = (planes * 255).round().astype(np.uint8)
        shown = to_srgb(Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0))), icc)
        rest = planes - levels / np.float32(255)
        moved = np.asarray(shown, np.float32).transpose(2, 0, 1) / np.float32(255) + rest
        return moved.clip(0, 1)

    return convert


def _by_matrix(icc: bytes) -> Callable[[Pixels], Pixels] | None:
    """The conversion of an RGB profile of curves and a matrix; None for any other."""
    try:
        curves, matrix = _primaries(icc)
        _, target = _primaries(srgb())
        mix = np.linalg.solve(target, matrix).astype(np.float32)
    except (KeyError, ValueError, struct.error, np.linalg.LinAlgError):
        return None

    def convert(planes: Pixels) -> Pixels:
        linear = np.stack([curve(plane) for curve, plane in zip(curves, planes, strict=True)])
        light = np.tensordot(mix, linear, 1).clip(0, 1)
        bright = 1.055 * light ** np.float32(1 / 2.4) - 0.055
        return np.where(light <= 0.0031308, 12.92 * light, bright).astype(np.float32)

    return convert


def _primaries(icc: bytes) -> tuple[list[Curve], NDArray[np.float64]]:
    """The curves of R, G and B, and their colours as the columns of a matrix: XYZ at D50."""
    tags = _tags(icc)
    if icc[16:20] != b"RGB " or b"A2B0" in tags:
        raise ValueError
    matrix = np.array([_fixed(tags[c + b"XYZ"], 8, 3) for c in (b"r", b"g", b"b")]).T
    return [_curve(tags[c + b"TRC"]) for c in (b"r", b"g", b"b")], matrix


def _tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, 128)
    if count > 100:
        raise ValueError
    entries = [struct.unpack_from(">4sII", icc, 132 + 12 * index) for index in range(count)]
    return {name: icc[offset : offset + size] for name, offset, size in entries}


def _fixed(tag: bytes, offset: int, count: int) -> list[float]:
    """Numbers of 16 bits before the point and 16 behind it."""
    return [value / 65536 for value in struct.unpack_from(f">{count}i", tag, offset)]


def _curve(tag: bytes) -> Curve:
    """A channel's curve, from values in [0, 1] to light in [0, 1] (ibid., 10.5 and 10.15)."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return lambda x: x
        if count == 1:
            (gamma,) = struct.unpack_from(">H", tag, 12)
            return lambda x: x ** np.float32(gamma / 256)
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        at = np.linspace(0, 1, count)
        return lambda x: np.interp(x, at, table).astype(np.float32)
    (kind,) = struct.unpack_from(">H", tag, 8)
    if tag[:4] != b"para" or kind > 4:
        raise ValueError
    g, *rest = _fixed(tag, 12, (1, 3, 4, 5, 7)[kind])
    a, b, c, d, e, f = [*rest, *(1.0, 0.0, 0.0, 0.0, 0.0, 0.0)[len(rest) :]]
    if kind == 1:
        d = -b / a if a else 0.0
    elif kind == 2:  # c is added on both sides
        c, d, e, f = 0.0, -b / a if a else 0.0, c, c

    def light(x: Pixels) -> Pixels:
        bright = np.maximum(a * x + b, 0) ** np.float32(g) + e
        return np.where(x >= d, bright, c * x + f).astype(np.float32).clip(0, 1)

    return light
