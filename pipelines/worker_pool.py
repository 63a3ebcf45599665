"""How do worker processes begin and end? With one thread each, and never later than whoever called them."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

_LOOK_EVERY_S = 1.0


@contextmanager
def worker_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of this machine, for as long as the block runs; what was not begun by then is not done.

    After an error what is under way is finished first. Whoever interrupts, or asks for no more results, waits for
    nobody: the processes are ended at once. They also end with this one, however that ends.

    Args:
        count: How many.
    """
    others = set(multiprocessing.active_children())
    # Threads of PyAV, MediaPipe or torch do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(os.getpid(),))
    try:
        yield pool
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def one_thread() -> None:
    """As many processes as cores: threads of theirs would slow each other down, and sum in another order."""
    import torch

    torch.set_num_threads(1)


def _begin(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that called; it ends this one.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    one_thread()


def _follow(parent: int) -> None:
    """End with the process that began this one, however that ended."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)
