"""Base and adapted model in the same episodes: the sentence says what the interval holds, and no more."""

import json
from dataclasses import replace

import numpy as np
import pytest

from adapt.errors import DataError
from adapt.evaluate.closed_loop_record import TOO_FEW_EPISODES
from adapt.evaluate.record import BETTER, NO_GAIN, WORSE
from adapt.evaluate.trial_pairs import TrialPair, in_words, pair, read_pair, to_json
from adapt.evaluate.trials import EpisodeRecord, Trials

HEAD = "inverse_dynamics"


def trials(done: list[bool], **settings: object) -> Trials:
    """Episodes that ended like this."""
    episodes = tuple(
        EpisodeRecord(instruction="pour", seed=number, success=success, progress=float(success), steps=80)
        for number, success in enumerate(done)
    )
    settings = {"head": HEAD, **settings}
    return Trials(subject={"kind": "model", "name": "m"}, body="arm", settings=settings, episodes=episodes)


def found(base: list[bool], adapted: list[bool]) -> TrialPair:
    return pair("new tasks", trials(base), trials(adapted))


def first(count: int, of: int = 120) -> list[bool]:
    return [number < count for number in range(of)]


def test_many_more_successes_are_better_and_the_other_way_round_worse() -> None:
    gained, lost = found(first(3), first(45)), found(first(45), first(3))
    assert (gained.verdict, lost.verdict) == (BETTER, WORSE)
    assert in_words(gained).startswith("more often than the base in 120 episodes, +35 points (+2")
    assert in_words(lost).startswith("less often than the base in 120 episodes, -35 points (-4")


def test_a_few_more_are_no_measurable_gain_and_what_would_have_been_seen_is_said() -> None:
    off = found(first(4), first(5))
    assert off.verdict == NO_GAIN
    assert "no measurable gain over the base in 120 episodes, +1 points (-" in in_words(off)
    assert "would have been seen" in in_words(off)


def test_two_that_never_succeed_are_not_said_to_be_equal_to_the_last_digit() -> None:
    none = found(first(0), first(0))
    assert none.verdict == NO_GAIN
    assert none.gain.low < 0 < none.gain.high


def test_few_episodes_give_no_verdict_however_far_apart_they_are() -> None:
    few = found(first(0, of=40), first(40, of=40))
    assert few.verdict == TOO_FEW_EPISODES
    assert in_words(few).endswith("too few episodes (40) for a verdict.")


def test_equal_models_are_seldom_called_better() -> None:
    """Each succeeds in an episode with the same probability, and often in the same episodes."""
    generator = np.random.default_rng(0)
    called = 0
    for _ in range(200):
        hard = generator.random(120)
        one, other = ((hard + 0.3 * generator.random(120) < 0.4).tolist() for _ in range(2))
        called += found(one, other).verdict == BETTER
    assert called <= 12  # 2.5 % of 200 are 5; more than 12 come by luck once in 1,000.


@pytest.mark.parametrize(
    "other",
    [
        trials(first(3, of=119)),
        trials(first(3), head="joint"),
        replace(trials(first(3)), body="gripper"),
        replace(trials(first(3)), episodes=tuple(replace(e, seed=e.seed + 1) for e in trials(first(3)).episodes)),
    ],
    ids=["fewer", "head", "body", "scenes"],
)
def test_other_episodes_or_settings_are_not_compared(other: Trials) -> None:
    with pytest.raises(DataError, match=r"new tasks: .* cannot be compared"):
        pair("new tasks", trials(first(3)), other)


def test_the_record_is_read_back_and_a_damaged_one_refused() -> None:
    before = found(first(3), first(45))
    record = json.loads(json.dumps(to_json(before)))
    assert read_pair(record, source="here.json") == before
    assert (record["verdict"], record["summary"]) == (BETTER, in_words(before))
    del record["base"]
    with pytest.raises(DataError, match=r"here\.json: is damaged"):
        read_pair(record, source="here.json")
