"""The one exception a user ever sees."""


class StylizeError(Exception):
    """Something the user can mend; the text says what is wrong and how to fix it, in one line.

    The command line prints it as ``error: <text>`` and exits with 2. Bugs are never wrapped in it:
    they keep their traceback.
    """


def too_little_memory(what: str, need: int, free: int, fix: str) -> StylizeError:
    """The error of a work that takes more memory than there is.

    Args:
        what: takes it, such as "4096x3072 px".
        need: bytes that it takes.
        free: bytes that are free; below 0 where even the program itself takes more.
        fix: what to do about it.
    """
    return StylizeError(
        f"{what} needs about {need / 1e9:.1f} GB, {max(0, free) / 1e9:.1f} GB is free; {fix}"
    )
