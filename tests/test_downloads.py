"""`fetch` against a real HTTP server on the loopback, which fails on demand."""

import gzip
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest

from stylize_cli import downloads, web
from stylize_cli.downloads import RemoteFile, fetch
from stylize_cli.errors import StylizeError
from stylize_cli.progress import Step

CONTENT = random.Random(0).randbytes(1_000_003)
OTHER = random.Random(1).randbytes(len(CONTENT))
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PYTORCH = "https://download.pytorch.org/models"
SRC = Path(downloads.__file__).parents[1]


class Mirror(ThreadingHTTPServer):
    """Serves `content`, with ranges, but answers first as `script` says, an entry a request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.script: list[Callable[[Handler], None]] = []
        self.ranges: list[str | None] = []
        self.bodies: list[int] = []  # bytes sent to each request
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self):
        self.server.ranges.append(self.headers["Range"])
        self.server.bodies.append(0)
        reply = self.server.script.pop(0) if self.server.script else serve
        with suppress(ConnectionError):  # the client has had enough
            reply(self)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.server.bodies[-1] += len(body)  # before the client can have it all
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


def span(start: int) -> str:
    return f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"


def start_of(asked: str | None) -> int:
    return int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0


def serve(handler: Handler, *, stop: int | None = None) -> None:
    """Answers as a good server does; with `stop`, hangs up before that byte of the content."""
    content, asked = handler.server.content, handler.headers["Range"]
    start = start_of(asked)
    if start >= len(content):
        return handler.answer(416, Content_Range=f"bytes */{len(content)}")
    headers = {"Content_Length": str(len(content) - start)}
    if asked:
        headers["Content_Range"] = span(start)
    return handler.answer(206 if asked else 200, content[start:stop], **headers)


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(code, body, **headers)


def drop_after(count: int) -> Callable[[Handler], None]:
    return lambda handler: serve(handler, stop=start_of(handler.headers["Range"]) + count)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def pauses(monkeypatch, tmp_path) -> list[float]:
    """The seconds that `fetch` would have slept; and an environment of its own."""
    slept: list[float] = []
    monkeypatch.setattr(downloads, "sleep", slept.append)
    monkeypatch.setenv("STYLIZE_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("STYLIZE_WEIGHTS_URL", raising=False)
    monkeypatch.delenv("STYLIZE_OFFLINE", raising=False)
    return slept


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "data" / "weights"


@pytest.fixture
def item(mirror) -> RemoteFile:
    return remote(f"{mirror.url}/net.pth")


@pytest.fixture
def part(folder) -> Path:
    folder.mkdir(parents=True)
    return folder / "net.pth.part"


def remote(url: str) -> RemoteFile:
    return RemoteFile("net", "net.pth", url, SHA256, len(CONTENT), "MIT")


def refusal(item: RemoteFile, **options: object) -> str:
    with pytest.raises(StylizeError) as caught:
        fetch(item, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def assert_fetched(item: RemoteFile, folder: Path) -> None:
    path = fetch(item)
    assert path == folder / "net.pth"
    assert path.read_bytes() == CONTENT
    assert files(folder) == {"net.pth"}


def test_a_missing_file_is_downloaded_once_with_reports_up_to_its_size(mirror, item, folder):
    steps: list[Step] = []
    path = fetch(item, on_step=steps.append)
    assert path.read_bytes() == CONTENT
    assert (path.parent, files(folder)) == (folder, {"net.pth"})
    assert {(step.task, step.total) for step in steps} == {("Downloading net", len(CONTENT))}
    done = [step.done for step in steps]
    assert done == sorted(set(done))
    assert (done[0], done[-1]) == (0, len(CONTENT))
    again: list[Step] = []
    assert fetch(item, on_step=again.append) == path
    assert again == []
    assert mirror.ranges == [None]


def test_the_folder_can_be_named(item, tmp_path):
    assert fetch(item, folder=tmp_path / "models") == tmp_path / "models" / "net.pth"


@pytest.mark.parametrize("count", [0, 1, 65_536, 700_001])
def test_a_dropped_connection_is_resumed_where_the_part_ends(mirror, item, folder, count):
    mirror.script = [drop_after(count)]
    assert_fetched(item, folder)
    first, second = mirror.ranges
    start = start_of(second)
    assert first is None
    assert count - web.CHUNK < start <= count
    assert mirror.bodies == [count, len(CONTENT) - start]


def test_an_interrupted_run_is_resumed_by_the_next(mirror, item, folder):
    def interrupt(step: Step) -> None:
        if step.done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(item, on_step=interrupt)
    kept = (folder / "net.pth.part").stat().st_size
    assert kept > 500_000
    assert_fetched(item, folder)
    assert mirror.ranges == [None, f"bytes={kept}-"]
    assert mirror.bodies[1] == len(CONTENT) - kept


def test_a_complete_part_needs_no_request(mirror, item, folder, part):
    part.write_bytes(CONTENT)
    assert_fetched(item, folder)
    assert mirror.ranges == []


@pytest.mark.parametrize(
    ("start", "reply", "requests"),
    [
        (CONTENT[:9], status(200, CONTENT), ["bytes=9-"]),
        (CONTENT[:9], status(416), ["bytes=9-", None]),
        (CONTENT[:9], status(206, CONTENT[9:], Content_Range=span(5)), ["bytes=9-", None]),
        (CONTENT[:9], status(206, CONTENT[9:]), ["bytes=9-", None]),
        (OTHER[:9], serve, ["bytes=9-", None]),
        (OTHER, serve, [None]),
        (CONTENT + b"?", serve, [None]),
    ],
    ids=[
        "ranges ignored",
        "416",
        "another range",
        "no range named",
        "stale bytes",
        "stale and complete",
        "too long",
    ],
)
def test_a_part_that_cannot_be_resumed_starts_afresh(
    mirror, item, folder, part, start, reply, requests
):
    part.write_bytes(start)
    mirror.script = [reply]
    assert_fetched(item, folder)
    assert mirror.ranges == requests


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_passing_refusal_is_tried_again(mirror, item, folder, pauses, code):
    mirror.script = [status(code), status(code)]
    assert_fetched(item, folder)
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("99999", web.LONGEST_WAIT, web.LONGEST_WAIT),
        (format_datetime(datetime.now(UTC) + timedelta(days=9), usegmt=True), 60, 60),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0, downloads.BACKOFF),
        ("soon", 0, downloads.BACKOFF),
    ],
)
def test_retry_after_is_honoured_up_to_a_cap(mirror, item, pauses, header, least, most):
    mirror.script = [status(429, Retry_After=header)]
    steps: list[Step] = []
    fetch(item, on_step=steps.append)
    assert len(pauses) == 1
    assert least <= pauses[0] <= most
    tasks = {step.task for step in steps}
    assert f"Waiting {pauses[0]:.0f} s (HTTP 429 Too Many Requests)" in tasks


def test_the_pauses_double_with_jitter_until_it_gives_up(mirror, item, pauses):
    mirror.script = [status(503)] * 99
    assert "HTTP 503" in refusal(item)
    assert len(mirror.ranges) == downloads.ATTEMPTS
    longest = [downloads.BACKOFF * 2**n for n in range(downloads.ATTEMPTS - 1)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))


def test_only_attempts_that_bring_nothing_count(mirror, item, folder):
    mirror.script = [drop_after(70_000)] * (2 * downloads.ATTEMPTS)
    assert_fetched(item, folder)
    assert len(mirror.ranges) == 2 * downloads.ATTEMPTS + 1


def test_drops_at_the_same_place_of_a_server_without_ranges_come_to_an_end(mirror, item):
    mirror.script = [status(200, CONTENT[:70_000], Content_Length=str(len(CONTENT)))] * 99
    refusal(item)
    assert len(mirror.ranges) == downloads.ATTEMPTS


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_lasting_refusal_is_not_tried_again(mirror, item, folder, pauses, code):
    mirror.script = [status(code)] * 9
    text = refusal(item)
    assert f"HTTP {code}" in text
    assert item.url in text
    assert (len(mirror.ranges), pauses, files(folder)) == (1, [], set())


def test_wrong_bytes_are_deleted_and_both_hashes_named(mirror, item, folder, pauses):
    mirror.content = OTHER
    text = refusal(item)
    assert SHA256 in text
    assert hashlib.sha256(OTHER).hexdigest() in text
    assert (len(mirror.ranges), pauses, files(folder)) == (1, [], set())


def test_a_file_of_another_size_is_refused_before_it_is_read(mirror, item, folder):
    mirror.content = b"<html>Please log in</html>"
    assert f"{len(mirror.content)} bytes instead of {len(CONTENT)}" in refusal(item)
    assert (len(mirror.ranges), files(folder)) == (1, set())


def test_a_server_that_compresses_unasked_is_understood(mirror, item, folder):
    mirror.script = [status(200, gzip.compress(CONTENT), Content_Encoding="gzip")]
    assert_fetched(item, folder)
    assert mirror.ranges == [None]


def test_a_body_without_end_is_cut_off(mirror, item, folder):
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(OTHER)

    mirror.script = [endless]
    assert "instead of" in refusal(item)
    assert (len(mirror.ranges), files(folder)) == (1, set())


@pytest.mark.parametrize("damaged", [OTHER, CONTENT[:-1], b""])
def test_a_damaged_file_is_fetched_anew(item, folder, part, damaged):
    part.with_suffix("").write_bytes(damaged)
    assert_fetched(item, folder)


def test_a_file_put_there_by_hand_serves_offline(monkeypatch, mirror, item, folder, part):
    part.with_suffix("").write_bytes(CONTENT)
    monkeypatch.setenv("STYLIZE_OFFLINE", "1")
    assert_fetched(item, folder)
    assert mirror.ranges == []


def test_offline_refuses_at_once_and_says_what_to_put_where(monkeypatch, mirror, item, folder):
    monkeypatch.setenv("STYLIZE_OFFLINE", "1")
    text = refusal(item)
    for word in (item.url, SHA256, str(folder / "net.pth"), "STYLIZE_WEIGHTS_URL", "OFFLINE"):
        assert word in text
    assert mirror.ranges == []
    assert not folder.exists()


def test_offline_leaves_a_damaged_file_and_names_its_hash(monkeypatch, item, part):
    target = part.with_suffix("")
    target.write_bytes(OTHER)
    monkeypatch.setenv("STYLIZE_OFFLINE", "1")
    assert hashlib.sha256(OTHER).hexdigest() in refusal(item)
    assert target.read_bytes() == OTHER


@pytest.mark.parametrize("value", ["", "0"])
def test_offline_can_be_switched_off(monkeypatch, item, folder, value):
    monkeypatch.setenv("STYLIZE_OFFLINE", value)
    assert_fetched(item, folder)


def test_an_unreachable_server_is_tried_again_and_then_named(folder, pauses):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        url = f"http://127.0.0.1:{closed.server_address[1]}/net.pth"
    text = refusal(remote(url))
    for word in (url, SHA256, str(folder / "net.pth"), "STYLIZE_WEIGHTS_URL", "Connection"):
        assert word in text
    assert len(pauses) == downloads.ATTEMPTS - 1
    assert files(folder) == set()


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_serves_the_file_by_its_name(monkeypatch, mirror, folder, slash):
    monkeypatch.setenv("STYLIZE_WEIGHTS_URL", f"{mirror.url}/nets{slash}")
    asked: list[str] = []
    mirror.script = [lambda handler: (asked.append(handler.path), serve(handler))]
    assert_fetched(remote("http://publisher.invalid/other-name"), folder)
    assert asked == ["/nets/net.pth"]


def test_a_mirrors_password_is_not_shown(monkeypatch, mirror, item):
    monkeypatch.setenv("STYLIZE_WEIGHTS_URL", mirror.url.replace("//", "//user:secret@"))
    mirror.script = [status(403)]
    text = refusal(item)
    assert item.url in text
    assert "secret" not in text


@pytest.mark.parametrize("mirror_url", ["nonsense", "ftp://example.invalid", "http://"])
def test_a_malformed_mirror_is_refused_at_once(monkeypatch, item, pauses, mirror_url):
    monkeypatch.setenv("STYLIZE_WEIGHTS_URL", mirror_url)
    assert "STYLIZE_WEIGHTS_URL" in refusal(item)
    assert pauses == []


def test_too_little_space_is_seen_before_a_request(monkeypatch, mirror, item, folder):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(CONTENT) - 1))
    text = refusal(item)
    for word in ("1.0 MB", str(folder), "space", "STYLIZE_HOME"):
        assert word in text
    assert mirror.ranges == []


def test_what_a_part_holds_needs_no_space_again(monkeypatch, item, folder, part):
    part.write_bytes(CONTENT[:1000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(CONTENT) - 1000))
    assert_fetched(item, folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_is_the_users_error(mirror, item, folder, part):
    part.symlink_to("/dev/full")
    text = refusal(item)
    for word in ("1.0 MB", str(folder), "No space left", "STYLIZE_HOME"):
        assert word in text
    assert len(mirror.ranges) == 1


def test_a_folder_that_cannot_be_written_is_the_users_error(mirror, item, tmp_path):
    (tmp_path / "data").write_bytes(b"not a folder")
    text = refusal(item)
    assert str(tmp_path / "data" / "weights") in text
    assert "STYLIZE_HOME" in text
    assert mirror.ranges == []


CHILD = """
import sys
from stylize_cli.downloads import RemoteFile, fetch
url, sha256, size = sys.argv[1:]
item = RemoteFile("net", "net.pth", url, sha256, int(size), "MIT")
print(fetch(item, on_step=lambda step: print(step.task, flush=True)))
"""


def test_where_a_file_system_has_no_locks_it_is_fetched_without(mirror, item, folder, monkeypatch):
    def refuse(*_, **__):  # as older filelocks do
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    assert fetch(item, folder=folder).read_bytes() == mirror.content


def test_of_two_processes_at_once_one_downloads_and_the_other_waits(mirror, item, folder):
    asked, waiting = threading.Event(), threading.Event()

    def hold(handler: Handler) -> None:
        asked.set()
        waiting.wait(30)
        serve(handler)

    def child() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, item.url, SHA256, str(len(CONTENT))]
        environment = os.environ | {"PYTHONPATH": str(SRC)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    mirror.script = [hold]
    with child() as first:
        assert asked.wait(30)
        with child() as second:
            assert second.stdout.readline() == "Waiting for another download of net\n"
            waiting.set()
            outputs = [process.communicate(timeout=30)[0] for process in (first, second)]
    assert [output.splitlines()[-1] for output in outputs] == [str(folder / "net.pth")] * 2
    assert "Downloading" not in outputs[1]
    assert mirror.ranges == [None]
    assert (folder / "net.pth").read_bytes() == CONTENT
    assert files(folder) == {"net.pth"}


def test_the_table_names_pytorchs_files_by_their_hashes():
    assert {name: (file.url, file.size) for name, file in downloads.TABLE.items()} == {
        "vgg19-torchvision": (f"{PYTORCH}/vgg19-dcbb9e9d.pth", 574_673_361),
        "vgg16-torchvision": (f"{PYTORCH}/vgg16-397923af.pth", 553_433_881),
    }
    for file in downloads.TABLE.values():
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.url.endswith(f"/{file.filename}")
        assert file.filename.endswith(f"-{file.sha256[:8]}.pth")


def test_importing_the_module_imports_nothing_slow():
    code = "import sys, stylize_cli.downloads; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    modules = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    slow = {"torch", "torchvision", "PIL", "numpy", "requests", "urllib3", "filelock", "rich"}
    assert slow.isdisjoint(modules.split())
