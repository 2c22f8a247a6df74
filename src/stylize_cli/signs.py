"""Which values of a layer's maps count, in a bit each: what a gradient's way down needs of most."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

BYTE = 8  # values
GATHERED = 0x0102040810204080  # times eight bytes of 0 or 1: a number of its own in the upper byte


@dataclass(frozen=True)
class Signs:
    """Booleans (B, C, H, W), eight to a byte.

    Attributes:
        bits: one dimension, uint8.
        shape: (B, C, H, W).
    """

    bits: Tensor
    shape: torch.Size


def packed(values: Tensor) -> Signs:
    """Booleans (B, C, H, W) in an eighth of their memory; they are overwritten where it helps."""
    flat, shape = values.permute(0, 2, 3, 1).flatten(), values.shape
    if flat.numel() % BYTE:
        flat = F.pad(flat, (0, -flat.numel() % BYTE))
    return Signs(_gathered(flat), shape)


def unpacked(signs: Signs) -> Tensor:
    """The booleans again, channels-last."""
    batch, channels, height, width = signs.shape
    flat = _scattered(signs.bits.device)[signs.bits.int()].view(torch.bool)
    rows = flat[: signs.shape.numel()].view(batch, height, width, channels)
    return rows.permute(0, 3, 1, 2)


def _gathered(flat: Tensor) -> Tensor:
    """A number for every eight bytes, which are overwritten."""
    return flat.view(torch.int64).mul_(GATHERED).bitwise_right_shift_(56).to(torch.uint8)


@cache
def _scattered(device: torch.device) -> Tensor:
    """The eight bytes that `_gathered` made each of its numbers of, (256,) int64."""
    numbers = torch.arange(256, device=device)[:, None] >> torch.arange(BYTE, device=device)
    bytes_ = (numbers & 1).bool().flatten()
    found = torch.empty(256, dtype=torch.int64, device=device)
    found[_gathered(bytes_.clone()).long()] = bytes_.view(torch.int64)
    return found
