"""Eight bits: where they are put, how far the picture moves, and when they are left out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stylize_cli import checkpoints, engines, hardware
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.engines import graphs, openvino, quantising
from stylize_cli.generators import KINDS

pytest_plugins = ["nets"]
pytestmark = pytest.mark.usefixtures("conversions")
CONVOLUTIONS = 14  # of a conditional net's 16: all but two that shrink


def saved(path, generator="conditional", *, grain=0.0):
    """A net of two styles that is wide enough."""
    torch.manual_seed(0)
    network = KINDS[generator].build(styles=2, width=16).eval()
    for name, value in network.named_parameters():
        if name.endswith(("gamma", "beta")):
            torch.nn.init.normal_(value, mean=float(name.endswith("gamma")), std=0.3)
    given = ("conditional", generator, {"styles": 2, "width": 16}, network.state_dict())
    checkpoints.save(path, Checkpoint(*given, ("a", "b"), {"config": {"grain": grain}}))
    return path


@pytest.fixture
def model(tmp_path, monkeypatch):
    """One on a processor that multiplies bytes."""
    monkeypatch.setattr(hardware, "fast_int8", lambda: True)
    monkeypatch.setattr(quantising, "SIDE", 64)
    return saved(tmp_path / "net.pt")


def opened(path, precision="auto"):
    return engines.open_model(path, engine="openvino", precision=precision, threads=1)


def given(size=(64, 96)):
    ramp = np.linspace(0, 1, size[1], dtype=np.float32)
    image = np.stack([ramp * k / 3 + np.sin(9 * ramp[::-1]) / 4 for k in range(3)])[None, :, None]
    return np.ascontiguousarray(np.broadcast_to(image, (1, 3, *size))), np.eye(2, dtype=np.float32)[
        :1
    ]


def psnr(one, two):
    return -10 * np.log10(np.square(one - two).mean())


def test_auto_takes_eight_bits_where_the_picture_stays(model):
    rough, exact = opened(model), opened(model, "float32")
    assert (rough.precision, len(rough.graph.ranges)) == ("int8", CONVOLUTIONS)
    # This network's first maps hardly vary: with them a faint picture would not stay.
    assert [pair is None for pair in rough.graph.ranges] == [True] + [False] * 13
    found, want = rough.run(*given()), exact.run(*given())
    assert 30 < psnr(found, want) < 70
    assert found.std() > 1e-3


@pytest.mark.usefixtures("model")
def test_a_first_layer_that_shrinks_has_eight_bits_and_the_second_none(tmp_path):
    path = saved(tmp_path / "halved.pt", "halved")
    rough, exact = opened(path), opened(path, "float32")
    assert (rough.precision, len(rough.graph.ranges)) == ("int8", 11)  # of 12 convolutions
    found, want = rough.run(*given()), exact.run(*given())
    assert 30 < psnr(found, want) < 70
    assert found.std() > 1e-3


@pytest.mark.usefixtures("model")
def test_a_photo_in_its_grain_has_eight_bits_below_nought_and_above_one(tmp_path, monkeypatch):
    monkeypatch.setattr(quantising, "LEAST_PSNR", 0.0)  # or the first layer might keep its floats
    path = saved(tmp_path / "halved.pt", "halved", grain=0.05)
    rough, exact = opened(path), opened(path, "float32")
    assert rough.graph.ranges[0] == pytest.approx((-0.15, 1.15))
    photo, mix = given()
    noise = np.random.default_rng(0).uniform(-0.15, 0.15, photo.shape).astype(np.float32)
    found, want = (one.run(photo.clip(0, 1) + noise, mix) for one in (rough, exact))
    assert 30 < psnr(found, want) < 70


@pytest.mark.parametrize("able", [False, True])
def test_who_asks_for_a_precision_gets_it(model, monkeypatch, able):
    monkeypatch.setattr(hardware, "fast_int8", lambda: able)
    assert opened(model, "float32").precision == "float32"
    assert opened(model).precision == ("int8" if able else openvino._usual())


def test_ranges_are_those_of_the_network_s_own_maps(model, monkeypatch):
    """The picture's is all that bytes can say, the first block's comes next."""
    network, seen = checkpoints.load(model).build(), []
    network.blocks[0].first.conv.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    photos = np.concatenate(quantising._photos()[:-1])
    with torch.no_grad():
        for mix in torch.eye(2):
            network(torch.from_numpy(photos), mix.expand(len(photos), -1))
    monkeypatch.setattr(quantising, "LEAST_PSNR", 0.0)
    runner = opened(model)
    found = openvino._with_ranges(runner.runtime, runner.graph, 1).ranges
    picture, (least, most), *_ = found
    assert picture == (0, 1)
    assert least == pytest.approx(min(x.min().item() for x in seen), abs=1e-5)
    assert most == pytest.approx(max(x.max().item() for x in seen), rel=1e-3)


def test_they_are_measured_once(model, monkeypatch):
    known = opened(model).graph.ranges
    monkeypatch.setattr(quantising, "find_ranges", None)
    assert opened(model).graph.ranges == known


def test_a_model_may_note_them(model, monkeypatch):
    known = [pair and list(pair) for pair in openvino.ranges_of(model, 1)]
    trained = checkpoints.load(model)
    looked = []
    monkeypatch.setattr(quantising, "_photos", lambda: looked.append(1) or 1 / 0)
    for noted in (known, []):
        path = model.with_name(f"noted-{len(noted)}.pt")
        checkpoints.save(path, replace(trained, provenance={quantising.NOTED: noted}))
        assert [pair and list(pair) for pair in opened(path).graph.ranges] == noted
    assert not looked


@pytest.mark.parametrize(
    "noted",
    [
        [[0.0, 1.0]],
        [[1.0, 0.0]] * CONVOLUTIONS,
        [[0.0, float("inf")]] * CONVOLUTIONS,
        ["ab"] * CONVOLUTIONS,
        7,
    ],
)
def test_what_is_noted_wrongly_is_looked_for(model, noted):
    known = openvino.ranges_of(model, 1)
    trained = checkpoints.load(model)
    path = model.with_name("wrong.pt")
    checkpoints.save(path, replace(trained, provenance={quantising.NOTED: noted}))
    assert opened(path).graph.ranges == known


def test_a_picture_that_would_not_stay_keeps_the_usual_precision(model, monkeypatch):
    runner = opened(model)
    monkeypatch.setattr(quantising, "LEAST_PSNR", 90.0)
    assert openvino._with_ranges(runner.runtime, runner.graph, 1).ranges == ()
    monkeypatch.setattr(openvino.graphs, "unpack", lambda _: replace(runner.graph, ranges=()))
    assert opened(model).precision == openvino._usual()


@pytest.mark.parametrize("generator", ["conditional", "upscaler"])
def test_narrow_networks_and_enlargements_stay_as_they_are(net, monkeypatch, generator):
    monkeypatch.setattr(hardware, "fast_int8", lambda: True)
    monkeypatch.setattr(quantising, "_photos", None)  # which would be looked at
    assert opened(net(generator)).precision == openvino._usual()


@pytest.mark.parametrize(
    ("ends", "want"),
    [
        ((0.0, 5.0), (0.0, 5.0)),
        ((-1.0, 5.0), (-5.0 * 128 / 127, 5.0)),
        ((-8.0, 5.0), (-8.0, 7.9375)),
    ],
)
def test_grids_hold_zero_and_both_ends(ends, want):
    least, most = quantising._representable(*ends)
    assert (least, most) == pytest.approx(want)
    grid = np.linspace(least, most, quantising.LEVELS)
    assert np.abs(grid).min() == pytest.approx(0, abs=1e-12)


def test_kernels_keep_their_sums_and_stay_within_a_step():
    random = np.random.default_rng(0)
    kernels = random.normal(size=(4, 3, 9, 9)).astype(np.float32)
    kernels[3] = 0
    size = np.abs(kernels).max((1, 2, 3), keepdims=True)
    steps = size / 127
    found = quantising.summing(kernels, size)
    levels = found[:3] / steps[:3]
    assert np.abs(levels - np.rint(levels)).max() < 1e-3
    assert np.abs(found - kernels).max() <= 1.01 * steps.max()
    short = np.abs(found.sum((2, 3)) - kernels.sum((2, 3)))
    assert (short <= 0.51 * steps[:, :, 0, 0]).all()  # rounded one by one: up to five steps
    assert not found[3].any()


def test_a_graph_is_packed_with_its_ranges(model):
    graph = opened(model).graph
    for ranges in (graph.ranges, (), None):
        one = replace(graph, ranges=ranges)
        assert graphs.unpack(graphs.pack(one)).ranges == ranges
