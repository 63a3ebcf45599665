"""How is a recording drawn as a band of time? What is kept stands tall, so that colour never tells alone."""

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

from adapt.quality.files import Stretch
from adapt.quality.goals import minutes
from adapt.quality.times import clock
from adapt.report.svg import tag

WIDE = 1000  # of a band, in its own units; it is stretched to the width there is
_HIGH = 40


def band(blocks: Sequence[Markup], height: int, label: str, kind: str) -> Markup:
    """A drawing that is as wide as its place.

    Args:
        blocks: Its elements, from 0 to `WIDE`.
        height: In its own units.
        label: What it shows, for those who do not see it.
        kind: A class, for the style sheet.
    """
    return tag(
        "svg",
        *blocks,
        class_=kind,
        viewBox=f"0 0 {WIDE} {height}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def timeline(
    stretches: Sequence[Stretch],
    label: str,
    *,
    tone: Callable[[str], str],
    name: Callable[[str], str],
    tall: Sequence[str],
) -> Markup:
    """Stretches of a recording, in order of time.

    Args:
        stretches: At least one.
        label: What it shows, for those who do not see it.
        tone: Class of the colour of a kind, after "t-".
        name: What a kind is called, where a stretch has no reason of its own.
        tall: Tones that stand tall.
    """
    whole_s = max(stretch.end_s for stretch in stretches)
    blocks = []
    for stretch in stretches:
        shade = tone(stretch.code)
        high = _HIGH if shade in tall else _HIGH // 2
        words = f"{clock(stretch.start_s)} to {clock(stretch.end_s)}: {stretch.reason or name(stretch.code)}"
        blocks.append(
            tag(
                "rect",
                tag("title", words),
                x=WIDE * stretch.start_s / whole_s,
                y=_HIGH - high,
                width=WIDE * stretch.seconds / whole_s,
                height=high,
                class_=f"t-{shade}",
            )
        )
    return band(blocks, _HIGH, label, "timeline")


def as_one(parts: Iterable[tuple[str, float]], *, order: Sequence[str], tone: Callable[[str], str]) -> list[Stretch]:
    """Seconds of many recordings by kind, as the stretches of one.

    Args:
        parts: (kind, seconds), in any order.
        order: Tones, in the order in which they come.
        tone: Of a kind.
    """
    total: dict[str, float] = {}
    for code, seconds in parts:
        total[code] = total.get(code, 0.0) + seconds
    found, at_s = [], 0.0
    for code, seconds in sorted(total.items(), key=lambda item: (order.index(tone(item[0])), -item[1])):
        found.append(Stretch(start_s=at_s, end_s=at_s + seconds, code=code))
        at_s += seconds
    return found


def progress(usable_s: float, missing_s: float) -> Markup:
    """How much of what is wanted is there."""
    wanted_s = usable_s + missing_s
    there = WIDE * (usable_s / wanted_s if wanted_s else 0.0)
    blocks = [
        tag("rect", x=0, y=0, width=WIDE, height=10, class_="t-rest"),
        tag("rect", x=0, y=0, width=there, height=10, class_="t-kept"),
    ]
    return band(blocks, 10, f"{minutes(usable_s)} of {minutes(wanted_s)} wanted", "progress")


def wanted(missing_s: float, missing_sessions: int, thing: str) -> str:
    """What is still wanted, in words.

    Args:
        missing_s: Seconds.
        missing_sessions: Sittings.
        thing: What such a sitting is called.
    """
    if not (missing_s or missing_sessions):
        return "enough"
    sessions = f"{missing_sessions} {thing}{'' if missing_sessions == 1 else 's'}" if missing_sessions else ""
    return " in ".join(part for part in (minutes(missing_s) if missing_s else "", sessions) if part)
