"""Takes the pictures of the page: the two of the README, or with a folder every state of it.

    pip install playwright        # it drives a Chromium that is there, such as Debian's
    python scripts/show_page.py [FOLDER]

It runs `stylize page` with the bundled networks, and does what a person would.
"""

import contextlib
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

PHOTO = Path(__file__).parents[1] / "examples" / "red-panda.jpg"
GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}  # px
MIXED = ("hokusai great wave", "kirchner winter moonlit", "klimt kiss")
MINUTES, SETTLES = 60_000, 2000  # milliseconds
expect.set_options(timeout=5 * MINUTES)


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The address of a page of its own."""
    command = [sys.executable, "-m", "stylize_cli", "page", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextlib.contextmanager
def opened(address: str, size: dict[str, int], scheme: str) -> Iterator[Page]:
    """The page in a window of that size, in light or dark, once the styles are painted."""
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=size, color_scheme=scheme)
        page.set_default_timeout(5 * MINUTES)
        page.goto(address)
        expect(page.locator("#badge")).to_have_text("Preview")
        yield page
        browser.close()


def dropping(page: Page) -> None:
    """A file held over the page."""
    page.evaluate("""() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([], "photo.png", {type: "image/png"}));
        document.body.dispatchEvent(new DragEvent("dragenter", {dataTransfer, bubbles: true}));
    }""")


def mixed(page: Page) -> None:
    """Four styles, and a place between them."""
    page.evaluate("document.dispatchEvent(new DragEvent('dragleave', {bubbles: true}))")
    page.get_by_label("Mix up to four").check()
    for name in MIXED:
        page.locator("#styles").get_by_role("button", name=name, exact=True).click()
    page.locator("#pad").press("ArrowLeft")
    page.locator("#pad").press("ArrowUp")


def painted(page: Page) -> None:
    """A picture that is made, half of it as it was before."""
    page.locator("#go").click()
    expect(page.locator("#made .tile").first).to_be_visible()
    page.locator("#compare").check()


def learns(page: Page) -> None:
    """A painting that has not been learnt yet."""
    page.locator("#paintings button").first.click()
    expect(page.locator("#caption")).to_contain_text("learns")


def optimised(page: Page) -> None:
    """A picture that emerges."""
    page.get_by_role("tab", name="Optimise").click()
    page.locator("#paintings button").first.click()
    page.locator("#size").select_option("256")
    page.locator("#go").click()
    expect(page.locator("#plot")).to_be_visible()
    page.wait_for_timeout(5 * SETTLES)
    page.locator("#go").click()  # one that waits


def stopped(page: Page) -> None:
    """What is left of it."""
    page.locator("#jobs").get_by_role("button", name="Remove").click()
    page.locator("#jobs").get_by_role("button", name="Stop").click()
    expect(page.locator("#jobs li")).to_have_count(0)


def textured(page: Page) -> None:
    """A texture."""
    page.get_by_role("tab", name="Texture").click()
    page.locator("#go").click()
    expect(page.locator("#caption")).to_contain_text("px")


def enlarged(page: Page) -> None:
    """A small picture and four times the same, side by side."""
    page.get_by_role("tab", name="Enlarge").click()
    small = io.BytesIO()
    Image.open(PHOTO).resize((160, 120)).save(small, "PNG")
    sent = {"name": "small.png", "mimeType": "image/png", "buffer": small.getvalue()}
    page.locator("#upload").set_input_files(sent)
    expect(page.locator("#caption")).to_contain_text("small")
    page.locator("#go").click()
    expect(page.locator("#caption")).to_contain_text("640")


def refused(page: Page) -> None:
    """What is said of a broken picture."""
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": bytes(50)}
    page.locator("#upload").set_input_files(broken)
    expect(page.get_by_role("alert")).to_be_visible()


STATES = (dropping, mixed, painted, learns, optimised, stopped, textured, enlarged, refused)


def taken(page: Page, *, whole: bool = False) -> Image.Image:
    """A picture of the window, or of the whole page, when no further preview comes."""
    expect(page.locator("#frame")).not_to_have_attribute("aria-busy", "true")
    page.wait_for_timeout(SETTLES)
    return Image.open(io.BytesIO(page.screenshot(full_page=whole)))


def all_states(address: str, folder: Path) -> None:
    """Every state, wide and narrow, in light and dark, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in {"wide": WIDE, "narrow": NARROW}.items():
        for scheme in ("light", "dark"):
            with opened(address, size, scheme) as page:
                taken(page).save(folder / f"{name}-{scheme}-0-opened.png")
                for number, act in enumerate(STATES, 1):
                    act(page)
                    place = folder / f"{name}-{scheme}-{number}-{act.__name__}.png"
                    taken(page, whole=name == "narrow").save(place)


def gallery(address: str) -> None:
    """The two of the README: a mixture, wide and light; and on a phone, in the dark."""
    for name, size, scheme in (("wide", WIDE, "light"), ("narrow", NARROW, "dark")):
        with opened(address, size, scheme) as page:
            mixed(page)
            taken(page).save(GALLERY / f"page-{name}.webp", quality=82, method=6)


if __name__ == "__main__":
    with served() as where:
        if len(sys.argv) > 1:
            all_states(where, Path(sys.argv[1]))
        else:
            gallery(where)
