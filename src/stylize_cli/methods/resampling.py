"""Photos as arrays at other sizes."""

import numpy as np
from PIL import Image

from stylize_cli import encoders
from stylize_cli.arrays import Pixels, Samples
from stylize_cli.encoders import Depth


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Pixels (H, W, C) at another (height, width), by an antialiased bicubic filter, in [0, 1]."""
    if pixels.shape[:2] == size:
        return pixels
    height, width = size
    channels = [
        Image.fromarray(np.ascontiguousarray(plane)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        for plane in pixels.transpose(2, 0, 1)
    ]
    stacked: Pixels = np.stack([np.asarray(channel) for channel in channels], axis=2).clip(0, 1)
    return stacked


def reduced(photo: Pixels | Samples, size: tuple[int, int]) -> Pixels:
    """RGB of a photo (H, W, C), floats or samples, at another (height, width); by channel."""
    channels = (encoders.floats(photo[..., channel : channel + 1]) for channel in range(3))
    return np.concatenate([resized(channel, size) for channel in channels], axis=2)


def resampled(photo: Pixels | Samples, size: tuple[int, int]) -> Pixels | Samples:
    """A photo (H, W, C) at another (height, width), in its own type; by channel."""
    if photo.shape[:2] == size:
        return photo
    result = np.empty((*size, photo.shape[2]), photo.dtype)
    depth: Depth = 16 if photo.dtype == np.uint16 else 8
    for channel in range(photo.shape[2]):
        values = resized(encoders.floats(photo[..., channel : channel + 1]), size)[..., 0]
        is_float = photo.dtype.kind == "f"
        result[..., channel] = values if is_float else encoders.quantised(values, depth)
    return result
