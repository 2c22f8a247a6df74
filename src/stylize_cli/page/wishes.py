"""What the page can ask for, and the command line that makes the same picture."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from stylize_cli.errors import StylizeError
from stylize_cli.page.shelf import Shelf

Kind = Literal["paint", "optimize", "texture", "enlarge"]
Manner = Literal["default", "neighbours"]
MOST_STYLES = 4
MOST = 2**32  # of whole numbers


@dataclass(frozen=True)
class Wish:
    """One picture that is wanted.

    Attributes:
        kind: how it is made.
        photo: id of the photo; "" for a texture.
        model: name or file of the network; "" to optimise.
        styles: weight by name, or by id of a picture to optimise.
        painting: id of a picture that the network is to learn and paint as; "" for its styles.
        preset: of an optimisation.
        strength: share of the result in the mixture with the photo.
        balance: of an optimisation, from 0, all photo, to 1, all painter.
        keep_colors: the photo's.
        size: long side, px; None is the photo's own.
        iterations: of an optimisation, at each scale; None is the preset's.
        width: of a texture, px.
        height: of a texture, px.
        seed: of a texture.
    """

    kind: Kind
    photo: str = ""
    model: str = ""
    styles: tuple[tuple[str, float], ...] = ()
    painting: str = ""
    preset: Manner = "default"
    strength: float = 1.0
    balance: float = 0.5
    keep_colors: bool = False
    size: int | None = None
    iterations: int | None = None
    width: int = 512
    height: int = 512
    seed: int = 0


TYPES: Mapping[str, tuple[type, ...]] = {
    "photo": (str,),
    "model": (str,),
    "painting": (str,),
    "preset": (str,),
    "strength": (int, float),
    "balance": (int, float),
    "keep_colors": (bool,),
    "size": (int, type(None)),
    "iterations": (int, type(None)),
    "width": (int,),
    "height": (int,),
    "seed": (int,),
}


def parse(given: object) -> Wish:
    """Reads a wish as the page sends it.

    Raises:
        StylizeError: it is none.
    """
    if not isinstance(given, dict) or given.get("kind") not in get_args(Kind):
        raise _malformed()
    values: dict[str, Any] = {"kind": given["kind"]}
    for name, types in TYPES.items():
        if name in given:
            if type(given[name]) not in types or _is_beyond(given[name]):
                raise _malformed()
            values[name] = given[name]
    if values.get("preset", "default") not in get_args(Manner):
        raise _malformed()
    styles = given.get("styles", {})
    if not isinstance(styles, dict) or len(styles) > MOST_STYLES:
        raise _malformed()
    if any(type(one) not in (int, float) or _is_beyond(one) for one in styles.values()):
        raise _malformed()
    return Wish(styles=tuple((name, float(weight)) for name, weight in styles.items()), **values)


def title(wish: Wish, shelf: Shelf) -> str:
    """What a person calls it, such as "photo, munch-scream"."""
    parts = [_stem(wish, shelf)]
    parts += [Path(name).stem for name, _ in _named_styles(wish, shelf)]
    return ", ".join(part for part in parts if part)


def filename(wish: Wish, shelf: Shelf) -> str:
    """What the file of the result is called, without suffix."""
    parts = [_stem(wish, shelf), *(Path(name).stem for name, _ in _named_styles(wish, shelf))]
    tail = {"texture": "texture", "enlarge": "enlarged"}.get(wish.kind)
    return "-".join(part for part in [*parts, tail] if part)


def command(wish: Wish, shelf: Shelf) -> str:
    """The command line that makes the same picture, for the folder where the files are."""
    words = {"paint": _paint, "optimize": _optimize, "texture": _texture, "enlarge": _enlarge}
    given = words[wish.kind](wish, shelf)
    return shlex.join(["stylize", *given, "-o", f"{filename(wish, shelf)}.png"])


def _paint(wish: Wish, shelf: Shelf) -> list[str]:
    photo = shelf[wish.photo].name
    several = len(wish.styles) > 1 and not wish.painting
    words = ["blend" if several else "apply", wish.model, _path(photo)]
    if wish.painting:  # with a folder before it, since names of styles win over files
        words += ["--style", f"./{shelf[wish.painting].name}"]
    for name, weight in () if wish.painting else wish.styles:
        words += ["--style", f"{name}:{weight:.12g}" if several else name]
    words += [] if wish.strength == 1 else ["--strength", f"{wish.strength:.12g}"]
    return words + _common(wish)


def _optimize(wish: Wish, shelf: Shelf) -> list[str]:
    pictures = [shelf[wish.photo].name, *(name for name, _ in _named_styles(wish, shelf))]
    words = ["optimize", *map(_path, pictures), "--balance", f"{wish.balance:.12g}"]
    words += [] if wish.preset == "default" else ["--preset", wish.preset]
    if len(wish.styles) > 1:
        words += ["--style-blend", ",".join(f"{share:.12g}" for _, share in wish.styles)]
    words += [] if wish.iterations is None else ["--iterations", str(wish.iterations)]
    return words + _common(wish)


def _texture(wish: Wish, _shelf: Shelf) -> list[str]:
    size = f"{wish.width}x{wish.height}"
    return ["texture", wish.model, "--size", size, "--seed", str(wish.seed)]


def _enlarge(wish: Wish, shelf: Shelf) -> list[str]:
    return ["apply", wish.model, _path(shelf[wish.photo].name)]


def _common(wish: Wish) -> list[str]:
    words = [] if wish.size is None else ["--size", str(wish.size)]
    return words + ["--preserve-color"] * wish.keep_colors


def _path(name: str) -> str:
    """A file's name as an argument that is no option, and no glob."""
    return f"./{name}" if name.startswith("-") else name


def _stem(wish: Wish, shelf: Shelf) -> str:
    if wish.kind == "texture":
        return Path(wish.model).stem
    return Path(shelf[wish.photo].name).stem


def _named_styles(wish: Wish, shelf: Shelf) -> list[tuple[str, float]]:
    """The styles by the names of networks' styles, or of files."""
    if wish.painting:
        return [(shelf[wish.painting].name, 1.0)]
    if wish.kind == "optimize":
        return [(shelf[id].name, share) for id, share in wish.styles]
    return list(wish.styles)


def _is_beyond(value: object) -> bool:
    """Whether it is a whole number that no size and no seed can be."""
    return isinstance(value, int) and not 0 <= value < MOST


def _malformed() -> StylizeError:
    return StylizeError("this is not a request of the page: load it anew")
