"""Rule 9: every action label says where it comes from and how far it is to be believed, and counts accordingly."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from encoded_builder import arm, window, write_folder
from torch import Tensor
from train_builder import training

from adapt.data import samples as reading
from adapt.data.encoded import read_encoded
from adapt.data.samples import WindowDataset
from adapt.errors import DataError
from adapt.models import world_action
from adapt.models.heads import inverse_dynamics
from adapt.objectives.losses import MaskedSum, masked_square_error
from adapt.train.losses import ACTION, IMAGINED, JOINT, Objective
from adapt.train.module import Training
from adapt.types import Window

# What is wrong with a label -> what the window says of it.
UNACCOUNTED: dict[str, dict[str, object]] = {
    "no provenance": {"provenance": ""},
    "an unknown provenance": {"provenance": "guess", "confidence": 1.0, "weight": 1.0},
    "no confidence": {"provenance": "idm", "weight": 0.5},
    "no weight": {"provenance": "hand_retarget", "confidence": 0.5},
    "more than certain": {"provenance": "idm", "confidence": 1.5, "weight": 1.0},
    "less than nothing": {"provenance": "idm", "confidence": 0.5, "weight": -1.0},
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return training(tmp_path_factory.mktemp("data"), joint=True, predicted_future_every=1)


def read(folder: Path, *given: Window) -> WindowDataset:
    """Windows as they come out of a folder of encoded data."""
    return WindowDataset(read_encoded(write_folder(folder, given, [arm()], text_width=16)), "train")


def losses_of(objective: Objective, dataset: WindowDataset) -> dict[str, MaskedSum]:
    """All losses that look at actions, of one training step."""
    found = [dataset[place] for place in range(len(dataset))]
    total = {}
    for sums in objective.sums(found, objective.imagined(found, 0), 0):
        total |= {name: value for name, value in sums.items() if name in (ACTION, IMAGINED, JOINT)}
    return total


def check_unaccounted_label_is_refused(plan: Training, folder: Path, wrong: str) -> None:
    told = ""
    try:
        losses_of(plan.objective, read(folder, replace(window(0, arm()), **UNACCOUNTED[wrong])))
    except DataError as error:
        told = str(error)
    assert "window arm-0000" in told, f"accepted: {wrong}"


def check_label_counts_as_far_as_it_is_believed(plan: Training, folder: Path) -> None:
    """Half believed and of a quarter's weight it counts an eighth of what a robot's own does."""
    own, less = window(0, arm()), {"provenance": "idm", "confidence": 0.5, "weight": 0.25}
    full, part = (
        losses_of(plan.objective, read(folder / name, item))
        for name, item in (("robot", own), ("idm", replace(own, **less)))
    )
    assert set(full) == {ACTION, IMAGINED, JOINT}
    for name, value in full.items():
        assert value.sum > 0
        assert int(part[name].count) == int(value.count)
        ratio = float(part[name].sum.detach() / value.sum.detach())
        assert ratio == pytest.approx(0.125, rel=1e-5), f"{name} loss counts a label {ratio:.3f} instead of 0.125"


@pytest.mark.parametrize("wrong", UNACCOUNTED)
def test_a_label_that_is_not_accounted_for_is_refused(plan: Training, tmp_path: Path, wrong: str) -> None:
    check_unaccounted_label_is_refused(plan, tmp_path, wrong)


def test_a_label_counts_as_far_as_it_is_believed(plan: Training, tmp_path: Path) -> None:
    check_label_counts_as_far_as_it_is_believed(plan, tmp_path)


@pytest.mark.parametrize("wrong", UNACCOUNTED)
def test_planted_trust_in_any_label_is_noticed(
    plan: Training, tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "label_weight", lambda _: 1.0)
    monkeypatch.setattr(Objective, "_floor", lambda *_: 0.0)
    with pytest.raises(AssertionError, match=f"accepted: {wrong}"):
        check_unaccounted_label_is_refused(plan, tmp_path, wrong)


def unweighted(prediction: Tensor, target: Tensor, valid: Tensor, _weight: Tensor | None = None) -> MaskedSum:
    return masked_square_error(prediction, target, valid, torch.ones(prediction.shape[:1]))


@pytest.mark.parametrize(
    ("place", "name", "careless", "noticed"),
    [
        (reading, "label_weight", lambda _: 1.0, "(action|joint) loss counts a label 1.000"),
        (inverse_dynamics, "masked_square_error", unweighted, "action loss counts a label 1.000"),
        (world_action, "masked_square_error", unweighted, "joint loss counts a label 1.000"),
    ],
    ids=["read without", "the inverse dynamics forgets it", "the joint head forgets it"],
)
def test_planted_full_weight_is_noticed(
    plan: Training,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: object,
    name: str,
    careless: object,
    noticed: str,
) -> None:
    monkeypatch.setattr(place, name, careless)
    with pytest.raises(AssertionError, match=noticed):
        check_label_counts_as_far_as_it_is_believed(plan, tmp_path)
