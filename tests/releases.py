"""Fixtures of the tests of models: a tiny one, one bundled, and a web server with further ones."""

import functools
import importlib.util
import threading
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from stylize_cli import checkpoints, models
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.generators import KINDS

STYLES = ("dots", "waves")


@pytest.fixture(scope="session")
def ship_model():
    """The script of that name, as a module."""
    path = Path(__file__).parents[1] / "scripts" / "ship_model.py"
    spec = importlib.util.spec_from_file_location("ship_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_model(tmp_path):
    """make_model(generator="conditional", **arguments) -> path of a seeded one, as trained."""

    def make(generator="conditional", **arguments):
        styles = STYLES if generator == "conditional" else ()
        arguments = {"width": 2, **({"styles": 2} if styles else {}), **arguments}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            weights = {
                key: value + 0.1 * torch.rand(value.shape) if value.is_floating_point() else value
                for key, value in KINDS[generator].build(**arguments).state_dict().items()
            }
        path = tmp_path / f"trained-{generator}.pt"
        provenance = {"steps": 7, "config": {"lr": 0.002}}
        checkpoints.save(
            path, Checkpoint("test", generator, arguments, weights, styles, provenance)
        )
        return path

    return make


@pytest.fixture
def bundled(tmp_path, monkeypatch, ship_model, make_model):
    """The folder of the package's models, which holds one: classics."""
    folder = tmp_path / "pretrained"
    monkeypatch.setattr(models, "PRETRAINED", folder)
    ship_model.ship(
        make_model(), folder, name="classics", licence="CC0-1.0", credit="Two paintings"
    )
    return folder


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        with suppress(ConnectionError):
            if self.path in self.server.redirects:
                self.send_response(302)
                self.send_header("Location", self.server.redirects[self.path])
                self.end_headers()
            else:
                super().do_GET()

    def log_message(self, *_args):
        pass


@pytest.fixture
def release(tmp_path, monkeypatch, ship_model, make_model):
    """A server of further models, candy and sr8; `folder` is what it serves, `asked` the requests.

    What `redirects` names leads elsewhere.

    STYLIZE_MODELS_URL names its index.
    """
    folder = tmp_path / "release"
    conditional, upscaler = make_model(), make_model("upscaler", factor=4)
    ship_model.ship(conditional, folder, name="candy", licence="CC-BY-4.0", credit="A sweet")
    ship_model.ship(upscaler, folder, name="sr8", licence="CC0-1.0", credit="")
    handler = functools.partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.folder, server.asked, server.redirects = folder, [], {}
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("STYLIZE_MODELS_URL", f"{server.url}/index.json")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("STYLIZE_OFFLINE", raising=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
