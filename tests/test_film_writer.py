"""Films as they are written: as long as what they are made of."""

import os
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


def test_the_disk_has_the_film_before_it_has_its_name(tmp_path, monkeypatch):
    """Whole, or a power cut leaves a part of it under the right name."""
    synced, path = [], tmp_path / "a.mp4"
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append((os.fstat(handle).st_size, path.exists()))
    )
    write(path, "h264", [100] * 5)
    assert synced == [(path.stat().st_size, False)]
