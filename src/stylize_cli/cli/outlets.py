"""Where the results of one picture go, and the sheet that shows them all."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_cli.cli import inputs
from stylize_cli.cli.batches import STDOUT, Item
from stylize_cli.cli.inputs import STDIO
from stylize_cli.cli.outputs import Output

if TYPE_CHECKING:
    from stylize_cli.arrays import Pixels, Samples
    from stylize_cli.encoders import Depth
    from stylize_cli.methods.apply import Photo
    from stylize_cli.methods.contact import Contact

SHEET = " all-styles"  # label of the contact sheet; no style's name begins with a space


@dataclass
class Outlet:
    """Where the results of one picture go.

    Attributes:
        item: its files.
        styles: a result each; a contact sheet may go with them.
        quality: of JPEG and WebP.
        depth: bits a channel.
        keeps_metadata: whether the photo's are written with its results.
        made: its files that are there, and stay.
        exif: these metadata, once it is read.
        contact: the sheet of its results, where one is wanted.
    """

    item: Item
    styles: Sequence[str | None]
    quality: int
    depth: "Depth"
    keeps_metadata: bool = False
    made: frozenset[Path] = frozenset()
    exif: bytes = b""
    contact: "Contact | None" = field(init=False, default=None)

    def __post_init__(self) -> None:
        if SHEET in self.item.outputs:
            from stylize_cli.methods.contact import Contact

            self.contact = Contact()

    @property
    def has_sheet(self) -> bool:
        """Whether a contact sheet is to be made of the results that were saved."""
        return bool(self.contact and self.contact.small) and self.path(SHEET) not in self.made

    @property
    def name(self) -> str:
        """What to call the picture."""
        return "stdin" if self.item.source == STDIO else self.item.source

    def photo(self) -> "Photo":
        """The picture, to be read and its results to be saved in threads; stdin is read here."""
        from stylize_cli import files, headers
        from stylize_cli.methods.apply import Photo

        given = files.streamed(sys.stdin.buffer) if self.item.source == STDIO else None

        def read() -> bytes:
            data = files.contents(Path(self.item.source)) if given is None else inputs.piped(given)
            self.exif = headers.metadata(data) if self.keeps_metadata else b""
            return data

        return Photo(self.name, read, self.save)

    def path(self, style: str | None) -> Path:
        """The file of a style."""
        outputs = self.item.outputs
        return outputs.get(style or "", next(iter(outputs.values())))

    def save(self, style: str | None, pixels: "Pixels | Samples") -> None:
        """Writes a result, whole or not at all."""
        self._write(self.path(style), pixels)
        if self.contact and style is not None:
            self.contact.add(style, pixels)

    def save_sheet(self) -> tuple[int, int]:
        """Writes the sheet of the results that were saved; gives its (height, width)."""
        from stylize_cli.arrays import size_of

        assert self.contact
        drawn = self.contact.drawn(self.styles)
        self._write(self.path(SHEET), drawn)
        return size_of(drawn)

    def _write(self, path: Path, pixels: "Pixels | Samples") -> None:
        if path in self.made:
            return
        out = Output(None if path == STDOUT else path, self.quality, self.depth, self.exif)
        out.save(pixels)
