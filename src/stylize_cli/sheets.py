"""Contact sheets: pictures in rows, each under its label."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from stylize_cli import images

MARGIN = 8  # px around every picture
TEXT = 16  # px, height of the labels

Cell = tuple[str, Tensor]  # label, (1, 3, H, W) RGB in [0, 1]


def contact_sheet(rows: Sequence[Sequence[Cell]], *, height: int) -> Tensor:
    """Draws labelled pictures in rows on white, each scaled to one height.

    Args:
        rows: the pictures with their labels, from top to bottom and left to right.
        height: of every picture, px.

    Returns:
        (1, 3, H, W) RGB in [0, 1].
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
    return torch.from_numpy(np.asarray(sheet, dtype=np.float32) / 255).permute(2, 0, 1)[None]


def _cell(label: str, picture: Tensor, height: int) -> Image.Image:
    """One picture under its label on white, as wide as the wider of them."""
    font = ImageFont.load_default(TEXT)
    image = _scaled(picture, height)
    top = TEXT + MARGIN // 2
    width = max(image.width, math.ceil(font.getlength(label)))
    cell = Image.new("RGB", (width, top + height), "white")
    ImageDraw.Draw(cell).text((0, 0), label, fill="black", font=font)
    cell.paste(image, (0, top))
    return cell


def _scaled(picture: Tensor, height: int) -> Image.Image:
    size = (height, max(1, round(picture.shape[3] * height / picture.shape[2])))
    pixels = images.resize(picture, size)[0].permute(1, 2, 0)
    return Image.fromarray((pixels.numpy() * 255).round().astype(np.uint8))
