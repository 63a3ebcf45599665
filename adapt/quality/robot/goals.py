"""What should be mended, and what recorded next? What there is, held against what an adaptation wants, as orders."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import fsum
from typing import Any

from adapt.embodiment.spec import Embodiment
from adapt.quality.findings import Finding as Lost
from adapt.quality.goals import HELD_OUT_WINDOWS, HeldOut, goal_sessions, minutes, sentence
from adapt.quality.robot.coverage import AxisCoverage
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.gaps import find_gaps, still_axes
from adapt.quality.robot.rows import GUESS
from adapt.quality.tasks import TaskReport

# DreamZero adapted to a new arm with 55 trajectories of 11 tasks, about 30 minutes (arXiv 2602.15922).
GOAL_MINUTES = 30.0
_NAMED = 4
_GAPS = 4
_PLACE = re.compile(r" \(\S+\[\d+\]\)$")  # of an axis in its column, which a finding tells in full
_TOLD_ALONE = 2  # tasks; more of them are told together
# What the kinds of files and episodes that give nothing are called.
_UNUSED = {
    "missing": "A file is missing",
    "lfs_pointer": "Not fetched",
    "not_finite": "NaN or infinity",
    "too_short": "Too short",
    "withdrawn": "Withdrawn",
    "clock": "Stamps leave the rate",
    "length": "Rows and frames differ in number",
}
_OF_ALL = ("rows", "episodes", "time stamps")
_ANEW = "each episode begun from another posture, with other things or other places of them"
# What only another recording mends.
_RECORD_OTHERWISE = ("idle", "black", "frozen", "near-identical", "broken video")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do next.

    Attributes:
        kind: "describe" (the robot, in a spec), "mend" (at a desk), "record", or "record_otherwise" (than this was).
        what: What to do, as an order.
        why: What it is good for.
        episodes: Which episodes it concerns; () where it is about none, or all.
    """

    kind: str
    what: str
    why: str
    episodes: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "episodes": list(self.episodes)}


def wanted_in_all(share: float) -> tuple[float, int]:
    """Seconds of kept windows, and episodes of like length, that a data set should have.

    Args:
        share: Share of the windows that is held out.
    """
    return 60 * GOAL_MINUTES, goal_sessions(1, share)


def record_next(
    findings: Sequence[Finding],
    tasks: Sequence[TaskReport],
    held_out: HeldOut,
    coverage: Sequence[AxisCoverage],
    spec: Embodiment,
) -> list[Step]:
    """What to do, in the order in which to do it; empty where nothing is missing.

    Args:
        findings: The gravest first.
        tasks: What there is of each.
        held_out: What there is to judge by.
        coverage: Of every axis.
        spec: The body.
    """
    wrong, suspect = (_mend(findings, gravity) for gravity in ("wrong", "suspect"))
    return [*wrong, *_more(tasks, held_out), *suspect, *_ranges(coverage, spec)]


def mend_files(others: Sequence[tuple[str, Lost]]) -> list[Step]:
    """One step for all files and episodes that give nothing for reasons of one kind.

    Args:
        others: (file or episode, finding).
    """
    alike: dict[str, list[tuple[str, Lost]]] = {}
    for name, finding in others:
        alike.setdefault(finding.code, []).append((name, finding))
    return [
        Step(
            kind="record" if code == "too_short" else "mend",
            what=f"{_UNUSED.get(code, 'Unreadable')}: {_listed([name for name, _ in some])}. "
            f"{sentence(some[0][1].remedy)}",
            why=f"{_count(len(some), 'episode')} cannot be used: {some[0][1].found}"
            + (", and likewise." if len(some) > 1 else "."),
        )
        for code, some in alike.items()
    ]


def _mend(findings: Sequence[Finding], gravity: str) -> list[Step]:
    """One step for all findings of one kind that are mended alike."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.gravity == gravity:
            alike.setdefault((finding.kind, finding.remedy), []).append(finding)
    return [
        Step(
            kind="record_otherwise" if kind in _RECORD_OTHERWISE else "mend",
            what=f"{kind[:1].upper()}{kind[1:]}{subjects(some)}. {remedy}.",
            why=sentence(some[0].found) + (f" {_count(len(some) - 1, 'more')} likewise." if len(some) > 1 else ""),
            episodes=tuple(sorted({episode for finding in some for episode in finding.episodes})),
        )
        for (kind, remedy), some in alike.items()
    ]


def subjects(findings: Sequence[Finding]) -> str:
    """What some findings are about, in few words: ": action axes 'elbow', 'wrist' and 3 more"; "" for all rows."""
    named = [_PLACE.sub("", finding.subject) for finding in findings if finding.subject not in _OF_ALL]
    return f": {_together(named)}" if named else ""


def _together(named: Sequence[str]) -> str:
    first, quote, _ = named[0].partition("'")
    if quote and len(named) > 1 and all(name.startswith(f"{first}'") for name in named):
        several = {"action axis ": "action axes ", "state axis ": "state axes ", "camera ": "cameras "}
        return several.get(first, first) + _listed([name.removeprefix(first) for name in named])
    return _listed(named)


def _more(tasks: Sequence[TaskReport], held_out: HeldOut) -> list[Step]:
    """More of each task, and what the split lacks."""
    lacks = []
    if any(task.usable_s for task in tasks):
        if held_out.same_session:
            lacks.append("All that can be used comes from one episode, so every figure will be stamped same_session.")
        if held_out.windows < HELD_OUT_WINDOWS:
            held = _count(held_out.windows, "window")
            lacks.append(f"{held} would be held out to judge by; below {HELD_OUT_WINDOWS} there is no verdict.")
    short = [task for task in tasks if task.missing_s or task.missing_sessions]
    steps = [_more_of_all(short, len(tasks))] if len(short) > _TOLD_ALONE else [_more_of(task) for task in short]
    if lacks and steps:
        return [replace(steps[0], why=" ".join([steps[0].why, *lacks])), *steps[1:]]
    return steps or [Step(kind="record", what=f"Record more episodes, {_ANEW}.", why=why) for why in lacks[:1]]


def _more_of(task: TaskReport) -> Step:
    named = f'of "{task.instruction}"' if task.instruction else "of play"
    return Step(
        kind="record",
        what=f"Record {_amount([task])} {named}, {_ANEW}.",
        why=f"{minutes(task.usable_s)} in {_count(task.sessions, 'episode')} can be used; "
        f"{minutes(task.usable_s + task.missing_s)} in {task.sessions + task.missing_sessions} are wanted.",
    )


def _more_of_all(tasks: Sequence[TaskReport], of: int) -> Step:
    named = _listed([f'"{task.instruction}"' for task in tasks])
    return Step(
        kind="record",
        what=f"Record {_amount(tasks)} of each of {len(tasks)} tasks, {_ANEW}.",
        why=f"{named}: {minutes(fsum(task.usable_s for task in tasks))} of them can be used; {GOAL_MINUTES:g} minutes "
        f"are wanted in all, shared among {of} tasks.",
    )


def _amount(tasks: Sequence[TaskReport]) -> str:
    """What is missing of these; the most, where they differ."""
    missing_s = max(task.missing_s for task in tasks)
    sessions = max(task.missing_sessions for task in tasks)
    parts = [f"{minutes(missing_s)} more"] if missing_s else []
    least = "at least " if missing_s else ""
    parts += [f"{least}{_count(sessions, 'more episode' if not missing_s else 'episode')}"] if sessions else []
    return " in ".join(parts)


def _ranges(coverage: Sequence[AxisCoverage], spec: Embodiment) -> list[Step]:
    """Motions that hardly occur."""
    steps = [
        Step(
            kind="record",
            what=f"Record motions that take {gap.axis.kind} axis '{gap.axis.name}' to between {gap.low:.3g} and "
            f"{gap.high:.3g}{_unit(gap.axis)}, if the robot is to work there.",
            why=f"It goes from {gap.axis.low:.3g} to {gap.axis.high:.3g}, but is in that range in only "
            f"{gap.share:.1%} of the rows.",
        )
        for gap in find_gaps(coverage, spec)[:_GAPS]
    ]
    if still := still_axes(coverage, spec):
        few = len(still) == 1
        steps.append(
            Step(
                kind="record",
                what=f"Record motions of {_listed([axis.name for axis in still])}, or take "
                f"{'it' if few else 'them'} out of the spec.",
                why=f"{len(still)} ax{'is hardly moves' if few else 'es hardly move'} in any episode, so nothing can "
                "be learned of how the robot looks when they do.",
            )
        )
    return steps


def _unit(axis: AxisCoverage) -> str:
    return "" if axis.unit == "unknown" else f" {axis.unit.removesuffix(GUESS)}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 or thing == "more" else "s")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
