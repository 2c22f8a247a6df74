"""Eight bits for the weights and activations of a network's convolutions, in OpenVINO.

The first one's input is bytes already, but for grain. What is normalised lies in much the same
range for every photo, so that a few of them tell it. Kernels keep their sums: flat places, whose
faint differences a normalisation amplifies, stay as they are. Convolutions that shrink amplify
these too much all the same and are left alone.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from PIL import Image

from stylize_cli import grain
from stylize_cli.arrays import Pixels
from stylize_cli.engines import About

LEAST_PSNR = 35.0  # dB to the network in float32, of every style
LEAST_MAPS = 32  # of some convolution's input and output: smaller networks gain nothing
SIDE = 256  # px, of the photos that it is tried on
PHOTOS = (
    *(f"page/examples/photo-{name}.jpg" for name in ("neuschwanstein", "pont-du-gard")),
    "pretrained/photo.jpg",
    "page/examples/photo-red-panda.jpg",  # the last one judges
)
FAINT = 1 / 8  # of that one's contrast, in which it is judged too
LEVELS = 256
NOTED = "activation ranges"  # in a model's provenance: found when it was shipped

Range = tuple[float, float] | None  # least and greatest activation; None for no eight bits


def serves(about: About) -> bool:
    """Whether a model is of a kind that this is for: those that paint a photo."""
    return about.takes_photo and not about.noise_levels and about.factor == 1


def find_ranges(
    core: Any,  # noqa: ANN401 - OpenVINO is untyped
    read: Callable[[], Any],
    about: About,
    threads: int,
) -> tuple[Range, ...]:
    """The range of each convolution's input, in the graph's order.

    Where the model notes them, they are taken; else they are looked for, which takes some seconds.
    The first convolution stays as it is where with it the picture would not: of bytes OpenVINO
    forgets what a normalisation adds to the variance, which counts where that is small.

    Args:
        core: of OpenVINO.
        read: gives the graph, anew each time.
        about: the model.
        threads: of the CPU.

    Returns:
        Nothing where there is none to quantise, or where the picture would not stay.
    """
    count = len(_rounded(read())) if serves(about) else 0
    if not count:
        return ()
    noted = about.provenance.get(NOTED)
    if _are_ranges(noted, count):
        return read_ranges(noted)
    *known, unseen = _photos()
    tests = [unseen, np.rint(unseen * np.float32(255 * FAINT)) / np.float32(255)]
    seen, judged = (list(_inputs(photos, about)) for photos in (known, tests))
    opened = partial(_opened, core, threads, seen[0])
    look, exact = opened(_watched(read())), opened(read())
    ranges = (_given(about), *_seen_by([look(one) for one in seen])[1:])
    want = [exact(one) for one in judged]
    for tried in (ranges, (None, *ranges[1:])):
        rough = opened(quantised(read(), tried))
        found = (_psnr(picture, rough(one)) for picture, one in zip(want, judged, strict=True))
        if all(psnr >= LEAST_PSNR for psnr in found):
            return tried
    return ()


def _opened(
    core: Any,  # noqa: ANN401 - as above
    threads: int,
    given: Sequence[Pixels],
    graph: Any,  # noqa: ANN401 - as above
) -> Callable[[Sequence[Pixels]], Pixels]:
    """Runs a graph in float32 on inputs of the given shapes; gives its last output."""
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    shapes = [list(array.shape) for array in given]
    graph.reshape(dict(zip(graph.inputs, shapes, strict=True)))
    request = core.compile_model(graph, "CPU", options).create_infer_request()
    return lambda arrays: np.array(request.infer(list(arrays))[len(graph.outputs) - 1])


def _seen_by(looks: Sequence[Pixels]) -> tuple[Range, ...]:
    """The ranges that hold what `_watched` graphs saw."""
    ends = np.stack(looks).reshape(len(looks), -1, 2)
    least, most = ends[..., 0].min(0), ends[..., 1].max(0)
    return read_ranges(np.stack([least, most], axis=1).tolist())


def _given(about: About) -> Range:
    """What the first convolution is given: where there is no grain, bytes are the same bytes."""
    reach = about.grain * len(grain.PERIODS)
    return -reach, 1 + reach


def read_ranges(pairs: Sequence[Sequence[float] | None]) -> tuple[Range, ...]:
    """Ranges of pairs, as JSON has them."""
    return tuple(None if pair is None else (float(pair[0]), float(pair[1])) for pair in pairs)


def _are_ranges(noted: object, count: int) -> TypeGuard[list[list[float] | None]]:
    """Whether a stranger's file notes so many ranges, or that there are none."""
    if not isinstance(noted, list) or len(noted) not in (0, count):
        return False
    return all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(end, float) and math.isfinite(end) for end in pair)
        and pair[0] < pair[1]
        for pair in noted
        if pair is not None
    )


def quantised(graph: Any, ranges: Sequence[Range]) -> Any:  # noqa: ANN401 - as above
    """The graph with its convolutions in eight bits.

    Args:
        graph: of the model; it is changed.
        ranges: from `find_ranges`; none leaves it as it is.
    """
    convs = _rounded(graph) if ranges else []
    for conv, ends in zip(convs, ranges, strict=True):
        if ends is not None:
            # A photo in its grain lies a little below 0. Half a grid of signed bytes would be lost
            # on that; a constant is added instead, which the normalisation behind takes out.
            grid, shift = (ends, -ends[0]) if conv is convs[0] else (_representable(*ends), 0.0)
            _round(_activation(conv), (*grid, LEVELS), shift)
            _round_kernels(conv.input(1))
    graph.validate_nodes_and_infer_types()
    return graph


def _round_kernels(place: Any) -> None:  # noqa: ANN401 - as above
    from openvino import opset13  # noqa: PLC0415 - only where it is to run

    kernels = place.get_source_output().get_node().data
    size = np.abs(kernels).max((1, 2, 3), keepdims=True)
    place.replace_source_output(opset13.constant(summing(kernels, size)).output(0))
    _round(place, (-size, size, LEVELS - 1))


def summing(kernels: Pixels, size: Pixels) -> Pixels:
    """Kernels rounded to bytes so that each has the sum that it had, to half a step.

    Args:
        kernels: (out, into, k, k).
        size: (out, 1, 1, 1), the largest absolute value of each output's.
    """
    step = np.maximum(size, np.finfo(np.float32).tiny)[..., 0] / (LEVELS // 2 - 1)
    sums = np.rint(np.cumsum(kernels.reshape(*kernels.shape[:2], -1) / step, axis=-1))
    whole = np.diff(sums, axis=-1, prepend=np.float32(0))
    rounded: Pixels = (whole * step).reshape(kernels.shape).astype(np.float32)
    return rounded.clip(-size, size)


def _representable(least: float, most: float) -> tuple[float, float]:
    """The range as bytes hold it: from 0 where nothing is negative, else with 0 in the middle."""
    if least >= 0:
        return 0.0, most
    size = max(most, -least * (LEVELS // 2 - 1) / (LEVELS // 2))
    return -size * (LEVELS // 2) / (LEVELS // 2 - 1), size


def _round(place: Any, grid: tuple[Any, Any, int], shift: float = 0.0) -> None:  # noqa: ANN401
    """Puts a rounding to so many levels, and a shift, in front of an operation's input."""
    from openvino import opset13  # noqa: PLC0415 - only where it is to run

    least, most, levels = grid
    ends = [np.reshape(np.float32(end), (-1, 1, 1, 1)) for end in (least, most)]
    moved = [end + np.float32(shift) for end in ends]
    rounded = opset13.fake_quantize(place.get_source_output(), *ends, *moved, levels)
    place.replace_source_output(rounded.output(0))


def _rounded(graph: Any) -> list[Any]:  # noqa: ANN401 - as above
    """The convolutions but those that shrink, if there is one of enough maps."""
    convs = [
        node
        for node in graph.get_ordered_ops()
        if node.get_type_name() == "Convolution"
        and node.input(1).get_source_output().get_node().get_type_name() == "Constant"
    ]
    *others, last = convs or [None]  # whose stride makes several positions at once
    kept = [conv for conv in others if set(conv.get_attributes()["strides"]) == {1}]
    kernels = (conv.input(1).get_partial_shape() for conv in kept)
    most = max((min(kernel[k].get_length() for k in (0, 1)) for kernel in kernels), default=0)
    return [*kept, last] if most >= LEAST_MAPS else []


def _activation(conv: Any) -> Any:  # noqa: ANN401 - as above
    """Where a convolution's input is rounded: in front of its padding, which then moves bytes."""
    before = conv.input(0).get_source_output().get_node()
    return before.input(0) if before.get_type_name() == "Pad" else conv.input(0)


def _watched(graph: Any) -> Any:  # noqa: ANN401 - as above
    """The graph with one output more: least and greatest of every convolution's input."""
    from openvino import opset13  # noqa: PLC0415 - as above

    watched = [_activation(conv).get_source_output() for conv in _rounded(graph)]
    kinds = opset13.reduce_min, opset13.reduce_max
    ends = [kind(at, np.arange(4), keep_dims=True) for at in watched for kind in kinds]
    graph.add_results([opset13.result(opset13.concat(ends, 0))])
    return graph


def _inputs(photos: Sequence[Pixels], about: About) -> Iterator[tuple[Pixels, ...]]:
    """Every photo, as the network is given it, in every style."""
    field = np.float32(about.grain) * grain.whole(SIDE, SIDE)
    photos = [photo + field for photo in photos]
    mixes = np.eye(len(about.styles), dtype=np.float32) if about.takes_mix else None
    for photo, mix in product(photos, [None] if mixes is None else mixes):
        yield (photo,) if mix is None else (photo, mix[None])


def _photos() -> list[Pixels]:
    """The bundled photos, (1, 3, SIDE, SIDE) each."""
    folder = Path(__file__).parents[1]
    found = []
    for name in PHOTOS:
        with Image.open(folder / name) as picture:
            square = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        found.append(np.asarray(square, np.float32).transpose(2, 0, 1)[None] / np.float32(255))
    return found


def _psnr(one: Pixels, other: Pixels) -> float:
    error = float(np.square(one.clip(0, 1) - other.clip(0, 1)).mean())
    return float("inf") if error == 0 else -10 * float(np.log10(error))
