"""`stylize page` as a process: one line on stdout, this machine only, and its end."""

import http.client
import importlib.util
import re
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

pytest_plugins = ["commandline"]


@pytest.fixture
def started():
    """started(*options) -> (process, address)."""
    running = []

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, "-m", "stylize_cli", "page", "--no-browser", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
def test_it_prints_its_address_and_ends_at_once(started):
    process, address = started()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", address)
    where = urlsplit(address)
    line = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    line.request("GET", f"/?{where.query}")
    answer = line.getresponse()
    assert answer.status == 200
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    answer.read()
    line.request("GET", "/api/events", headers={"Cookie": cookie})
    events = line.getresponse()
    assert events.read(6) == b"data: "  # and stays open
    other = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Cookie": cookie}
    other.request("GET", "/api/events", headers=upgrade | key | {"Origin": "http://evil.example"})
    assert other.getresponse().status in (400, 403, 500)  # never 101
    other.close()
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert time.monotonic() - began < 2
    out, err = process.communicate()
    assert out == ""
    assert "Traceback" not in err
    assert "token" not in err
    assert cookie.partition("=")[2] not in err
    events.close()
    line.close()


def test_a_port_that_is_taken(refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused("page", "--no-browser", "--port", port).startswith(
            f"port {port} cannot be had"
        )


def test_without_its_extra(refused, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    said = refused("page", "--no-browser")
    assert said == "the page needs uvicorn: pip install 'stylize-cli[page]'"
