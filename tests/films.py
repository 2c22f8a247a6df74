"""Fixtures: clips of a moving square with a tone, made on the spot."""

import av
import pytest
from shapes import NTSC, SIZE, shape, tone


@pytest.fixture
def film(tmp_path):
    """film(name="clip.mp4", frames=12, **how) -> path of a clip that was made."""

    def make(
        name="clip.mp4",
        frames=12,
        *,
        size=SIZE,
        rate=NTSC,
        ticks=None,
        clock=None,
        rotation=0,
        sound=True,
        codec="libx264",
        pixels=shape,
    ):
        clock = clock or 1 / rate
        times = ticks or range(frames)
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=rate, options={"crf": "8"})
            stream.height, stream.width = size
            stream.pix_fmt = "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"
            stream.codec_context.time_base = clock
            if rotation:
                stream.set_display_rotation(rotation)
            waiting = []
            if sound:
                waiting = tone(container, float((times[-1] + 1) * clock) + 0.2)
            for index, tick in enumerate(times):
                picture = av.VideoFrame.from_ndarray(pixels(index, size), format="rgb24")
                picture.pts, picture.time_base = tick, clock
                after = times[index + 1] if index + 1 < len(times) else tick + 1
                picture.duration = after - tick
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
            container.mux(waiting)
        return tmp_path / name

    return make


@pytest.fixture
def seen(tmp_path):
    """seen(name) -> (pixels, times in seconds) of a clip in the current folder."""

    def look(name):
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.video[0]
            start = stream.start_time or 0
            found = [
                (frame.to_ndarray(format="rgb24"), (frame.pts - start) * stream.time_base)
                for frame in container.decode(video=0)
            ]
        return [pixels for pixels, _ in found], [time for _, time in found]

    return look


@pytest.fixture
def heard(tmp_path):
    """heard(name) -> the bytes of a clip's sound, packet by packet, with their times."""

    def listen(name):
        with av.open(str(tmp_path / name)) as container:
            if not container.streams.audio:
                return []
            return [
                (packet.pts * packet.time_base, bytes(packet))
                for packet in container.demux(audio=0)
                if packet.dts is not None
            ]

    return listen
