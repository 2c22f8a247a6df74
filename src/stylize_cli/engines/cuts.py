"""A network in OpenVINO, cut where it normalises by the picture at hand: for pictures in tiles."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize_cli.engines import Pixels, cache, openvino

if TYPE_CHECKING:
    from types import ModuleType

Graph = tuple[bytes, bytes]  # layers and weights


@dataclass
class Cut:
    """One piece; see `engines.Engine.pieces`. All tiles have one shape, so one form is kept.

    Attributes:
        core: OpenVINO's.
        model: the piece.
        options: of its compilation.
    """

    core: Any
    model: Any
    options: dict[str, Any]
    _shapes: tuple[tuple[int, ...], ...] = ()
    _request: Any = field(default=None)

    def __call__(self, *arrays: Pixels) -> tuple[Pixels, ...]:
        """Computes a tile."""
        shapes = tuple(array.shape for array in arrays)
        if shapes != self._shapes:
            inputs = dict(zip(self.model.inputs, map(list, shapes), strict=True))
            self.model.reshape(inputs)
            compiled = self.core.compile_model(self.model, "CPU", self.options)
            self._shapes, self._request = shapes, compiled.create_infer_request()
        self._request.infer(list(arrays), share_inputs=True)
        count = len(self.model.outputs)
        return tuple(np.array(self._request.get_output_tensor(k).data) for k in range(count))


def load(runtime: "ModuleType", key: str, path: Path) -> list[Graph]:
    """The pieces of a model file, from the cache, or converted.

    Args:
        runtime: the package `openvino`.
        key: of the model's cached forms.
        path: of its file.

    Raises:
        openvino.Unusable: OpenVINO does not convert it.
    """
    name = f"{key}.pieces"
    body = cache.read(name)
    if body is not None:
        return _unpacked(body)
    graphs = _converted(runtime, path)
    cache.write(name, _packed(graphs))
    return graphs


def _converted(runtime: "ModuleType", path: Path) -> list[Graph]:
    import torch  # noqa: PLC0415 - seconds, and here alone

    from stylize_cli import checkpoints  # noqa: PLC0415
    from stylize_cli.engines import conversion  # noqa: PLC0415

    checkpoint = checkpoints.load(path)
    network = checkpoint.build()
    about = conversion.about(checkpoint, network)
    conversion.rewrite(network)
    with torch.no_grad():
        pieces = conversion.pieces(network, about)
    return [openvino.converted(runtime, piece, given) for piece, given in pieces]


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
