"""Files in stores that fsspec knows: half files are nobody's, and addresses keep their hosts."""

import pytest

from stylize_cli import stores

fsspec = pytest.importorskip("fsspec")


class Renaming(fsspec.get_filesystem_class("local")):
    """A store that writes bit by bit, and renames onto no file, as HDFS and SMB do."""

    protocol = "renaming"
    folder = None  # that is looked into
    halves = ()  # what is in it by name while a file is half written

    def pipe_file(self, path, value, **_):
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(value[: len(value) // 2])
            file.flush()
            Renaming.halves = {one.name for one in Renaming.folder.iterdir()}
            if value == b"too large":
                raise OSError("the disk is full")
            file.write(value[len(value) // 2 :])

    def mv(self, path1, path2, **_):
        if not self.exists(path2):
            super().mv(path1, path2)


@pytest.fixture
def out(tmp_path, monkeypatch):
    fsspec.register_implementation("renaming", Renaming, clobber=True)
    monkeypatch.setattr(Renaming, "folder", tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize("before", [None, b"an earlier result"])
def test_no_half_file_has_a_result_s_name(out, before):
    if before:
        out.mkdir()
        (out / "a[1].png").write_bytes(before)
    stores.write(f"renaming://{out}/a[1].png", b"result")
    (hidden,) = Renaming.halves - {"a[1].png"}
    assert hidden.startswith(".")  # no input, and no result that is skipped
    assert ("a[1].png" in Renaming.halves) is bool(before)
    assert [(one.name, one.read_bytes()) for one in out.iterdir()] == [("a[1].png", b"result")]


def test_what_cannot_be_written_leaves_nothing(out):
    with pytest.raises(stores.StylizeError, match=r"cannot write renaming://.* \(the disk is full"):
        stores.write(f"renaming://{out}/a.png", b"too large")
    assert not list(out.iterdir())


class Hosted(fsspec.get_filesystem_class("memory")):
    """A store whose names, without the host, are of that host, as FTP's and HDFS's are."""

    protocol = "hosted"
    store, pseudo_dirs = {}, [""]

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(fsspec.utils.infer_storage_options(path)["path"])


@pytest.mark.parametrize(
    "folder", ["hosted://host:21/", "hosted://me@host/deep/er/", "memory://b/"]
)
def test_a_glob_s_addresses_have_its_host_and_can_be_read(folder):
    fsspec.register_implementation("hosted", Hosted, clobber=True)
    for name in ("a.png", "b.png", "c.jpg", "below/d.png"):
        stores.write(folder + name, name.encode())
    found = stores.matching(folder + "*.png")
    assert found == [f"{folder}a.png", f"{folder}b.png"]
    assert [stores.read(one) for one in found] == [b"a.png", b"b.png"]
    assert stores.matching(f"{folder}be*/?.png") == [f"{folder}below/d.png"]
