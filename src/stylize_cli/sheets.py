"""Contact sheets: pictures in rows, each under its label."""

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
    font = ImageFont.load_default(TEXT)
    drawn = [[(label, _scaled(picture, height)) for label, picture in row] for row in rows]
    line = height + TEXT + 2 * MARGIN
    width = max(sum(picture.width + MARGIN for _, picture in row) for row in drawn) + MARGIN
    sheet = Image.new("RGB", (width, line * len(drawn) + MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    for index, row in enumerate(drawn):
        left, top = MARGIN, MARGIN + index * line
        for label, picture in row:
            pen.text((left, top), label, fill="black", font=font)
            sheet.paste(picture, (left, top + TEXT + MARGIN // 2))
            left += picture.width + MARGIN
    return torch.from_numpy(np.asarray(sheet, dtype=np.float32) / 255).permute(2, 0, 1)[None]


def _scaled(picture: Tensor, height: int) -> Image.Image:
    size = (height, max(1, round(picture.shape[3] * height / picture.shape[2])))
    pixels = images.resize(picture, size)[0].permute(1, 2, 0)
    return Image.fromarray((pixels.numpy() * 255).round().astype(np.uint8))
