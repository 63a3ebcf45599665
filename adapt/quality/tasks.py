"""What is there of one task, and what is still wanted? Alike for videos and for robot data."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """What there is of one task.

    Attributes:
        instruction: The task; "" for videos of which nobody says what is done in them.
        seconds: All of it.
        usable_s: Seconds of kept windows.
        train_s: Of these, trained on.
        validation_s: Of these, held out to judge by.
        sessions: Sittings with at least one kept window; with a robot, each episode is one.
        missing_s: Seconds of kept windows that are still wanted.
        missing_sessions: Sittings that are still wanted.
    """

    instruction: str
    seconds: float
    usable_s: float
    train_s: float
    validation_s: float
    sessions: int
    missing_s: float
    missing_sessions: int

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, seconds to a thousandth."""
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()}
