"""How do a user's words and a run's numbers get into a page without becoming markup?"""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST = 300  # characters of any one value; a card is no place for more

# Characters that mean something to Markdown, each where it does; "https:" and "www." would turn into links.
_MARKDOWN = re.compile(
    r"""(?P<character>
        [\\`*{}\[\]|~$@]        # anywhere
        | (?<!\w)_ | _(?!\w)     # at the edge of a word
        | :(?=\S)                # in an address or an emoji
        | (?<=www)\.             # in an address
        | \A[-+=\#]              # at the start of a line
        | (?<=\A\d)[.)](?=\s)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_SIGNIFICANT_DIGITS = 3


class Verbatim(str):
    """Text made by this package, which goes into a card as it is."""

    __slots__ = ()


def one_line(text: str) -> str:
    """The text on one line: runs of white space become one space, control and direction marks go, the rest is cut."""
    visible = "".join(" " if character.isspace() else character for character in text)
    visible = "".join(character for character in visible if unicodedata.category(character)[0] != "C")
    words = " ".join(visible.split())
    return words if len(words) <= LONGEST else words[: LONGEST - 3] + "..."


def plain(text: str) -> str:
    """The text as Markdown that shows exactly these characters: no links, no HTML, no line of its own."""
    return html.escape(_MARKDOWN.sub(r"\\\g<character>", one_line(text)), quote=False)


def python_literal(text: str) -> str:
    """The text as a Python string literal in ASCII, without angle brackets or backquotes."""
    literal = ascii(one_line(text))
    for character in "<>&`":
        literal = literal.replace(character, f"\\x{ord(character):02x}")
    return literal


def figure(value: float) -> str:
    """A number with three significant digits, in ASCII."""
    return f"{value:.{_SIGNIFICANT_DIGITS}g}"


def duration(minutes: float) -> str:
    """A stretch of time in the unit that suits it: "26 seconds", "13.4 minutes"."""
    return f"{minutes * 60:.0f} seconds" if minutes < 1 else f"{figure(minutes)} minutes"


def count(number: int, noun: str) -> str:
    """A number of things: "1 session", "2 sessions"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table_row(cells: Iterable[str]) -> Verbatim:
    """One row of a Markdown table, its cells escaped."""
    return Verbatim(f"| {' | '.join(plain(cell) for cell in cells)} |")


def table_head(cells: Sequence[str]) -> list[Verbatim]:
    """The two lines a Markdown table starts with."""
    return [table_row(cells), Verbatim("|" + "---|" * len(cells))]
