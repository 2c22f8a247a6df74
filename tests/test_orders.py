"""A cluster's pictures: results are no inputs, no input is overwritten, through links too."""

import glob

import pytest

from stylize_cli.cli import orders
from stylize_cli.cli.console import Console
from stylize_cli.errors import StylizeError


@pytest.fixture
def album(tmp_path):
    """A folder with a picture and a result of an earlier run, and a link to it beside it."""
    folder = tmp_path / "album"
    (folder / "out").mkdir(parents=True)
    (folder / "a.png").touch()
    (folder / "out" / "a-munch.png").touch()
    (tmp_path / "link").symlink_to("album", target_is_directory=True)
    return tmp_path


def found(*sources, painting=""):
    *sources, place = map(str, sources)
    told = Console(quiet=True, json=False)
    tags, kinds = ["munch"], {"is_table": False, "depth": 8}
    return list(orders.found(sources, place, tags, told, **kinds, painting=painting))


@pytest.mark.parametrize("source", ["album", "link"])
@pytest.mark.parametrize("place", ["album/out", "link/out"])
def test_results_within_the_input_folder_are_no_inputs(album, source, place):
    (one,) = found(album / source, album / place)
    assert one.file == str(album / source / "a.png")
    assert one.outputs == [str(album / place / "a-munch.png")]


@pytest.mark.parametrize("source", ["album", "link"])
@pytest.mark.parametrize("place", ["album", "link"])
def test_results_among_the_inputs_are_refused(album, source, place):
    with pytest.raises(StylizeError, match="would be overwritten: name another folder with -o"):
        found(album / source, album / place)


def test_what_a_link_leads_to_is_not_overwritten(album):
    (album / "b.png").symlink_to("album/b-munch.png")
    (album / "album" / "b-munch.png").touch()
    with pytest.raises(StylizeError, match="would be overwritten"):
        found(album / "b.png", album / "link")


@pytest.mark.parametrize("sources", [["a.png", "a-munch.png"], ["*.png"]])
def test_no_input_that_is_named_is_overwritten_by_another_s_result(album, sources):
    (album / "album" / "a-munch.png").touch()
    with pytest.raises(StylizeError, match="would be overwritten"):
        found(*(album / "album" / source for source in sources), album / "link")


def test_a_painting_that_is_learnt_is_not_overwritten(album, monkeypatch):
    monkeypatch.chdir(album)
    with pytest.raises(StylizeError, match="would be overwritten"):
        found("album/a.png", "album/out", painting="link/out/a-munch.png")
    (one,) = found("album/a.png", "album/out", painting="album/out/another.png")
    assert one.outputs == ["album/out/a-munch.png"]


def test_a_glob_is_listed_once(album, monkeypatch):
    listed, listing = [], glob.glob
    monkeypatch.setattr(
        glob, "glob", lambda *of, **how: (listed.append(of), listing(*of, **how))[1]
    )
    (one,) = found(album / "album" / "*.png", album / "link" / "out")
    assert (one.file, len(listed)) == (str(album / "album" / "a.png"), 1)
    with pytest.raises(StylizeError, match=r"no pictures in .*x\*\.png: check the path"):
        found(album / "album" / "x*.png", album / "link" / "out")


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("deep/a.png", "deep/a-munch.png"),
        ("../../etc/a.png", "etc/a-munch.png"),
        ("//etc/./a.png", "etc/a-munch.png"),
        ("a\0b.png", "00000000-munch.png"),
        ("..", "00000000-munch.png"),
        ("/", "00000000-munch.png"),
        ("", "00000000-munch.png"),
        (None, "00000000-munch.png"),
        (7, "00000000-munch.png"),
        (b"a.png", "00000000-munch.png"),
    ],
)
def test_whatever_a_stranger_s_table_calls_a_picture_it_is_a_file_in_the_folder(
    tmp_path, name, output
):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = pyarrow.Table.from_pylist([{"path": name, "bytes": b""}])
    parquet.write_table(rows, tmp_path / "in.parquet")
    (one,) = found(tmp_path / "in.parquet", tmp_path / "out")
    assert one.outputs == [f"{tmp_path}/out/{output}"]
