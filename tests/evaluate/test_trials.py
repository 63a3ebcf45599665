"""Shares of successes come with limits that hold, and records come back as they were."""

import json
from math import comb

import pytest

from adapt.errors import DataError
from adapt.evaluate.trials import EpisodeRecord, Trials, binomial_interval, from_json, share_of, to_json


def episode(instruction: str, *, success: bool, progress: float = 0.5, seed: int = 0) -> EpisodeRecord:
    return EpisodeRecord(
        instruction=instruction,
        seed=seed,
        success=success,
        progress=progress,
        steps=80,
        done=instruction if success else "",
    )


def trials() -> Trials:
    return Trials(
        subject={"kind": "base", "name": "tiny", "revision": "1"},
        body="tabletop_gripper",
        settings={"seed": 3, "tasks": ["seen"], "head": "joint"},
        episodes=(
            episode("put b", success=True, progress=1.0, seed=2**47),
            episode("put a", success=False, progress=1 / 3, seed=8),
            episode("put b", success=False, progress=0.0, seed=9),
        ),
    )


def test_limits_are_those_of_the_tables() -> None:
    """Clopper-Pearson limits at 95 % as printed in statistical tables."""
    assert binomial_interval(0, 10) == pytest.approx((0.0, 0.30850), abs=1e-5)
    assert binomial_interval(10, 10) == pytest.approx((0.69150, 1.0), abs=1e-5)
    assert binomial_interval(5, 10) == pytest.approx((0.18709, 0.81291), abs=1e-5)
    assert binomial_interval(225, 250)[0] == pytest.approx(0.856, abs=1e-3)


@pytest.mark.parametrize("count", [5, 24, 50])
@pytest.mark.parametrize("truth", [0.003, 0.1, 0.5, 0.9, 0.97])
def test_limits_hold_at_least_as_often_as_they_say(count: int, truth: float) -> None:
    """Summed over every outcome, so there is no chance in it."""
    held = 0.0
    for successes in range(count + 1):
        low, high = binomial_interval(successes, count)
        if low <= truth <= high:
            held += comb(count, successes) * truth**successes * (1 - truth) ** (count - successes)
    assert held >= 0.95


def test_tasks_are_counted_apart_and_together() -> None:
    result = trials()
    assert (result.success.successes, result.success.episodes) == (1, 3)
    assert result.progress == pytest.approx(4 / 9)
    assert [task.instruction for task in result.by_task] == ["put b", "put a"]
    assert [(task.success.successes, task.success.episodes) for task in result.by_task] == [(1, 2), (0, 1)]
    assert result.by_task[0].progress == 0.5


def test_a_record_comes_back_as_it_was_from_text() -> None:
    text = json.dumps(to_json(trials()))
    back = from_json(json.loads(text))
    assert json.dumps(to_json(back)) == text
    assert back.success == trials().success
    assert back.episodes[0] == trials().episodes[0]


def test_a_share_that_its_episodes_do_not_give_is_refused() -> None:
    value = to_json(trials())
    value["success"]["share"] = 0.9
    with pytest.raises(DataError, match="not what its episodes give"):
        from_json(value)


def test_a_record_that_breaks_the_schema_is_refused_by_field() -> None:
    value = to_json(trials())
    value["episodes"][1]["progress"] = 1.5
    with pytest.raises(DataError, match=r"episodes\[1\]: progress should be at most 1"):
        from_json(value)
    with pytest.raises(DataError, match="lacks 'body'"):
        from_json({name: item for name, item in to_json(trials()).items() if name != "body"})


def test_without_episodes_there_is_no_share() -> None:
    with pytest.raises(DataError, match="no episode"):
        share_of([])
