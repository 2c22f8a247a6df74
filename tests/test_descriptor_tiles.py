from dataclasses import replace

import pytest
import torch
from aims import aims as whole_aims

from stylize_cli import losses, objectives
from stylize_cli.config import STYLE_LAYERS
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.objectives import Targets
from stylize_cli.stages import cost, halo
from stylize_cli.statistics import STATISTICS

ROOM = 2_500_000  # bytes: a few tiles at every layer
CONTENT = ("relu2_2", "relu4_2")
LAYERS = (*STYLE_LAYERS, "relu2_2", "relu4_2", "pool2", "pool4")
SIZES = [(107, 131), (171, 70)]


@pytest.fixture(params=["clean", "trained"])
def edges(request):
    return request.param


@pytest.fixture(params=["max", "avg"])
def pool(request):
    return request.param


def aims(describe, picture, size, statistic="gram"):
    photo, style = picture(*size, seed=1), picture(90, 70, seed=2)
    weights = (64.0, 16.0, 4.0, 2.0, 1.0)
    return whole_aims(
        describe, photo, style, content=CONTENT, block_weights=weights, statistic=statistic
    )


def apart(gradient, other):
    """Relative, in the L1 norm: rounding takes a few values across a kink of ReLU or pooling."""
    return ((gradient - other).abs().sum() / other.abs().sum()).item()


@pytest.mark.parametrize(
    ("size", "dtype", "least"),
    [((107, 131), torch.float64, 1e-12), ((171, 70), torch.float32, 1e-4)],
)
@pytest.mark.parametrize("statistic", STATISTICS)
def test_loss_and_gradient_are_those_of_the_whole(
    statistic, size, dtype, least, edges, pool, make_narrow, picture
):
    def wide(*size, seed):
        return picture(*size, seed=seed).to(dtype)

    describe = make_narrow(edges=edges, pool=pool, dtype=dtype)
    both = aims(describe, wide, size, statistic)
    image = (0.7 * wide(*size, seed=1) + 0.3 * wide(*size, seed=3)).requires_grad_()
    for targets, kept in (
        (both, 0),
        (both, 2),
        (Targets(both.content), 0),
        (replace(both, content=(), tv_weight=0.0, photo=None), 1),
    ):
        whole = objectives.evaluate(describe, image, targets)
        got = objectives.evaluate(Tiled(describe, ROOM, kept=kept), image, targets)
        assert got.parts == pytest.approx(whole.parts, rel=least)
        assert got.loss == pytest.approx(whole.loss, rel=least)
        assert apart(got.gradient, whole.gradient) < least
        assert not got.gradient.requires_grad


def test_stages_that_are_kept_are_computed_once(make_narrow, picture, monkeypatch):
    describe = make_narrow()
    targets = aims(describe, picture, SIZES[0])
    seen = []
    layer = describe.layer
    monkeypatch.setattr(describe, "layer", lambda x, name: seen.append(name) or layer(x, name))
    counts = []
    for kept in range(3):
        seen.clear()
        objectives.evaluate(Tiled(describe, ROOM, kept=kept), picture(*SIZES[0]), targets)
        names = ("relu1_1", "relu2_2", "relu3_1", "relu3_2", "relu4_1", "relu4_3")
        counts.append([seen.count(name) for name in names])
    assert counts[0][:4] == [98, 98, 32, 16]
    first, above = counts[0][4:]
    assert above == first // 2
    assert counts[1:] == [[98, 98, 32, 16, above, above], [98, 98, 16, 16, above, above]]


@pytest.mark.parametrize("size", SIZES)
def test_maps_and_statistics_are_those_of_the_whole(size, edges, pool, make_narrow, picture):
    describe = make_narrow(edges=edges, pool=pool)
    image = picture(*size)
    tiled = Tiled(describe, ROOM)
    shown = []

    def gram(layer, maps):
        shown.append(layer)
        return losses.gram_matrix(maps)

    with torch.no_grad():
        whole = describe(image, LAYERS)
    got = tiled(image, LAYERS)
    grams = tiled(image, LAYERS, gram)
    assert set(got) == set(whole) == set(grams)
    assert all(shown.count(layer) > 1 for layer in LAYERS)
    for layer, want in whole.items():
        torch.testing.assert_close(got[layer], want)
        torch.testing.assert_close(grams[layer], losses.gram_matrix(want), rtol=1e-4, atol=1e-5)


def test_a_picture_that_fits_is_shown_whole(narrow, picture):
    image = picture(40, 50)
    seen = []

    def use(_layer, maps):
        seen.append(maps.shape[2:])
        return maps

    Tiled(narrow, ROOM, whole=2000)(image, ("relu1_1",), use)
    assert seen == [(40, 50)]


def test_a_tile_is_as_small_as_its_room(make_narrow, picture, monkeypatch):
    describe = make_narrow()
    areas = []
    layer = describe.layer

    def watched(x, name):
        areas.append((name, x.shape[2] * x.shape[3]))
        return layer(x, name)

    monkeypatch.setattr(describe, "layer", watched)
    Tiled(describe, 20 * ROOM)(picture(500, 700), ["relu5_1"])
    most = max(area for name, area in areas if name == "relu1_1")
    assert 0.3 * 20 * ROOM < most * cost(["relu1_1", "relu1_2"], "max", torch.float32) < 20 * ROOM


@pytest.mark.parametrize(
    ("stage", "reach"),
    [
        (("relu1_1",), 1),
        (("relu1_1", "relu1_2", "pool1", "relu2_1"), 4),
        (("relu4_1", "relu4_2", "relu4_3", "relu4_4", "pool4", "relu5_1"), 6),
    ],
)
def test_a_halo_is_what_a_position_sees(stage, reach, make_narrow):
    """As the gradient of one position shows, but for the other half of each pooling."""
    assert halo(stage) == reach
    describe = make_narrow(dtype=torch.float64, pool="avg")
    maps = 3 if stage[0] == "relu1_1" else 6
    x = torch.rand(1, maps, 64, 64, dtype=torch.float64, requires_grad=True)
    y = x
    for name in stage:
        y = describe.layer(y, name)
    ratio = 64 // y.shape[2]
    y[..., 32 // ratio, 32 // ratio].sum().backward()
    seen = x.grad.abs().sum((0, 1)).sum(1).nonzero()
    assert 32 - reach <= seen.min()
    assert seen.max() < 32 + ratio + reach
