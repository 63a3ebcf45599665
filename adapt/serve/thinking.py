"""Who computes the answers? One thread that has the model, and a short queue before it."""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from adapt.errors import ServeError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """An answer, and how long it took."""

    value: Any
    queue_ms: float
    infer_ms: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    work: Callable[[], Any]
    future: "Future[Thought]"
    asked_s: float


class Thinker:
    """Does one thing after another, in the order asked, on a thread of its own; whoever asks may stop waiting.

    The thread does not keep the process alive: a model that never comes back does not either.

    Args:
        waiting: How many may wait for their turn.
    """

    def __init__(self, waiting: int) -> None:
        self._jobs: queue.Queue[_Job | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._work, name="wam-adapt-model", daemon=True)
        self._thread.start()

    async def think(self, work: Callable[[], Any], deadline_s: float | None) -> Thought:
        """What `work` returns.

        Args:
            work: Called on the model's thread.
            deadline_s: How long to wait; None for as long as it takes.

        Raises:
            TimeoutError: It was not done in time. If it has not been begun, it never will be; else its answer is lost.
            ServeError: Too many are waiting.
        """
        future: Future[Thought] = Future()
        try:
            self._jobs.put_nowait(_Job(work=work, future=future, asked_s=time.monotonic()))
        except queue.Full as full:
            raise ServeError(f"server: {self._jobs.maxsize} requests are waiting already. Ask again later.") from full
        async with asyncio.timeout(deadline_s):
            return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Begin nothing more."""
        try:
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job.future.cancel()
        except queue.Empty:
            self._jobs.put_nowait(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            begun_s = time.monotonic()
            try:
                value = job.work()
            except Exception as error:  # noqa: BLE001 - told to whoever asked
                job.future.set_exception(error)
                continue
            taken = Thought(
                value=value,
                queue_ms=1e3 * (begun_s - job.asked_s),
                infer_ms=1e3 * (time.monotonic() - begun_s),
            )
            job.future.set_result(taken)
