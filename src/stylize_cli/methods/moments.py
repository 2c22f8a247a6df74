"""Mean and variance of maps that come in tiles."""

import numpy as np

from stylize_cli.arrays import Pixels, Values


class Moments:
    """Statistics of every map over all positions, exact whatever the order (Chan et al. 1979)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Values = np.zeros(1)
        self._squares: Values = np.zeros(1)  # sum of squared differences from the mean

    def add(self, maps: Pixels) -> None:
        """Counts a tile's maps (C, h, w)."""
        count = maps.shape[1] * maps.shape[2]
        means, squares = np.empty(len(maps)), np.empty(len(maps))
        for index, plane in enumerate(maps):
            values = plane.ravel()
            means[index] = values.mean(dtype=np.float64)
            values = values - np.float32(means[index])
            squares[index] = np.dot(values, values)
        total = self._count + count
        shift = means - self._mean
        self._squares = self._squares + squares + shift**2 * (self._count * count / total)
        self._mean = self._mean + shift * (count / total)
        self._count = total

    @property
    def mean(self) -> Pixels:
        """(1, C)."""
        return self._mean[None].astype(np.float32)

    @property
    def variance(self) -> Pixels:
        """(1, C), the population's."""
        return (self._squares / self._count)[None].astype(np.float32)
