"""The one exception a user ever sees."""


class StylizeError(Exception):
    """Something the user can mend; the text says what is wrong and how to fix it, in one line.

    The command line prints it as ``error: <text>`` and exits with 2. Bugs are never wrapped in it:
    they keep their traceback.
    """
