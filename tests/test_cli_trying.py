"""`optimize --try` and `models show`: sheets, with a picture under every label."""

import numpy as np
import pytest
from PIL import Image

from stylize_cli import decoders, sheets
from stylize_cli.cli import trying
from stylize_cli.errors import StylizeError

pytest_plugins = ["commandline", "nets"]

RUN = ["optimize", "photo.png", "style.png", "--iterations", 2, "--precision", "float32"]


@pytest.fixture
def drawn(monkeypatch):
    """Lists the cells of every sheet, in rows."""
    calls, draw = [], sheets.draw

    def spy(rows, *, height):
        calls.append(rows)
        return draw(rows, height=height)

    monkeypatch.setattr(sheets, "draw", spy)
    return calls


@pytest.mark.usefixtures("loaded", "photo", "style")
def test_values_of_an_option_are_tried_on_one_sheet(stylize, drawn, pixels):
    ran = stylize(*RUN, "--size", 32, "--try", "content-weight=0.3,1,30", "--json")
    record = ran.record
    assert (ran.code, record["output"]) == (0, "photo-style-try-content-weight.png")
    assert (record["tried"], record["values"]) == ("content-weight", [0.3, 1, 30])
    cells = dict(cell for row in drawn[0] for cell in row)
    assert list(cells) == [f"content-weight {value}" for value in ("0.3", "1", "30")]
    assert pixels(record["output"]).shape == (record["height"], record["width"], 3)
    # What is tried is what the option makes by itself.
    alone = stylize(*RUN, "--size", 32, "--content-weight", 30)
    made = 255 * cells["content-weight 30"][0].transpose(1, 2, 0)
    assert abs(pixels(alone.line) - made).max() <= 1
    assert abs(cells["content-weight 30"] - cells["content-weight 0.3"]).mean() > 0.001


@pytest.mark.usefixtures("loaded", "style")
def test_the_photo_s_metadata_are_kept_on_request_alone(stylize, tmp_path):
    exif = Image.Exif()
    exif[0x0132] = "2024:01:02 03:04:05"
    Image.new("RGB", (32, 24), "teal").save(tmp_path / "photo.png", exif=exif)
    run = [*RUN, "--size", 32, "--try", "tv-weight=0,1", "-o", "sheet.jpg"]
    for options, date in (([], None), (["--keep-metadata"], "2024:01:02 03:04:05")):
        assert stylize(*run, *options).code == 0
        with Image.open(tmp_path / "sheet.jpg") as made:
            assert made.getexif().get(0x0132) == date


@pytest.mark.usefixtures("loaded", "photo", "style")
def test_a_sheet_in_the_making_is_kept_after_ctrl_c(stylize, drawn, interrupt):
    interrupt(4)  # in the second picture
    ran = stylize(*RUN, "--size", 32, "--scales", 1, "--try", "tv-weight=0,1,2", "--json")
    assert (ran.code, ran.record["output"]) == (130, "photo-style-try-tv-weight.png")
    labels = [label for row in drawn[0] for label, _ in row]
    assert labels in (["tv-weight 0"], ["tv-weight 0", "tv-weight 1"])
    assert ran.record["values"] == [0, 1][: len(labels)]
    assert ran.err.endswith(f"interrupted: {len(labels)} of 3 values painted\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size=1,2", "--try cannot vary 'size': write --try content-weight=0.3,1,3, with one of"),
        ("content-weight", "--try 'content-weight' is no list of numbers: write content-weight=0"),
        ("iterations=1.5", "--try 'iterations=1.5' is no list of numbers: write iterations=50,"),
        ("balance=" + ",".join("1" * 13), "--try takes 12 values at most, not 13"),
    ],
)
def test_what_cannot_be_tried_is_refused(text, said):
    with pytest.raises(StylizeError, match=f"^{said}"):
        trying.parse(text)


@pytest.mark.usefixtures("loaded", "photo", "style")
def test_all_values_are_looked_at_before_the_first_is_tried(refused):
    assert "balance" in refused(*RUN, "--try", "balance=0.5,2")
    assert refused(*RUN, "--try", "balance=0.5", "--save-every", 1).startswith("--try draws one")
    said = refused(*RUN, "--try", "tv_weight=0,1", "--tv-weight", 2)
    assert said == "--try gives tv-weight its values: leave out --tv-weight"


@pytest.mark.usefixtures("conversions")
def test_a_model_s_styles_are_shown_on_a_sheet(stylize, refused, net, drawn, photo, tmp_path):
    net(name="net.pt")
    ran = stylize("models", "show", "net.pt", "--photo", photo)
    assert (ran.code, ran.out) == (0, b"net-styles.png\n")
    cells = dict(cell for row in drawn[0] for cell in row)
    assert list(cells) == ["monet", "munch", "hokusai"]
    run = ["apply", "net.pt", photo, "--style", "munch", "--size", 320, "-o", "a.png"]
    assert stylize(*run).code == 0
    with Image.open(tmp_path / "a.png") as alone:
        made = np.asarray(alone) / 255
    assert abs(cells["munch"][0].transpose(1, 2, 0) - made).max() < 0.05
    assert refused("models", "show", "net.pt").startswith("net-styles.png is there already")


@pytest.mark.usefixtures("conversions")
def test_the_photo_of_a_sheet_is_decoded_once_and_may_come_through_a_pipe(
    stylize, net, photo, tmp_path, monkeypatch
):
    net(name="net.pt")
    decoded, decode = [], decoders.decode_lean
    monkeypatch.setattr(
        decoders, "decode_lean", lambda data, **o: (decoded.append(data), decode(data, **o))[1]
    )
    data = photo.read_bytes()
    for given, name in ((photo, "a.png"), ("-", "b.png")):
        assert (
            stylize("models", "show", "net.pt", "--photo", given, "-o", name, stdin=data).code == 0
        )
    assert decoded == [data, data]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.usefixtures("conversions")
def test_a_model_without_styles_shows_none(stylize, net):
    net("upscaler", name="sr.pt")
    ran = stylize("models", "show", "sr.pt")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith("error: sr.pt has no styles to show")


@pytest.mark.usefixtures("conversions")
def test_a_texture_is_shown_on_no_photo(stylize, pyramid, photo):
    pyramid()
    ran = stylize("models", "show", "brick.pt", "--photo", photo)
    said = "error: brick.pt makes textures of noise: leave out --photo\n"
    assert (ran.code, ran.err) == (2, said)


def test_pictures_are_laid_out_about_square():
    cells = [(str(number), np.zeros((2, 3, 4), np.float32)) for number in range(5)]
    rows = sheets.grid(cells)
    assert [[label for label, _ in row] for row in rows] == [["0", "1", "2"], ["3", "4"]]
    assert rows[0][0][1].shape == (1, 3, 2, 3)
