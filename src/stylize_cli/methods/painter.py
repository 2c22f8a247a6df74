"""A worker of a cluster: the model, loaded once, and pictures to read, paint and write."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from stylize_cli import encoders, engines, files, headers, images, models, paths, stores, tables
from stylize_cli.encoders import Depth, Samples
from stylize_cli.engines import Pixels, Precision
from stylize_cli.errors import StylizeError
from stylize_cli.methods import apply, strokes
from stylize_cli.methods.apply import Look, Photo, Result
from stylize_cli.methods.strokes import Stroked


@dataclass(frozen=True)
class Order:
    """A picture to paint.

    Attributes:
        input: what to call it.
        file: path or address of what holds it.
        outputs: path or address for every style.
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


@dataclass(frozen=True)
class Commission:
    """What all workers do.

    Attributes:
        model: bytes of the model file.
        look: what to make of every picture.
        device: of the workers, auto or as `engines.open_model` knows it.
        precision: likewise.
        strokes: how many times as large they are as the model's own.
        cores: of the CPU, for each worker.
        memory: bytes that a worker may take; None is what is free.
        quality: of JPEG and WebP.
        depth: bits a channel.
        keeps_metadata: whether the photos' are written with the results.
        overwrites: whether results that are there are made anew; else they are left alone.
        table: folder of parquet files that take the results in place of a file each, or "".
        made: results that are in that folder.
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
    overwrites: bool = False
    table: str = ""
    made: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Report:
    """What became of one result.

    Attributes:
        input: its picture.
        output: where it is.
        style: that it is painted in, or "".
        width: px; 0 where it was not made.
        height: px.
        seconds: of work on it.
        error: why it was not made, or "".
        note: of the picture ("first of 12 frames"), or "".
        was_there: whether it was found finished.
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
    was_there: bool = False
    device: str = ""
    precision: str = ""
    engine: str = ""


class Painter:
    """A worker: the model, loaded once, and what to do with a chunk of orders.

    Args:
        job: what to do.
        cores: of the CPU.
        device: that it has.
    """

    def __init__(self, job: Commission, cores: int, device: str) -> None:
        self.job = job
        name = f"{hashlib.sha256(job.model).hexdigest()[:32]}.pt"
        file = paths.cache_dir() / "farm" / name
        if not file.exists():
            files.write(file, job.model)
        opened = partial(engines.open_model, device=device, precision=job.precision, threads=cores)
        self.engine = opened(file)
        if job.strokes != 1:
            upscaler = opened(models.find(strokes.UPSCALER))
            self.engine = Stroked(self.engine, upscaler, job.strokes)

    def __call__(self, table: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Paints the orders of a table, and gives their reports as another."""
        import pyarrow  # noqa: PLC0415 - an extra

        reports = self.paint([Order(**row) for row in table.to_pylist()])
        return pyarrow.Table.from_pylist([asdict(one) for one in reports])

    def paint(self, chunk: Sequence[Order]) -> list[Report]:
        """Paints pictures, and says what became of every result."""
        easels = [_Easel(self.job, order) for order in chunk]
        waiting = [easel for easel in easels if not easel.is_done]
        reports = [report for easel in easels for report in easel.found()]
        if waiting and chunk[0].group >= 0:
            try:
                held = tables.group(chunk[0].file, chunk[0].group)
            except StylizeError as error:
                return reports + [one for easel in waiting for one in easel.failed(str(error))]
            for easel in waiting:
                easel.data = held[easel.order.row]
        at_work = {id(easel.photo): easel for easel in waiting}
        photos, room = (
            (easel.photo for easel in waiting),
            engines.room(self.engine, self.job.memory),
        )
        for result in apply.apply(self.engine, photos, self.job.look, room=room):
            reports += at_work[id(result.photo)].reports(result, self.engine)
        return self._filed(waiting, reports) if self.job.table else reports

    def _filed(self, easels: Sequence["_Easel"], reports: list[Report]) -> list[Report]:
        """Writes a chunk's results into a file named after them: done anew, it is the same file."""
        rows = [row for easel in easels for row in easel.rows()]
        if not rows:
            return reports
        names = "\0".join(row["path"] for row in rows)
        name = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        try:
            tables.write(f"{self.job.table}/{name}{tables.SUFFIX}", rows)
        except StylizeError as error:
            lost = {row["path"] for row in rows}
            return [
                replace(one, error=str(error)) if one.output in lost else one for one in reports
            ]
        return reports


class _Easel:
    """One order on its way: where its results go, and what of them is there already."""

    def __init__(self, job: Commission, order: Order) -> None:
        self.job, self.order = job, order
        self.data: bytes | None = None  # of the picture, where it lies in a parquet file
        self.exif = b""
        self.encoded: dict[str, bytes] = {}  # for a parquet file
        self.made = {output for output in order.outputs if self._is_there(output)}
        self.photo = Photo(order.input, self._read, self._save)

    def _is_there(self, output: str) -> bool:
        if self.job.overwrites:
            return False
        try:
            return output in self.job.made if self.job.table else stores.exists(output)
        except StylizeError:  # a store that does not answer is told of when it is written to
            return False

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return len(self.made) == len(self.order.outputs)

    def _read(self) -> bytes:
        data = stores.read(self.order.file) if self.data is None else self.data
        self.exif = headers.metadata(data) if self.job.keeps_metadata else b""
        return data

    def _save(self, style: str | None, pixels: Pixels | Samples) -> None:
        output = self._output(style)
        if output in self.made:
            return
        kind, job = images.format_of(Path(output)), self.job
        data = encoders.encode(pixels, kind, quality=job.quality, depth=job.depth, exif=self.exif)
        if job.table:
            self.encoded[output] = data
        else:
            stores.write(output, data)

    def _output(self, style: str | None) -> str:
        return self.order.outputs[self.job.look.styles.index(style)]

    def found(self) -> list[Report]:
        """What was there."""
        named = zip(self.job.look.styles, self.order.outputs, strict=True)
        return [
            Report(self.order.input, output, style or "", was_there=True)
            for style, output in named
            if output in self.made
        ]

    def failed(self, reason: str) -> list[Report]:
        """All that was not there."""
        named = zip(self.job.look.styles, self.order.outputs, strict=True)
        return [
            Report(self.order.input, output, style or "", error=reason)
            for style, output in named
            if output not in self.made
        ]

    def reports(self, result: Result, engine: engines.Engine) -> list[Report]:
        """What became of a result; of a picture that cannot be read, of all."""
        if result.error and result.style is None:
            return self.failed(result.error)
        output, (height, width) = self._output(result.style), result.size
        if output in self.made:
            return []
        return [
            Report(
                self.order.input,
                output,
                result.style or "",
                width,
                height,
                result.seconds,
                result.error,
                result.note,
                device=engine.device,
                precision=engine.precision,
                engine=engine.name,
            )
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Its results, for a parquet file."""
        return [
            {"path": output, "bytes": self.encoded[output], "input": self.order.input}
            for output in self.order.outputs
            if output in self.encoded
        ]
