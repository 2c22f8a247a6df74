"""Many pictures on a Ray cluster: what is painted, where it goes, and what is told of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from stylize_cli import paths
from stylize_cli.cli import batches, inputs, streams, styles
from stylize_cli.cli.batches import Batch
from stylize_cli.cli.console import Console
from stylize_cli.cli.inputs import STDIO
from stylize_cli.cli.styles import Chosen
from stylize_cli.errors import StylizeError, counted
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.encoders import Depth
    from stylize_cli.methods.apply import Look
    from stylize_cli.methods.painter import Commission, Order, Report

NAMED = 10  # failures that are named once more at the end


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster, what its workers have, and where their results go.

    Attributes:
        address: of the cluster; None is RAY_ADDRESS's, or one that is started here.
        place: folder of the results.
        is_table: whether parquet files in it take them.
        device: of a worker.
        cores: likewise, of the CPU; None is the usual.
        memory: likewise, in bytes; None is what is free.
    """

    address: str | None
    place: str
    is_table: bool
    device: str
    cores: int | None
    memory: int | None


@dataclass(frozen=True)
class Found:
    """A picture: a file, or a row of a parquet file (`methods.painter.Order`)."""

    input: str
    file: str
    group: int = -1
    row: int = 0


def check_address(address: str | None, engine: str) -> None:
    """Raises `StylizeError` where a cluster is named for another engine."""
    if address and engine != "ray":
        raise StylizeError("--address is that of a Ray cluster: give --engine ray with it")


def target(output: str | None) -> tuple[str, bool]:
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


def orders(
    sources: Sequence[str],
    place: str,
    tags: Sequence[str],
    console: Console,
    *,
    is_table: bool,
    depth: "Depth",
) -> "Iterator[Order]":
    """The pictures in files, folders, globs, parquet files and addresses, and where each goes.

    Args:
        sources: where they are.
        place: folder of the results, which holds no inputs.
        tags: what the name is to say of each result.
        console: told of what is left out.
        is_table: whether parquet files take the results, under their names alone.
        depth: bits a channel.

    Raises:
        StylizeError: there is none, or an input would be overwritten.
    """
    from stylize_cli.methods.painter import Order

    labelled = {str(number): tag for number, tag in enumerate(tags)}
    folders = [f"{_root(source)}/" for source in sources]
    apart = tuple(folder for folder in folders if not place.startswith(folder))
    own = f"{place}/" if len(apart) < len(folders) else None  # in an input folder: no input
    pictures = (
        (found, name)
        for found, name in _pictures(sources, console)
        if not (own and found.file.startswith(own))
    )
    for found, results in batches.named(pictures, labelled, depth):
        outputs = [path.as_posix() for path in results.values()]
        if not is_table:
            outputs = [f"{place}/{output}" for output in outputs]
            if found.file in outputs or any(output.startswith(apart) for output in outputs):
                raise StylizeError(
                    f"inputs lie in {place} and would be overwritten: name another folder with -o"
                )
        yield Order(found.input, found.file, outputs, found.group, found.row)


def _root(source: str) -> str:
    from stylize_cli import stores

    return stores.absolute(source).rstrip("/")


def _pictures(sources: Sequence[str], console: Console) -> Iterator[tuple[Found, Path]]:
    """The pictures, each once, and the place of each below the output folder."""
    from stylize_cli import stores, tables

    met = batches.Names()
    for source in sources:
        if source == STDIO:
            raise StylizeError("--engine ray reads no stdin: name files, folders or addresses")
        root, is_empty = _root(source), True
        files: Iterator[tuple[str, Path]]
        if stores.is_folder(root):
            suffixes = (*paths.readable_suffixes(), tables.SUFFIX)
            files = ((f"{root}/{name}", Path(name)) for name in stores.inside(root, suffixes))
        elif stores.is_address(root):
            files = iter([(root, Path(PurePosixPath(root).name))])
        else:
            files = (
                (stores.absolute(file), Path(Path(file).name))
                for _, file in inputs.found([source], console)
            )
        for file, name in files:
            is_empty = False
            if met.add(file):
                yield from _within(file, name)
        if is_empty:
            raise StylizeError(f"there are no pictures in {source}: check the path")


def _within(file: str, name: Path) -> Iterator[tuple[Found, Path]]:
    """A file that is a picture, or the pictures that it holds."""
    from stylize_cli import tables

    if name.suffix.lower() != tables.SUFFIX:
        yield Found(file, file), name
        return
    for group, row, inner in tables.names(file):
        # Whatever a stranger's table says, it leads to no other folder.
        parts = [part for part in PurePosixPath(inner).parts if part not in ("/", "..")]
        yield Found(f"{file}/{inner}", file, group, row), name.parent.joinpath(*parts)


def run(
    cluster: Cluster,
    net: "Network",
    look: "Look",
    chosen: Chosen,
    batch: Batch,
    console: Console,
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
    from stylize_cli import files, tables
    from stylize_cli.methods.painter import Commission

    if chosen.unseen:
        net = styles.learnt(net, chosen.unseen, batch.sources, console)
        look = replace(look, styles=net.styles)
    net.with_strokes(batch.strokes)  # refuses what cannot be
    place, is_table = cluster.place, cluster.is_table
    job = Commission(
        files.contents(net.model),
        look,
        cluster.device,
        net.opening.precision,
        batch.strokes,
        cluster.cores,
        cluster.memory,
        batch.quality,
        batch.depth,
        batch.keeps_metadata,
        batch.overwrites,
        place if is_table else "",
        tables.written(place) if is_table and not batch.overwrites else frozenset(),
    )
    tags = chosen.labels if chosen.are_some else [""]
    found = orders(batch.sources, place, tags, console, is_table=is_table, depth=batch.depth)
    return _run(job, found, cluster.address, console, share=batch.share)


def _run(
    job: "Commission",
    found: "Iterator[Order]",
    address: str | None,
    console: Console,
    *,
    share: tuple[int, int],
) -> bool:
    """Paints pictures on a cluster, and tells of the results as they come; whether any failed.

    Args:
        job: what to do.
        found: the pictures.
        address: of the cluster, or None.
        console: told of all.
        share: number of the first picture that is wanted, and from one to the next.

    Raises:
        StylizeError: there is no cluster.
    """
    from stylize_cli.methods import farm

    wanted = list(islice(found, share[0], None, share[1]))
    total = sum(len(order.outputs) for order in wanted)
    failures: list[Report] = []
    written = old = 0
    # Ray's threads print what they hear of other machines.
    with streams.own_stdout(), console.progress("Applying") as on_step:
        try:
            for done, report in enumerate(farm.run(job, wanted, address), 1):
                on_step(Step("Applying", done, total))
                if report.error:
                    failures.append(report)
                    console.failure(report.input, report.error, report.output)
                elif report.was_there:
                    old += 1
                else:
                    written += 1
                    _tell(report, console)
        except KeyboardInterrupt:
            console.say(
                f"interrupted: {written} of {counted(total, 'result')} written; the same "
                "command goes on"
            )
            raise
    if old:
        console.say(f"skipped: {old} that are there already")
    console.say(f"{counted(written, 'result')} written, {len(failures)} failed")
    for report in failures[:NAMED]:
        console.say(f"failed: {report.input}")
    if len(failures) > NAMED:
        console.say(f"and {len(failures) - NAMED} more")
    return bool(failures)


def _tell(report: "Report", console: Console) -> None:
    record = {
        "output": report.output,
        "width": report.width,
        "height": report.height,
        "seconds": round(report.seconds, 3),
        "device": report.device,
        "precision": report.precision,
        "engine": report.engine,
    }
    if report.note:
        console.say(f"{inputs.stem(report.input)}: {report.note}")
    style = {"style": report.style} if report.style else {}
    console.result({**record, **style, "input": report.input})
