"""methods.blend: weights, what a mixture is, and tables of them."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stylize_cli import checkpoints, engines, images, metrics, models
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS
from stylize_cli.methods import apply, blend, feedforward

pytest_plugins = ["nets"]
pytestmark = pytest.mark.usefixtures("conversions")

ROOM = 10**9
ENGINES = pytest.mark.parametrize("name", ["openvino", "torch"])


@pytest.fixture
def runner(net):
    """runner(name) -> the net of three styles in an engine of float32, on one thread."""

    def make(name):
        return engines.open_model(net(), engine=name, precision="float32", threads=1)

    return make


@pytest.fixture
def noise():
    return np.random.default_rng(0).random((21, 34, 4), np.float32)


class Fake:
    """An engine that paints every pixel (w_a, w_b, w_c), and counts what runs together."""

    about = engines.About("m", "conditional", {}, ("a", "b", "c"), 4, 8, {})
    threads = 1

    def __init__(self):
        self.batches = []

    def run(self, image, mix):
        self.batches.append(len(image))
        return np.broadcast_to(mix[:, :, None, None], image.shape)

    def bytes_needed(self, size, batch=1):
        return batch * size[0] * size[1] * 100


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([0.6, 0.4], [0.6, 0.4]), ([3], [1]), ([1, 1, 2], [0.25, 0.25, 0.5]), ([0, 1e-300], [0, 1])],
)
def test_weights_are_made_to_sum_to_one(weights, expected):
    np.testing.assert_allclose(blend.shares(weights), [expected])


@pytest.mark.parametrize(
    "weights", [[-1], [2, -1], [np.nan], [1, np.nan], [np.inf, 1], [1e308, 1e308]]
)
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(StylizeError, match=r"must be finite numbers from 0 up, not \S"):
        blend.shares(weights)


@pytest.mark.parametrize("weights", [[], [0], [0, 0]])
def test_no_weight_at_all_is_refused(weights):
    with pytest.raises(StylizeError, match=r"^no style has a weight: give one of them more"):
        blend.shares(weights)


@pytest.mark.parametrize("steps", [2, 3, 5, 8])
def test_a_grid_is_bilinear_between_its_corners(steps):
    corners = torch.eye(4, dtype=torch.float64).view(1, 4, 2, 2)
    expected = F.interpolate(corners, (steps, steps), mode="bilinear", align_corners=True)
    found = blend.grid(steps)
    np.testing.assert_allclose(found, expected[0].flatten(1).T.numpy(), atol=1e-12)
    np.testing.assert_array_equal(found[[0, steps - 1, -steps, -1]], np.eye(4))
    np.testing.assert_allclose(blend.strip(steps), found[:steps, :2], atol=1e-12)


@ENGINES
def test_a_mixture_is_one_row_of_gamma_and_beta(runner, net, noise, name):
    """So a network of one style, whose γ and β are the weighted sums, paints the same."""
    checkpoint = checkpoints.load(net())
    weights = torch.tensor([0.5, 0.2, 0.3])
    mixed = {
        key: (weights @ value)[None] if key.endswith(("gamma", "beta")) else value
        for key, value in checkpoint.weights.items()
    }
    network = KINDS["conditional"].build(**{**checkpoint.arguments, "styles": 1}).eval()
    network.load_state_dict(mixed)
    photo = noise[:20, :32, :3]
    (found,) = blend.blend(
        runner(name), photo, ["monet", "hokusai", "munch"], np.array([[0.5, 0.3, 0.2]]), room=ROOM
    )
    with torch.no_grad():
        planes = torch.from_numpy(photo).permute(2, 0, 1)[None]
        expected = network(planes, torch.ones(1, 1))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=2e-4)


@ENGINES
def test_a_weight_of_one_is_that_style_exactly(runner, noise, name):
    engine = runner(name)
    mix = feedforward.one_style(engine.about, "munch")
    (output,) = feedforward.forward(engine, [noise], [mix])
    expected = feedforward.finish(output, noise, engine.about, strength=1, preserve_color=False)
    for styles, weights in ((["munch"], [7]), (["monet", "munch", "hokusai"], [0, 2, 0])):
        (found,) = blend.blend(engine, noise, styles, blend.shares(weights), room=ROOM)
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found[..., 3], noise[..., 3])


def test_a_style_that_comes_twice_has_both_weights(noise):
    (found,) = blend.blend(Fake(), noise, ["b", "a", "b"], blend.shares([1, 2, 5]), room=ROOM)
    np.testing.assert_allclose(found[0, 0, :3], [0.25, 0.75, 0], atol=1e-6)


def test_strength_and_colours_are_those_of_apply(noise):
    options = {"strength": 0.3, "preserve_color": True}
    (found,) = blend.blend(Fake(), noise, ["b"], blend.shares([1]), **options, room=ROOM)
    output = np.broadcast_to(np.float32([0, 1, 0]), (21, 34, 3))
    np.testing.assert_array_equal(found, feedforward.finish(output, noise, Fake.about, **options))


@pytest.mark.parametrize(
    ("fitting", "batches"), [(0, [1] * 9), (2, [2, 2, 2, 2, 1]), (9, [4, 4, 1])]
)
def test_few_mixtures_run_together_and_come_in_order(noise, fitting, batches):
    engine, weights = Fake(), blend.strip(9)
    room = apply.needed(engine, noise.shape[:2], fitting)
    found = list(blend.blend(engine, noise, ["a", "c"], weights, room=room))
    assert engine.batches == batches
    np.testing.assert_allclose([picture[0, 0, [0, 2]] for picture in found], weights, atol=1e-6)


def test_a_table_shows_every_picture_in_its_place():
    cells = np.random.default_rng(0).random((9, 5, 7, 3), np.float32) / 2
    table = blend.tiled(iter(cells), (5, 7), columns=3)
    gap = blend.GAP
    assert table.shape == (15 + 2 * gap, 21 + 2 * gap, 3)
    shown = np.zeros(table.shape[:2], bool)
    for index, cell in enumerate(cells):
        top, left = index // 3 * (5 + gap), index % 3 * (7 + gap)
        area = slice(top, top + 5), slice(left, left + 7)
        np.testing.assert_array_equal(table[area], cell)
        shown[area] = True
    assert (table[~shown] == 1).all()


@pytest.mark.vgg
@pytest.mark.shared
def test_the_bundled_model_goes_steadily_from_one_style_to_the_other(shared, vgg, picture):
    styles = ["vangogh-starry-night", "hokusai-great-wave"]
    engine = engines.open_model(models.find("classics"))
    photo = picture(256, 256)[0].permute(1, 2, 0).numpy()
    strip = [
        torch.from_numpy(result).permute(2, 0, 1)[None]
        for result in blend.blend(engine, photo, styles, blend.strip(5), room=ROOM)
    ]
    for style, direction in zip(styles, (1, -1), strict=True):
        painting = images.read(shared / "styles" / f"{style}.jpg").rgb
        errors = [metrics.judge(vgg, result, painting)["style_error"] for result in strip]
        assert (np.diff(errors) * direction > 0).all(), (style, errors)
