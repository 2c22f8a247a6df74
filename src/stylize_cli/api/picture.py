"""A picture, wherever it comes from and wherever it goes."""

from collections.abc import Sequence
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylize_cli import choices, decoders, encoders, files, headers, images
from stylize_cli.api.options import Ranges, check_ranges
from stylize_cli.arrays import Pixels, Samples
from stylize_cli.encoders import Depth, Format
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class Opened(Protocol):
    """A file that is open for reading in binary, such as a `BytesIO`."""

    def read(self) -> bytes:
        """All that is left of it."""


# What can be taken for a picture: as often as one likes, or as it is given.
Held: TypeAlias = Union[str, "PathLike[str]", bytes, Image.Image, NDArray[Any], "Picture"]
Source: TypeAlias = Held | bytearray | memoryview | Opened

SAMPLES = ("uint8", "uint16")  # types of an array; else it has floats
RANGES: Ranges = {"quality": (1, 100)}


class Encoded(bytes):
    """The bytes of an image file, and what to call them.

    Attributes:
        name: in errors and notes, and in the names of outputs; such as "stdin".
    """

    name: str

    def __new__(cls, data: bytes, name: str) -> "Encoded":
        """Names them."""
        made = super().__new__(cls, data)
        made.name = name
        return made


class Picture:
    """A picture in memory, in sRGB, with transparency where it has any.

    Args:
        source: a path; an image file that is open for reading in binary, or its bytes; a PIL image
            of any mode; another `Picture`; or a numpy array (H, W, 3) RGB or (H, W, 4) RGBA, of
            uint8, of uint16, or of floats in [0, 1]. Alpha is not premultiplied. A file is turned
            upright and brought into sRGB; of an animation the first frame is taken.
        name: what to call it in errors and in the names of outputs; a file's own is its stem.
        note: what a reader should be told of it.
        least: px that the shorter side is wanted to have: of a file or a PIL image that has many
            more, fewer are decoded. None is the whole picture.
        room: bytes of memory that decoding may take; None is what is free.

    Attributes:
        pixels: (H, W, 3) or (H, W, 4): float32 in [0, 1], or uint8 or uint16 from 0 to white.
        name: of the picture, "picture" where it has none.
        note: what a reader should be told of its file ("first of 12 frames"), or "".
        exif: its file's metadata, date, camera and place, without its turn; b"" where there are
            none. They are written where `save` is given them, and nowhere else.

    Raises:
        StylizeError: the file is missing or damaged, the array is not such a one, or the picture is
            too small or too large.
        TypeError: it is none of these.
    """

    pixels: Pixels | Samples
    name: str
    note: str
    exif: bytes

    def __init__(
        self,
        source: Source,
        *,
        name: str | None = None,
        note: str = "",
        least: int | None = None,
        room: int | None = None,
    ) -> None:
        if isinstance(source, Encoded):
            name = name or source.name
        own, found, self.exif = "picture", "", b""
        called, source = name or "the picture", held(source)
        if isinstance(source, Picture):
            self.pixels, own, found = source.pixels, source.name, source.note
            self.exif = source.exif
        elif isinstance(source, np.ndarray):
            self.pixels = _checked(source)
        elif isinstance(source, Image.Image):
            self.pixels = decoders.pixels_of(source, name=called, least=least, room=room)
        elif isinstance(source, bytes):
            self.pixels, found = decoders.decode_lean(source, name=called, least=least, room=room)
            self.exif = headers.metadata(source)
        else:
            path = Path(fspath(source))
            data = files.contents(path)
            self.pixels, found = decoders.decode_lean(data, name=str(path), least=least, room=room)
            self.exif = headers.metadata(data)
            own = path.stem
        self.name, self.note = name or own, note or found

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.pixels.shape[0])

    @property
    def floats(self) -> Pixels:
        """The pixels as float32 in [0, 1], of the same shape."""
        return encoders.floats(self.pixels)

    @property
    def named_note(self) -> str:
        """What a reader should be told of its file, behind its name; or ""."""
        return f"{self.name}: {self.note}" if self.note else ""

    def check_shows(self) -> None:
        """Raises `StylizeError` where it is transparent all over, and so shows no style."""
        if self.pixels.shape[2] == 4 and not self.pixels[..., 3].any():
            raise StylizeError(f"{self.name} is wholly transparent: a style must show something")

    def as_style(self) -> "Tensor":
        """What it shows, of a painting on a transparent canvas that alone; on no such a picture.

        Raises:
            StylizeError: it is transparent all over.
        """
        from stylize_cli import transparency  # noqa: PLC0415 - it imports torch

        self.check_shows()
        return transparency.style_of(self.planes())

    def samples(self, depth: Depth = 8) -> Samples:
        """The pixels as a file holds them: uint8, or uint16 for a depth of 16.

        Raises:
            StylizeError: the depth is another.
        """
        choices.check({"depth": depth}, Picture.samples.__annotations__)
        own = self.pixels.dtype.name
        if own == f"uint{depth}":
            return encoders.quantised(self.pixels, depth)
        return encoders.quantised(self.floats, depth)

    def save(
        self,
        path: "str | PathLike[str]",
        *,
        quality: int = 95,
        depth: Depth = 8,
        exif: bytes = b"",
    ) -> Path:
        """Writes it in the format of the path's suffix; the file appears whole or not at all.

        Args:
            path: ends in .png, .jpg, .webp or .tif; missing folders are made.
            quality: of JPEG and WebP, 1 to 100.
            depth: bits a channel; 16 for PNG and TIFF only.
            exif: metadata to write, such as another picture's.

        Returns:
            The path.

        Raises:
            StylizeError: the suffix is unknown, an option will not do, or the file cannot be
                written.
        """
        file = Path(fspath(path))
        data = self.encoded(images.format_of(file), quality=quality, depth=depth, exif=exif)
        files.write(file, data)
        return file

    def encoded(
        self, format: Format, *, quality: int = 95, depth: Depth = 8, exif: bytes = b""
    ) -> bytes:
        """The bytes of a file of it: "PNG", "JPEG", "WEBP" or "TIFF"; see `save`."""
        format = cast(Format, str(format).upper())
        encoders.check_depth(format, depth)
        check_ranges({"quality": quality}, RANGES)
        # JPEG lays a transparent picture on white, for which it wants floats.
        is_laid = format == "JPEG" and self.pixels.shape[2] == 4
        pixels = self.floats if is_laid else self.samples(depth)
        return encoders.encode(pixels, format, quality=quality, depth=depth, exif=exif)

    def to_pil(self) -> Image.Image:
        """The picture as a PIL image, RGB or RGBA of 8 bits a channel."""
        return Image.fromarray(self.samples())

    def planes(self) -> images.Planes:
        """The picture as tensors, RGB and alpha apart."""
        import torch  # noqa: PLC0415 - what runs a compiled model does without torch

        stacked = torch.from_numpy(np.ascontiguousarray(self.floats.transpose(2, 0, 1)))[None]
        alpha = stacked[:, 3:] if stacked.shape[1] == 4 else None
        return images.Planes(stacked[:, :3], alpha, self.note)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401, FBT001 - numpy's protocol
        """`numpy.asarray(picture)` is `floats`."""
        array = self.floats if dtype is None else self.floats.astype(dtype)
        return array.copy() if copy else array

    def __repr__(self) -> str:
        return f"Picture({self.name!r}, {self.width}x{self.height})"

    def _repr_png_(self) -> bytes:
        return self.encoded("PNG")


def of_pixels(pixels: Pixels | Samples, *, name: str | None = None) -> Picture:
    """A picture of what a method computed: floats, which rounding may leave beyond [0, 1].

    Floats are copied, row by row: they may be a view of a network's planes, and of a whole batch.
    """
    clipped = pixels if pixels.dtype.kind == "u" else pixels.clip(0, 1, order="C")
    return Picture(clipped, name=name)


def of_tensors(rgb: "Tensor", alpha: "Tensor | None" = None, *, name: str | None = None) -> Picture:
    """A picture of tensors.

    Args:
        rgb: (1, 3, H, W) in [0, 1].
        alpha: (1, 1, H, W) in [0, 1], or None.
        name: of the picture.
    """
    planes = [rgb] if alpha is None else [rgb, alpha]
    pixels = np.concatenate([plane.detach().cpu().numpy()[0] for plane in planes])
    return of_pixels(pixels.transpose(1, 2, 0), name=name)


def sources_of(given: Source | Sequence[Source]) -> list[Source]:
    """One source or several, as a list."""
    return list(given) if isinstance(given, (list, tuple)) else [given]  # type: ignore[list-item]


def held(source: Source) -> Held:
    """The bytes of a file that is open, which can be read again; all else as it is.

    As Pillow does, it goes back to the file's beginning where that can be done.

    Raises:
        TypeError: it is open for reading in text.
    """
    if isinstance(source, (bytearray, memoryview)):
        return bytes(source)
    if not isinstance(source, Opened):
        return source
    with suppress(AttributeError, OSError):  # of a pipe, say
        source.seek(0)  # type: ignore[attr-defined]
    data = source.read()
    if not isinstance(data, bytes):
        raise TypeError("a picture's file must be open for reading in binary, mode 'rb'")
    return data


def _checked(array: NDArray[Any]) -> Pixels | Samples:
    """An array that can be a picture, floats as float32.

    Raises:
        StylizeError: its shape, its type or its values are others.
    """
    wanted = "give (H, W, 3) or (H, W, 4) of uint8, uint16 or floats in [0, 1]"
    shape = "x".join(map(str, array.shape))
    if array.ndim != 3 or array.shape[2] not in (3, 4):
        raise StylizeError(f"an array of shape {shape} is no picture: {wanted}")
    if min(array.shape[:2]) < decoders.MIN_SIDE:
        raise StylizeError(f"a picture of {shape} is too small: give at least 2x2 pixels")
    if array.dtype.name in SAMPLES:
        return array
    if array.dtype.kind != "f":
        raise StylizeError(f"an array of {array.dtype} is no picture: {wanted}")
    if not 0 <= array.min() <= array.max() <= 1:  # false of what is no number too
        raise StylizeError(
            f"an array of values from {array.min():.4g} to {array.max():.4g} is no picture: "
            "divide it by its white, or clip it to [0, 1]"
        )
    return array.astype(np.float32, copy=False)
