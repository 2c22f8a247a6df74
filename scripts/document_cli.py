"""Writes docs/cli.md: what every command says to --help. With --check, compares instead."""

from pathlib import Path

from generated import write_or_check
from typer import Typer
from typer.testing import CliRunner

from stylize_cli.cli.app import table

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
WIDTH = 100  # columns, whatever terminal this runs in
INTRODUCTION = """# Command line

What every command says to `--help`, written by `scripts/document_cli.py`.
"""


def page() -> str:
    """The whole page."""
    whole = table()
    commands = [[], *_names(whole)]
    for group in whole.registered_groups:
        assert group.name is not None
        assert group.typer_instance is not None
        commands += [
            [group.name],
            *([group.name, *inner] for inner in _names(group.typer_instance)),
        ]
    return "\n".join([INTRODUCTION, *(_section(*command) for command in commands)])


def _names(group: Typer) -> list[list[str]]:
    return [[command.name] for command in group.registered_commands if command.name]


def _section(*command: str) -> str:
    said = CliRunner().invoke(
        table(),
        [*command, "--help"],
        prog_name="stylize",
        terminal_width=WIDTH,
        catch_exceptions=False,
    )
    return f"## {' '.join(['stylize', *command])}\n\n```text\n{said.stdout}```\n"


def main() -> None:
    """Writes the page, or exits with 1 where it is not what it would write."""
    write_or_check(PAGE, page(), __doc__)


if __name__ == "__main__":
    main()
