"""One pass of a trained generator over pictures of any size, on numpy arrays."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylize_cli import colours, encoders, files, grain, names, noise_field
from stylize_cli.arrays import Pixels, Samples, Size, size_of
from stylize_cli.engines import About, Engine
from stylize_cli.errors import StylizeError
from stylize_cli.methods import resampling
from stylize_cli.paths import SUFFIXES, is_folder, is_there
from stylize_cli.tiles import Stretch, Tile


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
ROWS = 256  # of a photo, finished at once: whole, the steps between take several times the picture
NEAR = 4  # px around its own place that an enlarged pixel looks at, and more


def choose_style(about: About, name: str | None) -> str | None:
    """The style to apply: the one asked for, or the only one there is; None where there are none.

    Raises:
        StylizeError: there is no such style, or none was named of several.
    """
    known = ", ".join(about.styles)
    if name is None:
        if len(about.styles) > 1:
            raise StylizeError(f"choose a style with `style`: {known}")
        return about.styles[0] if about.styles else None
    if (found := names.meant(name, about.styles)) is not None:
        return found
    if not about.styles:
        raise StylizeError("the model has no styles: leave out `style`")
    if several := names.candidates(name, about.styles):
        raise StylizeError(f"'{name}' may be one of several styles: {', '.join(several)}")
    if Path(name).suffix.lower() in SUFFIXES:
        if not is_there(name):
            raise files.missing(Path(name))
        raise StylizeError(
            f"{name} is a picture, and here a style of the model is wanted: {known}; stylize "
            "apply learns from pictures"
        )
    if is_folder(name):
        raise StylizeError(f"{name} is a folder: name an image file in it")
    near = difflib.get_close_matches(name.lower(), about.styles, n=1)
    guess = f"did you mean {near[0]}?" if near else f"it has {known}"
    raise StylizeError(f"the model has no style '{name}': {guess}")


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
    margins = [filled(side, about) - side for side in (height, width)]
    batch = np.empty((len(photos), 3, height, width), np.float32)
    for planes, photo in zip(batch, photos, strict=True):
        planes[:] = photo[..., :3].transpose(2, 0, 1)
    if about.grain:
        batch += np.float32(about.grain) * grain.whole(height, width)
    if any(margins):
        batch = np.pad(batch, [(0, 0), (0, 0), *((0, m) for m in margins)], mode="reflect")
    arrays = [batch, np.stack(mixes)] if about.takes_mix else [batch]
    if about.noise_levels:
        size = batch.shape[2], batch.shape[3]
        whole = Stretch.whole(size[0]), Stretch.whole(size[1])
        arrays = with_noise(batch, about.noise_levels, noise, whole, size)
    output = engine.run(*arrays)
    output = clipped(output)
    cropped: Pixels = output[:, :, : height * about.factor, : width * about.factor]
    return list(cropped.transpose(0, 2, 3, 1))


def clipped(output: Pixels) -> Pixels:
    """A network's output within [0, 1].

    Raises:
        StylizeError: some of it is no number.
    """
    least, most = output.min(), output.max()  # no numbers, where there is one that is none
    if not np.isfinite([least, most]).all():
        raise StylizeError(
            "the model makes no picture of it, its values are no numbers: train anew"
        )
    return output if least >= 0 and most <= 1 else output.clip(0, 1)


def with_noise(batch: Pixels, levels: int, noise: Noise, tile: Tile, size: Size) -> list[Pixels]:
    """The photos, averaged to every scale, and noise behind them (Ulyanov et al. 2016, sec. 3).

    Args:
        batch: (B, 3, h, w), a part of the photos.
        levels: scales.
        noise: that is drawn.
        tile: which, halo included.
        size: (H, W) of the whole.
    """
    count, _, height, width = batch.shape
    inputs = []
    for drawn in noise_field.draw((noise.seed,), levels, size, tile):
        rows, columns = drawn.shape[2:]
        blocks = batch.reshape(count, 3, rows, height // rows, columns, width // columns)
        scaled = np.repeat(drawn * np.float32(noise.scale), count, axis=0)
        inputs.append(np.concatenate([blocks.mean((3, 5)), scaled], axis=1))
    return inputs


def filled(side: int, about: About) -> int:
    """A side made long enough for the network, and a multiple of what it wants, in px."""
    enough = max(side, about.least)
    return enough + -enough % about.multiple


@dataclass(frozen=True)
class Finish:
    """What makes a network's output a result, pixel by pixel.

    Attributes:
        strength: share of the output in the mixture with the photo, in [0, 1].
        preserve_color: take colours from the photo, and luminance only from the output.
        is_grey: whether the result has no colours, as the photo.
    """

    strength: float
    preserve_color: bool
    is_grey: bool

    def __call__(self, output: Pixels, photo: Pixels) -> Pixels:
        """Finishes a part of a picture.

        Args:
            output: (f·h, f·w, 3) in [0, 1].
            photo: (h, w, 3) or with alpha (h, w, 4).

        Returns:
            (f·h, f·w, C), with the photo's alpha.
        """
        if self.is_grey:
            output = colours.greyed(_batch(output))[0].transpose(1, 2, 0)
        if self.leaves(photo):
            return output
        base = resampling.resized(photo, size_of(output))
        rgb = base[..., :3]
        if self.preserve_color:
            output = colours.with_luminance(_batch(rgb), _batch(output))[0].transpose(1, 2, 0)
        if self.strength < 1:
            share = np.float32(self.strength)
            output = (1 - share) * rgb + share * output
        return np.concatenate([output, base[..., 3:]], axis=2) if base.shape[2] > 3 else output

    def leaves(self, photo: Pixels | Samples) -> bool:
        """Whether a photo (h, w, C) changes nothing of the output."""
        return self.strength == 1 and not self.preserve_color and photo.shape[2] == 3

    def changes(self, photo: Pixels | Samples) -> bool:
        """Whether the output of a photo (h, w, C) is not the result as it is."""
        return self.is_grey or not self.leaves(photo)


def finishing(
    photo: Pixels | Samples, about: About, *, strength: float, preserve_color: bool
) -> Finish:
    """How the results of a photo are finished; see `finish`."""
    greys = (_is_grey(photo[row : row + ROWS]) for row in range(0, len(photo), ROWS))
    is_grey = (about.factor > 1 or preserve_color) and all(greys)
    return Finish(strength, preserve_color, is_grey)


def _is_grey(photo: Pixels | Samples) -> bool:
    return colours.is_grey(_batch(encoders.floats(photo[..., :3])))


def finish(
    output: Pixels, photo: Pixels, about: About, *, strength: float, preserve_color: bool
) -> Pixels:
    """Makes the network's output a result, rows by rows.

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
    if is_matched(about):
        output = colours.match_histogram(output, photo[..., :3])
    finished = finishing(photo, about, strength=strength, preserve_color=preserve_color)
    if not finished.changes(photo):
        return output
    result = np.empty((*output.shape[:2], photo.shape[2]), np.float32)
    factor = about.factor
    for row in range(0, len(photo), ROWS):
        first, last = max(0, row - NEAR), min(len(photo), row + ROWS + NEAR)
        part = finished(output[factor * first : factor * last], photo[first:last])
        place = result[factor * row : factor * (row + ROWS)]
        place[:] = part[factor * (row - first) :][: len(place)]
    return result


def is_matched(about: About) -> bool:
    """Whether its results get the photo's histogram."""
    return about.factor > 1 and _loss(about) != "pixel"


def _loss(about: About) -> str:
    return str(about.provenance.get("config", {}).get("loss", "feature"))


def _batch(pixels: Pixels) -> Pixels:
    return pixels.transpose(2, 0, 1)[None]
