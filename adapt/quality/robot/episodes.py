"""What is one episode worth, and what is there of each task? What ingest would take, and what of it is in doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from adapt.data.episodes import Episode
from adapt.data.splits import GAP
from adapt.quality import faults
from adapt.quality.files import Stretch, laid_out, split_s
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.idle import Idle
from adapt.quality.tasks import TaskReport
from adapt.types import BaseGeometry, Window

DOUBTED = "doubted"  # of stretches: ingest takes them, but something about them is wrong
NOT_FINITE = "not_finite"
NAMES = {
    faults.KEPT: "kept",
    DOUBTED: "kept, but something is wrong with it",
    faults.REST: "too short for a window",
    "gap": "left out between training and validation",
    NOT_FINITE: "NaN or infinity",
    faults.OTHER: "left out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeReport:
    """One episode, as ingest takes it.

    Attributes:
        index: Its number.
        seconds: Rows by their rate.
        tasks: Its instructions, in order of time.
        train_s: Seconds of kept windows to train on.
        validation_s: Seconds of kept windows held out.
        stretches: All its seconds, in order of time.
        rests: (from, to) in seconds, when the robot does nothing; () where its numbers cannot be read.
        idle_s: How long that is.
        doubts: Kinds of what is wrong with it.
    """

    index: int
    seconds: float
    tasks: tuple[str, ...]
    train_s: float
    validation_s: float
    stretches: tuple[Stretch, ...]
    rests: tuple[tuple[float, float], ...]
    idle_s: float
    doubts: tuple[str, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        return f"episode {self.index}"

    @property
    def usable_s(self) -> float:
        """Seconds of kept windows."""
        return self.train_s + self.validation_s

    @property
    def doubted_s(self) -> float:
        """Of these, seconds that something is wrong with."""
        return fsum(stretch.seconds for stretch in self.stretches if stretch.code == DOUBTED)

    def seconds_by_code(self) -> dict[str, float]:
        """Its seconds by what becomes of them, most first."""
        return seconds_by_code(self.stretches)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "episode": self.index,
            "tasks": list(self.tasks),
            "seconds": round(self.seconds, 3),
            "usable_seconds": round(self.usable_s, 3),
            "train_seconds": round(self.train_s, 3),
            "validation_seconds": round(self.validation_s, 3),
            "doubted_seconds": round(self.doubted_s, 3),
            "idle_seconds": round(self.idle_s, 3),
            "seconds_by_code": {code: round(seconds, 3) for code, seconds in self.seconds_by_code().items()},
            "timeline": [stretch.to_json() for stretch in self.stretches],
            "doubts": list(self.doubts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTask(TaskReport):
    """What there is of one task in a robot's data.

    Attributes:
        doubted_s: Of the usable seconds, those that something is wrong with.
    """

    doubted_s: float


def seconds_by_code(stretches: Sequence[Stretch]) -> dict[str, float]:
    """Seconds by what becomes of them, most first."""
    found: dict[str, float] = {}
    for stretch in stretches:
        found[stretch.code] = found.get(stretch.code, 0.0) + stretch.seconds
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def report_episodes(
    episodes: Sequence[Episode],
    windows: Sequence[Window],
    findings: Sequence[Finding],
    idle: Sequence[Idle],
    geometry: BaseGeometry,
) -> list[EpisodeReport]:
    """Put together what is known of each episode.

    Args:
        episodes: Those that can be read.
        windows: Theirs after the split, each episode's in order of time.
        findings: Of the whole data set.
        idle: Of those whose numbers can be read.
        geometry: Tells how long windows are.
    """
    wrong = [finding for finding in findings if finding.gravity == "wrong"]
    rests = {each.episode: each for each in idle}
    mine: dict[str, list[Window]] = {}
    for window in windows:
        mine.setdefault(window.session, []).append(window)
    return [
        _report(
            episode,
            mine.get(episode.session, []),
            tuple(dict.fromkeys(f.kind for f in wrong if not f.episodes or episode.index in f.episodes)),
            rests.get(episode.index),
            geometry,
        )
        for episode in episodes
    ]


def _report(
    episode: Episode, windows: Sequence[Window], doubts: tuple[str, ...], idle: Idle | None, geometry: BaseGeometry
) -> EpisodeReport:
    seconds = episode.length / episode.rate_hz

    def code_of(window: Window) -> str:
        """What becomes of a window of this episode."""
        if window.rejection:
            return "gap" if window.rejection == GAP else NOT_FINITE if "NaN" in window.rejection else faults.OTHER
        return DOUBTED if doubts else faults.KEPT

    return EpisodeReport(
        index=episode.index,
        seconds=seconds,
        tasks=tuple(dict.fromkeys(span.instruction for span in episode.spans)),
        train_s=split_s(windows, "train", geometry),
        validation_s=split_s(windows, "validation", geometry),
        stretches=tuple(laid_out(windows, geometry, seconds, code_of)),
        rests=() if idle is None else idle.rests,
        idle_s=0.0 if idle is None else idle.idle_s,
        doubts=doubts,
    )


def report_tasks(
    episodes: Sequence[Episode],
    windows: Sequence[Window],
    doubted: Mapping[str, bool],
    geometry: BaseGeometry,
    wanted: tuple[float, int],
) -> list[RecordedTask]:
    """One row for each instruction, in order of text.

    Args:
        episodes: Those that can be read.
        windows: Theirs after the split.
        doubted: By session, whether something is wrong with the episode.
        geometry: Tells how long windows are.
        wanted: Seconds of kept windows, and episodes, that all tasks together should have.
    """
    lasts: dict[str, float] = {}
    for episode in episodes:
        for span in episode.spans:
            lasts[span.instruction] = lasts.get(span.instruction, 0.0) + span.end_s - span.start_s + 1 / episode.rate_hz
    share = max(1, len(lasts))
    found = []
    for task, seconds in sorted(lasts.items()):
        kept = [window for window in windows if window.instruction == task and not window.rejection]
        usable = {split: split_s(kept, split, geometry) for split in ("train", "validation")}
        missing_s = max(0.0, wanted[0] / share - fsum(usable.values()))
        sessions = len({window.session for window in kept})
        found.append(
            RecordedTask(
                instruction=task,
                seconds=seconds,
                usable_s=fsum(usable.values()),
                doubted_s=fsum(geometry.window_s(w.chunks) for w in kept if doubted.get(w.session)),
                train_s=usable["train"],
                validation_s=usable["validation"],
                sessions=sessions,
                missing_s=missing_s,
                missing_sessions=max(0, -(-wanted[1] // share) - sessions),
            )
        )
    return found
