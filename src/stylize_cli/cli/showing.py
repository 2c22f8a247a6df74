"""A picture as it emerges, on terminals that show pictures.

By kitty's graphics protocol (https://sw.kovidgoyal.net/kitty/graphics-protocol), which kitty,
Ghostty, WezTerm and Konsole speak, or by iTerm2's (https://iterm2.com/documentation-images.html),
which VS Code speaks too.
"""

import base64
import os
import select
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from rich.console import Console as Terminal
    from rich.segment import Segment

    from stylize_cli.arrays import Pixels

Protocol = Literal["kitty", "iterm2"]

ROWS = 20  # of text that a picture takes, at most
CELL = 2.0  # height of a character over its width
SHOWN_AT = 480  # px, the longer side of what the terminal is sent
APART = 0.5  # seconds from one picture in the making to the next
PATIENCE = 1.0  # seconds that a terminal has to answer
CHUNK = 4096  # bytes of base64 in one of kitty's commands
ITERM2 = ("iTerm.app", "vscode", "WezTerm", "mintty")  # in TERM_PROGRAM
# Whether it knows kitty's graphics; then what it is, which every terminal answers.
QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"


@dataclass
class Screen:
    """Where pictures are shown: stderr, above the bar where there is one.

    Attributes:
        protocol: how the terminal is sent a picture.
        terminal: stderr, as whatever else is drawn there must have it.
    """

    protocol: Protocol
    terminal: "Terminal"
    _left: int = 0
    _rows: int = 0
    _drawn_at: float = -APART

    @property
    def is_due(self) -> bool:
        """Whether the picture that was drawn last was there for a while."""
        return time.monotonic() - self._drawn_at >= APART

    def show(self, pixels: "Pixels") -> None:
        """Draws a picture (H, W, 3 or 4) in [0, 1], in the place of the one before it, if any."""
        columns, rows = _cells(pixels.shape[:2])
        rows = self._rows or rows
        number = (os.getpid() << 8) + self._left % 256
        send = {"kitty": _kitty, "iterm2": _iterm2}[self.protocol]
        sent = send(_png(pixels), columns, rows, number)
        self.terminal.print(_Frame(sent, rows, is_new=not self._rows), end="")
        self._rows, self._drawn_at = rows, time.monotonic()

    def leave(self) -> None:
        """Lets the last picture stand: the next is another, or lines came between."""
        self._left += 1
        self._rows = 0


@dataclass
class _Frame:
    """What rich prints: `rows` lines, and on them the picture; the cursor ends up below."""

    sent: str
    rows: int
    is_new: bool

    def __rich_console__(self, *_console_and_options: object) -> "Iterator[Segment]":
        from rich.segment import ControlType, Segment

        if self.is_new:
            yield Segment("\n" * self.rows)
        drawn = f"\x1b7\x1b[{self.rows}A\r{self.sent}\x1b8"
        yield Segment(drawn, None, [(ControlType.CURSOR_FORWARD, 0)])  # as it is


def opened(*, quiet: bool) -> Screen:
    """The terminal on stderr, if it shows pictures.

    Raises:
        StylizeError: it does not, or there is none.
    """
    if quiet:
        raise StylizeError("--show draws on the terminal, --quiet keeps it empty: leave out one")
    if not sys.stderr.isatty():
        raise StylizeError("--show draws on a terminal, and stderr is none: leave it out")
    protocol = _protocol()
    if protocol is None:
        raise StylizeError(
            "--show needs a terminal that shows pictures, such as kitty, Ghostty, WezTerm, Konsole "
            "or iTerm2, and outside of tmux: leave it out in this one"
        )
    from rich.console import Console as Terminal

    return Screen(protocol, Terminal(stderr=True))


def _protocol() -> Protocol | None:
    known = os.environ.get("LC_TERMINAL") == "iTerm2"
    if b"_Gi=31;OK" in _answer(QUESTION):
        return "kitty"
    return "iterm2" if known or os.environ.get("TERM_PROGRAM") in ITERM2 else None


def _answer(question: bytes) -> bytes:
    """What the terminal of this process says to a question that ends in `ESC [ c`; b"" for none."""
    try:
        import termios
        import tty

        line = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except (ImportError, OSError):  # Windows; a process without a terminal of its own
        return b""
    try:
        before: list[Any] = termios.tcgetattr(line)
        tty.setcbreak(line)
        try:
            os.write(line, question)
            return _read(line)
        finally:
            termios.tcsetattr(line, termios.TCSADRAIN, before)
    finally:
        os.close(line)


def _read(line: int) -> bytes:
    """Reads up to the answer to `ESC [ c`, which is `ESC [ ? … c`."""
    answer, until = b"", time.monotonic() + PATIENCE
    while not (b"\x1b[?" in answer and answer.endswith(b"c")):
        left = until - time.monotonic()
        if left <= 0 or not select.select([line], [], [], left)[0]:
            break
        answer += os.read(line, CHUNK)
    return answer


def _cells(size: tuple[int, ...]) -> tuple[int, int]:
    """Columns and rows of text that a picture of (height, width) takes."""
    width, lines = shutil.get_terminal_size()
    most = max(1, min(ROWS, lines - 4))
    share = min(most * CELL / size[0], (width - 1) / size[1])  # columns a pixel
    return max(1, round(share * size[1])), max(1, min(most, round(share * size[0] / CELL)))


def _png(pixels: "Pixels") -> bytes:
    from stylize_cli import encoders
    from stylize_cli.methods.resampling import resized

    height, width = pixels.shape[:2]
    share = min(1.0, SHOWN_AT / max(height, width))
    size = max(1, round(share * height)), max(1, round(share * width))
    return encoders.encode(resized(pixels[..., :3], size), "PNG")


def _kitty(picture: bytes, columns: int, rows: int, number: int) -> str:
    """Transmits and shows a PNG; one of the same number goes, and the cursor stays."""
    data = base64.b64encode(picture).decode()
    parts = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    first = f"a=T,f=100,q=2,C=1,i={number},c={columns},r={rows},"
    return "".join(
        f"\x1b_G{first * (part == 0)}m={int(part < len(parts) - 1)};{sent}\x1b\\"
        for part, sent in enumerate(parts)
    )


def _iterm2(picture: bytes, columns: int, rows: int, _number: int) -> str:
    """Shows a PNG inline."""
    data = base64.b64encode(picture).decode()
    about = f"inline=1;size={len(picture)};width={columns};height={rows};preserveAspectRatio=1"
    return f"\x1b]1337;File={about}:{data}\x07"
