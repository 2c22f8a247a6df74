"""Writes docs/stylize.1, the manual page of every command. With --check, compares instead."""

from collections.abc import Iterator
from pathlib import Path

import typer
from generated import write_or_check

from stylize_cli import __version__
from stylize_cli.cli.app import table
from stylize_cli.cli.command import TYPE

PAGE = Path(__file__).parents[1] / "docs" / "stylize.1"
DESCRIPTION = (
    "Paints photos in the style of paintings: by optimising the picture, or by a network in one "
    "pass. Everything runs on this machine; nothing is downloaded unless a command says so. "
    "Results go to files or to stdout, all else to stderr."
)
EXAMPLES = {
    "stylize apply classics photo.jpg --style starry-night": "One of the bundled paintings.",
    "stylize optimize photo.jpg painting.jpg": "Any painting, by optimising the picture.",
    "stylize train --style painting.jpg --dataset photos/": "A network that paints in its style.",
}
ENVIRONMENT = {
    "STYLIZE_HOME": "One folder for data and caches, in place of the system's.",
    "STYLIZE_OFFLINE": "1: never use the network.",
    "STYLIZE_WEIGHTS_URL": "Folder of a mirror of the downloadable VGG weights.",
    "STYLIZE_MODELS_URL": "Address of an index of further models; none is asked without it.",
}
STATUS = {
    "0": "All went well.",
    "1": "Some of several pictures failed.",
    "2": "The command cannot be done; one line on stderr says why, and the fix.",
    "130": "Interrupted, by Ctrl-C, SIGTERM or SIGHUP; what was made by then is written.",
}


def page() -> str:
    """The whole page, in the roff of man(7)."""
    whole = typer.main.get_command(table())
    top = whole.make_context("stylize", [], resilient_parsing=True)
    lines = [
        f'.TH STYLIZE 1 "" "stylize {__version__}" "User Commands"',
        ".SH NAME",
        "stylize \\- neural style transfer",
        ".SH SYNOPSIS",
        ".B stylize",
        _text("COMMAND [OPTIONS] ..."),
        ".SH DESCRIPTION",
        _text(DESCRIPTION),
        ".SH COMMANDS",
        *(
            line
            for command, context in _commands(whole, top)
            for line in _section(command, context)
        ),
    ]
    for title, entries in (("EXIT STATUS", STATUS), ("ENVIRONMENT", ENVIRONMENT)):
        lines += [f".SH {title}", *(line for entry in entries.items() for line in _entry(*entry))]
    lines += [".SH EXAMPLES", *(line for entry in EXAMPLES.items() for line in _entry(*entry))]
    return "\n".join(lines) + "\n"


def _commands(
    group: "typer.core.TyperGroup", parent: typer.Context
) -> "Iterator[tuple[typer.core.TyperCommand, typer.Context]]":
    for name, command in group.commands.items():
        context = command.make_context(name, [], parent=parent, resilient_parsing=True)
        if hasattr(command, "commands"):
            yield from _commands(command, context)
        else:
            yield command, context


def _section(command: "typer.core.TyperCommand", context: typer.Context) -> Iterator[str]:
    usage = context.get_usage().removeprefix("Usage: ").replace("{", "").replace("}", "")
    yield f".SS {_text(' '.join(usage.split()))}"
    yield _text(command.help or "")
    for parameter in command.params:
        if record := parameter.get_help_record(context):
            yield from _entry(TYPE.sub("", record[0]), record[1])


def _entry(term: str, text: str) -> Iterator[str]:
    yield from (".TP", f".B {_text(term)}", _text(text))


def _text(text: str) -> str:
    """As roff, which has a use of its own for backslashes, hyphens, and first dots and quotes."""
    escaped = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return "\\&" * escaped.startswith((".", "'")) + escaped


def main() -> None:
    """Writes the page, or exits with 1 where it is not what it would write."""
    write_or_check(PAGE, page(), __doc__)


if __name__ == "__main__":
    main()
