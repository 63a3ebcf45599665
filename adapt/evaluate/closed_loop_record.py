"""What does a study in closed loop say? Arms that acted in the same episodes: the value objects behind its record."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from adapt.errors import DataError
from adapt.evaluate.closed_loop_arms import MAIN_GAIN
from adapt.evaluate.plain import rounded
from adapt.runs.documents import in_short, parse_object
from adapt.runs.typed import find_misfit

FORMAT = 1

VIDEO, PLAY, SWEEP = "video", "play", "sweep"
CLAIMS = (VIDEO, PLAY, SWEEP)

# Of a comparison, beside "better", "worse", "no measurable gain" and "too few seeds" of `adapt.evaluate.record`.
TOO_FEW_EPISODES = "too few episodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRate:
    """How an arm did in its episodes."""

    name: str  # one of `closed_loop_arms`
    success: float  # share of episodes, over all trainings
    low: float  # of the success rate's interval
    high: float
    by_seed: tuple[float, ...]  # success of each training; of the one policy where nothing is trained
    progress: float  # mean share of the way
    episodes: int  # different ones; each training acts in all of them
    seeds: int
    as_shown: float | None = None  # share of episodes in which was done what the wrong video shows; None: not looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """By how much one arm succeeds more often than another, in the same episodes and from the same training seeds."""

    arm: str
    against: str
    mid: float  # difference of success rates; above zero is better
    low: float
    high: float
    detectable: float | None  # smallest true gain found four times in five; None: cannot be told
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What share of another's successes an arm keeps; None where the other never succeeds."""

    arm: str
    of: str
    mid: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All arms under one condition, acting with one head on one set of tasks."""

    condition: str  # "" where there is one alone; else such as "labelled, 30 minutes"
    head: str  # "inverse_dynamics", "joint" or "both"
    tasks: str  # "held-out" or "seen"
    body: str  # that acts
    arms: tuple[ArmRate, ...]
    gains: tuple[Gain, ...]
    shares: tuple[Share, ...] = ()

    def arm(self, name: str) -> ArmRate | None:
        """An arm's row; None where it took no part."""
        return next((item for item in self.arms if item.name == name), None)

    def gain(self, arm: str, against: str) -> Gain | None:
        """The comparison of two arms; None where it was not made."""
        return next((item for item in self.gains if (item.arm, item.against) == (arm, against)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An earlier plan of the same name under which episodes were run: nothing that was tried is left unsaid."""

    fingerprint: str
    why: str  # it was given up, in the words of who gave it up
    changed: tuple[str, ...]  # keys in which the plan after it differs
    finished: str  # "all", or how many trials of how many had been run
    verdict: str  # empty where it never came to one
    found: Mapping[str, float] = field(default_factory=dict)  # success by arm, where it came to a verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a record came about: what another machine, or another day, has otherwise."""

    command: str
    commit: str
    minutes: float  # of one core each, all recordings, trainings and trials together
    hardware: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLoopRecord:
    """One study: its plan, what came of it, and what may be concluded. The first table is the one it was made for."""

    claim: str  # one of CLAIMS
    plan: str  # name of its recipe
    fingerprint: str  # of the plan and the base's weights
    base: str
    base_revision: str
    seeds: tuple[int, ...]  # of the trainings
    episodes: int  # of each training on the tasks in question
    target: float  # gain that was aimed at
    data: Mapping[str, Any]  # what was recorded and what of it was kept, by data set
    settings: Mapping[str, Any]  # the whole plan
    tables: tuple[Table, ...]
    verdict: str  # one of `closed_loop_words`
    summary: str
    findings: tuple[str, ...]  # what else the tables say, each a sentence
    tried: tuple[Tried, ...]
    made: Made

    @property
    def first(self) -> Table:
        """The table that the verdict goes by."""
        return self.tables[0]

    @property
    def trial_count(self) -> int:
        """Episodes acted in, over all arms, trainings, heads and tasks."""
        return sum(arm.episodes * arm.seeds for table in self.tables for arm in table.arms)

    def main_gain(self) -> Gain | None:
        """The comparison that the study was made for."""
        return self.first.gain(*MAIN_GAIN[self.claim])


def dump(record: ClosedLoopRecord) -> str:
    """The record as text; numbers have six significant digits."""
    return (
        json.dumps({"format": FORMAT, **rounded(asdict(record))}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    )


def parse(text: str, where: str) -> ClosedLoopRecord:
    """What `dump` wrote.

    Raises:
        DataError: It is of another format, or damaged.
    """
    try:
        value = parse_object(text)
        if value.pop("format") != FORMAT:
            raise DataError(f"{where}: is of another format than {FORMAT}; use the version that wrote it.")
        record = ClosedLoopRecord(
            **{
                **value,
                "seeds": tuple(value["seeds"]),
                "findings": tuple(value["findings"]),
                "tables": tuple(_table(item) for item in value["tables"]),
                "tried": tuple(Tried(**{**item, "changed": tuple(item["changed"])}) for item in value["tried"]),
                "made": Made(**value["made"]),
            }
        )
        if problem := find_misfit(record, ClosedLoopRecord, "the record"):
            raise ValueError(problem)
        return record
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{where}: is damaged ({in_short(error)}); give the same `wam-adapt sim study` command again."
        ) from error


def _table(value: dict[str, Any]) -> Table:
    return Table(
        **{
            **value,
            "arms": tuple(ArmRate(**{**item, "by_seed": tuple(item["by_seed"])}) for item in value["arms"]),
            "gains": tuple(Gain(**item) for item in value["gains"]),
            "shares": tuple(Share(**item) for item in value["shares"]),
        }
    )
