"""The scripts that make the pictures of the documentation."""

import dataclasses
import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from stylize_cli.cli import app

ROOT = Path(__file__).parents[1]
COMMAND = "stylize apply net.pt photo.png -o out.png"
TRAIN = "stylize train --style photo.png -o made.pt"


@pytest.fixture
def scripts(monkeypatch):
    """The modules pictures, gallery and notes_figures."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import gallery
    import notes_figures
    import pictures

    return pictures, gallery, notes_figures


@pytest.fixture
def ran(scripts, tmp_path):
    """ran(command, force=False, fails=False) -> the words that were run, None if nothing was."""
    (tmp_path / "photo.png").write_bytes(b"photo")

    def run(command, *, force=False, fails=False):
        calls = []

        def fake(words, work):
            calls.append(words)
            if fails:
                (work / "made.state.pt").write_bytes(b"state")
                raise OSError("stopped")
            (work / scripts[0].output_of(command)).write_bytes(b"made")

        try:
            scripts[0].produce(command, tmp_path, force=force, run=fake)
        except OSError:
            assert fails
        return calls[0] if calls else None

    return run


def test_a_command_runs_again_where_it_or_an_input_has_changed(ran, tmp_path):
    assert ran(COMMAND) == shlex.split(COMMAND)
    assert ran(COMMAND) is None
    assert ran(COMMAND, force=True)
    (tmp_path / "photo.png").write_bytes(b"another")
    assert ran(COMMAND)
    assert ran(f"{COMMAND} --size 64")
    assert ran(f"{COMMAND} --size 64") is None
    (tmp_path / "out.png").unlink()
    assert ran(f"{COMMAND} --size 64")


def test_a_training_that_was_stopped_goes_on_and_no_other(ran):
    assert "--resume" not in ran(TRAIN, fails=True)
    assert ran(TRAIN)[-1] == "--resume"
    assert ran(TRAIN) is None
    assert "--resume" not in ran(f"{TRAIN} --steps 9", fails=True)
    assert "--resume" not in ran(TRAIN)


def test_every_command_is_one_of_the_command_line(scripts):
    """Its options have these names and take these values."""
    group = get_command(app.table())
    for table in scripts[1:]:
        for picture in table.PICTURES:
            for command in picture.commands:
                name, verb, *words = shlex.split(command)
                assert name == "stylize"
                found = group.commands[verb]
                if hasattr(found, "commands"):
                    found = found.commands[words.pop(0)]
                found.make_context(verb, words)


def test_every_sheet_shows_what_its_commands_make_or_are_given(scripts):
    for table in scripts[1:]:
        names = [picture.name for picture in table.PICTURES]
        assert len(names) == len(set(names))
        for picture in table.PICTURES:
            made = {scripts[0].output_of(command) for command in picture.commands}
            given = {word for command in picture.commands for word in shlex.split(command)}
            shown = {cell.file for row in picture.rows for cell in row}
            examples = {file for file in shown if (ROOT / file).is_file()}
            assert shown <= made | given | examples


def test_the_pages_show_the_commands_of_the_tables(scripts):
    for table in scripts[1:]:
        page = table.PAGE
        if page.file.exists():
            assert page.file.read_text(encoding="utf-8") == page.text(table.PICTURES)


def test_a_command_s_page_shows_what_its_own_lines_make(scripts):
    """Each picture of the gallery stands behind the very commands that made it."""
    table = {picture.name: picture for picture in scripts[1].PICTURES}
    shown = set()
    for page in (ROOT / "docs").glob("*.md"):
        text, verb = page.read_text(encoding="utf-8"), page.stem
        for found in re.finditer(r"\(gallery/([a-z0-9-]+)\.webp\)", text):
            picture = table.get(found[1])
            if picture and any(f"stylize {verb} " in line for line in picture.commands):
                assert all(f"{line}\n" in text[: found.start()] for line in picture.commands)
                shown.add(verb)
    assert shown >= {"apply", "blend", "models", "optimize", "reconstruct", "texture"}


def test_the_gallery_s_pictures_are_small_and_all_shown(scripts):
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    for picture in scripts[1].PICTURES:
        file = ROOT / "docs" / "gallery" / f"{picture.name}{scripts[0].SUFFIX}"
        if file.exists():
            assert file.stat().st_size <= scripts[0].MOST
            assert f"(gallery/{file.name})" in page


def test_a_picture_is_as_good_as_its_size_allows_and_smaller_where_it_must(scripts, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8))
    flat = Image.new("RGB", (96, 64), "teal")
    monkeypatch.setattr(scripts[0], "MOST", 2_000)
    sizes = []
    for image in (noise, flat):
        packed = scripts[0].packed(image)
        assert len(packed) <= 2_000
        with Image.open(io.BytesIO(packed)) as opened:
            sizes.append(opened.size)
    assert sizes[0] < sizes[1] == (96, 64)


def test_a_marked_page_shows_each_figure_that_is_there(scripts, tmp_path):
    page, table = scripts[2].PAGE, scripts[2].PICTURES
    text = page.marked.read_text(encoding="utf-8")
    marks = re.findall(r"<!-- figure: (\S+) -->", text)
    assert sorted(marks) == sorted(one.name for one in table)
    assert page.filled(text, table) == text
    (tmp_path / "starts.webp").touch()
    shown = dataclasses.replace(page, folder=tmp_path).filled(text, table)
    others = ["classics", "blend"]  # which the gallery makes
    assert sorted(re.findall(r"!\[.*\]\(.*/(\S+)\.webp\)", shown)) == sorted(["starts", *others])
    assert "(figures.md#starts)" in shown
    without = dataclasses.replace(page, folder=tmp_path / "none").filled(shown, table)
    assert without.count("![") == len(others)


@pytest.mark.usefixtures("scripts")
def test_plots_are_of_the_tables_on_their_page(tmp_path):
    pytest.importorskip("matplotlib")
    import plot_benchmarks as plots

    text = plots.PAGE.read_text(encoding="utf-8")
    for plot in plots.PLOTS:
        rows = plots.table(text, plot.heading)
        assert len(rows) > 3
        assert {*plot.labels, *plot.values} <= rows[0].keys()
        plots.draw(plot, rows, tmp_path / "a.svg")
        assert (tmp_path / "a.svg").stat().st_size > 10_000
        assert f"(gallery/plot-{plot.name}.svg)" in text
        assert (plots.FOLDER / f"plot-{plot.name}.svg").is_file()
    sample = "## A\n\n| who | **x** |\n|---|---|\n| `me` | **1 of 4** |\n\n## B\n"
    assert plots.table(sample, "A") == [{"who": "me", "x": "1 of 4"}]
    assert [plots.number(one) for one in ("1 of 4", "0.7")] == [0.25, 0.7]


def test_smaller_is_every_size_and_every_number_of_steps(scripts):
    scaled = scripts[0].scaled
    assert scaled(COMMAND, 1) == COMMAND
    assert scaled(COMMAND, 0.25) == f"{COMMAND} --size 192"
    assert scaled(f"{TRAIN} --steps 400", 0.1) == f"{TRAIN} --steps 40 --size 64"


def test_a_close_look_is_the_middle_of_it_pixel_by_pixel(scripts, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    pictures = scripts[0]
    one = pictures.shown(pictures.Cell("", "a.png", zoom=1), tmp_path, 20)
    two = pictures.shown(pictures.Cell("", "a.png", zoom=2, at=(0.0, 1.0)), tmp_path, 20)
    assert np.array_equal((one * 255).round(), pixels[10:30, 20:40])
    assert np.array_equal((two[::2, ::2] * 255).round(), pixels[30:, :10])
    assert np.array_equal(two[::2], two[1::2])


@pytest.mark.shared
def test_what_commands_are_given_may_be_published(scripts, shared, tmp_path):
    scripts[0].prepare(tmp_path, shared)
    for table in scripts[1:]:
        for picture in table.PICTURES:
            words = {word for command in picture.commands for word in shlex.split(command)}
            given = {word for word in words if word.startswith(("examples/", "textures/"))}
            assert all((tmp_path / file).is_file() for file in given), picture.name


def test_only_pictures_that_may_be_published_are_laid_out(scripts, tmp_path):
    rows = [("photos/a.jpg", "yes", "cc0/pd"), ("photos/b.jpg", "no", "cc0/pd")]
    rows += [("photos/c.jpg", "yes", "gpl"), ("textures/d.jpg", "yes", "cc-by")]
    (tmp_path / "data").mkdir()
    lines = ["file\tmay_commit\tlicence_class", *("\t".join(row) for row in rows)]
    (tmp_path / "data" / "manifest.tsv").write_text("\n".join(lines))
    work = tmp_path / "work"
    scripts[0].prepare(work, tmp_path / "data")
    laid = {path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_symlink()}
    assert laid == {"examples", "photos/a.jpg", "textures/d.jpg"}
    assert (work / "examples" / "red-panda.jpg").is_file()
