"""Files are read where they are files, and written whole, whatever happens beside."""

import io
import os
import signal
import subprocess
import sys
import time
from threading import Thread

import pytest
from filelock import FileLock

from stylize_cli import files, hardware
from stylize_cli.errors import StylizeError, printable


@pytest.fixture(autouse=True)
def _unswept():
    files._sweep.cache_clear()


# Reading.


@pytest.mark.timeout(20)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "photo.jpg")
    with pytest.raises(StylizeError, match=r"photo\.jpg is a pipe or a device: .* - for stdin"):
        files.contents(tmp_path / "photo.jpg")


@pytest.mark.timeout(20)
@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no devices here")  # noqa: PTH110
def test_a_device_without_end_is_refused(tmp_path):
    (tmp_path / "photo.jpg").symlink_to("/dev/zero")
    with pytest.raises(StylizeError, match="pipe or a device"):
        files.contents(tmp_path / "photo.jpg")


def test_a_file_larger_than_memory_is_refused_unread(tmp_path, monkeypatch):
    with (tmp_path / "photo.jpg").open("wb") as file:
        file.truncate(3 * 10**9)  # of which nothing is on the disk
    monkeypatch.setattr(hardware, "available_memory", lambda: 10**9)
    with pytest.raises(StylizeError, match=r"3\.0 GB, more than the memory that is free"):
        files.contents(tmp_path / "photo.jpg")


def test_a_dead_link_is_named_as_one_and_not_suggested(tmp_path):
    (tmp_path / "photo.jpg").symlink_to("gone.jpg")
    with pytest.raises(StylizeError, match=r"it is a link to gone\.jpg, which is not there"):
        files.contents(tmp_path / "photo.jpg")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(name, tmp_path):
    with pytest.raises(StylizeError, match="cannot read"):
        files.contents(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path):
    with pytest.raises(StylizeError, match="there is no file") as caught:
        files.contents(tmp_path / os.fsdecode(b"caf\xe9.jpg"))
    assert r"caf\udce9.jpg" in str(caught.value)
    str(caught.value).encode("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 波", "plain ü 波"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\u202fb\u202ec", r"a\u202fb\u202ec"),
        ("\udce9", r"\udce9"),
        (r"\x1b", r"\x1b"),
    ],
)
def test_what_no_terminal_should_be_given_is_escaped(text, shown):
    assert printable(text) == shown
    assert str(StylizeError(f"cannot read {text}")) == f"cannot read {shown}"


# Writing.


def test_the_disk_has_the_bytes_before_the_file_has_its_name(tmp_path, monkeypatch):
    """In that order, or a power cut leaves an empty file under the right name."""
    synced = []

    def note(handle):
        synced.append((os.fstat(handle).st_size, (tmp_path / "a").exists()))

    monkeypatch.setattr(os, "fsync", note)
    files.write(tmp_path / "a", b"12345")
    assert synced == [(5, False)]


def test_a_folder_that_cannot_be_synced_is_written_to_all_the_same(tmp_path, monkeypatch):
    def refuse(_handle):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    files.write(tmp_path / "a", b"1")
    assert (tmp_path / "a").read_bytes() == b"1"


WRITER = """
import os, sys, time
from pathlib import Path
from stylize_cli import files
def stay(handle):
    print(flush=True)
    time.sleep(60)
os.fsync = stay
files.write(Path(sys.argv[1]), b"half")
"""


@pytest.fixture
def writer(tmp_path):
    """Another process that is writing the file "a" of the folder out."""
    run = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "out" / "a")], stdout=subprocess.PIPE
    )
    assert run.stdout.readline() == b"\n"
    yield run
    run.kill()
    run.communicate()


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path, writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    (left,) = (tmp_path / "out").iterdir()
    assert left.name.endswith(".part")
    files.write(tmp_path / "out" / "b", b"1")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b"]


def test_what_another_writer_is_at_stays(tmp_path, writer):
    assert writer.poll() is None
    files.write(tmp_path / "out" / "b", b"1")
    assert (
        len(list((tmp_path / "out").glob("*.part")) + list((tmp_path / "out").glob(".*.part"))) > 0
    )


APART = ("unshare", "--user", "--map-root-user", "--pid", "--fork")  # as a container numbers


def test_what_a_writer_of_another_container_is_at_stays(tmp_path, writer):
    try:
        subprocess.run([*APART, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no namespaces here")
    code = "import sys, stylize_cli.files as f; f.write(f.Path(sys.argv[1]), b'1')"
    run = [*APART, sys.executable, "-c", code, tmp_path / "out" / "b"]
    subprocess.run(run, check=True)
    assert writer.poll() is None
    assert len(list((tmp_path / "out").glob(".*.part"))) == 1


@pytest.mark.parametrize(("age", "stays"), [(60, True), (3 * 24 * 3600, False)])
def test_another_machine_s_leavings_go_by_their_age(tmp_path, age, stays):
    left = tmp_path / ".stylize-00000000-1-abc.part"
    left.touch()
    os.utime(left, (time.time() - age,) * 2)
    files.write(tmp_path / "b", b"1")
    assert left.exists() is stays


HOLDER = """
import sys, time
from pathlib import Path
from stylize_cli import files
with files.held(Path(sys.argv[1])):
    print(flush=True)
    time.sleep(60)
"""


def test_a_file_is_held_by_one_process_at_a_time_and_a_kill_lets_go(tmp_path):
    target = tmp_path / "model.pt"
    run = subprocess.Popen([sys.executable, "-c", HOLDER, str(target)], stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"\n"
    with (
        pytest.raises(StylizeError, match=r"another process is writing .*model\.pt"),
        files.held(target),
    ):
        pass
    run.kill()
    run.communicate()
    with files.held(target):
        (hidden,) = tmp_path.iterdir()
    assert hidden.name.startswith(".")


def test_who_waits_for_the_lock_until_it_goes_holds_it_alone(tmp_path):
    with files.held(tmp_path / "a"):
        (hidden,) = tmp_path.iterdir()
        waiting = FileLock(hidden)
        waiter = Thread(target=waiting.acquire, kwargs={"timeout": 10, "poll_interval": 0.01})
        waiter.start()
        time.sleep(0.1)  # it has opened the file by then
    waiter.join()
    with pytest.raises(StylizeError, match="another process"), files.held(tmp_path / "a"):
        pass
    waiting.release()


def test_a_loop_of_links_is_no_crash(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(StylizeError):
        files.write(tmp_path / "a" / "c.png", b"1")
    files.check_place(tmp_path / "c.png", [tmp_path / "a"])


def test_a_pipe_that_never_ends_is_left_where_memory_does(monkeypatch):
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            assert size > 0  # not all of it at once
            Endless.taken += size
            return bytes(size)

    monkeypatch.setattr(hardware, "available_memory", lambda: 300_000_000 - Endless.taken)
    with pytest.raises(StylizeError, match=r"^stdin brought 0\.2 GB, and more than memory holds"):
        files.streamed(Endless())
    assert Endless.taken < 200_000_000
    assert files.streamed(io.BytesIO(b"picture")) == b"picture"
