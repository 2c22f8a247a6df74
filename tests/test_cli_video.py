"""`stylize video`: times, turns, sound, what it writes where, and what it refuses."""

import resource
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from shapes import NTSC, shape, tone

import stylize_cli
from stylize_cli import film_writer, flow
from stylize_cli.methods import apply, feedforward

pytest_plugins = ["commandline", "nets", "films"]

QUICK = ("--engine", "torch", "--precision", "float32", "--threads", 1)


@pytest.fixture
def model(net):
    """conditional.pt, of monet, munch and hokusai, in the current folder."""
    net()
    return "conditional.pt"


@pytest.fixture
def video(stylize, model):
    """video(clip, *options) -> Ran, in the style of Munch unless another is named."""

    def run(clip, *options):
        style = () if "--style" in options else ("--style", "munch")
        return stylize("video", model, clip, *style, *QUICK, *options)

    return run


@pytest.fixture
def kept_as_it_is(monkeypatch):
    """The network gives every frame back."""
    monkeypatch.setattr(
        feedforward, "forward", lambda _engine, photos, *_: [photo[..., :3] for photo in photos]
    )


def difference(one, other):
    return np.abs(one.astype(float) - other.astype(float)).mean()


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_times_and_sound_are_the_clip_s(video, film, seen, heard, suffix):
    film()
    ran = video("clip.mp4", "-o", f"out.{suffix}", "--smooth", 0, "--crf", 8)
    assert (ran.code, ran.out) == (0, f"out.{suffix}\n".encode()), ran.err
    pictures, times = seen(f"out.{suffix}")
    assert times == [index / NTSC for index in range(12)]
    assert max(difference(made, shape(index)) for index, made in enumerate(pictures)) < 6
    assert len(heard("clip.mp4")) > 3
    assert heard(f"out.{suffix}") == heard("clip.mp4")


@pytest.mark.usefixtures("kept_as_it_is")
def test_a_variable_rate_stays_variable(video, film, seen):
    ticks = [0, 1, 2, 10, 11, 40, 41]
    film(ticks=ticks, clock=Fraction(1, 600), rate=Fraction(30), sound=False)
    assert video("clip.mp4", "-o", "out.mp4").code == 0
    assert seen("out.mp4")[1] == seen("clip.mp4")[1] == [Fraction(tick, 600) for tick in ticks]


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm"])
def test_colours_and_subtitles_stay(video, film, tmp_path, name):
    colour = (200, 40, 90)
    film("pure.mp4", frames=3, pixels=lambda _, size: np.full((*size, 3), colour, np.uint8))
    (tmp_path / "said.srt").write_text("1\n00:00:00,020 --> 00:00:00,080\nWords\n")
    with (
        av.open(str(tmp_path / "pure.mp4")) as one,
        av.open(str(tmp_path / "said.srt")) as other,
        av.open(str(tmp_path / "clip.mkv"), "w") as both,
    ):
        sources = one.streams.video[0], other.streams.subtitles[0]
        streams = [both.add_stream_from_template(source) for source in sources]
        for source, stream in zip(sources, streams, strict=True):
            for packet in source.container.demux(source):
                if packet.dts is not None:
                    packet.stream = stream
                    both.mux(packet)
    ran = video("clip.mkv", "-o", name, "--smooth", 0, "--crf", 4)
    assert ran.code == 0, ran.err
    with av.open(str(tmp_path / name)) as made:
        pixels = next(made.decode(video=0)).to_ndarray(format="rgb24")
    with av.open(str(tmp_path / name)) as made:  # decoding has read past them
        words = [
            bytes(p) for s in made.streams.subtitles for p in made.demux(s) if p.dts is not None
        ]
    assert np.abs(pixels.mean((0, 1)) - colour).max() < 6  # BT.601 for BT.709: 15
    if name == "out.mkv":
        assert words == [b"Words"]
    else:
        assert "left out: subtitle" in ran.err


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize("angle", [90, -90, 180])
def test_a_turned_clip_comes_out_upright(video, film, seen, angle):
    film(rotation=angle, sound=False, frames=3)
    assert video("clip.mp4", "-o", "out.mp4", "--smooth", 0, "--crf", 8).code == 0
    upright = np.rot90(shape(0), angle // 90)  # both count counter-clockwise
    made = seen("out.mp4")[0][0]
    assert made.shape == upright.shape
    assert difference(made, upright) < 6


@pytest.mark.usefixtures("kept_as_it_is")
def test_a_part_of_a_clip(video, film, seen, heard):
    film(frames=24)
    options = ("--start", "0.25", "--end", "0:00:00.5", "--smooth", 0, "--crf", 8)
    assert video("clip.mp4", "-o", "out.mp4", *options).code == 0
    pictures, times = seen("out.mp4")
    assert len(pictures) == 6  # those at 6/23.976 s to 11/23.976 s
    assert times == [index / NTSC for index in range(6)]
    assert difference(pictures[0], shape(6)) < 6
    sound, whole = heard("out.mp4"), heard("clip.mp4")
    assert 0 < len(sound) < len(whole)
    later = next(index for index, (_, packet) in enumerate(whole) if packet == sound[0][1])
    for (time, packet), (was, same) in zip(sound, whole[later:], strict=False):
        assert packet == same
        assert abs(time - (was - Fraction(1, 4))) < Fraction(1, 1000)


@pytest.mark.usefixtures("kept_as_it_is")
def test_a_part_behind_a_stream_s_only_whole_picture(video, film, seen, heard):
    film("clip.ts", frames=30)  # nothing in it says where that is
    assert video("clip.ts", "-o", "out.mp4", "--start", "0.9", "--smooth", 0, "--crf", 8).code == 0
    pictures, _ = seen("out.mp4")
    assert len(pictures) == 8  # from 22/23.976 s on
    assert difference(pictures[0], shape(22)) < 6
    assert heard("out.mp4")


@pytest.mark.usefixtures("kept_as_it_is")
def test_a_stream_keeps_its_language(video, film, tmp_path):
    film()
    with (
        av.open(str(tmp_path / "clip.mp4")) as clip,
        av.open(str(tmp_path / "said.mkv"), "w") as said,
    ):
        streams = [said.add_stream_from_template(stream) for stream in clip.streams]
        streams[1].metadata["language"] = "deu"
        for packet in clip.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                said.mux(packet)
    assert video("said.mkv", "-o", "out.mp4", "--smooth", 0).code == 0
    with av.open(str(tmp_path / "out.mp4")) as made:
        assert made.streams.audio[0].metadata["language"] == "deu"


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_the_sound_that_is_played_stays(video, film, tmp_path, name):
    film()
    with (
        av.open(str(tmp_path / "clip.mp4")) as clip,
        av.open(str(tmp_path / "two.mkv"), "w") as two,
    ):
        copies = [two.add_stream_from_template(clip.streams[index]) for index in (0, 1, 1)]
        copies[1].disposition = av.stream.Disposition(0)
        copies[2].disposition = av.stream.Disposition.default
        for packet in clip.demux(video=0):
            if packet.dts is not None:
                packet.stream = copies[0]
                two.mux(packet)
        for stream in copies[1:]:
            clip.seek(0)
            for packet in clip.demux(audio=0):
                if packet.dts is not None:
                    packet.stream = stream
                    two.mux(packet)
    ran = video("two.mkv", "-o", name, "--smooth", 0)
    assert ran.code == 0, ran.err
    with av.open(str(tmp_path / name)) as made:
        played = [bool(s.disposition & s.disposition.default) for s in made.streams.audio]
    assert played == [False, True]


def test_frames_are_what_apply_makes_of_them(video, stylize, model, tmp_path, pixels):
    (tmp_path / "in").mkdir()
    for index in (1, 2, 10):
        Image.fromarray(shape(index)).save(tmp_path / "in" / f"f{index}.png")
    assert video("in", "-o", "out", "--smooth", 0).code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "f1.png", "f10.png", "f2.png",
    ]  # fmt: skip
    stylize("apply", model, "in/f10.png", "--style", "munch", "-o", "one.png", *QUICK)
    assert difference(pixels("out/f10.png"), pixels("one.png")) < 0.1


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize("name", ["out.gif", "out.webp", "out.apng"])
def test_animations_in_and_out(video, tmp_path, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setattr(flow, "is_there", lambda: False)
    frames = [Image.fromarray(shape(index)) for index in range(4)]
    durations = [100, 40, 200, 60]
    frames[0].save(
        tmp_path / "in.webp", save_all=True, append_images=frames[1:], duration=durations,
        lossless=True,
    )  # fmt: skip
    ran = video("in.webp", "-o", name)
    assert ran.code == 0, ran.err
    assert "frame by frame" in ran.err
    with Image.open(tmp_path / name) as made:
        found = []
        for index in range(made.n_frames):
            made.seek(index)
            made.load()
            found.append(made.info["duration"])
            assert difference(np.asarray(made.convert("RGB")), shape(index)) < 8
    assert found == durations


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize(
    ("name", "loop", "plays"), [("in.gif", 2, 3), ("in.gif", None, 1), ("in.webp", 0, 0)]
)
def test_an_animation_is_shown_as_often(video, tmp_path, name, loop, plays):
    frames = [Image.fromarray(shape(index)) for index in range(3)]
    options = {} if loop is None else {"loop": loop}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
    for out in ("out.gif", "out.apng"):
        assert video(name, "-o", out, "--smooth", 0).code == 0
    with Image.open(tmp_path / "out.apng") as made:
        assert made.info["loop"] == plays
    with Image.open(tmp_path / "out.gif") as made:  # which says how often it is repeated
        assert made.info.get("loop") == {3: 2, 1: None, 0: 0}[plays]


@pytest.mark.usefixtures("kept_as_it_is")
def test_an_animation_of_a_film_is_as_long(video, film, tmp_path):
    film(frames=24, sound=False)  # of 41.7 ms each, and a GIF counts in hundredths of a second
    assert video("clip.mp4", "-o", "out.gif", "--smooth", 0).code == 0
    shown = []
    with Image.open(tmp_path / "out.gif") as made:
        for index in range(made.n_frames):
            made.seek(index)
            shown.append(made.info["duration"])
    assert abs(sum(shown) - 1001) <= 10
    assert set(shown) == {40, 50}


def test_a_blend_over_time_ends_in_the_other_style(video, film, seen):
    film(frames=6, pixels=lambda _index, size: shape(0, size), sound=False)
    options = ("--smooth", 0, "--crf", 5)
    assert video("clip.mp4", "-o", "mixed.mp4", "--to", "hokusai", *options).code == 0
    assert video("clip.mp4", "-o", "munch.mp4", *options).code == 0
    assert video("clip.mp4", "-o", "other.mp4", "--style", "hokusai", *options).code == 0
    mixed, one, other = (seen(f"{name}.mp4")[0] for name in ("mixed", "munch", "other"))
    assert difference(mixed[0], one[0]) < 2
    apart = [difference(frame, other[0]) for frame in mixed]
    assert apart[0] > 2 * apart[-1]
    assert apart == sorted(apart, reverse=True)


def test_noise_that_does_not_move_flickers_less(video, film, seen):
    def still(index, size):
        noise = np.random.default_rng(index).normal(0, 6, (*size, 3))
        return np.clip(shape(0, size) + noise, 0, 255).astype(np.uint8)

    film(frames=10, pixels=still, sound=False)
    for name, smooth in {"raw.mp4": 0, "calm.mp4": 0.8}.items():
        assert video("clip.mp4", "-o", name, "--smooth", smooth, "--crf", 5).code == 0
    raw, calm = (seen(name)[0] for name in ("raw.mp4", "calm.mp4"))
    flicker = [np.mean([difference(*pair) for pair in pairwise(f[3:])])
               for f in (raw, calm)]  # fmt: skip
    assert flicker[1] < flicker[0] / 2


def test_an_interrupted_clip_plays_and_is_gone_on_with(
    video, film, seen, heard, tmp_path, monkeypatch
):
    film(frames=20)
    fine = ("--crf", 1)  # what was encoded is carried on behind the seam
    assert video("clip.mp4", "-o", "whole.mp4", *fine).code == 0
    forward, calls = feedforward.forward, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return forward(*arguments)

    monkeypatch.setattr(feedforward, "forward", interrupted)
    ended = video("clip.mp4", "-o", "out.mp4", "--json", *fine)
    part = seen("out.mp4")[0]
    assert 0 < len(part) < 20
    assert ended.code == 130
    record = ended.record
    assert (record["output"], record["frames"], record["style"]) == ("out.mp4", len(part), "munch")
    assert (record["height"], record["width"]) == part[0].shape[:2]
    told = "interrupted: out.mp4 holds what was painted; --resume goes on"
    assert ended.err.splitlines()[-1] == told
    assert list(tmp_path.glob(".stylize*")) == []
    monkeypatch.setattr(feedforward, "forward", forward)
    ran = video("clip.mp4", "-o", "out.mp4", "--resume", *fine)
    assert ran.code == 0, ran.err
    pictures, times = seen("out.mp4")
    whole = seen("whole.mp4")
    assert times == whole[1] == [index / NTSC for index in range(20)]
    assert all((one == other).all() for one, other in zip(part, pictures, strict=False))
    assert max(difference(*pair) for pair in zip(pictures, whole[0], strict=True)) < 4
    assert heard("out.mp4") == heard("clip.mp4")
    assert video("clip.mp4", "-o", "out.mp4", "--resume", *fine).code == 0  # nothing is left to do
    assert seen("out.mp4")[1] == times
    again = video("clip.mp4", "-o", "out.mp4", "--resume", "--strength", 0.5, *fine)
    assert (again.code, "other options" in again.err) == (2, True)


@pytest.fixture
def stopped(video, monkeypatch):
    """stopped(after, clip, *options): interrupts in front of that frame, and goes on."""

    def run(after, *arguments):
        forward, calls = feedforward.forward, []

        def interrupted(*given):
            calls.append(1)
            if len(calls) == after:
                raise KeyboardInterrupt
            return forward(*given)

        with monkeypatch.context() as patched:
            patched.setattr(apply, "batch_size", lambda *_: 1)
            patched.setattr(feedforward, "forward", interrupted)
            assert video(*arguments).code == 130
        ran = video(*arguments, "--resume")
        assert ran.code == 0, ran.err

    return run


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize(
    ("name", "codec", "after"),
    [
        *(("out.mp4", codec, 9) for codec in ("hevc", "vp9")),
        *(("out.mov", codec, 9) for codec in ("h264", "hevc")),
        *(("out.mkv", codec, 9) for codec in ("h264", "hevc", "vp9")),
        ("out.mov", "h264", 2),
        ("out.mkv", "h264", 3),
        ("out.webm", "vp9", 9),
    ],
)
def test_every_codec_is_gone_on_with(stopped, film, seen, heard, name, codec, after):
    film(frames=20)
    stopped(after, "clip.mp4", "-o", name, "--codec", codec, "--crf", 8, "--smooth", 0)
    pictures, times = seen(name)
    millisecond = Fraction(1, 1000) if name.endswith(("mkv", "webm")) else 0
    assert len(times) == 20
    assert max(abs(time - index / NTSC) for index, time in enumerate(times)) <= millisecond
    assert max(difference(made, shape(index)) for index, made in enumerate(pictures)) < 9
    if not name.endswith("webm"):  # which holds no AAC
        assert [packet for _, packet in heard(name)] == [packet for _, packet in heard("clip.mp4")]


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize(("codec", "suffix"), [("h264", "mp4"), ("hevc", "mov"), ("h264", "mkv")])
@pytest.mark.parametrize("after", [9, 10])
def test_a_pause_at_the_seam(stopped, film, seen, heard, codec, suffix, after):
    ticks = [0, 7, 12, 31, 33, 60, 61, 80, 95, 3110, 3117, 3150, 3158, 3170, 3190]
    film(ticks=ticks, clock=Fraction(1, 600), rate=Fraction(30))
    name = f"out.{suffix}"
    stopped(after, "clip.mp4", "-o", name, "--codec", codec, "--crf", 8, "--smooth", 0)
    pictures, times = seen(name)
    exact = Fraction(1, 1000) if suffix == "mkv" else 0
    wanted = [Fraction(tick, 600) for tick in ticks]
    assert max(abs(time - want) for time, want in zip(times, wanted, strict=True)) <= exact
    assert max(difference(made, shape(index)) for index, made in enumerate(pictures)) < 9
    assert [packet for _, packet in heard(name)] == [packet for _, packet in heard("clip.mp4")]


@pytest.mark.usefixtures("kept_as_it_is")
def test_a_pause_at_the_start(stopped, film, seen):
    """The first frame of the part is shown some time behind its start: sound must not move."""
    ticks = [0, 100, *range(700, 1060, 20)]
    film(ticks=ticks, clock=Fraction(1, 600), rate=Fraction(30))
    options = ("--start", 0.5, "--crf", 8, "--smooth", 0)
    stopped(9, "clip.mp4", "-o", "out.mp4", *options)
    pictures, times = seen("out.mp4")
    assert times == [Fraction(tick - 700, 600) for tick in ticks[2:]]
    assert max(difference(made, shape(index)) for index, made in enumerate(pictures, 2)) < 9
    with av.open("out.mp4") as made:  # MP4 keeps where a stream begins in milliseconds
        stream = made.streams.video[0]
        assert float(stream.start_time * stream.time_base) == pytest.approx(2 / 3, abs=1e-3)


@pytest.mark.usefixtures("kept_as_it_is")
def test_frames_of_any_rate_are_gone_on_with(video, film, pixels, tmp_path):
    film(rate=Fraction(10), sound=False)
    options = ("-o", "out/%02d.png", "--start", 0.1, "--smooth", 0)
    assert video("clip.mp4", *options).code == 0
    for index in range(6, 12):
        (tmp_path / f"out/{index:02d}.png").unlink()
    ran = video("clip.mp4", *options, "--resume")
    assert ran.code == 0, ran.err
    apart = [difference(pixels(f"out/{index:02d}.png"), shape(index)) for index in range(1, 12)]
    assert max(apart) < 6
    assert video("clip.mp4", *options, "--resume").code == 0  # nothing is left to do
    assert not (tmp_path / "out/12.png").exists()


SAYS_EACH = """
import sys
from itertools import count
from stylize_cli.__main__ import run
from stylize_cli.methods import feedforward

forward, number = feedforward.forward, count(1)

def told(*arguments):
    print("network", next(number), file=sys.stderr, flush=True)
    return forward(*arguments)

feedforward.forward = told
run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
def test_ctrl_c_leaves_a_clip_that_plays(film, model, seen, tmp_path):
    film(frames=300)
    command = [sys.executable, "-c", SAYS_EACH, "video", model, "clip.mp4", "-o", "out.mp4"]
    command += ["--style", "munch", "--size", "640", "--smooth", "0", *map(str, QUICK)]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    for line in running.stderr:
        if line == "network 3\n":
            running.send_signal(signal.SIGINT)
            break
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    pictures, times = seen("out.mp4")
    assert 0 < len(pictures) < 300
    assert times == [index / NTSC for index in range(len(times))]
    assert list(tmp_path.glob(".stylize*")) == []


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="says nothing of its memory")
@pytest.mark.usefixtures("kept_as_it_is")
def test_memory_does_not_grow_with_the_length(film, model, tmp_path, monkeypatch):
    monkeypatch.setattr(flow, "LONG_SIDE", 64)
    size, count, taken = (192, 256), 240, []
    film(frames=count, size=size, sound=False)

    def look(step):
        if step.done in (count // 5, count * 9 // 10):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            taken.append(pages * resource.getpagesize())

    net = stylize_cli.load(tmp_path / model, engine="torch", threads=1)
    made = stylize_cli.video(
        net, tmp_path / "clip.mp4", tmp_path / "out.mp4", style="munch", on_step=look
    )
    assert made.frames == count
    frames = 0.7 * count * size[0] * size[1] * 3  # bytes of what came between both looks
    assert taken[1] - taken[0] < frames / 3


@pytest.fixture
def refused_video(refused, model):
    def run(clip, *options):
        return refused("video", model, clip, "--style", "munch", *QUICK, *options)

    return run


def test_a_list_of_files_is_no_clip(stylize, film, model, tmp_path):
    """FFmpeg would read them; of a list that names itself there is no end."""
    film("real.mp4", frames=3)
    for names in (["real.mp4"], ["list.mp4"], ["/etc/passwd"]):
        lines = ["ffconcat version 1.0", *(f"file {name}" for name in names)]
        (tmp_path / "list.mp4").write_text("\n".join(lines))
        ran = stylize("video", model, "list.mp4", "--style", "monet", "-o", "out.mp4")
        assert ran.code == 2
        assert "list.mp4 is sound alone, a text, one picture or a list of other files" in ran.err
        assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (lambda film: film(size=(49, 65)), "", "this codec takes even sides: use --size 64"),
        (lambda film: film().write_bytes(b"no clip" * 99), "", "is no clip, or damaged"),
        (lambda _: None, "", "there is no file clip.mp4"),
        (lambda film: film(), f"--size {10**6}", "GB is free; use a smaller --size"),
        (lambda film: film(), "--start 9", "has no frames from 9 s on"),
        (lambda film: film(), "--start 2 --end 1", "is not after"),
        (lambda film: film(), "--end soon", "'soon' is no time"),
        (lambda film: film(), "--crf 60", "goes from 0 to 51"),
        (lambda film: film(), "-o out.webm --codec h264", "WebM holds no h264"),
        (lambda film: film(), "-o out.mov --codec vp9", "MOV holds no vp9: use --codec h264"),
        (lambda film: film(), "-o out.txt", "out.txt is no clip"),
        (lambda film: film(), "-o clip.mp4", "is an input and would be overwritten"),
        (lambda film: film(), "-o out.gif --crf 3", "leave them out"),
        (lambda film: film(), "--to nobody", "no style 'nobody'"),
    ],
)  # fmt: skip
def test_what_is_refused(refused_video, film, make, options, words):
    make(film)
    given = options.split()
    assert words in refused_video("clip.mp4", *given, *(() if "-o" in given else ("-o", "out.mp4")))


def test_what_mov_does_not_hold_is_not_recommended(refused_video, film):
    film(size=(49, 65))
    assert refused_video("clip.mp4", "-o", "out.mov").endswith("takes even sides: use --size 64")


def test_a_blend_over_time_is_refused_of_a_network_without_styles(stylize, film, net):
    film()
    net("upscaler", name="sr.pt")
    ran = stylize("video", "sr.pt", "clip.mp4", "-o", "out.mp4", "--to", "munch", *QUICK)
    assert (ran.code, ran.err) == (2, "error: sr.pt has no styles to mix: leave out --to\n")


def test_a_name_without_suffix_is_a_folder(film, video):
    film(frames=2, sound=False)
    assert video("clip.mp4", "-o", "out", "--smooth", 0).line == "out/clip.mp4"


def test_a_clip_without_pictures(refused_video, tmp_path):
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        for packet in tone(container, 1):
            container.mux(packet)
    assert "has no pictures, only sound" in refused_video("clip.mp4", "-o", "out.mp4")


def test_a_song_with_a_cover(refused_video, tmp_path):
    Image.fromarray(shape(0)).save(tmp_path / "cover.jpg")
    with (
        av.open(str(tmp_path / "cover.jpg")) as cover,
        av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as song,
    ):
        stream = song.add_stream_from_template(cover.streams.video[0])
        stream.disposition = av.stream.Disposition.attached_pic
        packets = tone(song, 1)
        picture = next(cover.demux())
        picture.stream = stream
        for packet in (picture, *packets):
            song.mux(packet)
    assert "has no pictures, only sound" in refused_video("song.m4a", "-o", "out.mp4")


def test_a_clip_without_frames(refused_video, tmp_path):
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for packet in tone(container, 1):
            container.mux(packet)
    assert "has no frames" in refused_video("clip.mkv", "-o", "out.mp4")


def test_a_clip_that_is_damaged_in_the_middle(refused_video, film, monkeypatch):
    from stylize_cli.films import Film

    film(sound=False)
    decoded = Film._decoded

    class Broken:
        def __init__(self, container):
            self.streams, self.decode = container.streams, self.failing(container)

        def failing(self, container):
            def decode(*which):
                for index, frame in enumerate(container.decode(*which)):
                    if index == 6:
                        raise av.error.InvalidDataError(1, "Invalid data found")
                    yield frame

            return decode

    monkeypatch.setattr(Film, "_decoded", lambda self, container: decoded(self, Broken(container)))
    said = refused_video("clip.mp4", "-o", "out.mp4")
    assert "is damaged after 0.21 s" in said
    assert "--end 0.21" in said


@pytest.mark.parametrize(
    ("missing", "options", "words"),
    [("av", (), "clips need PyAV: pip install 'stylize-cli[video]'"),
     ("cv2", ("--smooth", 0.5), "--smooth needs OpenCV: pip install 'stylize-cli[video]'")],
)  # fmt: skip
def test_a_missing_extra(refused_video, film, monkeypatch, missing, options, words):
    film()
    monkeypatch.setitem(sys.modules, missing, None)
    assert words in refused_video("clip.mp4", "-o", "out.mp4", *options)


def test_an_empty_folder_and_a_single_picture(refused_video, tmp_path):
    (tmp_path / "in").mkdir()
    assert "there are no frames in in" in refused_video("in", "-o", "out.mp4")
    Image.fromarray(shape(0)).save(tmp_path / "one.png")
    assert "is one picture: use stylize apply" in refused_video("one.png", "-o", "out.mp4")


def test_a_glob_that_the_shell_left_alone(film, stylize, model):
    for name in ("a.mp4", "b.mp4"):
        film(name, frames=2, sound=False)
    ran = stylize("video", model, "?.mp4", "--style", "munch", "-o", "out/", *QUICK)
    assert (ran.code, ran.out) == (0, b"out/a.mp4\nout/b.mp4\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["", "-o", "out.mp4"], "an argument is empty: give it a value, or leave it out"),
        (["*.avi", "-o", "out/"], "there are no clips in '*.avi': check the path"),
        (["clip.mp4", "-o", ""], "-o is empty: give it a value, or leave it out"),
        (["clip.mp4", "-o", "out.mp4", "--style", "monet"], "--style is given 2 times"),
    ],
)
def test_what_a_shell_leaves_empty_or_says_twice_is_refused(refused_video, film, words, said):
    film(frames=2)
    assert said in refused_video(*words)


@pytest.mark.parametrize("bad", ["a.mkv", "c.mkv"])
def test_several_clips_and_one_that_fails(film, tmp_path, stylize, model, bad):
    film("b.mp4", frames=3, sound=False)
    (tmp_path / bad).write_bytes(b"nothing")
    clips = sorted(["b.mp4", bad])
    ran = stylize("video", model, *clips, "--style", "munch", "-o", "out/", *QUICK)
    assert (ran.code, ran.out) == (1, b"out/b.mp4\n")
    assert f"{bad} is no clip" in ran.err
    assert ran.err.count("device: ") == 1


@pytest.fixture
def moving(tmp_path):
    """moving(name) -> an animation of two frames."""

    def save(name):
        first, second = (Image.new("RGB", (16, 12), colour) for colour in ("red", "blue"))
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        first.save(tmp_path / name, save_all=True, append_images=[second])

    return save


def test_a_part_of_a_style_s_name_is_told_as_the_whole(video, moving):
    moving("a.gif")
    ran = video("a.gif", "-o", "b.gif", "--style", "MUNCH", "--json")
    assert ran.record["style"] == "munch"


def test_what_an_earlier_run_painted_stays(video, moving, refused_video, film, tmp_path):
    moving("a.webp")
    film(frames=2, sound=False)
    (tmp_path / "in").mkdir()
    for index in (0, 1):
        Image.fromarray(shape(index)).save(tmp_path / "in" / f"f{index}.png")
    said = {
        "a.webp": "out/a.webp is there already: --overwrite replaces it, -o names",
        "clip.mp4": "out/clip.mp4 is there already: --resume goes on with it, --overwrite replaces",
        "in": "out/f0.png and 1 more are there already: --resume goes on with it, --overwrite",
    }
    for clip, words in said.items():
        assert video(clip, "-o", "out/", "--smooth", 0).code == 0
        assert refused_video(clip, "-o", "out/").startswith(words)
        again = video(clip, "-o", "out/", "--smooth", 0, "--overwrite", "--strength", 0.5)
        assert (again.code, "error" in again.err) == (0, False)
    assert video("clip.mp4", "-o", "out/", "--smooth", 0, "--resume", "--strength", 0.5).code == 0
    assert "leave out one" in refused_video("in", "-o", "out/", "--resume", "--overwrite")


def test_a_clip_that_is_named_is_made_anew_and_an_input_is_called_one(video, moving, refused_video):
    moving("in/a.webp")
    for _ in range(2):
        assert video("in/a.webp", "-o", "b.webp").code == 0
    assert "is an input and would be overwritten" in refused_video("in/a.webp", "-o", "in/")


def test_an_interrupted_animation_does_not_say_that_it_goes_on(
    video, moving, monkeypatch, tmp_path
):
    moving("a.gif")
    forward, calls = feedforward.forward, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return forward(*arguments)

    monkeypatch.setattr(apply, "batch_size", lambda *_: 1)
    monkeypatch.setattr(feedforward, "forward", interrupted)
    ran = video("a.gif", "-o", "b.gif", "--smooth", 0)
    assert (ran.code, ran.out) == (130, b"b.gif\n")
    assert ran.err.splitlines()[-1] == "interrupted: b.gif holds what was painted"
    with Image.open(tmp_path / "b.gif") as made:
        assert (made.size, made.n_frames) == ((16, 12), 1)
    (tmp_path / "b.gif").unlink()
    calls[:] = [1]  # in front of the first frame
    ran = video("a.gif", "-o", "b.gif", "--smooth", 0)
    assert (ran.code, ran.out, (tmp_path / "b.gif").exists()) == (130, b"", False)


@pytest.mark.usefixtures("kept_as_it_is")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_recordings_that_were_joined(video, film, seen, heard, tmp_path, name):
    data = film("one.ts", frames=24, rate=Fraction(25)).read_bytes()
    (tmp_path / "two.ts").write_bytes(data + data)
    ran = video("two.ts", "-o", name, "--smooth", 0, "--crf", 8)
    assert ran.code == 0, ran.err
    pictures, times = seen(name)
    assert len(times) == 48
    assert all(abs(later - time - 0.04) < 0.002 for time, later in pairwise(times))
    assert max(difference(made, shape(index % 24)) for index, made in enumerate(pictures)) < 6
    sound, packet = heard(name), Fraction(1024, 8000)
    assert len(sound) == 2 * len(heard("one.ts"))
    apart = [later - time for (time, _), (later, _) in pairwise(sound)]
    assert max(abs(gap - packet) for gap in apart) < 0.002
    ran = video("two.ts", "-o", name, "--smooth", 0, "--crf", 8, "--start", 1.2)
    assert ran.code == 0, ran.err
    pictures, _ = seen(name)
    assert len(pictures) == 18
    assert difference(pictures[0], shape(6)) < 6


def test_sound_that_is_damaged_is_the_clip_s(refused_video, film, monkeypatch):
    class Broken:
        """A container whose packets cannot be read."""

        def __init__(self, container):
            self.streams, self.demux = container.streams, self.failing

        def failing(self, _streams):
            raise av.error.InvalidDataError(1, "Invalid data found")

    film()
    rising = film_writer._rising
    monkeypatch.setattr(
        film_writer, "_rising", lambda film, source, streams: rising(film, Broken(source), streams)
    )
    assert "clip.mp4 is damaged after 0.00 s" in refused_video("clip.mp4", "-o", "out.mp4")


@pytest.mark.usefixtures("kept_as_it_is")
def test_the_frames_a_second_are_those_of_this_run(video, film, monkeypatch):
    from stylize_cli.films import Film

    film(frames=12, sound=False)
    options = ("-o", "out.mp4", "--smooth", 0)
    assert video("clip.mp4", *options).code == 0
    monkeypatch.setattr(Film, "notes", ("the clip is HDR",))
    ran = video("clip.mp4", *options, "--resume")  # nothing is left to do
    assert "12 frames, 0.0 a second" in ran.err
    assert "the clip is HDR" in ran.err


@pytest.mark.usefixtures("kept_as_it_is")
def test_a_part_of_a_folder_is_refused_by_its_own_frames_alone(video, refused_video, tmp_path):
    (tmp_path / "in").mkdir()
    for index in (0, 1):
        Image.fromarray(shape(index)).save(tmp_path / "in" / f"f{index}.png")
    assert video("in", "-o", "out", "--end", 0.04, "--smooth", 0).code == 0
    ran = video("in", "-o", "out", "--start", 0.04, "--smooth", 0)
    assert ran.code == 0, ran.err
    assert refused_video("in", "-o", "out", "--start", 0.04).startswith("out/f1.png is there")


def test_frames_of_a_longer_clip_are_not_left_behind_without_a_word(
    video, refused_video, film, tmp_path
):
    (tmp_path / "out").mkdir()
    for name in ("1.png", "a01.png", "01.jpg"):  # of another pattern
        (tmp_path / "out" / name).touch()
    film(frames=4, sound=False)
    run = ("clip.mp4", "-o", "out/%02d.png", "--smooth", 0)
    assert "older" not in video(*run).err
    film(frames=2, sound=False)
    assert refused_video(*run).startswith(
        "out/01.png and 3 more are there already: --resume goes on with it, --overwrite replaces it"
    )
    again = video(*run, "--overwrite")
    assert again.code == 0
    assert "2 older frames behind the last: out/03.png to 04.png stay" in again.err.splitlines()
    assert "is an input and would be" in refused_video("out", "-o", "out/%02d.png")
