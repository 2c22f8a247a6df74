import os
import stat
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylize_cli import files, images
from stylize_cli.errors import StylizeError
from stylize_cli.images import Planes


def random_picture(*, alpha=False, size=(7, 11)):
    generator = torch.Generator().manual_seed(0)
    planes = torch.rand(1, 4, *size, generator=generator)
    return Planes(planes[:, :3], planes[:, 3:] if alpha else None)


def levels_of(tensor):
    """(1, C, H, W) in [0, 1] -> (H, W, C) in 0-255."""
    return torch.floor(tensor[0].permute(1, 2, 0) * 255 + 0.5).numpy()


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
def test_written_picture_reads_back(tmp_path, suffix, alpha):
    picture = random_picture(alpha=alpha)
    images.write(tmp_path / f"a{suffix}", picture)
    back = images.read(tmp_path / f"a{suffix}")
    assert (back.rgb.dtype, back.rgb.shape) == (torch.float32, (1, 3, 7, 11))
    torch.testing.assert_close(back.rgb, picture.rgb, rtol=0, atol=0.5001 / 255)
    assert (back.alpha is None) is not alpha
    if alpha:
        assert back.alpha.shape == (1, 1, 7, 11)
        torch.testing.assert_close(back.alpha, picture.alpha, rtol=0, atol=0.5001 / 255)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_differ_from_eight_by_rounding_only(tmp_path, suffix):
    picture = random_picture(alpha=True)
    images.write(tmp_path / f"a{suffix}", picture, depth=16)
    back = images.read(tmp_path / f"a{suffix}")  # Pillow keeps the high byte
    torch.testing.assert_close(back.rgb, picture.rgb, rtol=0, atol=1.01 / 255)
    torch.testing.assert_close(back.alpha, picture.alpha, rtol=0, atol=1.01 / 255)


def test_planes_are_in_the_order_of_the_file(tmp_path):
    levels = np.random.default_rng(0).integers(1, 256, (5, 8, 4), np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.png")
    picture = images.read(tmp_path / "a.png")
    assert picture.rgb.is_contiguous()
    np.testing.assert_array_equal(levels_of(picture.rgb), levels[..., :3])
    np.testing.assert_array_equal(levels_of(picture.alpha), levels[..., 3:])


def test_of_an_animation_the_first_frame_is_read_and_a_note_says_so(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    picture = images.read(tmp_path / "a.gif")
    assert picture.note == "first of 2 frames"
    assert picture.rgb[0, :, 0, 0].tolist() == [1, 0, 0]


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"junk")
    with pytest.raises(StylizeError, match=r"a\.png is not an image"):
        images.read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("monet.jpg", r"there is no file .*monet\.jpg: did you mean .*Monet\.jpeg\?"),
        ("zebra.webp", r"there is no file .*zebra\.webp: check the path"),
        ("My", r"there is no file .*My: did you mean '.*My photo\.jpg'\?"),
        ("nowhere/monet.jpg", r"there is no file .*folder .*nowhere does not open"),
        (".", "is a folder"),
        ("Monet.jpeg/a.png", "cannot read .*Not a directory"),
    ],
    ids=["near", "far", "unquoted", "no-folder", "folder", "below-a-file"],
)
def test_missing_input_is_explained(tmp_path, asked, said):
    (tmp_path / "Monet.jpeg").touch()
    (tmp_path / "My photo.jpg").touch()
    with pytest.raises(StylizeError, match=said):
        images.read(tmp_path / asked)


def test_input_without_permission_is_explained(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StylizeError, match=r"cannot read .*a\.png \(Permission denied\)"):
        images.read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [
        ((300, 400), 200, (150, 200)),
        ((400, 300), 800, (800, 600)),
        ((512, 512), 100, (100, 100)),
        ((3, 1000), 50, (1, 50)),
        ((333, 500), 512, (341, 512)),
    ],
)
def test_fitted_keeps_the_aspect(size, long_side, expected):
    assert images.fitted(size, long_side) == expected


@pytest.mark.parametrize(
    ("size", "pixels", "expected"),
    [((100, 400), 10_000, (50, 200)), ((10, 10), 400, (20, 20)), ((1, 900), 9, (1, 90))],
)
def test_same_area_keeps_the_aspect(size, pixels, expected):
    assert images.same_area(size, pixels) == expected


@pytest.mark.parametrize("size", [(13, 20), (90, 130), (40, 64), (40, 31)])
@pytest.mark.parametrize("channels", [1, 3])
def test_resize_agrees_with_pillow(size, channels):
    image = torch.rand(1, channels, 40, 64, generator=torch.Generator().manual_seed(0))
    resized = images.resize(image, size)
    for plane, expected in zip(resized[0], image[0], strict=True):
        expected = Image.fromarray(expected.numpy()).resize(size[::-1], Image.Resampling.BICUBIC)
        np.testing.assert_allclose(plane, np.clip(expected, 0, 1), atol=1e-5)


def test_writing_takes_a_tensor_that_carries_gradients(tmp_path):
    picture = random_picture()
    leaf = picture.rgb.clone().requires_grad_()
    for name, one in (("leaf.png", Planes(leaf)), ("plain.png", picture)):
        images.write(tmp_path / name, one)
    assert (tmp_path / "leaf.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_write_makes_folders_and_respects_the_umask(tmp_path):
    path = tmp_path / "new" / "folder" / "a.webp"
    before = os.umask(0o027)
    try:
        images.write(path, random_picture())
    finally:
        os.umask(before)
    assert Image.open(BytesIO(path.read_bytes())).format == "WEBP"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_write_through_a_link_keeps_the_link(tmp_path):
    real, link = tmp_path / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    link.symlink_to(real)
    images.write(link, random_picture())
    assert link.is_symlink()
    assert images.read(real).rgb.shape == (1, 3, 7, 11)


@pytest.mark.parametrize(
    ("failing", "error", "expected"),
    [
        ("sync", OSError(28, "No space left on device"), StylizeError),
        ("replace", PermissionError(13, "Permission denied"), StylizeError),
        ("replace", KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, failing, error, expected
):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_args):
        assert any(file.name.endswith(".part") for file in tmp_path.iterdir())
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(files if failing == "sync" else Path, failing, fail)
        with pytest.raises(expected, match=getattr(error, "strerror", None)):
            images.write(path, random_picture())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_picture_that_cannot_be_encoded_makes_no_folder(tmp_path):
    with pytest.raises(ValueError, match="finite"):
        images.write(tmp_path / "new" / "a.png", Planes(torch.full((1, 3, 4, 4), torch.nan)))
    assert not list(tmp_path.iterdir())


def test_writing_below_a_file_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StylizeError, match="cannot write"):
        images.write(tmp_path / "file" / "a.png", random_picture())


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.bak"])
def test_unknown_suffix_lists_the_known(tmp_path, name):
    for refused in (images.check_writable, images.write):
        with pytest.raises(StylizeError, match=r"must end in one of \.png, \.jpg, .*\.tiff"):
            refused(tmp_path / name, [] if refused is images.check_writable else random_picture())


@pytest.mark.parametrize("make", ["itself", "symlink", "hard link", "other spelling"])
def test_an_input_is_never_the_output(tmp_path, make):
    source, output = tmp_path / "a.png", tmp_path / "b.png"
    source.write_bytes(b"x")
    if make == "itself":
        output = source
    elif make == "symlink":
        output.symlink_to(source)
    elif make == "hard link":
        output.hardlink_to(source)
    else:
        (tmp_path / "sub").mkdir()
        output = tmp_path / "sub" / ".." / "a.png"
    with pytest.raises(StylizeError, match="is an input and would be overwritten"):
        images.check_writable(output, [tmp_path / "missing.png", source])


def test_existing_output_and_missing_folders_are_fine(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()
    images.check_writable(tmp_path / "b.png", [tmp_path / "a.png"])
    images.check_writable(tmp_path / "new" / "folder" / "c.jpg", [tmp_path / "a.png"])
    assert not (tmp_path / "new").exists()


def test_output_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(StylizeError, match="is a folder"):
        images.check_writable(tmp_path / "a.png", [])


def test_depth_is_checked_before_the_work(tmp_path):
    images.check_writable(tmp_path / "a.png", [], depth=16)
    with pytest.raises(StylizeError, match="`depth` 8"):
        images.check_writable(tmp_path / "a.jpg", [], depth=16)


def test_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, _mode: Path(folder) != tmp_path)
    with pytest.raises(StylizeError, match="its folder is not writable"):
        images.check_writable(tmp_path / "new" / "a.png", [])


def test_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "a.png", tmp_path / "file" / "deep" / "a.png"):
        with pytest.raises(StylizeError, match="file is a file, no folder; choose another"):
            images.check_writable(place, [])


def test_importing_does_not_load_torch():
    code = "import sys, stylize_cli.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("below", [16, 17, 512, 10**20])
@pytest.mark.parametrize("most", [0, 15, 16, 100, 511, 10**19])
def test_the_longest_side_that_fits_is_found_in_few_looks(below, most):
    looks = []

    def fits(side):
        looks.append(side)
        return side <= most

    expected = min(most // 16 * 16, (below - 1) // 16 * 16)
    assert images.longest(fits, below) == expected
    assert len(looks) < 70


def test_what_mps_cannot_filter_is_filtered_on_the_cpu(picture):
    image, sent = picture(12, 16), []

    class OnMps:
        device, shape = torch.device("mps"), image.shape

        def cpu(self):
            return image

    class Sent(torch.Tensor):
        def to(self, device):
            sent.append(device.type)
            return self

    image = image.as_subclass(Sent)
    found = images.resize(OnMps(), (6, 8))
    torch.testing.assert_close(
        found.as_subclass(torch.Tensor), images.resize(picture(12, 16), (6, 8))
    )
    assert sent == ["mps"]
