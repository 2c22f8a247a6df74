"""Puts a trained model among those that are shipped: smaller, and with an entry in the index.

    python scripts/ship_model.py MODEL.pt --name classics --licence CC0-1.0 --credit "Paintings …"

The kernels of convolutions are stored as float16, which halves the file; γ and β, biases and batch
statistics stay float32. With --folder it makes a release of further models: a web server that has
the folder is what STYLIZE_MODELS_URL may point to (its index.json).
"""

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from stylize_cli import checkpoints, files, hardware, models
from stylize_cli.engines import openvino, quantising
from stylize_cli.errors import StylizeError
from stylize_cli.models import INDEX, Model


def halved(weight: Tensor) -> Tensor:
    """A convolution's kernel (out, into, h, w) as float16; any other tensor as it is.

    Raises:
        StylizeError: a value is beyond float16.
    """
    if weight.dim() != 4:
        return weight
    half = weight.half()
    if not half.isfinite().all():
        raise StylizeError(f"a kernel reaches {weight.abs().max():.3g}: more than float16 holds")
    return half


def ship(source: Path, folder: Path, *, name: str, licence: str, credit: str) -> Model:
    """Writes the model and its entry into a folder; an entry of the same name is replaced."""
    if not models.NAME.fullmatch(name):
        raise StylizeError(f"'{name}' is no name for a model: lower-case letters, digits, - and _")
    trained = checkpoints.load(source)
    shipped = replace(
        trained,
        weights={key: halved(torch.as_tensor(value)) for key, value in trained.weights.items()},
        provenance={**trained.provenance, "licence": licence, "credit": credit},
    )
    path = folder / f"{name}{models.SUFFIX}"
    scratch = path.with_suffix(".part")
    checkpoints.save(scratch, shipped)
    found = openvino.ranges_of(scratch, hardware.cores())
    ranges = [None if pair is None else list(pair) for pair in found]
    if ranges:
        noted = {**shipped.provenance, quantising.NOTED: ranges}
        scratch.unlink()
        checkpoints.save(scratch, replace(shipped, provenance=noted))
    data = scratch.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    entry = Model(name, trained.method, trained.styles, len(data), digest, licence, credit)
    index = folder / INDEX
    others = models.parse(index.read_bytes(), where="available") if index.exists() else {}
    entries = {**others, name: entry}
    text = models.dump(entries[key] for key in sorted(entries))
    models.parse(text, where="available")  # refuses text that it could not read
    scratch.replace(path)
    files.write(index, text.encode())
    return entry


def main() -> None:
    """Parses the command line, ships the model and prints its size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--licence", required=True)
    parser.add_argument("--credit", default="", help="who and what it was made from, in a line")
    parser.add_argument("--folder", type=Path, default=models.PRETRAINED)
    given = parser.parse_args()
    try:
        entry = ship(
            given.model, given.folder, name=given.name, licence=given.licence, credit=given.credit
        )
    except StylizeError as error:
        sys.exit(f"error: {error}")
    print(f"{given.folder / entry.filename}: {entry.bytes} bytes")


if __name__ == "__main__":
    main()
