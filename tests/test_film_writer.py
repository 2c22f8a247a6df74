"""Films as they are written: as long as what they are made of."""

from fractions import Fraction

import av
import numpy as np
import pytest

from stylize_cli.film_writer import FilmWriter
from stylize_cli.frames import Frame

GREY = np.full((48, 64, 3), 90, np.uint8)


def write(path, codec, milliseconds):
    """A film of frames that are shown for so long each."""
    clock, time = Fraction(1, 1000), 0
    how = {"source": None, "kept": None, "codec": codec, "crf": 18, "label": ""}
    with FilmWriter(path, size=(48, 64), clock=clock, rate=Fraction(10), **how) as writer:
        for duration in milliseconds:
            writer.write(Frame(GREY, time * clock, duration * clock))
            time += duration


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mov", "hevc"), ("a.mkv", "h264"), ("a.mp4", "vp9"), ("a.webm", "vp9")],
)
def test_the_last_frame_is_shown_as_long(tmp_path, name, codec):
    write(tmp_path / name, codec, [100, 100, 100, 3000])
    with av.open(str(tmp_path / name)) as made:
        assert made.duration == 3_300_000  # microseconds
