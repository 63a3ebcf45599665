"""Does the action head know what it does not know? How often the truth lies inside the interval it tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Shares of true actions inside the head's interval, told from the imagined future of the first chunk.

    A head that knows itself has `wanted` between `low` and `high`: below is too sure of itself, above too unsure.
    """

    wanted: float  # share of truths that the interval is made for
    inside: float  # share found in it, over all axes and steps, each window counting alike
    low: float  # of the interval of that share
    high: float
    windows: int
    sessions: int
    stretch: float | None = None  # by which the spreads would have to grow to be as large as the errors; 1 is honest
    by_axis: Mapping[str, float] = field(default_factory=dict)  # share found in it, by axis
