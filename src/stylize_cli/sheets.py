"""Contact sheets: pictures in rows, each under its label."""

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylize_cli.arrays import Pixels

if TYPE_CHECKING:
    from torch import Tensor

MARGIN = 8  # px around every picture
WIDEST = 4  # times the height of a picture, its width at most
TEXT = 16  # px, height of the labels
LEAST_TEXT = 11  # px, of one that would be wider than its picture
BAND = TEXT + MARGIN // 2  # px, of a line of them

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont
Cell: TypeAlias = "tuple[str, Tensor]"  # label, (1, 3, H, W) RGB in [0, 1]


def contact_sheet(rows: Sequence[Sequence[Cell]], *, height: int) -> "Tensor":
    """What `draw` draws, as a tensor (1, 3, H, W) in [0, 1]."""
    import torch  # noqa: PLC0415 - what runs a compiled model draws sheets without torch

    return torch.from_numpy(draw(rows, height=height)).permute(2, 0, 1)[None]


def grid(cells: "Sequence[tuple[str, Pixels]]") -> "list[list[tuple[str, Pixels]]]":
    """Labelled pictures (H, W, 3) in [0, 1], laid out for `draw`: about as many rows as columns."""
    columns = math.ceil(math.sqrt(len(cells)))
    laid = [(label, pixels[..., :3].transpose(2, 0, 1)[None]) for label, pixels in cells]
    return [laid[at : at + columns] for at in range(0, len(laid), columns)]


def draw(rows: "Sequence[Sequence[Cell | tuple[str, Pixels]]]", *, height: int) -> Pixels:
    """Draws labelled pictures in rows on white, each scaled to one height.

    Args:
        rows: the pictures with their labels, from top to bottom and left to right.
        height: of every picture, px.

    Returns:
        (H, W, 3) RGB in [0, 1].
    """
    drawn = [[_cell(label, picture, height) for label, picture in row] for row in rows]
    line = drawn[0][0].height + MARGIN
    width = max(sum(cell.width + MARGIN for cell in row) for row in drawn) + MARGIN
    sheet = Image.new("RGB", (width, line * len(drawn) + MARGIN), "white")
    for index, row in enumerate(drawn):
        left = MARGIN
        for cell in row:
            sheet.paste(cell, (left, MARGIN + index * line))
            left += cell.width + MARGIN
    return np.asarray(sheet, dtype=np.float32) / np.float32(255)


def cornered(table: Pixels, names: Sequence[str]) -> Pixels:
    """A table of pictures with a name at each of its corners, on white above and below.

    Args:
        table: (H, W, 3) RGB in [0, 1].
        names: of the corners, row by row.

    Returns:
        (H + 2 · `BAND`, W', 3) likewise: as wide as the table, or where two names do not fit above
        it side by side as wide as these, with the table in the middle.
    """
    half = max(1, (table.shape[1] - MARGIN) // 2)
    labels = [_label(_plain(name), half) for name in names]
    width = max(table.shape[1], 2 * max(label.shape[1] for label in labels) + MARGIN)
    upper, lower = (_band(pair, width) for pair in (labels[:2], labels[2:]))
    left = (width - table.shape[1]) // 2
    middle = np.ones((table.shape[0], width, 3), np.float32)
    middle[:, left : left + table.shape[1]] = table
    return np.concatenate([upper, middle, lower])


def _label(name: str, width: int) -> Pixels:
    """(`BAND`, W, 1): a name in black on white, in that many px where it can be so small."""
    font = _fitting(name, width)
    drawn = Image.new("L", (math.ceil(font.getlength(name)), BAND), "white")
    ImageDraw.Draw(drawn).text((0, 0), name, fill="black", font=font)
    return np.asarray(drawn, np.float32)[..., None] / np.float32(255)


def _band(labels: "Sequence[Pixels]", width: int) -> Pixels:
    """Two labels on a line of white, the second at its right end: (`BAND`, width, 3)."""
    band = np.ones((BAND, width, 3), np.float32)
    first, second = labels
    band[:, : first.shape[1]] = first
    band[:, width - second.shape[1] :] = second
    return band


def stacked(above: "Tensor", below: "Tensor") -> "Tensor":
    """Two sheets (1, 3, H, W) in [0, 1] as one, the narrower filled up with white."""
    import torch  # noqa: PLC0415 - see `contact_sheet`
    from torch.nn import functional  # noqa: PLC0415

    width = max(above.shape[3], below.shape[3])
    filled = [functional.pad(one, (0, width - one.shape[3]), value=1.0) for one in (above, below)]
    return torch.cat(filled, dim=2)


def _cell(label: str, picture: "Tensor | Pixels", height: int) -> Image.Image:
    """One picture under its label on white, as wide as the wider of them."""
    image, label = _scaled(picture, height), _plain(label)
    font = _fitting(label, image.width)
    width = max(image.width, math.ceil(font.getlength(label)))
    cell = Image.new("RGB", (width, BAND + height), "white")
    ImageDraw.Draw(cell).text((0, 0), label, fill="black", font=font)
    cell.paste(image, (0, BAND))
    return cell


def _fitting(label: str, width: int) -> Font:
    """A label's font: smaller where that makes it as narrow as its picture."""
    font = ImageFont.load_default(TEXT)
    size = math.floor(TEXT * width / max(width, font.getlength(label)))
    return ImageFont.load_default(size) if LEAST_TEXT <= size < TEXT else font


def _plain(label: str) -> str:
    """A label without accents, which the font that Pillow carries draws as boxes."""
    parts = unicodedata.normalize("NFKD", label)
    return "".join(part for part in parts if not unicodedata.combining(part))


def fitted(size: tuple[int, int], height: int) -> tuple[int, int]:
    """The (height, width) at which a picture of that size is drawn, at least 1 each.

    One that is wider than four of its height becomes lower: a line of 600x2 px would else be drawn
    76,800 px wide.
    """
    share = min(height / size[0], WIDEST * height / size[1])
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _scaled(picture: "Tensor | Pixels", height: int) -> Image.Image:
    pixels = np.asarray(picture)[0].transpose(1, 2, 0)
    image = Image.fromarray((pixels * 255).round().astype(np.uint8))
    rows, columns = fitted((image.height, image.width), height)
    return image.resize((columns, rows), Image.Resampling.BICUBIC)
