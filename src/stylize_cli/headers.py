"""Image files, opened: format, turn and metadata. No pixel is decoded."""

import contextlib
import logging
import struct
import warnings
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from typing import cast

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from stylize_cli import paths

Open = Callable[[BytesIO, str], ImageFile.ImageFile]

# Nothing else is opened: other formats' readers start programs (EPS), or are seldom looked at.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "DIB", "PPM")
_READERS = {"WEBP": "WebP", "DIB": "Bmp"}  # in Pillow; of the others it is as the format
ORIENTATION = 0x0112  # the EXIF tag
# Of a TIFF: texts, resolution, and where date, camera and place are. Its other tags say how its
# pixels lie, or hold its colour profile.
_TOLD = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432, 0x8769, 0x8825)

# What Pillow warns of is either harmless (odd metadata) or fails anyhow. Once for all: the filters
# of warnings are the process's, and threads that change them undo each other's.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Unhandled, its log of what is odd in a file would go to the terminal.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def opened(data: bytes) -> ImageFile.ImageFile:
    """The picture, its header read and nothing else.

    By the format's own reader: `Image.open` refuses what has many pixels also where fewer of them
    are going to be decoded, by a limit that belongs to the whole process.
    """
    if data[4:8] == b"ftyp" and paths.reads_heif():
        import pillow_heif  # noqa: PLC0415 - an extra

        pillow_heif.register_heif_opener()
    for format in (*FORMATS, "HEIF"):
        if format in FORMATS:  # all readers at once would take as long as decoding a photo
            import_module(f"PIL.{_READERS.get(format, format.capitalize())}ImagePlugin")
        factory, accepts = Image.OPEN.get(format, (None, None))
        with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
            if factory and (accepts is None or accepts(data[:16]) is True):
                return cast(Open, factory)(BytesIO(data), "")
    raise UnidentifiedImageError


def orientation(image: Image.Image) -> int:
    """How its pixels are to be turned, as EXIF has it: 1 for not at all."""
    if image.format == "TIFF":  # which Pillow turns when it is loaded
        return 1
    # Not ImageOps.exif_transpose: it writes the metadata anew, and fails where they are odd.
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # broken metadata are no reason to refuse a good picture
        return 1


def metadata(data: bytes) -> bytes:
    """The EXIF data of an image file, with date, camera and place; b"" where there are none.

    Without what holds for its pixels alone: orientation, size, preview, and how a TIFF is laid out.
    """
    try:
        image = opened(data)
        exif = image.getexif()
        others = {*exif} - {*_TOLD} if image.format == "TIFF" else (ORIENTATION, 0x0100, 0x0101)
        for tag in others:
            exif.pop(tag, None)
        for tag in (0xA002, 0xA003):  # width and height
            exif.get_ifd(ExifTags.IFD.Exif).pop(tag, None)
        return exif.tobytes() if len(exif) else b""
    except Exception:  # broken metadata are none
        return b""
