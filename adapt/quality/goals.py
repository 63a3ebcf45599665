"""What should be filmed next? What there is, held against what an adaptation wants, as orders that can be followed."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import fsum
from typing import Any

from adapt.quality import faults
from adapt.quality.files import FileReport
from adapt.quality.findings import HINT, Finding
from adapt.quality.tasks import TaskReport
from adapt.quality.viewpoint import REMEDIES

# DreamZero adapted with 12 minutes of egocentric human video: 9 tasks, 8 takes of each (arXiv 2602.15922, section 5.1).
GOAL_MINUTES = 12.0
GOAL_TASK_MINUTES = GOAL_MINUTES / 9
GOAL_TASK_SESSIONS = 8
# Held-out sessions from which on a verdict speaks of sessions in general (docs/judging.md).
HELD_OUT_SESSIONS = 4
HELD_OUT_WINDOWS = 8  # with fewer there is no verdict
SITTING = "stop the camera between them, and change place, light or things"
_LONGER = "film longer takes: 5 s at least, and best half a minute or more"
_WORTH_S = 1.0  # What costs less is not worth a word on what to do next.
# Nothing to film otherwise: the camera did its part.
_NOT_FILMED_AGAIN = (faults.UNTOLD, "gap", "copy", "same_bytes", "withdrawn", "test_card")
# What is mended at a desk.
_MENDED = {
    "unreadable": "Replace these files, or leave them out.",
    "truncated": "Copy these files from the camera again.",
    "panels": "Export each camera of these as a video of its own.",
    "bars": "Crop the black bars away.",
    "test_card": "Cut colour bars and test cards away.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmedTask(TaskReport):
    """What there is of one task in videos.

    Attributes:
        files: Videos of it.
    """

    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do next.

    Attributes:
        kind: "tell", "film", "film_again" (otherwise than these were) or "mend" (at a desk).
        what: What to do, as an order.
        why: What it is good for.
        files: Which videos it concerns, the costliest first; () where it is about none of them.
    """

    kind: str
    what: str
    why: str
    files: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "files": list(self.files)}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What the split holds out to judge by."""

    windows: int
    sessions: int
    same_session: bool  # training and judging share the only session


def task_reports(files: Sequence[FileReport], share: float) -> list[FilmedTask]:
    """One row for each instruction, in order; what nobody tells of comes last.

    Args:
        files: All videos.
        share: Share of the windows that is held out.
    """
    tasks = sorted({file.instruction for file in files}, key=lambda task: (not task, task))
    named = sum(bool(task) for task in tasks)
    sessions = goal_sessions(named, share)
    return [_task(task, [file for file in files if file.instruction == task], named, sessions) for task in tasks]


def goal_minutes(tasks: int) -> float:
    """Minutes of kept windows that each of so many tasks should have."""
    return max(GOAL_TASK_MINUTES, GOAL_MINUTES / max(1, tasks))


def goal_sessions(tasks: int, share: float) -> int:
    """Sessions that each of so many tasks should have, of like length, so that enough of them are held out.

    Args:
        tasks: How many.
        share: Share of the windows that is held out.
    """
    # `adapt.data.splits` holds out the next session while that brings it nearer to the share.
    wanted = math.floor((HELD_OUT_SESSIONS - 0.5) / share) + 1
    return max(GOAL_TASK_SESSIONS, math.ceil(wanted / max(1, tasks)))


def _task(task: str, files: Sequence[FileReport], tasks: int, sessions_wanted: int) -> FilmedTask:
    usable_s = fsum(file.usable_s for file in files)
    # What nobody tells of counts as it would if somebody did, where there is no other task.
    could_be_s = usable_s if task else fsum(file.seconds_by_code().get(faults.UNTOLD, 0.0) for file in files)
    wanted = bool(task) or tasks == 0
    shown = {file.session for file in files if file.usable_s > 0 or (not task and faults.UNTOLD in _codes(file))}
    return FilmedTask(
        instruction=task,
        files=len(files),
        seconds=fsum(file.duration_s for file in files),
        usable_s=usable_s,
        train_s=fsum(file.train_s for file in files),
        validation_s=fsum(file.validation_s for file in files),
        sessions=len(shown),
        missing_s=max(0.0, 60 * goal_minutes(tasks) - could_be_s) if wanted else 0.0,
        missing_sessions=max(0, sessions_wanted - len(shown)) if wanted else 0,
    )


def _codes(file: FileReport) -> set[str]:
    return {stretch.code for stretch in file.stretches}


def film_next(files: Sequence[FileReport], tasks: Sequence[TaskReport], held_out: HeldOut) -> list[Step]:
    """What to do, in the order in which to do it; empty where nothing is missing.

    Args:
        files: All videos.
        tasks: Of `task_reports`.
        held_out: What there is to judge by.
    """
    return [*_tell(files), *_judge(tasks, held_out, _film(tasks)), *_again(files), *_opposite(files), *_mend(files)]


def _tell(files: Sequence[FileReport]) -> list[Step]:
    untold = [file for file in files if not file.instruction]
    if not untold:
        return []
    gain_s = fsum(file.seconds_by_code().get(faults.UNTOLD, 0.0) for file in untold)
    return [
        Step(
            kind="tell",
            what='Say what is done in the videos: --task "..." for all, or a .txt of the same name beside each.',
            why=f"That alone makes {minutes(gain_s)} usable." if gain_s else "Without it none of them is used.",
            files=_names(untold),
        )
    ]


def _film(tasks: Sequence[TaskReport]) -> list[Step]:
    steps = []
    for task in tasks:
        if not (task.missing_s or task.missing_sessions):
            continue
        sessions = max(1, task.missing_sessions)
        each_s = max(20, 10 * math.ceil(task.missing_s / sessions / 10))
        named = f'"{task.instruction}"' if task.instruction else "your task"
        there = task.usable_s if task.instruction else 60 * goal_minutes(0) - task.missing_s
        steps.append(
            Step(
                kind="film",
                what=f"Film {named} in {_count(sessions, 'more session')}, each about {each_s} s long: {SITTING}.",
                why=f"{minutes(there)} in {_count(task.sessions, 'session')} can be used; "
                f"{minutes(there + task.missing_s)} in {task.sessions + task.missing_sessions} are wanted.",
            )
        )
    return steps


def _judge(tasks: Sequence[TaskReport], held_out: HeldOut, film: Sequence[Step]) -> list[Step]:
    """What is to be filmed, with what the split lacks."""
    told = [task for task in tasks if task.instruction and task.usable_s > 0]
    lacks = []
    if told and held_out.same_session:
        lacks.append("All that can be used comes from one session, so every figure will be stamped same_session.")
    if told and held_out.windows < HELD_OUT_WINDOWS:
        held = _count(held_out.windows, "window")
        lacks.append(f"{held} would be held out to judge by; below {HELD_OUT_WINDOWS} there is no verdict.")
    steps = list(film)
    if lacks:
        first = steps[0] if steps else Step(kind="film", what=f"Film more sessions: {SITTING}.", why="")
        steps[:1] = [replace(first, why=" ".join([first.why, *lacks]).strip())]
    return steps + [
        Step(
            kind="film",
            what=f'Film "{task.instruction}" in one more session at least.',
            why="All of it is held out to judge by, so none of it is trained on.",
        )
        for task in told
        if not task.train_s
    ]


def _again(files: Sequence[FileReport]) -> list[Step]:
    """What to do otherwise when filming, by remedy, the costliest first."""
    lost: dict[str, list[tuple[Finding, FileReport]]] = {}
    for file in files:
        for finding in file.findings:
            if finding.weight != HINT and finding.code not in _NOT_FILMED_AGAIN and finding.code not in _MENDED:
                remedy = _LONGER if finding.code == "too_short" else finding.remedy
                lost.setdefault(remedy, []).append((finding, file))
    steps = []
    for remedy, hits in sorted(lost.items(), key=lambda item: (-_seconds(item[1]), item[0])):
        if _seconds(hits) < _WORTH_S:
            continue
        known = {finding.code: faults.name_of(finding.code) for finding, _ in hits}
        why = f"{sentence(' or '.join(known.values()))[:-1]}: {minutes(_seconds(hits))} lost."
        worst = sorted(hits, key=lambda hit: (-hit[0].seconds, hit[1].name))
        named = _names([file for _, file in worst])
        steps.append(Step(kind="film_again", what=sentence(remedy), why=why, files=named))
    return steps


def _opposite(files: Sequence[FileReport]) -> list[Step]:
    """What costs nothing by itself, but teaches another's view."""
    steps = []
    for code, remedy in REMEDIES.items():
        shown = [file for file in files if code in {finding.code for finding in file.findings}]
        if shown:
            why = f"{sentence(faults.name_of(code))} Nothing is left out for it, so look at the pictures yourself."
            steps.append(Step(kind="film_again", what=sentence(remedy), why=why, files=_names(shown)))
    return steps


def _mend(files: Sequence[FileReport]) -> list[Step]:
    """Faults of the file, which no filming mends."""
    steps = []
    for code, what in _MENDED.items():
        hits = [(finding, file) for file in files for finding in file.findings if finding.code == code]
        if hits:
            lost_s = _seconds(hits)
            why = f"{minutes(lost_s)} lost." if lost_s >= 1 else "Little is lost, or nobody can tell how much."
            steps.append(Step(kind="mend", what=what, why=why, files=_names([file for _, file in hits])))
    return steps


def minutes(seconds: float) -> str:
    """A length of video for people: seconds below two minutes, else minutes to a tenth."""
    return f"{seconds:.0f} s" if seconds < 119.5 else f"{seconds / 60:.1f} min"


def _seconds(hits: Sequence[tuple[Finding, FileReport]]) -> float:
    return fsum(finding.seconds for finding, _ in hits)


def _names(files: Sequence[FileReport]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(file.name for file in files))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def sentence(words: str) -> str:
    """Words of a reason, which begin small, as a sentence; "" for none."""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}." if words else ""
