"""What a mistyped command line is told: what is wrong, and the fix."""

import difflib
import os
import re
import sys
from collections.abc import Sequence

import typer

from stylize_cli import models
from stylize_cli.cli.inputs import STDIO
from stylize_cli.errors import StylizeError

# What other programs call an option, and what does it here.
ALIASES = {
    "-s": "--style",
    "-v": "--version",
    "-V": "--version",
    "--gpu": "--device cuda",
    "--cuda": "--device cuda",
    "--cpu": "--device cpu",
    "--out": "--output",
    "--force": "--overwrite",
    "-f": "--overwrite",
    "-y": "--overwrite",
    "--width": "--size",
    "--height": "--size",
    "--resolution": "--size",
    "--epochs": "--steps",
    "--steps": "--iterations",
    "--iterations": "--steps",
    "--learning-rate": "--lr",
    "--content": "the photo as an argument",
    "--alpha": "--strength",
    "--keep-colors": "--preserve-color",
    "--preserve-colors": "--preserve-color",
    "--preserve-colour": "--preserve-color",
    "--colour": "--preserve-color",
    "--ram": "--memory",
    "--silent": "--quiet",
    "--verbose": "--json",
    "--model": "the model as the first argument",
    "--input": "the picture as an argument",
}
ROLES = {  # by command and option: how the same is said there
    ("optimize", "--style"): "the style follows the photo: stylize optimize PHOTO STYLE",
    ("optimize", "--content"): "the photo comes first: stylize optimize PHOTO STYLE",
    ("optimize", "--strength"): "use --balance, from 0, all photo, to 1, all painter",
    ("apply", "--content"): "the photo follows the model: stylize apply MODEL PHOTO",
    ("apply", "--balance"): "use --strength, from 0 to 1",
    ("train", "--content"): "give --dataset, a folder of photos",
    ("evaluate", "--photo"): "use --content",
    ("evaluate", "--output"): "figures go to stdout: write > FILE at the end",
    ("evaluate", "-o"): "figures go to stdout: write > FILE at the end",
    ("blend", "--all-styles"): "stylize apply has it, or stylize models show MODEL",
    ("show", "--style"): "it shows all; of one, stylize apply MODEL PHOTO --style NAME",
    ("video", "--fps"): "a clip keeps its own times",
    ("page", "--host"): "it is for this machine; from another, tunnel to its --port by ssh -L",
}
COMMANDS = {  # what other programs call a command, and what does it here
    "help": "--help",
    "version": "--version",
    "list": "models list",
    "styles": "models show classics",
    "run": "apply MODEL PHOTO",
    "enlarge": "apply sr4 PHOTO",
    "superres": "apply sr4 PHOTO",
    "upscale": "apply sr4 PHOTO",
    "paint": "optimize PHOTO STYLE",
    "transfer": "optimize PHOTO STYLE",
    "mix": "blend MODEL PHOTO",
    "download": "models pull NAME",
    "gui": "page",
    "serve": "page",
    "web": "page",
}
OF_MODELS = {  # the same of stylize models
    "install": "models pull NAME",
    "add": "models pull NAME",
    "get": "models pull NAME",
    "download": "models pull NAME",
    "rm": "models remove NAME",
    "delete": "models remove NAME",
    "uninstall": "models remove NAME",
    "ls": "models list",
    "info": "info NAME",
}
VALUES = {  # what a value is called elsewhere
    "h265": "hevc",
    "x265": "hevc",
    "x264": "h264",
    "avc": "h264",
    "average": "avg",
    "gatys": "paper",
    "kolkin": "neighbours",
    "johnson": "perceptual",
    "dumoulin": "conditional",
    "ulyanov": "texture",
}
SHARES = ("--strength", "--balance", "--smooth")  # of which there is no more than all
LONE = {  # what to do with a word that stands alone, by command
    "list": "stylize info MODEL tells of one",
    "show": "give the photo after --photo",
    "page": "choose pictures in the browser",
}
RULES = (  # of the reasons that the options' library gives
    (r"Input should be greater than or equal to (\S+)", r"takes \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"takes \1 or less"),
    (r"Input should be a valid integer.*", "takes a whole number, without a unit"),
    (r"Input should be a valid number.*", "takes a number, without a unit"),
)


def told(error: "typer.TyperException") -> str:
    """An error of the options' library in a line, with what to do about it."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "stylize"
    option, extra = getattr(error, "option_name", None), getattr(error, "message", "")
    command = path.split()[-1]
    if option is not None and "requires an argument" in extra:
        return f"{option} needs a value behind it"  # of which command, nobody says
    if option is not None and extra.startswith("No such option"):
        text = _no_option(command, option, getattr(error, "possibilities", None) or (), context)
    elif extra.startswith("Got unexpected extra argument"):
        text = _too_many(command, extra)
    elif match := re.match(r"No such command '(.*?)'", error.format_message()):
        text = _no_command(match[1], context)
    elif match := re.match(r"Missing (argument|option) '(.*?)'", error.format_message()):
        text = _missing(match[2], path, context)
    else:
        said = error.format_message().replace("Value error, ", "").rstrip(".")
        text = _value(said, _given(error))
    return text if text.endswith("--help") else f"{text}; see {path} --help"


Context = typer.Context | None


def _no_option(command: str, option: str, near: Sequence[str], context: Context) -> str:
    known = {name for one in context.command.params for name in one.opts} if context else set()
    fix = ROLES.get((command, option)) or ALIASES.get(option, "")
    if (command, option) not in ROLES and fix.startswith("-"):
        fix = f"use {fix}" if fix.split()[0] in known else ""
    elif (command, option) not in ROLES and fix:
        fix = f"give {fix}"
    for word in sys.argv[1:]:
        if word.startswith(option) and os.path.exists(word):  # noqa: PTH110
            return f"{word} looks like an option: write ./{word}"
    begun = [name for name in known if name.startswith(option)]
    likely = difflib.get_close_matches(option, near, n=1, cutoff=0.7)
    likely = begun if len(begun) == 1 else likely
    guess = f"did you mean {likely[0]}?" if likely else "leave it out"
    return f"there is no option {option}: {fix or guess}"


def _missing(name: str, path: str, context: Context) -> str:
    """An argument or a needed option that was left out, and how the whole is written."""
    if context is None:
        return f"{name} is missing"
    if given := context.params.get("model"):
        try:
            models.find(given)
        except StylizeError as error:  # what stands first is none: that says more
            return str(error)
    pieces = context.command.collect_usage_pieces(context)
    usage = [piece for piece in pieces if piece[:1] != "["]
    needed = [one for one in context.command.params if one.required and one.opts[0][:1] == "-"]
    options = [f"{one.opts[-1]} {one.metavar}" for one in needed]
    return f"{name} is missing: {' '.join([path, *usage, *options])}"


def _no_command(name: str, context: Context) -> str:
    commands = sorted(getattr(context.command, "commands", {})) if context else []
    is_root = context is not None and context.parent is None
    asked = next((word for word in sys.argv[2:] if word in commands), "")
    if name == "help" and asked and is_root:
        return f"there is no command 'help': write stylize {asked} --help"
    meant = COMMANDS if is_root else OF_MODELS
    if name in meant and name not in commands:
        return f"there is no command '{name}': write stylize {meant[name]}"
    near = difflib.get_close_matches(name.lower(), commands, n=1)
    if near:
        return f"there is no command '{name}': did you mean {near[0]}?"
    if os.path.exists(name):  # noqa: PTH110 - no error where it is closed
        return f"'{name}' is no command: write stylize optimize PHOTO STYLE, say"
    if name in models.bundled():
        return f"'{name}' is a model, no command: write stylize apply {name} PHOTO, say"
    return f"there is no command '{name}': use one of {', '.join(commands)}"


def _too_many(command: str, message: str) -> str:
    given = message.partition("(")[2].partition("(")[2].rstrip(")")
    if command == "train":
        return (
            f"{given} stands alone: give a picture to learn after --style, photos after --dataset"
        )
    words = given.split(" ")
    much = "is one too many" if len(words) == 1 else "are too many"
    return f"{given} {much}: {LONE.get(command) or _together(command, words)}"


def _together(command: str, words: Sequence[str]) -> str:
    """Where words belong that a command has no place for."""
    if command == "blend" and all(map(_number, words)):
        return "write a weight behind its style, NAME:0.6"
    if command == "blend" and "--grid" in sys.argv:
        return "write --grid A,B,C,D with commas, without spaces"
    if all(re.match(r"(relu|conv|pool)\d", word) for word in words):
        return "write layers with commas, without spaces"
    if all(os.path.exists(word) or word in models.bundled() for word in words):  # noqa: PTH110
        return f"{command} takes one at a time"
    return "put a name with spaces in quotes"


def _given(error: "typer.TyperException") -> str:
    """What an option was given that is none of its values, or ""."""
    errors = getattr(error.__cause__, "errors", None)
    return str(errors()[0]["input"]) if errors else ""


def _number(text: str) -> str:
    """How a number is written that is a share of 100, or has a comma; "" of other texts."""
    match = re.fullmatch(r"(-?\d*)[.,]?(\d*) *(%?)", text.strip())
    if not match or not (match[1] or match[2]):
        return ""
    number = float(f"{match[1] or 0}.{match[2] or 0}")
    return f"{number / 100 if match[3] else number:g}"


def _whole(name: str, text: str) -> str:
    """How a whole number is written that has a unit, an exponent or another side; or ""."""
    if match := re.fullmatch(r"(\d{1,15})(?:\.0+)? *(?:px|pixels?)", text, re.IGNORECASE):
        return match[1]
    if match := re.fullmatch(
        r"(\d{1,15})[x\N{MULTIPLICATION SIGN}](\d{1,15})", text, re.IGNORECASE
    ):
        return str(max(map(int, match.groups()))) if name == "--size" else ""
    if re.fullmatch(r"\d(\.\d+)?[eE]\+?\d", text):
        number = float(text)
        return f"{number:.0f}" if number.is_integer() else ""
    if name == "--quality" and (match := re.fullmatch(r"(\d+) *%", text)):
        return match[1]
    return ""


def _value(text: str, given: str) -> str:
    """'Invalid value for '--size': Input should be …' as '--size takes …'."""
    match = re.match(r"Invalid value for '(.*?)': (.*)", text)
    if not match:
        return text
    name, reason = match[1].split(" / ")[-1], match[2]
    if found := re.fullmatch(r"(.*) is not one of (.*)", reason):
        listed = re.findall(r"'(.*?)'", found[2])
        near = difflib.get_close_matches(found[1], listed, n=1)
        if (elsewhere := VALUES.get(found[1].lower().strip("'"))) in listed:
            near = [elsewhere]
        guess = f": did you mean {near[0]}?" if near else ""
        return f"{name} takes one of {found[2]}, not {found[1]}{guess}"
    if given.strip("+- ").lower() == "nan":
        return f"{name} takes a number, and {given} is none"
    for pattern, said in RULES:
        if re.fullmatch(pattern, reason):
            meant = _whole(name, given) if "whole" in said else ""
            meant = _number(given) if "a number," in said else meant
            if name in SHARES and meant and float(meant) > 1:
                return f"{name} takes 1 or less"
            fix = f": write {meant}" if meant else ""
            return f"{name} {re.sub(pattern, said, reason)}{fix}"
    return f"{name}: {reason}"


def check_pictures(pictures: Sequence[str]) -> None:
    """Raises `StylizeError` where a trained model, or one of its styles, stands for a picture."""
    for name in pictures:
        if name == STDIO or os.path.exists(name):  # noqa: PTH110
            continue
        if name in models.catalogue():
            raise StylizeError(f"{name} is no file but a model: stylize apply {name} PHOTO")
        model, style = models.owner(name) or (None, "")
        if model and len(model.styles) > 1:
            photo = pictures[0] if pictures[0] != name else "PHOTO"
            photo = f"./{photo}" if photo.startswith("-") and photo != STDIO else photo
            raise StylizeError(
                f"{name} is no file but a style of the model {model.name}: "
                f"stylize apply {model.name} {photo} --style {style}"
            )


def check_painting(file: str) -> None:
    """Raises `StylizeError` where a style of a trained model stands for a painting's file."""
    if file == STDIO or os.path.exists(file):  # noqa: PTH110
        return
    if found := models.owner(file):
        raise StylizeError(
            f"{file} is no file but a style of the model {found[0].name}: name a file of the "
            "painting itself"
        )
