"""Where on a chart does a value lie, and which round numbers stand beside its axis?"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from adapt.report.svg import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A straight map from values to pixels."""

    low: Number
    high: Number
    start: Number  # pixel of `low`
    end: Number  # pixel of `high`

    def at(self, value: Number) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: Number) -> bool:
        """Whether a value lies on the chart; a hair outside counts as on its edge."""
        slack = 1e-9 * (self.high - self.low)
        return self.low - slack <= value <= self.high + slack


def round_step(low: Number, high: Number, about: int) -> float:
    """The step of 1, 2 or 5 times a power of ten that cuts a range into about so many parts."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    return power * min((1, 2, 5, 10), key=lambda factor: abs(math.log(rough / (factor * power))))


def ticks(low: Number, high: Number, about: int = 4) -> list[Number]:
    """Round numbers inside a range.

    Args:
        low: The range's lower end.
        high: Its upper end, above `low`.
        about: How many parts are wanted.
    """
    step = round_step(low, high, about)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def tick_text(value: Number, values: list[Number]) -> str:
    """A tick's number with as many decimals as its neighbours need to differ; a true minus sign."""
    step = min((b - a for a, b in pairwise(values)), default=abs(value) or 1.0)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals > 4 or abs(value) >= 1e5:
        return signed(f"{value:.3g}")
    return signed(f"{value:.{decimals}f}")


def signed(text: str) -> str:
    """The text of a number with a true minus sign, and none before zero."""
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", "\N{MINUS SIGN}")


def limits(values: Iterable[Number], *, zero: bool) -> tuple[Number, Number]:
    """A range with a little air around finite values.

    Args:
        values: What is to be shown; values that are not finite are passed over.
        zero: Start at zero.
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    air = 0.06 * (high - low) or max(abs(high), 1e-6) * 0.5
    return (low - air if low or not zero else 0.0), high + air
