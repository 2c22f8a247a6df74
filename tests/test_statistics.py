from dataclasses import replace

import numpy as np
import pytest
import torch

from stylize_cli.config.optimize import TEXTURE
from stylize_cli.methods.optimize import optimize
from stylize_cli.methods.pictures import Pictures
from stylize_cli.statistics import STATISTICS, gaussian_distance

NAMES = pytest.mark.parametrize("name", STATISTICS)


def features(*shape, seed=0, dtype=torch.float64):
    """Like those behind a ReLU: maps that go together, and of different strengths."""
    generator = torch.Generator().manual_seed(seed)
    batch, maps, height, width = shape
    mixture = torch.randn((maps, maps), generator=generator, dtype=torch.float64)
    values = torch.randn((batch, maps, height * width), generator=generator, dtype=torch.float64)
    return (mixture @ values + 0.5).relu().view(shape).to(dtype)


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def wasserstein(x, y):
    """Squared, of the Gaussians with the moments of samples (maps, positions)."""
    a, b = np.cov(x, bias=True), np.cov(y, bias=True)
    common = root(root(a) @ b @ root(a))
    return ((x.mean(1) - y.mean(1)) ** 2).sum() + np.trace(a + b - 2 * common)


@NAMES
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_whole_is_the_mean_of_its_parts_by_their_positions(name, layout):
    whole = features(2, 4, 9, 7).contiguous(memory_format=layout)
    parts = [whole[..., :5, :3], whole[..., 5:, :3], whole[..., 3:]]
    of = STATISTICS[name].of
    mean = sum(of(part) * part[0, 0].numel() for part in parts) / 63
    torch.testing.assert_close(of(whole), mean)


def test_gaussians_are_as_far_apart_as_numpy_says():
    x, y = features(2, 5, 8, 9), 1.7 * features(2, 5, 6, 6, seed=1) + 0.1
    of = STATISTICS["gaussian"].of
    got = gaussian_distance(of(x), of(y))
    for k in range(2):
        want = wasserstein(x[k].flatten(1).numpy(), y[k].flatten(1).numpy()) / 5
        assert got[k].item() == pytest.approx(want, rel=2e-3)  # of LEAST_VARIANCE
    torch.testing.assert_close(gaussian_distance(of(x), of(y[:1]))[:1], got[:1])


@pytest.mark.parametrize(("shift", "factor"), [(0.4, 1.0), (0.0, 3.0), (-0.2, 0.5)])
def test_of_a_shifted_and_stretched_gaussian_the_distance_is_plain(shift, factor):
    """Along every axis the means are `shift` apart, and the deviations in that ratio."""
    x = features(1, 4, 10, 10)
    centred = x - x.mean((2, 3), keepdim=True)
    of = STATISTICS["gaussian"].of
    got = gaussian_distance(of(shift + factor * centred), of(centred))
    want = shift**2 + (factor - 1) ** 2 * centred.square().mean()
    assert got.item() == pytest.approx(want.item(), rel=1e-3)


@NAMES
def test_distances_vanish_at_the_target_with_their_gradient(name):
    statistic = STATISTICS[name]
    x = features(2, 6, 9, 9, dtype=torch.float32).requires_grad_()
    target = statistic.of(x.detach())
    distance = statistic.distance(statistic.of(x), target)
    (gradient,) = torch.autograd.grad(distance.sum(), x)
    away = statistic.distance(statistic.of(2 * x), target)
    (pull,) = torch.autograd.grad(away.sum(), x)
    assert distance.abs().max() < 1e-5 * away.min()
    assert gradient.abs().max() < 1e-3 * pull.abs().max()


@NAMES
def test_a_scale_is_the_distance_from_nothing_and_the_unit_of_all_others(name):
    statistic = STATISTICS[name]
    x, y = features(2, 4, 8, 8), features(2, 4, 8, 8, seed=1)
    nothing = statistic.of(0 * x)
    torch.testing.assert_close(
        statistic.distance(nothing, statistic.of(x)),
        statistic.scale(statistic.of(x)),
        rtol=0.05,
        atol=0,
    )
    shares = [
        statistic.distance(statistic.of(k * y), statistic.of(k * x))
        / statistic.scale(statistic.of(k * x))
        for k in (1, 300)
    ]
    torch.testing.assert_close(*shares)


@NAMES
def test_gradients_agree_with_finite_differences(name):
    statistic = STATISTICS[name]
    target = statistic.of(features(1, 3, 6, 6, seed=1))

    def distance(x):
        return statistic.distance(statistic.of(x), target)

    assert torch.autograd.gradcheck(distance, (features(2, 3, 4, 5).requires_grad_(),), atol=1e-6)


def test_fewer_positions_than_maps_and_maps_that_never_fire_are_no_failure():
    of = STATISTICS["gaussian"].of
    few = features(1, 8, 1, 2, dtype=torch.float32)
    silent = few.clone()
    silent[:, 3:] = 0
    for target in (few, silent, 0 * few):
        x = features(1, 8, 2, 2, seed=1, dtype=torch.float32).requires_grad_()
        distance = gaussian_distance(of(x), of(target))
        (gradient,) = torch.autograd.grad(distance.sum(), x)
        assert distance.item() > 0
        assert gradient.isfinite().all()


def test_short_features_are_compared_nearly_as_long_ones_are():
    x, y = (features(1, 16, 32, 32, seed=seed, dtype=torch.float32) for seed in (0, 1))
    of = STATISTICS["gaussian"].of
    got = gaussian_distance(of(x.bfloat16()), of(y.bfloat16()))
    torch.testing.assert_close(got, gaussian_distance(of(x), of(y)), rtol=0.01, atol=0)


@pytest.mark.parametrize("weighting", ["relative", "mean", "paper"])
def test_a_texture_comes_to_have_the_moments_of_its_source(weighting, narrow, picture):
    style = picture(48, 48, seed=2)
    layers = ("relu1_1", "relu2_1")
    config = replace(
        TEXTURE,
        iterations=60,
        scales=1,
        style_layers=layers,
        statistic="gaussian",
        weighting=weighting,
    )
    course = list(optimize(narrow, Pictures(None, ((style, 1.0),)), config, size=(40, 40)))

    def apart(image):
        found = [narrow(x, layers) for x in (image, style)]
        return sum(
            wasserstein(*(f[layer][0].flatten(1).double().numpy() for f in found))
            for layer in layers
        )

    assert apart(course[-1].image) < 0.1 * apart(course[0].image)
