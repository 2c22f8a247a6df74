"""`stylize`: the table of commands, and the one place that turns errors into exit codes."""

import sys
from typing import Annotated

import typer

from stylize_cli import __version__
from stylize_cli.cli import evaluate, info, optimize, reconstruct
from stylize_cli.cli.console import INTERRUPTED, USER_ERROR
from stylize_cli.errors import StylizeError

app = typer.Typer(
    name="stylize",
    help="Neural style transfer: Gatys et al. 2016, and what grew out of it.",
    epilog="Docs, models and source: https://pypi.org/project/stylize-cli",
    no_args_is_help=True,
    # Plain help and plain tracebacks: rich takes longer to import than all else here together.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("optimize")(optimize.optimize)
app.command("reconstruct")(reconstruct.reconstruct)
app.command("evaluate")(evaluate.evaluate)
app.command("info")(info.info)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"stylize {__version__}")
        raise typer.Exit


@app.callback()
def _stylize(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True),
    ] = False,
) -> None:
    _print_version(wanted=version)


def main() -> None:
    """Runs the command line; every expected failure is one `error:` line on stderr."""
    try:
        code = app(standalone_mode=False)
    except (StylizeError, typer.TyperException) as error:
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        print(f"error: {' '.join(text.split())}", file=sys.stderr)
        code = USER_ERROR
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    sys.exit(code)
