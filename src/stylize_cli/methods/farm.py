"""A feed-forward net over many pictures on the machines of a Ray cluster; Ray is an extra.

Ray Data hands out chunks of orders to a pool of workers (`painter`), and hands out again what a
lost machine had. Between the machines go names and reports, no pictures.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib.util import find_spec
from itertools import groupby, islice
from typing import Any

from stylize_cli import waiting
from stylize_cli.errors import StylizeError, first_line
from stylize_cli.methods.commission import Commission, Order, Report, as_table, failed
from stylize_cli.methods.painter import Painter, Place

CHUNK = 32  # pictures that are handed out, and handed out again, together
CORES = 4  # of a worker
ATTEMPTS = 2  # times that a chunk is handed out again before its pictures go out in smaller ones

ENDED = "its worker ended again and again, for want of memory perhaps: try it by itself"


def check_installed() -> None:
    """Raises `StylizeError` where Ray is not installed."""
    if not all(find_spec(name) for name in ("ray", "pyarrow", "fsspec")):
        raise StylizeError(
            "--engine ray needs an extra: pip install 'stylize-cli[ray]', on every machine"
        )


def chunks(orders: Iterable[Order]) -> Iterator[list[Order]]:
    """Orders as they are handed out: a few files, or a row group of a parquet file."""
    for (_, group), alike in groupby(orders, key=lambda one: (one.table, one.group)):
        yield from _cut(alike, CHUNK if group < 0 else None)


def _cut(orders: Iterable[Order], most: int | None) -> Iterator[list[Order]]:
    left = iter(orders)
    while chunk := list(islice(left, most)):
        yield chunk


def run(job: Commission, orders: Iterable[Order], address: str | None) -> Iterator[Report]:
    """Paints pictures on a cluster.

    A chunk whose worker ends again and again, by a crash or for want of memory, is cut into smaller
    ones, down to the picture that ends it: the others are painted.

    Args:
        job: what to do.
        orders: the pictures, listed before the first is painted.
        address: of the cluster; None is RAY_ADDRESS or, without it, this machine.

    Yields:
        What became of each result, in the order in which they are done, each once.

    Raises:
        StylizeError: there is no cluster, or it has not what is asked for.
    """
    with _cluster(address) as ray:
        place, most = places(ray.nodes(), job)
        out = list(chunks(orders))
        while out:
            lost = dict(enumerate(out))
            for row in _painted(ray, out, job, place, most):
                lost.pop(row["chunk"], None)
                yield Report(**json.loads(row["row"]))
            yield from (failed(chunk[0], ENDED) for chunk in lost.values() if len(chunk) == 1)
            out = [
                smaller
                for chunk in lost.values()
                if len(chunk) > 1
                for smaller in _cut(chunk, CHUNK if len(chunk) > CHUNK else 1)
            ]


def _painted(
    ray: Any,  # noqa: ANN401 - the module
    out: Sequence[Sequence[Order]],
    job: Commission,
    place: Place,
    most: int,
) -> Iterator[dict[str, Any]]:
    """The reports of chunks, all or none of each, with its number as "chunk"."""
    tables = [as_table(chunk, number) for number, chunk in enumerate(out)]
    most = min(most, len(tables))
    place = replace(place, beside=min(place.beside, most))  # those that are there share the memory
    dataset = ray.data.from_arrow(tables).map_batches(
        Painter,
        fn_constructor_args=(job, place),
        batch_format="pyarrow",
        batch_size=None,
        # One at a time: what waits for a worker is lost with it, and would be blamed too.
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=1
        ),
        num_cpus=place.cores,
        num_gpus=int(place.device == "cuda"),
        ray_remote_args_fn=lambda: {"max_task_retries": ATTEMPTS},
    )
    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayError as error:
        reason = str(error).strip().rpartition("\n")[2].rpartition("StylizeError: ")[2]
        raise StylizeError(f"the cluster's workers do not start or end ({reason})") from error


def places(nodes: Sequence[Mapping[str, Any]], job: Commission) -> tuple[Place, int]:
    """What each worker has, and how many workers there is room for.

    Args:
        nodes: what Ray says of every machine.
        job: what the workers are to have.

    Raises:
        StylizeError: no machine has so many cores, or a GPU.
    """
    there = [node["Resources"] for node in nodes if node["Alive"]]
    cpus = [int(one.get("CPU", 0)) for one in there if one.get("CPU", 0) >= 1] or [1]
    gpus = int(sum(one.get("GPU", 0) for one in there)) if job.device != "cpu" else 0
    cores = job.cores or min(CORES, *cpus)
    if cores > max(cpus):
        raise StylizeError(
            f"no machine of the cluster has {cores} cores: give --threads {max(cpus)} or fewer"
        )
    if job.device == "cuda" and not gpus:
        raise StylizeError("the cluster has no GPU: leave out --device cuda")
    most = max(1, sum(one // cores for one in cpus))
    place = Place(cores, "cuda" if gpus else "cpu", beside=max(cpus) // cores)
    return place, min(most, gpus) if gpus else most


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected; left again at the end."""
    check_installed()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to its makers
    import ray  # noqa: PLC0415 - an extra
    import ray.data  # noqa: PLC0415

    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": waiting.said()},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        place = address or "RAY_ADDRESS"
        raise StylizeError(
            f"there is no Ray cluster at {place} ({first_line(error)}): start one with ray start "
            "--head"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a chunk that ends its workers does not stop the others
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # all that they say is told here
    try:
        signal.signal(signal.SIGTERM, before)  # Ray's own leaves without a word
        yield ray
    finally:
        with redirect_stdout(sys.stderr):  # where it says what it has not said yet
            ray.shutdown()
