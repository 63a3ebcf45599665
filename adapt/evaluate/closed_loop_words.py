"""What may be concluded from arms that acted? Patterns of better and not better, and the words they allow.

The patterns were written down before any arm was trained; no other gain than the named one makes a verdict.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapt.evaluate.closed_loop_arms import (
    ADAPTED,
    BASE,
    CONTROL,
    EXPERT,
    HOLD_LAST,
    MAIN_GAIN,
    RANDOM,
    SCRATCH,
    SHUFFLED,
    STILL,
    WRONG,
)
from adapt.evaluate.closed_loop_record import PLAY, SWEEP, TOO_FEW_EPISODES, VIDEO, ArmRate, Gain, Table
from adapt.evaluate.record import BETTER, TOO_FEW_SEEDS, WORSE

TAUGHT = "taught"
NOT_THE_TASK = "not the task"
MORE_TRAINING = "more training"
BASE_HELPS = "base helps"
LEARNED = "learned"
NO_GAIN = "no measurable gain"
HARMED = "harmed"
CURVE = "curve"
CANNOT_TELL = "cannot tell"
UNTRUSTED = "untrusted"
VERDICTS = (
    TAUGHT, NOT_THE_TASK, MORE_TRAINING, BASE_HELPS, LEARNED, NO_GAIN, HARMED, CURVE, CANNOT_TELL, UNTRUSTED,
)  # fmt: skip

# What planted policies must get; else the trial itself is broken and nothing else in it is believed.
MUST_AT_MOST: Mapping[str, float] = {STILL: 0.02, HOLD_LAST: 0.02, RANDOM: 0.05}
MUST_AT_LEAST: Mapping[str, float] = {EXPERT: 0.95}

HEADLINES: Mapping[str, Mapping[str, str]] = {
    VIDEO: {
        TAUGHT: "Yes: video alone taught the robot the tasks",
        NOT_THE_TASK: "It moved the robot, but did not teach it the tasks",
        MORE_TRAINING: "More training made the difference, not the video",
        NO_GAIN: "No measurable gain",
        HARMED: "No, it became worse",
    },
    PLAY: {
        BASE_HELPS: "Yes: the base made the new robot learn more from as much play",
        LEARNED: "It learned to act, no better than from nothing",
        NO_GAIN: "No measurable gain",
        HARMED: "No, from nothing it learned more",
    },
    SWEEP: {CURVE: "Where transfer begins and ends"},
}
_ALWAYS = {CANNOT_TELL: "Too little was tried to tell", UNTRUSTED: "The trial itself is broken"}

NAMED: Mapping[str, str] = {
    BASE: "the base as it is",
    CONTROL: "training as long without the video",
    WRONG: "video of other tasks under the same words",
    SHUFFLED: "the same video out of order",
    SCRATCH: "training from nothing",
    HOLD_LAST: "holding still",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a study comes to."""

    verdict: str
    summary: str
    findings: tuple[str, ...]


def conclude(claim: str, tables: Sequence[Table], *, target: float) -> Conclusion:
    """The verdict of a study; the first table's alone makes it, the others make findings.

    Args:
        claim: "video", "play" or "sweep".
        tables: As the record has them.
        target: Gain that was aimed at.
    """
    first = tables[0]
    broken = [words for table in tables for words in _broken(table)]
    gain = first.gain(*MAIN_GAIN[claim])
    if broken:
        verdict = UNTRUSTED
    elif gain is None or gain.verdict in (TOO_FEW_SEEDS, TOO_FEW_EPISODES):
        verdict = CANNOT_TELL
    else:
        verdict = _VERDICT[claim](first, gain)
    sentences = [*broken, *([] if gain is None else [gain_in_words(gain, first)])]
    if gain is not None and claim != SWEEP and verdict not in (CANNOT_TELL, UNTRUSTED):
        sentences += [*_others(first, gain), _aim(gain, target)]
    if claim == SWEEP:
        sentences = [*broken, *_where(tables)]
    return Conclusion(verdict=verdict, summary=" ".join(sentences), findings=tuple(_findings(tables)))


def headline(verdict: str, claim: str) -> str:
    """The verdict as a headline."""
    return _ALWAYS.get(verdict) or HEADLINES[claim][verdict]


def gain_in_words(gain: Gain, table: Table) -> str:
    """One comparison as a sentence with its figures."""
    name = NAMED.get(gain.against, gain.against.replace("_", " "))
    arms = [table.arm(gain.arm), table.arm(gain.against)]
    rates = " against ".join(percent(arm.success) for arm in arms if arm is not None)
    if gain.verdict in (TOO_FEW_SEEDS, TOO_FEW_EPISODES):
        return f"{rates}, compared with {name}: {gain.verdict} to tell."
    points = f"{gain.mid * 100:+.1f} points ({gain.low * 100:+.1f} to {gain.high * 100:+.1f})"
    if gain.verdict in (BETTER, WORSE):
        return f"{rates}: {gain.verdict} than {name}, {points}."
    seen = "" if gain.detectable is None else f"; {gain.detectable * 100:.1f} points would have been seen"
    return f"{rates}: no measurable gain over {name}, {points}{seen}."


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{share * 100:.1f} %"


def _video(table: Table, gain: Gain) -> str:
    if gain.verdict == WORSE:
        return HARMED
    if gain.verdict == BETTER:
        needed = [table.gain(ADAPTED, other) for other in (WRONG, SHUFFLED)]
        return TAUGHT if all(item is not None and item.verdict == BETTER for item in needed) else NOT_THE_TASK
    return MORE_TRAINING if _is(table.gain(ADAPTED, BASE), BETTER) else NO_GAIN


def _play(table: Table, gain: Gain) -> str:
    if gain.verdict == WORSE:
        return HARMED
    moves = _is(table.gain(ADAPTED, HOLD_LAST), BETTER)
    if gain.verdict == BETTER and moves:
        return BASE_HELPS
    return LEARNED if moves else NO_GAIN


def _sweep(table: Table, gain: Gain) -> str:  # noqa: ARG001 - a curve has no verdict of its own
    return CURVE


_VERDICT: Mapping[str, Callable[[Table, Gain], str]] = {VIDEO: _video, PLAY: _play, SWEEP: _sweep}


def _is(gain: Gain | None, word: str) -> bool:
    return gain is not None and gain.verdict == word


def _broken(table: Table) -> Iterator[str]:
    """What planted policies and planted data say against the trial."""
    where = f" ({table.condition})" if table.condition else ""
    for arm in table.arms:
        most, least = MUST_AT_MOST.get(arm.name, 1.0), MUST_AT_LEAST.get(arm.name, 0.0)
        if not least <= arm.success <= most:
            must = f"at least {percent(least)}" if least else f"at most {percent(most)}"
            yield f"The policy '{arm.name}' succeeds in {percent(arm.success)}{where}; it must in {must}."
    if _is(table.gain(SHUFFLED, CONTROL), BETTER):
        yield f"Video out of order beats training without it{where}; it must gain nothing."


def _others(table: Table, main: Gain) -> Iterator[str]:
    """The controls that decide what the main gain means."""
    for gain in table.gains:
        if gain.arm == main.arm and gain is not main and gain.against in NAMED:
            yield gain_in_words(gain, table)
    wrong = table.arm(WRONG)
    if wrong is not None and wrong.as_shown is not None:
        yield f"After video of other tasks under these words it does what was shown in {percent(wrong.as_shown)}."


def _aim(gain: Gain, target: float) -> str:
    aimed = f"Aimed at: {target * 100:+.0f} points"
    if gain.low >= target:
        return f"{aimed}; reached, the whole interval lies above."
    return f"{aimed}; {'reached on average' if gain.mid >= target else 'not reached'}."


def _where(tables: Sequence[Table]) -> Iterator[str]:
    """At which points of a sweep there is a gain."""
    found: dict[str, list[str]] = {}
    for table in tables:
        gain = table.gain(*MAIN_GAIN[SWEEP])
        if gain is not None and table.head == tables[0].head:
            found.setdefault(gain.verdict, []).append(table.condition)
    for verdict, conditions in found.items():
        yield f"{verdict.capitalize()} at {', '.join(conditions)}."


def _findings(tables: Sequence[Table]) -> Iterator[str]:
    """What the other tables say of their own main comparison, and what was kept of what the base could do."""
    for table in tables[1:]:
        parts = (table.condition, f"head {table.head}", f"{table.tasks} tasks of {table.body}")
        where = ", ".join(part for part in parts if part)
        for gain in table.gains:
            if gain.arm == ADAPTED and gain.against in (CONTROL, SCRATCH, WRONG):
                yield f"{where}: {gain_in_words(gain, table)}"
        yield from (f"{where}: {words}" for words in _kept(table))


def _kept(table: Table) -> Iterator[str]:
    for share in table.shares:
        base: ArmRate | None = table.arm(share.of)
        if share.mid is None or share.low is None or share.high is None or base is None:
            yield f"{share.arm} against {share.of}: nothing to keep, it never succeeds."
            continue
        yield (
            f"{share.arm} keeps {percent(share.mid)} ({percent(share.low)} to {percent(share.high)}) of what "
            f"{NAMED.get(share.of, share.of)} can do ({percent(base.success)})."
        )
