"""What the presets make of a real pair: a guard against a preset that stops painting."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import stylize_cli as stylize
from stylize_cli import images, metrics
from stylize_cli.api import reconstruct

EXAMPLES = Path(__file__).parents[1] / "examples"
PHOTO, STYLE = EXAMPLES / "red-panda.jpg", EXAMPLES / "cafe-terrace-at-night.jpg"
SIZE = 160  # px, long side


@pytest.fixture
def errors(vgg):
    """(style error, content error) of an image (1, 3, H, W)."""
    photo, style = (images.read(path).rgb for path in (PHOTO, STYLE))

    def measure(image):
        found = metrics.judge(vgg, image, style, photo)
        return found["style_error"], found["content_error"]

    return measure


def painted(**options):
    return stylize.optimize(PHOTO, STYLE, size=SIZE, **options).planes().rgb


@pytest.mark.vgg
@pytest.mark.parametrize(
    ("options", "style", "content"),
    [
        ({}, 0.45, 0.8),
        ({"preset": "paper"}, 0.45, 0.9),
        ({"preset": "notebook"}, 0.4, 1.1),
    ],
    ids=["default", "paper", "notebook"],
)
def test_a_preset_shows_the_painter_and_the_photo(options, style, content, errors):
    image = painted(**options)
    before = errors(images.resize(images.read(PHOTO).rgb, images.size_of(image)))
    after = errors(image)
    assert after[0] < style < before[0]
    assert after[1] < content


def dots(image):
    """RMS of what a median of 3x3 px takes away: single pixels that stand out, in 0-255."""
    pixels = Image.fromarray((image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    smooth = pixels.filter(ImageFilter.MedianFilter(3))
    away = np.asarray(pixels, np.float64) - np.asarray(smooth, np.float64)
    return np.sqrt((away**2).mean())


@pytest.mark.vgg
def test_what_a_shallow_layer_keeps_of_a_style_is_not_dotted():
    """Its fine contrast must not come as single pixels: of white noise twice the photo's stay."""
    lesson = reconstruct.prepare(PHOTO, style=["relu1_1"], size=192)
    *_, (_, best) = lesson.run(lesson.load())
    photo = images.resize(images.read(PHOTO).rgb, images.size_of(best.image))
    assert dots(best.image) < 1.3 * dots(photo)
