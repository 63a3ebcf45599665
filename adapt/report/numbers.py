"""How is a number shown? Three digits for the eye, and what the record holds for everything else."""

from markupsafe import Markup

from adapt.report.scales import signed
from adapt.report.svg import Number, tag

_RECORDED_DIGITS = 6  # as in evaluation.json and study.json


def number(value: Number | None, *, sign: bool = False) -> Markup:
    """A recorded figure: three digits to read, and in `value` the very number of evaluation.json or study.json.

    Args:
        value: The figure; None gives a dash that says so.
        sign: Put a plus before what is above zero.
    """
    if value is None:
        return tag("span", "\N{EN DASH}", title="not measured")
    recorded = float(f"{value:.{_RECORDED_DIGITS}g}")
    return tag("data", three_digits(value, sign=sign), value=repr(recorded))


def three_digits(value: Number, *, sign: bool = False) -> str:
    """A number in three significant digits, with a true minus sign."""
    text = f"{value:#.3g}".rstrip(".")
    plus = "+" if sign and value > 0 else ""
    return plus + signed(text)


def percent(share: Number) -> str:
    """A share as a signed percentage, with decimals where it is small: a minus is a true one."""
    value = 100 * share
    # An interval that just misses zero must not look as if it touched it.
    decimals = 0 if abs(value) >= 9.95 else 1 if abs(value) >= 0.095 or value == 0 else 2
    text = f"{value:.{decimals}f}"
    plus = "+" if value > 0 and text.strip("0.") else ""
    return f"{plus}{signed(text)}\N{NO-BREAK SPACE}%"


def count(amount: int, noun: str) -> str:
    """A number of things: "1 session", "2 sessions"."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}".replace(",", "\N{NO-BREAK SPACE}")
