"""OpenVINO as the engine: CPUs. A model is converted once; later runs do not import torch."""

import hashlib
import io
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize_cli import __version__, engines, files, hardware
from stylize_cli.arrays import Pixels
from stylize_cli.config import Precision
from stylize_cli.engines import (
    About,
    Engine,
    Piece,
    cache,
    graphs,
    pieces,
    quantising,
    toolkit,
)
from stylize_cli.engines.graphs import Graph
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from types import ModuleType


FORMAT = 6  # of the cached files; part of their name
HINTS = {"float32": "f32", "bfloat16": "bf16"}
KEY = 32  # characters of a digest in the name of a compiled form
HELD = 500_000_000  # bytes of compiled forms that are kept for the next picture of their size

Shapes = tuple[tuple[int, ...], ...]


@dataclass
class OpenvinoEngine:
    """A generator in OpenVINO; see `engines.Engine`.

    It is compiled for every shape of input, and kept so: with dynamic shapes the first picture of a
    size took 0.3 s more (1024x768), float32 thrice as long for every one, and memory a sixth more.

    Attributes:
        graph: the converted model.
        key: of its cached forms.
        runtime: the package `openvino`.
        precision: of its activations; "int8" where its convolutions have eight bits.
        threads: of the CPU.
        path: of the model's file.
        note: what the user should be told, or "".
    """

    graph: Graph
    key: str
    runtime: "ModuleType"
    precision: str
    threads: int
    path: Path
    note: str = ""
    name: str = "openvino"
    device: str = "cpu"
    _core: Any = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _held: OrderedDict[tuple[Shapes, int], list[Any]] = field(default_factory=OrderedDict)

    @property
    def about(self) -> About:
        """The model."""
        return self.graph.about

    def __post_init__(self) -> None:
        self._core = toolkit.core(self.runtime)

    def run(self, *arrays: Pixels) -> Pixels:
        """Runs a batch: its items side by side, each on its share of the threads.

        That is up to a third faster than one tensor of them all, which gains nothing on a CPU.
        """
        with self._lock:  # what runs holds one picture, and takes all the threads
            return self._run(*arrays)

    def _run(self, *arrays: Pixels) -> Pixels:
        count = len(arrays[0])
        shapes = tuple((1, *array.shape[1:]) for array in arrays)
        requests = self._requests(shapes, self._streams(count))
        output = np.empty(0, np.float32)
        for start in range(0, count, len(requests)):
            running = list(enumerate(requests[: count - start], start))
            for index, request in running:
                items = [array[index : index + 1] for array in arrays]
                request.start_async(items, share_inputs=True)
            for index, request in running:
                request.wait()
                (result,) = request.get_output_tensor(0).data
                if not output.size:
                    output = np.empty((count, *result.shape), np.float32)
                output[index] = result
        return output

    def bytes_needed(self, size: tuple[int, int], batch: int = 1) -> int:
        """Bytes that a batch takes."""
        itemsize = 2 if self._rest == "bfloat16" else 4
        one = engines.bytes_needed(self.about, size, itemsize=itemsize)
        return self._streams(batch) * one

    @property
    def _rest(self) -> str:
        """The precision of what does not have eight bits."""
        return _usual() if self.precision == "int8" else self.precision

    def pieces(self) -> list[Piece]:
        """The network, cut before every layer that normalises by the picture at hand."""
        try:
            found = pieces.load(self.runtime, self.key, self.path, self._check)
        except toolkit.Unusable as error:
            raise StylizeError(f"{error}: use `engine` torch") from error
        models = (toolkit.read(self.runtime, self._core, *graph) for graph in found)
        options, compiled = self._options(1), list[pieces.OpenvinoPiece]()
        return [pieces.OpenvinoPiece(self._core, model, options, compiled) for model in models]

    def measured(self, *arrays: Pixels) -> Engine:
        """The network by PyTorch, with every statistic fixed: those of this input."""
        from stylize_cli.engines import pytorch  # noqa: PLC0415 - imports torch

        precision: Precision = "bfloat16" if self._rest == "bfloat16" else "float32"
        engine = pytorch.open_model(
            self.path, device="cpu", precision=precision, threads=self.threads
        )
        self._check()
        return engine.measured(*arrays)

    def _check(self) -> None:
        """Refuses a file that is another by now: a training may have written it anew."""
        if _key(self.runtime, files.contents(self.path)) != self.key:
            raise StylizeError(f"{self.path} changed meanwhile: run the command again")

    def _streams(self, batch: int) -> int:
        return min(batch, self.threads)

    def _bytes(self, key: tuple[Shapes, int]) -> int:
        """What a compiled form holds."""
        shapes, streams = key
        _, _, height, width = max(shape for shape in shapes if len(shape) == 4)
        return self.bytes_needed((height, width), streams)

    def _requests(self, shapes: Shapes, streams: int) -> list[Any]:
        """What runs inputs of these shapes; those used longest ago make room for it."""
        wider = [count for held, count in self._held if held == shapes and count >= streams]
        key = (shapes, min(wider, default=streams))  # a batch's last pictures compile nothing anew
        if key not in self._held:
            while self._held and sum(map(self._bytes, [*self._held, key])) > HELD:
                self._held.popitem(last=False)
                hardware.release_memory()
            self._held[key] = self._compiled(shapes, streams)
        self._held.move_to_end(key)
        return self._held[key]

    def _compiled(self, shapes: Shapes, streams: int) -> list[Any]:
        options = self._options(streams)
        # Code for one processor is not code for another.
        made_for = (
            f"{shapes} {self.precision} {options} {hardware.cpu_name()} {hardware.cpu_features()} "
            f"{self.graph.ranges}"
        )
        digest = hashlib.sha256(made_for.encode()).hexdigest()
        name = f"{self.key[:KEY]}-{digest[:KEY]}.compiled"
        compiled = self._cached(name, options)
        if compiled is None:
            model = toolkit.read(self.runtime, self._core, self.graph.xml, self.graph.weights)
            if self.precision == "int8":
                model = quantising.quantised(model, self.graph.ranges or ())
            model.reshape(dict(zip(model.inputs, map(list, shapes), strict=True)))
            compiled = self._core.compile_model(model, "CPU", options)
            cache.write(name, compiled.export_model().getvalue())
        return [compiled.create_infer_request() for _ in range(streams)]

    def _options(self, streams: int) -> dict[str, Any]:
        return {
            "INFERENCE_PRECISION_HINT": HINTS[self._rest],
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": streams,
            # Pinned, the threads of two programs share one core and leave the next idle.
            "ENABLE_CPU_PINNING": False,
        }

    def _cached(self, name: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
        body = cache.read(name)
        if body is None:
            return None
        try:
            return self._core.import_model(io.BytesIO(body), "CPU", options)
        except RuntimeError:  # another build of OpenVINO under the same version
            return None


def open_model(path: Path, *, precision: Precision, threads: int | None) -> OpenvinoEngine:
    """Opens a model file from its cached form, which is made where there is none.

    Raises:
        toolkit.Unusable: OpenVINO is not here, or does not convert the model.
        StylizeError: the model file is not one, or the processor does not have the precision.
    """
    data = files.contents(path)
    runtime = toolkit.load()
    key = _key(runtime, data)
    name = f"{key}.graph"
    body, note = cache.read(name), ""
    if body is None:
        graph = _convert(runtime, path)
        if files.contents(path) != data:  # a training wrote it anew meanwhile
            return open_model(path, precision=precision, threads=threads)
        if not cache.write(name, graphs.pack(graph)):
            note = f"{cache.folder()} is not writable: the model is converted anew every time"
    else:
        graph = graphs.unpack(body)
    chosen = _precision(runtime, precision)
    count = hardware.threads(threads)
    if precision == "auto" and hardware.fast_int8():
        if graph.ranges is None:
            graph = _with_ranges(runtime, graph, count)
            cache.write(name, graphs.pack(graph))
        chosen = "int8" if graph.ranges else chosen
    return OpenvinoEngine(graph, key, runtime, chosen, count, path, note)


def _key(runtime: "ModuleType", data: bytes) -> str:
    """What a model's cached forms are called after."""
    version = f"{FORMAT} {__version__} {runtime.get_version()}".encode()
    return hashlib.sha256(version + hashlib.sha256(data).digest()).hexdigest()


def _precision(runtime: "ModuleType", asked: Precision) -> str:
    if asked == "auto":
        return _usual()
    able = toolkit.core(runtime).get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if asked == "bfloat16" and "BF16" not in able:
        raise StylizeError(
            "OpenVINO has no bfloat16 on this processor: use `precision` float32 or `engine` torch"
        )
    return asked


def _usual() -> str:
    return "bfloat16" if hardware.fast_bfloat16() else "float32"


def ranges_of(path: Path, threads: int) -> tuple[quantising.Range, ...]:
    """What eight bits need to know of a model file, for its provenance; see `find_ranges`."""
    runtime = toolkit.load()
    return _with_ranges(runtime, _convert(runtime, path), threads).ranges or ()


def _with_ranges(runtime: "ModuleType", graph: Graph, threads: int) -> Graph:
    core = toolkit.core(runtime)
    read = partial(toolkit.read, runtime, core, graph.xml, graph.weights)
    return replace(graph, ranges=quantising.find_ranges(core, read, graph.about, threads))


def _convert(runtime: "ModuleType", path: Path) -> Graph:
    """Converts a model file by way of its PyTorch module."""
    from stylize_cli.engines import blocks, conversion  # noqa: PLC0415 - seconds, and here alone

    network, about = conversion.load(path)
    examples = conversion.examples(about)
    return Graph(about, *toolkit.converted(runtime, blocks.whole(network), examples))
