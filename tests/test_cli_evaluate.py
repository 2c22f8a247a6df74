"""`stylize evaluate`: figures of finished pictures, for people and as JSON."""

import contextlib
import json
import re

import pytest

from stylize_cli.cli.console import Console

pytest_plugins = ["commandline"]
pytestmark = pytest.mark.usefixtures("loaded")

RECORD = "output width height seconds device precision engine"  # as of every command
FIGURES = {
    ("style",): ["style_error"],
    ("content",): ["content_error"],
    ("style", "content"): ["style_error", "content_error", "notebook"],
}


@pytest.fixture(autouse=True)
def _pictures(picture_file):
    for seed, name in enumerate(["style.png", "content.png", "a.png", "b.png"]):
        picture_file(40, 48, seed=seed, name=name)


def given(compared):
    return [word for name in compared for word in (f"--{name}", f"{name}.png")]


@pytest.mark.parametrize("compared", FIGURES)
def test_json_has_the_figures_of_what_is_compared(stylize, compared):
    ran = stylize("evaluate", "a.png", *given(compared), "--json")
    assert (ran.code, ran.err) == (0, "")
    record = ran.record
    assert list(record) == ["input", *RECORD.split(), *FIGURES[compared]]
    assert (record["device"], record["precision"], record["engine"]) == ("cpu", "float32", "torch")
    assert 0 < record["seconds"] < 60
    assert (record["output"], record["width"], record["height"]) == ("a.png", 48, 40)
    assert record["input"] == "a.png"  # as of one that fails
    assert all(0 < record[figure] < float("inf") for figure in FIGURES[compared])


def test_a_line_for_a_person_has_the_same_figures(stylize):
    arguments = ["evaluate", "a.png", *given(["style", "content"])]
    record = stylize(*arguments, "--json").record
    name, *figures = re.split(r"  ", stylize(*arguments).line)
    assert name == "a.png"
    for text, figure in zip(figures, ["style_error", "content_error", "notebook"], strict=True):
        assert text.split()[0] == figure
        assert float(text.split()[1]) == pytest.approx(record[figure], rel=1e-3)


def test_a_perfect_match_has_no_error(stylize):
    style = stylize("evaluate", "style.png", *given(["style", "content"]), "--json").record
    content = stylize("evaluate", "content.png", *given(["style", "content"]), "--json").record
    assert style["style_error"] == content["content_error"] == 0
    assert min(style["content_error"], content["style_error"]) > 0.01


def test_several_pictures_come_in_their_order_each_with_its_own_figures(stylize):
    ran = stylize("evaluate", "b.png", "a.png", "b.png", *given(["style"]), "--json")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [record["output"] for record in records] == ["b.png", "a.png", "b.png"]
    assert all(record.pop("seconds") > 0 for record in records)
    assert records[0] == records[2]
    assert records[0]["style_error"] != records[1]["style_error"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_picture_from_stdin_has_the_figures_of_the_file(stylize, tmp_path, options):
    data = (tmp_path / "a.png").read_bytes()
    file, piped = (
        stylize("evaluate", source, *given(["style"]), *options, stdin=data)
        for source in ("a.png", "-")
    )
    timed = r'"seconds": [0-9.]+'
    assert re.sub(timed, "", piped.line) == re.sub(timed, "", file.line.replace("a.png", "stdin"))


def test_figures_are_those_of_the_released_weights_in_float32(stylize, loaded):
    stylize("evaluate", "a.png", *given(["style"]), "--weights", "vgg.pth")
    (call,) = loaded
    assert call["name"] == "vgg19"
    assert str(call["file"]) == "vgg.pth"
    assert call.keys() <= {"name", "file"}  # all else as `load` has it: float32, as trained


@pytest.mark.parametrize("quiet", [False, True])
def test_notes_are_for_stderr(stylize, frames, quiet):
    ran = stylize("evaluate", frames, *given(["style"]), *["--quiet"] * quiet)
    assert ran.line.startswith(f"{frames}  style_error ")
    assert ran.err == ("" if quiet else "frames: first of 2 frames\n")


def test_a_picture_too_small_for_the_layers_is_refused(refused, picture_file):
    picture_file(15, 40, name="small.png")
    said = refused("evaluate", "small.png", *given(["style"]))
    assert re.fullmatch(r".*40x15 px is too small .* at least 16 px a side", said)


def test_folders_and_globs_are_measured_file_by_file(stylize, picture_file, tmp_path):
    for name in ("sub/c.png", "sub/deep/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture_file(40, 48, name=name)
    (tmp_path / "sub/notes.txt").write_text("not a picture")
    ran = stylize("evaluate", "sub", "?.png", *given(["style"]), "--json")
    names = [json.loads(line)["output"] for line in ran.out.splitlines()]
    assert names == ["sub/c.png", "sub/deep/d.png", "a.png", "b.png"]


def test_one_bad_file_does_not_stop_the_others(stylize, picture_file):
    picture_file(8, 40, name="small.png")
    ran = stylize("evaluate", "a.png", "missing.png", "small.png", "b.png", *given(["style"]))
    assert ran.code == 1
    assert [line.split()[0] for line in ran.out.decode().splitlines()] == ["a.png", "b.png"]
    missing, small = ran.err.splitlines()
    assert missing.startswith("error: there is no file missing.png")
    assert small.startswith("error: small.png: 40x8 px is too small")
    ran = stylize("evaluate", "missing.png", "a.png", *given(["style"]), "--json")
    bad, good = (json.loads(line) for line in ran.out.splitlines())
    assert bad == {"input": "missing.png", "error": bad["error"]}
    assert "style_error" in good


@pytest.mark.parametrize("name", ["missing.png", "small.png"])
def test_the_only_one_that_fails_is_a_record_too(stylize, picture_file, name):
    picture_file(8, 40, name="small.png")
    ran = stylize("evaluate", name, *given(["style"]), "--json")
    assert (ran.code, ran.record.keys()) == (2, {"input", "error"})
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nothing*.png --style style.png", r"there are no pictures in nothing\*.png: .*"),
        ("a.png", r"nothing to compare with: give --style IMAGE, --content PHOTO or both"),
        ("- --style -", r"- \(stdin\) was given twice; it can be read only once, so name a file"),
        ("- --style style.png", r"stdin is empty: the command before it wrote nothing"),
        ("a.png --style style.png --style b.png", r"--style is given 2 times, and counts once: .*"),
        ("a.png --content a.png --content b.png", r"--content is given 2 times, and counts once.*"),
        (
            "a.png --style style.png --device cuda:9",
            r"device 'cuda:9' is not here; use --device .*",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(refused, arguments, said):
    assert re.fullmatch(said, refused("evaluate", *arguments.split()))


def test_a_terminal_is_told_which_picture_is_measured(stylize, monkeypatch):
    said = []

    @contextlib.contextmanager
    def progress(_console, _task):
        yield lambda step: said.append((step.task, step.done, step.total))

    monkeypatch.setattr(Console, "progress", progress)
    ran = stylize("evaluate", "a.png", "b.png", "--style", "style.png")
    assert (ran.code, ran.out.count(b"\n")) == (0, 2)
    assert said == [("Measuring a.png", 0, 2), ("Measuring b.png", 1, 2)]
