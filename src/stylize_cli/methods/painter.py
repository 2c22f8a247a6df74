"""A worker of a cluster: the model, loaded once, and pictures to read, paint and write."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from stylize_cli import encoders, engines, files, headers, images, models, paths, stores, tables
from stylize_cli.arrays import Pixels, Samples, size_of
from stylize_cli.engines import Engine
from stylize_cli.errors import StylizeError
from stylize_cli.methods import apply, strokes
from stylize_cli.methods.apply import Photo, Result
from stylize_cli.methods.commission import Commission, Order, Report, failed
from stylize_cli.methods.contact import Contact
from stylize_cli.methods.strokes import Stroked


@dataclass(frozen=True)
class Place:
    """What a worker has.

    Attributes:
        cores: of the CPU.
        device: that it paints on, as `engines.open_model` knows it.
        beside: how many workers share the machine's memory.
    """

    cores: int
    device: str
    beside: int = 1


class Painter:
    """A worker: the model, loaded once, and what to do with a chunk of orders.

    Args:
        job: what to do.
        place: what it has.
    """

    def __init__(self, job: Commission, place: Place) -> None:
        self.job, self.place = job, place
        name = f"{hashlib.sha256(job.model).hexdigest()[:32]}.pt"
        file = paths.cache_dir() / "farm" / name
        if not file.exists():
            files.write(file, job.model)
        opened = partial(
            engines.open_model, device=place.device, precision=job.precision, threads=place.cores
        )
        self.engine: Engine = opened(file)
        if job.strokes != 1:
            upscaler = opened(models.find(strokes.UPSCALER))
            self.engine = Stroked(self.engine, upscaler, job.strokes)

    def attempt(self, chunk: Sequence[Order]) -> list[Report] | None:
        """As `paint`; what nobody foresaw is a report where it is one picture's, and else None."""
        try:
            return self.paint(chunk)
        except Exception as error:
            if len(chunk) > 1:  # it is handed out again, picture by picture
                return None
            return [failed(chunk[0], f"{type(error).__name__}: {error}")]

    def paint(self, chunk: Sequence[Order]) -> list[Report]:
        """Paints pictures, and says what became of every result."""
        easels = [_Easel(self.job, self.engine, order) for order in chunk]
        if chunk[0].table:
            try:
                rows = {order.row for order in chunk}
                held = tables.pictures(chunk[0].file, chunk[0].group, rows)
            except StylizeError as error:
                return [failed(order, str(error)) for order in chunk]
            for easel in easels:
                easel.data = held[easel.order.row]
        at_work = {id(easel.photo): easel for easel in easels}
        photos = (easel.photo for easel in easels)
        results = apply.apply(self.engine, photos, self.job.look, room=self._room())
        reports = [one for result in results for one in at_work[id(result.photo)].reports(result)]
        return self._filed(easels, reports) if self.job.table else reports

    def _room(self) -> int:
        """Bytes that the work may take; of free memory a part, for others take theirs."""
        room, is_shared = engines.room(self.engine, self.job.memory), self.job.memory is None
        return room // self.place.beside if is_shared and self.engine.device == "cpu" else room

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
    """One order on its way."""

    def __init__(self, job: Commission, engine: Engine, order: Order) -> None:
        self.job, self.engine, self.order = job, engine, order
        self.data: bytes | None = None  # of the picture, where it lies in a parquet file
        self.exif = b""
        self.encoded: dict[str, bytes] = {}  # for a parquet file
        self.photo = Photo(order.input, self._read, self._save)
        styles = job.look.styles
        self.outputs = dict(zip(styles, order.outputs, strict=False))
        self.sheet = "".join(order.outputs[len(styles) :])
        self.contact = Contact()

    def _read(self) -> bytes:
        data = stores.read(self.order.file) if self.data is None else self.data
        self.exif = headers.metadata(data) if self.job.keeps_metadata else b""
        return data

    def _save(self, style: str | None, pixels: Pixels | Samples) -> None:
        if output := self.outputs[style]:
            self._write(output, pixels)
        if self.sheet:
            self.contact.add(str(style), pixels)

    def _write(self, output: str, pixels: Pixels | Samples) -> None:
        kind, job = images.format_of(Path(output)), self.job
        data = encoders.encode(pixels, kind, quality=job.quality, depth=job.depth, exif=self.exif)
        if job.table:
            self.encoded[output] = data
        else:
            stores.write(output, data)

    def reports(self, result: Result) -> Iterator[Report]:
        """What became of a result, and behind the last of the sheet."""
        style = result.style
        if result.error and style not in self.outputs:  # it could not be read
            yield failed(self.order, result.error)
            return
        # The sheet lacks what failed, also where the result itself is there from before.
        if output := self.outputs[style] or (self.sheet if result.error else ""):
            report = self._report(output, result.size, result.seconds)
            note, error = result.note, result.error
            yield replace(report, style=style or "", error=error, note=note)
        if self.sheet and self.contact.small and style == self.job.look.styles[-1]:
            yield self._hung()

    def _hung(self) -> Report:
        """Writes the sheet."""
        began, drawn = time.perf_counter(), self.contact.drawn(self.job.look.styles)
        try:
            self._write(self.sheet, drawn)
        except StylizeError as error:
            return Report(self.order.input, self.sheet, error=str(error))
        size = size_of(drawn)
        return self._report(self.sheet, size, time.perf_counter() - began)

    def _report(self, output: str, size: tuple[int, int], seconds: float) -> Report:
        engine = self.engine
        return Report(
            self.order.input,
            output,
            width=size[1],
            height=size[0],
            seconds=seconds,
            device=engine.device,
            precision=engine.precision,
            engine=engine.name,
        )

    def rows(self) -> list[dict[str, Any]]:
        """Its results, for a parquet file."""
        return [
            {"path": output, "bytes": self.encoded[output], "input": self.order.input}
            for output in self.order.outputs
            if output in self.encoded
        ]
