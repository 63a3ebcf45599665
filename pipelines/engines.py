"""Who reads videos and encodes windows: this process alone, several on this machine, or a Ray cluster?

An engine only does work ahead: what it brings goes into the cache that all runs share, and the stage then finds it
there. So a result never depends on who did the work, and work that an engine loses is done by the stage itself.
"""

import logging
import os
import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from adapt.errors import RunError
from pipelines.worker_pool import one_thread, worker_pool

log = logging.getLogger(__name__)

HERE, RAY = "here", "ray"
ENGINES = (HERE, RAY)
_BEGUN_EACH = 2  # Items that each process has at hand: the next lies there before it asks, and no more is held.

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Does the same work on many items."""

    def spread(self, work: Callable[[T], R], items: Sequence[T]) -> Generator[R, None, None]:
        """Do the work on every item.

        Args:
            work: A function of a module, so that other processes find it; what it raises ends everything.
            items: What can be pickled.

        Yields:
            Results as they come, in any order. After a worker was killed some may be missing. Whoever does not take
            them all closes this, so that nobody works on.
        """
        ...


@dataclass(frozen=True, slots=True)
class Processes:
    """Several processes on this machine.

    Attributes:
        count: How many.
    """

    count: int

    def spread(self, work: Callable[[T], R], items: Sequence[T]) -> Generator[R, None, None]:
        """See `Engine.spread`."""
        coming, most = iter(items), _BEGUN_EACH * self.count
        begun: set[Future[R]] = set()
        try:
            with worker_pool(self.count) as pool:
                while True:
                    begun.update(pool.submit(work, item) for item in islice(coming, most - len(begun)))
                    if not begun:
                        return
                    done, begun = wait(begun, return_when=FIRST_COMPLETED)
                    while done:  # Each is let go as it is told, so that no result is held that nobody wants any more.
                        yield done.pop().result()
        except BrokenProcessPool:
            log.warning("a worker process was killed; this process does what is left alone")


class RayCluster:
    """The Ray cluster that RAY_ADDRESS names or `ray start` started on this machine; else one is started here.

    Every machine must see videos, bases and run folder under the same paths, and have this package installed.

    Raises:
        RunError: Ray is not installed, or its cluster cannot be reached.
    """

    def __init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise RunError(
                f"--engine ray: Ray is not installed here ({error}); install it with: pip install 'wam-adapt[scale]'"
            ) from error
        self._ray = ray
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "ignore_reinit_error": True}
        try:
            try:
                ray.init(include_dashboard=False, **quiet)
            except ValueError:  # A cluster that runs already has its dashboard, or has none.
                ray.init(**quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RunError(
                f"--engine ray: the cluster {os.environ.get('RAY_ADDRESS', 'on this machine')} cannot be reached "
                f"({error}); see what `ray status` says, start one with `ray start --head`, or leave --engine out"
            ) from error
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)

    def spread(self, work: Callable[[T], R], items: Sequence[T]) -> Generator[R, None, None]:
        """See `Engine.spread`; tasks of a worker or machine that is lost are done again elsewhere."""
        if not items:
            return
        rows = [{"item": pickle.dumps(item)} for item in items]
        found = self._ray.data.from_items(rows, override_num_blocks=len(rows)).map(_OneRow(work))
        for row in found.iter_rows():
            yield pickle.loads(row["result"])  # What our own workers wrote.

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()


@dataclass(frozen=True, slots=True)
class _OneRow:
    """A function of an item as a function of a row of a table."""

    work: Callable[[Any], Any]

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        one_thread()
        return {"result": pickle.dumps(self.work(pickle.loads(row["item"])))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """What a command says of who shall read and encode.

    Attributes:
        engine: One of `ENGINES`.
        jobs: Processes on this machine, for "here".
    """

    engine: str = HERE
    jobs: int = 1

    @property
    def are_asked(self) -> bool:
        """Whether anybody but this process shall work."""
        return self.engine != HERE or self.jobs > 1

    @contextmanager
    def called(self) -> Iterator[Engine]:
        """The engine, for as long as the block runs.

        Raises:
            RunError: Ray cannot be had.
        """
        if self.engine == HERE:
            yield Processes(self.jobs)
            return
        cluster = RayCluster()
        try:
            yield cluster
        finally:
            cluster.close()
