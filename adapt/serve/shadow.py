"""What would the model have done while somebody else did it? Written down, one line a decision, and compared.

In shadow mode nothing is commanded: whoever asks is told to hold, and what the model says goes into a file. What the
operator did since the last request comes with the next one, as `operator_actions`, one row a step.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapt.errors import ServeError
from adapt.runs.documents import brief, in_short, parse_object
from adapt.serve.requests import Request
from adapt.serve.session import Answer

Array = NDArray[np.float64]

_MOST_OPEN = 1024  # decisions that wait to hear what the operator did


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """How far what the model would have done was from what the operator did.

    Attributes:
        names: Of the action axes.
        steps: Steps that were compared.
        decisions: Decisions that were compared.
        mean_error: Mean absolute difference of each axis, in its own unit; nan where nothing was compared. Shape (d,).
    """

    names: tuple[str, ...]
    steps: int
    decisions: int
    mean_error: Array


class Shadow:
    """Appends decisions to a file of JSON lines.

    Args:
        path: The file; made if it is not there, gone on with if it is.
        names: Of the action axes.

    Raises:
        ServeError: The file cannot be written.
    """

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self._path, self._names = path, names
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise ServeError(f"{path}: cannot be written ({error.strerror}). Name another file.") from error
        self._would: dict[str, Array] = {}

    def note(self, robot: str, request: Request, state: Array | None, answer: Answer) -> None:
        """Write down one decision, and beside the last one of that robot what was done instead.

        Args:
            robot: Whose decision: number of its connection, and name of its session.
            request: What was asked.
            state: What the body felt. Shape (s,).
            answer: What the model would have done, within the limits.

        Raises:
            ServeError: The disk is full or failing.
        """
        line: dict[str, Any] = {
            "time_s": round(time.time(), 3),
            "robot": robot,
            "prompt": request.prompt,
            "names": list(self._names),
            "state": None if state is None else state.tolist(),
            "would": answer.actions.tolist(),
            "hold": answer.hold,
            "reason": answer.reason,
            "limited": list(answer.limited),
            "before": None,
        }
        before = self._would.pop(robot, None)
        if before is not None and request.operator is not None:
            steps = min(len(before), len(request.operator))
            line["before"] = {"would": before[:steps].tolist(), "operator": request.operator[:steps].tolist()}
        if not answer.hold:
            if len(self._would) == _MOST_OPEN:
                self._would.pop(next(iter(self._would)))
            self._would[robot] = answer.actions
        try:
            self._file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise ServeError(f"{self._path}: cannot be written ({error.strerror}). Make room, or stop.") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def compare(path: Path) -> Comparison:
    """Read what a shadow wrote.

    Raises:
        ServeError: The file is not there, or a line of it is not what a shadow writes.
    """
    errors: list[Array] = []
    names: tuple[str, ...] = ()
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                names, error = _read_line(text, f"{path}:{number}")
                errors += [] if error is None else [error]
    except (OSError, UnicodeDecodeError) as error:
        raise ServeError(f"{path}: cannot be read ({in_short(error)}). Check the path.") from error
    rows = np.concatenate(errors) if errors else np.empty((0, len(names)))
    mean = rows.mean(axis=0) if len(rows) else np.full(len(names), np.nan)
    return Comparison(names=names, steps=len(rows), decisions=len(errors), mean_error=mean)


def _read_line(text: str, where: str) -> tuple[tuple[str, ...], Array | None]:
    try:
        line: dict[str, Any] = parse_object(text)
        names, before = tuple(line["names"]), line["before"]
        if before is None:
            return names, None
        would, did = (np.array(before[key], np.float64).reshape(-1, len(names)) for key in ("would", "operator"))
        return names, np.abs(would - did)
    except (KeyError, TypeError, ValueError) as error:
        raise ServeError(f"{where}: is {brief(text)} ({in_short(error)}). Name a file of shadow mode.") from error
