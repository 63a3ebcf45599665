"""Does the adapted model succeed more often than its base? Two models in the same episodes, one training of each.

What is found is true of these two models. Another training of the same data differs by its luck, and only a study of
several (`adapt.evaluate.closed_loop_study`) says what data do.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from adapt.errors import DataError
from adapt.evaluate.closed_loop_intervals import LEAST_EPISODES, Limits, gain_limits
from adapt.evaluate.closed_loop_record import TOO_FEW_EPISODES
from adapt.evaluate.plain import rounded
from adapt.evaluate.record import BETTER, NO_GAIN, WORSE
from adapt.evaluate.resampling import Bootstrap
from adapt.evaluate.trials import Trials, from_json
from adapt.evaluate.trials import to_json as trials_json
from adapt.runs.documents import in_short

_VERBS = {BETTER: "more often", WORSE: "less often"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPair:
    """Episodes of a base and of the model adapted from it, and what sets them apart."""

    tasks: str  # which ones, in words
    base: Trials
    adapted: Trials
    gain: Limits  # by how much the adapted one succeeds more often

    @property
    def verdict(self) -> str:
        """What the interval allows to say of these two models."""
        if self.gain.episodes < LEAST_EPISODES:
            return TOO_FEW_EPISODES
        if self.gain.low > 0:
            return BETTER
        return WORSE if self.gain.high < 0 else NO_GAIN


def pair(tasks: str, base: Trials, adapted: Trials) -> TrialPair:
    """Set two models beside each other.

    Args:
        tasks: Which ones they were to do, in words.
        base: Episodes of the one.
        adapted: The same episodes, of the other.

    Raises:
        DataError: They did not act in the same episodes.
    """
    if _conditions(base) != _conditions(adapted):
        raise DataError(
            f"{tasks}: base and adapted model did not act in the same episodes under the same settings, so they cannot "
            "be compared. Let both act again, with the same tasks, seed, head and number of episodes."
        )
    gain = gain_limits(_successes(adapted), _successes(base), Bootstrap())
    return TrialPair(tasks=tasks, base=base, adapted=adapted, gain=gain)


def in_words(found: TrialPair) -> str:
    """The comparison as a sentence that claims nothing the interval does not hold."""
    gain, episodes = found.gain, f"{found.gain.episodes} episodes"
    points = f"{_points(gain.mid)} points ({_points(gain.low)} to {_points(gain.high)})"
    if found.verdict == TOO_FEW_EPISODES:
        return f"{points}: too few episodes ({gain.episodes}) for a verdict."
    if found.verdict == NO_GAIN:
        seen = "" if gain.detectable is None else f"; {gain.detectable * 100:.0f} would have been seen"
        return f"no measurable gain over the base in {episodes}, {points}{seen}."
    return f"{_VERBS[found.verdict]} than the base in {episodes}, {points}."


def to_json(found: TrialPair) -> dict[str, Any]:
    """Plain JSON: both models' episodes, and what follows from them."""
    return {
        "tasks": found.tasks,
        "base": trials_json(found.base),
        "adapted": trials_json(found.adapted),
        "gain": rounded(asdict(found.gain)),
        "verdict": found.verdict,
        "summary": in_words(found),
    }


def read_pair(value: Mapping[str, Any], *, source: str) -> TrialPair:
    """Read what `to_json` wrote; what follows from the episodes is worked out anew.

    Raises:
        DataError: It is damaged.
    """
    try:
        tasks, rows = str(value["tasks"]), (value["base"], value["adapted"])
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{source}: is damaged ({in_short(error)}). Delete its folder and give the same command again."
        ) from error
    base, adapted = (from_json(row, source=source) for row in rows)
    return pair(tasks, base, adapted)


def _conditions(trials: Trials) -> tuple[object, ...]:
    """All that decides an outcome but the weights."""
    return trials.body, trials.settings, [(episode.instruction, episode.seed) for episode in trials.episodes]


def _successes(trials: Trials) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    return np.array([[float(episode.success) for episode in trials.episodes]])


def _points(share: float) -> str:
    return f"{share * 100:+.0f}"
