"""Names of styles, and names as people type them."""

import unicodedata
from collections.abc import Iterable

from stylize_cli.errors import printable

LONGEST = 200  # characters of a style's name, which becomes a part of files' names
LEAST_PART = 3  # characters of a part that stands for a name: "a" and "of" are in many


def style_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Names of styles that can be typed, shown and told apart, one for each text.

    They may be files' names: other spaces than the usual become that (macOS puts U+202F before
    "AM"), accents their shortest form, and what cannot be shown its escape. Names given are
    given back as they are.
    """
    found: list[str] = []
    for text in texts:
        spaced = (" " if c.isspace() else c for c in unicodedata.normalize("NFC", text))
        plain = printable("".join(spaced)).strip()[:LONGEST].rstrip() or "style"
        name, number = plain, 1
        while name in found:
            number += 1
            name = f"{plain[: LONGEST - len(str(number)) - 1]}-{number}"
        found.append(name)
    return tuple(found)


def style_name(text: str, known: Iterable[str]) -> str:
    """The name of one style more, told apart from those that are known; see `style_names`."""
    return style_names((*known, text))[-1]


def meant(name: str, known: Iterable[str]) -> str | None:
    """The one that a name means, or None where there is none, or more than one.

    It is the name itself; or the same in other letters ("Klimt-Kiss", "klimt kiss"); or the only
    one that holds it as whole words ("starry-night" of "vangogh-starry-night"), or as one ("van
    gogh").
    """
    found = candidates(name, known)
    return found[0] if len(found) == 1 else None


def candidates(name: str, known: Iterable[str]) -> list[str]:
    """Those that a name may mean; see `meant`."""
    known = list(known)
    if name in known:
        return [name]
    same = [one for one in known if _plain(one) == _plain(name)]
    said = {_plain(name), _plain(name).replace("-", "")}  # "van gogh" is "vangogh" too
    said = {part for part in said if len(part) >= LEAST_PART}
    return same or [one for one in known if any(f"-{n}-" in f"-{_plain(one)}-" for n in said)]


def _plain(name: str) -> str:
    return "-".join(name.casefold().replace("_", " ").replace("-", " ").split())
