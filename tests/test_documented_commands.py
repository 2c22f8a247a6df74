"""Every command line of README and of the docs' pages: run at small sizes, or at least parsed.

Run are the lines in blocks, in folders that hold what they name, on a narrow VGG and on the bundled
models. Only parsed, by the command line itself, are those that wait for a browser or ask a network
(`PARSED`), or a cluster, those of pages whose commands a script runs or a cluster (`UNRUN`), and
those within a text.
"""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from stylize_cli import images
from stylize_cli.cli.app import table
from stylize_cli.images import Planes
from stylize_cli.methods import quick_style

pytest_plugins = ["commandline", "nets", "films"]

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
UNRUN = ("gallery.md", "figures.md", "scale.md")
WALKS = ("tutorial.md",)  # whose blocks follow each other in one folder
PARSED = ("page", "models pull", "models list --refresh", "--install-completion")
OTHERS = (
    ".",
    "cd",
    "curl",
    "docker",
    "done",
    "for",
    "jq",
    "man",
    "mkdir",
    "mkdocs",
    "ray",
    "sbatch",
)

FENCE = re.compile(r"^```(\w*)\n", re.MULTILINE)
INDENTED = re.compile(r"(?:^ {4}[^\n]+\n)+", re.MULTILINE)
INLINE = re.compile(r"`(stylize [^`]+)`")
LACKING = ("BadOptionUsage", "MissingParameter")  # of a command that a text only speaks of
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif")
OUTPUTS = ("-o", "--output", "--plot", "--tensorboard")
SMALL = {
    "apply": {"--size": "32"},
    "blend": {"--size": "32", "--cell": "16"},
    "optimize": {"--size": "32", "--iterations": "1"},
    "reconstruct": {"--size": "32", "--iterations": "1"},
    "texture": {"--size": "32"},
    "train": {"--size": "32", "--steps": "2", "--batch-size": "1"},
    "video": {"--size": "32", "--end": "0.2"},
}


def split(page):
    """A page's text without its fences, and what is in those that are of the shell."""
    parts = FENCE.split(page.read_text(encoding="utf-8"))
    # text, language, code, "", text, language, and so on
    fenced = zip(parts[1::4], parts[2::4], strict=True)
    return "\n".join(parts[::4]), [code for language, code in fenced if language == "sh"]


def blocks(page):
    """The blocks of commands in a page."""
    text, fenced = split(page)
    found = [*fenced, *INDENTED.findall(text)]
    return [block for block in found if re.search(r"^ *(stylize|python|pip|curl)", block, re.M)]


def commands(block):
    """The simple commands of a block of shell, each as its words, without redirections."""
    for line in block.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.strip(), posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        words = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";&|"):
                yield from [tidied(words)] * bool(tidied(words))
                words = []
            else:
                words.append("photo.jpg" if word == "$f" else word)


def tidied(words):
    """The words of a command without `do`, assignments before it and redirections behind it.

    What runs the package as a module is `stylize`.
    """
    while words and (words[0] == "do" or re.match(r"[A-Z_]+=", words[0])):
        words = words[1:]
    if "stylize_cli" in words:  # python -m, torchrun -m
        words = ["stylize", *words[words.index("stylize_cli") + 1 :]]
    ends = [at for at, word in enumerate(words) if set(word) <= set("<>")]
    return words[: ends[0]] if ends else words


def parse(words):
    """Has the command line parse a command, but for what it lacks."""
    command, parent = typer.main.get_command(table()), None
    while hasattr(command, "commands"):
        if not words or words[0].startswith("-"):
            assert set(words) <= {option for given in command.params for option in given.opts}
            return
        parent = command.make_context("stylize", [], parent=parent, resilient_parsing=True)
        name, *words = words
        assert name in command.commands, f"there is no command {name}"
        command = command.commands[name]
    try:
        command.make_context(command.name, words, parent=parent)
    except typer.TyperException as error:
        if type(error).__name__ not in LACKING:
            raise


def smaller(words):
    """The same command at sizes that take no time."""
    sizes = dict(SMALL.get(words[0], {}))
    if words[0] == "blend" and not {"--grid", "--steps"} & set(words):
        del sizes["--cell"]
    replaced = {*sizes, "--minutes"}  # steps stand for a time
    kept, at = [], 0
    while at < len(words):
        at += 2 if words[at] in replaced else 0
        kept += words[at : at + 1] if at < len(words) and words[at] not in replaced else []
        at += at < len(words) and words[at] not in replaced
    return [*kept, *(word for option in sizes.items() for word in option)]


@pytest.fixture
def makers(tmp_path, picture, net, pyramid, film):
    """What makes a file of each kind: maker(name, words of the command that reads it)."""

    def picture_at(name, _words):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        images.write(path, Planes(picture(48, 64, seed=len(list(tmp_path.rglob("*"))))))

    def folder(name, words):
        for picture_name in ("a.png", "b.png"):
            picture_at(name + picture_name, words)

    def model(name, words):
        named = [words[at + 1] for at, word in enumerate(words) if word in ("--style", "--to")]
        if name.startswith(("sr", "x4")):
            net("upscaler", name=name)
        elif words[0] == "texture":
            pyramid(name=name)
        else:
            names = [style.rpartition(":")[0] or style for style in named if "." not in style[-4:]]
            net(styles=tuple(names or ["one"]), name=name)

    return dict.fromkeys(PICTURES, picture_at) | {
        ".pt": model,
        ".mp4": lambda name, _words: film(name),
        "/": folder,
    }


@pytest.fixture
def provide(tmp_path, makers):
    """provide(words): makes the files that a command reads, where they are not there."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")

    def provide(words):
        for before, word in zip(["", *words], words, strict=False):
            name = word.replace("*", "any")
            name = f"{name.rstrip('/')}/" if before == "--dataset" else name
            kind = "/" if name.endswith("/") else Path(name).suffix
            if before not in OUTPUTS and kind in makers and not (tmp_path / name).exists():
                makers[kind](name, words)

    return provide


@pytest.fixture
def ran(stylize, provide, tmp_path):
    """ran(words): runs `stylize`, and fails unless it ends well."""

    def run(words):
        parse(words)
        if " ".join(words).startswith(PARSED) or "ray" in words:
            return
        provide(words)
        given = (tmp_path / "photo.jpg").read_bytes() if "-" in words[:3] else b""
        ended = stylize(*smaller(words), stdin=given)
        assert (ended.code, ended.err.count("error:")) == (0, 0), (words, ended.err)

    return run


def checked(words):
    """Looks at a command that is not stylize's: what it names is there."""
    if words[0] in ("python", "python3") and words[1].endswith(".py"):
        source = (ROOT / words[1]).read_text(encoding="utf-8")
        # Further options may be the value of one, in quotes.
        options = [word for word in words if word.startswith("--") and " " not in word]
        missing = [word for word in options if f'"{word}"' not in source]
        assert not missing
    elif words[:2] == ["pip", "install"] or words[1:4] == ["-m", "pip", "install"]:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        known = extras["project"]["optional-dependencies"]
        for listed in re.findall(r"\[(.+?)\]", " ".join(words)):
            assert set(listed.split(",")) <= known.keys()
    elif words[0] == "docker":
        assert (ROOT / "Dockerfile").is_file()
    else:
        assert words[0] in OTHERS or words[1:3] == ["-m", "venv"] or "/bin/" in words[0], words


BLOCKS_OF_PAGES = [
    pytest.param(page, "\n".join(found) if page.name in WALKS else block, id=f"{page.stem}-{at}")
    for page in PAGES
    for found in [blocks(page)]
    for at, block in enumerate(found)
    if not (page.name in WALKS and at)
]


@pytest.mark.usefixtures("loaded", "conversions")
@pytest.mark.parametrize(("page", "block"), BLOCKS_OF_PAGES)
def test_the_commands_of_a_block_run(page, block, ran, tmp_path, monkeypatch, picture):
    monkeypatch.setattr(quick_style, "QUICK_STYLE", {"steps": 1, "batch_size": 1, "size": 32})
    images.write(tmp_path / "photo.jpg", Planes(picture(48, 64)))
    for words in commands(block):
        if words[0] != "stylize":
            checked(words)
        elif page.name in UNRUN:
            parse(words[1:])
        else:
            ran(words[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_within_a_text_are_parsed(page):
    text, _ = split(page)
    for line in INLINE.findall(" ".join(text.split())):
        for words in commands(line):
            if words[0] == "stylize":
                parse([word for word in words[1:] if word not in ("…", "...")])


def test_examples_in_python_are_those_of_the_page_that_is_run():
    with_python = [page.name for page in PAGES if "```python" in page.read_text(encoding="utf-8")]
    assert with_python == ["python.md"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("stylize apply m 'a b.jpg'  # ./x", [["stylize", "apply", "m", "a b.jpg"]]),
        ("A=1 stylize info && stylize models", [["stylize", "info"], ["stylize", "models"]]),
        (
            "curl -s u | stylize apply m - > x",
            [["curl", "-s", "u"], ["stylize", "apply", "m", "-"]],
        ),
        ("stylize a \\\n  --b", [["stylize", "a", "--b"]]),
        ("torchrun --nnodes 2 -m stylize_cli a", [["stylize", "a"]]),
    ],
)
def test_a_block_is_read_as_a_shell_reads_it(line, found):
    assert list(commands(line)) == found


@pytest.mark.parametrize("line", ["apply --styel a", "optimise a b", "texture --size big --nope"])
def test_what_is_no_command_does_not_pass(line):
    with pytest.raises((AssertionError, typer.TyperException)):
        parse(line.split())
