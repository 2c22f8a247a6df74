"""A folder of photos -> seeded crops.

Every batch is a function of the seed and its number alone: a training that is resumed sees what it
would have seen, and nothing of it need be saved.
"""

import math
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylize_cli import decoders, devices, files, hardware, limits, paths, ranks
from stylize_cli.errors import StylizeError

FEWEST, MOST = 2, 8  # threads: while one decodes, another reads and cuts
AHEAD = 4  # batches prepared beside the one in use
PILLOW = 4  # bytes of a pixel, RGB too
CPU = torch.device("cpu")


class Album:
    """Photos as decoded, kept while there is memory for them.

    None goes to make room for another: every photo comes once an epoch, so none is worth more. It
    is for crops of one dataset and one size: a larger one may want more of a photo than is kept.

    Args:
        budget: most bytes that the whole program may take; None for what is free.
    """

    def __init__(self, budget: int | None = None) -> None:
        self._budget, self._bytes = budget, 0
        self._photos: dict[int, Image.Image] = {}
        self._lock = threading.Lock()

    def get(self, place: int) -> Image.Image | None:
        """The photo of that place in its dataset, if it is kept."""
        return self._photos.get(place)

    def offer(self, place: int, photo: Image.Image) -> None:
        """Keeps a photo, if a part of the free memory will do for it and all others."""
        free = hardware.available_memory() // ranks.beside()
        if self._budget is not None:
            free = min(free, self._budget - hardware.own_memory())
        size = photo.width * photo.height * PILLOW
        with self._lock:
            if place not in self._photos and self._bytes + size <= free // limits.PHOTOS:
                self._photos[place] = photo
                self._bytes += size


@dataclass(frozen=True)
class Crops:
    """Square crops of photos.

    Attributes:
        files: the photos, or the bytes of their files.
        size: side of a crop, px.
        zoom: least and most that a photo's short side may be of the crop's, drawn anew for every
            crop (never beyond the photo's own, but for photos smaller than the crop); None crops
            the photo as it is.
        flip: mirror every other crop.
        seed: of all that is drawn.
        turn: by a quarter, a half or three quarters, three crops in four.
        album: keeps what was decoded once.
        skipped: files that could not be read, with the reason; grows as they are met.
    """

    files: tuple[Path | bytes, ...]
    size: int
    zoom: tuple[float, float] | None
    flip: bool
    seed: int
    turn: bool = False
    album: Album = field(default_factory=Album)
    skipped: dict[Path | bytes, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def crop(self, number: int) -> Tensor:
        """The crop of that number, (3, size, size) RGB in [0, 1]; see `pixels`."""
        return _unit(self.pixels(number))

    def pixels(self, number: int) -> Tensor:
        """The crop of that number, (3, size, size) RGB, uint8.

        Where its photo cannot be read, the next one that can takes its place.

        Raises:
            StylizeError: no file of the dataset can be read.
        """
        first = shuffled(number, len(self.files), self.seed)
        for step in range(len(self.files)):
            place = (first + step) % len(self.files)
            if self.files[place] in self.skipped:
                continue
            try:
                photo = self._photo(place)
            except StylizeError as error:
                with self._lock:
                    self.skipped[self.files[place]] = str(error)
                continue
            return self._cut(photo, np.random.default_rng((self.seed, number)))
        raise StylizeError("no file of the dataset can be read as an image: check `photos`")

    def _photo(self, place: int) -> Image.Image:
        """The photo of that place, RGB of 8 bits, decoded or kept.

        Raises:
            StylizeError: its file cannot be read.
        """
        if (kept := self.album.get(place)) is not None:
            return kept
        file = self.files[place]
        data = file if isinstance(file, bytes) else files.contents(file)
        name = "a photo" if isinstance(file, bytes) else str(file)
        decoded, _note = decoders.decode_lean(
            data, name=name, least=self._least, extra=decoders.FLOATS
        )
        if decoded.dtype != np.uint8:
            decoded = (decoded[..., :3] * 255).round().astype(np.uint8)
        photo = Image.fromarray(decoded)
        self.album.offer(place, photo)
        return photo

    @property
    def _least(self) -> int | None:
        """Px of a photo's short side that a crop may show."""
        return None if self.zoom is None else math.ceil(self.size * self.zoom[1])

    def _cut(self, photo: Image.Image, random: np.random.Generator) -> Tensor:
        short = min(photo.size)
        wanted = float(short)
        if self.zoom is not None:
            least, most = (self.size * factor for factor in self.zoom)
            wanted = random.uniform(least, max(least, min(most, short)))
        side = short * min(1.0, self.size / wanted)  # of the square cut out of the photo, px
        left, top = (random.uniform(0, length - side) for length in photo.size)
        if self.zoom is None:
            left, top, side = round(left), round(top), round(side)
        square = photo.resize(
            (self.size, self.size), Image.Resampling.BICUBIC, (left, top, left + side, top + side)
        )
        crop = torch.from_numpy(np.array(square)).permute(2, 0, 1)
        crop = crop.flip(2) if self.flip and random.random() < 0.5 else crop
        return crop.rot90(int(random.integers(4)), (1, 2)) if self.turn else crop


def _unit(pixels: Tensor) -> Tensor:
    """Bytes as floats in [0, 1], of the same shape and on the same device."""
    # By a tensor: CUDA divides by a number as it multiplies by its reciprocal, and rounds twice.
    return pixels.float() / torch.full((1,), 255.0, device=pixels.device)


def shuffled(number: int, count: int, seed: int) -> int:
    """Which of `count` things is the `number`-th drawn: each once, in a new order, then again."""
    epoch, place = divmod(number, count)
    return int(_order(count, seed, epoch)[place])


@lru_cache(maxsize=8)
def _order(count: int, seed: int, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng((seed, epoch, count)).permutation(count)


def find(folder: Path) -> paths.FolderContent:
    """The image files in a folder, at any depth, and what of it is left out.

    Raises:
        StylizeError: there is no such folder, or no image in it.
    """
    paths.check_photos(folder)
    found = paths.look_into(folder)
    if not found.files:
        left_out = f" ({found.note})" if found.note else ""
        raise StylizeError(
            f"there are no photos in {folder}{left_out}: give `photos` a folder of photos"
        )
    return found


def workers() -> int:
    """Threads that load photos: half of the processors, for training needs the others."""
    return max(FEWEST, min(MOST, hardware.cores() // (2 * ranks.beside())))


def batches(
    crops: Crops,
    batch_size: int,
    *,
    first: int = 0,
    part: range | None = None,
    device: torch.device = CPU,
) -> Generator[Tensor, None, None]:
    """Batches without end, (B, 3, size, size) RGB in [0, 1], loaded ahead in threads until closed.

    They travel to the device as bytes: a quarter of what floats would take.

    Args:
        crops: the dataset.
        batch_size: of the whole batch.
        first: number of the first batch.
        part: which B samples of every batch are wanted; None for all.
        device: where they are wanted.
    """
    own = range(batch_size) if part is None else part
    numbers = (step * batch_size + place for step in count(first) for place in own)
    pool = ThreadPoolExecutor(workers(), thread_name_prefix="crops")
    try:
        waiting = deque(pool.submit(crops.pixels, next(numbers)) for _ in range(AHEAD * len(own)))
        while True:
            batch = torch.stack([waiting.popleft().result() for _ in own])
            for _ in own:
                waiting.append(pool.submit(crops.pixels, next(numbers)))
            yield _unit(devices.sent(batch, device))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
