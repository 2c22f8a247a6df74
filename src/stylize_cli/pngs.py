"""Samples -> the bytes of a PNG file, of 8 or 16 bits a channel (PNG specification, 2nd edition).

Pillow writes no 16 bits, and tries five filters on every row. The average of the pixels to the left
and above is the best for most rows of a painting: alone it takes half of the time in all, and files
are larger by 4 %.
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import chain

import numpy as np

from stylize_cli.arrays import Bytes, Samples

ROWS = 64  # filtered at once: they stay in the processor's cache
AVERAGE = 3  # the filter's number (ibid., 9.2)
COLOURS = {3: 2, 4: 6}  # colour type by channels: truecolour, and with alpha (ibid., 11.2.2)
SRGB = (b"sRGB", b"\0")  # sRGB, perceptual (ibid., 11.3.3.5)


def encode(samples: Samples, exif: bytes = b"") -> bytes:
    """A whole file, which says that it is sRGB.

    Args:
        samples: (H, W, 3) or with alpha (H, W, 4).
        exif: metadata to write, or b"".
    """
    height, width, channels = samples.shape
    depth = 8 * samples.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, COLOURS[channels], 0, 0, 0)
    tags = [SRGB, (b"eXIf", exif.removeprefix(b"Exif\0\0"))] if exif else [SRGB]
    data = ((b"IDAT", part) for part in _packed(samples) if part)
    chunks = chain([(b"IHDR", header), *tags], data, [(b"IEND", b"")])
    return b"".join([b"\x89PNG\r\n\x1a\n", *(_chunk(kind, body) for kind, body in chunks)])


def _chunk(kind: bytes, body: bytes) -> bytes:
    checked = kind + body
    return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))


def _packed(samples: Samples) -> Iterator[bytes]:
    """The rows, filtered and compressed, as they come: whole, they lie twice more in memory."""
    height, width, channels = samples.shape
    step = channels * samples.itemsize  # bytes of a pixel
    # Of a filtered painting in 8 bits, runs are all that repeats.
    pack = zlib.compressobj(1, strategy=zlib.Z_RLE) if samples.itemsize == 1 else zlib.compressobj()
    above = np.zeros((1, width * step), np.uint8)
    for row in range(0, height, ROWS):
        block = samples[row : row + ROWS]
        bytewise = block.astype(block.dtype.newbyteorder(">"), order="C").view(np.uint8)
        lines = np.concatenate([above, bytewise.reshape(len(block), -1)])
        yield pack.compress(_filtered(lines, step).tobytes())
        above = lines[-1:]
    yield pack.flush()


def _filtered(lines: Bytes, step: int) -> Bytes:
    """Each byte less the average of those a pixel to the left and above (ibid., 9.2).

    Args:
        lines: (1 + N, B), the row above first.
        step: bytes of a pixel.

    Returns:
        (N, 1 + B), the filter's number first.
    """
    filtered = np.empty((len(lines) - 1, 1 + lines.shape[1]), np.uint8)
    filtered[:, 0] = AVERAGE
    filtered[:, 1 : 1 + step] = lines[1:, :step] - (lines[:-1, :step] >> 1)
    left, above = lines[1:, :-step], lines[:-1, step:]
    average = (left & above) + ((left ^ above) >> 1)  # their sum may not fit into a byte
    np.subtract(lines[1:, step:], average, out=filtered[:, 1 + step :])
    return filtered
