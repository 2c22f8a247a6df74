"""A feed-forward net over many pictures on the machines of a Ray cluster; Ray is an extra.

Chunks of orders go to a pool of Ray's actors (`painter`), one to each at a time; for one that ends
another is hired, and what it had is handed out again. Between the machines go names and reports, no
pictures. Not Ray Data: that wants all chunks listed before the first is handed out.
"""

import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain, groupby, islice
from typing import Any, NamedTuple

from stylize_cli import waiting
from stylize_cli.errors import StylizeError, first_line
from stylize_cli.methods.commission import Commission, Order, Report, failed
from stylize_cli.methods.painter import Painter, Place

CHUNK = 32  # pictures that are handed out, and handed out again, together
CORES = 4  # of a worker
ATTEMPTS = 2  # times that a chunk is handed out again before its pictures go out one by one

ENDED = "its worker ended again and again, for want of memory perhaps: try it by itself"


def check_installed() -> None:
    """Raises `StylizeError` where Ray is not installed."""
    if not all(find_spec(name) for name in ("ray", "pyarrow", "fsspec")):
        raise StylizeError(
            "--engine ray needs an extra: pip install 'stylize-cli[ray]', on every machine"
        )


def chunks(orders: Iterable[Order]) -> Iterator[list[Order]]:
    """Orders as they are handed out: a few files, or a few rows of a parquet file's row group."""
    for _, alike in groupby(orders, key=lambda one: (one.table, one.group)):
        while chunk := list(islice(alike, CHUNK)):
            yield chunk


def run(job: Commission, orders: Iterable[Order], address: str | None) -> Iterator[Report]:
    """Paints pictures on a cluster.

    A chunk whose worker ends again and again, by a crash or for want of memory, goes out picture by
    picture: all are painted but the one that ends it.

    Args:
        job: what to do.
        orders: the pictures, asked for as workers are free for them.
        address: of the cluster; None is RAY_ADDRESS or, without it, this machine.

    Yields:
        What became of each result, in the order in which they are done, each once.

    Raises:
        StylizeError: there is no cluster, it has not what is asked for, or it fails.
    """
    with _cluster(address) as ray:
        place, most = places(ray.nodes(), job)
        out = chunks(orders)
        first = list(islice(out, most))
        # Those that are there share the memory.
        place = replace(place, beside=min(place.beside, len(first)))
        try:
            crew = _Crew(ray, job, place)
            for _ in first:
                crew.hire()
            yield from _painted(crew, chain(first, out))
        except ray.exceptions.RayError as error:
            raise StylizeError(
                f"the cluster fails ({first_line(error)}): see ray status, or start it anew; the "
                "same command, without --overwrite, goes on"
            ) from error


class _Task(NamedTuple):
    """Orders that are handed out together, and how many workers have ended at them."""

    orders: list[Order]
    ends: int = 0

    def again(self, *, ended: bool) -> list["_Task"]:
        """How they go out again: as they are, then one by one; a lone picture not at all."""
        if ended and self.ends < ATTEMPTS:
            return [self._replace(ends=self.ends + 1)]
        if len(self.orders) == 1:
            return []
        return [_Task([order]) for order in self.orders]


class _Crew:
    """The workers of a cluster, each with one task at a time.

    What waited for a worker would be lost with it, and be blamed too.

    Args:
        ray: the module.
        job: what they do.
        place: what each has.
    """

    def __init__(self, ray: Any, job: Commission, place: Place) -> None:  # noqa: ANN401
        self._ray, self._job, self._place = ray, ray.put(job), place
        self._actor = ray.remote(
            num_cpus=place.cores,
            num_gpus=int(place.device == "cuda"),
            max_restarts=ATTEMPTS,  # while it starts; at a task `free` ends it for good
        )(Painter)
        # By what is waited for: the worker, and its task, none while it starts.
        self._at_work: dict[Any, tuple[Any, _Task | None]] = {}

    def hire(self) -> None:
        """Starts another one, as soon as there is a place."""
        worker = self._actor.remote(self._job, self._place)
        self._at_work[worker.__ray_ready__.remote()] = worker, None

    def give(self, worker: Any, task: _Task) -> None:  # noqa: ANN401 - Ray's
        """Has a worker paint."""
        self._at_work[worker.attempt.remote(task.orders)] = worker, task

    def dismiss(self, worker: Any) -> None:  # noqa: ANN401 - Ray's
        """Ends a worker for whom nothing is left, and those that have not started.

        Its place is for one that is hired where a worker ends that still has a task.
        """
        self._ray.kill(worker)
        self._at_work = {ref: one for ref, one in self._at_work.items() if one[1]}

    def free(self) -> Iterator[tuple[Any, _Task | None, list[Report] | None]]:
        """Who is free, with its last task, if any, and its reports; None where the task failed.

        The worker is None where it has ended.

        Raises:
            StylizeError: a worker does not start, and no other is left.
        """
        while self._at_work:
            (done, *_), _ = self._ray.wait([*self._at_work])
            worker, task = self._at_work.pop(done)
            try:
                found = self._ray.get(done)
            except self._ray.exceptions.RayError as error:
                if task:
                    self._ray.kill(worker)
                    yield None, task, None
                elif not self._at_work:
                    raise _not_started(error) from error
            else:
                yield worker, task, found if task else []


def _painted(crew: _Crew, out: Iterator[list[Order]]) -> Iterator[Report]:
    """The reports of chunks, of each all at once."""
    left: deque[_Task] = deque()
    for worker, task, found in crew.free():
        reports = found or []
        if task and found is None:
            again = task.again(ended=worker is None)
            left += again
            reports = [] if again else [failed(task.orders[0], ENDED)]
        try:
            if not left:
                left += map(_Task, islice(out, 1))
            if left and worker:
                crew.give(worker, left.popleft())
            elif left:
                crew.hire()
            elif worker:
                crew.dismiss(worker)
        finally:  # told while the worker is at its next task, and where no more can be listed
            yield from reports


def _not_started(error: Exception) -> StylizeError:
    reason = str(error).strip().rpartition("\n")[2].rpartition("StylizeError: ")[2]
    return StylizeError(f"the cluster's workers do not start ({reason})")


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
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what it says is told here
    import ray  # noqa: PLC0415 - an extra

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
    try:
        signal.signal(signal.SIGTERM, before)  # Ray's own leaves without a word
        yield ray
    finally:
        with redirect_stdout(sys.stderr):  # where it says what it has not said yet
            ray.shutdown()
