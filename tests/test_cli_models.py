"""`stylize models`: the table for people and as JSON, and what its verbs print and refuse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import stylize_cli
from stylize_cli import models
from stylize_cli.cli import models as command

pytest_plugins = ["commandline", "releases"]

FIELDS = {"name", "method", "styles", "bytes", "licence", "where"}


@pytest.fixture
def listed(stylize):
    """listed(*options) -> the objects of `stylize models list --json`, by name."""

    def ask(*arguments):
        ran = stylize("models", "list", "--json", *arguments)
        assert ran.code == 0
        records = [json.loads(line) for line in ran.out.splitlines()]
        return {record["name"]: record for record in records}

    return ask


def test_json_has_an_object_for_every_model(stylize, listed, bundled, release, home):
    size = (bundled / "classics.pt").stat().st_size
    assert listed() == {
        "classics": {
            "name": "classics",
            "method": "test",
            "styles": ["dots", "waves"],
            "bytes": size,
            "licence": "CC0-1.0",
            "where": "bundled",
            "provenance": "Two paintings",
        }
    }
    assert (release.asked, home.exists()) == ([], False)
    assert stylize("models", "pull", "candy").code == 0
    found = listed()
    assert {name: record["where"] for name, record in found.items()} == {
        "classics": "bundled",
        "candy": "downloaded",
        "sr8": "available",
    }
    assert found["sr8"]["styles"] == []
    assert all(record.keys() >= FIELDS for record in found.values())


@pytest.mark.usefixtures("bundled", "release")
def test_text_says_what_json_says(stylize, listed):
    records = listed("--refresh")
    lines = iter(stylize("models", "list").out.decode().splitlines())
    for record in records.values():
        size = f"{record['bytes'] / 1e6:.1f}"
        facts = [record["name"], record["where"], record["method"], size, "MB", record["licence"]]
        assert next(lines).split() == facts
        if record["styles"]:
            assert next(lines).split(": ") == ["    styles", ", ".join(record["styles"])]
        if record["provenance"]:
            assert next(lines).split(": ") == ["    provenance", record["provenance"]]
    assert list(lines) == []


def test_at_a_terminal_s_width_no_name_is_torn(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    command.list_()
    said = capsys.readouterr().out
    wide = [line for line in said.splitlines() if line.startswith(" ") and len(line) > 50]
    assert all(" " not in line.strip() for line in wide)
    for model in models.catalogue().values():
        assert set(model.styles) <= set(said.replace(",", " ").split())


def test_a_name_with_spaces_is_whole_too(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    names = tuple(f"the starry night {number}" for number in range(7))
    known = models.Model("x", "test", names, 1, "", "CC0-1.0")
    monkeypatch.setattr(models, "catalogue", lambda: {"x": known})
    for is_terminal, count in ((True, 4), (False, 1)):
        monkeypatch.setattr(sys.stdout, "isatty", lambda answer=is_terminal: answer)
        command.list_()
        _, *lines = capsys.readouterr().out.splitlines()
        said = [line.strip().removeprefix("styles: ").rstrip(",").split(", ") for line in lines]
        assert [name for line in said for name in line] == list(names)
        assert len(lines) == count


def test_the_list_asks_the_network_only_when_told_to(stylize, refused, listed, bundled, release):
    assert "stylize models list --refresh" in stylize("models", "list").err
    assert stylize("models", "list", "--quiet").err == ""
    assert release.asked == []
    assert listed("--refresh").keys() == {"classics", "candy", "sr8"}
    assert release.asked == ["/index.json"]
    assert stylize("models", "list").err == ""
    (release.folder / "index.json").unlink()
    assert "HTTP 404" in refused("models", "list", "--refresh")
    assert listed().keys() == {"classics", "candy", "sr8"}
    (bundled / "index.json").write_text("[]")
    assert listed().keys() == {"candy", "sr8"}


def test_pull_prints_the_file_which_path_then_names_and_remove_deletes(stylize, release, home):
    folder = home / "data" / "models"
    assert stylize("models", "path").line == str(folder)
    pulled = stylize("models", "pull", "candy")
    assert (pulled.code, pulled.line, pulled.err) == (0, str(folder / "candy.pt"), "")
    assert stylize("models", "path", "candy").line == pulled.line
    record = stylize("models", "pull", "candy", "--json").record
    size = (release.folder / "candy.pt").stat().st_size
    assert record == {"output": pulled.line, "name": "candy", "bytes": size}
    removed = stylize("models", "remove", "candy")
    assert (removed.code, removed.out) == (0, b"")
    assert pulled.line in removed.err
    assert not (folder / "candy.pt").exists()
    assert release.asked == ["/index.json", "/candy.pt", "/index.json"]


def test_pull_goes_by_the_last_index_where_there_is_no_network(stylize, release):
    assert stylize("models", "list", "--refresh").code == 0
    (release.folder / "index.json").unlink()
    ran = stylize("models", "pull", "candy")
    assert ran.code == 0
    assert "HTTP 404" in ran.err
    assert Path(ran.line).read_bytes() == (release.folder / "candy.pt").read_bytes()


def test_a_bundled_model_is_pulled_without_a_network(stylize, bundled, release):
    ran = stylize("models", "pull", "classics")
    assert (ran.code, ran.line, ran.err) == (0, str(bundled / "classics.pt"), "")
    assert release.asked == []


@pytest.mark.parametrize("typed", ["Candy", "CANDY", "candy"])
def test_pull_takes_names_as_they_are_typed(stylize, release, home, typed):
    record = stylize("models", "pull", typed, "--json").record
    assert (record["name"], record["output"]) == ("candy", str(home / "data/models/candy.pt"))
    release.asked.clear()
    assert stylize("models", "remove", "candy").code == 0


@pytest.mark.usefixtures("release")
def test_a_bundled_model_is_known_to_pull_by_other_letters(stylize, bundled):
    assert stylize("models", "pull", "Classics").line == str(bundled / "classics.pt")


@pytest.mark.usefixtures("bundled", "release")
def test_what_cannot_be_done_is_refused(stylize, refused, monkeypatch):
    assert "bundled" in refused("models", "remove", "classics")
    assert "did you mean classics?" in refused("models", "path", "clasics")
    assert "see stylize models --help" in refused("models", "pul", "candy")
    assert "see stylize models pull --help" in refused("models", "pull")
    monkeypatch.setenv("STYLIZE_OFFLINE", "1")
    assert "STYLIZE_OFFLINE is set" in refused("models", "pull", "candy")
    monkeypatch.delenv("STYLIZE_OFFLINE")
    assert stylize("models", "list", "--refresh").code == 0
    assert "did you mean candy?" in refused("models", "pull", "candi")
    assert "stylize models pull candy" in refused("models", "path", "candy")


def test_without_a_verb_it_shows_its_help(stylize):
    ran = stylize("models")
    assert ran.code == 0
    assert all(verb in ran.out.decode() for verb in ("list", "pull", "path", "remove"))
    assert ran == stylize("models", "--help")


@pytest.mark.parametrize("verb", [["list"], ["list", "--json"], ["path"], ["--help"]])
def test_nothing_heavy_is_imported(verb):
    code = (
        "import sys; from stylize_cli.cli import app\n"
        "try: app.main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "models", *verb],
        env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0
    heavy = {"torch", "torchvision", "PIL", "numpy", "requests", "rich"}
    assert heavy.isdisjoint(ran.stderr.split())
    assert models.__name__ in ran.stderr.split()
