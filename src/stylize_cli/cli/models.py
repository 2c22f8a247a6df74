"""`stylize models`: which trained models there are; brings further ones, and removes them."""

import shutil
import sys
import textwrap
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylize_cli import models, names
from stylize_cli.cli import completion, inputs, options, outputs, reports
from stylize_cli.cli.command import Command
from stylize_cli.cli.console import Console, write_line
from stylize_cli.errors import StylizeError
from stylize_cli.models import Model
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.api.picture import Picture
    from stylize_cli.arrays import Pixels

SHOWN = ("name", "method", "styles", "bytes", "licence", "where", "provenance")

app = typer.Typer(
    help="List the trained models, and download or remove further ones.", rich_markup_mode=None
)
PHOTO = models.PRETRAINED / "photo.jpg"  # by Mathias Appel, CC0: what styles are shown on
KEPT = "\N{NO-BREAK SPACE}"  # a space at which no line ends
SHOWN_AT = 320  # px, long side of a picture on a sheet

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Of the model.", autocompletion=completion.of_models),
]


@app.callback(invoke_without_command=True)
def _models(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list", cls=Command, short_help="Show every model, its styles, licence and place.")
def list_(
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch the index of further models first.")
    ] = False,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Show every model's name, place, method, size, licence, styles and provenance."""
    console = Console(quiet=quiet, json=json)
    if refresh:
        models.refresh()
    known = list(models.catalogue().values())
    if json:
        for model in known:
            record = asdict(model)
            console.result({key: record[key] for key in SHOWN})
    else:
        _show(known)
    if models.index_url() and not models.available():
        console.say("more may be had: stylize models list --refresh asks the network")


@app.command("pull", cls=Command)
def pull(
    name: NameArgument, *, quiet: options.QuietOption = False, json: options.JsonOption = False
) -> None:
    """Download a model, and print where it is."""
    console = Console(quiet=quiet, json=json)
    if name.casefold() not in models.bundled():
        _refresh(name, console)
    with console.progress(f"Downloading {name}") as on_step:
        path = models.pull(name, on_step=on_step)
    console.result({"output": str(path), "name": path.stem, "bytes": path.stat().st_size})


@app.command("path", cls=Command)
def path(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Of the model.", show_default=False)
    ] = None,
) -> None:
    """Print the folder of downloaded models, or the file of NAME."""
    write_line(str(models.models_dir() if name is None else models.find(name)))


@app.command("show", cls=Command)
def show(
    model: options.ModelArgument,
    *,
    output: options.OutputOption = None,
    overwrite: options.OverwriteOption = False,
    photo: Annotated[
        str | None,
        options.text("--photo", "PHOTO", "A file, or - for stdin. [default: a red panda]"),
    ] = None,
    quality: options.QualityOption = 95,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Draw a sheet of a model's styles, each on the same photo."""
    console = Console(quiet=quiet, json=json)
    file = models.find(model)
    sources = [str(file), *([photo] if photo else [])]
    name = f"{Path(model).stem}-styles.png"
    out = outputs.choose(output, name, sources, overwrite=overwrite, quality=quality)

    from stylize_cli import sheets
    from stylize_cli.api import network
    from stylize_cli.api.picture import Picture
    from stylize_cli.arrays import size_of

    with console.progress(f"Loading {model}"):
        net, began = network.load(file), time.perf_counter()
    if not net.styles:
        raise StylizeError(f"{model} has no styles to show: it enlarges photos, by stylize apply")
    if photo and not net.engine.about.takes_photo:
        raise StylizeError(f"{model} makes textures of noise: leave out --photo")
    shown = Picture(inputs.opened(photo) if photo else PHOTO, least=SHOWN_AT)
    cells = []
    with console.progress("Painting") as on_step:
        for done, style in enumerate(net.styles):
            on_step(Step(f"Painting {style}", done, len(net.styles)))
            cells.append((style, _shown(net, style, shown)))
    drawn = sheets.draw(sheets.grid(cells), height=cells[0][1].shape[0])
    out.save(drawn)
    size, seconds = size_of(drawn), time.perf_counter() - began
    console.result(reports.of_engine(out, size, seconds, net.engine, None))


def _shown(net: "Network", style: str, photo: "Picture") -> "Pixels":
    """A style, small: (H, W, 3) in [0, 1]."""
    if net.engine.about.takes_photo:
        return net(photo, style, size=SHOWN_AT).floats
    return net.texture(SHOWN_AT).floats


@app.command("remove", cls=Command)
def remove(name: NameArgument, *, quiet: options.QuietOption = False) -> None:
    """Delete a downloaded model."""
    Console(quiet=quiet).say(f"removed {models.remove(name)}")


def _refresh(name: str, console: Console) -> None:
    """Looks whether the index has the model or a newer one; without a network, the last will do."""
    try:
        models.refresh()
    except StylizeError as error:
        if names.meant(name, models.catalogue()) is None:
            raise
        console.say(str(error))


def _show(known: list[Model]) -> None:
    width = max((len(model.name) for model in known), default=0)
    for model in known:
        size = f"{model.bytes / 1e6:.1f} MB"
        write_line(
            f"{model.name:{width}}  {model.where:10}  {model.method:16}  {size:>8}  {model.licence}"
        )
        if model.styles:
            _show_more("styles", ", ".join(name.replace(" ", KEPT) for name in model.styles))
        if model.provenance:
            _show_more("provenance", model.provenance)


def _show_more(what: str, text: str) -> None:
    """A line about a model; on a terminal as many as it takes, so that no name is torn."""
    line = f"    {what}: {text}"
    if not sys.stdout.isatty():
        write_line(line.replace(KEPT, " "))
        return
    width = shutil.get_terminal_size().columns
    whole = textwrap.TextWrapper(
        width, subsequent_indent=" " * 8, break_on_hyphens=False, break_long_words=False
    )
    for part in whole.wrap(line):
        write_line(part.replace(KEPT, " "))
