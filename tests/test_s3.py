"""Pictures in and out of a bucket: of a server on the loopback that speaks S3."""

import io
import json
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from stylize_cli import stores
from stylize_cli.errors import StylizeError

pytest_plugins = ["commandline", "nets", "workers"]
s3fs = pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")

RUN = ["--precision", "float32", "--engine", "ray", "--threads", 1]
SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture(scope="module")
def url():
    """The server's address."""
    serving = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    serving.start()
    yield "http://{}:{}".format(*serving.get_host_and_port())
    serving.stop()


@pytest.fixture
def s3(url, monkeypatch):
    """s3fs's own file system, on buckets "given" and "made", both empty."""
    told = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"} | dict.fromkeys(
        SECRETS, "x"
    )
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    for bucket in ("given", "made"):
        system.mkdir(bucket)
    return system


@pytest.fixture
def error(stylize):
    """error(*arguments) -> the one line that says why nothing was done."""

    def run(*arguments):
        ran = stylize(*arguments)
        assert (ran.code, ran.out) == (2, b"")
        (line,) = ran.err.splitlines()
        return line.removeprefix("error: ")

    return run


def picture(seed, *, size=(24, 32)):
    data = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(256, size=(*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


@pytest.mark.usefixtures("here", "conversions")
def test_a_bucket_is_painted_into_another_and_gone_on_with(s3, net, stylize, tmp_path):
    net("johnson", name="one.pt")
    given = {"a.png": picture(1), "deep/b.png": picture(2), "deep/.c.png": picture(3)}
    for name, data in given.items():
        s3.pipe_file(f"given/{name}", data)
    s3.pipe_file("given/deep/bad.png", b"no picture")
    (tmp_path / "a.png").write_bytes(given["a.png"])
    assert stylize("apply", "one.pt", "a.png", *RUN[:2], "--threads", 1, "-o", "w.png").code == 0

    run = ["apply", "one.pt", "s3://given", *RUN, "-o", "s3://made/out"]
    ran = stylize(*run, "--json")
    assert ran.code == 1
    lines = {one["input"]: one for one in map(json.loads, ran.out.splitlines())}
    assert {name: "error" in one for name, one in lines.items()} == {
        "s3://given/a.png": False,
        "s3://given/deep/b.png": False,
        "s3://given/deep/bad.png": True,
    }
    assert lines["s3://given/deep/b.png"]["output"] == "s3://made/out/deep/b.png"
    s3.invalidate_cache()
    assert sorted(s3.find("made")) == ["made/out/a.png", "made/out/deep/b.png"]
    assert s3.cat_file("made/out/a.png") == (tmp_path / "w.png").read_bytes()

    s3.rm("given/deep/bad.png")
    s3.pipe_file("made/out/a.png", b"mine")
    s3.rm("made/out/deep/b.png")
    again = stylize(*run)
    assert (again.code, again.line) == (0, "s3://made/out/deep/b.png")
    assert "skipped: 1 result there already" in again.err
    assert s3.cat_file("made/out/a.png") == b"mine"
    assert stylize(*run, "--overwrite").code == 0
    assert s3.cat_file("made/out/a.png") == (tmp_path / "w.png").read_bytes()


@pytest.mark.usefixtures("here", "conversions")
def test_a_glob_and_a_table_in_a_bucket(s3, net, stylize):
    pytest.importorskip("pyarrow")
    net("johnson", name="one.pt")
    for name in ("a.png", "b.png", "c.jpg", "deep/d.png"):
        s3.pipe_file(f"given/{name}", picture(1))
    ran = stylize("apply", "one.pt", "s3://given/*.png", *RUN, "-o", "s3://made/t.parquet")
    assert (ran.code, ran.out.split()) == (0, [b"a.png", b"b.png"])
    (file,) = s3.find("made/t.parquet")
    assert file.endswith(".parquet")
    again = stylize("apply", "one.pt", "s3://given/*.png", *RUN, "-o", "s3://made/t.parquet")
    assert "skipped: 2 results there already" in again.err
    ran = stylize("apply", "one.pt", "s3://made/t.parquet", *RUN, "-o", "s3://made/again")
    assert ran.code == 0
    assert sorted(s3.find("made/again")) == ["made/again/a.png", "made/again/b.png"]


@pytest.mark.usefixtures("here", "conversions", "photo", "s3")
@pytest.mark.parametrize(
    ("given", "output", "said"),
    [
        ("s3://none", "s3://made", "there is no s3://none: check the address"),
        ("s3://none/*.png", "s3://made", "there are no pictures in s3://none/*.png: check"),
        ("s3://given", "s3://made", "there are no pictures in s3://given: check the address"),
        ("s3://given/a.parquet", "s3://made", "there is no s3://given/a.parquet: check the"),
        ("photo.png", "s3://none", "there is no s3://none (The specified bucket does not exist)"),
        ("photo.png", "s3://none/t.parquet", "there is no s3://none/t.parquet"),
    ],
)
def test_what_is_not_there_is_one_line(net, error, given, output, said):
    net("johnson", name="one.pt")
    assert said in error("apply", "one.pt", given, *RUN, "-o", output)


@pytest.mark.usefixtures("here", "conversions", "photo")
def test_what_is_overwritten_is_not_listed(s3, net, stylize, error, monkeypatch):
    net("johnson", name="one.pt")
    s3.pipe_file("made/out/photo.png", b"mine")
    run = ["apply", "one.pt", "photo.png", *RUN, "--overwrite", "-o"]
    assert "the bucket of s3://none does not answer: check the address" in error(*run, "s3://none")
    monkeypatch.setattr(s3fs.S3FileSystem, "find", None)
    assert stylize(*run, "s3://made/out").line == "s3://made/out/photo.png"
    assert s3.cat_file("made/out/photo.png") != b"mine"


@pytest.fixture
def strict(url):
    """The server believes no credentials any more."""

    def believe(after):
        urlopen(
            Request(f"{url}/moto-api/reset-auth", after, {"Content-Type": "text/plain"})
        ).close()

    believe(b"0")
    yield
    believe(b"inf")


@pytest.mark.usefixtures("here", "conversions", "photo", "s3", "strict")
def test_refused_credentials_are_one_line(net, error, monkeypatch):
    net("johnson", name="one.pt")
    run = ["apply", "one.pt", *RUN]
    refusal = r"cannot read s3://given (The AWS Access Key Id you provided does not exist"
    assert refusal in error(*run, "s3://given", "-o", "out")
    assert refusal in error(*run, "photo.png", "-o", "s3://given")
    with pytest.raises(StylizeError, match=r"cannot write s3://made/a .*check the address, your r"):
        stores.write("s3://made/a", b"")
    for name in SECRETS:
        monkeypatch.delenv(name)
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    said = error(*run, "s3://given", "-o", "out")
    assert said.startswith("cannot read s3://given (Unable to locate credentials): check the addr")


def test_no_bucket_is_made(s3):
    with pytest.raises(StylizeError, match=r"there is no s3://typo/a .*bucket does not exist"):
        stores.write("s3://typo/a", b"")
    s3.invalidate_cache()
    assert sorted(s3.ls("")) == ["given", "made"]
