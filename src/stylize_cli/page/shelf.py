"""The pictures that the page has been given, in memory and nowhere else."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from stylize_cli import images
from stylize_cli.api.picture import Picture, of_pixels
from stylize_cli.errors import StylizeError, printable
from stylize_cli.methods import resampling

EXAMPLES = Path(__file__).with_name("examples")
MOST = 24  # pictures given
LARGEST = 64 << 20  # bytes of a file
THUMBNAIL = 224  # px, long side: twice what is shown, for fine screens
LONGEST_NAME = 80  # characters

Role = Literal["photo", "style"]


@dataclass(frozen=True)
class Shelved:
    """A picture on the shelf.

    Attributes:
        id: what the page calls it.
        name: of its file.
        role: photo or style.
        data: the bytes of its file.
        width: px.
        height: px.
        given: by whoever uses the page; the others are examples.
    """

    id: str
    name: str
    role: Role
    data: bytes
    width: int
    height: int
    given: bool
    _smaller: dict[int, Picture] = field(default_factory=dict, repr=False, compare=False)

    def described(self) -> dict[str, Any]:
        """What the page shows of it, for JSON."""
        names = ("id", "name", "role", "width", "height", "given")
        return {name: getattr(self, name) for name in names}

    def picture(self) -> Picture:
        """The whole picture, decoded anew."""
        return Picture(self.data, name=self.name)

    def within(self, long_side: int) -> Picture:
        """The picture with no side longer than that, which is kept for the next look."""
        if long_side not in self._smaller:
            self._smaller[long_side] = within(self.picture(), long_side)
        return self._smaller[long_side]


class Shelf:
    """Pictures by their id; those given are bounded in size and number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: dict[str, Shelved] = {}
        for file in sorted(EXAMPLES.glob("*.jpg")):
            role, _, name = file.name.partition("-")
            self._put(name, "style" if role == "style" else "photo", file.read_bytes(), given=False)

    def __iter__(self) -> Iterator[Shelved]:
        with self._lock:
            return iter(list(self._pictures.values()))

    def __getitem__(self, id: str) -> Shelved:
        with self._lock:
            if id not in self._pictures:
                raise StylizeError("that picture is gone: choose another")
            return self._pictures[id]

    def add(self, name: str, role: Role, data: bytes) -> Shelved:
        """Takes in the bytes of an image file.

        Raises:
            StylizeError: the shelf is full, or they are no picture.
        """
        if sum(one.given for one in self) >= MOST:
            raise StylizeError(f"{MOST} pictures are here already: remove one of them")
        return self._put(_plain(name), role, data, given=True)

    def remove(self, id: str) -> None:
        """Forgets a picture; an example stays."""
        if self[id].given:
            with self._lock:
                self._pictures.pop(id, None)

    def _put(self, name: str, role: Role, data: bytes, *, given: bool) -> Shelved:
        picture = Picture(data, name=name)
        shelved = Shelved(
            secrets.token_hex(6), name, role, data, picture.width, picture.height, given
        )
        shelved._smaller[THUMBNAIL] = within(picture, THUMBNAIL)
        with self._lock:
            self._pictures[shelved.id] = shelved
        return shelved


def within(picture: Picture, long_side: int) -> Picture:
    """A picture of 8 bits with no side longer than that."""
    own = picture.height, picture.width
    size = own if max(own) <= long_side else images.fitted(own, long_side)
    size = max(2, size[0]), max(2, size[1])
    small = of_pixels(resampling.resized(picture.floats, size), name=picture.name)
    return Picture(small.samples(), name=picture.name)


def _plain(name: str) -> str:
    """The name of a file without folders, safe to show and to type."""
    last = PurePosixPath(printable(name).replace("\\", "/")).name
    return last[-LONGEST_NAME:] or "picture.png"
