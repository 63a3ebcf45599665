"""What is a report told? Records that stages wrote, frames and curves in memory, and where all of it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapt.evaluate.closed_loop_record import ClosedLoopRecord
from adapt.evaluate.record import Evaluation
from adapt.evaluate.rollout_sheet import Scene
from adapt.evaluate.shown import Shown
from adapt.evaluate.study_record import StudyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Losses on the way, as finetune's training.json holds them; each entry has "step" and losses by name."""

    training: Sequence[Mapping[str, int | float]]
    validation: Sequence[Mapping[str, int | float]]
    best_step: int  # whose weights were kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the judged model came from, for a person who wants to make it again; no paths but their last names."""

    source: str  # last name of the folder of videos or of the data set
    instructions: tuple[str, ...]
    training_minutes: float  # of the windows trained with; those held out do not count
    windows: Mapping[str, int]  # by split: "train", "validation", "rejected"
    sessions: int  # recording sessions, trained with and held out
    rejections: Mapping[str, int] = field(default_factory=dict)  # reason -> windows
    labels: Mapping[str, int] = field(default_factory=dict)  # windows by the provenance of their actions
    replay: str = "none"  # what was mixed in, in words
    trained: str = ""  # which tensors were trained, in words
    recipe: Mapping[str, object] = field(default_factory=dict)  # every setting, by its dotted name
    versions: Mapping[str, str] = field(default_factory=dict)  # of wam-adapt and what it stands on
    stages: Mapping[str, str] = field(default_factory=dict)  # the key of each stage's result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """What policies did in the first few episodes of a trial, all of them in the same ones."""

    scenes: Sequence[Scene]
    episodes: int  # of the trial
    films: Mapping[str, str] = field(default_factory=dict)  # by policy: where its film lies, from the page's folder on
    missing: tuple[str, ...] = ()  # policies of which there are none

    @property
    def otherwise(self) -> tuple[str, ...]:
        """Policies that did otherwise than was counted, and so are not shown in every scene."""
        return tuple(dict.fromkeys(take.who for scene in self.scenes for take in scene.takes if take.strip is None))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportFacts:
    """Everything a report says. What is None, or empty, is said to be missing, and why where that is known.

    At least one of `evaluation`, `study` and `closed_loop` must be there; the last stands alone.
    """

    evaluation: Evaluation | None
    shown: Sequence[Shown] = ()  # worst imagined first
    curves: Curves | None = None
    provenance: Provenance | None = None
    study: StudyRecord | None = None
    closed_loop: ClosedLoopRecord | None = None
    pictures: Pictures | None = None  # of the study in closed loop
    chunk_s: float = 1.6  # seconds of the base's chunk
