"""What the benchmarks share."""

import runpy
from pathlib import Path

import pytest
from PIL import Image

INPUTS = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "inputs.py"))


@pytest.mark.parametrize(("size", "wanted"), [((90, 40), (45, 20)), ((20, 30), (30, 45))])
def test_a_picture_is_made_as_large_as_asked_for_and_keeps_its_colour(tmp_path, size, wanted):
    Image.new("CMYK", size, (0, 255, 255, 0)).save(tmp_path / "red.tif")
    made = INPUTS["presized"](tmp_path / "red.tif", tmp_path, long_side=45)
    named = INPUTS["presized"](tmp_path / "red.tif", tmp_path, long_side=45, name="a--b")
    assert [file.name for file in (made, named)] == ["red-45.png", "a--b.png"]
    with Image.open(made) as picture:
        assert (picture.size, picture.mode) == (wanted, "RGB")
        assert picture.getpixel((0, 0)) == (255, 0, 0)


def test_chosen_pictures_lie_in_the_middle_of_equal_parts(tmp_path):
    for name in "abcdefghi":
        (tmp_path / f"{name}.jpg").touch()
    (tmp_path / "readme.txt").touch()
    assert "".join(file.stem for file in INPUTS["spread"](tmp_path, 3)) == "beh"
    assert "".join(file.stem for file in INPUTS["spread"](tmp_path, 9)) == "abcdefghi"
