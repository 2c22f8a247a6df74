"""Films: which containers are read, which are not, and which of a file's streams is shown."""

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from shapes import NTSC, shape

from stylize_cli.containers import FORMATS
from stylize_cli.errors import StylizeError
from stylize_cli.films import Film
from stylize_cli.frames import Section

pytest_plugins = ["films"]

RATE = Fraction(25)


def encoded(path, form, codec, count=5, size=(48, 64), step=40):
    """A clip of grey frames, each brighter than the one before, in any container."""
    with av.open(str(path), "w", format=form) as container:
        if codec not in av.codecs_available:
            pytest.skip(f"this PyAV has no {codec}")
        stream = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = size
        stream.pix_fmt = {"mjpeg": "yuvj420p", "roqvideo": "yuvj444p"}.get(codec, "yuv420p")
        for index in range(count):
            grey = np.full((*size, 3), 40 + step * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("form", "codec"),
    [("obu", "libsvtav1"), ("mjpeg", "mjpeg"), ("rm", "rv10"), ("wtv", "libx264"),
     ("roq", "roqvideo"), ("vob", "mpeg2video"), ("ogv", "libvpx"), ("mxf", "mpeg2video"),
     ("asf", "wmv2"), ("nut", "ffv1"), ("hevc", "libx265")],
)  # fmt: skip
def test_containers(tmp_path, form, codec):
    encoded(tmp_path / "clip", form, codec, size=(64, 64))
    film = Film(tmp_path / "clip")
    frames = list(film.frames(Section(), film.size))
    assert film.size == (64, 64)
    assert [frame.time for frame in frames] == [index / RATE for index in range(5)]
    levels = [frame.pixels.mean() for frame in frames]
    assert levels == pytest.approx([40, 80, 120, 160, 200], abs=6)


def test_y4m(tmp_path):
    """Uncompressed, as cameras of a pipeline write it; here by hand."""
    planes = [
        np.concatenate([np.full(128, luma), np.full(256, 128)]).astype(np.uint8)
        for luma in (16, 126, 235)
    ]
    data = b"YUV4MPEG2 W16 H8 F24000:1001 Ip A1:1 C444\n"
    (tmp_path / "clip.y4m").write_bytes(data + b"".join(b"FRAME\n" + p.tobytes() for p in planes))
    film = Film(tmp_path / "clip.y4m")
    frames = list(film.frames(Section(), film.size))
    assert (film.size, film.rate) == ((8, 16), NTSC)
    assert [frame.time for frame in frames] == [0, 1 / NTSC, 2 / NTSC]
    # Luma from 16 to 235 is black to white (BT.601).
    expected = [0, 255 * 110 / 219, 255]
    assert [frame.pixels.mean() for frame in frames] == pytest.approx(expected, abs=1.5)


def plain(path, colour, size):
    """A picture of one colour, (luma, blue, red), of which nothing says how to read that."""
    (height, width), (luma, blue, red) = size, colour
    header = f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420\n".encode()
    planes = [bytes([luma] * 4), bytes([blue]), bytes([red])]
    data = b"".join(plane * (height * width // 4) for plane in planes)
    path.write_bytes(header + b"FRAME\n" + data)
    return Film(path)


@pytest.mark.parametrize(("luma", "grey"), [(16, 0), (126, 128), (200, 214), (235, 255)])
def test_a_smaller_size_is_as_bright(tmp_path, luma, grey):
    film = plain(tmp_path / "clip.y4m", (luma, 128, 128), (48, 64))
    frame = next(film.frames(Section(), (24, 32)))
    assert np.unique(frame.pixels).tolist() == [grey]  # (luma - 16) * 255 / 219


@pytest.mark.parametrize(
    ("size", "red"), [((480, 720), 1.596), ((534, 1280), 1.793), ((720, 960), 1.793)]
)
def test_colours_that_are_not_said_are_those_of_the_size(tmp_path, size, red):
    """BT.601's of few lines and columns, BT.709's of many of either."""
    film = plain(tmp_path / "clip.y4m", (126, 128, 178), size)
    frame = next(film.frames(Section(), size))
    assert frame.pixels[..., 0].mean() == pytest.approx(110 * 255 / 219 + red * 50, abs=1.5)


def test_a_part_of_a_disc_s_stream(tmp_path):
    """A seek in it may end a frame away from what it says."""
    encoded(tmp_path / "clip", "svcd", "mpeg1video", count=100, size=(64, 64), step=2)
    film = Film(tmp_path / "clip")
    whole = [frame.pixels for frame in film.frames(Section(), film.size)]
    for index in range(10, 100, 10):
        part = film.frames(Section(index / RATE), film.size)
        assert np.array_equal([frame.pixels for frame in part], whole[index:])


def test_no_container_that_is_read_opens_other_files():
    """Nor the network, nor a device: the demuxers of FFmpeg that open what a file names."""
    others = {"concat", "hls", "dash", "image2", "vobsub", "mlv", "imf", "webm_dash_manifest"}
    network = {"rtsp", "rtp", "sdp", "sap", "lavfi", "live_flv", "mpegtsraw"}
    read = {*FORMATS.split(",")}
    assert not read & (others | network)
    devices = {
        name
        for name in read
        if name in av.formats_available and av.format.ContainerFormat(name, "r").flags & 1
    }
    assert not devices


@pytest.mark.parametrize(
    ("name", "lines"),
    [("list.mp4", ["ffconcat version 1.0", "file real.mp4"]),
     ("list.m3u8", ["#EXTM3U", "#EXT-X-TARGETDURATION:5", "#EXTINF:5,", "real.mp4"])],
)  # fmt: skip
def test_lists_of_files_are_refused(film, tmp_path, name, lines):
    film("real.mp4", frames=3)
    (tmp_path / name).write_text("\n".join(lines))
    with pytest.raises(StylizeError, match="is sound alone, a text, one picture or a list"):
        _ = Film(tmp_path / name).size


def test_pictures_in_a_document_are_no_clip(tmp_path):
    pages = [Image.new("RGB", (48, 32), colour) for colour in ("red", "blue")]
    pages[0].save(tmp_path / "two.pdf", save_all=True, append_images=pages[1:])
    with pytest.raises(StylizeError, match=r"two\.pdf is no clip, but holds pictures, as a PDF"):
        _ = Film(tmp_path / "two.pdf").size


def test_jpegs_behind_each_other_are_a_clip(tmp_path):
    path = tmp_path / "film.mjpeg"
    with path.open("wb") as file:
        for colour in ("red", "blue", "green"):
            Image.new("RGB", (48, 32), colour).save(file, "JPEG")
    assert Film(path).size == (32, 48)


def test_sound_alone_is_refused(tmp_path):
    with wave.open(str(tmp_path / "song.wav"), "wb") as song:
        song.setparams((1, 2, 8000, 0, "NONE", ""))
        song.writeframes(bytes(1600))
    with pytest.raises(StylizeError, match=r"song\.wav is sound alone, .*: give a clip"):
        _ = Film(tmp_path / "song.wav").size


def test_a_name_with_a_colon(film, tmp_path, monkeypatch):
    """FFmpeg would take what stands before it for a protocol."""
    film("clip.mp4", frames=3, sound=False).rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    there = Film(Path("12:30.mp4"))
    assert len(list(there.frames(Section(), there.size))) == 3


def with_streams(path, *sources):
    """A file of the pictures of others: (file, disposition) each, packet by packet."""
    form = "matroska" if path.suffix == ".mkv" else "mp4"
    with av.open(str(path), "w", format=form) as container:
        opened = [av.open(str(file)) for file, _ in sources]
        packets = []
        for source, (_, disposition) in zip(opened, sources, strict=True):
            stream = container.add_stream_from_template(source.streams.video[0])
            stream.disposition = disposition
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    packets.append(packet)
        container.start_encoding()
        for packet in packets:
            container.mux(packet)


@pytest.mark.parametrize("suffix", [".mp4", ".m4a"])
def test_a_cover_is_not_the_film(film, tmp_path, suffix):
    """Also where it comes first, and is larger."""
    Image.fromarray(shape(0, (96, 128))).save(tmp_path / "cover.jpg")
    clip = film("clip.mp4", frames=6, sound=False)
    kinds = av.stream.Disposition
    path = tmp_path / f"both{suffix}"
    with_streams(path, (tmp_path / "cover.jpg", kinds.attached_pic), (clip, kinds(0)))
    found = Film(path)
    assert found.size == (48, 64)
    assert len(list(found.frames(Section(), found.size))) == 6


def test_a_cover_that_is_attached(film, tmp_path):
    """As Matroska keeps one."""
    Image.fromarray(shape(0, (96, 128))).save(tmp_path / "cover.jpg")
    clip = film("clip.mp4", frames=6, sound=False)
    with av.open(str(clip)) as source, av.open(str(tmp_path / "both.mkv"), "w") as container:
        cover = (tmp_path / "cover.jpg").read_bytes()
        container.add_attachment("cover.jpg", "image/jpeg", cover)
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    with av.open(str(tmp_path / "both.mkv")) as container:
        assert len(container.streams.video) == 2
    assert Film(tmp_path / "both.mkv").size == (48, 64)


def test_of_several_films_the_default_then_the_largest_is_shown(film, tmp_path):
    small = film("small.mp4", frames=3, sound=False)
    large = film("large.mp4", frames=3, sound=False, size=(96, 128))
    kinds = av.stream.Disposition
    with_streams(tmp_path / "a.mkv", (small, kinds(0)), (large, kinds(0)))
    assert Film(tmp_path / "a.mkv").size == (96, 128)
    with_streams(tmp_path / "b.mkv", (small, kinds.default), (large, kinds(0)))
    assert Film(tmp_path / "b.mkv").size == (48, 64)


def test_a_codec_that_is_not_known(film, tmp_path):
    data = film("clip.mp4", frames=3, sound=False).read_bytes()
    (tmp_path / "clip.mp4").write_bytes(data.replace(b"avc1", b"zzzz"))
    with pytest.raises(StylizeError, match="in a way that PyAV cannot decode: convert it to MP4"):
        _ = Film(tmp_path / "clip.mp4").size


def test_times_that_begin_anew_or_stay_go_on(film, monkeypatch):
    """As of recordings that were joined by `cat`, and of a recorder that stumbled."""
    there = Film(film("clip.mp4", frames=9, rate=RATE, sound=False))
    sought, told = Film._sought, [0, 1, 2, 2, 2, 3, 0, 1, 2]
    monkeypatch.setattr(
        Film,
        "_sought",
        lambda *given: (
            (time / RATE, frame) for time, (_, frame) in zip(told, sought(*given), strict=True)
        ),
    )
    times = [frame.time for frame in there.frames(Section(), there.size)]
    tick = there.clock * RATE
    assert times == [time / RATE for time in (0, 1, 2, 2 + tick, 2 + 2 * tick, 3, 4, 5, 6)]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("transfer=smpte2084", ["the clip is HDR, and is painted too pale"]),
        ("transfer=arib-std-b67", ["the clip is HDR, and is painted too pale"]),
        ("tff=1", ["the clip is interlaced, and combs are painted where it moves"]),
        ("transfer=bt709", []),
    ],
)
def test_what_is_not_painted_as_it_should_be_seen_is_told(tmp_path, params, said):
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"x264-params": params})
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(shape(0, (64, 64)))))
        container.mux(stream.encode(None))
    assert [note.partition(":")[0] for note in Film(tmp_path / "clip.mp4").notes] == said
