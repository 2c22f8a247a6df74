"""The one exception a user ever sees, and how foreign text is shown."""

import re

PARAMETER = re.compile(r"`([a-z_]+)`")
OPTIONS = {  # that have another name than their parameter
    "out": "-o",
    "output": "-o",
    "photos": "--dataset",
    "shares": "--style-blend",
    "start": "--from",  # of a training; the start of a clip is checked as it is read
    "styles": "--style",
}


class StylizeError(Exception):
    """Something the user can mend; the text says what is wrong and how to fix it, in one line.

    What it quotes of files and their names is escaped (`printable`), so that it can be shown
    anywhere. Parameters are named in backticks, as in "use a smaller `size`". The command line
    shows its options in their place, as in ``error: use a smaller --size``, and exits with 2. Bugs
    are never wrapped in it: they keep their traceback.
    """

    def __init__(self, text: str) -> None:
        super().__init__(printable(text.replace("\n", " ")))


def as_options(text: str) -> str:
    """A text that names parameters, such as `stroke_size`, with --stroke-size in their place."""
    return PARAMETER.sub(
        lambda name: OPTIONS.get(name[1]) or f"--{name[1].replace('_', '-')}", text
    )


def printable(text: str) -> str:
    r"""The text with every character that no terminal should be given as its escape, such as \x1b.

    These are control and formatting characters, unassigned ones, spaces that look like others, and
    what stands for the bytes of a file name that is not UTF-8. Escaped text comes back as it is.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, noun: str) -> str:
    """Such as "1 style" and "3 styles"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def amount(size: int) -> str:
    """So many bytes as people say them, such as "2.4 GB" and "13 MB"; none where it is below 0."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{max(0, size) / 1e6:.0f} MB"


def first_line(error: BaseException) -> str:
    """What another library says of an error, without the lines that follow."""
    return str(error).strip().partition("\n")[0]


def is_exhausted(error: BaseException) -> bool:
    """Whether an error says that memory is: Python's, or what torch and its kin raise for it."""
    said = str(error).lower()
    words = (
        "out of memory",
        "can't allocate memory",
        "not enough memory",
        "bad_alloc",
        "bad alloc",
    )
    return isinstance(error, MemoryError) or any(word in said for word in words)


def too_little_memory(what: str, need: int, free: int, fix: str) -> StylizeError:
    """The error of a work that takes more memory than there is.

    Args:
        what: takes it, such as "4096x3072 px".
        need: bytes that it takes.
        free: bytes that are free; below 0 where even the program itself takes more.
        fix: what to do about it.
    """
    return StylizeError(f"{what} needs about {amount(need)}, {amount(free)} is free; {fix}")
