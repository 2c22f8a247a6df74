"""Kinds of arrays that pictures and maps are held in, and how large such a picture is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]  # in [0, 1] where they are colours or alpha
Samples = NDArray[np.uint8] | NDArray[np.uint16]  # as a file has them, up to 255 or 65535
Bytes = NDArray[np.uint8]  # samples of 8 bits, as of a clip's frame, or a file's bytes
Values = NDArray[np.float64]  # of which sums are made

Size = tuple[int, int]  # (height, width), px


def size_of(pixels: NDArray[Any]) -> Size:
    """(height, width) of an array (H, W, …)."""
    return pixels.shape[0], pixels.shape[1]
