"""Every command beside streams that are full or closed: no work is lost, and one line says why."""

from pathlib import Path

import pytest
from making import MAKING

pytest_plugins = ["workshop"]
pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")

STREAMS = {
    "stdout full": {"1": "full"},
    "stderr full": {"2": "full"},
    "all closed": {"0": "closed", "1": "closed", "2": "closed"},
}
ENDS = {"stdout full": 2, "stderr full": 0, "all closed": 0}
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


def names(one):
    return [name for name in one["made"] if not name.startswith("home")]


def test_no_work_is_lost_and_one_line_says_why(told, workshop):
    asked = {"folder": str(workshop), "commands": COMMANDS, "streams": STREAMS}
    report = told("streamed.py", asked)
    for command in COMMANDS:
        usual = report[f"{command}, usual"]
        assert (usual["code"], bool(usual["out"])) == (0, True), (command, usual["err"])
        assert bool(names(usual)) == (command in MAKING), command
        for kind, code in ENDS.items():
            one, what = report[f"{command}, {kind}"], (command, kind)
            assert names(one) == names(usual), what
            assert one["code"] == code, (what, one["err"])
            assert "Traceback" not in one["err"], what
            assert one["err"].count("error: ") == (kind == "stdout full"), (what, one["err"])
