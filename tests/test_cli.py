"""Start-up, help, version, errors and exit codes of `stylize`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import stylize_cli
from stylize_cli import files
from stylize_cli.cli import app

pytest_plugins = ["commandline", "nets"]

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "torchvision", "PIL", "numpy", "requests", "rich"}
ASK = """
import sys
from stylize_cli.cli import app
try:
    app.main()
finally:
    print("heavy:", *sorted(sys.modules.keys() & {heavy}), file=sys.stderr)
"""

RUN = "--device --precision --threads --seed --quiet --json --output --memory --depth --quality"
OPTIONS = {
    "optimize": f"""{RUN} --size --iterations --optimizer --init --content-weight --style-weight
        --tv-weight --style-blend --style-scale --content-layers --style-layers --pool --descriptor
        --weights --preset --preserve-color --scales --save-every --plot --compile --texture""",
    "reconstruct": f"{RUN} --content --style --figure --size --iterations",
    "texture": f"{RUN} --size --count --engine",
    "blend": """--style --grid --steps --cell --strength --preserve-color --size --engine --output
        --memory --depth --quality --device --precision --threads --quiet --json""",
    "evaluate": "--content --style --device --threads --quiet --json",
    "train": """--style --dataset --output --method --upscale --add-style --to --preset --loss
        --steps --batch-size --size --width --lr --content-weight --style-weight --tv-weight
        --content-layer --style-layers --pool --levels --style-size --descriptor --weights
        --save-every --resume --preview --preview-every --plot --tensorboard --seed --device
        --precision --threads --quiet --json""",
    "info": "--json",
}

NOTHING = "interrupted before anything was made: nothing is written\n"


def python(*arguments):
    environment = os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "arguments", ["", "--help", "--version", "info", "info --json", "optimize --help", "nonsense"]
)
def test_nothing_heavy_is_imported_for(arguments):
    ran = python("-c", ASK.format(heavy=HEAVY), *arguments.split())
    assert ran.stderr.splitlines()[-1] == "heavy:"


def test_mistakes_do_not_wait_for_torch(tmp_path, picture_file):
    for name in ("photo.png", "style.png", "photo-style.png"):
        picture_file(16, 16, name=name)
    lines = (
        "optimize photo.png",
        "optimize photo.png nope.png",
        "optimize photo.png style.png",  # is there already
        "evaluate photo.png",  # nothing to compare with
        "evaluate nope.png --style style.png",
        "evaluate photo.png --style nope.png",
        "train",
        "train --style nope.png",
        "train --style photo.png --preview nope.png",
        "train --style photo.png --dataset nope",
        "train --style photo.png --upscale 4",
        "train --style photo.png --style style.png",  # no dataset
        "train --style photo.png --method super-resolution",
        "train --style photo.png --content-weight 2",  # a texture
        "train --style photo.png --dataset . --levels 3",
        "train --style photo.png --steps 1 --minutes 1",
        "train --add-style photo.png",
        "train --add-style photo.png --to x.pt --width 3",
    )
    code = """
import os, sys
from stylize_cli.cli import app
os.chdir(sys.argv[1])
for line in sys.argv[2:]:
    sys.argv = ["stylize", *line.split()]
    try:
        app.main()
    except SystemExit as end:
        print(end.code, "torch" in sys.modules)
"""
    ran = python("-c", code, str(tmp_path), *lines)
    assert ran.stdout.splitlines() == ["2 False"] * len(lines), ran.stderr


@pytest.mark.parametrize("arguments", ["texture --help", "models path", "--help"])
def test_only_the_command_asked_for_is_imported(arguments):
    modules = {f"stylize_cli.cli.{name}" for name in (*app.COMMANDS, *app.GROUPS)}
    ran = python("-c", ASK.format(heavy=modules), *arguments.split())
    found = ran.stderr.splitlines()[-1].split()[1:]
    own = f"stylize_cli.cli.{arguments.split()[0]}"
    assert {*found} == ({own} if own in modules else modules)


def test_ctrl_c_while_the_program_is_imported_is_one_line():
    code = """
import sys
from stylize_cli import __main__
class Impatient:
    def find_spec(self, name, *_):
        if name == "stylize_cli.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Impatient())
__main__.run()
"""
    ran = python("-c", code)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", NOTHING)


def test_ctrl_c_while_the_options_are_read_is_one_line(stylize, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.core.TyperCommand.parse_args", stop)
    ran = stylize("info")
    assert (ran.code, ran.out, ran.err) == (130, b"", NOTHING)


def test_a_completion_that_cannot_be_installed_is_one_line(stylize, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied", "/home/me/.bashrc")

    monkeypatch.setattr("typer.completion.install", refuse)
    ran = stylize("--install-completion")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, b"", 1)
    said = "error: cannot write /home/me/.bashrc (Permission denied): stylize --show-completion "
    assert ran.err.startswith(said)


def test_what_is_imported_is_never_rubbish_and_what_follows_may_be():
    ask = """
import gc
from stylize_cli import __main__
from stylize_cli.cli import app
usual = gc.get_threshold()
app.run = lambda: print(gc.isenabled(), gc.get_threshold() == usual, gc.get_freeze_count() > 9999)
__main__.run()
"""
    assert python("-c", ask).stdout.split() == ["True"] * 3


def test_a_process_ends_with_all_that_was_written_and_the_code():
    version, mistake = python("-m", "stylize_cli", "--version"), python("-m", "stylize_cli", "--no")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout == f"stylize {stylize_cli.__version__}\n"
    assert (mistake.returncode, mistake.stdout) == (2, "")
    assert mistake.stderr.startswith("error: there is no option --no")


def test_version_is_the_package_s(stylize):
    assert stylize("--version") == (ran := stylize("--version", "info"))
    assert (ran.code, ran.line, ran.err) == (0, f"stylize {stylize_cli.__version__}", "")


def test_without_arguments_it_shows_its_help(stylize):
    assert stylize() == (ran := stylize("--help"))
    assert (ran.code, ran.err) == (0, "")
    assert all(re.search(rf"^  {command} ", ran.out.decode(), re.M) for command in OPTIONS)


@pytest.mark.parametrize("command", OPTIONS)
def test_options_that_scripts_rely_on_are_there(stylize, command):
    ran = stylize(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert set(OPTIONS[command].split()) <= set(re.findall(r"--[a-z-]+", ran.out.decode()))


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("apply", "MODEL INPUT..."),
        ("evaluate", "IMAGE..."),
        ("models show", "MODEL"),
        ("info", "[MODEL]"),
    ],
)
def test_arguments_are_called_what_the_docs_call_them(stylize, command, usage):
    said = stylize(*command.split(), "--help").out.decode()
    assert said.startswith(f"Usage: stylize {command} [OPTIONS] {usage}\n")
    assert not re.search(r"<(list\[)?str", said)  # a type of Python's


@pytest.mark.parametrize("interrupted", ["reading", "loading"])
def test_ctrl_c_before_anything_is_made_leaves_nothing(
    stylize, photo, style, tmp_path, monkeypatch, interrupted
):
    def stop(*_args, **_options):
        raise KeyboardInterrupt

    if interrupted == "reading":
        monkeypatch.setattr(files, "contents", stop)
    else:
        monkeypatch.setattr("stylize_cli.descriptors.load", stop)
    for quiet, said in (([], NOTHING), (["--quiet"], "")):
        ran = stylize("optimize", photo, style, *quiet)
        assert (ran.code, ran.out, ran.err) == (130, b"", said)
    assert sorted(tmp_path.iterdir()) == [photo, style]


@pytest.mark.usefixtures("loaded")
def test_ctrl_c_before_the_first_iteration_keeps_nothing_and_says_so(
    stylize, interrupt, photo, style, tmp_path
):
    for command in (["optimize", photo, style], ["reconstruct", photo, "--content", "relu2_1"]):
        interrupt(1)
        ran = stylize(*command, "--size", 32)
        assert (ran.code, ran.out, ran.err.endswith(NOTHING)) == (130, b"", True)
    assert sorted(tmp_path.iterdir()) == [photo, style]


def test_bugs_keep_their_traceback(stylize, photo, style, monkeypatch):
    def bug(*_args, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr("stylize_cli.descriptors.load", bug)
    with pytest.raises(ZeroDivisionError):
        stylize("optimize", photo, style)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nonsense", r"there is no command 'nonsense': .*; see stylize --help"),
        ("--nonsense", r"there is no option --nonsense: .*; see stylize --help"),
        (
            "optimize photo.png style.png --itrations 3",
            r"there is no option --itrations: .*--iterations.*; see stylize optimize --help",
        ),
        (
            "reconstruct",
            r"IMAGE is missing: stylize reconstruct IMAGE; see .*",
        ),
        ("evaluate --style style.png", r"IMAGE is missing: stylize evaluate IMAGE\.\.\.; see .*"),
        ("info more less", r"less is one too many: .*; see stylize info --help"),
        ("optimize photo.png style.png --size 0", r"--size takes 16 or more.*"),
        ("optimize photo.png style.png --size", r"--size needs a value behind it"),
        ("optimize photo.png style.png --iterations x", r"--iterations takes a whole number.*"),
        ("optimize photo.png style.png --iterations 0", r"--iterations takes 1 or more.*"),
        ("optimize photo.png style.png --style-weight -1", r"--style-weight takes 0 or more.*"),
        (
            "optimize photo.png style.png --optimizer sgd",
            r"--optimizer takes one of 'lbfgs', 'adam', not 'sgd'; see .*",
        ),
        ("optimize photo.png style.png --preset fast", r".*'default', 'paper', 'notebook'.*"),
        ("optimize photo.png style.png --depth 12", r"--depth .*'8', '16'.*"),
        ("optimize photo.png style.png --quality 101", r"--quality takes 100 or less.*"),
        ("reconstruct photo.png --content relu1_1 --threads 0", r"--threads takes 1 or more.*"),
    ],
)
def test_a_mistyped_command_line_points_to_the_help(refused, arguments, said):
    assert re.fullmatch(said, refused(*arguments.split()))


BAD = {
    "empty.png": (b"", r"empty\.png is empty: .*download it again"),
    "text.png": (b"hello", r"text\.png is not an image of a known format: convert it.*"),
    "folder": (None, r"folder is a folder: name an image file in it"),
    "foto.png": (None, r"there is no file foto\.png: did you mean photo\.png\?"),
    "zzz": (None, r"there is no file zzz: check the path"),
    "": (None, r"(an argument|--\w+) is empty: give it a value, .*"),
}


@pytest.mark.usefixtures("loaded", "style")
@pytest.mark.parametrize("name", [*BAD, "cut.png", "dot.png"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["optimize", "BAD", "style.png"],
        ["optimize", "photo.png", "style.png", "BAD"],
        ["optimize", "--texture", "BAD"],
        ["optimize", "photo.png", "style.png", "--init", "BAD"],
        ["reconstruct", "BAD", "--content", "relu4_2"],
        ["evaluate", "BAD", "--style", "style.png"],
        ["evaluate", "photo.png", "--style", "BAD"],
        ["evaluate", "photo.png", "--content", "BAD"],
    ],
    ids=" ".join,
)
def test_a_bad_picture_is_named_wherever_it_is_given(
    refused, picture_file, photo, tmp_path, name, arguments
):
    content, said = BAD.get(name, (None, ""))
    if name == "cut.png":
        content, said = photo.read_bytes()[:-200], r"cut\.png is damaged or cut short .*again"
    if name == "folder":
        (tmp_path / name).mkdir()
        if arguments[:2] == ["evaluate", "BAD"]:  # which takes folders of pictures
            said = r"there are no pictures in folder: check the path"
    elif name == "zzz" and "--init" in arguments:  # which takes words too
        said = r"--init takes content, noise or a picture's file, not 'zzz'"
    elif name == "dot.png":
        picture_file(1, 1, name=name)
        said = r"dot\.png is 1x1 pixels: give a picture of at least 2x2"
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    given = [name if argument == "BAD" else argument for argument in arguments]
    assert re.fullmatch(said, refused(*given))


@pytest.mark.usefixtures("loaded", "photo", "style", "clip")
@pytest.mark.parametrize(
    "arguments",
    [
        "optimize LONG style.png",
        "optimize photo.png style.png --init LONG",
        "optimize photo.png style.png -o LONG",
        "optimize photo.png style.png --plot LONG",
        "evaluate photo.png --style LONG",
        "train --style LONG --dataset .",
        "train --style style.png --dataset LONG",
        "train --style style.png --dataset . -o LONG",
        "train --add-style LONG --to net.pt --dataset .",
        "apply LONG photo.png --style monet",
        "apply net.pt photo.png --style LONG --engine torch",
        "blend net.pt LONG --style monet --engine torch",
        "video net.pt LONG --style monet -o out.gif --engine torch",
        "video net.pt clip.gif --style monet -o LONG --engine torch",
        "info LONG",
    ],
)
def test_a_name_that_no_file_can_have_is_one_line_wherever_it_is_given(
    stylize, net, tmp_path, arguments
):
    net().rename(tmp_path / "net.pt")
    ran = stylize(*arguments.replace("LONG", "x" * 300).split())
    assert (ran.code, ran.out) == (2, b"")
    assert sum(line.startswith("error: ") for line in ran.err.splitlines()) == 1


@pytest.mark.usefixtures("loaded", "photo", "style", "clip")
@pytest.mark.parametrize(
    "arguments",
    [
        "optimize photo.png style.png --size",
        "optimize photo.png style.png --memory",
        "optimize photo.png style.png --scales",
        "reconstruct photo.png --content relu1_1 --size",
        "train --style style.png --dataset . --size",
        "train --style style.png --dataset . --batch-size",
        "train --style style.png --dataset . --width",
        "train --style style.png --dataset . --lr",
        "texture net.pt --size",
        "video net.pt clip.gif --style monet -o out.gif --engine torch --size",
        "apply net.pt photo.png --style monet --threads",
        "optimize photo.png style.png --iterations",
        "optimize photo.png style.png --save-every",
        "optimize photo.png style.png --size 32 --try iterations=1,",
        "reconstruct photo.png --content relu1_1 --iterations",
        "train --style style.png --dataset . --steps",
        "train --style style.png --dataset . --save-every",
        "train --style style.png --dataset . --minutes",
        "texture net.pt --count",
        "blend net.pt photo.png --grid monet,munch,hokusai,monet --cell",
        "apply net.pt photo.png --style monet --size",
    ],
)
@pytest.mark.parametrize("number", [10**20, 10**400])
def test_a_number_that_nothing_can_have_is_one_line_wherever_it_is_given(
    stylize, net, tmp_path, arguments, number
):
    net().rename(tmp_path / "net.pt")
    joined = f"{arguments}{number}" if arguments.endswith(",") else f"{arguments} {number}"
    ran = stylize(*joined.split())
    assert (ran.code, ran.out) == (2, b"")
    assert sum(line.startswith("error: ") for line in ran.err.splitlines()) == 1


@pytest.fixture
def clip(tmp_path):
    frames = [Image.new("RGB", (24, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:])


@pytest.mark.usefixtures("loaded", "photo", "style")
@pytest.mark.parametrize(
    "command", ["optimize photo.png style.png", "reconstruct photo.png --figure"]
)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("-o photo.png", r"photo\.png is an input and would be overwritten: name another output"),
        ("-o a.gif", r"cannot write a\.gif: its name must end in one of \.png, \.jpg, .*"),
        ("-o plain.x", r"cannot write plain\.x: its name must end in one of \.png, \.jpg, .*"),
        (
            "-o photo.png/a.png",
            r"cannot write photo\.png/a\.png: photo\.png is a file, no .*",
        ),
        ("-o a.jpg --depth 16", r"JPEG holds 8 bits a channel: use --depth 8, or .*\.png.*"),
        ("--device cuda:9", r"device 'cuda:9' is not here; use --device auto or one of: .*cpu"),
    ],
)
def test_what_cannot_be_done_is_refused(refused, command, options, said):
    assert re.fullmatch(said, refused(*command.split(), *options.split()))


@pytest.fixture
def document_cli(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import document_cli

    return document_cli


def test_docs_cli_md_is_what_the_commands_say(document_cli, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["document_cli.py", "--check"])
    document_cli.main()


def test_an_outdated_page_fails_the_check_and_is_renewed(document_cli, monkeypatch, tmp_path):
    page = tmp_path / "cli.md"
    monkeypatch.setattr(document_cli, "PAGE", page)
    for old in (None, "old"):
        if old:
            page.write_text(old)
        monkeypatch.setattr(sys, "argv", ["document_cli.py", "--check"])
        with pytest.raises(SystemExit, match="out of date"):
            document_cli.main()
    monkeypatch.setattr(sys, "argv", ["document_cli.py"])
    document_cli.main()
    whole = app.table()
    groups = whole.registered_groups
    inner = [len(group.typer_instance.registered_commands) for group in groups]
    commands = len(whole.registered_commands) + len(inner) + sum(inner)
    assert page.read_text().count("\n## stylize") == 1 + commands
    assert max(map(len, page.read_text().splitlines())) <= 100
