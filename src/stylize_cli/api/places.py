"""Where a training finds its photos and leaves its files, and what is there already."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from stylize_cli import checkpoints, datasets, files, paths
from stylize_cli.checkpoints import TrainingState
from stylize_cli.errors import StylizeError
from stylize_cli.methods import previews
from stylize_cli.methods.course import state_file
from stylize_cli.paths import FolderContent


def model_file(out: "str | PathLike[str] | None", name: str, sources: Sequence[object]) -> Path:
    """Where the model goes.

    Raises:
        StylizeError: nothing can be written there, or an input would be overwritten.
    """
    path = Path(out or ".")
    if paths.names_folder(out or "."):
        path /= name
    if path.suffix != ".pt":
        raise StylizeError(f"cannot write a model to {path}: its name must end in .pt")
    for file in (path, state_file(path), previews.sheet_file(path)):
        files.check_place(file, given(sources))
    return path


def given(sources: Sequence[object]) -> list[Path]:
    """Those of the inputs that are files, which no output may overwrite."""
    return [Path(source) for source in sources if isinstance(source, (str, PathLike))]


def photos(folder: "str | PathLike[str]", own: set[Path]) -> FolderContent:
    """The photos to train on, without pictures that the training itself leaves among them.

    Args:
        folder: of the photos.
        own: files that the training leaves.

    Raises:
        StylizeError: there are none.
    """
    places = {files.resolved(path) for path in own}
    found = datasets.find(Path(folder))
    names = {path.name for path in places}
    kept = tuple(
        file for file in found.files if file.name not in names or files.resolved(file) not in places
    )
    if not kept:
        raise StylizeError(f"there are no photos in {folder}: give `photos` a folder of photos")
    return FolderContent(kept, f"{folder}: {found.note}" if found.note else "")


def state(model: Path, sheet: Sequence[Path], *, resume: bool) -> TrainingState | None:
    """The state to go on from; None for a new training.

    Raises:
        StylizeError: there is none, or files of an earlier training would be overwritten.
    """
    file = state_file(model)
    if resume and not paths.is_there(file):
        raise StylizeError(f"there is no {file} to go on from: leave out `resume`")
    if not resume and paths.is_there(file):
        raise StylizeError(f"{file} exists: give `resume` to go on with it, or another `out`")
    for made in (model, *sheet):
        if not resume and paths.is_there(made):
            raise StylizeError(f"{made} exists: give another `out`, or delete it")
    return checkpoints.load_state(file) if resume else None
