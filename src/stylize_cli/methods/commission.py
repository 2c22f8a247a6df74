"""What goes between the machines of a cluster: orders, what to do with all, and reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from stylize_cli import stores, tables
from stylize_cli.config import Precision
from stylize_cli.encoders import Depth
from stylize_cli.methods.look import Look


@dataclass(frozen=True)
class Order:
    """A picture to paint.

    Attributes:
        input: what to call it.
        file: path or address of what holds it.
        outputs: path or address for every style, and for a sheet of them where there is to be one;
            "" where it is there already, and stays.
        group: of a parquet file the row group; -1 where the file is the picture.
        row: in that group.
    """

    input: str
    file: str
    outputs: Sequence[str]
    group: int = -1
    row: int = 0

    @property
    def table(self) -> str:
        """The parquet file that holds it, or ""."""
        return self.file if self.group >= 0 else ""

    def contents(self) -> bytes:
        """The picture's bytes.

        Raises:
            StylizeError: they cannot be read.
        """
        if self.table:
            return tables.pictures(self.file, self.group, [self.row])[self.row]
        return stores.read(self.file)


@dataclass(frozen=True)
class Commission:
    """What all workers do.

    Attributes:
        model: bytes of the model file.
        look: what to make of every picture.
        device: auto, cpu or cuda.
        precision: as `engines.open_model` knows it.
        strokes: how many times as large they are as the model's own.
        cores: of the CPU, for each worker; None is the usual.
        memory: bytes that a worker may take; None is its part of what is free.
        quality: of JPEG and WebP.
        depth: bits a channel.
        keeps_metadata: whether the photos' are written with the results.
        table: folder of parquet files that take the results in place of a file each, or "".
    """

    model: bytes
    look: Look
    device: str = "auto"
    precision: Precision = "auto"
    strokes: float = 1.0
    cores: int | None = None
    memory: int | None = None
    quality: int = 95
    depth: Depth = 8
    keeps_metadata: bool = False
    table: str = ""


@dataclass(frozen=True)
class Report:
    """What became of one result, or of a picture that has none.

    Attributes:
        input: its picture.
        output: where it is; of a picture that has none, where its first would be.
        style: that it is painted in; "" of a sheet too.
        width: px; 0 where it was not made.
        height: px.
        seconds: of work on it.
        error: why it was not made, or "".
        note: of the picture ("first of 12 frames"), or "".
        device: that it was painted on; so are precision and engine.
        precision: see there.
        engine: see there.
    """

    input: str
    output: str
    style: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    error: str = ""
    note: str = ""
    device: str = ""
    precision: str = ""
    engine: str = ""


def failed(order: Order, reason: str) -> Report:
    """A picture that has no result."""
    return Report(order.input, next(filter(None, order.outputs)), error=reason)
