"""Rule 6: the numbers by which actions are scaled belong to the model, and the robot is told the actions in them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from encoded_builder import GEOMETRY, arm, window, write_folder
from run_builder import job

from adapt.data.encoded import Encoded, read_encoded
from adapt.data.samples import WindowDataset
from adapt.embodiment.statistics import BodyStatistics, measure, measure_body
from adapt.errors import EmbodimentError
from adapt.models.bases import Base, load_base, random_tiny, save_base
from adapt.policy.acting import Actor
from adapt.types import Window
from pipelines import encode, evaluate_windows, finetune
from pipelines.encode import encoders_fingerprint
from pipelines.evaluate_windows import acting_body
from pipelines.job import Job
from pipelines.replay import Replay

AXES = arm().actions
WIDE = torch.tensor([[-3.0, -2.0], [3.0, 2.0]])


def of_base() -> BodyStatistics:
    """What the base was trained with: three times as wide as what the new data shows."""
    return BodyStatistics(actions=measure(WIDE, AXES), state=measure(WIDE, arm().state), source="data")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Play data of a body that the base knows."""
    folder = tmp_path_factory.mktemp("run")
    known = random_tiny(0, bodies={"arm": (2, 2)})
    save_base(folder / "base", replace(known, embodiments={"arm": arm()}, statistics={"arm": of_base()}))
    return job(folder, kind="play")


@pytest.fixture
def base(task: Job) -> Base:
    return load_base(task.recipe.base, parts=("model",))


def windows() -> list[Window]:
    return [window(n, arm()) for n in range(4)] + [window(4, arm(), split="validation")]


def encoded(task: Job, folder: Path, base: Base) -> Encoded:
    """What the encode stage makes of the play data, its scales chosen by the stage itself."""
    scales = encode._statistics(windows(), arm(), base)
    encoders = encoders_fingerprint(task.recipe.base)
    return read_encoded(write_folder(folder, windows(), [arm()], text_width=16, encoders=encoders, statistics=scales))


def check_scales_are_the_bases(task: Job, folder: Path, base: Base) -> None:
    found = encoded(task, folder, base).statistics["arm"]
    assert found.scales_like(of_base()), "measured anew, though the heads know the body"


def check_robot_is_told_what_was_trained(task: Job, folder: Path, base: Base) -> None:
    """What the heads learn of a window, read back by whoever acts, is what the robot was told then."""
    data = encoded(task, folder, base)
    actor = acting_body(task, base, data, None)
    sample, shown = WindowDataset(data, "validation")[0], windows()[-1]
    assert sample.actions is not None
    assert shown.actions is not None
    told = actor.physical(sample.actions, shown.state, GEOMETRY.action_steps)
    assert torch.allclose(told, shown.actions, atol=1e-5), "the robot is told other actions than were trained"


def check_one_body_has_one_scale(task: Job, folder: Path, base: Base) -> None:
    new = encoded(task, folder / "new", base)
    narrow = measure_body(windows(), arm(), action_steps=GEOMETRY.action_steps)
    encoders = encoders_fingerprint(task.recipe.base)
    other = write_folder(
        folder / "replay", windows(), [arm()], text_width=16, encoders=encoders, statistics={"arm": narrow}
    )
    told = ""
    try:
        finetune.prepare(task, new, Replay(origin="folder", folder=other, key=""))
    except EmbodimentError as error:
        told = str(error)
    assert "the base and the replay data scale its actions or state differently" in told, "one body in two scales"


def test_a_body_that_the_base_knows_keeps_the_bases_scale(task: Job, tmp_path: Path, base: Base) -> None:
    check_scales_are_the_bases(task, tmp_path, base)


def test_a_body_that_is_new_is_measured_on_its_training_windows(base: Base) -> None:
    new = [replace(given, embodiment="new") for given in windows()]
    found = encode._statistics(new, replace(arm(), name="new"), base)["new"]
    assert found.scales_like(measure_body(new[:4], arm(), action_steps=GEOMETRY.action_steps))
    assert not found.scales_like(measure_body(new, arm(), action_steps=GEOMETRY.action_steps))


def test_the_robot_is_told_what_was_trained(task: Job, tmp_path: Path, base: Base) -> None:
    check_robot_is_told_what_was_trained(task, tmp_path, base)


def test_one_body_in_two_scales_is_refused(task: Job, tmp_path: Path, base: Base) -> None:
    check_one_body_has_one_scale(task, tmp_path, base)


def test_planted_measuring_anew_is_noticed(
    task: Job, tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anew(found: list[Window], body: object, _base: Base) -> dict[str, BodyStatistics]:
        return {"arm": measure_body(found, arm(), action_steps=GEOMETRY.action_steps)}

    monkeypatch.setattr(encode, "_statistics", anew)
    with pytest.raises(AssertionError, match="measured anew"):
        check_scales_are_the_bases(task, tmp_path, base)


def test_planted_other_scale_for_acting_is_noticed(
    task: Job, tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that measures the data at hand instead of reading what was saved with the weights."""

    def remeasured(*, spec: object, statistics: BodyStatistics) -> Actor:
        return Actor(spec=arm(), statistics=measure_body(windows(), arm(), action_steps=GEOMETRY.action_steps))

    monkeypatch.setattr(evaluate_windows, "Actor", remeasured)
    with pytest.raises(AssertionError, match="told other actions"):
        check_robot_is_told_what_was_trained(task, tmp_path, base)


def test_planted_trust_in_the_replays_scale_is_noticed(
    task: Job, tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "require_one_scale", lambda _: None)
    with pytest.raises(AssertionError, match="one body in two scales"):
        check_one_body_has_one_scale(task, tmp_path, base)
