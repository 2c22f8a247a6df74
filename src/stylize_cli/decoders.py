"""Bytes of an image file -> sRGB pixels, whatever the file's mode, profile, rotation or depth."""

import contextlib
import logging
import threading
import warnings
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from stylize_cli.errors import StylizeError

Pixels = NDArray[np.float32]

MIN_SIDE = 2  # pixels; a one-pixel line has no texture, and no neighbours to take differences with

_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Several "frames" of these are a preview beside the photo, or layers below the whole picture.
_NOT_FRAMES = {"MPO", "PSD"}

# The filters of warnings are the process's: threads inside together would undo each other's.
_FILTERS = threading.Lock()

# Unhandled, Pillow's log of what is odd in a file would go to the terminal.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode(data: bytes, *, name: str) -> tuple[Pixels, str]:
    """Decode the first frame of an image file, upright and in sRGB.

    Where a pixel is fully transparent, the colour hidden there is replaced by the mean visible
    colour: editors leave anything there, and a descriptor would see it.

    Args:
        data: the file, in any format that Pillow reads.
        name: what to call it in errors.

    Returns:
        The pixels, (H, W, 3) or with transparency (H, W, 4), float32 in [0, 1], alpha not
        premultiplied; and what a reader should be told ("first of 12 frames"), or "".

    Raises:
        StylizeError: the data is empty, not an image, damaged, too large or too small.
    """
    if not data:
        raise StylizeError(f"{name} is empty: copy or download it again")
    with _FILTERS, warnings.catch_warnings():
        # What Pillow warns of is either harmless (odd metadata) or fails below.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image, note = _opened(data, name)
        if min(image.size) < MIN_SIDE:
            raise StylizeError(
                f"{name} is {image.width}x{image.height} pixels: "
                f"give a picture of at least {MIN_SIDE}x{MIN_SIDE}"
            )
        image = _upright(image)
        pixels = _deep_grey(image) if _is_deep_grey(image) else _colours(image)
    return pixels, note


def pixels_of(image: Image.Image) -> Pixels:
    """The pixels of an image that Pillow holds, as `decode` gives those of a file."""
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = _upright(image)
        return _deep_grey(image) if _is_deep_grey(image) else _colours(image)


def _opened(data: bytes, name: str) -> tuple[Image.Image, str]:
    try:
        image = Image.open(BytesIO(data))
        frames = 1 if image.format in _NOT_FRAMES else getattr(image, "n_frames", 1)
        image.load()
    except UnidentifiedImageError:
        raise StylizeError(
            f"{name} is not an image of a known format: convert it to PNG or JPEG first"
        ) from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        said = str(error).partition(",")[0]  # "Image size (… pixels) exceeds limit of … pixels"
        raise StylizeError(f"{name} is too large: {said}; make it smaller first") from None
    except Exception as error:  # a decoder fed damaged data raises whatever its parser ran into
        reason = str(error) or type(error).__name__
        raise StylizeError(
            f"{name} is damaged or cut short ({reason}): copy or download it again"
        ) from error
    return image, f"first of {frames} frames" if frames > 1 else ""


def _upright(image: Image.Image) -> Image.Image:
    # Not ImageOps.exif_transpose: it writes the metadata anew, and fails where they are odd.
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken metadata are no reason to refuse a good picture
        return image
    return image if turn is None else image.transpose(turn)


def _is_deep_grey(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _deep_grey(image: Image.Image) -> Pixels:
    """Grey of more than 8 bits: 16-bit integers in modes I;16 and I, [0, 1] in mode F.

    Brighter values are scaled into that range instead of clipped.
    """
    values = np.nan_to_num(np.asarray(image, np.float64), posinf=0, neginf=0).clip(min=0)
    values /= max(1.0 if image.mode == "F" else 65535.0, values.max())
    # ImageCms knows 8 bits only; between the colours of its 256 greys the curve is smooth.
    greys = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    curve = np.asarray(_srgb(greys, image.info.get("icc_profile")))[0] / 255
    at = np.linspace(0, 1, 256)
    return np.stack([np.interp(values, at, curve[:, c]) for c in range(3)], -1, dtype=np.float32)


def _colours(image: Image.Image) -> Pixels:
    icc = image.info.get("icc_profile")
    if not image.has_transparency_data:
        return _unit(_srgb(image, icc))
    if image.mode == "La":  # the one premultiplied mode that does not convert to RGBA directly
        image = image.convert("LA")
    is_grey = image.mode in ("1", "L", "LA")
    image = image.convert("RGBA")
    alpha = _unit(image.getchannel("A"))
    rgb = _unit(_srgb(image.getchannel("R") if is_grey else image.convert("RGB"), icc))
    if alpha.min() == 1:
        return rgb
    if alpha.max() > 0:
        rgb[alpha == 0] = np.tensordot(alpha, rgb, axes=2) / alpha.sum(dtype=np.float64)
    return np.dstack([rgb, alpha])


def _srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """An opaque image through its profile to RGB; through none where it is broken or misfits."""
    if image.mode == "LAB":
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    elif image.mode not in ("L", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if not icc:
        return image.convert("RGB")
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


def _unit(image: Image.Image) -> Pixels:
    return np.asarray(image, np.float32) / np.float32(255)
