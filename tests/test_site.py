"""The documentation as a site: it builds, its formulas are formulas, and it loads nothing."""

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built as strictly as mkdocs can."""
    for module in ("mkdocs", "material", "latex2mathml"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"no {module}: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return folder


def test_every_page_is_in_the_site(site):
    for page in (ROOT / "docs").glob("*.md"):
        name = "" if page.stem == "index" else page.stem
        assert (site / name / "index.html").is_file()


def test_formulas_are_drawn_without_a_script(site):
    page = (site / "methods" / "index.html").read_text(encoding="utf-8")
    drawn = re.findall(r"<math .*?</math>", page, re.DOTALL)
    written = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert len(drawn) == len(re.findall(r"\$\$.+?\$\$|\$.+?\$", written, re.DOTALL)) > 20
    assert "arithmatex" not in page
    assert not any("\\" in formula for formula in drawn)  # a command that was not understood


def test_a_picture_that_stands_alone_says_what_it_shows_once(site):
    for page in (ROOT / "docs").glob("*.md"):
        name = "" if page.stem == "index" else page.stem
        drawn = (site / name / "index.html").read_text(encoding="utf-8")
        drawn = re.sub("</?code>", "", drawn)
        for said in re.findall(r"^!\[(.*?)\]", page.read_text(encoding="utf-8"), re.MULTILINE):
            text = re.escape(said.replace("`", ""))
            assert len(re.findall(rf">{text}</|<em>{text}", drawn)) == 1, said


def test_what_readme_and_security_link_to_is_there():
    for page in ("README.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (ROOT / page).parent.joinpath(link).exists(), f"{page}: {link}"


class _Loaded(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag in LOADING and given.get("rel") != "canonical":
            self.addresses.append(given.get(LOADING[tag]) or "")


def test_nothing_is_loaded_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = _Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.addresses
        assert not [address for address in loaded.addresses if "//" in address]
