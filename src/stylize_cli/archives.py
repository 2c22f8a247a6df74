"""Torch files of strangers: what is in them is seen to be harmless, and no larger than they are."""

import io
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import torch
from torch import Tensor

PARTS = 1 << 22  # numbers, names and characters of their text
COPIES = 2  # of a file's bytes that its tensors may make: a few may share their values
LARGEST = 2**63  # of an integer

# What a pickle of tensors, dictionaries, lists and plain values names; nothing of it allocates.
_NAMED = {"collections OrderedDict", "torch Size"} | {
    f"torch._utils {name}" for name in ("_rebuild_tensor_v2", "_rebuild_parameter")
}

# What torch.load, or a look into what it read, raises for a file that holds something else.
NOT_WEIGHTS = (
    RuntimeError,
    LookupError,
    EOFError,
    AssertionError,
    AttributeError,
    ValueError,
    TypeError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
)


def check(file: IO[bytes]) -> None:
    """Looks at a torch file before any of it is loaded.

    Nothing in it is compressed, so that it unfolds to no more than its own size, and its pickle
    names nothing but tensors and containers.

    Raises:
        ValueError: it is another file.
        Exception: whatever its parsers run into in damaged data.
    """
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
        once = len({entry.filename for entry in entries}) == len(entries)
        if not (stored and once and sum(entry.file_size for entry in entries) <= size):
            raise ValueError("its parts are compressed, or there twice")
        (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        _check_names(archive.read(pickled))
    file.seek(0)


def _check_names(pickled: bytes) -> None:
    for operation, argument, _ in pickletools.genops(pickled):
        if operation.name == "GLOBAL":
            name = str(argument)
            is_storage = name.startswith("torch ") and name.endswith("Storage")
            if not is_storage and name not in _NAMED:
                raise ValueError(f"it names {name}")
        elif operation.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"):
            raise ValueError("it names what torch does not write")


def check_values(value: object, *, room: int) -> None:
    """Looks through what was loaded: containers, plain values and tensors that own their memory.

    A view that repeats its values is as large as it says once it is copied, and a list that holds
    another one ten times over is ten times as long once it is shown.

    Args:
        value: what was loaded.
        room: bytes that all tensors in it may have.

    Raises:
        ValueError: something else is in it, or too much.
    """
    parts, waiting = PARTS, [value]
    while waiting:
        one = waiting.pop()
        parts -= 1
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple)):
            waiting += one
        elif isinstance(one, Tensor):
            room -= _bytes_of(one)
        elif isinstance(one, str):
            parts -= len(one)
        elif isinstance(one, int):
            parts = parts if abs(one) < LARGEST else -1
        elif not (one is None or isinstance(one, float)):
            raise ValueError(f"it holds a {type(one).__name__}")
        if min(parts - len(waiting), room) < 0:
            raise ValueError("it holds more than its size")


def _bytes_of(tensor: Tensor) -> int:
    plain = (
        tensor.layout == torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"
    )
    if not plain or tensor.nbytes > tensor.untyped_storage().nbytes():
        raise ValueError("it holds a tensor larger than its values")
    return tensor.nbytes


def load(data: bytes) -> dict[Any, Any]:
    """A dictionary out of a torch file.

    Raises:
        ValueError: it is not one, or not harmless.
        Exception: whatever its parsers run into in damaged data.
    """
    file = io.BytesIO(data)
    check(file)
    record = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(record, dict):
        raise ValueError("it holds no dictionary")
    check_values(record, room=COPIES * len(data))
    return record
