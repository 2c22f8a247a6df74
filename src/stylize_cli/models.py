"""The table of trained models: bundled, downloaded, and those that can be downloaded.

An index beside the files says what is in them, so that none of this imports torch.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin

from stylize_cli import downloads, files, names, paths, web
from stylize_cli.errors import StylizeError
from stylize_cli.paths import SUFFIXES, data_dir
from stylize_cli.progress import OnStep, ignore

PRETRAINED = Path(__file__).with_name("pretrained")
INDEX = "index.json"
LARGEST_INDEX = 1 << 20  # bytes: some thousand models
MOST_BYTES = 2**50  # of a model's file, as an index says
SUFFIX = ".pt"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # it becomes a file's name
SHA256 = re.compile(r"[0-9a-f]{64}")
OTHERS = (  # what stands where a model should
    (SUFFIXES, "picture"),
    ((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"), "clip"),
)
_FIX = "mend that, or set STYLIZE_HOME to another folder"
TEXTS = ("name", "method", "sha256", "licence", "provenance", "url")

Where = Literal["bundled", "downloaded", "available"]


@dataclass(frozen=True)
class Model:
    """An entry of the table.

    Attributes:
        name: what users call it.
        method: that trained it.
        styles: names of its styles; none for super-resolution.
        bytes: of its file.
        sha256: hexadecimal digest of its file.
        licence: of its weights.
        provenance: who and what it was made from, in a line.
        url: of its file, absolute or relative to the index; empty: beside the index.
        where: in the package, in the data folder, or on the network.
    """

    name: str
    method: str
    styles: tuple[str, ...]
    bytes: int
    sha256: str
    licence: str
    provenance: str = ""
    url: str = ""
    where: Where = "available"

    @property
    def filename(self) -> str:
        """What the model file is called, wherever it is."""
        return self.name + SUFFIX

    @property
    def path(self) -> Path:
        """The model file; of an available one, where it will be."""
        return (PRETRAINED if self.where == "bundled" else models_dir()) / self.filename


Models = Mapping[str, Model]


def models_dir() -> Path:
    """Where downloaded models are kept."""
    return data_dir() / "models"


def index_url() -> str:
    """Address of the index of further models; "" where none is set, as it is at first.

    There is none of ours yet, and an address that others could register would be theirs.
    """
    return os.environ.get("STYLIZE_MODELS_URL", "")


def bundled() -> Models:
    """Those that come with the package, by name."""
    return _read(PRETRAINED / INDEX, where="bundled")


def downloaded() -> Models:
    """Those that were pulled, by name."""
    folder = models_dir()
    try:
        notes = sorted(file for file in folder.iterdir() if file.name.endswith(f"{SUFFIX}.json"))
    except FileNotFoundError:
        return {}
    except OSError as error:  # left by sudo
        raise StylizeError(
            f"the folder {folder} does not open ({error.strerror}): {_FIX}"
        ) from error
    noted = [m for note in notes for m in _read(note, where="downloaded").values()]
    return {model.name: model for model in noted if model.path.is_file()}


def available() -> Models:
    """Those in the index of further models, as it was when it was last fetched, by name."""
    return _read(models_dir() / INDEX, where="available")


def catalogue() -> Models:
    """All that are known here, by name: bundled ones first, then downloaded, then available."""
    found: dict[str, Model] = {}
    for models in (bundled(), downloaded(), available()):
        found |= {name: model for name, model in models.items() if name not in found}
    return found


def find(name: str) -> Path:
    """The file that a user means by a path or by a model's name.

    Raises:
        StylizeError: there is none, or it has to be pulled first.
    """
    path = Path(name)
    for suffixes, kind in OTHERS:
        if path.suffix.lower() in suffixes:
            raise StylizeError(
                f"{name} is a {kind}, no model: a model belongs in its place, such as classics"
            )
    if paths.is_there(path) and not paths.is_folder(path):
        return path
    if path.suffix == SUFFIX or path.name != name:
        raise _no_file(path)
    for here in (bundled, downloaded):  # in this order: the latter may not open
        if (found := names.meant(name, here())) is not None:
            return here()[found].path
    if name in available():
        raise StylizeError(f"the model {name} is not here yet: stylize models pull {name}")
    raise _no_file(path) if paths.is_folder(path) else _unknown(name, "give one of them or a file")


def owner(style: str) -> tuple[Model, str] | None:
    """The model that has a style, and the style's whole name; None where none has.

    Of several models it is the one with most styles.
    """
    for model in sorted(catalogue().values(), key=lambda one: -len(one.styles)):
        found = names.meant(style, model.styles)
        if found is not None:
            return model, found
    return None


def refresh() -> None:
    """Fetches the index of further models and keeps it for `available`.

    Raises:
        StylizeError: it cannot be had, or is not an index; the one before is kept.
    """
    if not index_url():
        raise StylizeError(
            "there is no index of further models: set STYLIZE_MODELS_URL to the address of one"
        )
    try:
        data = web.read(index_url(), most=LARGEST_INDEX)
        parse(data, where="available")
    except (StylizeError, ValueError) as error:
        raise StylizeError(
            f"no index of further models: {error}; try again later, or set STYLIZE_MODELS_URL to "
            "the address of another"
        ) from error
    files.write(models_dir() / INDEX, data, fix=_FIX)


def pull(name: str, *, on_step: OnStep = ignore) -> Path:
    """Returns a model's checked file on this disk, downloading it where it is not here.

    A downloaded one whose entry in the index has changed since is downloaded anew.

    Args:
        name: of the model, as people type it (`names.meant`).
        on_step: called with the bytes done and in all.

    Raises:
        StylizeError: there is no such model, or `downloads.fetch` cannot bring it.
    """
    known = bundled()
    if name.casefold() not in known:  # the folder of the others may not open
        known = {**downloaded(), **available(), **known}
    model = known.get(names.meant(name, known) or "")
    if model is None:
        raise _unknown(name, "give one of them")
    if model.where == "bundled":
        return model.path
    url = urljoin(index_url(), model.url or model.filename)
    item = downloads.RemoteFile(
        model.name, model.filename, url, model.sha256, model.bytes, licence=model.licence
    )
    path = downloads.fetch(item, folder=models_dir(), mirror=None, on_step=on_step)
    files.write(_note(path), dump([model]).encode(), fix=_FIX)
    return path


def remove(name: str) -> Path:
    """Deletes a downloaded model, and returns the path that it had.

    Raises:
        StylizeError: it is not a downloaded one, or cannot be deleted.
    """
    model = downloaded().get(name)
    if model is None:
        if name in bundled():
            raise StylizeError(f"{name} is bundled with stylize: only downloads can be removed")
        if name in available():
            raise StylizeError(f"{name} is not downloaded: there is nothing to remove")
        here = ", ".join(downloaded()) or "none so far"
        raise StylizeError(f"there is no model '{name}' among those downloaded: {here}")
    try:
        model.path.unlink()
        _note(model.path).unlink()
    except OSError as error:
        raise StylizeError(
            f"cannot remove {model.path} ({error.strerror}): check its permissions"
        ) from error
    return model.path


def parse(data: bytes | str, *, where: Where) -> Models:
    """Reads an index, an array of objects, whoever wrote it.

    Raises:
        ValueError: it is not one; names that are no file names and text that no terminal should be
            given are refused.
    """
    try:
        records = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(records, list):
        raise ValueError("it is not an array")
    models = [_model(record, where) for record in records]
    return {model.name: model for model in models}


def dump(models: Iterable[Model]) -> str:
    """The index of some models, as `parse` reads it."""
    records = [
        {key: value for key, value in asdict(model).items() if key != "where"} for model in models
    ]
    return json.dumps(records, indent=2, ensure_ascii=False) + "\n"


def _model(record: object, where: Where) -> Model:
    if not isinstance(record, dict):
        raise ValueError("an entry of it is not an object")
    texts: dict[str, Any] = {key: record.get(key, "") for key in TEXTS}
    styles, size = record.get("styles"), record.get("bytes")
    if not (
        isinstance(styles, list)
        and all(isinstance(text, str) and text.isprintable() for text in (*texts.values(), *styles))
        and type(size) is int
        and 0 < size < MOST_BYTES
        and NAME.fullmatch(texts["name"])
        and SHA256.fullmatch(texts["sha256"])
    ):
        raise ValueError(f"its entry {str(texts['name'])[:64]!r} is not one of a model")
    return Model(styles=tuple(styles), bytes=size, where=where, **texts)


def _read(path: Path, *, where: Where) -> Models:
    try:
        if not paths.is_there(path):
            return {}
        return parse(files.contents(path, what="an index"), where=where)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        fix = "install stylize-cli again" if where == "bundled" else "delete it"
        raise StylizeError(f"the index {path} cannot be read ({reason}): {fix}") from error


def _note(path: Path) -> Path:
    """The file beside a downloaded model that holds its entry."""
    return path.with_name(f"{path.name}.json")


def _no_file(path: Path) -> StylizeError:
    if paths.is_folder(path):
        return StylizeError(f"{path} is a folder: name a model file in it")
    known = {name + SUFFIX: name for name in (*bundled(), *downloaded())}
    beside = path.parent.glob(f"*{SUFFIX}") if paths.is_folder(path.parent) else ()
    known |= {file.name: str(file) for file in beside}
    near = get_close_matches(path.name, known, n=1)
    hint = f"did you mean {known[near[0]]}?" if near else "check the path"
    return StylizeError(f"there is no model file {path}: {hint}")


def _unknown(name: str, fix: str) -> StylizeError:
    if paths.is_file(file := name + SUFFIX):
        return StylizeError(f"there is no model '{name}': did you mean the file {file}?")
    if found := owner(name):
        return StylizeError(
            f"{name} is a style, no model: name its model in its place, {found[0].name}, and where "
            f"a style is chosen `style` {found[1]}"
        )
    known = list(catalogue())
    hint = "".join(f"did you mean {near}? " for near in get_close_matches(name, known, n=1))
    more = ", or look for more with stylize models list --refresh" if index_url() else ""
    return StylizeError(
        f"there is no model '{name}': {hint}known are {', '.join(known) or 'none yet'}; {fix}{more}"
    )
