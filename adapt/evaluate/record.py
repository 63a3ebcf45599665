"""What does an evaluation say? The value objects behind `evaluation.json`, and their exact round trip."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from adapt.evaluate.blame import CANNOT_TELL, RUNGS, Blame
from adapt.evaluate.calibration import Calibration
from adapt.evaluate.drift import Drift
from adapt.evaluate.plain import rounded

# 1 was written before blame, drift and per-window errors were in it, by no released version.
FORMAT = 2
T = TypeVar("T")

BETTER, WORSE, NO_GAIN, TOO_FEW = "better", "worse", "no measurable gain", "too few windows"
TOO_FEW_SEEDS = "too few seeds"  # only where several trainings were compared
MEASURED, NOT_MEASURED, NOT_APPLICABLE = "measured", "not measured", "not applicable"

# The references a value is set beside; evaluation.json and the card use these words.
ZERO_SHOT = "zero-shot base"
COPY_LAST = "copy last frame"
CODEC_CEILING = "codec ceiling"
HOLD_LAST = "hold last"
MEAN = "mean of training"
TRUE_FUTURE = "read from the true future"
ROUND_TRIP = "read from the codec's round trip"
JOINT_HEAD = "told by the joint head"
# Who is judged; and beside whom, in the order in which a reader wants them.
ADAPTED = "adapted"
REFERENCES = (ZERO_SHOT, HOLD_LAST, MEAN, COPY_LAST, CODEC_CEILING, TRUE_FUTURE, ROUND_TRIP, JOINT_HEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One quantity of the adapted model, beside what simpler things reach.

    `value` is None where the quantity does not apply, and `note` then says why. All are errors (lower is better)
    but those whose `direction` is "higher".
    """

    id: str  # "video.motion_error", "actions.left_arm_0"
    group: str  # "video", "actions" or "retention"
    name: str  # in words, for a table
    unit: str  # "rad", "dB"; "" where it has none
    direction: str = "lower"  # is better: "lower" or "higher"
    windows: int = 0  # held-out windows it was measured on
    value: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)
    by_chunk: tuple[float, ...] = ()  # the value for each chunk of the horizon
    by_step: Mapping[str, tuple[float, ...]] = field(
        default_factory=dict
    )  # error at each action step of the first chunk
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Did adapting help, for one measure against one reference, and how sure is that."""

    measure: str  # id of the measure
    against: str
    difference: float  # adapted - reference; below zero is better
    low: float  # of the interval of that difference
    high: float
    windows: int
    verdict: str  # BETTER, WORSE, NO_GAIN or TOO_FEW
    sessions: int = 0  # recording sessions the windows come from
    seeds: int = 1  # trainings (or noise seeds) compared in pairs
    detectable: float | None = (
        None  # smallest true difference found in 80 % of repetitions; None where none can be told
    )
    clustered_by: str = ""  # what was resampled as a whole, in words: "session", "window within 2 sessions"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowErrors:
    """What every contender scored on one window, so that others can pair, cluster and rank the windows themselves."""

    window_id: str
    session: str
    errors: Mapping[str, Mapping[str, float]]  # by id of the measure, then by contender ("adapted" and references)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything `evaluation.json` holds; free of times and places, so equal runs give equal bytes."""

    kind: str  # "human" or "play"
    body: str  # embodiment of the held-out windows
    base: str
    base_revision: str
    windows: int  # held-out windows judged
    held_out: int  # held-out windows there are
    sessions: int  # recording sessions the judged windows come from
    same_session: bool  # training and validation share a session: optimistic
    settings: Mapping[str, Any]
    measures: tuple[Measure, ...]
    verdicts: tuple[Verdict, ...]
    summary: str  # the verdict in a sentence or two
    robot_effect: str  # "not measured: ...", until an episode on a robot or in a simulator says otherwise
    worst: tuple[str, ...] = ()  # window ids, worst imagined video first
    blame: Blame = field(default_factory=lambda: Blame(at_fault=CANNOT_TELL, reason="It was not looked into."))
    drift: Drift | None = None  # None where no long rollout was made
    calibration: Calibration | None = None  # None where the action head tells no spread, or there are no labels
    by_window: tuple[WindowErrors, ...] = ()  # held-out windows, then those of the base's own data

    def measure(self, id_: str) -> Measure:
        """The measure of that id.

        Raises:
            KeyError: There is none.
        """
        for measure in self.measures:
            if measure.id == id_:
                return measure
        raise KeyError(id_)


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain JSON, numbers rounded to six significant digits."""
    plain = rounded(asdict(evaluation))
    assert isinstance(plain, dict)
    return {"format": FORMAT, **plain}


def dump(evaluation: Evaluation) -> str:
    """The text of `evaluation.json`, the same for equal evaluations."""
    return json.dumps(to_json(evaluation), indent=2, sort_keys=True, allow_nan=False) + "\n"


def from_json(value: Mapping[str, Any]) -> Evaluation:
    """Read back what `to_json` gave, after checking it against the schema.

    Raises:
        DataError: The value is not an evaluation of this format; the message names the field.
    """
    from adapt.evaluate.schema import check_evaluation

    check_evaluation(value)
    known = {name: item for name, item in value.items() if name != "format"}
    known["measures"] = tuple(_measure(item) for item in known["measures"])
    known["verdicts"] = tuple(Verdict(**item) for item in known["verdicts"])
    known["worst"] = tuple(known["worst"])
    known["blame"] = _blame(known["blame"])
    known["drift"] = None if known["drift"] is None else _drift(known["drift"])
    known["calibration"] = None if known["calibration"] is None else Calibration(**known["calibration"])
    known["by_window"] = tuple(_window(item) for item in known["by_window"])
    return Evaluation(**known)


def _measure(item: Mapping[str, Any]) -> Measure:
    changed = {
        "by_chunk": tuple(item["by_chunk"]),
        "by_step": _tuples(item["by_step"]),
        "baselines": _ordered(item["baselines"]),
    }
    return Measure(**{**item, **changed})


def _blame(item: Mapping[str, Any]) -> Blame:
    return Blame(**{**item, "ladder": _ordered(item["ladder"]), "worst": tuple(item["worst"])})


def _drift(item: Mapping[str, Any]) -> Drift:
    rows = {name: _tuples(item[name]) for name in ("contenders", "actions")}
    return Drift(**{**item, **rows, "rollouts": tuple(item["rollouts"])})


def _window(item: Mapping[str, Any]) -> WindowErrors:
    return WindowErrors(**{**item, "errors": {id_: _ordered(row) for id_, row in item["errors"].items()}})


def _tuples(rows: Mapping[str, list[float]]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(row) for name, row in _ordered(rows).items()}


def _ordered(values: Mapping[str, T]) -> dict[str, T]:
    """In the order in which a reader wants them: files have their keys in alphabetical order."""
    order = {name: place for place, name in enumerate((ADAPTED, *REFERENCES, *RUNGS))}
    return {name: values[name] for name in sorted(values, key=lambda name: (order.get(name, len(order)), name))}
