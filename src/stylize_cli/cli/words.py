"""Slips of a shell or of a word processor, seen in the words before they are read as options."""

import os
from collections.abc import Collection, Sequence
from itertools import pairwise, takewhile

from stylize_cli.errors import StylizeError

DASHES = "-\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"
QUOTES = (
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}"
)


def check(words: Sequence[str], options: Collection[str], valued: Collection[str]) -> None:
    """Refuses words that nobody means.

    Args:
        words: that follow the command.
        options: all of the command's, with their dashes.
        valued: those that take a value.

    Raises:
        StylizeError: a word is empty, as of a shell's variable that is unset; an option begins with
            wrong dashes or a name with a curly quote, as in a text that was copied; or an option
            stands where the value of another belongs.
    """
    for before, word in pairwise(["", *words]):
        option, is_joined, value = word.partition("=")
        if not word or (is_joined and not value and option in valued):
            named = option or (before if before in valued else "an argument")
            raise StylizeError(
                f"{named} is empty: give it a value, or leave it out; a variable of the shell may "
                "be unset"
            )
    of_options = list(takewhile("--".__ne__, words))
    for number, (before, word) in enumerate(pairwise(["", *of_options])):
        option = word.partition("=")[0]
        if before in valued and option in options and option[:2] == "--":
            raise StylizeError(f"{before} needs a value behind it")
        if os.path.lexists(word):
            continue
        if word[0] in DASHES and (meant := _option(option)) != option and meant in options:
            raise StylizeError(f"{option} has the wrong dashes: write {meant}")
        if word[0] in QUOTES and any(one[-1] in QUOTES for one in of_options[number:]):
            raise StylizeError(f"{word} begins with a curly quote: write a straight one")


def _option(word: str) -> str:
    """An option with the dashes that it should have."""
    name = word.lstrip(DASHES)
    return f"{'--' if len(name) > 1 else '-'}{name}"
