"""Many pictures on a Ray cluster: what it may do, and what is told of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stylize_cli.cli import batches, inputs, orders, reports, streams, styles
from stylize_cli.cli.admission import BLOCK
from stylize_cli.cli.batches import Batch
from stylize_cli.cli.console import INTERRUPTED, Console
from stylize_cli.cli.inputs import STDIO
from stylize_cli.cli.outlets import SHEET
from stylize_cli.cli.styles import Chosen
from stylize_cli.errors import StylizeError, counted
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.methods.commission import Commission, Order, Report
    from stylize_cli.methods.look import Look

NAMED = 10  # failures that are named once more at the end
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster, what its workers have, and where their results go.

    Attributes:
        address: of the cluster; None is RAY_ADDRESS's, or one that is started here.
        device: of a worker.
        cores: likewise, of the CPU; None is the usual.
        memory: likewise, in bytes; None is its part of what is free.
        place: folder of the results.
        is_table: whether parquet files in it take them.
    """

    address: str | None
    device: str
    cores: int | None
    memory: int | None
    place: str
    is_table: bool


def cluster(
    address: str | None, device: str, cores: int | None, memory: int | None, batch: Batch
) -> Cluster:
    """The cluster that the options describe.

    Raises:
        StylizeError: Ray is missing, or an option asks for what a cluster does not do.
    """
    from stylize_cli import stores
    from stylize_cli.methods import farm

    if STDIO in batch.sources:
        raise StylizeError("--engine ray reads no stdin: name files, folders or addresses")
    if device not in DEVICES:
        raise StylizeError(
            f"--device {device} is one machine's: with --engine ray give auto, cpu or cuda, of "
            "which every worker gets one"
        )
    farm.check_installed()
    place, is_table = _target(batch.output)
    if is_table and batch.overwrites and stores.is_folder(place):
        raise StylizeError(
            f"--overwrite replaces files, not rows of a table: remove {batch.output}, or name "
            "another with -o"
        )
    return Cluster(address, device, cores, memory, place, is_table)


def _target(output: str | None) -> tuple[str, bool]:
    """The folder that -o names, and whether parquet files are to take the results.

    Raises:
        StylizeError: it names none.
    """
    from stylize_cli import images, stores, tables

    if output in (None, STDIO):
        raise StylizeError("--engine ray writes into a folder: give -o a path or an address")
    place = stores.absolute(output).rstrip("/")
    if place.lower().endswith(tables.SUFFIX):
        return place, True
    if Path(place).suffix.lower() in images.FORMATS:
        raise StylizeError(f"-o {output} is one file: name a folder, which every machine sees")
    return place, False


def run(
    cluster: Cluster, net: "Network", look: "Look", chosen: Chosen, batch: Batch, console: Console
) -> bool:
    """Paints pictures on a cluster, and tells of the results as they come; whether any failed.

    Args:
        cluster: where.
        net: the model.
        look: what to make of every picture.
        chosen: the styles.
        batch: the pictures.
        console: told of all.

    Raises:
        StylizeError: there is no cluster, no picture, or an input would be overwritten.
    """
    from stylize_cli import files
    from stylize_cli.methods.commission import Commission

    net.with_strokes(batch.strokes)  # refuses what cannot be
    left = _left(cluster, chosen, batch, console)
    first = list(islice(left, BLOCK))
    if not first:
        return False
    if chosen.unseen:
        without = "none of the pictures can be read: check them"
        photos = _readable(first)
        net, look = styles.learnt(net, look, chosen.unseen, photos, console, without=without)
    job = Commission(
        model=files.contents(net.model),
        look=look,
        device=cluster.device,
        precision=net.opening.precision,
        strokes=batch.strokes,
        cores=cluster.cores,
        memory=cluster.memory,
        quality=batch.quality,
        depth=batch.depth,
        keeps_metadata=batch.keeps_metadata,
        table=cluster.place if cluster.is_table else "",
    )
    total = sum(map(_wanted, first)) if len(first) < BLOCK else None
    return _run(job, chain(first, left), total, cluster.address, console)


def _readable(left: "Iterable[Order]") -> Iterator[bytes]:
    """What pictures hold, of those that can be opened: the others fail in their turn."""
    for order in left:
        with suppress(StylizeError):
            yield order.contents()


def _left(cluster: Cluster, chosen: Chosen, batch: Batch, console: Console) -> "Iterator[Order]":
    """The pictures of this share some result of which is to be made, as they are found.

    Raises:
        StylizeError: there is no picture at all, or what was made would be lost.
    """
    from stylize_cli import stores, tables

    place, is_table = cluster.place, cluster.is_table
    is_there: Callable[[str], bool] = frozenset[str]().__contains__
    if batch.overwrites:
        stores.check_bucket(place)
    else:
        is_there = tables.present(place) if is_table else stores.present(place)
    labels = [*chosen.labels, *[SHEET] * batch.has_sheet]
    tags = batches.said(labels, labelled=chosen.are_some)
    found = orders.found(
        batch.sources, place, tags, console,
        is_table=is_table, depth=batch.depth, painting=chosen.unseen,
    )  # fmt: skip
    skipped = 0
    for order in islice(found, batch.share[0], None, batch.share[1]):
        kept = replace(order, outputs=["" if is_there(one) else one for one in order.outputs])
        skipped += len(kept.outputs) - _wanted(kept)
        if any(kept.outputs):
            yield kept
    if skipped:
        console.say(f"skipped: {counted(skipped, 'result')} there already")


def _wanted(order: "Order") -> int:
    """How many of a picture's results are to be made."""
    return sum(map(bool, order.outputs))


def _run(
    job: "Commission",
    left: "Iterable[Order]",
    total: int | None,
    address: str | None,
    console: Console,
) -> bool:
    """Paints pictures on a cluster, and tells of the results as they come; whether any failed.

    Raises:
        StylizeError: there is no cluster, it fails, or an input would be overwritten.
    """
    from stylize_cli.methods import farm

    failures: list[str] = []
    written = 0
    # Ray's threads print what they hear of other machines.
    with streams.own_stdout(), console.progress("Applying") as on_step:
        try:
            for done, report in enumerate(farm.run(job, left, address), 1):
                on_step(Step("Applying", done, total))
                if report.error:
                    failures.append(report.input)
                    console.failure(report.input, report.error, report.output)
                else:
                    written += 1
                    _tell(report, console)
        except KeyboardInterrupt:
            known = reports.count(written, total)
            console.say(
                f"interrupted: {known} written; the same command, without --overwrite, goes on"
            )
            raise typer.Exit(INTERRUPTED) from None
        except StylizeError:
            if written or failures:
                _sum_up(written, failures, console)
            raise
    _sum_up(written, failures, console)
    return bool(failures)


def _sum_up(written: int, failures: Sequence[str], console: Console) -> None:
    """Counts results, and names the pictures that failed, each once: a person looks at the end."""
    console.say(f"{counted(written, 'result')} written, {len(failures)} failed")
    names = list(dict.fromkeys(failures))
    for name in names[:NAMED]:
        console.say(f"failed: {name}")
    if len(names) > NAMED:
        console.say(f"and {len(names) - NAMED} more")


def _tell(report: "Report", console: Console) -> None:
    if report.note:
        console.say(f"{inputs.stem(report.input)}: {report.note}")
    console.result({**reports.of_worker(report), "input": report.input})
    if console.screen:
        from stylize_cli import stores
        from stylize_cli.api.picture import Picture

        console.screen.show(Picture(stores.read(report.output)).floats)
