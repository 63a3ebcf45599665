"""How are times in a video told?"""

from collections.abc import Sequence

LEAST_S = 0.05  # Shorter stretches are rounding.
_TOLD = 4


def clock(time_s: float) -> str:
    """A time in a video as players show it, to a tenth of a second."""
    minutes, seconds = divmod(round(10 * time_s), 600)
    return f"{minutes}:{seconds / 10:04.1f}"


def told_spans(spans: Sequence[tuple[float, float]]) -> str:
    """When, with neighbours joined: "from 0:01.0 to 0:02.5", and so on for the first few.

    Args:
        spans: Start and end of each, s, in order of time.
    """
    joined: list[tuple[float, float]] = []
    for start_s, end_s in spans:
        if joined and start_s - joined[-1][1] < LEAST_S:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    told = ", ".join(f"{clock(start_s)} to {clock(end_s)}" for start_s, end_s in joined[:_TOLD])
    return f"from {told}" + (f" and {len(joined) - _TOLD} more times" if len(joined) > _TOLD else "")
