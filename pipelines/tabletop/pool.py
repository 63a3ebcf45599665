"""How are many pieces of work done by one or two processes? Each piece whole; what is finished stays, whoever dies."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from adapt.errors import RunError
from pipelines.worker_pool import worker_pool

T = TypeVar("T")


def do_all(work: Callable[[T], None], pieces: Sequence[T], *, jobs: int) -> Iterator[T]:
    """Do every piece; which one is done is told as it is.

    Args:
        work: Does one; must be importable by name, and pieces picklable, where there are several processes.
        pieces: In the order in which they are begun.
        jobs: Processes of one thread each, for the last piece too: sums in other threads are other sums. With 1, all is
            done in this one.

    Yields:
        Each piece when it is done.

    Raises:
        RunError: A process was killed.
        AdaptError: A piece failed; those under way are finished first, no other is begun.
    """
    if jobs <= 1 or not pieces:
        for piece in pieces:
            work(piece)
            yield piece
        return
    try:
        with worker_pool(min(jobs, len(pieces))) as pool:
            waiting: dict[Future[None], T] = {pool.submit(work, piece): piece for piece in pieces}
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    yield waiting.pop(future)
    except BrokenProcessPool as error:
        raise RunError(
            "sim study: a process of it ended before its time (killed, or out of memory); what is finished is kept: "
            "give the same command again, with --jobs 1 if memory is short"
        ) from error
