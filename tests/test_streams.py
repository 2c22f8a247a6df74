"""Every command beside streams that are full or closed: no work is lost, and one line says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from making import MAKING

import stylize_cli
from stylize_cli.cli import batches, outputs
from stylize_cli.cli.console import Console
from stylize_cli.errors import StylizeError

pytest_plugins = ["workshop"]
pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")

STREAMS = {
    "stdout full": {"1": "full"},
    "stderr full": {"2": "full"},
    "all closed": {"0": "closed", "1": "closed", "2": "closed"},
}
COMMANDS = {
    **MAKING,
    "evaluate": ["evaluate", "photo.png", "--style", "style.png"],
    "info": ["info"],
    "info on a model": ["info", "net.pt"],
    "models list": ["models", "list"],
    "models path": ["models", "path", "classics"],
    "help": ["--help"],
    "version": ["--version"],
}
REAL = ["--version", "apply -h", "--show-completion bash"]  # not in forks, whose stdout differs


def end(kind, command):
    """The exit code: who made files has not lost much by a stdout that was closed."""
    loses = kind == "stdout full" or (kind == "all closed" and command not in MAKING)
    return 2 if loses else 0


def names(one):
    return [name for name in one["made"] if not name.startswith("home")]


def test_no_work_is_lost_and_one_line_says_why(told, workshop):
    asked = {"folder": str(workshop), "commands": COMMANDS, "streams": STREAMS}
    report = told("streamed.py", asked)
    for command in COMMANDS:
        usual = report[f"{command}, usual"]
        assert (usual["code"], bool(usual["out"])) == (0, True), (command, usual["err"])
        assert bool(names(usual)) == (command in MAKING), command
        for kind in STREAMS:
            one, what = report[f"{command}, {kind}"], (command, kind)
            assert names(one) == names(usual), what
            assert one["code"] == end(kind, command), (what, one["err"])
            assert "Traceback" not in one["err"], what
            is_told = kind == "stdout full"
            assert one["err"].count("error: ") == is_told, (what, one["err"])
            # Where nothing was made, nothing is there all the same.
            says = is_told and command in MAKING
            assert one["err"].count("all the same") == says, (what, one["err"])


@pytest.fixture
def shell(tmp_path):
    """shell(command) -> a line of bash, in which `stylize` is the program itself."""
    source = str(Path(stylize_cli.__file__).parents[1])
    program = f'stylize() {{ "{sys.executable}" -m stylize_cli "$@"; }}; set -o pipefail; '

    def run(line):
        return subprocess.run(
            ["bash", "-c", program + line],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": source, "SHELL": "/bin/bash"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("command", REAL)
def test_a_stdout_that_takes_nothing_is_one_line_and_one_who_leaves_is_none(shell, command):
    full, closed, left = (
        shell(f"stylize {command} {to}") for to in (">/dev/full", ">&-", "| true")
    )
    assert (full.returncode, closed.returncode, left.returncode) == (2, 2, 0)
    said = "error: cannot write to stdout (No space left on device): send it elsewhere\n"
    assert full.stderr == said
    assert closed.stderr == "error: cannot write to stdout (it is closed): send it elsewhere\n"
    assert left.stderr == ""


def test_image_bytes_are_refused_by_a_stdout_that_is_closed_before_any_work(tmp_path):
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_RDONLY)  # as `streams.prepare` leaves it
    os.dup2(nothing, 1)
    try:
        with pytest.raises(StylizeError, match="-o - writes to stdout, but it is closed: give -o"):
            outputs.choose("-", "a.png", [])
        with pytest.raises(StylizeError, match="-o - writes to stdout, but it is closed: give -o"):
            batches.plan([str(tmp_path / "a.png")], "-", ["style"], Console(), depth=8)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)
