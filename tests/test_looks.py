"""What the presets make of a real pair: a guard against a preset that stops painting."""

from pathlib import Path

import pytest

import stylize_cli as stylize
from stylize_cli import images, metrics

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
