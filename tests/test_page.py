"""The page without a browser: who gets in, what is taken, what is made, and in which order."""

import gc
import io
import json
import re
import shlex
import shutil
import struct
import subprocess
import sys
import threading
import time
import weakref
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from stylize_cli import models
from stylize_cli.api import network, optimize
from stylize_cli.api.picture import Picture
from stylize_cli.errors import StylizeError
from stylize_cli.methods import quick_style
from stylize_cli.page import making, networks, server, shelf, studio, wishes
from stylize_cli.page.gate import Gate
from stylize_cli.page.studio import Studio
from stylize_cli.page.wishes import Wish

pytest.importorskip("httpx2")
from starlette.testclient import TestClient

pytest_plugins = ["commandline", "nets"]

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def rooms(monkeypatch):
    """A studio that knows no network but what it is given."""
    monkeypatch.setattr(models, "bundled", dict)
    return Studio()


@pytest.fixture
def gate(rooms):
    return Gate(server.app(rooms))


@pytest.fixture
def stranger(gate):
    """A client without the token."""
    return TestClient(gate, base_url=HERE)


@pytest.fixture
def client(gate, stranger):
    """A client that has come in by the printed address."""
    assert stranger.get("/", params={"token": gate.token}).status_code == 200
    return stranger


@pytest.fixture
def give(client, picture_file):
    """give(height, width, seed=0, role="photo", name="photo.png") -> its id on the shelf."""

    def post(height, width, *, seed=0, role="photo", name="photo.png"):
        data = picture_file(height, width, seed=seed, name=name).read_bytes()
        answer = client.post("/api/pictures", params={"name": name, "role": role}, content=data)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    return post


@pytest.fixture
def offer(client, net):
    """The name of a small network of three styles, offered by its file."""
    answer = client.post("/api/networks", json={"file": str(net())})
    return answer.json()["name"]


def until(condition, seconds=60):
    """Waits for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def finished(rooms):
    until(lambda: not any(job.state != "failed" for job in rooms.jobs))


class TestGate:
    def test_nobody_comes_in_without_the_token(self, stranger, rooms):
        photo = next(iter(rooms.shelf)).id
        for path in ("/", "/api/events", f"/api/pictures/{photo}", "/static/page.js"):
            answer = stranger.get(path)
            assert answer.status_code == 403
            assert answer.text.startswith("error: ")
        assert stranger.get("/", params={"token": "guess"}).status_code == 403
        assert stranger.get("/api/styles?token=guess").status_code == 403

    def test_the_token_is_no_password_for_other_addresses(self, stranger, gate):
        assert stranger.get("/static/page.js", params={"token": gate.token}).status_code == 403

    def test_a_cookie_that_is_not_ascii_is_refused(self, stranger):
        answer = stranger.get("/", headers={"Cookie": b"stylize8000=\xe9\xff"})
        assert answer.status_code == 403

    def test_the_token_is_the_runs_and_a_ticket_is_for_once(self, stranger, gate):
        ticket = gate.ticket()
        assert stranger.get("/", params={"token": ticket}).status_code == 200
        stranger.cookies.clear()
        assert stranger.get("/", params={"token": ticket}).status_code == 403
        for _ in range(2):
            assert stranger.get("/", params={"token": gate.token}).status_code == 200

    @pytest.mark.parametrize(
        "origin", ["http://evil.example", "http://127.0.0.1:9999", "null", "https://127.0.0.1:8000"]
    )
    def test_a_forged_origin_is_refused(self, client, rooms, origin):
        wish = {"kind": "texture", "model": "x"}
        answer = client.post("/api/jobs", json=wish, headers={"Origin": origin})
        assert answer.status_code == 403
        assert not rooms.jobs

    @pytest.mark.parametrize("site", ["same-site", "cross-site"])
    def test_a_picture_on_another_page_is_refused(self, client, rooms, site):
        path = f"/api/pictures/{next(iter(rooms.shelf)).id}"
        assert client.get(path).status_code == 200
        assert client.get(path, headers={"Sec-Fetch-Site": site}).status_code == 403

    @pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1.evil.example", ""])
    def test_a_name_that_was_bound_to_this_machine_is_refused(self, client, host):
        assert client.get("/", headers={"Host": host}).status_code == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "evil.example"},
        ],
    )
    def test_the_stream_of_what_happens_is_not_for_others(self, client, headers):
        assert client.get("/api/events", headers=headers).status_code == 403

    def test_the_token_goes_to_no_other_page(self, client, gate):
        for answer in (client.get("/", params={"token": gate.token}), client.get("/?token=guess")):
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert gate.token not in answer.text
        assert gate.token not in client.get("/static/page.js").text

    def test_no_cache_keeps_it(self, client, rooms):
        photo = f"/api/pictures/{next(iter(rooms.shelf)).id}"
        paths = ("/", "/?token=guess", "/static/page.js", "/api/made/none.png")
        for path in (*paths, photo, f"{photo}/thumbnail"):
            answer = client.get(path)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"

    def test_the_page_may_ask(self, client):
        headers = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
        assert client.get("/", headers=headers).status_code == 200

    def test_no_address_but_its_own_is_allowed(self, client):
        policy = client.get("/").headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert not re.search(r"https?:|\*|unsafe", policy)
        cookie = next(iter(client.cookies.jar))
        assert cookie.has_nonstandard_attr("HttpOnly")

    def test_the_static_files_name_no_other_address(self):
        for file in server.STATIC.iterdir():
            text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|//[a-z]+\.[a-z]", text), file


class TestPictures:
    def test_it_lies_on_no_disk(self, give, home, tmp_path):
        before = sorted(tmp_path.rglob("*"))
        give(24, 32)
        assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "photo.png"])
        assert not home.exists()

    def test_what_is_no_picture_is_refused_in_the_words_of_the_command_line(self, client, refused):
        broken = b"\x89PNG\r\n\x1a\n" + bytes(40)
        answer = client.post("/api/pictures", params={"name": "x.png"}, content=broken)
        assert answer.status_code == 422
        said = answer.json()["error"]
        Path("x.png").write_bytes(broken)
        assert refused("optimize", "x.png", "x.png") == said

    def test_it_is_bounded_in_size(self, client, monkeypatch):
        monkeypatch.setattr(shelf, "LARGEST", 2 << 20)
        answer = client.post("/api/pictures", content=bytes((2 << 20) + 1))
        assert (answer.status_code, answer.json()["error"]) == (
            422,
            "the file is too large: give at most 2 MiB",
        )

    def test_its_size_need_not_be_said(self, client, monkeypatch):
        monkeypatch.setattr(shelf, "LARGEST", 2 << 20)
        answer = client.post("/api/pictures", content=(bytes(1 << 20) for _ in range(3)))
        assert (answer.status_code, "too large" in answer.text) == (422, True)

    def test_a_picture_that_would_unfold_is_refused(self, client, picture_file):
        data = bytearray(picture_file(24, 32).read_bytes())
        data[16:24] = struct.pack(">II", 100_000, 100_000)  # what a PNG says of its size
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        answer = client.post("/api/pictures", params={"name": "x.png"}, content=bytes(data))
        assert answer.status_code == 422
        assert "100000x100000" in answer.json()["error"]

    def test_they_are_bounded_in_number(self, client, give, picture_file, monkeypatch):
        monkeypatch.setattr(shelf, "MOST", 2)
        first, _ = give(24, 32), give(24, 32)
        answer = client.post("/api/pictures", content=picture_file(24, 32).read_bytes())
        assert answer.json()["error"] == "2 pictures are here already: remove one of them"
        assert client.delete(f"/api/pictures/{first}").status_code == 204
        give(24, 32)

    def test_examples_stay(self, client, rooms):
        one = next(iter(rooms.shelf))
        client.delete(f"/api/pictures/{one.id}")
        assert rooms.shelf[one.id] == one

    @pytest.mark.parametrize(
        ("given", "kept"),
        [("../../etc/passwd", "passwd"), ("C:\\a\\b.jpg", "b.jpg"), ("", "picture.png")],
    )
    def test_its_name_is_that_of_a_file(self, rooms, picture_file, given, kept):
        data = picture_file(24, 32).read_bytes()
        assert rooms.shelf.add(given, "photo", data).name == kept

    def test_its_thumbnail_is_the_picture(self, client, give, pixels):
        id = give(100, 400)
        data = client.get(f"/api/pictures/{id}/thumbnail").content
        with Image.open(io.BytesIO(data)) as small:
            assert small.size == (224, 56)
            want = Image.fromarray(pixels("photo.png").astype("uint8")).resize((224, 56))
            assert np.abs(np.asarray(small, float) - np.asarray(want, float)).mean() < 4


@pytest.mark.usefixtures("conversions")
class TestPainting:
    def paint(self, client, rooms, wish):
        answer = client.post("/api/jobs", json=wish)
        assert answer.status_code == 201, answer.text
        finished(rooms)
        assert not rooms.jobs, rooms.jobs[0].error
        return client.get(f"/api/made/{answer.json()['id']}.png").content

    @pytest.mark.parametrize(
        "styles", [{"munch": 1}, {"monet": 0.25, "munch": 0.75}, {"monet": 1, "hokusai": 0.5}]
    )
    def test_the_command_line_makes_the_same_picture(
        self, client, rooms, give, offer, stylize, tmp_path, styles
    ):
        options = {"strength": 0.8, "keep_colors": True, "size": 40, "styles": styles}
        wish = {"kind": "paint", "photo": give(48, 64), "model": offer, **options}
        data = self.paint(client, rooms, wish)
        words = shlex.split(client.post("/api/plan", json=wish).json()["command"])
        ran = stylize(*words[1:])
        assert ran.code == 0, ran.err
        with Image.open(tmp_path / ran.line) as want, Image.open(io.BytesIO(data)) as made:
            assert np.array_equal(np.asarray(want), np.asarray(made))

    def test_of_an_enlargement_too(self, client, rooms, give, net, stylize, tmp_path):
        file = net("upscaler")
        name = client.post("/api/networks", json={"file": str(file)}).json()["name"]
        wish = {"kind": "enlarge", "photo": give(24, 32), "model": name}
        data = self.paint(client, rooms, wish)
        stylize(*shlex.split(client.post("/api/plan", json=wish).json()["command"])[1:])
        with Image.open(tmp_path / "photo-enlarged.png") as want:
            assert np.array_equal(np.asarray(want), np.asarray(Image.open(io.BytesIO(data))))

    def test_of_a_texture_too(self, client, rooms, pyramid, stylize, tmp_path):
        name = client.post("/api/networks", json={"file": str(pyramid())}).json()["name"]
        wish = {"kind": "texture", "model": name, "width": 48, "height": 32, "seed": 7}
        data = self.paint(client, rooms, wish)
        stylize(*shlex.split(client.post("/api/plan", json=wish).json()["command"])[1:])
        with Image.open(tmp_path / "brick-texture.png") as want:
            assert np.array_equal(np.asarray(want), np.asarray(Image.open(io.BytesIO(data))))

    def test_a_jpeg_is_the_picture(self, client, rooms, give, offer):
        wish = {"kind": "paint", "photo": give(48, 64), "model": offer, "styles": {"munch": 1}}
        made = np.asarray(Image.open(io.BytesIO(self.paint(client, rooms, wish))), float)
        (one,) = rooms.made
        data = client.get(f"/api/made/{one.id}.jpg").content
        assert data.startswith(b"\xff\xd8")
        assert np.abs(np.asarray(Image.open(io.BytesIO(data)), float) - made).mean() < 5

    def test_a_glimpse_is_small(self, client, give, offer):
        wish = {"kind": "paint", "photo": give(300, 600), "model": offer, "styles": {"munch": 1}}
        for query, size in (("", (384, 192)), ("?fine", (600, 300))):
            data = client.post(f"/api/glimpse{query}", json=wish).content
            assert Image.open(io.BytesIO(data)).size == size

    def test_the_sheet_of_styles_has_a_cell_for_each(self, client, give, offer):
        asked = {"photo": give(48, 64), "model": offer}
        data = client.get("/api/styles", params=asked).content
        assert Image.open(io.BytesIO(data)).size == (3 * making.CELL, making.CELL)

    def test_an_unknown_style_is_refused_in_the_words_of_the_command_line(
        self, client, rooms, give, offer, stylize
    ):
        wish = {"kind": "paint", "photo": give(48, 64), "model": offer, "styles": {"mnch": 1}}
        client.post("/api/jobs", json=wish)
        finished(rooms)
        (job,) = rooms.jobs
        ran = stylize("apply", offer, "photo.png", "--style", "mnch")
        assert ran.err == f"error: {job.error}\n"
        client.delete(f"/api/jobs/{job.id}")
        assert not rooms.jobs


@pytest.mark.usefixtures("loaded")
class TestLearning:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch):
        monkeypatch.setattr(quick_style, "QUICK_STYLE", {"steps": 3, "batch_size": 1, "size": 32})

    def wish(self, give, offer):
        painting = give(32, 32, seed=1, role="style", name="new.png")
        return {"kind": "paint", "photo": give(48, 64), "model": offer, "painting": painting}

    def test_the_command_line_makes_the_same_picture(
        self, client, rooms, give, offer, stylize, tmp_path, home
    ):
        wish = self.wish(give, offer) | {"styles": {"munch": 1}, "strength": 0.8}
        before = sorted(tmp_path.rglob("*"))
        assert client.post("/api/glimpse", json=wish).status_code == 204  # not before it is asked
        id = client.post("/api/jobs", json=wish).json()["id"]
        finished(rooms)
        assert not rooms.jobs, rooms.jobs[0].error
        fresh = [file for file in tmp_path.rglob("*") if file not in before and file.is_file()]
        assert not {file.suffix for file in fresh} & {".png", ".jpg"}  # what is learnt alone
        shutil.rmtree(home)  # the command line is to learn it anew
        ran = stylize(*shlex.split(client.post("/api/plan", json=wish).json()["command"])[1:])
        assert (ran.code, ran.line) == (0, "photo-new.png"), ran.err
        made = Image.open(io.BytesIO(client.get(f"/api/made/{id}.png").content))
        with Image.open(tmp_path / ran.line) as want:
            assert np.array_equal(np.asarray(want), np.asarray(made))
        glimpse = client.post("/api/glimpse", json=wish)
        assert Image.open(io.BytesIO(glimpse.content)).size == (64, 48)

    def test_stop_ends_it_without_a_picture(self, client, rooms, give, offer, monkeypatch):
        monkeypatch.setitem(quick_style.QUICK_STYLE, "steps", 500)
        id = client.post("/api/jobs", json=self.wish(give, offer)).json()["id"]
        until(lambda: rooms.jobs[0].now.share > 0)
        client.delete(f"/api/jobs/{id}")
        finished(rooms)
        assert (rooms.jobs, list(rooms.made)) == ([], [])


@pytest.mark.usefixtures("loaded")
class TestOptimising:
    def wish(self, give, **more):
        style = give(32, 32, seed=1, role="style", name="style.png")
        common = {"photo": give(24, 32), "styles": {style: 1}, "size": 32, "iterations": 3}
        return {"kind": "optimize", **common, **more}

    def test_the_command_line_makes_the_same_picture(self, client, rooms, give, stylize, tmp_path):
        wish = self.wish(give, balance=0.25)
        id = client.post("/api/jobs", json=wish).json()["id"]
        finished(rooms)
        command = client.post("/api/plan", json=wish).json()["command"]
        assert command.startswith("stylize optimize photo.png style.png --balance 0.25")
        ran = stylize(*shlex.split(command)[1:])
        assert ran.code == 0, ran.err
        made = Image.open(io.BytesIO(client.get(f"/api/made/{id}.png").content))
        with Image.open(tmp_path / "photo-style.png") as want:
            assert np.array_equal(np.asarray(want), np.asarray(made))

    def test_of_neighbours_too(self, client, rooms, give, stylize, tmp_path):
        wish = self.wish(give, preset="neighbours", balance=0.25)
        id = client.post("/api/jobs", json=wish).json()["id"]
        finished(rooms)
        command = client.post("/api/plan", json=wish).json()["command"]
        assert "--preset neighbours" in command
        ran = stylize(*shlex.split(command)[1:])
        assert ran.code == 0, ran.err
        made = Image.open(io.BytesIO(client.get(f"/api/made/{id}.png").content))
        with Image.open(tmp_path / "photo-style.png") as want:
            assert np.array_equal(np.asarray(want), np.asarray(made))

    def test_stop_keeps_the_best(self, client, rooms, give, monkeypatch):
        encoded, threads = Picture.encoded, []

        def spy(*args, **options):
            threads.append(threading.current_thread().name)
            return encoded(*args, **options)

        wish = self.wish(give, iterations=2000)
        id = client.post("/api/jobs", json=wish).json()["id"]
        until(lambda: rooms.jobs and rooms.jobs[0].shown > 2)
        monkeypatch.setattr(Picture, "encoded", spy)
        emerging = client.get(f"/api/jobs/{id}/picture")
        assert Image.open(io.BytesIO(emerging.content)).format == "JPEG"
        assert threads == ["studio"]  # beside which nothing encodes
        job = rooms.jobs[0]
        assert job.losses[-1]["total"] < job.losses[0]["total"]
        told = job.described()
        assert told["losses"].keys() > {"total", "style", "content"}
        assert told["losses"]["total"][-1] == pytest.approx(
            sum(losses[-1] for kind, losses in told["losses"].items() if kind != "total"), rel=1e-3
        )
        client.delete(f"/api/jobs/{id}")
        finished(rooms)
        (made,) = rooms.made
        assert (made.id, made.width, made.height) == (id, 32, 24)

    def test_a_photo_that_is_removed_meanwhile(self, client, rooms, give):
        wish = self.wish(give, iterations=2000)
        client.post("/api/jobs", json=wish)
        client.post("/api/jobs", json=wish)
        until(lambda: rooms.jobs[0].shown)
        client.delete(f"/api/pictures/{wish['photo']}")
        assert len(rooms.snapshot()["jobs"]) == 2
        rooms.stop(rooms.jobs[0].id)
        finished(rooms)
        assert len(rooms.made) == 1  # the first had read it
        assert [job.error for job in rooms.jobs] == ["that picture is gone: choose another"]

    def test_one_at_a_time_in_order(self, client, rooms, give):
        long, short = self.wish(give, iterations=2000), self.wish(give)
        ids = [client.post("/api/jobs", json=wish).json()["id"] for wish in (long, short, short)]
        until(lambda: rooms.jobs[0].shown)
        assert [job.state for job in rooms.jobs] == ["running", "waiting", "waiting"]
        client.delete(f"/api/jobs/{ids[1]}")  # one that waits is put out
        client.delete(f"/api/jobs/{ids[0]}")
        finished(rooms)
        assert [made.id for made in rooms.made] == [ids[0], ids[2]]

    def test_a_glimpse_goes_between_the_iterations(self, client, rooms, give):
        client.post("/api/jobs", json=self.wish(give, iterations=2000))
        until(lambda: rooms.jobs[0].shown)
        assert rooms.soon(threading.current_thread).result(30).name == "studio"
        assert rooms.jobs[0].state == "running"
        rooms.stop(rooms.jobs[0].id)
        finished(rooms)

    def test_the_queue_is_bounded(self, client, rooms, give, monkeypatch):
        monkeypatch.setattr(studio, "MOST_WAITING", 1)
        wish = self.wish(give, iterations=2000)
        client.post("/api/jobs", json=wish)
        answer = client.post("/api/jobs", json=wish)
        said = "1 pictures are waiting already: stop one of them"
        assert (answer.status_code, answer.json()["error"]) == (422, said)
        rooms.stop(rooms.jobs[0].id)
        finished(rooms)

    def test_a_bug_leaves_the_worker_alive(self, client, rooms, give, monkeypatch, capfd):
        wish = self.wish(give)
        with monkeypatch.context() as broken:
            broken.setattr(optimize, "prepare", lambda *_, **__: 1 / 0)
            client.post("/api/jobs", json=wish)
            finished(rooms)
        assert rooms.jobs[0].error.startswith("stylize itself failed")
        assert "ZeroDivisionError" in capfd.readouterr().err
        client.post("/api/jobs", json=wish)
        finished(rooms)
        assert len(rooms.made) == 1

    def test_old_pictures_make_room(self, client, rooms, give, monkeypatch):
        monkeypatch.setattr(studio, "MOST_MADE", 1)
        wish = self.wish(give)
        ids = [client.post("/api/jobs", json=wish).json()["id"] for _ in range(2)]
        finished(rooms)
        assert [made.id for made in rooms.made] == ids[1:]
        assert client.get(f"/api/made/{ids[0]}.png").status_code == 422

    def test_the_time_is_that_of_the_last_one(self, client, rooms, give):
        wish = self.wish(give)
        assert client.post("/api/plan", json=wish).json()["seconds"] is None
        client.post("/api/jobs", json=wish)
        finished(rooms)
        (made,) = rooms.made
        twice = client.post("/api/plan", json={**wish, "iterations": 6}).json()["seconds"]
        assert twice == pytest.approx(2 * made.seconds)


class TestWishes:
    @pytest.mark.parametrize(
        "given",
        [
            None,
            [],
            {"kind": "format"},
            {"kind": "paint", "photo": 3},
            {"kind": "paint", "painting": 3},
            {"kind": "optimize", "preset": "paper"},
            {"kind": "paint", "size": "512"},
            {"kind": "texture", "width": 2**32},
            {"kind": "texture", "seed": -1},
            {"kind": "paint", "keep_colors": 1},
            {"kind": "paint", "styles": ["monet"]},
            {"kind": "paint", "styles": {"monet": "1"}},
            {"kind": "paint", "styles": dict.fromkeys("abcde", 1)},
        ],
    )
    def test_what_the_page_does_not_send_is_refused(self, client, given):
        answer = client.post("/api/jobs", content=json.dumps(given))
        assert answer.status_code == 422
        assert "load it anew" in answer.json()["error"]

    @pytest.mark.parametrize(
        "given",
        [
            '{"kind": "paint", "styles": {"\\ud800": 1}}',
            '{"kind": "texture", "model": "\\udfff"}',
            b'{"kind": "texture", "model": "\xed\xa0\x80"}',
        ],
    )
    def test_half_a_pair_of_surrogates_is_refused(self, client, given):
        for path in ("jobs", "plan", "networks", "glimpse"):
            answer = client.post(f"/api/{path}", content=given)
            assert answer.status_code == 422
            assert "load it anew" in answer.json()["error"]

    @pytest.mark.parametrize(
        ("blank", "said"),
        [
            (
                {"kind": "texture", "width": 0},
                "give the texture a width and a height, 2 px or more",
            ),
            (
                {"kind": "texture", "height": 1},
                "give the texture a width and a height, 2 px or more",
            ),
            ({"kind": "paint", "size": 0}, "choose a size of 2 px or more"),
            ({"kind": "optimize", "size": 15}, "choose a size of 16 px or more"),
            ({"kind": "optimize", "iterations": 0}, "give one iteration or more, or leave"),
        ],
    )
    def test_what_a_blank_field_leaves_out_is_missing(self, client, rooms, blank, said):
        photo, style = [one.id for one in rooms.shelf][:2]
        wish = {"photo": photo, "styles": {style: 1}, "model": "x"} | blank
        plan = client.post("/api/plan", json=wish).json()
        assert plan["missing"].startswith(said)
        assert plan["command"] == ""
        assert client.post("/api/jobs", json=wish).json()["error"] == plan["missing"]
        assert not rooms.jobs

    def test_a_photo_that_is_gone(self, client):
        wish = {"kind": "paint", "photo": "none", "model": "classics"}
        answer = client.post("/api/jobs", json=wish)
        assert answer.json()["error"] == "that picture is gone: choose another"

    @pytest.mark.parametrize("name", ["a b's.png", "-o.png", "$(x).png"])
    def test_names_are_quoted(self, rooms, picture_file, name):
        one = rooms.shelf.add(name, "photo", picture_file(24, 32).read_bytes())
        words = shlex.split(wishes.command(Wish("enlarge", photo=one.id, model="sr4"), rooms.shelf))
        assert words[3] in (name, f"./{name}")
        assert not words[3].startswith("-")


def test_all_of_it_is_told_to_whoever_listens(rooms):
    heard = threading.Event()
    end = rooms.listen(heard.set)
    rooms.changed()
    assert heard.is_set()
    end()
    heard.clear()
    rooms.changed()
    assert not heard.is_set()
    assert {"pictures", "networks", "jobs", "made"} == rooms.snapshot().keys()
    json.dumps(rooms.snapshot())


def test_it_starts_without_torch():
    said = "import sys, stylize_cli.page.server; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", said], check=True)


def test_errors_name_options_as_a_command_line_does():
    assert studio.sentence(StylizeError("use a smaller `stroke_size`")) == (
        "use a smaller --stroke-size"
    )


def test_of_many_networks_the_last_few_are_kept(monkeypatch):
    alive = weakref.WeakSet()

    class Net:
        def __init__(self, *_given):
            alive.add(self)

        def learning(self, *_given):
            yield from ()
            return Net()

    monkeypatch.setattr(models, "bundled", dict)
    monkeypatch.setattr(network, "load", Net)
    known = networks.Networks()
    for number in range(3 * networks.MOST):
        painting = SimpleNamespace(id=str(number), picture=lambda: None, data=b"")
        list(known.learning(str(number), painting, painting))
        assert known.knows(str(number), str(number))
        assert known.of(str(number), str(number)) in alive
    gc.collect()
    assert len(alive) == 2 * networks.MOST
    assert not known.knows("0", "0")  # it is learnt anew
