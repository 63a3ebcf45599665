"""What is a robot's data set worth? Ingest's own judgement, and what its numbers and pictures add."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Any

from adapt.data.play_windows import SeenPlay
from adapt.data.splits import assign_splits
from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import Embodiment
from adapt.errors import EmbodimentError
from adapt.quality.findings import LOST
from adapt.quality.findings import Finding as Lost
from adapt.quality.goals import HeldOut
from adapt.quality.robot.coverage import AxisCoverage
from adapt.quality.robot.episodes import EpisodeReport, RecordedTask, report_episodes, report_tasks
from adapt.quality.robot.examine import RobotExamination
from adapt.quality.robot.findings import Finding, Tally, by_gravity
from adapt.quality.robot.goals import Step, mend_files, record_next, wanted_in_all
from adapt.quality.robot.idle import idle_share
from adapt.quality.robot.lag import Lag
from adapt.types import BaseGeometry, Window

_NO_REMEDY = "Look where they come from, and record or convert the episode again"
_OF_PAIRS = ("constant", "clipped", "stuck", "order")
# How the reasons of readers and of ingest begin, or what they hold.
_CODES = {
    "is missing": "missing",
    "Git LFS pointer": "lfs_pointer",
    "NaN or infinity": "not_finite",
    "shortest window": "too_short",
    "was withdrawn": "withdrawn",
    "is stamped": "clock",
    "more than": "length",
    " lasts ": "length",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRules:
    """What decides which windows are kept.

    Attributes:
        spec: The body that numbers are read as.
        guessed: Whether nobody gave that spec.
        geometry: Of the base.
        windows: Longest and shortest window, and the share of them that is held out.
    """

    spec: Embodiment
    guessed: bool
    geometry: BaseGeometry
    windows: WindowConfig

    @property
    def share(self) -> float:
        """Share of the windows that is held out."""
        return self.windows.validation_share


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotReport:
    """All that is known of a robot's data set before anything is trained.

    Attributes:
        rules: By which it was judged.
        examination: Findings and figures; findings hold those that ingest makes, too.
        episodes: Every episode that can be read, in order.
        others: (file or episode, finding) of what cannot be used at all.
        tasks: What there is of each task.
        held_out: What there is to judge by.
        steps: What to do next, the most rewarding first.
    """

    rules: PlayRules
    examination: RobotExamination
    episodes: tuple[EpisodeReport, ...]
    others: tuple[tuple[str, Lost], ...]
    tasks: tuple[RecordedTask, ...]
    held_out: HeldOut
    steps: tuple[Step, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The gravest first."""
        return self.examination.findings

    @property
    def seconds(self) -> float:
        """Seconds of episodes that can be read."""
        return fsum(episode.seconds for episode in self.episodes)

    @property
    def usable_s(self) -> float:
        """Seconds of kept windows."""
        return fsum(episode.usable_s for episode in self.episodes)

    @property
    def doubted_s(self) -> float:
        """Of these, seconds that something is wrong with."""
        return fsum(episode.doubted_s for episode in self.episodes)

    @property
    def idle_share(self) -> float:
        """Share of the time in which the robot rests, in [0, 1]."""
        return idle_share(self.examination.idle)

    @property
    def is_usable(self) -> bool:
        """Whether an adaptation could begin with what there is."""
        return self.usable_s > 0

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "usable": self.is_usable,
            "minutes": round(self.seconds / 60, 3),
            "usable_minutes": round(self.usable_s / 60, 3),
            "doubted_minutes": round(self.doubted_s / 60, 3),
            "train_minutes": round(fsum(episode.train_s for episode in self.episodes) / 60, 3),
            "validation_minutes": round(fsum(episode.validation_s for episode in self.episodes) / 60, 3),
            "idle_share": round(self.idle_share, 4),
            "held_out_windows": self.held_out.windows,
            "held_out_sessions": self.held_out.sessions,
            "same_session": self.held_out.same_session,
            "tasks": [task.to_json() for task in self.tasks],
            "findings": [finding.to_json() for finding in self.findings],
            "latency": _latency(self.examination),
            "coverage": [_coverage(axis) for axis in self.examination.coverage],
            "episodes": [episode.to_json() for episode in self.episodes],
            "others": [{"file": name, **finding.to_json()} for name, finding in self.others],
            "record_next": [step.to_json() for step in self.steps],
        }


def report_robot(seen: SeenPlay, examination: RobotExamination, rules: PlayRules, where: str) -> RobotReport:
    """Put together what ingest would take and what the examination found.

    Args:
        seen: What ingest would take.
        examination: Of the same episodes.
        rules: By which both were made.
        where: The data set's name in messages.
    """
    refused = _refused(seen, where)
    more = [_copied(refused)] if refused else []
    judged = [_guessed(finding) if rules.guessed else finding for finding in examination.findings]
    findings = by_gravity([*more, *judged, *_not_finite(seen, examination)])
    examination = replace(examination, findings=tuple(findings))
    windows, same_session = assign_splits(
        [_rejected(w) for w in seen.windows] if refused else seen.windows, rules.share
    )
    episodes = report_episodes(seen.episodes, windows, findings, examination.idle, rules.geometry)
    doubted = {episode.name: bool(episode.doubts) for episode in episodes}
    tasks = report_tasks(seen.episodes, windows, doubted, rules.geometry, wanted_in_all(rules.share))
    held_out = _held_out(windows, same_session=same_session)
    others = _others(seen, examination, where)
    steps = record_next(findings, tasks, held_out, examination.coverage, rules.spec)
    return RobotReport(
        rules=rules,
        examination=examination,
        episodes=tuple(episodes),
        others=tuple(others),
        tasks=tuple(tasks),
        held_out=held_out,
        steps=(*mend_files(others), *steps),
    )


def _guessed(finding: Finding) -> Finding:
    """What rests on a command and a state that belong together by their names alone is less than certain."""
    return replace(finding, gravity="suspect") if finding.kind in _OF_PAIRS and finding.gravity == "wrong" else finding


def _rejected(window: Window) -> Window:
    """One that ingest refuses together with all others."""
    return replace(window, rejection=window.rejection or "its actions are nothing but the state")


def _refused(seen: SeenPlay, where: str) -> str:
    try:
        seen.copied.refuse(where)
    except EmbodimentError as error:
        return str(error)
    return ""


def _copied(message: str) -> Finding:
    found, _, remedy = message.rstrip(".").rpartition(". ")
    return Finding(
        kind="copied state",
        subject="action columns",
        found=found.partition(": ")[2] or found,
        remedy=remedy,
        gravity="wrong",
    )


def _not_finite(seen: SeenPlay, examination: RobotExamination) -> list[Finding]:
    """Episodes whose numbers could not be looked at, though ingest takes some windows of them, or all."""
    tally = Tally(kind="not finite", subject="rows", remedy=_NO_REMEDY, gravity="suspect")
    unread = dict(examination.unread)
    for episode in seen.episodes:
        windows = [window for window in seen.windows if window.session == episode.session]
        if windows and episode.session in unread:
            lost = sum(bool(window.rejection) for window in windows)
            words = unread[episode.session].rstrip(".")
            tally.add(
                episode.index, float(lost), f"{words}; {lost} of its windows are left out, and nothing else was judged"
            )
    return tally.findings(len(seen.episodes))


def _others(seen: SeenPlay, examination: RobotExamination, where: str) -> list[tuple[str, Lost]]:
    """What gives nothing at all, each file or episode once for each reason."""
    kept = {window.session for window in seen.windows if not window.rejection}
    known = dict.fromkeys([*seen.problems, *(each for each in examination.unread if each[0] not in kept)])
    found = ((name, _lost(words.replace(f"{where}/", "").removeprefix(f"{name}: "))) for name, words in known)
    return sorted(found, key=lambda item: item[0])


def _lost(words: str) -> Lost:
    code = next((code for part, code in _CODES.items() if part in words), "unreadable")
    plain = words.rstrip(".")
    cut = ". " if ". " in plain else "; "
    found, _, remedy = plain.rpartition(cut)
    return Lost(code=code, weight=LOST, found=found or plain, remedy=remedy if found else _NO_REMEDY)


def _held_out(windows: Sequence[Window], *, same_session: bool) -> HeldOut:
    held_out = [window for window in windows if window.split == "validation"]
    sessions = {window.session for window in held_out}
    return HeldOut(windows=len(held_out), sessions=len(sessions), same_session=same_session)


def _latency(examination: RobotExamination) -> dict[str, Any] | None:
    if examination.latency is None:
        return None
    latency = examination.latency
    return {
        "command_to_state": _lag(latency.command_to_state),
        "state_to_picture": {camera: _lag(lag) for camera, lag in latency.state_to_picture.items()},
        "command_to_picture": {camera: _lag(lag) for camera, lag in latency.command_to_picture.items()},
    }


def _lag(lag: Lag) -> dict[str, Any]:
    numbers = {"seconds": lag.seconds, "low": lag.low, "high": lag.high, "fit": lag.fit}
    return {
        **{key: None if value is None else round(value, 4) for key, value in numbers.items()},
        "unknown": lag.unknown,
    }


def _coverage(axis: AxisCoverage) -> dict[str, Any]:
    return {
        "kind": axis.kind,
        "axis": axis.name,
        "unit": axis.unit,
        "low": axis.low,
        "high": axis.high,
        "limits": None if axis.limits is None else list(axis.limits),
        "values": {"edges": list(axis.values.edges), "counts": list(axis.values.counts)},
        "speeds": {"edges": list(axis.speeds.edges), "counts": list(axis.speeds.counts)},
        "speed_q99": axis.speed_q99,
    }
