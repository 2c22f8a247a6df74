"""The manual page: what the commands say, in a form that `man` reads."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from stylize_cli.cli.app import table

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import write_manual

    return write_manual


def test_the_page_is_what_the_commands_say(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["write_manual.py", "--check"])
    script.main()


def test_an_outdated_page_fails_the_check_and_is_renewed(script, monkeypatch, tmp_path):
    monkeypatch.setattr(script, "PAGE", tmp_path / "stylize.1")
    (tmp_path / "stylize.1").write_text("old")
    monkeypatch.setattr(sys, "argv", ["write_manual.py", "--check"])
    with pytest.raises(SystemExit, match="out of date"):
        script.main()
    monkeypatch.setattr(sys, "argv", ["write_manual.py"])
    script.main()
    assert (tmp_path / "stylize.1").read_text(encoding="utf-8") == script.page()


def test_man_shows_every_option_of_every_command():
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("no man, or no groff")
    ran = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", ROOT / "docs" / "stylize.1"],
        env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin", "MANROFFOPT": "-rHY=0"},
        capture_output=True,
        encoding="utf-8",
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    whole = typer.main.get_command(table())
    groups = [whole, *(one for one in whole.commands.values() if hasattr(one, "commands"))]
    for group in groups:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                continue
            section = re.split(rf"^   stylize (?:\w+ )?{name}\b", ran.stdout, flags=re.MULTILINE)[1]
            section = re.split(r"^   stylize |^[A-Z]", section, flags=re.MULTILINE)[0]
            for parameter in command.params:
                for option in parameter.opts if not parameter.hidden else ():
                    assert not option.startswith("-") or option in section
