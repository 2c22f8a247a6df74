import re
from dataclasses import replace
from itertools import pairwise

import psutil
import pytest
import torch
from storages import kept_by, storage

from stylize_cli import devices, images, limits, stages, vgg
from stylize_cli.config import CONTENT_LAYERS, STYLE_LAYERS
from stylize_cli.config.neighbours import NEIGHBOURS
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.descriptors import MARGIN
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError

CONFIG = OptimizeConfig(
    content_layers=CONTENT_LAYERS,
    style_layers=STYLE_LAYERS,
    style_scale=1.0,
    pool="max",
    history=10,
)
CPU = Machine(torch.device("cpu"), torch.float32)


@pytest.fixture
def free(monkeypatch):
    """free(bytes): what the device says it has free."""
    return lambda count: monkeypatch.setattr(devices, "free_memory", lambda _device: count)


def kept_bytes(describe, image, layers):
    """What autograd keeps for the backward pass, and the maps that were asked for."""
    found = {}
    kept = kept_by(describe, lambda: found.update(describe(image.requires_grad_(), layers)))
    return sum((kept | dict(map(storage, found.values()))).values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pool", ["max", "avg"])
@pytest.mark.parametrize("layer", ["pool1", "relu3_2", "pool5"])
def test_maps_are_estimated_as_autograd_keeps_them(
    layer, pool, dtype, make_narrow, picture, monkeypatch
):
    monkeypatch.setattr("stylize_cli.vgg.MAPS", (4, 5, 6, 7, 8))
    describe, side = make_narrow(pool=pool, dtype=dtype), 64
    kept = [kept_bytes(describe, picture(side, side), layers) for layers in (["relu1_1"], [layer])]
    configs = [
        OptimizeConfig(pool=pool, content_layers=(), style_layers=(name,))
        for name in ("relu1_1", layer)
    ]
    told = [limits.bytes_per_pixel(config, dtype) * side**2 for config in configs]
    assert told[1] - told[0] == pytest.approx(kept[1] - kept[0], rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("pool", ["max", "avg"])
def test_what_tiles_leave_is_estimated_as_it_is_held(
    pool, count, dtype, make_narrow, picture, monkeypatch
):
    """The storages themselves: of maps, and of signs; with halos."""
    monkeypatch.setattr("stylize_cli.vgg.MAPS", (8, 8, 16, 16, 8))
    monkeypatch.setattr("conftest.NARROW", (8, 8, 16, 16, 8))
    monkeypatch.setattr("stylize_cli.stages.FEW", 0.1)
    config, size, room = replace(CONFIG, pool=pool), (330, 271), 80_000 * dtype.itemsize
    describe = make_narrow(pool=pool, dtype=dtype, edges=config.edges)
    tiled = Tiled(describe, room, kept=count)
    seen = tiled.look([picture(*size)], config.layers, lambda *_: None, is_pulled=True)
    held = []
    for tiles in seen.steps:
        assert len(tiles) > 1
        steps = [step for left in tiles for step in left]
        tensors = [t for step in steps for t in (step.maps, step.signs and step.signs.bits)]
        held.append(sum(dict(storage(t) for t in tensors if t is not None).values()))
    framed = [side + 2 * MARGIN for side in size]
    cut = stages.cut(config.layers, vgg.SOURCES["vgg19"])
    told = stages.left_by_tiles(cut, framed, config.layers, count, room, pool, dtype)
    assert told == pytest.approx(held, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_estimate_is_the_loading_and_a_share_for_every_pixel(dtype):
    sizes, trained = [(100, 70), (200, 140), (1000, 700)], replace(CONFIG, edges="trained")
    small, double, tenfold = (
        limits.estimate(size, trained, dtype) - limits.estimate((0, 0), trained, dtype)
        for size in sizes
    )
    assert double == pytest.approx(4 * small)
    assert tenfold == pytest.approx(100 * small)
    assert small > 0


@pytest.mark.parametrize(
    "less",
    [
        {"history": 5},
        {"edges": "trained"},
        {"pool": "avg"},
        {"style_layers": ("relu1_1",), "content_layers": ()},
    ],
)
def test_shorter_histories_shallower_layers_and_averages_take_less(less):
    size = (256, 256)
    full, lean = (
        limits.estimate(size, c, torch.float32) for c in (CONFIG, replace(CONFIG, **less))
    )
    assert lean < full
    assert limits.estimate(size, CONFIG, torch.bfloat16) < full
    assert limits.estimate(size, replace(CONFIG, style_scale=3.0), torch.float32) > full


@pytest.mark.parametrize("size", [(512, 512), (384, 1024), (4000, 60)])
def test_what_does_not_fit_as_a_whole_is_cut_into_tiles(size, free):
    need = limits.estimate(size, CONFIG, torch.float32)
    free(need)
    whole = limits.check(size, CONFIG, CPU, None)
    assert (whole.room, whole.history) == (0, CONFIG.history)
    assert whole.whole >= size[0] * size[1]
    free(need - 1)
    tiles = limits.check(size, CONFIG, CPU, None)
    assert 0 < tiles.room < need
    assert tiles.whole < size[0] * size[1]
    assert tiles.history == CONFIG.history


def test_less_memory_means_smaller_tiles_and_then_less_history():
    size = (2048, 2048)
    made = [
        limits.plan(size, CONFIG, torch.float32, free)
        for free in range(16_000_000_000, 0, -50_000_000)
    ]
    plans = [one for one in made if one]
    assert made == plans + [None] * (len(made) - len(plans))
    for more, less in pairwise(plans):
        assert less.history <= more.history
        assert less.whole <= more.whole
        has_given_up = less.history < more.history or less.kept < more.kept
        assert less.room <= more.room or not more.room or has_given_up
    assert plans[0].room == 0
    assert {one.history for one in plans} == set(range(3, CONFIG.history + 1))
    adam = replace(CONFIG, optimizer="adam")
    for free in range(4_000_000_000, 8_000_000_000, 500_000_000):
        plan = limits.plan(size, adam, torch.float32, free)
        assert plan.history == (0 if plan.room else CONFIG.history)
        assert plan.notes == (("memory: tile by tile",) if plan.room else ())


@pytest.mark.parametrize("size", [(512, 512), (384, 1024), (4000, 60)])
def test_the_size_told_is_the_greatest_that_fits(size, free):
    free(350_000_000)
    with pytest.raises(StylizeError) as refused:
        limits.check((4 * size[0], 4 * size[1]), CONFIG, CPU, None)
    (told,) = re.findall(r"use `size` (\d+)$", str(refused.value))
    limits.check(images.fitted(size, int(told)), CONFIG, CPU, None)
    with pytest.raises(StylizeError):
        limits.check(images.fitted(size, int(told) + 16), CONFIG, CPU, None)


def test_the_refusal_says_what_is_needed_and_what_is_there(free):
    free(1_260_000_000)
    with pytest.raises(StylizeError) as refused:
        limits.check((4096, 2048), CONFIG, CPU, None)
    told = re.fullmatch(
        r"2048x4096 px needs about (\d+\.\d) GB, 1\.3 GB is free; use `size` \d+",
        str(refused.value),
    )
    need = float(told[1]) * 1e9
    assert limits.plan((4096, 2048), CONFIG, torch.float32, int(need + 50_000_000))
    assert limits.plan((4096, 2048), CONFIG, torch.float32, int(need - 50_000_000)) is None


def test_a_budget_counts_the_program_itself(free, monkeypatch):
    size = (512, 512)
    need = limits.estimate(size, CONFIG, torch.float32)
    free(10 * need)
    info = type("Info", (), {"rss": 300_000_000})
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _self: info)
    assert limits.check(size, CONFIG, CPU, need + 300_000_000).room == 0
    assert limits.check(size, CONFIG, CPU, need + 299_999_999).room > 0
    with pytest.raises(StylizeError, match=r" 0 MB is free; give `memory` more \("):
        limits.check(size, CONFIG, CPU, 200_000_000)


def test_a_budget_does_not_make_memory(free):
    free(0)
    with pytest.raises(StylizeError, match="free some memory"):
        limits.check((64, 64), CONFIG, CPU, 10**12)


@pytest.mark.parametrize("config", [CONFIG, NEIGHBOURS])
def test_maps_of_upper_stages_stay_where_there_is_room(config):
    size = (2048, 1536)
    plans = [
        limits.plan(size, config, torch.bfloat16, free)
        for free in range(400_000_000, 12_000_000_000, 100_000_000)
    ]
    kept = [one.kept for one in plans if one and one.room]
    if config is NEIGHBOURS:  # whose panes are looked at once
        assert set(kept) == {0}
    else:
        assert kept == sorted(kept)
        assert set(kept) == {0, 1, 2}
    assert {one.pairs for one in plans if one} == {"float32", "bfloat16"}


def test_more_styles_have_more_candidates_and_these_are_bounded():
    def need(side, styles):
        return limits.estimate_tiled((side, side), NEIGHBOURS, torch.float32, styles)

    def of_a_style(side):
        return need(side, 2) - need(side, 1)

    assert need(256, 3) - need(256, 2) == pytest.approx(of_a_style(256))
    assert of_a_style(256) == pytest.approx(4 * of_a_style(128), rel=1e-6)
    assert of_a_style(4096) == of_a_style(2048) < 1_600_000_000
