"""A network in OpenVINO, cut where it normalises by the picture at hand: for pictures in tiles."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_cli import hardware
from stylize_cli.arrays import Pixels
from stylize_cli.engines import cache, toolkit

if TYPE_CHECKING:
    from types import ModuleType

COMPILED = 3  # pieces at once: as many as a tile goes through from one whose maps are kept

Graph = tuple[bytes, bytes]  # layers and weights


class OpenvinoPiece:
    """One piece of a network, for tiles of any size; see `engines.Engine.pieces`.

    Compiled, it holds memory for its maps; so the last few that ran are, for one shape each.

    Args:
        core: OpenVINO's.
        model: the piece.
        options: of its compilation.
        compiled: the pieces of the same network that are, the one used longest ago first.
    """

    def __init__(
        self,
        core: Any,  # noqa: ANN401 - untyped
        model: Any,  # noqa: ANN401
        options: dict[str, Any],
        compiled: "list[OpenvinoPiece]",
    ) -> None:
        self._core, self._model, self._options, self._others = core, model, options, compiled
        self._shapes: tuple[tuple[int, ...], ...] = ()
        self._request: Any = None

    def __call__(self, *arrays: Pixels) -> tuple[Pixels, ...]:
        """Computes a tile; what it returns holds until this runs again, or another is compiled."""
        shapes = tuple(array.shape for array in arrays)
        if self in self._others:
            self._others.remove(self)
        elif len(self._others) == COMPILED:
            self._others.pop(0)._release()
        self._others.append(self)
        if shapes != self._shapes:
            self._model.reshape(dict(zip(self._model.inputs, map(list, shapes), strict=True)))
            compiled = self._core.compile_model(self._model, "CPU", self._options)
            self._shapes, self._request = shapes, compiled.create_infer_request()
        self._request.infer(list(arrays), share_inputs=True)
        count = len(self._model.outputs)
        return tuple(self._request.get_output_tensor(k).data for k in range(count))

    def _release(self) -> None:
        self._shapes, self._request = (), None
        hardware.release_memory()


def load(runtime: "ModuleType", key: str, path: Path, check: Callable[[], None]) -> list[Graph]:
    """The pieces of a model file, from the cache, or converted.

    Args:
        runtime: the package `openvino`.
        key: of the model's cached forms.
        path: of its file.
        check: raises where the file is no longer that of the key.

    Raises:
        toolkit.Unusable: OpenVINO does not convert it.
    """
    name = f"{key}.pieces"
    body = cache.read(name)
    if body is not None:
        return _unpacked(body)
    graphs = _converted(runtime, path)
    check()
    cache.write(name, _packed(graphs))
    return graphs


def _converted(runtime: "ModuleType", path: Path) -> list[Graph]:
    import torch  # noqa: PLC0415 - seconds, and here alone

    from stylize_cli.engines import conversion  # noqa: PLC0415

    network, about = conversion.load(path)
    with torch.no_grad():
        pieces = conversion.pieces(network, about)
    return [toolkit.converted(runtime, piece, given) for piece, given in pieces]


def _packed(graphs: list[Graph]) -> bytes:
    """One file: a line of lengths, and the parts."""
    parts = [part for graph in graphs for part in graph]
    return json.dumps([len(part) for part in parts]).encode() + b"\n" + b"".join(parts)


def _unpacked(body: bytes) -> list[Graph]:
    line, _, rest = body.partition(b"\n")
    parts, start = [], 0
    for length in json.loads(line):
        parts.append(rest[start : start + length])
        start += length
    return list(zip(parts[::2], parts[1::2], strict=True))
