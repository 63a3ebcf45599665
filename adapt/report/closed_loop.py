"""Did it act as it was told? A study in closed loop: the verdict, every arm with its interval, every difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate import closed_loop_words as words
from adapt.evaluate.closed_loop_record import PLAY, SWEEP, VIDEO, ArmRate, ClosedLoopRecord, Gain, Table
from adapt.report import measured
from adapt.report.judged import FEW, NO, NONE, PART, YES, Answer, Judged
from adapt.report.looks import Look, look_of, verdict_look
from adapt.report.numbers import count, number
from adapt.report.rates import Row, gain_chart, rate_chart
from adapt.report.scales import signed

_TONES = {
    words.TAUGHT: YES,
    words.BASE_HELPS: YES,
    words.NOT_THE_TASK: PART,
    words.MORE_TRAINING: PART,
    words.LEARNED: PART,
    words.HARMED: NO,
    words.CANNOT_TELL: FEW,
    words.UNTRUSTED: NO,
}
_QUESTIONS = {
    VIDEO: "Did video without actions teach the robot?",
    PLAY: "Did the base help a robot it had never met?",
    SWEEP: "Where does video begin to teach?",
}
_KINDS = {VIDEO: "adapted with video", PLAY: "adapted with robot play", SWEEP: "adapted with video, step by step"}
NAMES: Mapping[str, str] = {
    arms.BASE: "unadapted base",
    arms.CONTROL: "replay only",
    arms.ADAPTED: "adapted",
    arms.WRONG: "video of other tasks",
    arms.SHUFFLED: "shuffled video",
    arms.ROBOT_VIDEO: "robot's own video",
    arms.OTHER_ROBOT_VIDEO: "another robot's video",
    arms.ORACLE: "true future, base's head",
    arms.SCRATCH: "from nothing",
    arms.HOLD_LAST: "holding still",
    arms.STILL: "holding still",
    arms.RANDOM: "at random",
    arms.EXPERT: "script that knows all",
}
_LOOKS: Mapping[str, Look] = {
    arms.CONTROL: look_of("replay"),
    arms.SCRATCH: look_of("base"),
    arms.ROBOT_VIDEO: Look(color="c-limit", shape="up"),
    arms.OTHER_ROBOT_VIDEO: Look(color="c-limit", shape="down"),
    arms.ORACLE: Look(color="c-limit", shape="bar"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table of a study as a reader sees it."""

    title: str
    rates: Markup
    gains: Markup | None
    figures: Sequence[measured.Table]
    kept: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A study in closed loop, ready for the template."""

    first: Section
    others: Sequence[Section]
    curve: Markup | None  # of a sweep: the gain at each point
    findings: Sequence[str]
    tried: Sequence[str]
    about: measured.Table


def shown(record: ClosedLoopRecord) -> Shown:
    """Draw a study."""
    sections = [_section(table) for table in record.tables]
    return Shown(
        first=sections[0],
        others=sections[1:],
        curve=_curve(record.tables) if record.claim == SWEEP else None,
        findings=record.findings,
        tried=[_tried(item.why, item.finished, item.verdict, item.changed) for item in record.tried],
        about=_about(record),
    )


def judge_closed_loop(record: ClosedLoopRecord) -> Judged:
    """The first screen's verdict."""
    settings = record.settings.get("judging", {})
    confidence = f"{settings.get('confidence', 0.95):.0%}".replace("%", "\N{NO-BREAK SPACE}%")
    episodes = f"{count(record.episodes, 'episode')} of {record.first.tasks} tasks"
    return Judged(
        answer=Answer(words=words.headline(record.verdict, record.claim), tone=_TONES.get(record.verdict, NONE)),
        groups=[],
        axis=None,
        confidence=confidence,
        judged_on=f"{episodes}, the same for all, in each of {count(len(record.seeds), 'training')} an arm",
        clusters="episode and training",
    )


def first_words(record: ClosedLoopRecord) -> dict[str, Any]:
    """The names of the template's head that a study in closed loop fills."""
    return {
        "subject": f"{record.first.body} on {record.base}",
        "kind": _KINDS[record.claim],
        "question": _QUESTIONS[record.claim],
        "summary": record.summary,
        "robot_effect": f"{count(record.trial_count, 'episode')} were acted in a simulator; no real robot moved.",
        "same_session": False,
        "judged": judge_closed_loop(record),
    }


def origin(record: ClosedLoopRecord) -> list[tuple[str, str]]:
    """Where it came from."""
    rows = [
        ("base", f"{record.base}, revision {record.base_revision}"),
        ("plan", f"{record.plan}, {record.fingerprint}; written down before anything was trained"),
        ("again with", record.made.command),
        ("commit", record.made.commit),
        ("took", f"{record.made.minutes:.0f} minutes of one core"),
    ]
    for name, facts in record.data.items():
        kept = f"{facts.get('kept_minutes', 0):.1f} of {facts.get('minutes', 0):.1f} minutes kept"
        rows.append((f"data: {name}", f"{facts.get('body', '')}, {kept}"))
    return rows


def _section(table: Table) -> Section:
    parts = (table.condition, f"{table.tasks} tasks", f"head {table.head.replace('_', ' ')}")
    title = measured.sentence(", ".join(part for part in parts if part))
    return Section(
        title=title,
        rates=rate_chart([_rate(arm) for arm in table.arms], f"success of each arm: {title}"),
        gains=gain_chart([_gain(gain) for gain in table.gains], f"differences: {title}") if table.gains else None,
        figures=[_figures(table), *([_differences(table)] if table.gains else [])],
        kept=[
            f"{called(share.arm)}: {percent(share.mid)} of what the base could do is kept "
            f"({percent(share.low)} to {percent(share.high)})"
            for share in table.shares
            if share.mid is not None and share.low is not None and share.high is not None
        ],
    )


def called(arm: str) -> str:
    """How an arm is called where a person reads it."""
    return NAMES.get(arm, arm.replace("_", " "))


def percent(share: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{share * 100:.1f}\N{NO-BREAK SPACE}%"


def points(gain: float) -> str:
    """A difference of shares in points, signed."""
    text = f"{gain * 100:.1f}"
    return ("+" if gain > 0 and text.strip("0.") else "") + signed(text)


def _look(arm: str) -> Look:
    return _LOOKS.get(arm, look_of(arm))


def _rate(arm: ArmRate) -> Row:
    return Row(
        name=called(arm.name),
        mid=arm.success,
        low=arm.low,
        high=arm.high,
        look=_look(arm.name),
        text=percent(arm.success),
        each=arm.by_seed if arm.seeds > 1 else (),
        strong=arm.name == arms.ADAPTED,
    )


def _gain(gain: Gain, name: str | None = None) -> Row:
    short = f"{called(gain.arm)} \N{MINUS SIGN} {called(gain.against)}"
    return Row(
        name=name or _clipped(short),
        mid=gain.mid,
        low=gain.low,
        high=gain.high,
        look=verdict_look(gain.verdict),
        text=f"{points(gain.mid)} points",
        strong=gain.arm == arms.ADAPTED,
    )


def _clipped(text: str, most: int = 40) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def _curve(tables: Sequence[Table]) -> Markup:
    gains = [(table.condition, table.gain(arms.ADAPTED, arms.CONTROL)) for table in tables]
    rows = [_gain(gain, condition) for condition, gain in gains if gain is not None]
    return gain_chart(rows, "gain over replay only, at each point")


def _figures(table: Table) -> measured.Table:
    rows = [
        (
            called(arm.name),
            number(arm.success),
            _range(arm.low, arm.high),
            number(arm.progress),
            number(arm.as_shown),
            f"{count(arm.seeds, 'policy').replace('policys', 'policies')}, {count(arm.episodes, 'episode')} each",
        )
        for arm in table.arms
    ]
    head = ("arm", "success", "interval", "progress", "did what the wrong video shows", "acted")
    return measured.Table(title="Arms", head=head, rows=rows)


def _differences(table: Table) -> measured.Table:
    rows = [
        (
            f"{called(gain.arm)} against {called(gain.against)}",
            points(gain.mid),
            f"{points(gain.low)} to {points(gain.high)}",
            "" if gain.detectable is None else f"{gain.detectable * 100:.1f}",
            gain.verdict,
        )
        for gain in table.gains
    ]
    head = ("difference", "points", "interval", "detects", "verdict")
    return measured.Table(title="Differences of success, in points of a hundred", head=head, rows=rows)


def _range(low: float, high: float) -> Markup:
    return Markup("{} to {}").format(number(low), number(high))


def _tried(why: str, finished: str, verdict: str, changed: Sequence[str]) -> str:
    came = f"came to '{verdict}'" if verdict else "came to no verdict"
    return f"An earlier plan was given up ({why}) with {finished} done; it {came}. Changed since: {', '.join(changed)}."


def _about(record: ClosedLoopRecord) -> measured.Table:
    """Every setting of the plan."""
    rows = [(name, _plain(value)) for name, value in _flat(record.settings)]
    return measured.Table(title="The plan", head=("setting", "value"), rows=rows)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", value)]
    return found


def _plain(value: Any) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
