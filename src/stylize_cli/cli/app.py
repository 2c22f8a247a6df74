"""`stylize`: the table of commands, and the one place that turns errors into exit codes."""

import contextlib
import os
import sys
from typing import Annotated

import typer

from stylize_cli import __version__
from stylize_cli.cli import (
    apply,
    blend,
    console,
    evaluate,
    info,
    mistakes,
    models,
    optimize,
    page,
    reconstruct,
    streams,
    texture,
    train,
    video,
)
from stylize_cli.cli.console import INTERRUPTED, USER_ERROR
from stylize_cli.errors import StylizeError, is_exhausted

app = typer.Typer(
    name="stylize",
    help="Neural style transfer: Gatys et al. 2016, and what grew out of it.",
    epilog="First: stylize apply classics PHOTO --style starry-night. All options: man stylize",
    # Plain help and plain tracebacks: rich takes longer to import than all else here together.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("optimize", short_help="Paint a photo in a style by optimising the picture (Gatys).")(
    optimize.optimize
)
app.command("reconstruct", short_help="Show what a layer keeps of a picture's content or style.")(
    reconstruct.reconstruct
)
app.command("train", short_help="Teach a network styles or super-resolution.")(train.train)
app.command("apply", short_help="Run a trained model over pictures, in one pass each.")(apply.apply)
app.command("texture", short_help="Make textures of any size from noise.")(texture.texture)
app.command("blend", short_help="Mix the styles of one model: a picture, a strip or a grid.")(
    blend.blend
)
app.command("video", short_help="Run a trained model over clips, without flicker.")(video.video)
app.command("page", short_help="Play with styles in the browser, on this machine only.")(page.page)
app.command("evaluate", short_help="Measure how close results are to a style and a photo.")(
    evaluate.evaluate
)
app.command("info", short_help="Show versions, machine and folders, or a model's facts.")(info.info)
app.add_typer(
    models.app, name="models", short_help="List the trained models, and bring further ones."
)


@app.callback(invoke_without_command=True)
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
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


def main() -> None:
    """Runs the command line; every expected failure is one `error:` line on stderr."""
    try:
        with streams.heard():
            code = app(prog_name=app.info.name, standalone_mode=False)
    except StylizeError as error:
        code = _refuse(str(error))
    except typer.TyperException as error:  # of the options: it does not say the fix itself
        code = _refuse(mistakes.told(error))
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except OSError as error:  # of --help and --version, which do not write by `write_line`
        if console.takes_more():
            raise
        code = _refuse(f"cannot write to stdout ({error.strerror}): send it elsewhere")
    except OverflowError:
        code = _refuse("a number is larger than can be computed with: give a smaller one")
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
        code = _refuse("memory is exhausted: use a smaller --size or --batch-size, or free some")
    if (reason := console.lost()) and not code:
        code = _refuse(f"cannot write to stdout ({reason}): what was made is there all the same")
    sys.exit(code)


def _refuse(text: str) -> int:
    console.tell(f"error: {' '.join(text.split())}")
    return USER_ERROR
