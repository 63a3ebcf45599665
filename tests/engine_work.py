"""What the tests of engines have done in other processes; those find it by this module's name."""

import os
import signal
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
