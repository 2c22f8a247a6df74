"""grain: a field that is a function of its place, laid over what a network is given of a photo."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stylize_cli import engines, grain
from stylize_cli.methods import feedforward

pytest_plugins = ["nets"]
ROWS, COLUMNS = np.arange(96), np.arange(160)


def splitmix64(state):
    """Its output for a state, in Python's own numbers (Steele, Lea, Flood 2014, fig. 17)."""
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
    return state ^ state >> 31


def test_it_is_the_field_that_the_bundled_network_learnt_with():
    """Another would be as good to train with, and every trained network would paint otherwise."""
    keys = [int(np.random.SeedSequence([6, k]).generate_state(1, np.uint64)[0]) for k in (4, 8, 16)]
    for y, x in ((0, 0), (16, 0), (48, 80)):  # where values of all three are drawn
        places = [(y // k << 24) + x // k for k in (4, 8, 16)]
        states = [key + place * 0x9E3779B97F4A7C15 for key, place in zip(keys, places, strict=True)]
        bits = [splitmix64(state % 2**64) >> 40 for state in states]
        expected = sum(2 * value / 2**24 - 1 for value in bits)
        assert grain.drawn(ROWS, COLUMNS)[y, x] == pytest.approx(expected, abs=1e-6)


def test_between_the_values_drawn_it_is_linear_both_ways(monkeypatch):
    monkeypatch.setattr(grain, "PERIODS", (8,))
    field = grain.drawn(np.arange(65), np.arange(97))
    lattice = torch.from_numpy(field[::8, ::8].copy())[None, None]
    expected = F.interpolate(lattice, (65, 97), mode="bilinear", align_corners=True)[0, 0]
    np.testing.assert_allclose(field, expected, atol=1e-6)


def test_scales_add_up(monkeypatch):
    field, parts = grain.drawn(ROWS, COLUMNS), []
    for period in grain.PERIODS:
        monkeypatch.setattr(grain, "PERIODS", (period,))
        parts.append(grain.drawn(ROWS, COLUMNS))
    np.testing.assert_allclose(field, sum(parts), atol=1e-5)


@pytest.mark.parametrize("rows", [slice(33, 90), slice(70, 5, -1), slice(40, 41)])
@pytest.mark.parametrize("columns", [slice(0, 160), slice(7, 159, 3)])
def test_any_part_is_cut_out_of_the_whole(rows, columns):
    part = grain.drawn(ROWS[rows], COLUMNS[columns])
    np.testing.assert_array_equal(part, grain.drawn(ROWS, COLUMNS)[rows, columns])


def test_it_lies_around_nought_and_does_not_come_again():
    field = grain.drawn(np.arange(1024), np.arange(1024))
    assert np.abs(field).max() < len(grain.PERIODS)
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(2 / 3, abs=0.05)
    blocks = field.reshape(16, 64, 16, 64).swapaxes(1, 2).reshape(256, -1)
    assert np.abs(np.corrcoef(blocks) - np.eye(256)).max() < 0.5


@pytest.mark.parametrize("size", [(64, 96), (61, 90)])
@pytest.mark.parametrize("amount", [0.0, 0.1])
def test_a_network_is_given_the_photo_in_its_grain(net, monkeypatch, size, amount):
    runner = engines.open_model(net("halved", grain=amount), engine="torch")
    given, run = [], type(runner).run

    def watched(self, *arrays):
        given.append(arrays[0].copy())
        return run(self, *arrays)

    monkeypatch.setattr(type(runner), "run", watched)
    photos = [np.random.default_rng(seed).random((*size, 4), np.float32) for seed in range(2)]
    kept = [photo.copy() for photo in photos]
    mix = feedforward.one_style(runner.about, "munch")
    feedforward.forward(runner, photos, [mix, mix])
    laid = amount * grain.drawn(*map(np.arange, size))
    for photo, seen in zip(photos, given[0], strict=True):
        expected = photo[..., :3].transpose(2, 0, 1) + laid
        np.testing.assert_allclose(seen[:, : size[0], : size[1]], expected, atol=1e-6)
    np.testing.assert_array_equal(photos, kept)


def test_a_flat_photo_is_painted_otherwise_at_every_place(net):
    """Without grain what convolutions make of a flat photo comes again every few px."""
    flat = np.full((128, 128, 3), 0.5, np.float32)
    painted = []
    for amount in (0.0, 0.1):
        runner = engines.open_model(net("halved", grain=amount), engine="torch")
        mix = feedforward.one_style(runner.about, "munch")
        painted.append(feedforward.forward(runner, [flat], [mix])[0][40:88, 40:88])
    moved = [np.abs(one[:-8] - one[8:]).max() for one in painted]
    assert moved[0] < 1e-3 < 1e-2 < moved[1]
