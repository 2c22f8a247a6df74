"""Strokes larger or smaller than a network's own, in results of the same size."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stylize_cli.arrays import Pixels
from stylize_cli.engines import About, Engine, Piece
from stylize_cli.errors import StylizeError
from stylize_cli.methods import feedforward, resampling

UPSCALER = "sr4"  # the bundled network that brings results back to their size
LEAST, MOST = 0.25, 4.0  # times the network's own strokes


class Stroked:
    """An engine that is given photos at another size than its results have.

    A network's strokes have a size in pixels. So it paints the photo smaller, and the strokes grow
    as super-resolution brings the result back to its size; interpolation would blur them. Finer
    strokes come from a larger photo.

    Args:
        engine: runs a network that paints photos.
        upscaler: runs one of super-resolution.
        scale: how many times as large the strokes become.

    Raises:
        StylizeError: the network's size of strokes cannot be chosen.
    """

    def __init__(self, engine: Engine, upscaler: Engine, scale: float) -> None:
        about = engine.about
        if about.factor > 1 or about.noise_levels:
            raise StylizeError(
                f"a model of method '{about.method}' has no strokes whose size could be chosen: "
                "leave out `stroke_size`"
            )
        self.engine, self.upscaler, self.scale = engine, upscaler, scale
        self.name, self.device, self.precision = engine.name, engine.device, engine.precision
        self.threads, self.note = engine.threads, engine.note
        self.about: About = replace(about, grain=0.0)  # which is laid where the network paints

    def run(self, *arrays: Pixels) -> Pixels:
        """Runs a batch; see `Engine.run`."""
        photos, *mixes = arrays
        size = photos.shape[2], photos.shape[3]
        small = [resampling.resized(one.transpose(1, 2, 0), self._seen(size)) for one in photos]
        painted = feedforward.forward(self.engine, small, list(mixes[0]) if mixes else [])
        results = [resampling.resized(self._enlarged(one), size) for one in painted]
        return np.stack(results).transpose(0, 3, 1, 2)

    def bytes_needed(self, size: tuple[int, int], batch: int = 1) -> int:
        """See `Engine.bytes_needed`."""
        seen = self._seen(size)
        painting = self.engine.bytes_needed(seen, batch)
        return max(painting, self.upscaler.bytes_needed(seen)) if self.scale > 1 else painting

    def pieces(self) -> Sequence[Piece]:
        """Refuses: a picture with other strokes is painted whole.

        Raises:
            StylizeError: always.
        """
        raise _whole()

    def measured(self, *_arrays: Pixels) -> Engine:
        """Refuses, as `pieces` does."""
        raise _whole()

    def _seen(self, size: Sequence[int]) -> tuple[int, int]:
        """The (height, width) at which the network is given a photo."""
        height, width = (max(1, round(side / self.scale)) for side in size)
        return height, width

    def _enlarged(self, painted: Pixels) -> Pixels:
        if self.scale <= 1:
            return painted
        (large,) = feedforward.forward(self.upscaler, [painted], [])
        about = self.upscaler.about
        return feedforward.finish(large, painted, about, strength=1.0, preserve_color=False)


def _whole() -> StylizeError:
    return StylizeError(
        "with `stroke_size` a picture is painted whole, and memory will not do: use a smaller "
        "`size`, or leave out `stroke_size`"
    )
