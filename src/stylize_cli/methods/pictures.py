"""The pictures that an optimisation is given, the one it makes, and the colours of both."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from stylize_cli import colours, images, transparency

KeepColours = Literal["luminance", "covariance"]


@dataclass(frozen=True)
class Pictures:
    """What an optimisation is given; all RGB in [0, 1], of any sizes.

    Attributes:
        content: (1, 3, H, W), or None for a texture.
        styles: ((1, 3, H, W), share); the shares sum to 1. Empty for a reconstruction. Or
            (1, 4, H, W) with alpha: what is transparent does not count.
        start: (1, 3, H, W) to start from, in place of what the config says.
    """

    content: Tensor | None
    styles: tuple[tuple[Tensor, float], ...] = ()
    start: Tensor | None = None

    def fitted(self, size: tuple[int, int], style_scale: float) -> "Pictures":
        """The pictures, no larger than a result of (height, width) shows them.

        A photo of 50 megapixels would else take 600 MB to the end.
        """
        pixels = round(size[0] * size[1] * style_scale**2)

        def shrunk(style: Tensor) -> Tensor:
            least = images.same_area(images.size_of(style), pixels)
            return images.resize(style, least) if least < images.size_of(style) else style

        return Pictures(
            None if self.content is None else images.resize(self.content, size),
            tuple((shrunk(style), share) for style, share in self.styles),
            None if self.start is None else images.resize(self.start, size),
        )

    def recoloured(self, share: float) -> "Pictures":
        """The pictures, with the photo's colours a share of the way to those of the styles."""
        photo = self.content
        if photo is None or not self.styles or not share:
            return self
        colourful = [
            part * colours.match_covariance(photo, transparency.colours(style), colours.SPREAD)
            for style, part in self.styles
        ]
        return replace(self, content=torch.lerp(photo, torch.stack(colourful).sum(0), share))

    def to(self, device: torch.device) -> "Pictures":
        """The pictures on a device."""
        return Pictures(
            None if self.content is None else self.content.to(device),
            tuple((style.to(device), share) for style, share in self.styles),
            None if self.start is None else self.start.to(device),
        )


@dataclass(frozen=True)
class Best:
    """The best picture so far.

    Attributes:
        image: (1, 3, h, w) RGB in [0, 1], at the size of its scale.
        losses: weighted loss by term ("style relu1_1", "content relu4_2", "tv") and "total".
        done: share of all the work that is done, in [0, 1].
    """

    image: Tensor
    losses: Mapping[str, float]
    done: float


def keep_colours(pictures: Pictures, by: KeepColours | None) -> Pictures:
    """The pictures to optimise with where the photo's colours are to stay; see `restore_colours`.

    By luminance: photo and styles as grey, each style with the photo's contrast. By covariance: the
    styles in the photo's colours (Gatys et al. 2016, "Preserving Color", sec. 3).
    """
    content = pictures.content
    if by is None or content is None:
        return pictures
    change = colours.match_luminance if by == "luminance" else colours.match_covariance
    styles = tuple(
        (transparency.changed(style, partial(change, target=content)), share)
        for style, share in pictures.styles
    )
    if by == "luminance":
        content = colours.match_luminance(content, content)
    return Pictures(content, styles, pictures.start)


def restore_colours(image: Tensor, content: Tensor | None, by: KeepColours | None) -> Tensor:
    """What `keep_colours` asks for afterwards: by luminance, the photo's colours come back.

    Of a photo without colours, none are left either way.
    """
    if by is None or content is None:
        return image
    if colours.is_grey(content):
        return colours.greyed(image)
    if by == "covariance":
        return image
    return colours.with_luminance(images.resize(content, images.size_of(image)), image)


def with_colours_of(style: Tensor, image: Tensor) -> Tensor:
    """A texture with the histogram of its source in every channel (Gatys et al. 2015, code).

    Args:
        style: (1, 3, H', W') RGB in [0, 1], or with alpha.
        image: (1, 3, H, W) likewise, without.

    Returns:
        (1, 3, H, W).
    """
    pixels, wanted = (
        one[0].permute(1, 2, 0).numpy() for one in (image, transparency.colours(style))
    )
    matched = colours.match_histogram(pixels, wanted)
    return torch.from_numpy(matched).permute(2, 0, 1)[None]
