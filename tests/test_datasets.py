import math
import threading
import time
import warnings
from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from stylize_cli import datasets, decoders, hardware, paths, ranks
from stylize_cli.datasets import Album, Crops
from stylize_cli.errors import StylizeError

GREYS = (20, 60, 100, 140, 180)


@pytest.fixture
def save(tmp_path):
    """save(name, pixels) -> path; makes folders."""

    def write(name, pixels):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def greys(save):
    """Five photos, each of one grey."""
    return tuple(save(f"{grey:03}.png", np.full((20, 24, 3), grey)) for grey in GREYS)


@pytest.fixture
def noise(save):
    """Three photos of noise."""
    random = np.random.default_rng(0)
    shapes = ((20, 31, 3), (40, 20, 3), (25, 25, 3))
    return tuple(save(f"{k}.png", random.integers(0, 256, s)) for k, s in enumerate(shapes))


def crops_of(files, size=8, *, zoom=(1.0, 2.0), flip=True, seed=0):
    return Crops(tuple(files), size, zoom, flip, seed)


def grey_of(crop):
    return round(255 * crop.mean().item())


def place():
    """A photo whose red says the row and whose green says the column."""
    rows, columns = np.mgrid[:30, :50]
    return np.stack([rows * 8, columns * 5, np.zeros_like(rows)], axis=2)


# Which photo.


@pytest.mark.parametrize("seed", range(3))
def test_every_photo_comes_once_an_epoch_and_in_a_new_order(greys, seed):
    crops = crops_of(greys, seed=seed)
    epochs = [tuple(grey_of(crops.crop(5 * e + k)) for k in range(5)) for e in range(6)]
    assert all(sorted(epoch) == sorted(GREYS) for epoch in epochs)
    assert len(set(epochs)) > 1


def test_another_seed_is_another_order_and_other_crops(noise):
    a, b = (torch.stack([crops_of(noise, seed=s).crop(k) for k in range(6)]) for s in (0, 1))
    assert not torch.equal(a, b)


def test_a_batch_is_a_function_of_its_number_alone(noise):
    def several(first, count):
        return list(islice(datasets.batches(crops_of(noise), 2, first=first), count))

    whole = several(0, 9)
    for first in (1, 4, 8):
        for got, want in zip(several(first, 9 - first), whole[first:], strict=True):
            assert torch.equal(got, want)
    crops = crops_of(noise)  # in any order, by anyone
    backwards = [crops.crop(k) for k in reversed(range(18))]
    assert torch.equal(torch.stack(backwards[::-1]), torch.cat(whole))


def test_fewer_photos_than_a_batch_come_again(greys):
    batch = next(datasets.batches(crops_of(greys[:2]), 5))
    assert batch.shape == (5, 3, 8, 8)
    assert sorted(Counter(map(grey_of, batch)).values()) == [2, 3]


def test_nothing_draws_from_the_global_generators(noise):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    next(datasets.batches(crops_of(noise), 2))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


# Which part of it.


def test_without_zoom_a_crop_is_a_part_of_the_photo_pixel_by_pixel(save):
    photo = place()
    crops = crops_of([save("place.png", photo)], 12, zoom=None)
    corners = set()
    for number in range(300):
        pixels = (255 * crops.crop(number).permute(1, 2, 0)).round().int().numpy()
        if pixels[0, 0, 1] > pixels[0, -1, 1]:
            pixels = pixels[:, ::-1]
        top, left = pixels[0, 0, 0] // 8, pixels[0, 0, 1] // 5
        assert np.array_equal(pixels, photo[top : top + 12, left : left + 12])
        corners.add((top, left))
    assert len(corners) > 200
    assert {0, 18} <= {top for top, _ in corners}  # up to both borders


@pytest.mark.parametrize(
    ("zoom", "size", "least", "most"),
    [
        ((1.0, 1.0), 10, 30, 30),
        ((1.0, 2.0), 10, 15, 30),
        ((2.0, 4.0), 10, 10, 15),  # no further than the photo's own pixels
        ((1.0, 2.0), 40, 30, 30),  # a photo smaller than the crop
        (None, 40, 30, 30),
    ],
)
def test_zoom_says_how_much_of_the_photo_a_crop_shows(save, zoom, size, least, most):
    crops = crops_of([save("place.png", place())], size, zoom=zoom, flip=False)
    sides = []
    for number in range(40):
        crop = crops.crop(number)
        assert crop.shape == (3, size, size)
        inner = crop[1, size // 2, 2:-2]  # away from what the filter does at the border
        slope = (inner[-1] - inner[0]).item() * 255 / 5 / (len(inner) - 1)
        sides.append(slope * size)
    assert min(sides) > 0.93 * least
    assert max(sides) < 1.07 * most
    if least < most:
        assert max(sides) - min(sides) > 0.6 * (most - least)


@pytest.mark.parametrize(("flip", "least", "most"), [(True, 70, 130), (False, 0, 0)])
def test_flip_mirrors_half_of_the_crops(save, flip, least, most):
    crops = crops_of([save("place.png", place())], 12, flip=flip)
    mirrored = sum(bool(c[1, 5, 0] > c[1, 5, -1]) for c in map(crops.crop, range(200)))
    assert least <= mirrored <= most


@pytest.mark.parametrize("maps", [(), (3,), (4,)], ids=["grey", "RGB", "RGBA"])
def test_a_photo_of_any_mode_becomes_rgb_between_0_and_1(save, maps):
    pixels = np.full((20, 24, *maps), 255)
    crop = crops_of([save("one.png", pixels)]).crop(0)
    assert crop.dtype == torch.float32
    torch.testing.assert_close(crop, torch.ones(3, 8, 8))


# What is kept of it.


def by_floats(photo, size, zoom, seed, number):
    """A crop as the formula says it: the photo decoded to floats, cut as bytes, divided by 255."""
    pixels, _ = decoders.decode(photo.read_bytes(), name="", least=math.ceil(size * zoom[1]))
    image = Image.fromarray((pixels[..., :3] * 255).round().astype(np.uint8))
    random, short = np.random.default_rng((seed, number)), min(image.size)
    least, most = size * zoom[0], size * zoom[1]
    side = short * min(1.0, size / random.uniform(least, max(least, min(most, short))))
    left, top = (random.uniform(0, length - side) for length in image.size)
    box = (left, top, left + side, top + side)
    found = np.array(image.resize((size, size), Image.Resampling.BICUBIC, box), np.float32) / 255
    return torch.from_numpy(found[:, ::-1].copy() if random.random() < 0.5 else found)


@pytest.mark.parametrize("maps", [3, 4], ids=["opaque", "transparent"])
def test_crops_are_bit_by_bit_the_same_kept_or_not(save, maps):
    random = np.random.default_rng(0)
    photo = save("photo.png", random.integers(0, 256, (50, 70, maps)))
    kept, fresh = crops_of([photo], 16), crops_of([photo], 16)
    for number in range(8):
        want = by_floats(photo, 16, (1.0, 2.0), 0, number).permute(2, 0, 1)
        fresh = replace(fresh, album=Album(budget=0))
        for crops in (kept, fresh):
            assert torch.equal(crops.crop(number), want)
            assert torch.equal(next(datasets.batches(crops, 1, first=number))[0], want)


@pytest.mark.parametrize(("free", "read"), [(10**9, 2), (16 * 4 * 50 * 70, 5), (0, 8)])
def test_a_photo_is_decoded_once_while_there_is_memory_to_keep_it(save, monkeypatch, free, read):
    photos = [save(f"{name}.png", np.full((50, 70, 3), 99)) for name in "ab"]
    decoded, decode = [], decoders.decode_lean

    def noted(data, *, name, **options):
        decoded.append(name)
        return decode(data, name=name, room=10**9, **options)

    monkeypatch.setattr(decoders, "decode_lean", noted)
    monkeypatch.setattr(hardware, "available_memory", lambda: free)
    crops = crops_of(photos)
    for number in range(8):
        crops.crop(number)
    # Threads of batches that were closed before this may still decode other photos.
    assert len([name for name in decoded if name in map(str, photos)]) == read


@pytest.mark.parametrize(
    ("cores", "beside", "threads"), [(1, 1, 2), (2, 1, 2), (16, 1, 8), (200, 1, 8), (16, 2, 4)]
)
def test_threads_are_as_many_as_there_are_processors_for(monkeypatch, cores, beside, threads):
    monkeypatch.setattr(hardware, "cores", lambda: cores)
    monkeypatch.setattr(ranks, "beside", lambda: beside)
    assert datasets.workers() == threads


# What is in the folder.


def test_photos_are_found_at_any_depth_whatever_the_case_of_their_suffix(save, tmp_path):
    names = ("a.png", "deep/er/b.JPG", "deep/c.webp", "z.tif")
    want = [save(name, np.zeros((4, 4, 3))) for name in names]
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    assert datasets.find(tmp_path / "photos").files == tuple(sorted(want))


def test_a_folder_that_is_missing_or_without_photos_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    said = {"none": "there is no folder", "notes.txt": "no folder", "empty": "there are no photos"}
    for name, text in said.items():
        with pytest.raises(StylizeError, match=f"{text}.*`photos`"):
            datasets.find(tmp_path / name)


def test_a_folder_of_nothing_but_heic_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "reads_heif", lambda: False)
    (tmp_path / "a.heic").touch()
    with pytest.raises(StylizeError, match=r"no photos in .*1 HEIC file is left out: pip install"):
        datasets.find(tmp_path)


@pytest.fixture
def damaged(noise, tmp_path):
    """Files that only look like photos."""
    folder = tmp_path / "photos"
    contents = {"text.jpg": b"no photo", "empty.png": b"", "cut.png": noise[0].read_bytes()[:200]}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "folder.jpg").mkdir()
    (folder / "link.png").symlink_to("nowhere.png")
    return tuple(folder / name for name in (*contents, "folder.jpg", "link.png"))


def test_what_cannot_be_read_is_skipped_named_and_replaced(greys, damaged):
    crops = crops_of((*damaged, *greys))
    batches = datasets.batches(crops, 5)
    seen = Counter(grey_of(crop) for batch in islice(batches, 20) for crop in batch)
    batches.close()
    assert set(seen) == set(GREYS)
    assert set(crops.skipped) == set(damaged)
    assert all(str(file) in reason for file, reason in crops.skipped.items())
    again = crops_of((*damaged, *greys))
    for number in (3, 99):  # who was skipped before does not matter
        assert torch.equal(again.crop(number), crops.crop(number))


def test_a_dataset_of_nothing_readable_is_refused(damaged):
    with pytest.raises(StylizeError, match=r"no file of the dataset can be read.*`photos`"):
        next(datasets.batches(crops_of(damaged), 2))


# Threads.


def loaders():
    return [thread for thread in threading.enumerate() if thread.name.startswith("crops")]


@pytest.mark.parametrize("end", ["closed", "failed", "forgotten"])
def test_the_threads_end_with_the_iterator(noise, damaged, end):
    batches = datasets.batches(crops_of(damaged if end == "failed" else noise), 2)
    if end == "failed":
        with pytest.raises(StylizeError):
            next(batches)
    else:
        next(batches)
        assert loaders()
    if end == "closed":
        batches.close()
    del batches
    patience = time.monotonic() + 10
    while loaders() and time.monotonic() < patience:
        time.sleep(0.01)
    assert not loaders()


def test_photos_are_decoded_side_by_side(greys, monkeypatch):
    """No lock is around it: each waits here until another one is in there too."""
    monkeypatch.setattr(hardware, "cores", lambda: 2)
    both = threading.Barrier(datasets.workers(), timeout=20)
    decode, met = decoders.decode_lean, []

    def together(*arguments, **options):
        if not met:
            both.wait()
            met.append(1)
        return decode(*arguments, **options)

    monkeypatch.setattr(decoders, "decode_lean", together)
    before = list(warnings.filters)
    for _ in islice(datasets.batches(crops_of(greys), 2), 3):
        pass
    assert met
    assert warnings.filters == before


def test_crops_are_turned_by_quarters_and_no_other_is_drawn(noise):
    plain, turned = (replace(crops_of(noise, zoom=None), turn=turn) for turn in (False, True))
    turns = Counter()
    for number in range(80):
        want, got = plain.crop(number), turned.crop(number)
        turns[next(k for k in range(4) if torch.equal(want.rot90(k, (1, 2)), got))] += 1
    assert all(turns[k] > 8 for k in range(4))


def test_no_more_of_a_photo_is_decoded_than_a_crop_shows(save, monkeypatch):
    photo = save("large.jpg", np.full((640, 900, 3), 99))
    sizes, decode = [], decoders.decode_lean

    def noted(*arguments, **options):
        pixels, note = decode(*arguments, **options)
        sizes.append(pixels.shape[:2])
        return pixels, note

    monkeypatch.setattr(decoders, "decode_lean", noted)
    for zoom in ((1.0, 2.0), None):
        assert crops_of([photo], 40, zoom=zoom).crop(0).shape == (3, 40, 40)
    assert sizes == [(160, 225), (640, 900)]
