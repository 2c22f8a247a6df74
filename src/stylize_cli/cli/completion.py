"""What the shell offers after TAB: names of models, styles and layers."""

from pathlib import Path

import typer

from stylize_cli import models, vgg
from stylize_cli.errors import StylizeError


def of_models(incomplete: str) -> list[str]:
    """Names of models that are here, and model files."""
    return [*_starting(incomplete, list(_here())), *_files(incomplete)]


def of_styles(context: typer.Context, incomplete: str) -> list[str]:
    """Styles of the model that is named before; of `blend` without their weights."""
    known = _here()
    # Of a line that lacks arguments, what was understood is left among the others.
    words = [str(context.params.get("model")), *context.args]
    model = next((known[word] for word in words if word in known), None)
    return [] if model is None else _starting(incomplete, list(model.styles))


def of_corners(context: typer.Context, incomplete: str) -> list[str]:
    """Styles of the model that is named before, for the last of several between commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{style}" for style in of_styles(context, last)]


def of_layers(incomplete: str) -> list[str]:
    """Layers of VGG-19, for the last of several between commas."""
    before, comma, last = incomplete.rpartition(",")
    return [
        f"{before}{comma}{layer}"
        for layer in _starting(last, vgg.layer_names(vgg.SOURCES["vgg19"]))
    ]


def _here() -> models.Models:
    try:
        return {**models.downloaded(), **models.bundled()}
    except StylizeError:  # an error has no place on a command line that is being typed
        return models.bundled()


def _starting(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _files(incomplete: str) -> list[str]:
    """Model files and folders that a path may become."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        found = sorted(Path(f"{folder}{slash}" or ".").iterdir())
    except OSError:
        return []
    return [
        f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"
        for path in found
        if path.name.startswith(start)
        and (path.suffix == models.SUFFIX or path.is_dir())
        and not path.name.startswith(".")
    ]
