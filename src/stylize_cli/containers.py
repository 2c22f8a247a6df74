"""MP4, MOV, MKV, WebM and what else PyAV reads; what it is for is one extra."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stylize_cli import files
from stylize_cli.errors import StylizeError
from stylize_cli.frames import RATE, Frame, Kept, Samples, Size, Span

if TYPE_CHECKING:
    from av.container import InputContainer

Codec = Literal["h264", "hevc", "vp9"]

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
SIDES = {"h264": 2, "hevc": 2, "vp9": 1}  # what both must be multiples of
CRF: dict[str, tuple[int, int]] = {
    "h264": (18, 51),
    "hevc": (22, 51),
    "vp9": (30, 63),
}  # usual, most
ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9"}
OPTIONS: dict[str, dict[str, str]] = {
    "h264": {},
    "hevc": {"x265-params": "log-level=error"},
    "vp9": {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
}
ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
BT709 = 1  # in the tables of H.273: primaries, transfer and matrix
NEARLY = Fraction(1, 1500)  # seconds: Matroska rounds times to milliseconds
NEVER = 10**9  # seconds
TAIL = 2  # seconds, in which the last frame is looked for first
HD, UNSAID = 720, 2  # lines from which on colours that are not said are BT.709's


@dataclass(frozen=True)
class Film:
    """A clip in a container.

    Attributes:
        path: of the file.
    """

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @cached_property
    def _facts(self) -> "tuple[Size, Fraction, Fraction, Fraction | None]":
        """Size, clock, rate and length."""
        with self.opened() as container:
            stream = container.streams.video[0]
            frame = next(self._decoded(container), None)
            if frame is None:
                raise StylizeError(f"{self.path} has no frames: copy or download it again")
            # A size in square pixels: those of tapes and discs are wider, or narrower.
            shape = stream.sample_aspect_ratio or 1
            width = frame.width if shape == 1 else round(frame.width * shape / 2) * 2
            size = frame.height, width
            upright = size if abs(frame.rotation) != 90 else size[::-1]
            length = _length(container)
            clock = stream.time_base or 1 / RATE
            return upright, clock, stream.average_rate or RATE, length

    @property
    def size(self) -> Size:
        """(height, width) of its frames, upright, px."""
        return self._facts[0]

    @property
    def clock(self) -> Fraction:
        """Seconds of which all its times are multiples."""
        return self._facts[1]

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        return self._facts[2]

    @property
    def length(self) -> Fraction | None:
        """Seconds, or None where the file does not say."""
        return self._facts[3]

    def frames(self, span: Span, size: Size) -> Iterator[Frame]:
        """Its frames in a span, turned upright."""
        with self.opened() as container:
            stream = container.streams.video[0]
            start = first_time(container)
            if span.start:
                _seek(container, span.start + start)
            for number, frame in enumerate(self._decoded(container)):
                tick = frame.time_base or stream.time_base
                time = number / self.rate if frame.pts is None else frame.pts * tick - start
                if span.is_over(time):
                    return
                if span.holds(time):
                    duration = frame.duration * tick if frame.duration else 1 / self.rate
                    yield Frame(_pixels(frame, size), time, duration)

    @contextlib.contextmanager
    def opened(self) -> "Iterator[InputContainer]":
        """The file, opened and seen to have pictures."""
        av = library()
        if not self.path.is_file():
            files.contents(self.path, what="a clip")  # says what is there instead
        try:
            container = av.open(str(self.path))
        except av.error.FFmpegError as error:
            raise StylizeError(
                f"{self.path} is no clip, or damaged ({error.strerror}): "
                "copy it again, or convert it to MP4"
            ) from error
        with container:
            if not container.streams.video:
                raise StylizeError(f"{self.path} has no pictures, only sound: name another clip")
            yield container

    def _decoded(self, container: "InputContainer") -> Iterator[Any]:
        """Its frames as the decoder gives them."""
        av = library()
        container.streams.video[0].thread_type = "AUTO"
        time = 0.0
        try:
            for frame in container.decode(video=0):
                time = frame.time or time
                yield frame
        except av.error.FFmpegError as error:
            raise StylizeError(
                f"{self.path} is damaged after {time:.2f} s ({error.strerror}): "
                f"copy it again, or stop before it with --end {time:.2f}"
            ) from error


class FilmWriter:
    """Writes a clip, and copies sound and subtitles beside it.

    Args:
        path: of the file; it appears when all is written, and at Ctrl-C with what is.
        size: (height, width) of its frames.
        clock: seconds of which all times are multiples.
        rate: frames a second, on average.
        source: whose sound and subtitles are copied, and from when to when; None for none.
        kept: of an earlier run, whose frames are copied first.
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
        source: tuple[Film, Span] | None,
        kept: Path | None,
        codec: Codec,
        crf: int,
        label: str,
    ) -> None:
        self.path, self.clock, self.codec, self.left_out = path, clock, codec, list[str]()
        self._size, self._rate, self._crf, self._label = size, rate, crf, label
        self._source, self._kept = source, kept
        self._stack, self._frames = contextlib.ExitStack(), 0

    def __enter__(self) -> "FilmWriter":
        av = library()
        with self._reported(), contextlib.ExitStack() as stack:
            partial = stack.enter_context(files.appearing(self.path))
            container = av.open(str(partial), "w", format=CONTAINERS[self.path.suffix.lower()])
            self._container = stack.enter_context(container)
            self._container.metadata["comment"] = self._label
            self._stream = self._opened_stream()
            self._others = self._copied(stack)
            self._container.start_encoding()
            self._waiting = next(self._others, None)
            if self._kept:
                self._copy_kept(self._kept)
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
        for packet in self._stream.encode(None):
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
            if stream.codec_context.name in known:
                streams[stream.index] = self._container.add_stream_from_template(stream)
            else:
                self.left_out.append(f"{stream.type} ({stream.codec_context.name})")
        return self._shifted(source, streams, start, span)

    def _shifted(
        self,
        source: "InputContainer",
        streams: dict[int, Any],
        start: Fraction,
        span: Span,
    ) -> Iterator[Any]:
        if not streams:
            return
        if span.start:
            _seek(source, start)
        for packet in source.demux([source.streams[index] for index in streams]):
            if packet.dts is None:
                continue
            if packet.pts is None:
                packet.pts = packet.dts
            time = packet.pts * packet.time_base - start
            if time < (0 if span.start else -1) or span.is_over(time + span.start):
                continue
            shift = round(start / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream_index]
            yield packet

    def _copy_kept(self, path: Path) -> None:
        """Copies the pictures of an earlier run as they are."""
        av = library()
        with Film(path).opened() as container:
            stream = container.streams.video[0]
            name = ANNEX_B.get(self.codec)
            turn: Callable[[Any], Any] = (
                av.bitstream.BitStreamFilterContext(name, stream).filter
                if name
                else (lambda packet: [packet])
            )
            for packet in container.demux(stream):
                for turned in turn(packet) if packet.dts is not None else ():
                    turned.stream = self._stream
                    self._mux(turned)

    def _mux(self, packet: Any) -> None:  # noqa: ANN401 - PyAV's
        if packet.dts is not None:
            self._copy_others(packet.dts * packet.time_base)
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
                f"cannot write {self.path} ({reason}): choose another place or --codec"
            ) from error


def kept(path: Path) -> Kept | None:
    """What an earlier run left in a file; None where there is no file."""
    if not path.exists():
        return None
    film = Film(path)
    with film.opened() as container:
        stream = container.streams.video[0]
        count = sum(packet.dts is not None for packet in container.demux(stream))
    last = None
    length = film.length or Fraction(0)
    for start in (max(Fraction(0), length - TAIL), Fraction(0)):
        for frame in film.frames(Span(start), film.size) if last is None else ():
            last = frame
    if last is None:
        raise StylizeError(f"{path} has no frames to go on from: leave out --resume")
    return Kept(last.time, last.pixels, count)


def label_of(path: Path) -> str:
    """What `FilmWriter` was told to write of how a file was made, or ""."""
    with Film(path).opened() as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    return str(found.get("comment", ""))


def library() -> Any:  # noqa: ANN401 - a module
    """PyAV.

    Raises:
        StylizeError: the extra is not installed.
    """
    try:
        import av  # noqa: PLC0415 - an extra
        import av.bitstream  # noqa: PLC0415
    except ImportError:
        raise StylizeError(
            "clips need PyAV: pip install 'stylize-cli[video]' (folders of frames, GIF, WebP and "
            "APNG do without)"
        ) from None
    return av


def first_time(container: Any) -> Fraction:  # noqa: ANN401 - PyAV's
    """When its first stream begins, seconds: what times count from."""
    stream = container.streams.video[0]
    return Fraction((stream.start_time or 0) * stream.time_base)


def _length(container: Any) -> Fraction | None:  # noqa: ANN401 - PyAV's
    stream = container.streams.video[0]
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration, 1_000_000) if container.duration else None


def _seek(container: Any, time: Fraction) -> None:  # noqa: ANN401 - PyAV's
    """To the last whole picture before a time, or where that is not known to the start."""
    with contextlib.suppress(library().error.FFmpegError):
        container.seek(int(time * 1_000_000), backward=True)


def _pixels(frame: Any, size: Size) -> Samples:  # noqa: ANN401 - PyAV's
    """A frame's pixels upright, at (height, width)."""
    turns = round(frame.rotation / 90) % 4
    height, width = size if turns % 2 == 0 else size[::-1]
    colours = "ITU709" if frame.colorspace == UNSAID and frame.height >= HD else None
    rgb = frame.reformat(width, height, "rgb24", src_colorspace=colours, interpolation="BICUBIC")
    return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), turns))
