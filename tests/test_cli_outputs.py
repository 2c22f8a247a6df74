"""Where results go, and what is printed where."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from stylize_cli import plots
from stylize_cli.api.picture import of_tensors
from stylize_cli.cli import outputs
from stylize_cli.cli.console import Console
from stylize_cli.cli.outputs import Output
from stylize_cli.errors import StylizeError
from stylize_cli.progress import Step

HISTORY = [{"total": 2.0, "style relu1_1": 2.0}, {"total": 1.0, "style relu1_1": 1.0}]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "in.png").write_bytes(b"an input")
    (tmp_path / "bare").write_bytes(b"a file")


@pytest.fixture
def terminal(monkeypatch):
    """terminal(name): stdout or stderr says that it is a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    return lambda name: monkeypatch.setattr(getattr(sys, name), "isatty", lambda: True)


@pytest.mark.parametrize(
    ("output", "path"),
    [
        (None, "name.png"),
        ("", "name.png"),
        ("a.jpg", "a.jpg"),
        ("folder", "folder/name.png"),
        ("folder/", "folder/name.png"),
        ("new/", "new/name.png"),
        ("new", "new/name.png"),
        ("folder/a", "folder/a/name.png"),
        ("new/a.tif", "new/a.tif"),
        (".", "name.png"),
    ],
)
def test_output_is_a_file_or_the_name_in_a_folder(output, path):
    chosen = outputs.choose(output, "name.png", ["in.png"], quality=7)
    assert chosen == Output(Path(path), quality=7, depth=8)
    assert str(chosen) == str(Path(path))
    assert not Path("new").exists()


def test_dash_is_stdout_as_png(capfdbinary, picture):
    chosen = outputs.choose("-", "name.png", ["-", "in.png"], depth=16)
    assert (chosen.path, str(chosen)) == (None, "-")
    chosen.write(of_tensors(picture(3, 5)))
    written = capfdbinary.readouterr().out
    assert written.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\5\0\0\0\3\x10")  # 5x3, 16 bits


def test_image_bytes_are_not_sent_to_a_terminal(terminal):
    terminal("stdout")
    with pytest.raises(StylizeError, match=r"send stdout to a file or a pipe$"):
        outputs.choose("-", "name.png", [])


@pytest.mark.parametrize(
    "output", ["in.png", "folder/../in.png", "soft.png", "hard.png", None, "."]
)
def test_an_input_is_never_an_output(tmp_path, output):
    (tmp_path / "soft.png").symlink_to("in.png")
    os.link("in.png", "hard.png")
    with pytest.raises(StylizeError, match="is an input and would be overwritten: name another"):
        outputs.choose(output, "in.png", ["other.png", str(tmp_path / "in.png")])


def test_an_input_given_through_a_link_is_not_an_output_either():
    Path("link").symlink_to("folder")
    Path("folder/a.png").write_bytes(b"an input")
    with pytest.raises(StylizeError, match=r"folder/a\.png is an input"):
        outputs.choose("folder", "a.png", ["link/a.png"])


def test_a_file_that_is_no_input_may_be_replaced(picture):
    Path("old.png").write_bytes(b"old")
    outputs.choose("old.png", "name.png", ["in.png"]).write(of_tensors(picture(2, 2)))
    assert Path("old.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("output", "depth", "said"),
    [
        ("a.gif", 8, r"cannot write a\.gif: its name must end in one of \.png, \.jpg,"),
        ("bare", 8, r"cannot write bare: its name must end in one of \.png, \.jpg,"),
        ("in.png/a.png", 8, r"in\.png is a file, no folder; choose another"),
        ("in.png/", 8, r"in\.png is a file, no folder; choose another"),
        ("/dev/null", 8, r"/dev/null is no file: give -o -, and send stdout there"),
        ("a.webp", 16, r"WEBP holds 8 bits a channel: use `depth` 8, or an output named \.png"),
    ],
)
def test_what_could_not_be_written_is_refused_beforehand(output, depth, said):
    with pytest.raises(StylizeError, match=said):
        outputs.choose(output, "name.png", ["in.png"], depth=depth)


def test_numbered_files_lie_beside_the_output():
    output = Output(Path("folder/a.b.jpg"), quality=3)
    assert output.numbered(20) == Output(Path("folder/a.b-0020.jpg"), quality=3)
    assert output.numbered(12345).path == Path("folder/a.b-12345.jpg")


@pytest.mark.parametrize(
    ("name", "signature"),
    [("new/a.png", rb"\x89PNG"), ("a.SVG", rb"<\?xml[^>]*>\s*<!DOCTYPE svg"), ("a.pdf", rb"%PDF-")],
)
def test_plots_are_of_the_kind_that_their_suffix_names(name, signature):
    plots.check(Path(name), Path("out.png"), [Path("in.png")])
    plots.write(Path(name), HISTORY)
    assert re.match(signature, Path(name).read_bytes())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.gif", r"cannot plot to a\.gif: its name must end in one of \.png, \.svg, \.pdf"),
        ("a", r"cannot plot to a: its name must end in one of \.png, \.svg, \.pdf"),
        ("in.png", r"in\.png is an input and would be overwritten: name another output"),
        ("in.png/a.svg", r"in\.png is a file, no folder; choose another"),
        (
            "folder/../out.png",
            r"`plot` folder/\.\./out\.png is the picture's own file: name another",
        ),
    ],
)
def test_plots_that_could_not_be_written_are_refused_beforehand(name, said):
    with pytest.raises(StylizeError, match=said):
        plots.check(Path(name), Path("out.png"), [Path("in.png")])


def test_without_matplotlib_a_plot_says_how_to_have_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        StylizeError, match=r"pip install 'stylize-cli\[plot\]', or leave out `plot`"
    ):
        plots.check(Path("a.png"), None, [])


@pytest.mark.parametrize("quiet", [False, True])
def test_words_go_to_stderr_and_data_to_stdout(capsys, quiet):
    console = Console(quiet=quiet)
    console.say("a note")
    console.result({"output": "é.png", "width": 3})
    assert capsys.readouterr() == ("é.png\n", "" if quiet else "a note\n")


def test_json_is_one_object_a_line(capsys):
    records = [{"output": "a.png", "losses": {"total": 1.5}}, {"output": "b\nc.png"}]
    for record in records:
        Console(json=True).result(record)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == records


@pytest.mark.parametrize("json", [False, True])
def test_of_bytes_on_stdout_nothing_is_said_there(capsys, json):
    Console(json=json).result({"output": "-", "width": 3})
    assert capsys.readouterr() == ("", "")


def bar(console):
    with console.progress("Working") as on_step:
        losses = {"style relu1_1": 1.0, "style relu2_1": 2.0, "content relu4_2": 0.5, "total": 3.5}
        on_step(Step("Stylising at 32x24", 1, 4, losses))


def test_a_terminal_shows_the_progress_on_stderr_alone(capsys, terminal):
    terminal("stderr")
    monitor = Console()
    bar(monitor)
    out, err = capsys.readouterr()
    assert out == ""
    for shown in ("Stylising at 32x24, loss 3.5", "25%"):
        assert shown in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err)


@pytest.mark.parametrize("quiet", [False, True])
def test_elsewhere_and_when_quiet_no_progress_is_shown(capsys, terminal, quiet):
    if quiet:
        terminal("stderr")
    bar(Console(quiet=quiet))
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_stdout_is_one_line(monkeypatch, picture):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(
            StylizeError, match=r"cannot write to stdout \(No space left.*-o a file"
        ):
            Output(None).write(of_tensors(picture(8, 8)))
        full.buffer.raw.close()  # else what is left is written when it is closed, and fails


def test_data_stays_on_stdout_beside_a_bar(terminal, capsys):
    terminal("stderr")
    with Console().progress("Working") as on_step:
        on_step(Step("working", 0, 1))
        Console().result({"output": "a.png"})
        Console(json=True).failure("in.png", "damaged, or a `stroke_size` of 9", "b.png")
    out, err = capsys.readouterr()
    lines, said = out.splitlines(), "damaged, or a --stroke-size of 9"
    assert lines[0] == "a.png"
    assert json.loads(lines[1]) == {"input": "in.png", "output": "b.png", "error": said}
    assert f"error: in.png: {said}" in err
