"""The page in a real headless Chromium: what a person does, on small networks."""

import contextlib
import io
import shutil
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_cli import models
from stylize_cli.methods import quick_style
from stylize_cli.page import server
from stylize_cli.page.gate import Gate
from stylize_cli.page.networks import Networks
from stylize_cli.page.studio import Studio

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

playwright = pytest.importorskip("playwright.sync_api")
uvicorn = pytest.importorskip("uvicorn")
pytest_plugins = ["commandline", "nets"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium"),
    pytest.mark.usefixtures("conversions", "loaded"),
]
expect = playwright.expect
expect.set_options(timeout=30_000)
STYLES = ("monet", "munch", "hokusai", "klimt")
CURVES = """Object.fromEntries([...document.querySelectorAll("#plot polyline")].map((line) => {
    const told = document.querySelector(`#legend [data-kind=${line.dataset.kind}]`);
    const swatch = getComputedStyle(told.querySelector("i")).backgroundColor;
    const colours = [getComputedStyle(line).stroke, swatch];
    return [line.dataset.kind, [...colours, told.querySelector("b").textContent]];
}))"""  # by kind: the line's colour, that of the legend, and the newest loss


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def rooms(monkeypatch, net):
    """A studio with one small network of four styles."""
    monkeypatch.setattr(models, "bundled", dict)
    file = net(styles=STYLES)
    monkeypatch.setattr(Networks, "__init__", _only(file))
    return Studio()


def _only(file):
    whole = Networks.__init__

    def start(self):
        whole(self)
        self.add(str(file))

    return start


@pytest.fixture
def address(rooms):
    """Of the page, token included, served as `stylize page` does."""
    gate = Gate(server.app(rooms))
    listener = socket.create_server(("127.0.0.1", 0))
    quiet = {"log_config": None, "log_level": "critical", "lifespan": "off"}
    config = uvicorn.Config(gate, **quiet, timeout_graceful_shutdown=0)
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/?token={gate.token}"
    for job in list(rooms.jobs):
        rooms.stop(job.id)
    serving.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def browsing(chromium):
    """browsing(**options of a context) -> a tab in a browser of its own; no script may fail."""
    contexts, failures, asked = [], [], []

    def open_tab(**options):
        context = chromium.new_context(accept_downloads=True, **options)
        context.set_default_timeout(30_000)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: failures.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        return tab

    yield open_tab
    for context in contexts:
        context.close()
    assert not failures
    assert all(url.startswith(("http://127.0.0.1:", "blob:", "data:")) for url in asked)


@pytest.fixture
def tab(browsing, address):
    """The page, once its first glimpse is there."""
    page = browsing(viewport={"width": 1280, "height": 900})
    page.goto(address)
    expect(page.locator("#badge")).to_have_text("Preview", timeout=60000)
    return page


def drop(tab, path, target="main"):
    """Drops a file as a hand would, by the events that a browser sends."""
    data = path.read_bytes()
    transfer = tab.evaluate_handle(
        """([bytes, name]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
            return transfer;
        }""",
        [list(data), path.name],
    )
    for event in ("dragenter", "dragover", "drop"):
        tab.dispatch_event(target, event, {"dataTransfer": transfer})


def optimise_for_long(tab):
    tab.get_by_role("tab", name="Optimise").click()
    tab.locator("#paintings button").first.click()
    tab.locator("#size").select_option("256")
    tab.locator("#iterations").fill("600")
    tab.locator("#go").click()
    expect(tab.locator("#badge")).to_have_text("In the making")


def test_load(tab):
    assert tab.url.endswith("/")  # the token is out of sight
    expect(tab.locator("#photos [role=radio]")).to_have_count(3)
    expect(tab.locator("#styles button")).to_have_count(len(STYLES))
    expect(tab.locator("#command")).to_contain_text("stylize apply")
    assert tab.evaluate("document.querySelector('#picture').naturalWidth") > 300


def test_drop_choose_paint_download(tab, photo, rooms):
    drop(tab, photo)
    expect(tab.get_by_role("radio", name="photo", exact=True)).to_have_attribute(
        "aria-checked", "true"
    )
    tab.get_by_role("button", name="munch").click()
    expect(tab.locator("#command")).to_contain_text("photo.png --style munch")
    tab.locator("#go").click()
    expect(tab.locator("#made .tile")).to_have_count(1)
    expect(tab.locator("#caption")).to_contain_text("32 × 24 px")
    for button, magic in (("PNG", b"\x89PNG"), ("JPEG", b"\xff\xd8")):
        with tab.expect_download() as saved:
            tab.get_by_role("link", name=button, exact=True).click()
        data = Path(saved.value.path()).read_bytes()
        assert saved.value.suggested_filename.startswith("photo-munch.")
        assert data.startswith(magic)
    (made,) = rooms.made
    assert Image.open(io.BytesIO(made.data)).size == (32, 24)


def test_a_blend_by_sliders_and_in_the_square(tab, photo):
    drop(tab, photo)
    tab.get_by_label("Mix up to four").check()
    expect(tab.locator("#mix-hint")).to_contain_text("the square")
    for name in STYLES[1:]:
        tab.get_by_role("button", name=name, exact=True).click()
    expect(tab.locator("#weights .weight")).to_have_count(4)
    expect(tab.locator("#mix-hint")).to_be_empty()
    expect(tab.locator("#pad")).to_be_in_viewport(ratio=1)  # without scrolling
    slider = tab.get_by_role("slider", name="hokusai")
    slider.focus()
    slider.press("Home")
    expect(tab.locator("#command")).to_contain_text("hokusai:0 ")
    with tab.expect_response(lambda answer: "glimpse" in answer.url) as seen:
        tab.locator("#pad").click(position={"x": 4, "y": 4})
    assert seen.value.ok
    weights = dict(
        word.split(":") for word in tab.locator("#command").inner_text().split() if ":" in word
    )
    expect(tab.locator("#command")).to_contain_text("monet:0.9")
    assert len(weights) == 4
    tab.locator("#pad").press("ArrowRight")
    expect(tab.locator("#command")).to_contain_text("munch:0.0")


def test_a_painting_is_learnt_and_then_paints_at_once(tab, photo, monkeypatch):
    monkeypatch.setattr(quick_style, "QUICK_STYLE", {"steps": 3, "batch_size": 1, "size": 32})
    drop(tab, photo, "#paintings")
    expect(tab.locator("#caption")).to_contain_text("learns this painting")
    expect(tab.locator("#command")).to_contain_text("--style ./photo.png")
    expect(tab.locator("#styles [aria-pressed=true]")).to_have_count(0)
    tab.locator("#go").click()
    expect(tab.locator("#made .tile")).to_have_count(1)
    with tab.expect_response(lambda answer: "glimpse" in answer.url) as seen:
        tab.get_by_role("slider", name="Strength").press("ArrowLeft")
    assert seen.value.status == 200
    tab.get_by_role("button", name="munch").click()
    expect(tab.locator("#command")).to_contain_text("--style munch")
    expect(tab.locator("#paintings [aria-pressed=true]")).to_have_count(0)


def test_neighbours(tab):
    tab.get_by_role("tab", name="Optimise").click()
    tab.locator("#paintings button").first.click()
    tab.get_by_label("Built from").select_option("neighbours")
    expect(tab.locator("#command")).to_contain_text("--preset neighbours")


def test_optimise_and_stop(tab, rooms):
    optimise_for_long(tab)
    expect(tab.locator("#jobs progress")).to_have_count(1)
    expect(tab.locator("#plot")).to_be_visible()
    expect(tab.locator("#jobs")).to_contain_text("left")
    seen = tab.evaluate(CURVES)  # at once: they are drawn anew all the time
    assert seen.keys() > {"total", "style", "content"}
    assert all(line == swatch for line, swatch, _ in seen.values())
    assert float(seen["total"][2]) > max(float(seen[kind][2]) for kind in ("style", "content"))
    assert tab.title().endswith("· stylize")
    tab.locator("#go").click()  # one that waits, and is taken out again
    expect(tab.locator("#badge")).to_have_text("Waiting")
    tab.get_by_role("button", name="Remove").click()
    expect(tab.locator("#badge")).to_have_text("In the making")
    tab.get_by_role("button", name="Stop").click()
    expect(tab.locator("#made .tile")).to_have_count(1)
    expect(tab.locator("#jobs li")).to_have_count(0)
    (made,) = rooms.made
    assert max(made.width, made.height) == 256


def test_a_reload_in_the_middle(tab, rooms):
    optimise_for_long(tab)
    job = rooms.jobs[0].id
    tab.reload()
    expect(tab.locator("#badge")).to_have_text("In the making")
    expect(tab.get_by_role("tab", name="Optimise")).to_have_attribute("aria-selected", "true")
    expect(tab.locator("#iterations")).to_have_value("600")
    assert [one.id for one in rooms.jobs] == [job]
    tab.get_by_role("button", name="Stop").click()
    expect(tab.locator("#made .tile")).to_have_count(1)
    tab.reload()
    expect(tab.locator("#made .tile")).to_have_count(1)


def test_two_tabs(tab, photo):
    optimise_for_long(tab)
    other = tab.context.new_page()
    other.goto(tab.url)
    expect(other.locator("#jobs li")).to_have_count(1)
    drop(other, photo)
    expect(other.locator("#photos [role=radio]")).to_have_count(4)
    other.locator("#go").click()
    for page in (tab, other):
        expect(page.locator("#jobs li")).to_have_count(2)
    expect(tab.locator("#jobs")).to_contain_text("waiting")
    expect(other.locator("#badge")).to_have_text("Waiting")
    other.locator("#jobs .title").first.press("Enter")  # the one at work
    expect(other.locator("#badge")).to_have_text("In the making")
    tab.get_by_role("button", name="Stop").click()
    for page in (tab, other):
        expect(page.locator("#made .tile")).to_have_count(2)


def test_a_broken_picture(tab, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    drop(tab, broken)
    expect(tab.get_by_role("alert")).to_contain_text("broken.png")
    expect(tab.locator("#photos [role=radio]")).to_have_count(3)
    expect(tab.locator("#go")).to_be_enabled()


def test_another_page_gets_nothing(tab, rooms):
    """A page of another port of this machine, in the same browser, with the same cookies."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        body = b"<p>another page</p>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"

        def serve():
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                line.settimeout(5)  # a browser opens lines that it may never use
                with line, contextlib.suppress(OSError):
                    asked.append(line.recv(4096))
                    line.sendall(head % len(body) + body)

        threading.Thread(target=serve, daemon=True).start()
        other = tab.context.new_page()
        other.goto(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        reached = other.evaluate(
            """async (home) => {
                const image = new Image();
                const seen = new Promise((done) => {
                    image.onload = () => done(true);
                    image.onerror = () => done(false);
                });
                image.src = home + "static/icon.svg";
                const asked = {method: "POST", mode: "no-cors", credentials: "include",
                    body: '{"kind": "texture", "model": "x"}'};
                await fetch(home + "api/jobs", asked).catch(() => {});
                return seen;
            }""",
            tab.url,
        )
    assert asked
    assert not reached
    assert not rooms.jobs


def test_without_a_token(browsing, address):
    page = browsing()
    answer = page.goto(address.partition("?")[0])
    assert answer.status == 403
    assert "the address that stylize page has printed" in page.inner_text("body")


def test_by_keyboard_alone(tab):
    tab.locator("body").press("Tab")
    expect(tab.locator("#tab-paint")).to_be_focused()
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("#tab-optimize")).to_have_attribute("aria-selected", "true")
    tab.keyboard.press("ArrowLeft")
    tab.locator("#photos [role=radio]").first.focus()
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("#photos [role=radio]").nth(1)).to_have_attribute("aria-checked", "true")
    tab.locator("#styles button").nth(0).focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("button", name="munch")).to_have_attribute("aria-pressed", "true")
    tab.locator("#go").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("#made .tile")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_is_wider_than_the_window(browsing, address, width, scheme):
    page = browsing(viewport={"width": width, "height": 780}, color_scheme=scheme)
    page.goto(address)
    expect(page.locator("#styles button")).to_have_count(len(STYLES))
    for name in ("Optimise", "Texture", "Enlarge", "Paint"):
        page.get_by_role("tab", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, ground = (
        [int(part) for part in page.evaluate(shown).strip("rgb()").split(",")]
        for shown in map("getComputedStyle(document.body).{}".format, ("color", "backgroundColor"))
    )
    assert _contrast(ink, ground) > 7  # WCAG 2.1, 1.4.6
    assert (_luminance(ground) > 0.5) == (scheme == "light")
    pairs = {
        **dict.fromkeys(("ink", "soft", "accent"), 4.5),
        "bad": 4.5,
        "edge": 3,
    }  # 1.4.3, 1.4.11
    pairs |= dict.fromkeys(("first", "second", "third", "fourth"), 3)
    shown = "name => getComputedStyle(document.documentElement).getPropertyValue('--' + name)"
    for name, least in pairs.items():
        one, panel = (
            [int(page.evaluate(shown, part).strip()[i : i + 2], 16) for i in (1, 3, 5)]
            for part in (name, "panel")
        )
        assert _contrast(one, panel) >= least, name


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(rgb):
    """Relative luminance, WCAG 2.1."""
    parts = np.array(rgb) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
