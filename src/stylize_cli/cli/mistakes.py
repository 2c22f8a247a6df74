"""What a mistyped command line is told: what is wrong, and the fix."""

import difflib
import os
import re
from collections.abc import Sequence

import typer

from stylize_cli import models, names
from stylize_cli.errors import StylizeError

# What other programs call an option, and what does it here.
ALIASES = {
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
}
RULES = (  # of the reasons that the options' library gives
    (r"Input should be greater than or equal to (\S+)", r"takes \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"takes \1 or less"),
    (r"Input should be a valid integer.*", "takes a whole number, without a unit"),
    (r"Input should be a valid number.*", "takes a number, without a unit"),
    (r"(.*) is not one of (.*)", r"takes one of \2, not \1"),
)


def told(error: "typer.TyperException") -> str:
    """An error of the options' library in a line, with what to do about it."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "stylize"
    option, extra = getattr(error, "option_name", None), getattr(error, "message", "")
    command = path.split()[-1]
    if option is not None and extra.startswith("No such option"):
        text = _no_option(command, option, getattr(error, "possibilities", None) or (), context)
    elif extra.startswith("Got unexpected extra argument"):
        text = _too_many(command, extra)
    elif match := re.match(r"No such command '(.*?)'", error.format_message()):
        text = _no_command(match[1], context)
    else:
        text = _value(error.format_message().replace("Value error, ", "").rstrip("."))
    return f"{text}; see {path} --help"


Context = typer.Context | None


def _no_option(command: str, option: str, near: Sequence[str], context: Context) -> str:
    known = {name for one in context.command.params for name in one.opts} if context else set()
    fix = ROLES.get((command, option)) or ALIASES.get(option, "")
    if (command, option) not in ROLES and fix.startswith("-"):
        fix = f"use {fix}" if fix.split()[0] in known else ""
    elif (command, option) not in ROLES and fix:
        fix = f"give {fix}"
    likely = difflib.get_close_matches(option, near, n=1, cutoff=0) if near else []
    guess = f"did you mean {likely[0]}?" if likely else "leave it out"
    return f"there is no option {option}: {fix or guess}"


def _no_command(name: str, context: Context) -> str:
    commands = sorted(getattr(context.command, "commands", {})) if context else []
    near = difflib.get_close_matches(name.lower(), commands, n=1)
    if near:
        return f"there is no command '{name}': did you mean {near[0]}?"
    if os.path.exists(name):  # noqa: PTH110 - no error where it is closed
        return f"'{name}' is no command: write stylize optimize PHOTO STYLE, say"
    return f"there is no command '{name}': use one of {', '.join(commands)}"


def _too_many(command: str, message: str) -> str:
    given = message.partition("(")[2].partition("(")[2].rstrip(")")
    if command == "train":
        return (
            f"{given} stands alone: give a picture to learn after --style, photos after --dataset"
        )
    return f"{given} is one too many: put a name with spaces in quotes"


def _value(text: str) -> str:
    """'Invalid value for '--size': Input should be …' as '--size takes …'."""
    match = re.match(r"Invalid value for '(.*?)': (.*)", text)
    if not match:
        return text
    name, reason = match[1].split(" / ")[-1], match[2]
    for pattern, said in RULES:
        if re.fullmatch(pattern, reason):
            return f"{name} {re.sub(pattern, said, reason)}"
    return f"{name}: {reason}"


def check_pictures(pictures: Sequence[str]) -> None:
    """Raises `StylizeError` where a style of a trained model stands where a picture should be."""
    for name in pictures:
        if os.path.exists(name):  # noqa: PTH110
            continue
        for model in models.catalogue().values():
            style = names.meant(name, model.styles) if len(model.styles) > 1 else None
            if style is not None:
                photo = pictures[0] if pictures[0] != name else "PHOTO"
                raise StylizeError(
                    f"{name} is no file but a style of the model {model.name}: "
                    f"stylize apply {model.name} {photo} --style {style}"
                )
