"""Pictures of a moving square, and a tone."""

from fractions import Fraction

import av
import numpy as np

SIZE = 48, 64  # (height, width)
NTSC = Fraction(24000, 1001)
SOUND = 8000  # samples a second


def shape(index, size=SIZE, seed=0):
    """A bright square that moves 2 px a frame over smooth noise, (H, W, 3) uint8."""
    height, width = size
    coarse = np.random.default_rng(seed).integers(40, 160, (height // 8 + 2, width // 8 + 2, 3))
    picture = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width].astype(np.uint8)
    left = (2 * index) % (width - 16)
    picture[height // 4 : height // 4 + 16, left : left + 16] = (250, 220, 30)
    return picture


def tone(container, seconds):
    stream = container.add_stream("aac", rate=SOUND)
    stream.layout = "mono"
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * SOUND)) / SOUND)
    packets = []
    for at in range(0, len(wave) - 1023, 1024):
        frame = av.AudioFrame.from_ndarray(
            wave[None, at : at + 1024].astype(np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = SOUND, at
        frame.time_base = Fraction(1, SOUND)
        packets += stream.encode(frame)
    return packets + stream.encode(None)
