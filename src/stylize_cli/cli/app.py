"""`stylize`: the table of commands, and the one place that turns errors into exit codes."""

import contextlib
import os
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Annotated

import typer

from stylize_cli import __version__
from stylize_cli.cli import console, mistakes, streams
from stylize_cli.cli.command import Command
from stylize_cli.cli.console import INTERRUPTED, USER_ERROR
from stylize_cli.errors import StylizeError, is_exhausted

COMMANDS = {  # each a module of this package, and in it a function of that name; by use
    "apply": "Run a trained model over pictures, in one pass each.",
    "optimize": "Paint a photo in a style by optimising the picture (Gatys).",
    "train": "Teach a network styles or super-resolution.",
    "texture": "Make textures of any size from noise.",
    "blend": "Mix the styles of one model: a picture, a strip or a grid.",
    "video": "Run a trained model over clips, without flicker.",
    "page": "Play with styles in the browser, on this machine only.",
    "reconstruct": "Show what a layer keeps of a picture's content or style.",
    "evaluate": "Measure how close results are to a style and a photo.",
    "info": "Show versions, machine and folders, or a model's facts.",
}
GROUPS = {"models": "List the trained models, and bring further ones."}  # modules with an `app`


def table(names: Collection[str] = (*COMMANDS, *GROUPS)) -> typer.Typer:
    """The program with these commands alone, whose modules are imported; by default with all."""
    app = typer.Typer(
        name="stylize",
        help="Neural style transfer: Gatys et al. 2016, and what grew out of it.",
        epilog="First: stylize apply classics PHOTO --style starry-night. More: man stylize",
        # Plain help and plain tracebacks: rich takes longer to import than all else here together.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_stylize)
    modules = {name: import_module(f"stylize_cli.cli.{name}") for name in names}
    for name, module in modules.items():
        if name in GROUPS:
            app.add_typer(module.app, name=name, short_help=GROUPS[name])
        else:
            app.command(name, cls=Command, short_help=COMMANDS[name])(getattr(module, name))
    return app


def asked(words: Sequence[str]) -> typer.Typer:
    """The program with the command that a command line begins with; with all where it is none.

    The modules and options of the others would take a twentieth of the time of a small picture.
    """
    first = words[0] if words else ""
    return table([first]) if first in {*COMMANDS, *GROUPS} else table()


def _stylize(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"stylize {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run() -> None:
    """The console script: `main`, then out at once.

    Once torch is loaded, the interpreter's own good-bye takes 0.3 s and touches another 125 MB (the
    CUDA libraries' destructors), which would be the peak of a small picture.
    """
    streams.prepare()
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


def main() -> None:
    """Runs the command line; every expected failure is one `error:` line on stderr."""
    try:
        console.MADE.clear()
        with streams.heard():
            code = asked(sys.argv[1:])(prog_name="stylize", standalone_mode=False)
    except StylizeError as error:
        code = _refuse(str(error))
    except typer.TyperException as error:  # of the options: it does not say the fix itself
        code = _refuse(mistakes.told(error))
    except SystemExit as end:  # of the options' library, once it has told a shell how to complete
        code = end.code
    except (KeyboardInterrupt, typer.Abort):  # before or behind a command, which answers by itself
        console.tell(console.interrupted())
        code = INTERRUPTED
    except OSError as error:
        if "--install-completion" not in sys.argv:
            raise
        code = _refuse(
            f"cannot write {error.filename} ({error.strerror}): stylize --show-completion prints "
            "what belongs where the shell begins"
        )
    except OverflowError:
        code = _refuse("a number is larger than can be computed with: give a smaller one")
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
        code = _refuse("memory is exhausted: use a smaller --size or --batch-size, or free some")
    sys.exit(code or _unless_lost())


def _unless_lost() -> int:
    """The exit code of what went well, unless stdout took no more; files tell of themselves."""
    reason = getattr(sys.stdout, "lost", "")
    if not reason or (reason == streams.CLOSED and console.MADE):
        return 0
    fix = "what was made is there all the same" if console.MADE else "send it elsewhere"
    return _refuse(f"cannot write to stdout ({reason}): {fix}")


def _refuse(text: str) -> int:
    console.tell(f"error: {' '.join(text.split())}")
    return USER_ERROR
