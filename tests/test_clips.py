"""Frames in folders and animations: their names, what is gone on with, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

import stylize_cli as stylize
from stylize_cli import animations, files, hardware
from stylize_cli.animations import Animation, AnimationWriter, Folder, FolderWriter
from stylize_cli.clips import Destination
from stylize_cli.errors import StylizeError
from stylize_cli.frames import Frame, Section
from stylize_cli.methods import feedforward, video

pytest_plugins = ["nets"]

LEVELS = range(20, 200, 20)


@pytest.fixture
def painted(net, tmp_path, monkeypatch):
    """painted(name, **options): a clip of nine grey frames, which the network gives back."""
    monkeypatch.setattr(
        feedforward, "forward", lambda _engine, photos, *_: [photo[..., :3] for photo in photos]
    )
    folder(tmp_path / "in", **{f"{level:03d}.png": level for level in LEVELS})
    network = stylize.load(net("johnson"), engine="torch", threads=1)

    def run(name="out/%02d.png", size=32, **options):
        return stylize.video(
            network, tmp_path / "in", tmp_path / name, size=size, smooth=0, **options
        )

    return run


def folder(path, **levels):
    path.mkdir()
    for name, level in levels.items():
        Image.new("RGB", (64, 48), (level,) * 3).save(path / name)


def levels(path):
    """{name: its mean} of the pictures in a folder."""
    return {file.name: round(np.asarray(Image.open(file)).mean()) for file in path.iterdir()}


def test_nothing_behind_work_that_fails_is_worked_on():
    done = []

    def work(item):
        if item == 3:
            raise StylizeError("the disk is full")
        done.append(item)

    given = []
    with pytest.raises(StylizeError, match="the disk is full"):
        given.extend(video.behind(range(1, 10), work))
    assert done == [1, 2]


def test_frames_behind_one_that_was_not_written_are_painted_anew(painted, tmp_path, monkeypatch):
    write, names = files.write, []

    def full_for_once(path, data, **how):
        names.append(path.name)
        if names.count("03.png") == 1 and path.name == "03.png":
            raise StylizeError(f"cannot write {path}")
        write(path, data, **how)

    monkeypatch.setattr(files, "write", full_for_once)
    with pytest.raises(StylizeError, match="cannot write"):
        painted()
    assert levels(tmp_path / "out") == {"01.png": 20, "02.png": 40}
    painted(resume=True)
    wanted = {f"{index:02d}.png": level for index, level in enumerate(LEVELS, 1)}
    assert levels(tmp_path / "out") == wanted


def test_a_frame_that_is_not_written_leaves_its_name(tmp_path):
    frames = [
        Frame(np.full((4, 4, 3), level, np.uint8), Fraction(0), Fraction(1)) for level in LEVELS
    ]
    writer = FolderWriter(tmp_path / "%d.png")
    (tmp_path / "1.png").mkdir()
    with pytest.raises(StylizeError, match="cannot write"):
        writer.write(frames[0])
    (tmp_path / "1.png").rmdir()
    writer.write(frames[1])
    assert levels(tmp_path) == {"2.png": 40}


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [("50% done/%04d.png", "50% done/0001.png"), ("100%/%d.png", "100%/1.png"),
     ("100%-%03d.png", "100%-001.png")],
)  # fmt: skip
def test_the_number_alone_is_written_into_a_pattern(painted, tmp_path, pattern, wanted):
    painted(pattern)
    assert (tmp_path / wanted).is_file()


def test_two_numbers_in_a_name_are_refused(painted, tmp_path):
    with pytest.raises(StylizeError, match=r"%02d-%04d\.png has two numbers"):
        painted("out/%02d-%04d.png")
    assert not (tmp_path / "out").exists()


def test_frames_of_another_size_are_not_gone_on_with(painted, tmp_path):
    painted()
    (tmp_path / "out" / "09.png").unlink()
    with pytest.raises(StylizeError, match="was made with other options"):
        painted(size=48, resume=True)
    assert len(levels(tmp_path / "out")) == 8


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_last_frame_that_is_damaged(painted, tmp_path, data):
    painted()
    (tmp_path / "out" / "09.png").write_bytes(data)
    with pytest.raises(StylizeError, match=r"09\.png is .*, or delete it to paint it anew"):
        painted(resume=True)


def test_a_last_frame_of_sixteen_bits_is_read_as_it_is_shown(tmp_path):
    """Pillow's own conversion cuts grey of 16 bits off at 255."""
    Image.fromarray(np.full((8, 8), 128 * 257, np.uint16)).save(tmp_path / "1.png")
    kept = animations.kept(tmp_path / "%d.png")
    assert (kept.count, kept.last.shape, np.unique(kept.last).tolist()) == (1, (8, 8, 3), [128])


def test_an_animation_too_large_for_memory_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    frames = [Image.new("RGB", (400, 300), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert Animation(tmp_path / "a.gif").size == (300, 400)
    monkeypatch.setattr(hardware, "available_memory", lambda: 1_000_000)
    with pytest.raises(StylizeError, match=r"a\.gif is too large: its 400x300 pixels take 3 MB"):
        _ = Animation(tmp_path / "a.gif").size


def test_frames_that_would_have_one_name_are_refused(tmp_path):
    folder(tmp_path / "in", **{"a.bmp": 1, "a.png": 2, "b.png": 3})
    with pytest.raises(StylizeError, match=r"number the results with -o .*%05d\.png"):
        Destination(tmp_path / "out").check(Folder(tmp_path / "in"))
    Destination(tmp_path / "out" / "%05d.png").check(Folder(tmp_path / "in"))


@pytest.mark.parametrize(("name", "other"), [("a.webp", "a.apng"), ("%d.webp", "%d.png")])
def test_what_webp_does_not_hold_is_refused_before_it_is_painted(
    painted, tmp_path, monkeypatch, name, other
):
    monkeypatch.setattr(feedforward, "forward", None)
    for file in (tmp_path / "in").iterdir():
        Image.new("RGB", (16400, 2)).save(file)
    with pytest.raises(StylizeError, match=f"at most 16383 pixels a side.*{other}"):
        painted(name, size=None)


def test_a_part_of_a_folder_s_frames_keeps_their_names(painted, tmp_path):
    """Frames are shown for 0.04 s each: the third begins at 0.08 s."""
    painted("out", start=0.08, end=0.2)
    assert levels(tmp_path / "out") == {"060.png": 60, "080.png": 80, "100.png": 100}
    (tmp_path / "out" / "100.png").unlink()
    made = painted("out", start=0.08, end=0.2, resume=True)
    assert levels(tmp_path / "out") == {"060.png": 60, "080.png": 80, "100.png": 100}
    assert (made.frames, made.new) == (3, 1)


@pytest.mark.parametrize("other", ["model", "clip"])
def test_what_another_model_or_clip_made_is_not_gone_on_with(painted, tmp_path, other):
    """Also where both are called the same; under another name it is the same one."""
    painted("out.mp4")
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    (tmp_path / "in").symlink_to("elsewhere")
    painted("out.mp4", resume=True)
    if other == "model":
        path = tmp_path / "johnson.pt"
        path.write_bytes(path.read_bytes() + b"\0")
    else:
        (tmp_path / "in" / "180.png").unlink()
    with pytest.raises(StylizeError, match="was made with other options"):
        painted("out.mp4", resume=True)


@pytest.mark.parametrize(("rate", "name"), [(60, "a.gif"), (100, "a.gif"), (120, "a.webp")])
def test_no_frame_is_shown_for_so_little_that_browsers_show_it_longer(tmp_path, rate, name):
    with AnimationWriter(tmp_path / name) as writer:
        for index in range(rate):
            pixels = np.full((4, 4, 3), index * 37 % 256, np.uint8)
            writer.write(Frame(pixels, Fraction(index, rate), Fraction(1, rate)))
    shown = []
    with Image.open(tmp_path / name) as made:
        for index in range(made.n_frames):
            made.seek(index)
            made.load()
            shown.append(made.info["duration"])
    assert min(shown) > 10  # ms
    assert abs(sum(shown) - 1000) <= 10


def test_the_poster_of_a_png_is_no_frame(tmp_path):
    poster, *frames = (Image.new("RGB", (8, 6), (level,) * 3) for level in (255, 10, 20, 30))
    poster.save(
        tmp_path / "a.apng", "PNG", save_all=True, append_images=frames, default_image=True,
        duration=[100, 200, 300],
    )  # fmt: skip
    clip = Animation(tmp_path / "a.apng")
    found = [(f.time, f.pixels.mean()) for f in clip.frames(Section(), clip.size)]
    assert found == [(0, 10), (Fraction(1, 10), 20), (Fraction(3, 10), 30)]
    assert clip.length == Fraction(6, 10)
