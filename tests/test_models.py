"""The table of models against files made by the script that ships them, and a loopback server."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stylize_cli import checkpoints, downloads, models
from stylize_cli.engines import quantising
from stylize_cli.errors import StylizeError

pytest_plugins = ["releases"]

ENTRY = {
    "name": "candy",
    "method": "conditional",
    "styles": ["dots"],
    "bytes": 9,
    "sha256": "0" * 64,
    "licence": "MIT",
}


def refusal(call, *arguments):
    with pytest.raises(StylizeError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


def places():
    return {name: model.where for name, model in models.catalogue().items()}


@pytest.fixture
def shelf(home):
    """The folder of downloaded models, made."""
    folder = home / "data" / "models"
    folder.mkdir(parents=True)
    return folder


def test_the_package_s_own_index_describes_its_files():
    listed = models.bundled().values()
    assert {m.path for m in listed} == set(models.PRETRAINED.glob("*.pt"))
    for model in listed:
        data = model.path.read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (model.bytes, model.sha256)
        assert checkpoints.load(model.path).styles == model.styles
        assert model.licence


def test_an_entry_says_what_the_file_does(bundled):
    (model,) = models.bundled().values()
    data = (bundled / "classics.pt").read_bytes()
    assert (model.path, model.where) == (bundled / "classics.pt", "bundled")
    assert (model.bytes, model.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (model.method, model.styles) == ("test", ("dots", "waves"))
    assert (model.licence, model.provenance) == ("CC0-1.0", "Two paintings")


@pytest.mark.parametrize(
    ("generator", "arguments"), [("conditional", {}), ("johnson-upscaler", {"factor": 2})]
)
def test_a_shipped_model_is_half_as_large_and_computes_the_same(
    ship_model, make_model, tmp_path, generator, arguments
):
    source = make_model(generator, width=8, **arguments)
    entry = ship_model.ship(source, tmp_path / "out", name="a", licence="MIT", credit="b")
    before, after = (checkpoints.load(p) for p in (source, tmp_path / "out" / "a.pt"))
    assert entry.bytes < 0.75 * source.stat().st_size  # the rest is zip's, a kilobyte a tensor
    for key, value in after.weights.items():
        original = before.weights[key]
        kernel = original.dim() == 4
        assert value.dtype == (torch.float16 if kernel else original.dtype)
        torch.testing.assert_close(
            value.to(original.dtype), original, rtol=2**-11 if kernel else 0, atol=1e-7 * kernel
        )
    noted = {name: value for name, value in after.provenance.items() if name != quantising.NOTED}
    assert noted == {**before.provenance, "licence": "MIT", "credit": "b"}
    ranges = after.provenance.get(quantising.NOTED)
    assert (generator == "conditional") == bool(ranges)
    assert not after.build().training


def test_shipping_twice_gives_the_same_bytes_and_one_entry(ship_model, make_model, tmp_path):
    def ship():
        ship_model.ship(make_model(), tmp_path / "out", name="b", licence="MIT", credit="")
        return {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}

    assert ship() == (first := ship())
    ship_model.ship(make_model(), tmp_path / "out", name="a", licence="MIT", credit="")
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert [entry["name"] for entry in index] == ["a", "b"]
    assert first.keys() == {"b.pt", "index.json"}


def test_what_float16_cannot_hold_or_a_file_be_called_is_not_shipped(ship_model, tmp_path):
    assert "1e+05" in refusal(ship_model.halved, torch.full((1, 1, 3, 3), 1e5))
    with pytest.raises(StylizeError, match="no name for a model"):
        ship_model.ship(tmp_path / "x.pt", tmp_path, name="../x", licence="MIT", credit="")


@pytest.mark.usefixtures("bundled")
def test_a_model_goes_from_available_to_downloaded_and_back(release, home):
    assert places() == {"classics": "bundled"}
    assert not home.exists()
    models.refresh()
    before = {"classics": "bundled", "candy": "available", "sr8": "available"}
    assert places() == before
    steps = []
    path = models.pull("candy", on_step=steps.append)
    assert path == home / "data" / "models" / "candy.pt"
    assert path.read_bytes() == (release.folder / "candy.pt").read_bytes()
    assert steps[-1].done == steps[-1].total == path.stat().st_size
    assert checkpoints.load(path).styles == models.catalogue()["candy"].styles == ("dots", "waves")
    assert list(places()) == ["classics", "candy", "sr8"]
    assert places() == before | {"candy": "downloaded"}
    assert models.find("candy") == models.remove("candy") == path
    assert places() == before
    assert not path.exists()
    assert release.asked == ["/index.json", "/candy.pt"]


def test_a_model_here_needs_no_network_nor_index(release, bundled, monkeypatch, shelf):
    models.refresh()
    path = models.pull("candy")
    monkeypatch.setenv("STYLIZE_OFFLINE", "1")
    (shelf / "index.json").unlink()
    del release.asked[:]
    assert models.pull("candy") == path
    assert models.pull("classics") == bundled / "classics.pt"
    assert places() == {"classics": "bundled", "candy": "downloaded"}
    assert release.asked == []


def test_a_model_that_changed_in_the_index_is_pulled_anew(release, ship_model, make_model):
    models.refresh()
    old = models.pull("candy").read_bytes()
    ship_model.ship(make_model(width=3), release.folder, name="candy", licence="MIT", credit="")
    models.refresh()
    assert models.downloaded()["candy"].licence == "CC-BY-4.0"
    assert models.pull("candy").read_bytes() == (release.folder / "candy.pt").read_bytes() != old
    assert models.downloaded()["candy"].licence == "MIT"


@pytest.mark.parametrize("url", ["files/x.bin", "{server}/files/x.bin"])
def test_a_model_may_lie_elsewhere_than_its_index(release, url):
    (release.folder / "files").mkdir()
    (release.folder / "candy.pt").rename(release.folder / "files" / "x.bin")
    index = json.loads((release.folder / "index.json").read_text())
    index[0]["url"] = url.format(server=release.url)
    (release.folder / "index.json").write_text(json.dumps(index))
    models.refresh()
    assert models.pull("candy").name == "candy.pt"


def test_a_mirror_of_weights_is_none_of_models(release, monkeypatch, shelf):
    monkeypatch.setenv("STYLIZE_WEIGHTS_URL", "http://127.0.0.1:9/")
    models.refresh()
    assert models.pull("candy").exists()
    (release.folder / "sr8.pt").unlink()
    text = refusal(models.pull, "sr8")
    assert "HTTP 404" in text
    assert str(shelf / "sr8.pt") in text
    assert "STYLIZE_WEIGHTS_URL" not in text


def test_wrong_bytes_are_refused(release):
    models.refresh()
    path = release.folder / "candy.pt"
    path.write_bytes(bytes(path.stat().st_size))
    assert "sha256" in refusal(models.pull, "candy")
    assert "candy" not in models.downloaded()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "../candy"}, r"'\.\./candy'"),
        ({"name": "/etc/candy"}, "'/etc/candy'"),
        ({"name": "..\\candy"}, "candy"),
        ({"name": "Candy"}, "'Candy'"),
        ({"name": ""}, "''"),
        ({"name": ["candy"]}, "candy"),
        ({"styles": "dots"}, "'candy'"),
        ({"styles": ["a\x1b[2J"]}, "'candy'"),
        ({"styles": [1]}, "'candy'"),
        ({"licence": "a\nb"}, "'candy'"),
        ({"bytes": 0}, "'candy'"),
        ({"bytes": True}, "'candy'"),
        ({"bytes": "9"}, "'candy'"),
        ({"sha256": "0" * 63}, "'candy'"),
        ({"sha256": "0" * 63 + "/"}, "'candy'"),
    ],
)
def test_a_hostile_entry_is_refused_and_the_index_before_it_kept(release, change, said):
    models.refresh()
    (release.folder / "index.json").write_text(json.dumps([ENTRY | change]))
    text = refusal(models.refresh)
    assert re.search(f"its entry .*{said}.* is not one of a model", text)
    assert "STYLIZE_MODELS_URL" in text
    assert models.available().keys() == {"candy", "sr8"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>", "it is not JSON"),
        (b"\xff\xfe\xfa", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"{}", "it is not an array"),
        (b"[1]", "an entry of it is not an object"),
        (b" " * (models.LARGEST_INDEX + 1), "it has more than 1048576 bytes"),
        (None, "HTTP 404"),
    ],
)
def test_what_is_no_index_is_refused(release, home, content, said):
    index = release.folder / "index.json"
    index.unlink() if content is None else index.write_bytes(content)
    assert said in refusal(models.refresh)
    assert not home.exists()


def test_unknown_keys_of_an_entry_are_passed_over():
    (model,) = models.parse(json.dumps([ENTRY | {"new": 1}]), where="available").values()
    assert models.parse(models.dump([model]), where="available") == {"candy": model}
    assert (model.styles, model.url, model.provenance) == (("dots",), "", "")


def test_without_a_network_the_reason_is_said_but_no_password(monkeypatch):
    monkeypatch.setenv("STYLIZE_MODELS_URL", "http://user:secret@127.0.0.1:9/index.json")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    text = refusal(models.refresh)
    assert "http://127.0.0.1:9/index.json cannot be fetched (ConnectionError" in text
    assert "secret" not in text
    monkeypatch.setenv("STYLIZE_OFFLINE", "1")
    monkeypatch.setenv("STYLIZE_MODELS_URL", "https://example.org/index.json")
    assert "index.json cannot be fetched (STYLIZE_OFFLINE is set)" in refusal(models.refresh)


@pytest.mark.parametrize("value", [None, ""])
def test_no_index_is_asked_that_nobody_named(value, monkeypatch):
    """An address by default would be whoever's registers it first."""
    monkeypatch.delenv("STYLIZE_MODELS_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("STYLIZE_MODELS_URL", value)
    assert refusal(models.refresh).endswith("set STYLIZE_MODELS_URL to the address of one")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/index.json",
        "http://127.0.0.1.example.org/index.json",
        "http://localhost@example.org/index.json",
        "ftp://127.0.0.1/index.json",
        "file:///etc/passwd",
        "index.json",
        "https:///index.json",
        "http://[::1/index.json",
    ],
)
def test_an_address_that_is_not_safe_is_never_asked(url, monkeypatch):
    """The tests' own guard would fail what connects."""
    monkeypatch.setenv("STYLIZE_MODELS_URL", url)
    assert "its address must begin with https://" in refusal(models.refresh)


@pytest.mark.parametrize("where", ["http://example.org/x", "ftp://127.0.0.1/x", "//example.org/x"])
def test_a_redirect_to_what_is_not_https_is_not_followed(release, where):
    release.redirects["/index.json"] = where
    assert "it leads to an address that is not https" in refusal(models.refresh)
    assert release.asked == ["/index.json"]


def test_a_redirect_on_this_machine_is_followed(release):
    (release.folder / "index.json").rename(release.folder / "moved.json")
    release.redirects["/index.json"] = "/moved.json"
    models.refresh()
    assert "candy" in models.available()


def test_a_model_s_own_address_must_be_safe_too(release):
    index = json.loads((release.folder / "index.json").read_text())
    index[0]["url"] = "http://example.org/candy.pt"
    (release.folder / "index.json").write_text(json.dumps(index))
    models.refresh()
    assert "its address must begin with https://" in refusal(models.pull, "candy")


def test_a_folder_that_does_not_open_hides_no_bundled_model(bundled, shelf, monkeypatch):
    def closed(_folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    assert models.find("classics") == models.pull("classics") == bundled / "classics.pt"
    assert f"the folder {shelf} does not open (Permission denied)" in refusal(models.find, "candy")


@pytest.mark.parametrize("name", ["index.json", "candy.pt.json"])
def test_a_damaged_file_of_the_table_is_named_with_the_fix(bundled, shelf, name):
    (shelf / name).write_text("?")
    assert refusal(models.catalogue) == (
        f"the index {shelf / name} cannot be read (it is not JSON): delete it"
    )
    (bundled / "index.json").write_text("?")
    assert refusal(models.bundled).endswith("install stylize-cli again")


def test_a_file_is_found_before_a_model_of_its_name(bundled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert models.find("classics") == bundled / "classics.pt"
    Path("classics").mkdir()
    assert models.find("classics") == bundled / "classics.pt"
    Path("classics").rmdir()
    Path("classics").touch()
    assert models.find("classics") == Path("classics")
    assert models.find(str(bundled / "classics.pt")) == bundled / "classics.pt"


@pytest.mark.usefixtures("release", "bundled")
def test_what_is_not_found_comes_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "monet.pt").touch()
    models.refresh()
    near = {
        "clasics": "there is no model 'clasics': did you mean classics? known are classics, candy",
        "zzz": "there is no model 'zzz': known are classics, candy, sr8; give one of them or a",
        "candy": "the model candy is not here yet: stylize models pull candy",
        "monnet.pt": "there is no model file monnet.pt: did you mean monet.pt?",
        "clasics.pt": "there is no model file clasics.pt: did you mean classics?",
        "pretrained/clasics.pt": f"did you mean {Path('pretrained', 'classics.pt')}?",
        f"{300 * 'a'}/b.pt": "b.pt: check the path",
        "no/where": f"there is no model file {Path('no', 'where')}: check the path",
    }
    for name, said in near.items():
        assert said in refusal(models.find, name)
    assert "did you mean candy?" in refusal(models.pull, "candi")
    assert "did you mean the file monet.pt?" in refusal(models.find, "monet")


def test_only_a_downloaded_model_can_be_removed(release, bundled, tmp_path):
    models.refresh()
    before = sorted(tmp_path.rglob("*"))
    assert "bundled" in refusal(models.remove, "classics")
    assert "not downloaded" in refusal(models.remove, "candy")
    for name in ("clasics", "../../../pretrained/classics", "index", ""):
        assert "there is no model" in (said := refusal(models.remove, name))
        assert said.endswith("none so far")  # a file, or a bundled one, will not do
    assert sorted(tmp_path.rglob("*")) == before
    assert (bundled / "classics.pt").exists()
    assert (release.folder / "candy.pt").exists()


def test_a_folder_that_cannot_be_written_to_is_named(release, home):
    home.mkdir()
    (home / "data").touch()
    text = refusal(models.refresh)
    assert str(home / "data" / "models" / "index.json") in text
    assert "STYLIZE_HOME" in text
    assert release.asked == ["/index.json"]


def test_importing_and_listing_import_nothing_slow():
    code = "import sys; from stylize_cli import models; models.catalogue(); print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(downloads.__file__).parents[1])}
    modules = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    slow = {"torch", "torchvision", "PIL", "numpy", "requests", "urllib3", "filelock", "rich"}
    assert slow.isdisjoint(modules.split())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_an_index_that_is_a_pipe_is_refused_at_once(home):
    folder = home / "data" / "models"
    folder.mkdir(parents=True)
    os.mkfifo(folder / models.INDEX)
    with pytest.raises(StylizeError, match="is a pipe or a device"):
        models.available()


def test_an_index_of_absurd_sizes_is_refused():
    entry = json.loads(models.dump(models.bundled().values()))[0]
    for size in (0, -1, 10**400, 1.5, True):
        with pytest.raises(ValueError, match="is not one of a model"):
            models.parse(json.dumps([entry | {"bytes": size}]), where="available")
