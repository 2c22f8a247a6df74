from dataclasses import replace

import pytest
import torch

from stylize_cli import descriptors, hypercolumns, images, metrics
from stylize_cli.config.neighbours import NEIGHBOURS
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.errors import StylizeError
from stylize_cli.matching import TURNS
from stylize_cli.methods.neighbours import MATCHES, paint
from stylize_cli.methods.pictures import Pictures
from stylize_cli.minimizers import MOST_TRIALS

KINDS = ("photo", "style")
SIZE = (40, 56)
CONFIG = replace(
    NEIGHBOURS,
    iterations=8,
    scales=1,
    balance=0.5,
    colour_weight=2.0,
    layers=("relu1_1", "relu2_2", "relu3_1"),
)


@pytest.fixture
def pictures(picture):
    return Pictures(picture(*SIZE, seed=1), ((picture(48, 48, seed=2), 1.0),))


def run(describe, pictures, config=CONFIG, *, size=SIZE):
    return list(paint(describe, pictures, config, size=size))


def test_work_moves_up_the_scales_and_is_done_in_the_end(narrow, pictures):
    course = run(narrow, pictures, replace(CONFIG, scales=2), size=(67, 41))
    sizes = [images.size_of(now.image) for now in course]
    assert list(dict.fromkeys(sizes)) == [(34, 20), (67, 41)]
    done = [now.done for now in course]
    assert done == sorted(done)
    assert done[-1] == 1.0
    for now in course:
        assert set(now.losses) == {"features", "colours", "total"}
        assert now.losses["total"] == pytest.approx(now.losses["features"] + now.losses["colours"])
        assert now.image.min() >= 0
        assert now.image.max() <= 1
        assert not now.image.requires_grad


@pytest.mark.parametrize("iterations", [1, 2, 7])
def test_iterations_bound_the_evaluations_of_a_scale(iterations, narrow, pictures):
    count = 0

    def counting(image, layers, *use):
        nonlocal count
        count += image.requires_grad
        return narrow(image, layers, *use)

    run(counting, pictures, replace(CONFIG, iterations=iterations))
    assert iterations <= count <= iterations + MATCHES * (2 * MOST_TRIALS - 1)


def test_a_painting_is_looked_at_once_at_each_scale(narrow, pictures):
    """Upright and turned; the photo for each match."""
    looks = 0

    def counting(image, layers, *use):
        nonlocal looks
        looks += not image.requires_grad
        return narrow(image, layers, *use)

    run(counting, pictures, replace(CONFIG, scales=2), size=(67, 41))
    assert looks == 2 * (TURNS + MATCHES)


def test_the_first_picture_of_all_is_the_photo_in_the_painting_s_colours(narrow, pictures):
    first = run(narrow, pictures, replace(CONFIG, iterations=1))[0]
    assert first.image.equal(pictures.recoloured(1.0).content)
    photo = run(narrow, pictures, replace(CONFIG, iterations=1, balance=0.0))[0]
    assert photo.image.equal(pictures.content)


def test_a_photo_in_its_own_style_stays(narrow, pictures):
    photo = pictures.content
    last = run(narrow, Pictures(photo, ((photo, 1.0),)))[-1]
    assert (last.image - photo).abs().mean() < 0.01


def test_the_colours_become_the_painting_s(narrow, picture):
    """A painting in red and black, whatever the photo."""
    red = picture(64, 64, seed=2) * torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    photo = picture(*SIZE, seed=1)
    last = run(narrow, Pictures(photo, ((red, 1.0),)), replace(CONFIG, iterations=40))[-1].image
    assert last[:, 1:].mean() < 0.3 * photo[:, 1:].mean()
    assert last[:, 0].mean() > 0.5 * red[:, 0].mean()


def test_what_is_painted_pane_by_pane_is_what_is_painted_whole(narrow, picture):
    size = (120, 168)
    given = Pictures(picture(*size, seed=1), tuple((picture(96, 96, seed=k), 0.5) for k in (2, 3)))
    room = 80**2 * hypercolumns.cost(CONFIG.layers, narrow.source, narrow.pool, narrow.dtype)
    tiled = Tiled(narrow, int(room), whole=500)
    assert len(hypercolumns.panes_of(tiled, size, CONFIG.layers)) > 4
    whole, panes = (
        run(one, given, replace(CONFIG, iterations=4), size=size)[-1] for one in (narrow, tiled)
    )
    assert panes.losses == pytest.approx(whole.losses, rel=1e-3)
    assert (panes.image - whole.image).abs().mean() < 1e-3


def test_a_style_with_no_share_is_not_there(narrow, pictures, picture):
    other = picture(48, 48, seed=3)
    ((style, _),) = pictures.styles
    both = [
        replace(pictures, styles=((style, share), (other, 1 - share))) for share in (1.0, 0.5, 0.0)
    ]
    first, mixed, second = (run(narrow, given)[-1].image for given in both)
    assert first.equal(run(narrow, pictures)[-1].image)
    assert not mixed.equal(first)
    assert not mixed.equal(second)


@pytest.mark.parametrize("style", [(8, 900), (3, 3)])
def test_a_painting_of_any_shape_will_do(style, narrow, picture):
    given = Pictures(picture(*SIZE), ((picture(*style, seed=1), 1.0),))
    last = run(narrow, given, replace(CONFIG, iterations=2, style_scale=0.3))[-1]
    assert last.image.isfinite().all()


@pytest.mark.parametrize("missing", ["content", "styles"])
def test_a_photo_and_a_painting_are_needed(missing, narrow, pictures):
    given = replace(pictures, **{missing: None if missing == "content" else ()})
    with pytest.raises(StylizeError, match="need a photo and at least one style"):
        run(narrow, given)


def test_weights_that_are_not_numbers_are_noticed(narrow, pictures):
    narrow.get_buffer("weight3_1")[0, 0, 0, 0] = torch.nan
    with pytest.raises(StylizeError, match="loss became nan"):
        run(narrow, pictures)


def palette(image):
    """(3, 33) quantiles of each channel."""
    return torch.quantile(image[0].flatten(1), torch.linspace(0, 1, 33), dim=1)


@pytest.mark.vgg
@pytest.mark.shared
def test_the_real_vgg_paints_and_keeps_what_is_shown(vgg, shared):
    """Measured: of the photo's style error 0.82 is left, of its palette's distance 0.27."""
    photo, style = (images.read(shared / "reference" / f"{name}.png").rgb for name in KINDS)
    size = images.fitted(images.size_of(photo), 128)
    describe = descriptors.load("vgg19", layers=NEIGHBOURS.layers, edges="clean")
    last = run(describe, Pictures(photo, ((style, 1.0),)), NEIGHBOURS, size=size)[-1].image
    start = images.resize(photo, size)
    before, after = (metrics.judge(vgg, image, style, photo) for image in (start, last))
    assert after["style_error"] < 0.9 * before["style_error"]
    assert after["content_error"] < 1.0
    wanted = palette(style)
    was, now = ((palette(image) - wanted).abs().mean() for image in (start, last))
    assert now < 0.5 * was
