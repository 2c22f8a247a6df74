"""A film as it is written: frames are encoded, sound and subtitles copied beside them."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stylize_cli import files
from stylize_cli.arrays import Size
from stylize_cli.containers import address, first_time, library, pictures_of, seek
from stylize_cli.errors import StylizeError
from stylize_cli.films import Film
from stylize_cli.frames import Frame, Section

if TYPE_CHECKING:
    from av.container import InputContainer

Codec = Literal["h264", "hevc", "vp9"]

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
SIDES = {"h264": 2, "hevc": 2, "vp9": 1}  # what both must be multiples of
CRF = {"h264": (18, 51), "hevc": (22, 51), "vp9": (30, 63)}  # usual, most
ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9"}
OPTIONS: dict[str, dict[str, str]] = {
    # A clip as large as that of the encoder's usual preset, and by 0.4 dB less like what was
    # painted, in three fifths of the time, which the network has.
    "h264": {"preset": "faster"},
    "hevc": {"preset": "fast", "x265-params": "log-level=error"},
    "vp9": {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
}
ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
BT709 = 1  # in the tables of H.273: primaries, transfer and matrix
NEARLY = Fraction(1, 1500)  # seconds: Matroska rounds times to milliseconds
NEVER = 10**9  # seconds
TOLD = ("language", "title")  # of a stream of sound or subtitles
EARLIER = 5  # seconds, by which sound may lie before or behind its pictures in a file


class FilmWriter:
    """Writes a clip, and copies sound and subtitles beside it.

    Args:
        path: of the file; it appears when all is written, and at Ctrl-C with what is.
        size: (height, width) of its frames.
        clock: seconds of which all times are multiples.
        rate: frames a second, on average.
        source: whose sound and subtitles are copied, and from when to when; None for none.
        kept: file of an earlier run, whose frames are copied first, and when the first of them is
            shown, seconds.
        codec: of the pictures.
        crf: quality of the codec; the less, the better.
        label: what `label_of` is to find.

    Attributes:
        left_out: kinds of streams that the container cannot hold.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: Size,
        clock: Fraction,
        rate: Fraction,
        source: tuple[Film, Section] | None,
        kept: tuple[Path, Fraction] | None,
        codec: Codec,
        crf: int,
        label: str,
    ) -> None:
        self.path, self.clock, self.codec, self.left_out = path, clock, codec, list[str]()
        self._size, self._rate, self._crf, self._label = size, rate, crf, label
        self._source, self._kept = source, kept
        self._stack, self._frames = contextlib.ExitStack(), 0
        self._decoded: Fraction | None = None  # when the last picture is, seconds
        self._end = Fraction(0)  # of the last frame, seconds

    def __enter__(self) -> "FilmWriter":
        av = library()
        with self._reported(), contextlib.ExitStack() as stack:
            partial = stack.enter_context(files.appearing(self.path))
            container = av.open(address(partial), "w", format=CONTAINERS[self.path.suffix.lower()])
            stack.enter_context(_synced(partial))  # when that is closed
            self._container = stack.enter_context(container)
            self._container.metadata["comment"] = self._label
            self._stream = self._opened_stream()
            self._others = self._copied(stack)
            self._container.start_encoding()
            self._waiting = next(self._others, None)
            if self._kept:
                self._copy_kept(*self._kept)
            self._stack = stack.pop_all()
        return self

    def write(self, frame: Frame) -> None:
        """Encodes a frame."""
        av = library()
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.pixels), format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
        picture.colorspace = BT709
        picture.pts = round(frame.time / self.clock)
        picture.duration = round(frame.duration / self.clock)
        picture.time_base = self.clock
        self._frames += 1
        self._end = frame.time + frame.duration
        with self._reported():
            for packet in self._stream.encode(picture):
                self._mux(packet)

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:  # noqa: ANN401
        has_frames = bool(self._frames or self._kept)
        keeps = kind is None or (kind is KeyboardInterrupt and has_frames)
        with self._reported():
            try:
                if keeps:
                    self._finish(is_whole=kind is None)
            except BaseException:
                self._stack.__exit__(*sys.exc_info())
                raise
            # What was interrupted is kept: for the temporary file nothing was raised.
            self._stack.__exit__(*((None, None, None) if keeps else (kind, *error)))

    def _finish(self, *, is_whole: bool) -> None:
        packets = self._stream.encode(None)
        for packet in packets[-1:]:  # a container ends where that does
            end = round(self._end / packet.time_base)
            packet.duration = max(packet.duration or 0, end - packet.pts)
        for packet in packets:
            self._mux(packet)
        if is_whole:
            self._copy_others(Fraction(NEVER))

    def _opened_stream(self) -> Any:  # noqa: ANN401 - PyAV's
        options = {**OPTIONS[self.codec], "crf": str(self._crf)}
        stream = self._container.add_stream(ENCODERS[self.codec], options=options)
        context = stream.codec_context
        context.framerate = self._rate
        context.height, context.width = self._size
        context.pix_fmt = "yuv420p"
        context.time_base = stream.time_base = self.clock
        context.flags |= library().codec.context.Flags.frame_duration  # else of the last none
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = 1  # of television, 16 to 235
        if self.codec == "hevc":
            context.codec_tag = "hvc1"  # the one that Apple's players know
        return stream

    def _copied(self, stack: contextlib.ExitStack) -> Iterator[Any]:
        """Packets of sound and subtitles in the span, their times from its start."""
        if self._source is None:
            return iter(())
        film, span = self._source
        source = stack.enter_context(film.opened())
        start = first_time(source) + span.start
        known = self._container.supported_codecs
        streams = {}
        for stream in (*source.streams.audio, *source.streams.subtitles):
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            if codec in known:
                copy = streams[stream.index] = self._container.add_stream_from_template(stream)
                kept = {name: stream.metadata[name] for name in TOLD if name in stream.metadata}
                copy.metadata.update(kept)
                copy.disposition = stream.disposition  # which of several is played
            else:
                self.left_out.append(f"{stream.type} ({codec})")
        if not streams:
            return iter(())
        if span.start:
            seek(source, max(Fraction(0), start - EARLIER))
        packets = _rising(film, source, [source.streams[index] for index in streams])
        return self._shifted(packets, streams, start, span)

    def _shifted(
        self, packets: Iterator[Any], streams: dict[int, Any], start: Fraction, span: Section
    ) -> Iterator[Any]:
        for packet in packets:
            time = packet.pts * packet.time_base - start
            if time < (0 if span.start else -1) or span.is_over(time + span.start):
                continue
            shift = round(start / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream_index]
            yield packet

    def _copy_kept(self, path: Path, first: Fraction) -> None:
        """Copies the pictures of an earlier run as they are, the first at its time.

        Matroska has moved that where sound begins before the pictures.
        """
        av = library()
        with Film(path).opened() as container:
            stream = pictures_of(container)
            name = ANNEX_B.get(self.codec)
            turn: Callable[[Any], Any] = (
                av.bitstream.BitStreamFilterContext(name, stream).filter
                if name
                else (lambda packet: [packet])
            )
            shift = (stream.start_time or 0) - round(first / stream.time_base)
            for packet in _ordered(container.demux(stream)):
                for turned in turn(packet):
                    turned.pts, turned.dts = turned.pts - shift, turned.dts - shift
                    turned.stream = self._stream
                    self._mux(turned)

    def _mux(self, packet: Any) -> None:  # noqa: ANN401 - PyAV's
        """Writes a packet of pictures, to be decoded after the one before.

        Pictures are decoded some frames before they are shown. Of its first, an encoder guesses
        how long before by the frames that follow. Behind a seam that is before the last of what was
        copied, where a pause follows. As many frames as the guess is about lie before the seam, so
        that there is always a later tick.
        """
        if packet.dts is not None:
            if self._decoded is not None:
                packet.dts = max(packet.dts, round(self._decoded / packet.time_base) + 1)
            self._decoded = packet.dts * packet.time_base
            self._copy_others(self._decoded)
        self._container.mux(packet)

    def _copy_others(self, until: Fraction) -> None:
        """Copies sound and subtitles up to a time."""
        while self._waiting is not None:
            if self._waiting.dts * self._waiting.time_base > until:
                return
            self._container.mux(self._waiting)
            self._waiting = next(self._others, None)

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        av = library()
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            reason = error.strerror or str(error)
            raise StylizeError(
                f"cannot write {self.path} ({reason}): choose another place or `codec`"
            ) from error


@contextlib.contextmanager
def _synced(path: Path) -> Iterator[None]:
    """Sees that a file is on the disk, where nothing was raised."""
    yield
    with path.open("rb+") as file:
        files.sync(file.fileno())


def _rising(film: Film, source: "InputContainer", streams: list[Any]) -> Iterator[Any]:
    """Packets of streams, each with both its times.

    Where recordings were joined, times begin anew: a stream's go on behind its last.
    """
    late, ends, before = dict[int, int](), dict[int, int](), dict[int, int]()
    time = Fraction(0)
    try:
        for packet in source.demux(streams):
            told, stream = packet.dts, packet.stream_index
            if told is None:
                continue
            if told < before.get(stream, told):
                late[stream] = ends[stream] - told
            packet.pts = (told if packet.pts is None else packet.pts) + late.get(stream, 0)
            packet.dts = told + late.get(stream, 0)
            before[stream], ends[stream] = told, packet.dts + (packet.duration or 1)
            time = packet.dts * packet.time_base
            yield packet
    except library().error.FFmpegError as error:
        raise film.damaged(float(time - first_time(source)), error) from error


def _ordered(packets: Iterator[Any]) -> Iterator[Any]:
    """Packets of pictures, each with a time at which it is decoded.

    Matroska does not keep those, and of the first pictures they cannot be told: any will do that
    come before the others.
    """
    untold = []
    for packet in packets:
        if packet.size and packet.dts is None:
            untold.append(packet)
        elif packet.size:
            yield from _before(packet.dts, untold)
            untold.clear()
            yield packet
    if untold:
        yield from _before(untold[0].pts, untold)


def _before(time: int, packets: list[Any]) -> Iterator[Any]:
    for early, packet in zip(range(len(packets), 0, -1), packets, strict=True):
        packet.dts = time - early
        yield packet
