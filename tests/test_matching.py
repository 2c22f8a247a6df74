from itertools import pairwise

import numpy as np
import pytest
import torch

from stylize_cli import hypercolumns, matching, resemblance
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.hypercolumns import Columns

LAYERS = ("relu1_1", "relu2_2", "relu3_1", "relu4_2")


def vectors(count, width, *, seed=0):
    return torch.randn((count, width), generator=torch.Generator().manual_seed(seed))


def alone(features):
    """Columns of one layer and no colour to speak of."""
    return Columns(features, torch.zeros(len(features), 3), (features.shape[1],))


def nearest(query, keys):
    return matching.Candidates(alone(keys)).nearest(query, query.mean(0))


def matched(query, views):
    """The columns found for those of a query, which come in two parts."""
    numbers = torch.arange(len(query.features))
    parts = [(numbers[::2], query.features[::2]), (numbers[1::2], query.features[1::2])]
    matches, near = matching.matched(lambda: parts, [*map(matching.Candidates, views)])
    assert near.shape == (len(numbers),)
    assert matches.colours.equal(matches.at(slice(None)).colours)
    return matches.at(slice(None))


def cosines(query, keys):
    """All of them, both less their mean, in numpy's float64."""
    query, keys = (x.double().numpy() - x.double().numpy().mean(0) for x in (query, keys))
    lengths = np.linalg.norm(query, axis=1)[:, None] * np.linalg.norm(keys, axis=1)
    return query @ keys.T / lengths


# Columns.


def test_a_cell_holds_the_means_of_its_pixels_and_of_their_maps(narrow, picture):
    image = picture(32, 48)
    found = hypercolumns.columns(narrow, image, LAYERS)
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
    rows, columns = hypercolumns.grid_of(size)
    assert 0 <= 4 * rows - size[0] < 4
    assert 0 <= 4 * columns - size[1] < 4
    found = hypercolumns.columns(narrow, picture(*size), LAYERS)
    assert found.features.shape == (rows * columns, sum(found.widths))
    assert found.features.isfinite().all()


# Neighbours.


@pytest.mark.parametrize("block", [1, 50, 2**24])
def test_the_nearest_has_the_greatest_cosine_of_all(block, monkeypatch):
    monkeypatch.setattr(matching, "BLOCK", block)
    query, keys = vectors(40, 12) + 3, 5 * vectors(30, 12, seed=1) - 2
    similarity, index = nearest(query, keys)
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
    _, index = nearest(query, keys)
    every = cosines(query, keys)
    chosen = every[np.arange(300), index.numpy()]
    assert (every.max(1) - chosen).max() < 0.05
    assert np.median(chosen) > 2 * every.std()


def test_of_several_views_each_cell_takes_the_nearest():
    query, others = alone(vectors(20, 8)), alone(vectors(20, 8, seed=1))
    for views in ([query, others], [others, query]):
        found = matched(query, views)
        assert found.features.equal(query.features)


def test_a_large_painting_is_told_of_in_cells_that_are_spread_evenly(narrow, picture):
    image = picture(64, 96)
    every = hypercolumns.columns(narrow, image, LAYERS)
    some = hypercolumns.columns(narrow, image, LAYERS, 50)
    at = [(every.features == row).all(1).nonzero()[0].item() for row in some.features]
    assert len(at) == 50
    assert {7, 8} >= {later - sooner for sooner, later in pairwise(at)}
    assert (at[0], at[-1]) == (0, 16 * 24 - 1)
    assert some.colours.equal(every.colours[at])


def test_of_two_paintings_each_cell_has_its_own():
    numbers, query = torch.arange(20), vectors(20, 8)

    def of_painting(seed):
        views = [matching.Candidates(alone(vectors(9, 8, seed=seed + k))) for k in (0, 10)]
        return matching.matched(lambda: [(numbers, query)], views)[0]

    one, other = of_painting(1), of_painting(2)
    chosen = numbers % 3 == 0
    mixed = one.where(chosen, other).at(slice(None)).features
    first, second = (matches.at(slice(None)).features for matches in (one, other))
    assert mixed.equal(torch.where(chosen[:, None], first, second))


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
    return image, other, hypercolumns.columns(narrow, other, LAYERS)


def test_the_loss_is_the_mean_angle_and_the_distance_of_colours(narrow, pair):
    image, _, target = pair
    loss = resemblance.objective(narrow, target, (24, 40), LAYERS, colour_weight=3.0)
    now = loss(image)
    own = hypercolumns.columns(narrow, image, LAYERS)
    a, b = (x.features.double().numpy() for x in (own, target))
    cosine = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    away = ((own.colours - target.colours) ** 2).mean().item()
    assert now.parts == pytest.approx(
        {"features": 1 - cosine.mean(), "colours": 3 * away}, rel=1e-4
    )
    assert now.loss == pytest.approx(sum(now.parts.values()))


def test_the_picture_that_has_the_columns_costs_nothing(narrow, pair):
    _, other, target = pair
    now = resemblance.objective(narrow, target, (24, 40), LAYERS, colour_weight=3.0)(other)
    assert abs(now.loss) < 1e-6
    assert now.gradient.abs().max() < 1e-6


def test_the_gradient_is_that_of_finite_differences(make_narrow, pair):
    narrow = make_narrow(edges="clean", dtype=torch.float64)
    image, other = (x.double() for x in pair[:2])
    target = hypercolumns.columns(narrow, other, LAYERS)
    loss = resemblance.objective(narrow, target, (24, 40), LAYERS, colour_weight=3.0)
    way = loss(image).gradient
    step = 1e-4 * way / way.norm()
    slope = (loss(image + step).loss - loss(image - step).loss) / (2 * 1e-4)
    assert slope == pytest.approx(way.norm().item(), rel=0.05)


# Pane by pane.

PAINTED = ("relu1_1", "relu2_2", "relu3_1", "relu4_1")


def in_panes(describe):
    """Told to compute about 136 px square at once, of which the middle 56 are wanted."""
    cost = hypercolumns.cost(PAINTED, describe.source, describe.pool, describe.dtype)
    return Tiled(describe, int(136**2 * cost))


@pytest.mark.parametrize(("size", "pool"), [((139, 171), "max"), ((171, 141), "avg")])
def test_pane_by_pane_all_is_as_of_the_whole(pool, size, make_narrow, picture):
    describe = make_narrow(edges="clean", pool=pool, dtype=torch.float64)
    image, other = (picture(*size, seed=seed).double() for seed in (1, 2))
    tiled = in_panes(describe)
    assert 4 <= len(hypercolumns.panes_of(tiled, size, PAINTED)) <= 9
    whole, panes = (hypercolumns.columns(one, other, PAINTED) for one in (describe, tiled))
    torch.testing.assert_close(panes.features, whole.features, rtol=1e-9, atol=1e-12)
    assert panes.colours.equal(whole.colours)
    want, got = (
        resemblance.objective(one, whole, size, PAINTED, colour_weight=3.0)(image)
        for one in (describe, tiled)
    )
    assert got.parts == pytest.approx(want.parts, rel=1e-9)
    torch.testing.assert_close(got.gradient, want.gradient, rtol=1e-6, atol=1e-14)


def test_matches_pane_by_pane_are_those_of_the_whole(make_narrow, picture):
    describe = make_narrow(edges="clean", dtype=torch.float64)
    photo, painting = picture(139, 171, seed=1).double(), picture(90, 50, seed=2).double()
    found = []
    for one in (describe, in_panes(describe)):
        views = [matching.Candidates(hypercolumns.columns(one, painting, PAINTED, 500))]
        found.append(matching.matched(hypercolumns.vectors(one, photo, PAINTED), views)[0])
    same = (found[0].key == found[1].key).double().mean()
    assert same > 0.999  # of two that are as near, rounding chooses
