"""Names as people type them."""

from collections.abc import Iterable


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
    return same or [one for one in known if any(f"-{n}-" in f"-{_plain(one)}-" for n in said)]


def _plain(name: str) -> str:
    return "-".join(name.casefold().replace("_", " ").replace("-", " ").split())
