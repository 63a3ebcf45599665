"""How often did each arm do what it was told, and which differences are more than luck? Episodes in, tables out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from adapt.evaluate.closed_loop_intervals import (
    LEAST_EPISODES,
    LEAST_SEEDS,
    Limits,
    gain_limits,
    rate_limits,
    share_limits,
)
from adapt.evaluate.closed_loop_record import TOO_FEW_EPISODES, ArmRate, Gain, Share, Table
from adapt.evaluate.record import BETTER, NO_GAIN, TOO_FEW_SEEDS, WORSE
from adapt.evaluate.resampling import Bootstrap

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acted:
    """What came of an arm's episodes: a row a training, a column an episode, the same ones in all arms.

    Attributes:
        success: 1 where the task was done, else 0.
        progress: Share of the way, in [0, 1].
        as_shown: 1 where was done what the wrong video shows under these words; None where that was not looked at.
    """

    success: Float[np.ndarray, "s e"]
    progress: Float[np.ndarray, "s e"]
    as_shown: Float[np.ndarray, "s e"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Under what the arms of a table acted; words as in `Table`."""

    condition: str = ""
    head: str
    tasks: str
    body: str


def make_table(
    setting: Setting, acted: Mapping[str, Acted], bootstrap: Bootstrap, *, pairs: Pairs, kept: Pairs = ()
) -> Table:
    """Rates of all arms and the differences between them.

    Args:
        setting: Under what they acted.
        acted: By arm, in the order in which a reader wants them.
        bootstrap: How intervals are made.
        pairs: Which arms are compared with which; those that took no part are passed over.
        kept: Of which arm's successes which other's are told as a share.
    """
    gains = [
        make_gain(arm, against, gain_limits(acted[arm].success, acted[against].success, bootstrap))
        for arm, against in pairs
        if arm in acted and against in acted
    ]
    shares = [
        make_share(arm, of, share_limits(acted[arm].success, acted[of].success, bootstrap))
        for arm, of in kept
        if arm in acted and of in acted
    ]
    return Table(
        condition=setting.condition,
        head=setting.head,
        tasks=setting.tasks,
        body=setting.body,
        arms=tuple(make_rate(name, item, bootstrap) for name, item in acted.items()),
        gains=tuple(gains),
        shares=tuple(shares),
    )


def make_rate(name: str, acted: Acted, bootstrap: Bootstrap) -> ArmRate:
    """One arm's row."""
    limits = rate_limits(acted.success, bootstrap)
    return ArmRate(
        name=name,
        success=limits.mid,
        low=limits.low,
        high=limits.high,
        by_seed=tuple(float(value) for value in acted.success.mean(axis=1)),
        progress=float(acted.progress.mean()),
        episodes=limits.episodes,
        seeds=limits.seeds,
        as_shown=None if acted.as_shown is None else float(acted.as_shown.mean()),
    )


def make_gain(arm: str, against: str, limits: Limits) -> Gain:
    """A difference and its verdict; it says something of trainings in general, so it asks for several."""
    return Gain(
        arm=arm,
        against=against,
        mid=limits.mid,
        low=limits.low,
        high=limits.high,
        detectable=limits.detectable,
        verdict=word(limits),
    )


def make_share(arm: str, of: str, limits: Limits | None) -> Share:
    """What is kept, or nothing where there was nothing to keep."""
    if limits is None:
        return Share(arm=arm, of=of, mid=None, low=None, high=None)
    return Share(arm=arm, of=of, mid=limits.mid, low=limits.low, high=limits.high)


def word(limits: Limits) -> str:
    """The verdict that an interval of a difference of success rates allows; more is better."""
    if limits.episodes < LEAST_EPISODES:
        return TOO_FEW_EPISODES
    if limits.seeds < LEAST_SEEDS:
        return TOO_FEW_SEEDS
    if limits.low > 0:
        return BETTER
    return WORSE if limits.high < 0 else NO_GAIN
