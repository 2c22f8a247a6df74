"""How close a picture is to a style and to a photo, free of any method's weights."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from stylize_cli import colours, images, losses
from stylize_cli.config import CONTENT_LAYERS, STYLE_LAYERS
from stylize_cli.descriptor_tiles import Part, Tiled
from stylize_cli.descriptors import Descriptor
from stylize_cli.errors import StylizeError
from stylize_cli.statistics import gram_distance
from stylize_cli.vgg import least_side

NOTEBOOK_STYLE = 1e3  # Gatys' notebook: its style weight, over N² in each layer
ROOM = 1_000_000_000  # bytes: tiles of about 640 px, of which halos are a third
LEAST_SIDE = 32  # px: of a very long style image at the result's area
WINDOW, SIGMA = 11, 1.5  # px: SSIM's Gaussian (Wang et al. 2004, sec. III.B)
C1, C2 = 0.01**2, 0.03**2  # (K L)² with L = 1 (ibid., sec. III.B)


@torch.no_grad()
def judge(
    describe: Descriptor,
    image: Tensor,
    style: Tensor | None = None,
    content: Tensor | None = None,
    *,
    room: int = ROOM,
) -> dict[str, float]:
    """Errors of a picture as it was saved, at its own size.

    The photo is resized to the picture, the style to as many pixels with its aspect kept. All are
    looked at tile by tile, so that memory grows by little but the pictures themselves.

    Args:
        describe: VGG-19 with max pooling in float32, for figures that compare with others'.
        image: (1, 3, H, W) RGB, floats in [0, 1] or uint8.
        style: likewise, of any size; or floats (1, 4, H, W), of which what is transparent does not
            count.
        content: likewise.
        room: bytes that VGG's maps may take.

    Returns:
        "style_error": mean over relu1_1 … relu5_1 of ‖G - A‖ / ‖A‖, where there is a style;
        "content_error": ‖F - P‖ / ‖P‖ at relu4_2, where there is a photo;
        "notebook": Gatys' notebook's objective on 0-255 features, where there are both.

    Raises:
        StylizeError: the picture is too small for the layers compared.
    """
    layers = {*STYLE_LAYERS, *CONTENT_LAYERS}
    height, width = size = images.size_of(image)
    if min(size) < least_side(layers):
        raise StylizeError(
            f"{width}x{height} px is too small to measure; give a picture of at least "
            f"{least_side(layers)} px a side"
        )
    tiled = Tiled(describe, room, cuts=())
    report: dict[str, float] = {}
    notebook = 0.0
    if style is not None:
        shown = images.same_area(images.size_of(style), height * width, least=LEAST_SIDE)
        wanted = tiled(_resized(style, shown), STYLE_LAYERS, _gram)
        grams = tiled(image, STYLE_LAYERS, _gram)
        report["style_error"] = sum(relative_error(grams[k], wanted[k]) for k in grams) / len(grams)
        for layer, gram in grams.items():
            loss = gram_distance(gram, wanted[layer]).item()
            notebook += NOTEBOOK_STYLE / gram.shape[-1] ** 2 * loss
    if content is not None:
        distance, own = _content(tiled, image, _resized(content, size))
        report["content_error"] = math.sqrt(distance / own) if own else math.inf
        if style is not None:
            report["notebook"] = distance + notebook
    return report


def _resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """An image at another (height, width); of uint8 in float16, channel by channel, to be small."""
    if image.dtype != torch.uint8 or images.size_of(image) == size:
        return images.resize(image, size)
    resized = torch.empty((1, 3, *size), dtype=torch.float16, device=image.device)
    for channel in range(3):
        plane = image[:, channel : channel + 1].float() / 255
        resized[:, channel] = images.resize(plane, size)[:, 0]
    return resized


def _gram(_layer: str, features: Tensor) -> Tensor:
    return losses.gram_matrix(features)


def _content(tiled: Tiled, image: Tensor, photo: Tensor) -> tuple[float, float]:
    """Mean squares at relu4_2, of the difference between picture and photo and of the photo."""
    total = [0.0, 0.0]

    def note(_layer: str, features: Tensor, part: Part) -> None:
        total[0] += part.share * losses.content_loss(features[:1], features[1:]).item()
        total[1] += part.share * features[1:].square().mean().item()

    tiled.look([image, photo], CONTENT_LAYERS, note)
    return total[0], total[1]


def relative_error(value: Tensor, target: Tensor) -> float:
    """‖value - target‖ / ‖target‖, Frobenius norms."""
    return float((value - target).norm() / target.norm())


def psnr(image: Tensor, target: Tensor) -> float:
    """Peak signal-to-noise ratio of the luma, as super-resolution is compared.

    Args:
        image: (1, 3, H, W) RGB in [0, 1].
        target: the same shape.

    Returns:
        dB, of a peak of 1; infinite where the two are equal.
    """
    return float(-10 * (_luma(image) - _luma(target)).square().mean().log10())


def ssim(image: Tensor, target: Tensor) -> float:
    """Mean structural similarity of the luma (Wang et al. 2004, eq. 13, sec. III.B).

    Args:
        image: (1, 3, H, W) RGB in [0, 1], of at least 11 px a side.
        target: the same shape.

    Returns:
        Mean over all windows that lie within the picture; 1 where the two are equal.
    """
    x, y = _luma(image), _luma(target)
    mean_x, mean_y = _windowed(x), _windowed(y)
    # What a window's squares exceed those of its mean by.
    variance_x = _windowed(x * x) - mean_x * mean_x
    variance_y = _windowed(y * y) - mean_y * mean_y
    covariance = _windowed(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    extent = (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    return float((likeness / extent).mean())


def _luma(image: Tensor) -> Tensor:
    """Y of YCbCr in [16/255, 235/255] (ITU-R BT.601, as MATLAB's rgb2ycbcr), float64."""
    return (16 + 219 * colours.luminance(image.double())) / 255


def _windowed(values: Tensor) -> Tensor:
    """(1, 1, H, W) -> (1, 1, H - 10, W - 10): the mean under SSIM's window."""
    offsets = torch.arange(WINDOW, dtype=values.dtype, device=values.device) - WINDOW // 2
    kernel = torch.softmax(-offsets.square() / (2 * SIGMA**2), 0)  # a Gaussian that sums to 1
    return F.conv2d(F.conv2d(values, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
