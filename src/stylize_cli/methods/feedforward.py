"""One pass of a trained generator over pictures of any size, on numpy arrays."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylize_cli import colours, names, noise_tiles
from stylize_cli.engines import About, Engine, Pixels
from stylize_cli.errors import StylizeError
from stylize_cli.noise_tiles import Span


@dataclass(frozen=True)
class Noise:
    """What a texture-style net is given beside the photo.

    Attributes:
        seed: that it is drawn by, the same for every photo.
        scale: its largest value; the more, the stronger the style.
    """

    seed: int = 0
    scale: float = 1.0


USUAL = Noise()  # what such a net is trained with


def choose_style(about: About, name: str | None) -> str | None:
    """The style to apply: the one asked for, or the only one there is; None where there are none.

    Raises:
        StylizeError: there is no such style, or none was named of several.
    """
    known = ", ".join(about.styles)
    if name is None:
        if len(about.styles) > 1:
            raise StylizeError(f"choose a style with --style: {known}")
        return about.styles[0] if about.styles else None
    if (found := names.meant(name, about.styles)) is not None:
        return found
    if not about.styles:
        raise StylizeError("the model has no styles: leave out --style")
    if several := names.candidates(name, about.styles):
        raise StylizeError(f"'{name}' may be one of several styles: {', '.join(several)}")
    near = difflib.get_close_matches(name.lower(), about.styles, n=1, cutoff=0.3)
    guess = f"did you mean {near[0]}? " if near else ""
    raise StylizeError(f"the model has no style '{name}': {guess}It has {known}")


def one_style(about: About, name: str | None) -> Pixels:
    """The mixture (N,) that is one style alone."""
    return np.array([style == name for style in about.styles], np.float32)


def forward(
    engine: Engine, photos: Sequence[Pixels], mixes: Sequence[Pixels], noise: Noise = USUAL
) -> list[Pixels]:
    """Runs the network over pictures of one size.

    Sides that it cannot take are filled up with the mirrored picture, and the result is cropped.

    Args:
        engine: runs the model.
        photos: (H, W, 3) or more channels, of which the first three are taken; in [0, 1].
        mixes: a mixture of styles (N,) for each; not looked at by a net without mixtures.
        noise: not looked at by a net without noise.

    Returns:
        For each (f·H, f·W, 3) in [0, 1], where f is the factor of super-resolution.
    """
    about = engine.about
    height, width = photos[0].shape[:2]
    margins = [_margin(side, about) for side in (height, width)]
    batch = np.empty((len(photos), 3, height, width), np.float32)
    for planes, photo in zip(batch, photos, strict=True):
        planes[:] = photo[..., :3].transpose(2, 0, 1)
    if any(margins):
        batch = np.pad(batch, [(0, 0), (0, 0), *((0, m) for m in margins)], mode="reflect")
    arrays = [batch, np.stack(mixes)] if about.takes_mix else [batch]
    if about.noise_levels:
        arrays = _with_noise(batch, about.noise_levels, noise)
    output = engine.run(*arrays)
    if not np.isfinite(output).all():
        raise StylizeError(
            "the model makes no picture of it, its values are no numbers: train anew"
        )
    output = output.clip(0, 1)
    cropped: Pixels = output[:, :, : height * about.factor, : width * about.factor]
    return list(cropped.transpose(0, 2, 3, 1))


def _with_noise(batch: Pixels, levels: int, noise: Noise) -> list[Pixels]:
    """The photos, averaged to every scale, and noise behind them (Ulyanov et al. 2016, sec. 3)."""
    count, _, height, width = batch.shape
    whole = Span(0, height), Span(0, width)
    inputs = []
    for drawn in noise_tiles.draw((noise.seed,), levels, (height, width), whole):
        rows, columns = drawn.shape[2:]
        blocks = batch.reshape(count, 3, rows, height // rows, columns, width // columns)
        scaled = np.repeat(drawn * np.float32(noise.scale), count, axis=0)
        inputs.append(np.concatenate([blocks.mean((3, 5)), scaled], axis=1))
    return inputs


def _margin(side: int, about: About) -> int:
    """Pixels that a side lacks to be long enough, and a multiple."""
    enough = max(side, about.least)
    return enough + -enough % about.multiple - side


def finish(
    output: Pixels, photo: Pixels, about: About, *, strength: float, preserve_color: bool
) -> Pixels:
    """Makes the network's output a result.

    Args:
        output: (f·H, f·W, 3) in [0, 1].
        photo: (H, W, 3) or with alpha (H, W, 4).
        about: the model; super-resolution by a feature loss gets the photo's histogram (Johnson et
            al. 2016, supplement), since such a loss hardly sees colours.
        strength: share of the output in the mixture with the photo, in [0, 1].
        preserve_color: take colours from the photo, and luminance only from the output.

    Returns:
        (f·H, f·W, C) in [0, 1], with the photo's alpha.
    """
    if about.factor > 1 and _loss(about) != "pixel":
        output = colours.match_histogram(output, photo[..., :3])
    if (about.factor > 1 or preserve_color) and colours.is_grey(_batch(photo[..., :3])):
        output = colours.greyed(_batch(output))[0].transpose(1, 2, 0)
    if strength == 1 and not preserve_color and photo.shape[2] == 3:
        return output
    base = resized(photo, (output.shape[0], output.shape[1]))
    rgb = base[..., :3]
    if preserve_color:
        output = colours.with_luminance(_batch(rgb), _batch(output))[0].transpose(1, 2, 0)
    if strength < 1:
        output = (1 - np.float32(strength)) * rgb + np.float32(strength) * output
    return np.concatenate([output, base[..., 3:]], axis=2) if base.shape[2] > 3 else output


def _loss(about: About) -> str:
    return str(about.provenance.get("config", {}).get("loss", "feature"))


def _batch(pixels: Pixels) -> Pixels:
    return pixels.transpose(2, 0, 1)[None]


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Pixels (H, W, C) at another (height, width), by an antialiased bicubic filter, in [0, 1]."""
    if pixels.shape[:2] == size:
        return pixels
    height, width = size
    channels = [
        Image.fromarray(np.ascontiguousarray(plane)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        for plane in pixels.transpose(2, 0, 1)
    ]
    stacked: Pixels = np.stack([np.asarray(channel) for channel in channels], axis=2).clip(0, 1)
    return stacked
