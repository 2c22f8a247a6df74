"""methods.tiling, methods.tile_plan and methods.moments: tile by tile, what comes of the whole."""

import numpy as np
import pytest

from stylize_cli import encoders, engines, tiles
from stylize_cli.errors import StylizeError
from stylize_cli.methods import apply, feedforward, painting, tile_plan, tiling
from stylize_cli.methods.apply import Photo
from stylize_cli.methods.look import Look
from stylize_cli.methods.moments import Moments
from stylize_cli.methods.tile_plan import TilePlan
from stylize_cli.methods.tiling import Wanted

pytest_plugins = ["nets"]
pytestmark = pytest.mark.usefixtures("conversions")

ENGINES = ("torch", "openvino")
HELD = 10**9


def opened(path, engine="torch", precision="float32"):
    return engines.open_model(path, engine=engine, precision=precision, threads=1)


def photo(height, width, *, channels=3, seed=0):
    """A picture whose statistics differ from place to place."""
    noise = np.random.default_rng(seed).random((height, width, channels), np.float32)
    slope = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    return (255 * noise * slope + 0.5).astype(np.uint8)


def mix_of(engine, style="munch"):
    return feedforward.one_style(engine.about, style)


def whole(engine, pixels, **options):
    floats = pixels / np.float32(255)
    (output,) = feedforward.forward(engine, [floats], [mix_of(engine)])
    options = {"strength": 1.0, "preserve_color": False} | options
    return feedforward.finish(output, floats, engine.about, **options)


def tiled(engine, pixels, side, *, share=1.0, **options):
    wanted = Wanted(mix_of(engine), depth=16, **options)
    return tiling.paint(engine, pixels, wanted, TilePlan(side, HELD, share)) / 65535


def gap(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("generator", "side", "size"),
    [
        ("conditional", 168, (203, 229)),
        ("halved", 168, (203, 229)),
        ("johnson", 176, (203, 229)),
        ("upscaler", 64, (61, 103)),
        ("johnson-upscaler", 64, (61, 103)),
    ],
)
def test_tiles_make_what_the_whole_makes(net, engine, generator, side, size):
    runner, pixels = opened(net(generator, loss="pixel"), engine), photo(*size)
    assert len(tile_plan.cut(runner, size, side, wraps=False)) > 2
    assert gap(tiled(runner, pixels, side), whole(runner, pixels)) < 1e-4


@pytest.mark.parametrize("size", [(203, 229), (208, 224)])
def test_tiles_lie_in_the_grain_of_the_whole(net, size):
    runner, pixels = opened(net("halved", grain=0.1)), photo(*size)
    expected, plain = (whole(one, pixels) for one in (runner, opened(net("halved"))))
    assert gap(tiled(runner, pixels, 168), expected) < 1e-4
    assert gap(plain, expected) > 1e-2


def test_halves_of_maps_lose_nothing_that_was_computed_in_bfloat16(net):
    runner, pixels = opened(net(), precision="bfloat16"), photo(203, 229)
    exact = whole(opened(net()), pixels)
    assert gap(tiled(runner, pixels, 168), exact) < 1.2 * gap(whole(runner, pixels), exact)


@pytest.mark.parametrize(
    "options",
    [{"strength": 0.4}, {"preserve_color": True}, {"strength": 0.7, "preserve_color": True}],
)
@pytest.mark.parametrize(("generator", "side"), [("conditional", 168), ("upscaler", 64)])
def test_results_are_finished_tile_by_tile(net, generator, side, options):
    runner, pixels = opened(net(generator)), photo(101, 203, channels=4)
    assert gap(tiled(runner, pixels, side, **options), whole(runner, pixels, **options)) < 1e-4


def test_a_grey_photo_stays_grey(net):
    runner = opened(net("upscaler"))
    pixels = photo(61, 103)[..., :1].repeat(3, axis=2)
    found = tiled(runner, pixels, 64)
    assert np.ptp(found, axis=2).max() == 0
    assert gap(found, whole(runner, pixels)) < 1e-4


def test_histograms_of_tiles_are_those_of_the_whole(net):
    runner, pixels = opened(net("upscaler", loss="feature")), photo(61, 103)
    assert gap(tiled(runner, pixels, 64), whole(runner, pixels)) < 1e-4


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_statistics_of_some_tiles_leave_no_seam(net, share):
    runner, pixels, side = opened(net()), photo(243, 409), 168
    found = tiled(runner, pixels, side, share=share)
    columns = {tile[1].start for tile in tile_plan.cut(runner, (243, 409), side, wraps=False)} - {0}
    steps = np.abs(np.diff(found - whole(runner, pixels), axis=1)).mean((0, 2))
    at_borders = [steps[column - 1] for column in columns]
    assert len(columns) > 4
    assert np.mean(at_borders) < 1.1 * steps.mean()
    assert 1e-4 < gap(found, whole(runner, pixels)) < 0.2  # others' statistics, and not far off


def test_a_texture_style_net_takes_the_statistics_of_a_reduced_picture(pyramid):
    runner = opened(pyramid(image=True, levels=3))
    pixels = photo(96, 132)
    wanted = Wanted(feedforward.one_style(runner.about, "brick"), depth=16)
    expected = whole(runner, pixels)
    exact = tiling.paint(runner, pixels, wanted, TilePlan(96, reduced=132)) / 65535
    assert gap(exact, expected) < 1e-4  # of the picture itself
    near = tiling.paint(runner, pixels, wanted, TilePlan(96, reduced=80)) / 65535
    assert 1e-4 < gap(near, expected) < 0.3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pattern_enlarged_stays_one(net, engine):
    runner, pixels = opened(net("upscaler"), engine), photo(61, 103)
    rolled = np.roll(pixels, (30, 51), (0, 1))
    one, other = (tiled(runner, each, 64, wraps=True) for each in (pixels, rolled))
    factor = runner.about.factor
    assert gap(np.roll(one, (30 * factor, 51 * factor), (0, 1)), other) < 1e-4
    assert gap(one, whole(runner, pixels)) > 1e-3  # which is another at its borders


@pytest.mark.parametrize("loss", ["pixel", "feature"])
@pytest.mark.parametrize("size", [(2, 2), (2, 7)])
def test_a_pattern_of_two_pixels_is_one_that_is_repeated(net, loss, size):
    """Also where the network takes no such side, and is given more of it."""
    runner, pixels = opened(net("upscaler", loss=loss)), photo(*size)
    found = tiled(runner, pixels, 64, wraps=True)
    repeated = tiled(runner, np.tile(pixels, (3, 3, 1)), 64, wraps=True)
    assert found.shape == (2 * size[0], 2 * size[1], 3)
    if loss == "pixel":  # quantiles of a few values are not those of more
        assert gap(found, repeated[: found.shape[0], : found.shape[1]]) < 1e-4


def test_an_output_that_stays_is_not_laid_beside_the_photo(net, monkeypatch):
    monkeypatch.setattr(tiling, "_finished", None)
    runner, pixels = opened(net()), photo(203, 229)
    assert gap(tiled(runner, pixels, 168), whole(runner, pixels)) < 1e-4


def test_moments_are_numpy_s_of_the_whole():
    maps = np.random.default_rng(0).normal(50, 2, (3, 40, 30)).astype(np.float32)
    maps[:, :7] += 100
    moments = Moments()
    for rows in (slice(0, 7), slice(7, 19), slice(19, 40)):
        moments.add(maps[:, rows])
    np.testing.assert_allclose(moments.mean[0], maps.mean((1, 2), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(moments.variance[0], maps.var((1, 2), dtype=np.float64), rtol=1e-5)


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize(
    ("side", "most", "halo", "unit"), [(400, 168, 60, 4), (124, 64, 13, 1), (300, 200, 30, 4)]
)
def test_windows_cover_an_axis_once_and_are_of_one_size(side, most, halo, unit, wraps):
    found = tiles.windows(side, most=most, halo=halo, unit=unit, wraps=wraps)
    assert [one.start for one in found] == [0, *(one.stop for one in found[:-1])]
    assert found[-1].stop == side
    (width,) = {one.last - one.first for one in found}
    assert width <= most
    for one in found:
        assert one.first % unit == one.start % unit == 0
        before, after = one.start - one.first, one.last - one.stop
        assert before >= (halo if wraps else min(halo, one.start))
        assert after >= (halo if wraps else min(halo, side - one.stop))
        assert wraps or (one.first >= 0 and one.last <= side)


def test_the_plan_is_exact_where_that_is_affordable(net):
    runner, size = opened(net()), (2000, 3000)
    found = [tile_plan.plan(runner, size, room * 1_000_000) for room in range(40, 500, 10)]
    shares = [0 if plan is None else plan.share for plan in found]
    assert shares == sorted(shares)
    assert (shares[0], found[-1].share, found[-1].note) == (0, 1, "")
    some = next(plan for plan in found if plan is not None)
    assert some.share < 1
    assert (
        some.note == f"memory: statistics of {some.share:.0%} of the picture stand for the whole's"
    )


def test_what_does_not_fit_at_once_comes_in_tiles(net):
    runner, pixels = opened(net()), photo(403, 529)
    room = painting.needed(runner, (403, 529)) - 1
    saved = {}
    item = Photo(
        "x", lambda: encoders.encode(pixels, "PNG"), lambda style, p: saved.update({style: p})
    )
    look = Look(runner.about.styles[:2], depth=16)
    results = list(apply.apply(runner, [item], look, room=room))
    assert [(result.error, result.size) for result in results] == [("", (403, 529))] * 2
    assert list(saved) == list(runner.about.styles[:2])
    assert gap(saved["munch"] / 65535, whole(runner, pixels)) < 1e-4


def test_a_model_that_does_not_enlarge_takes_no_pattern(net):
    from stylize_cli.api import network

    model = network.load(net(), engine="torch", precision="float32", threads=1)
    with pytest.raises(StylizeError, match=r"does not enlarge: tileable is for super-resolution"):
        model(photo(20, 30), tileable=True)


def test_a_network_makes_the_same_within_a_budget(net, monkeypatch):
    from stylize_cli.api import network

    model = network.load(net("upscaler"), engine="torch", precision="float32", threads=1, depth=16)
    pixels = photo(121, 203)
    free = model(pixels)
    monkeypatch.setattr(painting, "needed", lambda *_: 10**15)
    monkeypatch.setattr(tile_plan, "SIDES", (64,))
    within = model(pixels)
    assert (free.pixels.dtype, within.pixels.dtype) == (np.float32, np.uint16)
    assert gap(within.floats, free.floats) < 1e-4
