import numpy as np
import pytest
import torch

from stylize_cli import sheets
from stylize_cli.sheets import MARGIN

HEIGHT = 12


def whole_levels(picture):
    """The picture in the 255 steps that a sheet has."""
    return (picture * 255).round() / 255


def place(sheet, picture):
    """(top, left) of the one place where the sheet shows the picture."""
    height, width = picture.shape[2:]
    windows = sheet[0].unfold(1, height, 1).unfold(2, width, 1)  # (3, tops, lefts, height, width)
    off = (windows - picture[0, :, None, None]).abs().amax(dim=(0, 3, 4))
    ((top, left),) = (off < 1e-6).nonzero().tolist()
    return top, left


@pytest.fixture
def rows(picture):
    sizes = ((30, 34), (38,))
    return [
        [(str(width), whole_levels(picture(HEIGHT, width, seed=width))) for width in row]
        for row in sizes
    ]


def test_pictures_stand_in_rows_with_a_margin_around_each(rows):
    sheet = sheets.contact_sheet(rows, height=HEIGHT)
    ((_, one), (_, two)), ((_, three),) = rows
    places = [place(sheet, picture) for picture in (one, two, three)]
    (top, left), (top_two, left_two), (top_three, left_three) = places
    assert top == top_two
    assert left == left_three == MARGIN
    assert left_two == left + 30 + MARGIN
    assert top_three > top + HEIGHT + MARGIN
    height, width = sheet.shape[2:]
    assert width == left_two + 34 + MARGIN
    assert height >= top_three + HEIGHT + MARGIN
    assert sheet.shape[:2] == (1, 3)
    assert sheet.dtype == torch.float32


def test_each_label_is_dark_on_white_above_its_picture(rows):
    def blank(cells):
        return [[("", picture) for _, picture in row] for row in cells]

    labelled, bare = (sheets.contact_sheet(r, height=HEIGHT) for r in (rows, blank(rows)))
    assert labelled.shape == bare.shape
    inked = (labelled != bare).any(dim=1)[0]
    for row in rows:
        for _, picture in row:
            top, left = place(bare, picture)
            above = inked[:top, left:]
            assert above.any()
            assert place(labelled, picture) == (top, left)
    assert labelled[:, :, inked].max() < 1
    assert bare[..., :MARGIN].min() == 1


def test_pictures_are_scaled_to_one_height(picture):
    flat = torch.tensor([0.2, 0.4, 0.8]).view(1, 3, 1, 1)
    sheet = sheets.contact_sheet(
        [[("", flat.expand(1, 3, 24, 40)), ("", picture(6, 6))]], height=HEIGHT
    )
    assert sheet.shape[3] == 20 + 12 + 3 * MARGIN
    place(sheet, flat.expand(1, 3, HEIGHT, 20))


def test_a_label_longer_than_its_picture_is_whole():
    """It has as many inked columns as on a sheet wide enough for it."""
    inked = []
    for width in (10, 100):
        sheet = sheets.contact_sheet([[("relu1_1", torch.ones(1, 3, 40, width))]], height=40)
        inked.append((sheet < 1).any(dim=1)[0].any(dim=0).sum())
    assert inked[0] == inked[1]


def test_a_label_a_little_too_long_does_not_widen_its_column():
    picture = torch.ones(1, 3, 200, 320)
    names = ("a", "aic-seurat-oil-sketch-for-a-sunday-on-la-grande-jat")
    short, long = (sheets.contact_sheet([[(name, picture)]], height=200) for name in names)
    assert short.shape == long.shape
    assert (long < 1).any()


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((30, 40), (256, 341)),
        ((2, 600), (3, 1024)),
        ((600, 2), (256, 1)),
        ((5000, 20000), (256, 1024)),
    ],
)
def test_a_thin_picture_takes_no_more_room_than_its_cell(size, drawn):
    assert sheets.fitted(size, 256) == drawn
    sheet = sheets.draw(
        [[("a", np.zeros((1, 3, *(min(side, 700) for side in size)), np.float32))]], height=256
    )
    assert sheet.shape[0] < 320
    assert sheet.shape[1] <= 1024 + 2 * sheets.MARGIN


@pytest.mark.parametrize("corner", range(4))
def test_a_table_s_corners_have_their_names_beside_them(corner):
    """Ink where the name is, and nowhere else; the table itself is as it was."""
    table = np.full((30, 301, 3), 0.25, np.float32)
    names = ["name" if index == corner else "" for index in range(4)]
    sheet = sheets.cornered(table, names)
    assert np.array_equal(sheet[sheets.BAND : -sheets.BAND], table)
    bands = sheet[: sheets.BAND], sheet[-sheets.BAND :]
    ink = [(band.min(axis=(0, 2)) < 0.5).nonzero()[0] for band in bands]
    written = [
        half for columns in ink for half in (columns[columns < 150], columns[columns >= 150])
    ]
    assert [len(half) > 0 for half in written] == [bool(name) for name in names]
    assert written[corner].min() < 10 if corner % 2 == 0 else written[corner].max() > 290


def test_names_longer_than_their_half_of_a_table_are_whole_and_apart():
    """All their ink is there, as above a wide table, and white between them."""
    names, wide = ["much too long a name", "as long as the other", "", ""], 600
    table = np.full((8, 40, 3), 0.25, np.float32)
    sheet = sheets.cornered(table, names)
    one, other = (
        sheets.cornered(np.ones((8, wide, 3), np.float32), [*given, "", ""])[: sheets.BAND]
        for given in ((names[0], ""), ("", names[1]))
    )
    half = sheet.shape[1] // 2
    left, right = sheet[: sheets.BAND, :half], sheet[: sheets.BAND, half:]
    assert np.array_equal(left, one[:, :half])
    assert np.array_equal(right, other[:, wide - right.shape[1] :])
    assert (left < 0.5).sum() == (one < 0.5).sum()
    assert (right < 0.5).sum() == (other < 0.5).sum()
    assert left[:, -1].min() == right[:, 0].min() == 1
    middle = (sheet.shape[1] - 40) // 2
    assert np.array_equal(sheet[sheets.BAND : -sheets.BAND, middle : middle + 40], table)


def test_a_label_with_accents_is_drawn_without_them():
    picture = torch.zeros(1, 3, 16, 64)
    accented, plain = (
        sheets.contact_sheet([[(name, picture)]], height=HEIGHT) for name in ("Café", "Cafe")
    )
    assert accented.equal(plain)
