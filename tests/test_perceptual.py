import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stylize_cli import colours, losses
from stylize_cli.config.train import TrainConfig
from stylize_cli.descriptors import itself
from stylize_cli.perceptual import (
    feature_losses,
    parts_summary,
    pixel_losses,
    shifted,
    style_summary,
)

CONFIG = TrainConfig(  # of what counts here, nothing is left to the default
    generator="conditional",
    width=1,
    steps=1,
    weighting="relative",
    content_weight=0.3,
    style_weight=2.0,
    tv_weight=0.0,
    content_layer="relu2_1",
    style_layers=("relu1_1", "relu2_1"),
    style_size=24,
)
GAUSSIAN = replace(CONFIG, weighting="norm", statistic="gaussian")
MEAN = replace(CONFIG, weighting="mean")
NORM = replace(CONFIG, weighting="norm")
VOLUME = replace(CONFIG, weighting="volume")
STRENGTH = {"relu1_1": 1.0, "relu2_1": 3.0}


def plain(image, layers, use=itself):
    """A descriptor whose every layer shows the picture itself, the deeper the stronger."""
    return {layer: use(layer, STRENGTH[layer] * image) for layer in layers}


@pytest.fixture
def batch(picture):
    """Outputs and photos, (3, 3, 24, 32), and the styles of each."""
    output, target = (torch.cat([picture(24, 32, seed=s + k) for k in range(3)]) for s in (0, 10))
    return output, target, [picture(24, 24, seed=20 + k) for k in range(3)]


def numpy_grams(pictures):
    maps = np.asarray(pictures, np.float64).reshape(len(pictures), 3, -1)
    return maps @ maps.transpose(0, 2, 1) / maps.shape[2]


def mean_square(values):
    return np.square(np.asarray(values, np.float64)).reshape(len(values), -1).mean(1)


@pytest.mark.parametrize("config", [CONFIG, NORM, MEAN, VOLUME])
def test_content_and_style_are_their_formulas(config, batch):
    output, target, styles = batch
    got = feature_losses(plain, output, target, config, styles=style_summary(plain, styles, config))
    content = mean_square(3 * (output - target))
    style = [
        mean_square(k**2 * (numpy_grams(output) - numpy_grams(torch.cat(styles)))) for k in (1, 3)
    ]
    if config.weighting == "volume":  # Gram matrices over C·H·W, three maps here
        style = [values / 3**2 for values in style]
    if config.weighting in ("relative", "norm"):
        content /= mean_square(3 * target)
        scales = [mean_square(k**2 * numpy_grams(torch.cat(styles))) for k in (1, 3)]
        shares = [values / scale for values, scale in zip(style, scales, strict=True)]
        style = [(np.sqrt(s) if config.weighting == "norm" else s) / 2 for s in shares]
    assert set(got) == {"content", "style"}
    np.testing.assert_allclose(got["content"], 0.3 * content, rtol=1e-5)
    np.testing.assert_allclose(got["style"], 2.0 * sum(style), rtol=1e-4)


def test_a_picture_that_shows_nothing_costs_the_weights(batch):
    output, target, styles = batch
    grams = style_summary(plain, styles, CONFIG)
    got = feature_losses(plain, 0 * output, target, CONFIG, styles=grams)
    torch.testing.assert_close(got["content"], torch.full((3,), 0.3))
    torch.testing.assert_close(got["style"], torch.full((3,), 2.0))


@pytest.mark.parametrize("config", [CONFIG, GAUSSIAN])
def test_targets_that_show_nothing_are_no_division_by_zero(config, batch):
    output, target, styles = batch
    grams = style_summary(plain, [0 * style for style in styles], config)
    output.requires_grad_()
    got = feature_losses(plain, output, 0 * target, config, styles=grams)
    (gradient,) = torch.autograd.grad(sum(values.sum() for values in got.values()), output)
    assert all(values.isfinite().all() for values in (*got.values(), gradient))


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_relative_losses_know_no_scale_of_the_features(factor, batch):
    output, target, styles = batch

    def stronger(image, layers, use=itself):
        return plain(factor * image, layers, use)

    found = []
    for describe in (plain, stronger):
        grams = style_summary(describe, styles, CONFIG)
        found.append(feature_losses(describe, output, target, CONFIG, styles=grams))
    for name, want in found[0].items():
        torch.testing.assert_close(found[1][name], want)


@pytest.mark.parametrize("config", [CONFIG, NORM, MEAN, GAUSSIAN])
def test_a_picture_met_exactly_costs_nothing(config, narrow, batch):
    _, target, styles = batch
    pictures = torch.cat(styles).requires_grad_()
    grams = style_summary(narrow, styles, config)
    assert feature_losses(narrow, target, target, config)["content"].tolist() == [0, 0, 0]
    style = feature_losses(narrow, pictures, pictures, config, styles=grams)["style"]
    torch.testing.assert_close(style, torch.zeros(3), atol=1e-5, rtol=0)
    (gradient,) = torch.autograd.grad(style.sum(), pictures)
    assert gradient.isfinite().all()  # also where it is a norm's


@pytest.mark.parametrize("config", [replace(CONFIG, tv_weight=5.0), NORM, MEAN, GAUSSIAN])
def test_a_sample_costs_the_same_alone_and_in_a_batch(config, narrow, batch):
    output, target, styles = batch
    grams = style_summary(narrow, styles, config)
    together = feature_losses(narrow, output, target, config, styles=grams)
    for k in range(3):
        one = slice(k, k + 1)
        own = {layer: gram[one] for layer, gram in grams.items()}
        alone = feature_losses(narrow, output[one], target[one], config, styles=own)
        assert set(alone) == set(together)
        for name, value in alone.items():
            torch.testing.assert_close(together[name][one], value)


@pytest.mark.parametrize("statistic", ["gram", "gaussian"])
@pytest.mark.parametrize("weighting", ["relative", "norm", "mean", "volume"])
def test_gradients_are_those_of_finite_differences(weighting, statistic, make_narrow, batch):
    describe = make_narrow(dtype=torch.float64)
    config = replace(CONFIG, tv_weight=5.0, weighting=weighting, statistic=statistic)
    output, target, styles = batch
    output, target = (
        values[:2, :, :6, :7].double().requires_grad_() for values in (output, target)
    )
    grams = style_summary(describe, [style.double() for style in styles[:2]], config)
    assert not any(gram.requires_grad for gram in grams.values())

    def total(output):
        losses = feature_losses(describe, output, target, config, styles=grams)
        return torch.stack(list(losses.values())).sum(0)

    assert torch.autograd.gradcheck(total, output, atol=1e-6)
    total(output).sum().backward()
    assert target.grad is None
    assert output.grad is not None


@pytest.mark.parametrize("config", [CONFIG, NORM])
def test_a_bfloat16_descriptor_gives_nearly_the_same(config, make_narrow, batch):
    output, target, styles = batch
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        describe = make_narrow(dtype=dtype)
        grams = style_summary(describe, styles, config)
        found.append(feature_losses(describe, output, target, config, styles=grams))
    for name, want in found[0].items():
        assert found[1][name].dtype == torch.float32
        torch.testing.assert_close(found[1][name], want, rtol=0.05, atol=0)


def test_total_variation_of_a_ramp_is_that_of_its_steps(batch):
    _, target, _ = batch
    ramp = (0.02 * torch.arange(32.0)).expand(2, 3, 24, 32)
    config = replace(CONFIG, tv_weight=7.0)
    got = feature_losses(plain, ramp, target[:2], config)["tv"]
    want = 7.0 * 0.5 * 0.02**2 * 31 / 32  # the last column has no neighbour
    torch.testing.assert_close(got, torch.full((2,), want))


def test_colours_beyond_the_style_s_own_are_weighed_a_sample(batch):
    _, target, _ = batch
    ramp = torch.linspace(0.2, 0.6, 1000).expand(1, 3, 40, 1000)  # its ends are 0.202 and 0.598
    config = replace(CONFIG, range_weight=7.0, style_size=200)
    own = style_summary(plain, [ramp, 0.5 * ramp], config)
    output = torch.stack([torch.full((3, 24, 32), value) for value in (0.9, 0.3)])
    got = feature_losses(plain, output, target[:2], config, styles=own)["range"]
    over = [
        math.log(0.9 / 0.1) - math.log(0.598 / 0.402),
        math.log(0.3 / 0.7) - math.log(0.299 / 0.701),
    ]
    torch.testing.assert_close(got, torch.tensor([7.0 * o**2 for o in over]), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(("size", "shown"), [((48, 48), (24, 24)), ((12, 48), (12, 48))])
def test_style_images_are_shown_at_the_configs_area(size, shown, picture):
    style = picture(*size)
    seen = []

    def watch(image, layers, use=itself):
        seen.append(image)
        return plain(image, layers, use)

    style_summary(watch, [style], CONFIG)
    want = F.interpolate(style, size=shown, mode="bicubic", antialias=True).clamp(0, 1)
    torch.testing.assert_close(seen[0], want if shown != size else style)


def test_grams_of_the_styles_are_stacked_in_their_order(narrow, batch):
    _, _, styles = batch
    together = style_summary(narrow, styles, CONFIG)
    assert set(together) == set(CONFIG.style_layers)
    for k, style in enumerate(styles):
        for layer, gram in style_summary(narrow, [style], CONFIG).items():
            assert torch.equal(together[layer][k], gram[0])


def test_pixel_losses_are_numpys_mean_squares(batch):
    output, target, _ = batch
    got = pixel_losses(output, target)["pixel"]
    np.testing.assert_allclose(got, mean_square(output - target), rtol=1e-5)


def test_nothing_is_computed_above_the_layers_asked_for(batch):
    output, target, _ = batch
    asked = []

    def watch(image, layers, use=itself):
        asked.append(set(layers))
        return plain(image, layers, use)

    feature_losses(watch, output, target, replace(CONFIG, style_layers=()))
    assert asked == [{"relu2_1"}, {"relu2_1"}]


def test_style_layers_count_by_their_blocks(batch):
    output, target, styles = batch
    even = [replace(NORM, style_layers=(layer,)) for layer in NORM.style_layers]
    alone = [
        feature_losses(plain, output, target, one, styles=style_summary(plain, styles, one))[
            "style"
        ]
        for one in even
    ]
    config = replace(NORM, block_weights=(1.0, 3.0, 9.0, 9.0, 9.0))
    got = feature_losses(plain, output, target, config, styles=style_summary(plain, styles, config))
    torch.testing.assert_close(got["style"], 0.25 * alone[0] + 0.75 * alone[1])


def test_the_layout_of_light_and_dark_counts_where_there_is_a_photo(batch):
    output, target, _ = batch
    config = replace(CONFIG, layout_weight=2.0)
    got = feature_losses(plain, output, target, config)["layout"]
    torch.testing.assert_close(got, 2 * losses.tonal_layout(output, target))
    assert feature_losses(plain, target, target, config)["layout"].abs().max() < 1e-3
    assert "layout" not in feature_losses(plain, output, None, config)


def test_a_pattern_of_single_pixels_costs_where_the_photo_has_none(batch):
    output, target, _ = batch
    config = replace(CONFIG, grid_weight=0.5)
    rows = torch.tensor([0.1, -0.1]).repeat(12)[:, None]
    got = feature_losses(plain, target + rows, target, config)["grid"]
    torch.testing.assert_close(got, 0.5 * 0.1**2 / losses.alternation(target))
    mean = replace(config, weighting="mean")
    got = feature_losses(plain, target + rows, target, mean)["grid"]
    torch.testing.assert_close(got, torch.full((3,), 0.5 * 0.1**2))
    assert feature_losses(plain, target, target, config)["grid"].tolist() == [0, 0, 0]
    flat = 0 * target
    assert feature_losses(plain, flat + 0.2, flat, config)["grid"].abs().max() < 1e-6
    assert "grid" not in feature_losses(plain, output, None, config)


def test_pictures_are_shown_from_either_pixel_on_in_each_direction(batch):
    output, target, _ = batch
    ways = set()
    for number in range(4):
        shown = shifted(output, target, number)
        ways |= {
            (y, x)
            for y in (0, 1)
            for x in (0, 1)
            if all(
                torch.equal(got, whole[:, :, y:, x:][:, :, :23, :31])
                for got, whole in zip(shown, (output, target), strict=True)
            )
        }
    assert len(ways) == 4


def test_the_style_counts_once_more_at_half_the_size(batch):
    output, _, styles = batch

    def style(config, output):
        own = style_summary(plain, styles, config)
        return feature_losses(plain, output, None, config, styles=own)["style"]

    smaller = output.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean((3, 5))
    halved = style(replace(CONFIG, style_size=CONFIG.style_size // 2), smaller)
    both = style(replace(CONFIG, halved_weight=0.5), output)
    torch.testing.assert_close(both, style(CONFIG, output) + 0.5 * halved)


def test_the_content_is_that_of_the_photo_in_the_styles_colours(batch):
    _, target, styles = batch
    config = replace(CONFIG, recolour=True)
    own = style_summary(plain, styles, config)
    wanted = torch.cat(
        [
            colours.match_covariance(photo[None], style, colours.SPREAD)
            for photo, style in zip(target, styles, strict=True)
        ]
    )
    assert feature_losses(plain, wanted, target, config, styles=own)["content"].max() < 1e-8
    assert feature_losses(plain, target, target, config, styles=own)["content"].min() > 1e-4
    assert feature_losses(plain, target, target, config)["content"].max() == 0


def test_parts_of_a_style_are_the_mean_of_its_squares(narrow):
    style = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(3))
    config = replace(CONFIG, style_size=40)
    squares = [style[..., y : y + 16, x : x + 16] for y in (0, 12, 24) for x in (0, 12, 24)]
    each = [style_summary(narrow, [one], replace(config, style_size=16)) for one in squares]
    found = parts_summary(narrow, style, config, 16)
    assert set(found) == set(config.style_layers)
    for layer, gram in found.items():
        torch.testing.assert_close(gram, sum(one[layer] for one in each) / 9)


def test_no_part_of_a_style_is_a_hole(narrow):
    """Where all but one corner is transparent, the parts without it say nothing."""
    style = torch.rand(1, 4, 32, 32, generator=torch.Generator().manual_seed(4))
    style[:, 3] = 0
    style[:, 3, :8, :8] = 1
    config = replace(CONFIG, style_size=32)
    corner = style_summary(narrow, [style[..., :16, :16]], replace(config, style_size=16))
    for layer, gram in parts_summary(narrow, style, config, 16).items():
        torch.testing.assert_close(gram, corner[layer])
