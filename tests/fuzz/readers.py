"""What reads files of strangers, by kind of file; each gives back or raises `StylizeError`."""

import io
import random
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from stylize_cli import checkpoints, decoders, models
from stylize_cli.errors import StylizeError

CORPUS = Path(__file__).with_name("corpus")
FOLDER = tempfile.TemporaryDirectory()
FILE = Path(FOLDER.name) / "file.pt"


def picture(data: bytes) -> None:
    """Decodes it, whole and small."""
    for least in (None, 8):
        decoders.decode(data, name="x", least=least, room=10**9)


def model(data: bytes) -> None:
    """Reads and builds it as a model."""
    FILE.write_bytes(data)
    checkpoints.load(FILE).build()


def state(data: bytes) -> None:
    """Reads it as a training's state."""
    FILE.write_bytes(data)
    checkpoints.load_state(FILE).checkpoint.build()


def index(data: bytes) -> None:
    """Reads it as an index of models, and writes that again."""
    try:
        found = models.parse(data, where="available")
    except ValueError as error:  # which whoever asks for it turns into one
        raise StylizeError(str(error)) from error
    assert models.parse(models.dump(found.values()), where="available") == found


READERS: dict[str, Callable[[bytes], None]] = {
    "pictures": picture,
    "models": model,
    "states": state,
    "indexes": index,
}


def read(kind: str, data: bytes) -> bool:
    """Whether a file is read; refused in one line it may be."""
    try:
        READERS[kind](data)
    except StylizeError as error:
        line = " ".join(str(error).split())
        assert line.isprintable(), repr(line)
        return False
    return True


def mutated(data: bytes, seed: int, mutate: Callable[[bytes], bytes]) -> bytes:
    """The data changed by `mutate`; of a zip mostly what one of its parts holds.

    Its checksums would else refuse nearly everything that a fuzzer thinks of.
    """
    draw = random.Random(seed)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        pickle = next(name for name in parts if name.endswith("data.pkl"))
    except Exception:
        return mutate(data)
    kind = draw.random()
    if kind < 0.1:
        return mutate(data)
    name = pickle if kind < 0.8 else draw.choice(sorted(parts))
    parts[name] = mutate(parts[name])
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return changed.getvalue()
