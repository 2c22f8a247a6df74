import itertools
import math

import numpy as np
import pytest
import torch

from stylize_cli import devices, losses
from stylize_cli.statistics import gram_distance


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def channels_last(features):
    return features.contiguous(memory_format=torch.channels_last)


def style_of(features):
    return gram_distance(losses.gram_matrix(features), normal(3, 3, seed=1)).mean()


def content_of(features):
    return losses.content_loss(features, normal(*features.shape, seed=1))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last, "cropped"])
def test_gram_entry_is_the_mean_product_of_two_maps(layout):
    features = normal(2, 3, 8, 5)
    if layout == "cropped":
        features = features[:, :, 1:, ::2]
    else:
        features = features.contiguous(memory_format=layout)
    gram = losses.gram_matrix(features)
    assert gram.shape == (2, 3, 3)
    for b, i, j in itertools.product(range(2), range(3), range(3)):
        want = (features[b, i] * features[b, j]).mean()
        torch.testing.assert_close(gram[b, i, j], want)


def test_moments_are_those_of_numpy():
    features = normal(2, 3, 4, 5).relu()
    found = losses.moments(features).numpy()
    for one, maps in zip(found, features.flatten(2).numpy(), strict=True):
        np.testing.assert_allclose(one[:, 3], maps.mean(1))
        np.testing.assert_allclose(
            one[:, :3] - np.outer(one[:, 3], one[:, 3]), np.cov(maps, bias=True)
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.flatten(2)[
            ..., torch.randperm(20, generator=torch.Generator().manual_seed(0))
        ].view_as(f),
        lambda f: f.tile(1, 1, 2, 3),
        lambda f: f.repeat_interleave(2, dim=2),
    ],
    ids=["shuffled pixels", "tiled", "stretched"],
)
def test_gram_knows_neither_places_nor_size(change):
    features = normal(2, 3, 4, 5)
    torch.testing.assert_close(losses.gram_matrix(change(features)), losses.gram_matrix(features))


@pytest.mark.parametrize("known", [losses.gram_matrix, losses.moments])
def test_the_products_that_a_gpu_does_at_once_are_those_of_each(monkeypatch, known):
    features = normal(3, 4, 6, 5).contiguous(memory_format=torch.channels_last)
    want = torch.cat([known(one[None]) for one in features])
    monkeypatch.setattr(devices, "at_once", lambda _: True)
    torch.testing.assert_close(known(features), want)


@pytest.mark.parametrize(
    "function",
    [
        losses.gram_matrix,
        losses.moments,
        style_of,
        content_of,
        losses.total_variation,
        lambda f: gram_distance(f[:, 0, :3, :3], normal(2, 3, 3, seed=1)),
        lambda f: losses.out_of_range(f.sigmoid(), sigmoid(-1, -1, -1), sigmoid(0.2, 0.1, 0)),
    ],
    ids=["gram", "moments", "style", "content", "tv", "style of any gram", "range"],
)
def test_gradients_agree_with_torch_gradcheck(function):
    assert torch.autograd.gradcheck(function, (normal(2, 3, 4, 5).requires_grad_(),))


def test_style_gradient_agrees_with_central_differences():
    features, way, h = normal(2, 3, 4, 5).requires_grad_(), normal(2, 3, 4, 5, seed=2), 1e-5
    (gradient,) = torch.autograd.grad(style_of(features), features)
    slope = (style_of(features + h * way) - style_of(features - h * way)) / (2 * h)
    torch.testing.assert_close((gradient * way).sum(), slope, rtol=1e-7, atol=0)


def test_style_loss_and_gradient_are_those_of_the_notes():
    n, m = 3, 20
    features = normal(1, n, 4, 5).requires_grad_()
    flat, wanted = features.detach().view(n, m), normal(n, m, seed=1)
    g, a = flat @ flat.T, wanted @ wanted.T
    loss = gram_distance(losses.gram_matrix(features), a / m).sum()
    (gradient,) = torch.autograd.grad(loss, features)
    torch.testing.assert_close(loss, ((g - a) ** 2).sum() / (n**2 * m**2))
    torch.testing.assert_close(gradient.view(n, m), 4 / (n**2 * m**2) * (g - a) @ flat)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_content_loss_is_the_mean_square_and_its_gradient_linear(dtype):
    features, target = normal(2, 3, 4, 5, dtype=dtype), normal(2, 3, 4, 5, seed=1, dtype=dtype)
    features.requires_grad_()
    loss = losses.content_loss(features, target)
    (gradient,) = torch.autograd.grad(loss, features)
    torch.testing.assert_close(loss, torch.nn.functional.mse_loss(features, target))
    torch.testing.assert_close(gradient, 2 * (features.detach() - target) / features.numel())


def test_losses_and_gradients_vanish_at_the_target():
    features = normal(2, 3, 4, 5).requires_grad_()
    gram = losses.gram_matrix(features)
    loss = losses.content_loss(features, features.detach())
    loss = loss + gram_distance(gram, gram.detach()).mean()
    (gradient,) = torch.autograd.grad(loss, features)
    assert loss.item() == 0
    assert not gradient.any()  # a NaN would count as true


def test_content_loss_of_a_large_layer_is_accurate():
    features = torch.full((1, 64, 256, 256), 0.37)
    loss = losses.content_loss(features, torch.zeros_like(features)).item()
    assert loss == pytest.approx(0.37**2, rel=1e-5)


@pytest.mark.parametrize("statistic", [losses.gram_matrix, losses.moments])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("batch", [1, 2])
def test_gram_gradient_has_the_layout_and_type_of_channels_last_features(batch, dtype, statistic):
    features = channels_last(normal(batch, 3, 4, 5, dtype=dtype)).requires_grad_()
    seen = []
    inner = features * 1
    inner.register_hook(seen.append)  # sees what backward returned; .grad may be laid out anew
    statistic(inner).square().sum().backward()
    (gradient,) = seen
    assert gradient.dtype == dtype
    assert gradient.shape == features.shape
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_gram_of_bfloat16_features_is_float32_within_a_hundredth():
    features = normal(1, 16, 32, 32, dtype=torch.float32).relu().requires_grad_()
    short = features.detach().bfloat16().requires_grad_()
    gram, want = losses.gram_matrix(short), losses.gram_matrix(features)
    torch.testing.assert_close(gram, want, rtol=0.01, atol=0)  # which compares the types too
    (gradient,) = torch.autograd.grad(gram.sum(), short)
    (wanted,) = torch.autograd.grad(want.sum(), features)
    torch.testing.assert_close(gradient.float(), wanted, rtol=0.02, atol=0)


@pytest.mark.parametrize(
    ("given", "computed"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_losses_are_float32_or_wider(given, computed):
    features = normal(1, 3, 4, 5, dtype=given)
    gram = losses.gram_matrix(features)
    assert gram.dtype == computed
    assert gram_distance(gram, torch.zeros_like(gram)).dtype == computed
    assert losses.content_loss(features, torch.zeros_like(features)).dtype == computed


def test_second_derivative_of_gram_is_refused():
    features = normal(1, 3, 4, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(style_of(features), features, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_one_style_target_serves_a_batch():
    gram, target = normal(4, 3, 3), normal(3, 3, seed=1)
    each = torch.stack([(one - target).square().mean() for one in gram])
    torch.testing.assert_close(gram_distance(gram, target), each)
    torch.testing.assert_close(gram_distance(gram, target.repeat(4, 1, 1)), each)


def test_total_variation_of_a_ramp():
    batch, height, width, down, right = 2, 6, 9, 0.05, -0.03
    y, x = torch.arange(height).view(-1, 1), torch.arange(width)
    ramp = (0.5 + down * y + right * x).double().expand(batch, 3, height, width)
    want = 0.5 * batch * 3 * (down**2 * (height - 1) * width + right**2 * height * (width - 1))
    assert losses.total_variation(ramp).item() == pytest.approx(want, rel=1e-5)


def test_total_variations_are_each_pictures_own():
    batch = normal(3, 3, 4, 5)
    want = torch.stack([losses.total_variation(one[None]) for one in batch])
    torch.testing.assert_close(losses.total_variations(batch), want)
    torch.testing.assert_close(
        want[0], (batch[:1].diff(dim=2) ** 2).sum() / 2 + (batch[:1].diff(dim=3) ** 2).sum() / 2
    )


def test_the_gradient_of_total_variation_is_autograds():
    image = normal(2, 3, 4, 5).requires_grad_()
    (want,) = torch.autograd.grad(losses.total_variation(image), image)
    torch.testing.assert_close(losses.total_variation_gradient(image.detach()), want)


def sigmoid(*logits):
    return torch.tensor(logits).sigmoid()


def test_what_lies_beyond_a_range_counts_by_its_logit():
    values = torch.tensor([[-7.0, -2.0, 0.0], [0.9, 1.0, 5.0]]).repeat(3, 1, 1)
    batch = torch.stack([values.sigmoid(), torch.full((3, 2, 3), 0.5)])
    got = losses.out_of_range(
        batch, sigmoid(-1, -2, -7).repeat(2, 1), sigmoid(1, 5, 2).repeat(2, 1)
    )
    channels = [6**2 + 1 + 4**2, 5**2 + 2**2, 4**2 + 3**2]  # no range ends farther out than ±3
    torch.testing.assert_close(got, torch.tensor([sum(channels) / 18, 0.0]), rtol=1e-3, atol=1e-6)


def test_beyond_a_range_there_is_a_gradient_where_the_sigmoids_own_is_gone():
    ends = torch.zeros(1, 3), torch.ones(1, 3)
    values = torch.full((1, 3, 4, 4), 12.0, requires_grad=True)
    losses.out_of_range(values.sigmoid(), *ends).sum().backward()
    torch.testing.assert_close(values.grad, torch.full_like(values, 2 * 9 / 48), rtol=0.05, atol=0)
    finite = torch.full((1, 3, 4, 4), 40.0, requires_grad=True)  # whose sigmoid rounds to 1
    losses.out_of_range(finite.sigmoid(), *ends).sum().backward()
    assert finite.grad.isfinite().all()


@pytest.mark.parametrize("weight", [1.0, 1e3])
def test_a_normalised_gradient_has_that_l1_norm_and_its_own_direction(weight):
    features = torch.randn((2, 3, 4, 5), generator=torch.Generator().manual_seed(0)).double()
    features.requires_grad_()
    same = losses.normalised_gradient(features, weight)
    assert torch.equal(same, features)
    (plain,) = torch.autograd.grad(features.pow(3).sum(), features)
    (gradient,) = torch.autograd.grad(same.pow(3).sum(), features)
    assert gradient.abs().sum().item() == pytest.approx(weight)
    torch.testing.assert_close(gradient / weight, plain / plain.abs().sum())


def test_a_normalised_gradient_of_nothing_is_nothing():
    features = torch.ones(1, 2, 3, 3, requires_grad=True)
    (0 * losses.normalised_gradient(features, 1.0)).sum().backward()
    assert not features.grad.any()


@pytest.fixture
def luminances():
    random = np.random.default_rng(0)
    return random.random((2, 24, 32)), random.random((2, 24, 32))


def test_tonal_layout_is_one_less_numpys_correlation_of_the_cells(luminances):
    pictures = [torch.from_numpy(one)[:, None].expand(-1, 3, -1, -1) for one in luminances]
    cells = [one.reshape(2, 3, 8, 4, 8).mean((2, 4)).reshape(2, -1) for one in luminances]
    expected = [1 - np.corrcoef(a, b)[0, 1] for a, b in zip(*cells, strict=True)]
    np.testing.assert_allclose(losses.tonal_layout(*pictures), expected, atol=1e-3)


def test_tonal_layout_knows_no_brightness_contrast_or_hue(luminances):
    photo = torch.from_numpy(luminances[0])[:, None].expand(-1, 3, -1, -1)
    dyed = 0.1 + photo * torch.tensor([0.5, 0.2, 0.1]).view(1, 3, 1, 1)
    assert losses.tonal_layout(dyed, photo).abs().max() < 1e-3
    assert (losses.tonal_layout(1 - photo, photo) - 2).abs().max() < 1e-2


def test_tonal_layout_of_a_flat_picture_has_a_gradient():
    photo = torch.full((1, 3, 16, 16), 0.5)
    image = photo.clone().requires_grad_()
    losses.tonal_layout(image, photo).sum().backward()
    assert image.grad.isfinite().all()


@pytest.mark.parametrize("period", [2, 4, 8])
def test_alternation_sees_a_share_of_a_wave_that_falls_with_its_length(period):
    places = torch.arange(4 + 5 * 8, dtype=torch.float64)
    wave = 0.3 * torch.cos(2 * math.pi * places / period)
    share = math.sin(math.pi / period) ** 4  # of the height, by the difference's transfer function
    want = (share * wave[:8]).square().mean()[None]
    for picture in (wave.expand(1, 3, 44, -1), wave[:, None].expand(1, 3, -1, 44)):
        torch.testing.assert_close(losses.alternation(picture), want)


def test_alternation_sees_nothing_smooth_and_a_chessboard_twice():
    row = torch.linspace(0, 1, 20, dtype=torch.float64)
    smooth = (row**3 - row)[:, None] + row**2
    board = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(10)
    pictures = torch.stack([smooth, smooth + 0.1 * board[:, None] * board])
    got = losses.alternation(pictures[:, None].expand(-1, 3, -1, -1))
    torch.testing.assert_close(got, torch.tensor([0, 2 * 0.1**2], dtype=torch.float64))
