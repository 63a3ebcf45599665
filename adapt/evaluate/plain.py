"""How do records become JSON? Finite numbers, rounded, so that equal records give equal bytes."""

import math
from collections.abc import Mapping
from typing import Any

SIGNIFICANT_DIGITS = 6


def rounded(value: Any) -> Any:
    """The value with its numbers rounded to six significant digits, mappings and sequences included.

    Raises:
        ValueError: A number is not finite.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a measured figure is {value}; records hold finite numbers only")
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
