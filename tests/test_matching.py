import numpy as np
import pytest
import torch

from stylize_cli import matching
from stylize_cli.matching import Columns

LAYERS = ("relu1_1", "relu2_2", "relu3_1", "relu4_2")


def vectors(count, width, *, seed=0):
    return torch.randn((count, width), generator=torch.Generator().manual_seed(seed))


def alone(features):
    """Columns of one layer and no colour to speak of."""
    return Columns(features, torch.zeros(len(features), 3), (features.shape[1],))


def cosines(query, keys):
    """All of them, both less their mean, in numpy's float64."""
    query, keys = (x.double().numpy() - x.double().numpy().mean(0) for x in (query, keys))
    lengths = np.linalg.norm(query, axis=1)[:, None] * np.linalg.norm(keys, axis=1)
    return query @ keys.T / lengths


# Columns.


def test_a_cell_holds_the_means_of_its_pixels_and_of_their_maps(narrow, picture):
    image = picture(32, 48)
    found = matching.columns(narrow, image, LAYERS)
    blocks = image[0].numpy().reshape(3, 8, 4, 12, 4).mean((2, 4))
    np.testing.assert_allclose(found.colours.numpy().T.reshape(3, 8, 12), blocks, atol=1e-6)
    maps = narrow(image, LAYERS)
    assert found.widths == tuple(maps[layer].shape[1] for layer in LAYERS)
    parts = dict(zip(LAYERS, found.features.split(found.widths, 1), strict=True))
    shallow = maps["relu1_1"][0].numpy()
    means = shallow.reshape(-1, 8, 4, 12, 4).mean((2, 4)) / len(shallow)
    np.testing.assert_allclose(parts["relu1_1"].numpy().T.reshape(-1, 8, 12), means, atol=1e-6)
    deep = maps["relu3_1"][0]  # a value a cell
    assert parts["relu3_1"].T.reshape(deep.shape).equal(deep / len(deep))


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (33, 17), (37, 50)])
def test_sides_of_any_length_have_cells_to_the_end(size, narrow, picture):
    rows, columns = matching.grid_of(size)
    assert 0 <= 4 * rows - size[0] < 4
    assert 0 <= 4 * columns - size[1] < 4
    found = matching.columns(narrow, picture(*size), LAYERS)
    assert found.features.shape == (rows * columns, sum(found.widths))
    assert found.features.isfinite().all()


# Neighbours.


@pytest.mark.parametrize("block", [1, 50, 2**24])
def test_the_nearest_has_the_greatest_cosine_of_all(block, monkeypatch):
    monkeypatch.setattr(matching, "BLOCK", block)
    query, keys = vectors(40, 12) + 3, 5 * vectors(30, 12, seed=1) - 2
    similarity, index = matching.nearest(query, keys)
    wanted = cosines(query, keys)
    np.testing.assert_array_equal(index.numpy(), wanted.argmax(1))
    lengths = (query - query.mean(0)).norm(dim=1)
    np.testing.assert_allclose((similarity / lengths).numpy(), wanted.max(1), rtol=1e-4)


def test_few_directions_find_nearly_the_nearest(monkeypatch):
    """Vectors of 64 numbers that vary along 10 of them, and little along the others."""
    monkeypatch.setattr(matching, "DIRECTIONS", 12)
    spread = torch.cat([torch.ones(10), torch.full((54,), 0.05)])
    mixed = torch.linalg.qr(vectors(64, 64, seed=9)).Q
    query, keys = ((vectors(300, 64, seed=seed) * spread) @ mixed for seed in (1, 2))
    _, index = matching.nearest(query, keys)
    every = cosines(query, keys)
    chosen = every[np.arange(300), index.numpy()]
    assert (every.max(1) - chosen).max() < 0.05
    assert np.median(chosen) > 2 * every.std()


def test_of_several_views_each_cell_takes_the_nearest():
    query, others = alone(vectors(20, 8)), alone(vectors(20, 8, seed=1))
    for views in ([query, others], [others, query]):
        found, _ = matching.replaced(query, iter(views))
        assert found.features.equal(query.features)


def test_a_large_painting_has_a_bounded_number_of_candidates(monkeypatch):
    monkeypatch.setattr(matching, "MOST_KEYS", 10)
    painting = alone(vectors(1000, 8, seed=1))
    found, _ = matching.replaced(alone(vectors(200, 8)), [painting])
    at = [(painting.features == row).all(1).nonzero().item() for row in found.features]
    assert 5 < len(set(at)) <= 10
    assert max(at) - min(at) > 500


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.2, 0.3, 0.5)])
def test_every_style_gets_its_share_of_the_cells(shares):
    """Although the first is nearer than any other nearly everywhere."""
    near = torch.rand((len(shares), 1000), generator=torch.Generator().manual_seed(0))
    near[0] += 0.8
    chosen = matching.divided(near, shares)
    counts = torch.bincount(chosen, minlength=len(shares)) / 1000
    assert counts.tolist() == pytest.approx(shares, abs=1e-4)
    for style in range(len(shares)):  # and the cells in which it is nearest before others
        lead = near[style] - near[[s for s in range(len(shares)) if s != style]].amax(0)
        assert lead[chosen == style].mean() > lead.mean()


# The objective.


@pytest.fixture
def pair(narrow, picture):
    """Two pictures of one size, and the columns of the second."""
    image, other = picture(24, 40, seed=1), picture(24, 40, seed=2)
    return image, other, matching.columns(narrow, other, LAYERS)


def test_the_loss_is_the_mean_angle_and_the_distance_of_colours(narrow, pair):
    image, _, target = pair
    loss = matching.objective(narrow, target, (24, 40), LAYERS, colour_weight=3.0)
    now = loss(image)
    own = matching.columns(narrow, image, LAYERS)
    a, b = (x.features.double().numpy() for x in (own, target))
    cosine = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    away = ((own.colours - target.colours) ** 2).mean().item()
    assert now.parts == pytest.approx(
        {"features": 1 - cosine.mean(), "colours": 3 * away}, rel=1e-4
    )
    assert now.loss == pytest.approx(sum(now.parts.values()))


def test_the_picture_that_has_the_columns_costs_nothing(narrow, pair):
    _, other, target = pair
    now = matching.objective(narrow, target, (24, 40), LAYERS, colour_weight=3.0)(other)
    assert abs(now.loss) < 1e-6
    assert now.gradient.abs().max() < 1e-6


def test_the_gradient_is_that_of_finite_differences(make_narrow, pair):
    narrow = make_narrow(edges="clean", dtype=torch.float64)
    image, other = (x.double() for x in pair[:2])
    target = matching.columns(narrow, other, LAYERS)
    loss = matching.objective(narrow, target, (24, 40), LAYERS, colour_weight=3.0)
    way = loss(image).gradient
    step = 1e-4 * way / way.norm()
    slope = (loss(image + step).loss - loss(image - step).loss) / (2 * 1e-4)
    assert slope == pytest.approx(way.norm().item(), rel=0.05)
