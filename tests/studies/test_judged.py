"""The recorded study of trainings that differ by their seed alone is that of this code, and says what it must.

The whole of it is run by hand: `replay_only.py` trains, `judged.py` judges. Here what was stored is judged again, and
two of its trainings are trained again.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studies.judged import LATENT, judge_file
from studies.replay_only import OneChunk, held_out_errors, replay, trained_model

from adapt.models.bases import load_base, read_identity
from adapt.models.checkpoint import read_tensors

STORED = Path(__file__).with_name("replay_only.safetensors")
RECORD = Path(__file__).parents[2] / "docs" / "results" / "judged.json"
SURE_FROM = 3  # Trainings an arm from which a study gives verdicts.
MOST_FALSE, LEAST_FOUND, LEAST_HELD = 0.10, 0.80, 0.90
STATED_GAIN = {
    3: 0.0975,
    5: 0.0591,
}  # every imagined future moved 5 or 3 % of the way to the truth: 1 - 0.95^2, 1 - 0.97^2

stored_only = pytest.mark.skipif(not STORED.is_file(), reason=f"{STORED.name}, made by replay_only.py, is not there")
recorded_only = pytest.mark.skipif(not RECORD.is_file(), reason=f"{RECORD.name}, made by judged.py, is not there")


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert isinstance(record, dict)
    return record


def same(value: Any, other: Any) -> bool:
    """Counts and words exactly; figures to rounding, which is the processor's."""
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(item, other[name]) for name, item in value.items())
    if isinstance(value, list):
        return len(value) == len(other) and all(same(*pair) for pair in zip(value, other, strict=True))
    return bool(value == pytest.approx(other, rel=1e-9)) if isinstance(value, float) else bool(value == other)


@stored_only
@recorded_only
def test_the_stored_errors_give_the_recorded_verdicts(recorded: dict[str, Any]) -> None:
    again = judge_file(STORED)
    assert {name: recorded[name] for name in again.keys() - {"errors"}} == {
        name: item for name, item in again.items() if name != "errors"
    }
    for name, found in again["errors"].items():
        assert same(found, recorded["errors"][name]), name


@recorded_only
def test_of_equal_arms_few_are_called_better(recorded: dict[str, Any]) -> None:
    assert recorded["trainings"] >= 40
    for name, found in recorded["errors"].items():
        rows = found["no_difference"]
        assert any(row["seeds_an_arm"] >= SURE_FROM for row in rows)
        for row in rows:
            assert row["false_gain_share"] <= MOST_FALSE, (name, row)
            if row["seeds_an_arm"] >= SURE_FROM:
                assert row["false_gain_share_at_most"] <= MOST_FALSE, (name, row)


@recorded_only
def test_a_gain_of_the_stated_size_is_found_and_its_interval_holds_it(recorded: dict[str, Any]) -> None:
    rows = [
        row
        for row in recorded["errors"][LATENT]["planted"]
        if row["planted_gain_share"] >= STATED_GAIN[row["seeds_an_arm"]] - 1e-9
    ]
    assert {row["seeds_an_arm"] for row in rows} == STATED_GAIN.keys()
    for row in rows:
        assert row["found_share"] >= LEAST_FOUND, row
        assert row["interval_held_the_truth"] >= LEAST_HELD, row


@stored_only
@recorded_only
def test_the_base_and_two_trainings_have_the_stored_errors(recorded: dict[str, Any]) -> None:
    if read_identity("tiny")[0].fingerprint != recorded["base"]:
        pytest.skip("recorded with an earlier base: replay_only.py and judged.py, run again, would tell of this one")
    stored = read_tensors(STORED)
    train, held_out = OneChunk(replay(), "train"), OneChunk(replay(), "validation")
    base = load_base("tiny", parts=("model",)).model
    for seed, model in ((0, base), (1, trained_model(1, train)), (2, trained_model(2, train))):
        for name, errors in held_out_errors(model, held_out).items():
            np.testing.assert_allclose(errors.numpy(), stored[name][seed].numpy(), rtol=2e-3, err_msg=f"{name} {seed}")
