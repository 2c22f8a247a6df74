"""The package `openvino`, loaded without its telemetry, and what converts and reads models."""

import importlib
import sys
import tempfile
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize_cli.errors import first_line
from stylize_cli.quiet import quiet

if TYPE_CHECKING:
    from types import ModuleType

    from torch import Tensor, nn

CONVERTER, TELEMETRY = "openvino.tools.ovc", "openvino_telemetry"

# Modules, and what a converter changes in them, are the process's: threads inside would undo each
# other's.
_PROCESS = threading.Lock()
_CORE = threading.Lock()


class Unusable(Exception):
    """OpenVINO is not here, or cannot run this model; the text says which."""


def load() -> "ModuleType":
    """The package, without what reports its import to Google Analytics and without its converter.

    The latter takes a quarter of the time of the import.

    Raises:
        Unusable: it is not here.
    """
    try:
        return _without("openvino", CONVERTER, TELEMETRY)
    except (ImportError, OSError) as error:
        raise Unusable(f"OpenVINO does not load ({error})") from error


def core(runtime: "ModuleType") -> Any:  # noqa: ANN401 - untyped
    """OpenVINO's core, the process's only one.

    Its plugin gives the thread that compiles another stack for signals. As cores go, one after
    the other, a stack that is gone can come into use again, and the next signal ends the process.
    """
    with _CORE:  # the cache alone would let two threads make one each
        return _core(runtime)


@lru_cache(maxsize=1)
def _core(runtime: "ModuleType") -> Any:  # noqa: ANN401 - untyped
    return runtime.Core()


def _without(name: str, *hidden: str) -> "ModuleType":
    """Imports a module that others are hidden from; afterwards they can be imported as before."""
    if name in sys.modules:
        return importlib.import_module(name)
    with _PROCESS:
        new = [other for other in hidden if other not in sys.modules]
        sys.modules.update(dict.fromkeys(new))  # type: ignore[arg-type]  # None: not importable
        try:
            return importlib.import_module(name)
        finally:
            for other in new:
                del sys.modules[other]


def converted(
    runtime: "ModuleType", network: "nn.Module", examples: tuple["Tensor", ...]
) -> tuple[bytes, bytes]:
    """A PyTorch module as OpenVINO's layers and weights.

    Raises:
        Unusable: OpenVINO does not convert it.
    """
    import torch  # noqa: PLC0415 - as above

    try:
        converter = _without(CONVERTER, TELEMETRY)
        with (
            torch.no_grad(),
            _PROCESS,
            quiet(),  # torch's tracer is deprecated, and is what is used
            tempfile.TemporaryDirectory() as folder,
        ):
            model = converter.convert_model(network, example_input=examples)
            file = Path(folder) / "model.xml"
            runtime.save_model(model, file, compress_to_fp16=False)
            return file.read_bytes(), file.with_suffix(".bin").read_bytes()
    except Exception as error:  # whatever a converter of another version runs into
        raise Unusable(f"OpenVINO does not convert the model ({first_line(error)})") from error


def read(runtime: "ModuleType", core: Any, xml: bytes, weights: bytes) -> Any:  # noqa: ANN401
    """A model of OpenVINO's, out of its layers and weights."""
    return core.read_model(xml, runtime.Tensor(np.frombuffer(weights, np.uint8)))
