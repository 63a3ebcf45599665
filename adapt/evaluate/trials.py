"""What came of a policy's episodes? The record behind `trials.json`, its exact interval, and how each task went."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy import special

from adapt.errors import DataError
from adapt.evaluate.plain import rounded
from adapt.evaluate.schema import find_problem, read_schema

FORMAT = 1
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRecord:
    """How one episode ended."""

    instruction: str
    seed: int
    success: bool
    progress: float  # share of the way, in [0, 1]
    steps: int  # control steps
    done: str = ""  # the instruction that the ending fulfils; empty for none, or where nobody can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of so many, and the exact interval of the probability behind it."""

    successes: int
    episodes: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How the episodes of one instruction went."""

    instruction: str
    success: Share
    progress: float  # mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """The episodes of one policy: one trained model, or one that was planted.

    Nothing here speaks of other trainings: those differ by their seed alone, which these intervals leave out.
    """

    subject: Mapping[str, str]  # who acted: kind, name, and what tells it apart from others
    body: str
    settings: Mapping[str, Any]  # what else decided the outcome
    episodes: tuple[EpisodeRecord, ...]

    @property
    def success(self) -> Share:
        """Over all episodes."""
        return share_of(self.episodes)

    @property
    def progress(self) -> float:
        """Mean over all episodes."""
        return sum(episode.progress for episode in self.episodes) / len(self.episodes)

    @property
    def by_task(self) -> tuple[TaskResult, ...]:
        """One result an instruction, in the order in which they first come."""
        found: dict[str, list[EpisodeRecord]] = {}
        for episode in self.episodes:
            found.setdefault(episode.instruction, []).append(episode)
        return tuple(
            TaskResult(
                instruction=instruction,
                success=share_of(episodes),
                progress=sum(episode.progress for episode in episodes) / len(episodes),
            )
            for instruction, episodes in found.items()
        )


def share_of(episodes: Sequence[EpisodeRecord]) -> Share:
    """The share of successes among episodes.

    Raises:
        DataError: There is no episode.
    """
    if not episodes:
        raise DataError("trials: there is no episode, so there is no share of successes. Run at least one.")
    successes = sum(episode.success for episode in episodes)
    low, high = binomial_interval(successes, len(episodes))
    return Share(successes=successes, episodes=len(episodes), share=successes / len(episodes), low=low, high=high)


def binomial_interval(successes: int, count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Limits of the probability behind so many successes, that hold at least this often whatever the probability is.

    It takes episodes for independent. With tasks of different difficulty in equal numbers it is on the safe side: the
    share then varies less than that of a coin.

    Args:
        successes: Of them.
        count: Of all episodes.
        confidence: How often the limits must hold.

    Source:
        Clopper and Pearson 1934, Biometrika 26(4), by quantiles of the beta distribution.
    """
    tail = (1 - confidence) / 2
    low = float(special.betaincinv(successes, count - successes + 1, tail)) if successes > 0 else 0.0
    high = float(special.betaincinv(successes + 1, count - successes, 1 - tail)) if successes < count else 1.0
    return low, high


def to_json(trials: Trials) -> dict[str, Any]:
    """Plain JSON: the record, and what follows from it, rounded to six digits."""
    return {
        "format": FORMAT,
        "subject": dict(trials.subject),
        "body": trials.body,
        "settings": rounded(dict(trials.settings)),
        "confidence": CONFIDENCE,
        "success": rounded(asdict(trials.success)),
        "progress": rounded(trials.progress),
        "by_task": [rounded(asdict(result)) for result in trials.by_task],
        "episodes": [rounded(asdict(episode)) for episode in trials.episodes],
    }


def from_json(value: Mapping[str, Any], *, source: str = "trials.json") -> Trials:
    """Read what `to_json` wrote.

    Raises:
        DataError: It does not keep the schema, or its figures are not those of its episodes.
    """
    problem = find_problem(value, read_schema("trials_schema.json"), source)
    if problem:
        raise DataError(f"{problem}. Run `wam-adapt sim try` again to write it anew.")
    trials = Trials(
        subject=value["subject"],
        body=value["body"],
        settings=value["settings"],
        episodes=tuple(EpisodeRecord(**episode) for episode in value["episodes"]),
    )
    told = json.dumps(value["success"], sort_keys=True)
    if told != json.dumps(rounded(asdict(trials.success)), sort_keys=True):
        raise DataError(f"{source}: 'success' is not what its episodes give. Run `wam-adapt sim try` again.")
    return trials
