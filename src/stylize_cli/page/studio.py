"""One thread that makes all pictures, one at a time; what waits for it, and what it has made."""

import queue
import secrets
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from stylize_cli.api.picture import Picture
from stylize_cli.config.neighbours import NEIGHBOURS
from stylize_cli.config.optimize import PRESETS
from stylize_cli.errors import StylizeError, as_options, is_exhausted
from stylize_cli.page import making, wishes
from stylize_cli.page.jobs import Job, Made
from stylize_cli.page.networks import Networks
from stylize_cli.page.shelf import THUMBNAIL, Shelf, within
from stylize_cli.page.wishes import Wish

MOST_WAITING = 16  # jobs, those that failed included
MOST_MADE = 32  # pictures of this sitting
MOST_BYTES = 512 << 20  # of these together
T = TypeVar("T")


class Studio:
    """The queue, its worker and the gallery.

    The worker is the only thread that decodes, computes or encodes large pictures, so that there
    is never more than one work in memory. Glimpses, which are short, go between the iterations of
    the job at hand.
    """

    def __init__(self) -> None:
        self.shelf, self.networks = Shelf(), Networks()
        self.made: deque[Made] = deque()
        self.jobs: list[Job] = []
        self._glimpses: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = (
            queue.SimpleQueue()
        )
        self._lock, self._listeners = threading.RLock(), set[Callable[[], None]]()
        self._awake = threading.Event()
        self._pace: dict[str, float] = {}  # seconds a pixel, by network
        threading.Thread(target=self._work, name="studio", daemon=True).start()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls that, from any thread, whenever something changes; returns how to end it."""
        with self._lock:
            self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def soon(self, work: Callable[[], T]) -> "Future[T]":
        """Does something short in the worker's thread, before the next job or iteration."""
        future: Future[T] = Future()
        self._glimpses.put((work, future))
        self._awake.set()
        return future

    def add(self, wish: Wish) -> Job:
        """Puts a wish in the queue.

        Raises:
            StylizeError: it lacks something, or too many are waiting.
        """
        making.check(wish, self.shelf)
        job = Job(
            secrets.token_hex(6),
            wish,
            wishes.title(wish, self.shelf),
            wishes.command(wish, self.shelf),
            wishes.filename(wish, self.shelf),
            *self._measured(wish),
        )
        with self._lock:
            if len(self.jobs) >= MOST_WAITING:
                raise StylizeError(f"{MOST_WAITING} pictures are waiting already: stop one of them")
            self.jobs.append(job)
        self._awake.set()
        self.changed()
        return job

    def stop(self, id: str) -> None:
        """Takes a job out of the queue; of one at work the best so far is kept."""
        with self._lock:
            for job in [job for job in self.jobs if job.id == id]:
                if job.state == "running":
                    job.stopped = True
                else:
                    self.jobs.remove(job)
        self.changed()

    def glimpse(self, wish: Wish, long_side: int) -> bytes:
        """A wish to paint at a small size, as JPEG; for `soon`.

        Of a painting that is still to be learnt there is none: b"".
        """
        if not self.networks.knows(wish.model, wish.painting):
            return b""
        net = self.networks.of(wish.model, wish.painting)
        photo, began = self.shelf[wish.photo], time.monotonic()
        picture = making.glimpse(wish, photo, net, long_side)
        spent = time.monotonic() - began
        self._pace[wish.model] = spent / (picture.width * picture.height)
        return picture.encoded("JPEG", quality=88)

    def styles_sheet(self, photo: str, model: str) -> bytes:
        """A photo in every style of a network, as JPEG; for `soon`."""
        sheet = making.styles_sheet(self.shelf[photo], self.networks[model])
        return sheet.encoded("JPEG", quality=85)

    def expected(self, wish: Wish) -> float | None:
        """About how many seconds it will take, or None where nothing like it has been made."""
        return self._expected(*self._measured(wish))

    def _expected(self, like: str, work: float) -> float | None:
        pace = self._pace.get(like)
        return None if pace is None else pace * work

    def find(self, id: str) -> Made:
        """A picture of this sitting."""
        for made in list(self.made):
            if made.id == id:
                return made
        raise StylizeError("that picture is gone: make it anew")

    def changed(self) -> None:
        """Tells whoever listens."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def snapshot(self) -> dict[str, Any]:
        """All that the page shows, for JSON."""
        with self._lock:
            jobs, made = list(self.jobs), list(self.made)
        return {
            "pictures": [one.described() for one in self.shelf],
            "networks": [vars(offer) for offer in self.networks.offers.values()],
            "jobs": [self._job(job) for job in jobs],
            "made": [one.described() for one in reversed(made)],
        }

    def _job(self, job: Job) -> dict[str, Any]:
        spent = time.monotonic() - job.began if job.state == "running" else 0.0
        return {**job.described(), "spent": spent, "left": self._left(job, spent)}

    def _left(self, job: Job, spent: float) -> float | None:
        """Seconds that a job still takes, by its own pace or that of others like it."""
        if job.now.share > 0.02:
            return spent * (1 / job.now.share - 1)
        expected = self._expected(job.like, job.work) if job.state != "failed" else None
        return None if expected is None else max(0.0, expected - spent)

    def _work(self) -> None:
        while True:
            self._awake.wait()
            self._awake.clear()
            self._serve_glimpses()
            while job := self._next():
                self._run(job)
                self._serve_glimpses()

    def _next(self) -> Job | None:
        with self._lock:
            waiting = [job for job in self.jobs if job.state == "waiting"]
            if not waiting:
                return None
            waiting[0].state, waiting[0].began = "running", time.monotonic()
            return waiting[0]

    def _serve_glimpses(self) -> None:
        while not self._glimpses.empty():
            work, future = self._glimpses.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)

    def _run(self, job: Job) -> None:
        self.changed()
        try:
            for now in making.make(job.wish, self.shelf, self.networks, lambda: job.stopped):
                job.take(now)
                self.changed()
                self._serve_glimpses()
            self._keep(job)
        except Exception as error:
            job.state, job.error = "failed", sentence(error)
        self.changed()

    def _keep(self, job: Job) -> None:
        """Puts what has become of a job into the gallery, and the job out of the queue."""
        picture, seconds = job.now.picture, time.monotonic() - job.began
        made = None if picture is None else _finished(job, picture, seconds)
        if picture is not None and not job.stopped:
            self._pace[job.like] = seconds / job.work
        with self._lock:
            self.jobs.remove(job)
            self.made.extend([] if made is None else [made])
            while len(self.made) > MOST_MADE or (
                len(self.made) > 1 and sum(len(one.data) for one in self.made) > MOST_BYTES
            ):
                self.made.popleft()

    def _measured(self, wish: Wish) -> tuple[str, float]:
        """What the pace of a work is that of, and how much it is.

        That is pixels which are computed, of an optimisation as often as they are looked at. To
        learn a painting takes as long for every photo.
        """
        if not self.networks.knows(wish.model, wish.painting):
            return f"{wish.model}, learning", 1
        if wish.kind == "texture":
            return wish.model, wish.width * wish.height
        photo = self.shelf[wish.photo]
        usual = NEIGHBOURS if wish.preset == "neighbours" else PRESETS["default"]
        long = max(photo.width, photo.height)
        size = wish.size or (usual.size if wish.kind == "optimize" else long)
        pixels = photo.width * photo.height * (size / long) ** 2
        if wish.kind == "optimize":
            return wish.preset, pixels * (wish.iterations or usual.iterations)
        return wish.model, pixels


def _finished(job: Job, picture: Picture, seconds: float) -> Made:
    return Made(
        job.id,
        job.title,
        job.command,
        job.filename,
        job.wish.photo,
        seconds,
        picture.width,
        picture.height,
        picture.encoded("PNG"),
        within(picture, THUMBNAIL).encoded("JPEG", quality=85),
    )


def sentence(error: BaseException) -> str:
    """What the page says of an error, as a command line does; of a bug the terminal says more."""
    if isinstance(error, StylizeError):
        return as_options(str(error))
    if is_exhausted(error):
        return "memory is exhausted: use a smaller size, or free some"
    traceback.print_exception(error, file=sys.stderr)
    return "stylize itself failed: the terminal that it runs in says where"
