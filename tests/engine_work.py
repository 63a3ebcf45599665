"""What the tests of engines have done in other processes; those find it by this module's name."""

import os
import signal
import time
from pathlib import Path

DIED = "died-once"


def square(number: int) -> int:
    return number * number


def die_once(item: tuple[str, int]) -> int:
    """Kills its own process the first time that the third item is met, wherever that is."""
    folder, number = item
    mark = Path(folder) / DIED
    if number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


class Thing:
    """What a test can see being let go."""


def make_thing(_: int) -> Thing:
    return Thing()


def stay(item: tuple[str, int]) -> int:
    """Says which process it is in, and takes minutes."""
    folder, number = item
    (Path(folder) / f"{number}.pid").write_text(str(os.getpid()))
    time.sleep(600)
    return number
