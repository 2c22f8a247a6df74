"""Whatever sizes, types and values are drawn: a result of the right shape, finite, or one line.

Its oracles are plain: shapes and ranges that the docstrings promise, sums over positions written
out, and differences in place of gradients.
"""

import contextlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stylize_cli import (
    colours,
    images,
    losses,
    objectives,
    perceptual,
    transparency,
)
from stylize_cli.api import network
from stylize_cli.api.picture import Picture
from stylize_cli.cli import options, texture, trying
from stylize_cli.config.optimize import PRESETS
from stylize_cli.config.train import TRAIN_PRESETS
from stylize_cli.errors import StylizeError
from stylize_cli.images import Planes
from stylize_cli.statistics import STATISTICS
from stylize_cli.vgg import least_side

pytest_plugins = ["nets"]

QUICK = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SEEDS = st.integers(0, 2**16)
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16])


def drawn(kind, shape, seed):
    """Values of one kind: nothing, all alike, noise, a few great ones."""
    random = torch.Generator().manual_seed(seed)
    values = torch.rand(shape, generator=random)
    return {
        "zeros": torch.zeros(shape),
        "ones": torch.ones(shape),
        "grey": torch.full(shape, 0.5),
        "noise": values,
        "binary": values.round(),
        "dark": values * 1e-4,
    }[kind]


KINDS = st.sampled_from(["zeros", "ones", "grey", "noise", "binary", "dark"])


@st.composite
def maps(draw, dtypes=DTYPES):
    """(B, C, H, W) from (1, 1, 1, 1) on, as a ReLU leaves them, in either layout."""
    shape = [draw(st.integers(1, most)) for most in (2, 5, 7, 7)]
    values = drawn(draw(KINDS), shape, draw(SEEDS)).to(draw(dtypes))
    scale, layout = draw(st.sampled_from([1e-3, 1.0, 300.0])), draw(st.booleans())
    layouts = {True: torch.channels_last, False: torch.contiguous_format}
    return (values * scale).contiguous(memory_format=layouts[layout])


@st.composite
def pictures(draw, least=1, most=24, channels=3):
    """(1, C, H, W) in [0, 1]."""
    sides = st.integers(least, most)
    return drawn(draw(KINDS), (1, channels, draw(sides), draw(sides)), draw(SEEDS))


def finite(*tensors):
    return all(bool(one.isfinite().all()) for one in tensors)


# Losses and statistics.


@QUICK
@given(maps(), st.sampled_from(sorted(STATISTICS)))
def test_statistics_are_means_over_positions(features, name):
    statistic = STATISTICS[name]
    found = statistic.of(features)
    rows = features.double().permute(0, 2, 3, 1).flatten(1, 2)
    expected = torch.einsum("bpi,bpj->bij", rows, rows) / rows.shape[1]
    if name == "gaussian":
        expected = torch.cat([expected, rows.mean(1)[..., None]], 2)
    assert found.dtype == torch.promote_types(features.dtype, torch.float32)
    scale = float(expected.abs().max()) or 1.0
    precise = features.dtype != torch.bfloat16
    torch.testing.assert_close(
        found.double(), expected, rtol=0, atol=(1e-5 if precise else 2e-2) * scale
    )


@QUICK
@given(maps(), maps(), st.sampled_from(sorted(STATISTICS)))
def test_distances_of_statistics_and_their_gradients_are_finite(features, other, name):
    statistic = STATISTICS[name]
    other = other[:1, :1].expand(1, features.shape[1], -1, -1)  # as many maps, all alike
    target = statistic.of(other.contiguous())
    leaf = features.detach().requires_grad_()
    for wanted in (target, statistic.of(features[:1])):
        distance = statistic.distance(statistic.of(leaf), wanted)
        (gradient,) = torch.autograd.grad(distance.sum(), leaf)
        assert distance.shape == (len(features),)
        assert finite(distance, gradient, statistic.scale(wanted))
        assert gradient.shape == features.shape
    own = float(statistic.scale(wanted)[0])
    assert abs(distance[0].item()) <= 1e-3 * own + 1e-30  # from itself


@QUICK
@given(pictures(), st.sampled_from([torch.float32, torch.float64]))
def test_total_variation_is_that_of_neighbours(image, dtype):
    image = image.to(dtype).requires_grad_()
    rows = image.detach()[0].double()
    sums = ((rows[:, 1:] - rows[:, :-1]) ** 2).sum() + ((rows[..., 1:] - rows[..., :-1]) ** 2).sum()
    found = losses.total_variation(image)
    assert abs(found.item() - sums.item() / 2) <= 1e-5 * (1 + sums.item())
    (gradient,) = torch.autograd.grad(found, image)
    torch.testing.assert_close(losses.total_variation_gradient(image.detach()), gradient)


@QUICK
@given(pictures(least=8), pictures(least=8), KINDS)
def test_losses_of_pixels_are_finite_with_their_gradients(image, other, ends):
    other = images.resize(other, images.size_of(image))
    low, high = drawn(ends, (2, 1, 3), 0).sort(0).values
    leaf = image.requires_grad_()
    layout = losses.tonal_layout(leaf, other)
    beyond = losses.out_of_range(leaf, low, high)
    for loss in (layout, beyond, losses.content_loss(leaf, other)[None]):
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        assert loss.shape == (1,)
        assert finite(loss, gradient)
    assert -1e-5 <= layout.item() <= 2 + 1e-5
    assert beyond.item() >= 0


@QUICK
@given(pictures(least=16, most=40), pictures(least=1, most=40), st.sampled_from(sorted(PRESETS)))
def test_what_an_optimisation_minimises_is_finite(make_narrow, image, style, preset):
    config = PRESETS[preset]
    describe = make_narrow(pool=config.pool, edges=config.edges)
    style = images.resize(style, [max(16, side) for side in images.size_of(style)])
    weights = {"weighting": config.weighting, "weight": 1.0}
    content = objectives.content_targets(describe, image, config.content_layers, **weights)
    aims = objectives.style_targets(
        describe,
        [(style, 1.0)],
        config.style_layers,
        block_weights=config.block_weights,
        content=image,
        statistic=config.statistic,
        **weights,
    )
    targets = objectives.Targets(
        content, aims, config.tv_weight, image, config.layout_weight, config.statistic
    )
    for seen in (image, torch.rand_like(image)):
        found = objectives.evaluate(describe, seen, targets)
        assert found.gradient.shape == image.shape
        assert finite(found.gradient, torch.tensor([found.loss, *found.parts.values()]))


@QUICK
@given(
    pictures(least=32, most=40),
    pictures(least=16, most=40),
    st.sampled_from([key for key in TRAIN_PRESETS if key[0] != "super-resolution"]),
)
def test_what_a_training_minimises_is_finite(make_narrow, output, style, preset):
    config = TRAIN_PRESETS[preset]
    describe = make_narrow(pool=config.pool, edges=config.edges)
    styles = perceptual.style_summary(describe, [style], config)
    for photo in (output.clone(), None):
        leaf = output.clone().requires_grad_()
        terms = perceptual.feature_losses(describe, leaf, photo, config, styles=styles)
        total = torch.stack(list(terms.values())).sum()
        (gradient,) = torch.autograd.grad(total, leaf)
        assert all(value.shape == (1,) for value in terms.values())
        assert finite(total, gradient)


@QUICK
@given(pictures(), pictures(), pictures(channels=1))
def test_colours_and_transparency_of_any_picture(image, other, alpha):
    for change in (colours.match_luminance, colours.match_covariance):
        changed = change(image, other)
        assert changed.shape == image.shape
        assert finite(changed)
        assert 0 <= changed.min() <= changed.max() <= 1
    alpha = alpha.expand(1, 1, -1, -1)
    shown = images.resize(image, images.size_of(alpha))
    if min(images.size_of(alpha)) < 2:
        return  # no picture is so small
    style = transparency.style_of(Planes(shown, alpha))
    assert finite(style)
    assert 0 <= style.min() <= style.max() <= 1
    assert min(images.size_of(style)) >= 2
    assert transparency.colours(style).shape[:2] == (1, 3)


@QUICK
@given(pictures(most=40))
def test_a_descriptor_sees_every_picture_that_its_layers_have_a_position_in(make_narrow, image):
    for edges in ("trained", "clean"):
        describe = make_narrow(edges=edges)
        layers = [
            layer
            for layer in ("relu1_1", "relu2_2", "relu3_4", "relu4_2", "relu5_1")
            if least_side([layer]) <= min(images.size_of(image))
        ]
        found = describe(image, layers)
        assert list(found) == layers
        assert finite(*found.values())
        assert all(min(images.size_of(value)) >= 1 for value in found.values())


# Networks.


@pytest.mark.parametrize(
    ("generator", "factor"),
    [("conditional", 1), ("johnson", 1), ("upscaler", 2), ("johnson-upscaler", 4)],
)
def test_a_network_takes_pictures_of_any_size(net, generator, factor):
    loaded = network.load(net(generator), engine="torch", precision="float32", threads=1)
    style = loaded.styles[0] if loaded.styles else None

    @QUICK
    @given(
        height=st.integers(1, 40), width=st.integers(1, 40), channels=st.integers(3, 4), kind=KINDS
    )
    def check(height, width, channels, kind):
        pixels = drawn(kind, (height, width, channels), height).numpy()
        if min(height, width) < 2:
            with pytest.raises(StylizeError, match="at least 2x2"):
                loaded(pixels, style)
            return
        found = loaded(pixels, style).floats
        assert found.shape == (height * factor, width * factor, channels)
        assert np.isfinite(found).all()
        assert 0 <= found.min() <= found.max() <= 1

    check()


def test_a_texture_has_any_size(pyramid):
    loaded = network.load(pyramid(), engine="torch", precision="float32", threads=1)

    @settings(QUICK, max_examples=10)
    @given(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 2**32 - 1))
    def check(height, width, seed):
        if min(height, width) < 2:
            with pytest.raises(StylizeError, match="it must be from 2 to"):
                loaded.texture((width, height), seed=seed)
            return
        found = loaded.texture((width, height), seed=seed).floats
        assert found.shape == (height, width, 3)
        assert np.isfinite(found).all()
        assert 0 <= found.min() <= found.max() <= 1

    check()


# What users hand over.


@QUICK
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int32, np.float16, np.float32, np.float64, bool]),
        arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6),
    )
)
def test_an_array_of_any_kind_is_a_picture_or_refused(array):
    try:
        picture = Picture(array)
    except StylizeError:
        return
    assert array.shape == (picture.height, picture.width, picture.pixels.shape[2])
    assert 0 <= picture.floats.min() <= picture.floats.max() <= 1
    for format, depth in (("PNG", 16), ("JPEG", 8), ("WEBP", 8), ("TIFF", 16)):
        assert picture.encoded(format, depth=depth)


READ = {
    "--memory": options.parse_bytes,
    "--shard": options.parse_shard,
    "--style-layers": options.parse_layers,
    "--scales": options.parse_scales,
    "--style-blend": options.parse_shares,
    "--size": texture.parse_size,
    "--try": trying.parse,
}


@settings(QUICK, max_examples=150)
@given(
    st.sampled_from(sorted(READ)),
    st.one_of(
        st.text(max_size=12),
        st.text("0123456789.,x/=eE+-infNaGBKi ", max_size=12),
        st.from_regex(r"\A(content-weight|size|steps)=[-0-9.,einfa]{0,12}\Z"),
        st.integers().map(str),
        st.floats().map(str),
        st.sampled_from(["9" * 5000, "9" * 5000 + "GB", "1/" + "9" * 5000, "size=" + "9" * 5000]),
    ),
)
def test_the_text_of_an_option_is_read_or_refused(option, text):
    with contextlib.suppress(StylizeError):
        READ[option](text)
