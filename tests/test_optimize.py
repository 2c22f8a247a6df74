from dataclasses import replace
from itertools import groupby, pairwise

import pytest
import torch

from stylize_cli import colours, images, losses, objectives
from stylize_cli.config import CONTENT_LAYERS, EVEN, STYLE_LAYERS
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.errors import StylizeError
from stylize_cli.methods.optimize import FAINT, optimize, targets
from stylize_cli.methods.pictures import Pictures, keep_colours, restore_colours
from stylize_cli.methods.scales import scale_sizes, with_details
from stylize_cli.minimizers import MOST_TRIALS

CONFIG = OptimizeConfig(  # of what is tuned, nothing is left to the default
    iterations=8,
    scales=1,
    optimizer="lbfgs",
    init="content",
    weighting="relative",
    balance=None,
    recolour=False,
    details=False,
    layout_weight=0.0,
    content_weight=0.3,
    style_weight=1.0,
    tv_weight=0.0,
    content_layers=CONTENT_LAYERS,
    style_layers=STYLE_LAYERS,
    block_weights=EVEN,
    style_scale=1.0,
)
SHALLOW = replace(CONFIG, content_layers=("relu2_2",), style_layers=("relu1_1", "relu3_1"))
SIZE = (40, 56)
METHODS = pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])


@pytest.fixture
def pictures(picture):
    return Pictures(picture(*SIZE, seed=1), ((picture(48, 48, seed=2), 1.0),))


def run(describe, pictures, config=CONFIG, *, size=SIZE, seed=0):
    return list(optimize(describe, pictures, config, size=size, seed=seed))


def style_distance(describe, image, style):
    """Mean of ‖G - A‖ / ‖A‖ over the style layers."""
    ratios = []
    for layer in CONFIG.style_layers:
        f, a = (describe(x, [layer])[layer][0].flatten(1) for x in (image, style))
        g, a = f @ f.mT / f.shape[1], a @ a.mT / a.shape[1]
        ratios.append((g - a).norm() / a.norm())
    return sum(ratios).item() / len(ratios)


class Counting:
    """A descriptor that counts: the evaluations of each size, and the sizes of what it is shown."""

    def __init__(self, describe):
        self.describe, self.evaluations, self.shown = describe, {}, []

    def __call__(self, image, layers, *use):
        size = images.size_of(image)
        if image.requires_grad:
            self.evaluations[size] = self.evaluations.get(size, 0) + 1
        else:
            self.shown.append(size)
        return self.describe(image, layers, *use)


# Scales.


@pytest.mark.parametrize(
    ("size", "scales", "layers", "want"),
    [
        ((512, 512), "auto", "relu5_1", [(128, 128), (256, 256), (512, 512)]),
        ((384, 512), "auto", "relu5_1", [(96, 128), (192, 256), (384, 512)]),
        ((100, 75), "auto", "relu5_1", [(100, 75)]),
        ((20, 16), "auto", "relu5_1", [(20, 16)]),
        ((301, 511), "auto", "relu5_1", [(75, 128), (150, 256), (301, 511)]),
        ((1024, 128), "auto", "relu5_1", [(512, 64), (1024, 128)]),  # 32 px: two positions wide
        ((16, 4096), "auto", "relu5_1", [(16, 4096)]),
        ((64, 4096), "auto", "relu2_1", [(8, 512), (16, 1024), (32, 2048), (64, 4096)]),
        ((512, 512), 1, "relu5_1", [(512, 512)]),
        ((512, 512), 2, "relu5_1", [(256, 256), (512, 512)]),
        ((512, 512), 9, "relu5_1", [(64, 64), (128, 128), (256, 256), (512, 512)]),
        ((512, 512), 9, "pool5", [(128, 128), (256, 256), (512, 512)]),
        ((5, 3), "auto", "relu1_1", [(5, 3)]),
    ],
)
def test_scales_halve_down_to_what_still_shows_a_style(size, scales, layers, want):
    config = OptimizeConfig(scales=scales, content_layers=(), style_layers=(layers,))
    assert scale_sizes(size, config) == want


@pytest.mark.parametrize(
    ("size", "layer", "least"), [((15, 400), "relu5_1", 16), ((400, 31), "pool5", 32)]
)
def test_a_size_too_small_for_the_layers_is_refused_with_the_least(size, layer, least):
    config = OptimizeConfig(content_layers=("relu1_1",), style_layers=(layer,))
    with pytest.raises(StylizeError, match=rf"^{size[1]}x{size[0]} px .* need {least} px"):
        scale_sizes(size, config)
    assert scale_sizes((max(size[0], least), max(size[1], least)), config)


def test_work_moves_up_the_scales_and_is_done_in_the_end(narrow, pictures):
    config = replace(SHALLOW, scales=3)
    course = run(narrow, pictures, config, size=(67, 41))
    sizes = [size for size, _ in groupby(images.size_of(now.image) for now in course)]
    assert sizes == [(17, 10), (34, 20), (67, 41)][-len(sizes) :]
    assert len(sizes) > 1
    done = [now.done for now in course]
    assert done == sorted(done)
    assert 0 < done[0] < 0.05
    assert done[-1] == 1.0


def test_styles_are_shown_at_the_results_area_times_their_scale(narrow, picture):
    counting = Counting(narrow)
    given = Pictures(picture(80, 60), ((picture(50, 100), 0.5), (picture(90, 90), 0.5)))
    run(counting, given, replace(CONFIG, iterations=1, style_scale=0.5), size=(64, 72))
    photo = (64, 72)
    assert counting.shown == [photo, (24, 48), (34, 34), photo]


@pytest.mark.parametrize("edges", ["clean", "trained"])
@pytest.mark.parametrize("style", [(8, 900), (3, 3)])
def test_a_style_of_any_shape_will_do(style, edges, make_narrow, picture):
    """At the result's area and its own aspect it may be thinner than the layers need."""
    given = Pictures(picture(*SIZE), ((picture(*style, seed=1), 1.0),))
    config = replace(CONFIG, iterations=2, style_scale=0.3)
    (*_, last) = run(make_narrow(edges=edges), given, config)
    assert last.image.isfinite().all()


# The course of the loss.


@METHODS
@pytest.mark.parametrize("weighting", ["relative", "mean", "paper"])
def test_the_loss_falls_and_never_rises_within_a_scale(optimizer, weighting, narrow, pictures):
    config = replace(SHALLOW, optimizer=optimizer, weighting=weighting, scales=2, init="noise")
    course = run(narrow, pictures, config)
    scales = [list(group) for _, group in groupby(course, lambda now: now.image.shape)]
    assert len(scales) == 2
    for scale in scales:
        totals = [now.losses["total"] for now in scale]
        assert all(then <= now for now, then in pairwise(totals))
        assert totals[-1] < 0.9 * totals[0]


@METHODS
def test_the_losses_told_are_those_of_the_picture(optimizer, narrow, pictures):
    """Also where Adam has moved on to a worse one."""
    config = replace(CONFIG, optimizer=optimizer, iterations=25, tv_weight=0.1)
    last = run(narrow, pictures, config)[-1]
    wanted = targets(narrow, pictures, config, SIZE)
    now = objectives.evaluate(narrow, last.image, wanted)
    assert last.losses == pytest.approx({**now.parts, "total": now.loss}, rel=1e-4)


@METHODS
def test_iterations_bound_the_evaluations_of_each_scale(optimizer, narrow, pictures):
    counting = Counting(narrow)
    config = replace(SHALLOW, optimizer=optimizer, scales=2)
    run(counting, pictures, config)
    assert list(counting.evaluations) == [(20, 28), SIZE]
    most = config.iterations + (2 * MOST_TRIALS - 1 if optimizer == "lbfgs" else 0)
    assert all(config.iterations <= n <= most for n in counting.evaluations.values())


@pytest.mark.parametrize(("init", "other_seed_differs"), [("noise", True), ("content", False)])
def test_a_seed_gives_the_same_bits(init, other_seed_differs, narrow, pictures):
    config = replace(CONFIG, init=init, iterations=4)
    one, again, other = (run(narrow, pictures, config, seed=s)[-1].image for s in (3, 3, 4))
    assert one.equal(again)
    assert one.equal(other) is not other_seed_differs


def test_in_tiles_the_result_is_the_same(narrow, pictures):
    config = replace(CONFIG, iterations=4, scales=2, tv_weight=1.0)
    whole = run(narrow, pictures, config, size=(80, 112))
    tiled = run(Tiled(narrow, 1_500_000, whole=2500), pictures, config, size=(80, 112))
    for one, other in zip(whole, tiled, strict=True):
        assert other.losses == pytest.approx(one.losses, rel=1e-3)
        torch.testing.assert_close(other.image, one.image, rtol=0, atol=2e-3)


# What it starts from, and what it ends with.


def test_it_starts_from_what_it_was_told(narrow, pictures, picture):
    once = replace(CONFIG, iterations=1)
    noise = replace(once, init="noise")
    start = picture(*SIZE, seed=9)
    (at_photo,) = run(narrow, pictures, once)
    (at_start,) = run(narrow, replace(pictures, start=start), noise)
    (at_noise,) = run(narrow, pictures, noise)
    (texture,) = run(narrow, replace(pictures, content=None), once)
    assert at_photo.image.equal(pictures.content)
    assert at_start.image.equal(start)
    flat = at_noise.image.flatten()
    assert flat.histc(4, 0, 1).min() > 0.2 * flat.numel()  # uniform
    mean = pictures.styles[0][0].mean((2, 3), keepdim=True)
    apart = texture.image - (mean + FAINT * (at_noise.image - 0.5)).clamp(0, 1)
    assert apart.abs().max() < 1e-6


@METHODS
def test_every_picture_holds_colours_only(optimizer, narrow, pictures):
    config = replace(CONFIG, optimizer=optimizer, init="noise")
    for now in run(narrow, pictures, config, size=(41, 57)):
        assert now.image.min() >= 0
        assert now.image.max() <= 1
        assert not now.image.requires_grad
        assert now.image.shape == (1, 3, 41, 57)


def test_the_result_has_more_of_the_style_than_the_photo(narrow, pictures):
    style = pictures.styles[0][0]
    result = run(narrow, pictures, replace(CONFIG, iterations=40))[-1].image
    was, now = (style_distance(narrow, x, style) for x in (pictures.content, result))
    assert now < 0.75 * was


def test_content_alone_brings_the_photo_back_from_noise(narrow, pictures):
    config = replace(CONFIG, init="noise", content_layers=("relu1_1",), iterations=60)
    course = run(narrow, replace(pictures, styles=()), config)
    assert set(course[-1].losses) == {"content relu1_1", "total"}
    first, last = ((x.image - pictures.content).norm() for x in (course[0], course[-1]))
    assert last < 0.3 * first


def test_style_alone_makes_a_texture_from_noise(narrow, pictures):
    style = pictures.styles[0][0]
    config = replace(CONFIG, init="noise", content_layers=(), iterations=40)
    course = run(narrow, replace(pictures, content=None), config)
    assert all(name.startswith("style") for name in course[-1].losses if name != "total")
    first, last = (style_distance(narrow, x.image, style) for x in (course[0], course[-1]))
    assert last < 0.3 * first


def test_a_photo_in_its_own_style_stays(narrow, pictures):
    photo = pictures.content
    course = run(narrow, Pictures(photo, ((photo, 1.0),)))
    assert course[-1].image.equal(photo)
    assert course[-1].losses["total"] == 0


def test_weights_that_are_not_numbers_are_noticed(narrow, pictures):
    narrow.get_buffer("weight4_1")[0, 0, 0, 0] = torch.nan
    with pytest.raises(StylizeError, match=r"loss became nan; .*`precision` float32"):
        run(narrow, pictures)


def test_a_blank_result_is_an_error(narrow, pictures):
    blank = torch.full((1, 3, *SIZE), 0.4)
    with pytest.raises(StylizeError, match="blank"):
        run(narrow, Pictures(blank))
    run(narrow, replace(pictures, content=blank))


# Colours.


def chroma(image):
    """I and Q of YIQ: what luminance leaves out."""
    matrix = torch.tensor([[0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
    return torch.einsum("ij,bjhw->bihw", matrix, image)


def moments(image):
    pixels = image.flatten(2)[0]
    return pixels.mean(dim=1), pixels.cov(correction=0)


@pytest.fixture
def muted(picture):
    """Pictures whose colours stay clear of 0 and 1, so that nothing is clamped."""
    photo, style = (0.4 + 0.2 * picture(*SIZE, seed=seed) for seed in (1, 2))
    return Pictures(photo, ((style, 0.7), (1 - style, 0.3)))


def test_by_luminance_only_luminance_is_styled(narrow, muted):
    seen = keep_colours(muted, "luminance")
    photo = colours.luminance(muted.content)
    for image in (seen.content, *(style for style, _ in seen.styles)):
        assert image.equal(image[:, :1].expand_as(image))
        torch.testing.assert_close(image.mean(), photo.mean())
        torch.testing.assert_close(image.std(), photo.expand_as(image).std(), rtol=1e-3, atol=0)
    torch.testing.assert_close(seen.content[:, :1], photo)
    result = run(narrow, seen, replace(CONFIG, init="noise"))[-1].image
    assert (result - seen.content).std() > 0.1
    restored = restore_colours(result, muted.content, "luminance")
    inside = ((restored > 0) & (restored < 1)).all(dim=1, keepdim=True)
    assert inside.float().mean() > 0.5
    for part, source in ((chroma, muted.content), (colours.luminance, result)):
        assert ((part(restored) - part(source)) * inside).abs().max() < 1e-5


def test_restored_colours_fit_a_result_of_another_size(picture):
    photo = 0.4 + 0.2 * picture(80, 112, seed=1)
    restored = restore_colours(torch.full((1, 3, *SIZE), 0.5), photo, "luminance")
    torch.testing.assert_close(
        chroma(restored), chroma(images.resize(photo, SIZE)), rtol=0, atol=1e-5
    )


def test_details_are_what_the_larger_photo_alone_has(picture):
    photo = picture(48, 64, seed=3)
    smaller = images.resize(photo, (24, 32))
    assert (with_details(smaller, photo) - photo).abs().max() < 1e-5
    flat = torch.full((1, 3, 24, 32), 0.5)
    added = with_details(flat, photo) - 0.5
    torch.testing.assert_close(added, photo - images.resize(smaller, (48, 64)))


def test_details_are_added_to_no_start_that_is_larger_than_its_scale(narrow, pictures, picture):
    """It is as if it were given at the first scale's size, at which nothing is enlarged."""
    config = replace(SHALLOW, scales=2, iterations=2, details=True)
    first, _ = scale_sizes(SIZE, config)
    start = picture(*SIZE, seed=5)
    large, small = (
        run(narrow, replace(pictures, start=one), config)
        for one in (start, images.resize(start, first))
    )
    assert [images.size_of(now.image) for now in large[:1] + large[-1:]] == [first, SIZE]
    for one, other in zip(large, small, strict=True):
        assert one.image.equal(other.image)


def test_details_are_added_to_a_smaller_start_of_any_aspect(narrow, pictures, picture):
    config = replace(SHALLOW, scales=1, iterations=1, details=True)
    for size in ((SIZE[0] + 8, 16), (16, SIZE[1] + 8)):
        small = picture(*size, seed=5)
        detailed = with_details(small, pictures.content)
        (one,), (other,) = (
            run(narrow, replace(pictures, start=start), replace(config, details=start is small))
            for start in (small, detailed)
        )
        torch.testing.assert_close(one.image, other.image)


def test_a_photo_goes_a_share_of_the_way_to_the_styles_colours(pictures):
    photo, style = pictures.content, pictures.styles[0][0]
    assert pictures.recoloured(0.0) is pictures
    whole, half = pictures.recoloured(1.0).content, pictures.recoloured(0.5).content
    torch.testing.assert_close(whole.mean((2, 3)), style.mean((2, 3)), rtol=0, atol=0.01)
    torch.testing.assert_close(half, (photo + whole) / 2)


def test_by_covariance_the_styles_take_the_photos_colours(muted):
    seen = keep_colours(muted, "covariance")
    assert seen.content is muted.content
    for (style, share), (_, given) in zip(seen.styles, muted.styles, strict=True):
        assert share == given
        for got, want in zip(moments(style), moments(muted.content), strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-4)
    assert restore_colours(seen.content, muted.content, "covariance") is seen.content


@pytest.mark.parametrize("by", ["luminance", "covariance", None])
def test_without_a_photo_or_the_wish_colours_are_the_styles(by, muted):
    given = replace(muted, content=None) if by else muted
    assert keep_colours(given, by) is given
    assert restore_colours(muted.content, given.content, by) is muted.content


def test_pictures_move_to_a_device_together(muted):
    moved = replace(muted, start=muted.content).to(torch.device("meta"))
    assert [share for _, share in moved.styles] == [0.7, 0.3]
    tensors = (moved.content, moved.start, *(style for style, _ in moved.styles))
    assert all(tensor.is_meta for tensor in tensors)
    assert Pictures(None).to(torch.device("meta")) == Pictures(None)


# The balance of photo and painter.


def content_lost(describe, image, photo):
    """Mean of ‖F - P‖² / ‖P‖² over the content layers."""
    found = [describe(one, CONTENT_LAYERS) for one in (image, photo)]
    ratios = [
        (f - p).square().sum() / p.square().sum()
        for f, p in zip(*(one.values() for one in found), strict=True)
    ]
    return sum(ratios).item() / len(ratios)


def test_more_balance_leaves_less_of_the_photo(narrow, pictures):
    lost = []
    for balance in (0.0, 0.25, 0.5, 1.0):
        config = replace(CONFIG, balance=balance, iterations=48)
        image = run(narrow, pictures, config)[-1].image
        lost.append(content_lost(narrow, image, pictures.content))
    assert lost == sorted(lost)
    assert lost[-1] > 2 * lost[0]


def test_a_scale_starts_with_fewer_details_beyond_the_balance_s_middle(narrow, pictures):
    # One iteration evaluates what a scale starts from, and no more.
    config = replace(SHALLOW, iterations=1, scales=2, details=True)

    def detail(balance):
        image = run(narrow, pictures, replace(config, balance=balance))[-1].image
        return (image - images.resize(images.resize(image, (20, 28)), SIZE)).square().mean()

    assert detail(0.3) == detail(0.5) > 2 * detail(0.8) > 2 * detail(1.0)


def test_steering_brings_styles_of_other_strengths_together(narrow, pictures):
    def spread(balance):
        lost = []
        for strength in (0.3, 3.0):
            config = replace(CONFIG, balance=balance, style_weight=strength, iterations=90)
            image = run(narrow, pictures, config)[-1].image
            lost.append(content_lost(narrow, image, pictures.content))
        return lost[1] / lost[0]

    assert spread(0.5) < 0.8 * spread(None)


def test_rounds_share_the_iterations_and_the_work(narrow, pictures):
    counting = Counting(narrow)
    config = replace(SHALLOW, balance=0.5, optimizer="adam", iterations=50)
    course = run(counting, pictures, config)
    assert counting.evaluations[SIZE] == 50
    done = [now.done for now in course]
    assert done == sorted(done)
    assert done[-1] == 1.0


def test_light_and_dark_stay_where_the_photo_has_them(narrow, pictures):
    def unlike(weight):
        config = replace(
            CONFIG, init="noise", content_weight=0.0, layout_weight=weight, iterations=60
        )
        image = run(narrow, pictures, config)[-1].image
        return losses.tonal_layout(image, pictures.content).item()

    assert unlike(10.0) < 0.4 < 0.7 < unlike(0.0)
