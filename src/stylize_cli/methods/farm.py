"""A feed-forward net over many pictures on the machines of a Ray cluster; Ray is an extra.

Ray Data hands out chunks of orders to a pool of workers (`painter`), and hands out again what a
lost machine had. Between the machines go names and reports, no pictures.
"""

import logging
import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby, islice
from typing import Any

from stylize_cli.errors import StylizeError
from stylize_cli.methods.painter import Commission, Order, Painter, Report

CHUNK = 32  # pictures that are handed out, and handed out again, together
CORES = 4  # of a worker
ATTEMPTS = 8  # times that a chunk is handed out again before its pictures count as failed

# Threads that wait asleep, whoever else computes there; and nothing is sent to Ray's makers.
SURROUNDINGS = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def chunks(orders: Iterable[Order]) -> Iterator[list[Order]]:
    """Orders as they are handed out: a few files, or a row group of a parquet file."""
    for (_, group), alike in groupby(orders, key=lambda one: (one.table, one.group)):
        most = CHUNK if group < 0 else None
        while chunk := list(islice(alike, most)):
            yield chunk


def run(job: Commission, orders: Iterable[Order], address: str | None) -> Iterator[Report]:
    """Paints pictures on a cluster.

    Args:
        job: what to do.
        orders: the pictures, listed before the first is painted.
        address: of the cluster; None is RAY_ADDRESS or, without it, this machine.

    Yields:
        What became of each result, in the order in which they are done, each once.

    Raises:
        StylizeError: Ray is not installed, or there is no cluster.
    """
    with _cluster(address) as ray:
        handed_out = [_as_table(chunk) for chunk in chunks(orders)]
        if not handed_out:
            return
        gpus = ray.cluster_resources().get("GPU", 0) if job.device != "cpu" else 0
        cores, most = _shares(ray.nodes(), job.cores, int(gpus))
        dataset = ray.data.from_arrow(handed_out).map_batches(
            Painter,
            fn_constructor_args=(
                job,
                cores,
                "cuda" if gpus and job.device == "auto" else job.device,
            ),
            batch_format="pyarrow",
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most),
            num_cpus=cores,
            num_gpus=1 if gpus else 0,
            max_task_retries=ATTEMPTS,
        )
        told: set[str] = set()
        for row in dataset.iter_rows():
            report = Report(**row)
            told.add(report.output)
            yield report
        yield from _lost(handed_out, told)


def _as_table(chunk: Sequence[Order]) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow  # noqa: PLC0415 - an extra

    return pyarrow.Table.from_pylist([asdict(order) for order in chunk])


def _lost(handed_out: Sequence[Any], told: set[str]) -> Iterator[Report]:
    """What no worker has reported: with such a picture, or one beside it, each ended."""
    for table in handed_out:
        for order in table.to_pylist():
            for output in order["outputs"]:
                if output not in told:
                    why = "its worker ended again and again: try it by itself"
                    yield Report(order["input"], output, error=why)


def _shares(nodes: Sequence[Mapping[str, Any]], cores: int | None, gpus: int) -> tuple[int, int]:
    """The cores of a worker, and how many workers there is room for."""
    there = [int(node["Resources"].get("CPU", 0)) for node in nodes if node["Alive"]]
    there = [one for one in there if one] or [1]
    cores = cores or min(CORES, min(there))
    most = max(1, sum(one // cores for one in there))
    return cores, min(most, gpus) if gpus else most


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected; left again at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to its makers
    try:
        import ray  # noqa: PLC0415 - an extra
        import ray.data  # noqa: PLC0415
    except ImportError:
        raise StylizeError(
            "--engine ray needs an extra: pip install 'stylize-cli[ray]', on every machine"
        ) from None
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": SURROUNDINGS},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise StylizeError(
            f"there is no Ray cluster at {address} ({reason}): start one with ray start --head"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a chunk that ends its workers does not stop the others
    try:
        signal.signal(signal.SIGTERM, before)  # Ray's own leaves without a word
        yield ray
    finally:
        ray.shutdown()
