import math

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from stylize_cli import images, metrics
from stylize_cli.config import STYLE_LAYERS
from stylize_cli.errors import StylizeError
from stylize_cli.images import Planes


def test_a_picture_judged_against_itself_has_no_error(narrow, picture):
    image = picture(40, 56)
    report = metrics.judge(narrow, image, image, image)
    assert report == {"style_error": 0, "content_error": 0, "notebook": 0}


def test_only_what_was_given_is_compared_with(narrow, picture):
    one, two = picture(40, 56, seed=1), picture(40, 56, seed=2)
    both = metrics.judge(narrow, one, two, two)
    assert metrics.judge(narrow, one, style=two) == {"style_error": both["style_error"]}
    assert metrics.judge(narrow, one, content=two) == {"content_error": both["content_error"]}
    assert min(both.values()) > 0.01


def test_errors_are_free_of_the_features_scale_and_the_notebook_is_not(make_narrow, picture):
    narrow, doubled = make_narrow(), make_narrow()
    for name, buffer in doubled.named_buffers():
        if name.startswith("bias") or name == "weight1_1":
            buffer.mul_(2)
    pictures = [picture(40, 56, seed=seed) for seed in range(3)]
    plain, scaled = (metrics.judge(describe, *pictures) for describe in (narrow, doubled))
    notebook = plain.pop("notebook"), scaled.pop("notebook")
    assert scaled == pytest.approx(plain, rel=1e-4)
    assert 4 * notebook[0] < notebook[1] < 16 * notebook[0]  # content squared, style to the fourth


def test_errors_by_tiles_are_numpys_of_the_whole(make_narrow, picture):
    describe = make_narrow()
    image, style, photo = picture(210, 251), picture(251, 210, seed=1), picture(210, 251, seed=2)
    report = metrics.judge(describe, image, style, photo, room=60_000_000)

    def maps(shown, layer):
        return describe(shown, [layer])[layer][0].flatten(1).double().numpy()

    f, p = (maps(shown, "relu4_2") for shown in (image, photo))
    content = np.linalg.norm(f - p) / np.linalg.norm(p)
    notebook, errors = ((f - p) ** 2).mean(), []
    for layer in STYLE_LAYERS:
        g, a = (m @ m.T / m.shape[1] for m in (maps(shown, layer) for shown in (image, style)))
        errors.append(np.linalg.norm(g - a) / np.linalg.norm(a))
        notebook += 1e3 / len(g) ** 2 * ((g - a) ** 2).mean()
    want = {"style_error": np.mean(errors), "content_error": content, "notebook": notebook}
    assert report == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        ((200, 400), (40, 80)),
        ((30, 30), (57, 57)),
        ((10, 1000), (32, 566)),  # and not 6 px, in which relu5_1 has no position
    ],
)
def test_the_style_is_shown_at_the_pictures_area(style, shown, narrow, picture, monkeypatch):
    sizes, resize = [], images.resize

    def watched(image, size):
        sizes.append(size)
        return resize(image, size)

    monkeypatch.setattr(images, "resize", watched)
    metrics.judge(narrow, picture(40, 80), picture(*style), picture(90, 80))
    assert sizes == [shown, (40, 80)]


def test_a_picture_too_small_to_judge_is_refused(make_narrow, picture):
    describe, small = make_narrow(), picture(40, 15)
    with pytest.raises(StylizeError, match="16 px"):
        metrics.judge(describe, small, style=picture(40, 40))


def test_relative_error_is_the_ratio_of_norms():
    value, target = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 2.0])
    assert metrics.relative_error(value, target) == pytest.approx(13**0.5 / 2)


def _luma(image):
    """scikit-image's Y of YCbCr, over 255."""
    return rgb2ycbcr(image[0].permute(1, 2, 0).numpy().astype(np.float64))[..., 0] / 255


@pytest.mark.parametrize("size", [(11, 11), (11, 40), (37, 52)])
@pytest.mark.parametrize("share", [0.001, 0.1, 1.0])
def test_psnr_and_ssim_are_scikit_images_of_the_luma(size, share, picture):
    target = picture(*size)
    image = target.lerp(picture(*size, seed=1), share)
    x, y = _luma(image), _luma(target)
    want = peak_signal_noise_ratio(y, x, data_range=1)
    assert metrics.psnr(image, target) == pytest.approx(want, abs=1e-4)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    want = structural_similarity(y, x, data_range=1, **options)
    assert metrics.ssim(image, target) == pytest.approx(want, abs=1e-4)


def test_equal_pictures_are_infinitely_and_wholly_alike(picture):
    image = picture(24, 32)
    assert metrics.psnr(image, image) == math.inf
    assert metrics.ssim(image, image) == pytest.approx(1, abs=1e-12)


def test_a_flat_difference_of_luma_costs_what_the_formulas_say():
    black, grey = torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.1)
    low, high = 16 / 255, (16 + 21.9) / 255
    assert metrics.psnr(grey, black) == pytest.approx(-20 * math.log10(high - low), abs=1e-5)
    flat = (2 * low * high + 1e-4) / (low**2 + high**2 + 1e-4)  # both variances are 0
    assert metrics.ssim(grey, black) == pytest.approx(flat, abs=1e-6)


@pytest.mark.vgg
@pytest.mark.shared
@pytest.mark.parametrize(
    ("sizes", "tolerance"),
    [([(72, 96)] * 3, 1e-3), ([(72, 96), (192, 256), (120, 80)], 0.03)],
    ids=["as they are", "resized by other filters"],
)
def test_figures_are_those_of_the_independent_yardstick(
    sizes, tolerance, vgg, judge, shared, tmp_path
):
    paths = []
    for name, size in zip(("crowsonkb.png", "style.png", "photo.png"), sizes, strict=True):
        rgb = images.read(shared / "reference" / name).rgb
        paths.append(tmp_path / name)
        images.write(paths[-1], Planes(images.resize(rgb, size)))
    want = judge.judge(*paths, judge.weights())
    got = metrics.judge(vgg, *(images.read(path).rgb for path in paths))
    assert set(got) == {"style_error", "content_error", "notebook"}
    for name, value in got.items():
        scale = 5 if name == "notebook" else 1  # a power of four of the features
        assert value == pytest.approx(want[name], rel=scale * tolerance)


def test_samples_are_judged_as_what_they_stand_for(narrow):
    sizes, generator = [(40, 56), (70, 60), (61, 88)], torch.Generator().manual_seed(0)
    given = [torch.randint(0, 256, (1, 3, *size), generator=generator).byte() for size in sizes]
    want = metrics.judge(narrow, *(one.float() / 255 for one in given))
    assert metrics.judge(narrow, *given) == pytest.approx(want, rel=1e-3)
