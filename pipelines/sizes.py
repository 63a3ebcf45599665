"""How much, and how long ago? Sizes and ages as people write and read them."""

import argparse
import re
import time

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SPANS_S = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_DAY_S = 86_400.0


def read_bytes(text: str) -> int:
    """A size such as 20GB, 1.5TB, 512MiB or 0, in bytes.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)", text.strip(), flags=re.IGNORECASE)
    unit = found[2].upper() if found else ""
    unit = unit if not unit or unit.endswith("B") else f"{unit}B"
    if found is None or unit.removeprefix("B") not in _UNITS:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as 20GB, 500MB or 1TB")
    return int(float(found[1]) * _UNITS[unit.removeprefix("B")])


def read_age_s(text: str) -> float:
    """A length of time such as 30d, 12h or 2w, in seconds.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([hdw])", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no length of time; write it as 30d, 12h or 2w")
    return float(found[1]) * _SPANS_S[found[2]]


def in_bytes(count: int) -> str:
    """A size as it is read best, for example "3.4 GB"."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.95 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def ago(moment_s: float) -> str:
    """How long ago a moment was, for example "3 days ago"."""
    days = (time.time() - moment_s) / _DAY_S
    if days < 1 / 24:
        return "within the hour"
    if days < 1:
        return f"{24 * days:.0f} h ago"
    return f"{days:.0f} day{'' if round(days) == 1 else 's'} ago"


def counted(number: int, word: str) -> str:
    """For example "1 file", "1,200 files"."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
