"""`--show`: pictures in a terminal, which a pseudoterminal plays here."""

import base64
import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylize_cli
from stylize_cli import images
from stylize_cli.cli import showing
from stylize_cli.images import Planes

pytest_plugins = ["commandline", "nets"]

KITTY = re.compile(rb"\x1b_G(?P<keys>[^;]*);(?P<data>[A-Za-z0-9+/=]*)\x1b\\")
ITERM2 = re.compile(rb"\x1b\]1337;File=(?P<keys>[^:]*):(?P<data>[A-Za-z0-9+/=]*)\x07")
QUERY = b"\x1b[c"


@pytest.fixture
def terminal(tmp_path, home):
    """terminal(*arguments, answer=b"", **environment) -> (exit code, stdout, what it was sent).

    `stylize` with stderr on a terminal of 80x40 that answers what it is by `answer`, and stdout
    in a file.
    """

    def run(*arguments, answer=b"", **environment):
        child, screen = pty.fork()
        if child == 0:
            out = os.open(tmp_path / "stdout", os.O_CREAT | os.O_WRONLY)
            os.dup2(out, 1)
            os.chdir(tmp_path)
            own = {key: os.environ[key] for key in ("PATH", "OMP_NUM_THREADS") if key in os.environ}
            own |= {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1]), "TERM": "xterm"}
            own |= {"STYLIZE_HOME": str(home), "COLUMNS": "80", "LINES": "40"}
            command = [sys.executable, "-m", "stylize_cli", *map(str, arguments)]
            os.execve(sys.executable, command, own | environment)
        sent, answered, until = b"", False, time.monotonic() + 120
        while time.monotonic() < until and select.select([screen], [], [], 60)[0]:
            try:
                sent += os.read(screen, 1 << 16)
            except OSError:  # the other end is closed
                break
            if QUERY in sent and not answered:
                os.write(screen, answer)
                answered = True
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(screen)
        return code, (tmp_path / "stdout").read_bytes(), sent

    return run


def shown(pattern, sent):
    """The pictures that a terminal was sent: (their keys, pixels)."""
    found, keys, data = [], None, b""
    for command in pattern.finditer(sent):
        if b"a=q" in command["keys"]:
            continue
        keys, data = keys or command["keys"], data + command["data"]
        if b"m=1" not in command["keys"]:
            with Image.open(io.BytesIO(base64.b64decode(data))) as image:
                found.append((keys.decode(), np.asarray(image)))
            keys, data = None, b""
    return found


@pytest.fixture
def large(tmp_path, picture):
    """large.png, 600x400, in the current folder."""
    images.write(tmp_path / "large.png", Planes(picture(400, 600)))


PAINT = ["optimize", "photo.png", "style.png", "--iterations", 2, "--size", 32, "--scales", 1]


@pytest.mark.vgg
@pytest.mark.usefixtures("photo", "style")
def test_a_picture_emerges_in_its_place_and_stdout_stays_clean(terminal, tmp_path):
    code, out, sent = terminal(*PAINT, "--show", answer=b"\x1b_Gi=31;OK\x1b\\\x1b[?62;c")
    assert (code, out) == (0, b"photo-style.png\n")
    pictures = shown(KITTY, sent)
    assert len(pictures) >= 2
    with Image.open(tmp_path / "photo-style.png") as made:
        assert (pictures[-1][1] == np.asarray(made)).all()
    numbers = {re.search(r"i=(\d+)", keys)[1] for keys, _ in pictures}
    assert len(numbers) == 1  # each takes the place of the one before
    rows = re.search(r"r=(\d+)", pictures[0][0])[1]
    # Room is made once, and the cursor goes up over it and comes back.
    assert sent.count(b"\r\n" * int(rows)) == 1
    assert sent.count(b"\x1b7\x1b[%sA" % rows.encode()) == sent.count(b"\x1b8") == len(pictures)


@pytest.mark.usefixtures("conversions", "photo", "large")
def test_every_result_is_shown_below_its_name(terminal, net):
    net(name="net.pt")
    run = ["apply", "net.pt", "photo.png", "large.png", "--style", "munch", "--threads", 1]
    code, out, sent = terminal(*run, "--show", answer=b"\x1b[?62;c", TERM_PROGRAM="iTerm.app")
    assert (code, out) == (0, b"photo-munch.png\nlarge-munch.png\n")
    pictures = shown(ITERM2, sent)
    assert [pixels.shape for _, pixels in pictures] == [(24, 32, 3), (320, 480, 3)]
    assert "inline=1" in pictures[0][0]
    assert "width=60;height=20" in pictures[1][0]


@pytest.mark.usefixtures("photo", "style")
@pytest.mark.parametrize("answer", [b"\x1b[?62;c", b"\x1b_Gi=31;ENOSYS\x1b\\\x1b[?1;2c", b""])
def test_a_terminal_without_pictures_is_told_so(terminal, answer):
    code, out, sent = terminal(*PAINT, "--show", answer=answer)
    assert (code, out) == (2, b"")
    said = sent.replace(showing.QUESTION, b"").replace(answer, b"").decode()
    assert "error: --show needs a terminal that shows pictures, such as kitty" in said
    assert said.count("\r\n") == 1


@pytest.mark.usefixtures("photo", "style")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--show", "--show draws on a terminal, and stderr is none: leave it out"),
        ("--show --quiet", "--show draws on the terminal, --quiet keeps it empty: leave out one"),
    ],
)
def test_without_a_terminal_there_is_nothing_to_show_on(refused, options, said):
    assert refused(*PAINT, *options.split()) == said


def test_what_is_shown_is_in_a_file(refused, photo):
    said = refused("apply", "classics", photo, "--style", "klimt-kiss", "-o", "-", "--show")
    assert said == "--show draws what is in files: leave it out, or give -o a file"


@pytest.mark.parametrize(
    ("size", "cells"),
    [((400, 600), (60, 20)), ((600, 400), (27, 20)), ((100, 1000), (79, 4)), ((1, 900), (79, 1))],
)
def test_a_picture_keeps_its_shape_in_cells_twice_as_high_as_wide(monkeypatch, size, cells):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((80, 40)))
    assert showing._cells(size) == cells


def test_a_terminal_that_is_not_there_is_not_asked(tmp_path):
    ask = "from stylize_cli.cli import showing; print(showing._answer(b'?'))"
    ran = subprocess.run(
        [sys.executable, "-c", ask],
        env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert ran.stdout == "b''\n"
