"""Folders of many pictures: listed as they are worked on, shared out, and gone on with."""

import glob
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

import stylize_cli
from stylize_cli.cli import admission, batches
from stylize_cli.cli.admission import Choice, Queue
from stylize_cli.cli.console import Console
from stylize_cli.errors import StylizeError

pytest_plugins = ["commandline", "nets"]

FOLDERS, FILES = 50, 400
QUICK = ["--precision", "float32", "--threads", "1"]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """20,000 empty files in fifty folders."""
    root = tmp_path_factory.mktemp("many")
    for folder in range(FOLDERS):
        (root / f"{folder:02}").mkdir()
        for number in range(FILES):
            (root / f"{folder:02}" / f"{number:03}.jpg").touch()
    return root


def queue(root, output, **choice):
    planned = batches.plan([str(root)], f"{output}/", ["net"], Console(quiet=True), depth=8)
    return Queue(planned, Choice(8, **choice), Console(quiet=True))


def test_the_first_picture_comes_long_before_the_last_is_listed(many, tmp_path, monkeypatch):
    opened, scan = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: (opened.append(folder), scan(folder))[1])
    waiting = queue(many, tmp_path)
    first = next(iter(waiting))
    assert first.source == str(many / "00" / "000.jpg")
    assert waiting.total is None
    assert len(opened) <= admission.BLOCK / FILES + 3


def test_memory_does_not_grow_with_the_folder(many, tmp_path):
    waiting = iter(queue(many, tmp_path))
    for _ in range(admission.BLOCK + 1):
        next(waiting)
    tracemalloc.start()
    left = sum(1 for _ in waiting)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left == FOLDERS * FILES - admission.BLOCK - 1
    block = (
        1700 * admission.BLOCK
    )  # bytes, of paths of any usual length: what is looked at together
    assert peak < block + 100 * left


def test_shares_are_disjoint_and_all_of_it_whoever_lists(many, tmp_path):
    shares = [
        [item.source for item in queue(many, tmp_path, first=k, step=7)] for k in (0, 3, 6, 3)
    ]
    every = sorted(map(str, many.rglob("*.jpg")))
    assert shares[1] == shares[3]
    assert [shares[0], shares[1], shares[2]] == [every[k::7] for k in (0, 3, 6)]


def test_results_beside_their_photos_are_kept_and_are_no_photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "a-net.png", "b.png", "c-net.png"):
        Path(name).touch()

    def left(source, output, **choice):
        console = Console(quiet=True)
        planned = batches.plan([source], output, ["net"], console, depth=8, labelled=True)
        return [Path(item.source).name for item in Queue(planned, Choice(8, **choice), console)]

    for source, output in ((".", None), (str(tmp_path), None), (".", f"{tmp_path}/")):
        assert left(source, output, skips=True) == ["b.png", "c-net.png"]
    assert [left(".", None, skips=True, first=k, step=2) for k in (0, 1)] == [
        ["b.png"],
        ["c-net.png"],
    ]
    with pytest.raises(StylizeError, match=r"^a-net.png is an input .* -o, or keep it with --skip"):
        left(".", None)
    with pytest.raises(StylizeError, match=r"a-net.png is an input and would be overwritten"):
        queue(".", ".", skips=True)  # each under its own name


def test_a_folder_of_results_alone_is_nothing_to_do(tmp_path):
    (tmp_path / "album" / "out").mkdir(parents=True)
    (tmp_path / "album" / "out" / "a.png").touch()
    assert list(queue(tmp_path / "album", tmp_path / "album" / "out")) == []


@pytest.fixture
def album(picture, tmp_path):
    """album/ of nine small pictures, and net.pt of one style."""
    (tmp_path / "album").mkdir()
    pixels = (picture(12, 16)[0].permute(1, 2, 0) * 255).byte().numpy()
    for number in range(9):
        Image.fromarray(pixels).save(tmp_path / "album" / f"{number}.png")
    return tmp_path / "album"


@pytest.mark.usefixtures("conversions", "album")
def test_what_cannot_be_made_late_in_a_large_folder_fails_alone(
    stylize, net, monkeypatch, tmp_path
):
    net("johnson", name="net.pt")
    monkeypatch.setattr(admission, "BLOCK", 4)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "6.png").write_bytes(b"mine")
    ran = stylize("apply", "net.pt", "album", *QUICK, "-o", "out/")
    assert ran.code == 1
    made = [f"out/{number}.png" for number in (0, 1, 2, 3, 4, 5, 7, 8)]
    assert ran.out.decode().splitlines() == made
    assert "album/6.png: out/6.png is there already: --skip-existing keeps" in ran.err
    assert (tmp_path / "out" / "6.png").read_bytes() == b"mine"


@pytest.mark.usefixtures("conversions", "album")
def test_no_input_is_overwritten_however_late_it_comes(stylize, net, monkeypatch, tmp_path):
    net("johnson", name="net.pt")
    monkeypatch.setattr(admission, "BLOCK", 4)
    (tmp_path / "album" / "album").mkdir()
    Image.new("RGB", (9, 8)).save(tmp_path / "album" / "album" / "7.png")
    before = (tmp_path / "album" / "7.png").read_bytes()
    ran = stylize("apply", "net.pt", "album", *QUICK, "-o", "./", "--overwrite")
    assert "album/7.png is an input and would be overwritten" in ran.err
    assert ran.code in (1, 2)
    assert (tmp_path / "album" / "7.png").read_bytes() == before


@pytest.mark.usefixtures("conversions")
def test_no_input_that_a_glob_is_for_is_overwritten_however_late_it_comes(
    stylize, net, album, monkeypatch
):
    net(name="net.pt")
    monkeypatch.setattr(admission, "BLOCK", 4)
    late = (album / "8.png").rename(album / "0-munch.png")
    before = late.read_bytes()
    run = ["apply", "net.pt", "album/0.png", "album/[1-7].png", "album/0-munch.png", *QUICK]
    ran = stylize(*run, "--style", "munch", "-o", "album/", "--overwrite", "--shard", "1/9")
    assert (ran.code, ran.out) == (2, b"")
    assert "album/0-munch.png is an input and would be overwritten" in ran.err
    assert late.read_bytes() == before


@pytest.mark.usefixtures("conversions", "album")
def test_a_glob_is_listed_once_and_a_place_looked_at_once(stylize, net, monkeypatch):
    net("johnson", name="net.pt")
    asked, listing, look = [], glob.glob, admission._identity
    monkeypatch.setattr(
        glob, "glob", lambda *of, **how: (asked.append(of[0]), listing(*of, **how))[1]
    )
    monkeypatch.setattr(
        admission, "_identity", lambda path: (asked.append(str(path)), look(path))[1]
    )
    ran = stylize("apply", "net.pt", "album/[0-2].png", *QUICK, "-o", "out/")
    made = [f"out/{number}.png" for number in range(3)]
    assert (ran.code, ran.out.decode().splitlines()) == (0, made)
    assert [asked.count(one) for one in ("album/[0-2].png", *made)] == [1] * 4


@pytest.mark.usefixtures("conversions", "album")
def test_a_glob_for_one_picture_is_that_picture(stylize, net, tmp_path):
    net("johnson", name="net.pt")
    ran = stylize("apply", "net.pt", "album/[3].png", *QUICK, "-o", "one.png")
    assert (ran.code, ran.out) == (0, b"one.png\n")
    ran = stylize("apply", "net.pt", "album/x*.png", *QUICK, "-o", "two.png")
    assert (ran.code, ran.err) == (
        2,
        "error: there are no pictures in album/x*.png: check the path\n",
    )
    assert not (tmp_path / "two.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
@pytest.mark.usefixtures("conversions", "album")
def test_after_a_kill_the_same_command_makes_the_rest(stylize, net, album, tmp_path):
    net("johnson", name="net.pt")
    data = (album / "0.png").read_bytes()
    names = {f"{number:03}.png" for number in range(300)}
    for name in names:
        (album / name).write_bytes(data)
    for number in range(9):
        (album / f"{number}.png").unlink()
    run = ["apply", "net.pt", "album", *QUICK, "-o", "out/", "--json", "--skip-existing"]
    killed = subprocess.Popen(
        [sys.executable, "-m", "stylize_cli", *run],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    lines = [killed.stdout.readline() for _ in range(5)]
    killed.kill()
    lines += killed.stdout.read().splitlines(keepends=True)
    killed.wait()
    killed.stdout.close()
    told = [json.loads(line) for line in lines if line.endswith(b"}\n")]
    for record in told:  # what is told is whole
        with Image.open(tmp_path / record["output"]) as image:
            image.load()
    assert 5 <= len(told) < 300
    ran = stylize(*run)
    assert ran.code == 0
    told += [json.loads(line) for line in ran.out.splitlines()]
    assert {Path(record["input"]).name for record in told} <= names
    assert {p.name for p in (tmp_path / "out").iterdir() if p.suffix == ".png"} == names
    assert len({record["input"] for record in told}) == len(told)  # none twice
    assert len(names) - len(told) <= 10  # written, and not told before the kill
