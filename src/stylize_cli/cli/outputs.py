"""Where results go."""

import glob
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_cli import paths
from stylize_cli.cli import inputs, streams
from stylize_cli.cli.inputs import STDIO
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.api.picture import Picture
    from stylize_cli.arrays import Pixels, Samples
    from stylize_cli.encoders import Depth, Format


@dataclass(frozen=True)
class Output:
    """A file to write, or stdout; chosen and checked before any work is done.

    Attributes:
        path: the file; None is stdout, as PNG.
        quality: of JPEG and WebP, 1 to 100.
        depth: bits a channel.
        exif: metadata to write.
    """

    path: Path | None
    quality: int = 95
    depth: "Depth" = 8
    exif: bytes = b""

    def __str__(self) -> str:
        return STDIO if self.path is None else str(self.path)

    @property
    def format(self) -> "Format":
        """What the file's suffix names; PNG on stdout."""
        from stylize_cli import images

        return "PNG" if self.path is None else images.format_of(self.path)

    def write(self, picture: "Picture") -> None:
        """Writes a picture, whole or not at all."""
        self._deliver(
            picture.encoded(self.format, quality=self.quality, depth=self.depth, exif=self.exif)
        )

    def save(self, pixels: "Pixels | Samples") -> None:
        """Writes pixels (H, W, C), in [0, 1] or as the samples of a file, whole or not at all."""
        from stylize_cli import encoders

        self._deliver(
            encoders.encode(
                pixels, self.format, quality=self.quality, depth=self.depth, exif=self.exif
            )
        )

    def _deliver(self, data: bytes) -> None:
        from stylize_cli import files

        if self.path is not None:
            files.write(self.path, data)
            return
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # a reader who has seen enough is no failure
            return
        except OSError as error:
            raise StylizeError(
                f"cannot write to stdout ({error.strerror}): send it elsewhere, or give -o a file"
            ) from error

    def held(self) -> AbstractContextManager[None]:
        """Keeps the file to this process: of two that write it for minutes, one would be lost."""
        from stylize_cli import files

        return nullcontext() if self.path is None else files.held(self.path)

    def numbered(self, number: int) -> "Output":
        """The output with a number in its name: out.png -> out-0020.png."""
        assert self.path is not None  # stdout takes one
        return replace(self, path=self.path.with_stem(f"{self.path.stem}-{number:04d}"))


def is_there(out: Output) -> bool:
    """Whether the file is there."""
    return out.path is not None and os.path.lexists(out.path)  # a dead link too


def is_numbered(out: Output) -> bool:
    """Whether the file is there, or one of its numbered ones."""
    assert out.path is not None
    pattern = f"{glob.escape(out.path.stem)}-[0-9][0-9][0-9][0-9]*{out.path.suffix}"
    return is_there(out) or any(out.path.parent.glob(pattern))


def choose(
    output: str | None,
    name: str,
    sources: Sequence[str],
    *,
    marks: Sequence[str] = (),
    taken: Callable[[Output], bool] = is_there,
    overwrite: bool = False,
    quality: int = 95,
    depth: "Depth" = 8,
) -> Output:
    """Decides where a result goes, and refuses what could not be written in the end.

    A file that -o names itself is replaced, as by every tool. One that is named here is not: where
    an earlier run made it, the marks become a part of the name.

    Args:
        output: what -o says: a file, a folder, - or nothing.
        name: file name to use in a folder, and in the current one where -o says nothing.
        sources: the inputs, none of which may be overwritten.
        marks: what tells this run from others with the same name, such as "1024" and "seed3".
        taken: whether something that would be written is there.
        overwrite: replace it.
        quality: of JPEG and WebP.
        depth: bits a channel.

    Raises:
        StylizeError: not writable, an input, of an unknown kind, there already, or stdout is a
            terminal or closed.
    """
    from stylize_cli import images

    if output == STDIO:
        streams.check_takes_bytes()
        return Output(None, quality, depth)
    path = Path(output or ".")
    is_folder = paths.names_folder(output or ".")
    out = Output(path / name if is_folder else path, quality, depth)
    images.check_writable(out.path or path, inputs.files(sources), depth=depth)
    if is_folder and not overwrite:
        out = _free(out, marks, taken)
        images.check_writable(out.path or path, inputs.files(sources), depth=depth)
    return out


def _free(out: Output, marks: Sequence[str], taken: Callable[[Output], bool]) -> Output:
    """The output, or where it is taken the one with the marks in its name.

    Raises:
        StylizeError: that is taken too.
    """
    assert out.path is not None
    marked = replace(out, path=out.path.with_stem("-".join([out.path.stem, *marks])))
    for free in (out, marked):
        if not taken(free):
            return free
    found = marked if is_there(marked) else f"a numbered {marked}"
    raise StylizeError(f"{found} is there already: --overwrite replaces it, -o names another place")


def marks_of(size: object, seed: int) -> list[str]:
    """What tells a run with this size, None for the usual one, and seed from others, in a name."""
    return [str(size)] * (size is not None) + [f"seed{seed}"] * (seed != 0)


def check_numbered(output: Output, sources: Sequence[str]) -> None:
    """Raises `StylizeError` where a numbered file of the output would overwrite an input."""
    from stylize_cli import files

    for file in inputs.files(sources):
        number = file.resolve().stem.rpartition("-")[2]
        if number.isdecimal():
            files.check_place(Path(str(output.numbered(int(number)))), [file])


@dataclass(frozen=True)
class Written:
    """What is to be written, as the options say it.

    Attributes:
        output: file or folder, or - for stdout; None is the current folder.
        quality: of JPEG and WebP, 1 to 100.
        depth: bits a channel.
        save_every: iterations from one numbered picture to the next; None for none.
        plot: file of the losses' curves, or None.
        keeps_metadata: whether the photo's go with the picture.
        overwrites: whether an earlier run's are replaced.
        marks: what tells this run from others, where they are not.
    """

    output: str | None
    quality: int
    depth: "Depth"
    save_every: int | None
    plot: Path | None
    keeps_metadata: bool = False
    overwrites: bool = False
    marks: Sequence[str] = ()

    def chosen(self, name: str, sources: list[str]) -> Output:
        """Where the picture goes; refuses what could not be written in the end."""
        if self.save_every and self.output == STDIO:
            raise StylizeError("--save-every writes files: give -o a file")
        out = choose(
            self.output,
            name,
            sources,
            marks=self.marks,
            taken=is_numbered if self.save_every else is_there,
            overwrite=self.overwrites,
            quality=self.quality,
            depth=self.depth,
        )
        if self.save_every:
            check_numbered(out, sources)
        if self.plot:
            from stylize_cli import plots

            plots.check(self.plot, out.path, inputs.files(sources))
        return out
