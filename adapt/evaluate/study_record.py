"""What does a study say? The value objects behind `study.json`, and their exact round trip."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from adapt.errors import DataError
from adapt.evaluate.plain import rounded
from adapt.evaluate.schema import find_problem, read_schema

FORMAT = 1

# What a measure lets one conclude, as `Finding.code`.
TAUGHT = "taught"
LOOKS = "looks"
NOT_THE_TASK = "not the task"
MORE_TRAINING = "more training"
NO_GAIN = "no measurable gain"
HARMED = "harmed"
NOT_SEPARATED = "not separated"
CANNOT_TELL = "cannot tell"
CODES = (TAUGHT, LOOKS, NOT_THE_TASK, MORE_TRAINING, NO_GAIN, HARMED, NOT_SEPARATED, CANNOT_TELL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One of the trainings compared; or why it could not be made."""

    name: str  # "base", "replay", "new", "wrong" or "shuffled"
    about: str  # in words, for a table
    seeds: tuple[int, ...]  # of its trainings, or of the noise it imagined from where nothing is trained
    trained: bool  # False for the base
    problem: str = ""  # why it is not applicable; empty where it was made
    windows: Mapping[str, int] | None = None  # training windows by origin: "new", "replay"; None where not trained


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmMeasure:
    """One quantity, an error, in every arm; all are lower when better.

    `arms` holds the arms it was measured in; `note` says why others, or all, are missing.
    """

    id: str  # "video.latent_error", "actions.overall"
    group: str  # "video", "actions" or "retention"
    name: str  # in words
    unit: str  # "" where it has none
    windows: int  # windows it was measured on
    sessions: int  # recording sessions these come from
    arms: Mapping[str, float]  # mean over windows and seeds
    by_seed: Mapping[str, tuple[float, ...]]  # mean over windows, for each seed
    references: Mapping[str, float]  # trivial guesses on the same windows: "copy last frame", "hold last"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One arm against another, or against a trivial guess, on the same windows, seeds and noise."""

    measure: str  # id of the measure
    arm: str
    against: str  # an arm, or a trivial guess
    difference: float  # arm - against; below zero is better
    low: float  # of the bootstrap interval, clustered as `clustered_by` says
    high: float
    detectable: float | None  # smallest difference that such a study finds four times in five; None: cannot be told
    windows: int
    sessions: int
    seeds: int
    clustered_by: str  # in words
    verdict: str  # as in `adapt.evaluate.record`: "better", "worse", "no measurable gain" or "too few windows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the contrasts of one measure, taken together, let one conclude."""

    measure: str
    code: str  # one of CODES
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """Everything `study.json` holds; free of times and places, so equal studies give equal bytes."""

    kind: str  # "human" or "play"
    body: str  # embodiment of the held-out windows
    base: str
    base_revision: str
    replay: str  # where replay came from: "base", "folder" or "none"
    steps: int  # optimiser steps of every training
    batch_size: int
    seeds: tuple[int, ...]
    windows: int  # held-out windows judged
    held_out: int  # held-out windows there are
    sessions: int  # recording sessions the judged windows come from
    same_session: bool  # training and validation share a session: optimistic
    settings: Mapping[str, Any]
    arms: tuple[Arm, ...]
    wrong_instructions: Mapping[str, str]  # what each instruction was replaced by in the arm "wrong"
    measures: tuple[ArmMeasure, ...]
    contrasts: tuple[Contrast, ...]
    findings: tuple[Finding, ...]  # one a measure of video or actions; the first is the study's
    curves: Mapping[str, tuple[Mapping[str, int | float], ...]]  # training losses by "arm-seed": "step" and each loss
    verdict: str  # code of the first finding
    summary: str  # the verdict in a few sentences
    robot_effect: str  # "not measured: ...", until an episode on a robot or in a simulator says otherwise

    def contrast(self, measure: str, arm: str, against: str) -> Contrast | None:
        """The contrast of two arms for a measure; None where it could not be made."""
        wanted = (measure, arm, against)
        return next((item for item in self.contrasts if (item.measure, item.arm, item.against) == wanted), None)

    def measure(self, id_: str) -> ArmMeasure | None:
        """The measure of that id; None where there is none."""
        return next((item for item in self.measures if item.id == id_), None)


def to_json(record: StudyRecord) -> dict[str, Any]:
    """The study as plain JSON, numbers rounded to six significant digits."""
    plain = rounded(asdict(record))
    assert isinstance(plain, dict)
    return {"format": FORMAT, **plain}


def dump(record: StudyRecord) -> str:
    """The text of `study.json`, the same for equal studies."""
    return json.dumps(to_json(record), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def from_json(value: Mapping[str, Any]) -> StudyRecord:
    """Read back what `to_json` gave, after checking it against the schema.

    Raises:
        DataError: The value is not a study of this format; the message names the field.
    """
    if problem := find_problem(value, study_schema(), "study.json"):
        raise DataError(f"{problem}. Run `wam-adapt study` again to write it anew.")
    known: dict[str, Any] = {name: item for name, item in value.items() if name != "format"}
    known["arms"] = tuple(Arm(**{**item, "seeds": tuple(item["seeds"])}) for item in known["arms"])
    known["measures"] = tuple(_measure(item) for item in known["measures"])
    known["contrasts"] = tuple(Contrast(**item) for item in known["contrasts"])
    known["findings"] = tuple(Finding(**item) for item in known["findings"])
    known["curves"] = {name: tuple(curve) for name, curve in known["curves"].items()}
    known["seeds"] = tuple(known["seeds"])
    return StudyRecord(**known)


def study_schema() -> Mapping[str, Any]:
    """The JSON schema (draft 2020-12) that every `study.json` keeps."""
    return read_schema("study_schema.json")


def _measure(item: Mapping[str, Any]) -> ArmMeasure:
    return ArmMeasure(**{**item, "by_seed": {name: tuple(values) for name, values in item["by_seed"].items()}})
