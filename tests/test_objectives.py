import pytest
import torch
from torch.nn import functional as F

from stylize_cli import descriptors, objectives
from stylize_cli.config import CONTENT_LAYERS, STYLE_LAYERS
from stylize_cli.objectives import LEAST_DISTANCE, Target, Targets

pytest_plugins = ["reads"]
UNEVEN = (64.0, 16.0, 4.0, 2.0, 1.0)
EVEN = (1.0, 1.0, 1.0, 1.0, 1.0)


@pytest.fixture
def exact(make_narrow):
    """The narrow descriptor in float64."""
    return make_narrow(dtype=torch.float64)


@pytest.fixture
def pictures(picture):
    """A result, a photo and, of another shape but as many positions, a style; in float64."""
    sizes = ((40, 48), (40, 48), (48, 40))
    return [picture(*size, seed=seed).double() for seed, size in enumerate(sizes)]


def targets(describe, photo, styles, weighting, *, blocks=UNEVEN, tv_weight=0.0, alpha=0.3, beta=2):
    content = objectives.content_targets(
        describe, photo, CONTENT_LAYERS, weight=alpha, weighting=weighting
    )
    style = objectives.style_targets(
        describe,
        styles,
        STYLE_LAYERS,
        weight=beta,
        weighting=weighting,
        block_weights=blocks,
        content=photo,
    )
    return Targets(content, style, tv_weight)


def maps(describe, image, layer):
    """(N, M): maps by positions, the F of the papers."""
    return describe(image, [layer])[layer][0].flatten(1)


# The objectives of the literature, by hand.


def notebook_term(f, a):
    """Gatys' notebook: MSE of Gram matrices over H·W, times 1e3/N²."""
    grams = (m @ m.mT / m.shape[1] for m in (f, a))
    return 1e3 / f.shape[0] ** 2 * F.mse_loss(*grams)


def paper_term(f, a):
    """The notes' E_l, eq. 1.5, and w_l = 1/5."""
    n, m = f.shape
    return 1 / 5 * (f @ f.mT - a @ a.mT).square().sum() / (n**2 * m**2)


@pytest.mark.parametrize(
    ("weighting", "beta", "content_term", "style_term"),
    [
        ("mean", 1e3, F.mse_loss, notebook_term),
        ("paper", 1.0, lambda f, p: (f - p).square().sum() / f.numel(), paper_term),
    ],
)
def test_loss_is_that_of_the_notebook_and_of_the_paper(
    weighting, beta, content_term, style_term, exact, pictures
):
    result, photo, style = pictures
    wanted = targets(exact, photo, [(style, 1.0)], weighting, blocks=EVEN, alpha=0.7, beta=beta)
    got = objectives.evaluate(exact, result, wanted)
    want = {
        "content relu4_2": 0.7 * content_term(*(maps(exact, x, "relu4_2") for x in pictures[:2]))
    }
    for layer in STYLE_LAYERS:
        want[f"style {layer}"] = style_term(*(maps(exact, x, layer) for x in (result, style)))
    assert got.parts == pytest.approx({name: term.item() for name, term in want.items()})
    assert got.loss == pytest.approx(sum(got.parts.values()))


def test_relative_losses_say_what_share_is_missing(exact, pictures):
    result, photo, style = pictures
    wanted = targets(exact, photo, [(style, 1.0)], "relative")
    f, p = (maps(exact, image, "relu4_2") for image in (result, photo))
    parts = objectives.evaluate(exact, result, wanted).parts
    assert parts["content relu4_2"] == pytest.approx(0.3 * ((f - p).norm() / p.norm()).item() ** 2)
    at_photo = objectives.evaluate(exact, photo, wanted).parts
    assert at_photo.pop("content relu4_2") == 0
    assert list(at_photo.values()) == pytest.approx([2 * block / 5 for block in UNEVEN])


@pytest.mark.parametrize("is_alike", [True, False], ids=["photo has the style", "no photo"])
def test_relative_style_needs_neither_a_way_to_go_nor_a_photo(is_alike, exact, pictures):
    """Then each layer's loss is a share of the style's own Gram matrix."""
    result, _, style = pictures
    found = objectives.style_targets(
        exact,
        [(style, 1.0)],
        ("relu1_1", "pool3"),
        weight=1.0,
        weighting="relative",
        block_weights=UNEVEN,
        content=style if is_alike else None,
    )
    parts = objectives.evaluate(exact, result, Targets(style=found)).parts
    for layer, block in (("relu1_1", 64), ("pool3", 4)):
        g, a = (m @ m.mT / m.shape[1] for m in (maps(exact, x, layer) for x in (result, style)))
        share = ((g - a).norm() / a.norm()).item() ** 2 / (LEAST_DISTANCE if is_alike else 1)
        assert parts[f"style {layer}"] == pytest.approx(block / 2 * share)


def test_relative_weights_stay_finite_where_nothing_shows(pictures):
    def describe(image, layers, use=descriptors.itself):
        return {layer: use(layer, torch.zeros_like(image)) for layer in layers}

    _, photo, style = pictures
    wanted = targets(describe, photo, [(style, 1.0)], "relative")
    assert all(0 < target.weight < float("inf") for target in (*wanted.content, *wanted.style))


def test_content_layers_share_their_weight(exact, pictures):
    result, photo, _ = pictures
    layers = ("relu2_1", "relu4_2")
    split = objectives.content_targets(exact, photo, layers, weight=3.0, weighting="relative")
    single = [
        objectives.content_targets(exact, photo, [layer], weight=3.0, weighting="relative")
        for layer in layers
    ]
    losses = [objectives.evaluate(exact, result, Targets(t)).loss for t in (split, *single)]
    assert losses[0] == pytest.approx((losses[1] + losses[2]) / 2)


@pytest.mark.parametrize("weighting", ["mean", "paper"])
def test_blended_styles_pull_like_the_weighted_sum_of_their_losses(weighting, exact, pictures):
    result, photo, style = pictures

    def gradient(styles):
        wanted = Targets(style=targets(exact, photo, styles, weighting).style)
        return objectives.evaluate(exact, result, wanted).gradient

    one, two = gradient([(style, 1.0)]), gradient([(photo, 1.0)])
    torch.testing.assert_close(gradient([(style, 0.7), (photo, 0.3)]), 0.7 * one + 0.3 * two)


# Evaluation.


@pytest.mark.parametrize("weighting", ["relative", "mean", "paper"])
def test_gradient_agrees_with_finite_differences(weighting, exact, pictures):
    """Of a step too short to cross a kink of the ReLUs and the pooling."""
    result, photo, style = pictures
    wanted = targets(exact, photo, [(style, 1.0)], weighting, tv_weight=0.5)
    gradient = objectives.evaluate(exact, result, wanted).gradient
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        step = 1e-9 * torch.randn(result.shape, generator=generator, dtype=torch.float64)
        above, below = (
            objectives.evaluate(exact, x, wanted).loss for x in (result + step, result - step)
        )
        assert (gradient * step).sum().item() == pytest.approx((above - below) / 2, rel=1e-4)


def test_total_variation_is_weighed_per_value(exact, pictures):
    result, photo, _ = pictures
    wanted = Targets(content=targets(exact, photo, [(photo, 1.0)], "mean").content, tv_weight=0.5)
    parts = objectives.evaluate(exact, result, wanted).parts
    squares = sum(result.diff(dim=dim).square().sum().item() for dim in (2, 3))
    assert parts["tv"] == pytest.approx(0.5 * squares / 2 / result.numel())
    assert "tv" not in objectives.evaluate(exact, result, Targets(wanted.content)).parts


def test_only_the_layers_aimed_at_are_described(exact, pictures):
    asked = []

    def describe(image, layers, *use):
        asked.append(set(layers))
        return exact(image, layers, *use)

    value = exact(pictures[1], ["relu1_1"])["relu1_1"]
    wanted = Targets(content=(Target("relu1_1", value, 1.0),))
    objectives.evaluate(describe, pictures[0], wanted)
    assert asked == [wanted.layers] == [{"relu1_1"}]


def test_the_image_and_the_targets_stay_out_of_the_graph(exact, pictures):
    result, photo, style = pictures
    wanted = targets(exact, photo, [(style, 1.0)], "relative")
    gradient = objectives.evaluate(exact, result, wanted).gradient
    values = [target.value for target in (*wanted.content, *wanted.style)]
    assert not any(x.requires_grad for x in (result, gradient, *values))


def test_an_evaluation_waits_for_a_device_once(reads, exact, pictures):
    result, photo, style = pictures
    aims = targets(exact, photo, [(style, 1.0)], "relative", tv_weight=1.0)
    assert reads(lambda: objectives.evaluate(exact, result, aims)) == (0, 1)
