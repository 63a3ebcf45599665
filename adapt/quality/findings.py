"""What is wrong with a file, what to do about it, and what it costs: one shape for every kind of data."""

from dataclasses import asdict, dataclass
from typing import Any

LOST, PART, HINT = "lost", "part", "hint"  # all of the file; some of it; nothing, but worth knowing
WEIGHTS = (LOST, PART, HINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found in one file.

    Attributes:
        code: Its kind, for programs: a word such as "no_hand".
        weight: One of `WEIGHTS`.
        found: What was found, in words.
        remedy: What to do, in words; "" where nothing need be done.
        seconds: How much video it costs, s; 0 where it costs none, or nobody can tell.
    """

    code: str
    weight: str
    found: str
    remedy: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.weight not in WEIGHTS:
            raise ValueError(f"a finding weighs {self.weight!r}; give one of {WEIGHTS}")

    @property
    def words(self) -> str:
        """Found and remedy as one clause each."""
        return f"{self.found}; {self.remedy}" if self.remedy else self.found

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def from_words(code: str, weight: str, words: str, *, seconds: float = 0.0) -> Finding:
    """A finding from a message as this package writes them: what was found, then after a semicolon what to do.

    Args:
        code: As `Finding.code`.
        weight: As `Finding.weight`.
        words: The message.
        seconds: As `Finding.seconds`.
    """
    found, _, remedy = words.rstrip(".").partition("; ")
    return Finding(code=code, weight=weight, found=found, remedy=remedy, seconds=seconds)
