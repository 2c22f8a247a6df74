"""JPEGs: decoded at a part of their size, and without their end mark."""

from PIL import ImageFile

from stylize_cli import headers

CUT = "its end mark is missing"
_END = b"\xff\xd9"


def draft(image: ImageFile.ImageFile, side: int | None) -> None:
    """Lets a JPEG be decoded at a half, a quarter or an eighth; of other formats nothing changes.

    Args:
        image: that is opened and not decoded.
        side: px that its sides are to have at least; None is all.
    """
    if side is not None:
        image.draft(None, (side, side))


def loaded(
    image: ImageFile.ImageFile, data: bytes, side: int | None
) -> tuple[ImageFile.ImageFile, str]:
    """The picture, decoded; and what its file lacks, or "".

    Args:
        image: of any format, opened.
        data: its file.
        side: see `draft`.

    Raises:
        OSError: the file lacks more than an end mark.
    """
    try:
        image.load()
    except OSError:
        whole = _completed(data, side) if image.format in ("JPEG", "MPO") else None
        if whole is None:
            raise
        return whole, CUT
    return image, ""


def _completed(data: bytes, side: int | None) -> ImageFile.ImageFile | None:
    """A JPEG whose file lacks its end mark; None where it lacks more.

    It is decoded with two different endings: pixels that are not in the file would differ.
    """
    body = data.rstrip(_END[:1])
    one, other = (headers.opened(body + more + _END) for more in (b"", b"\x55" * 64))
    for image in (one, other):
        draft(image, side)
        image.load()
    return one if one.tobytes() == other.tobytes() else None
