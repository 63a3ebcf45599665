"""A model, or a planted policy, is tried from words to a record, a table and a film that belong together."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("mujoco")

import av
import torch
from gripper_base_builder import gripper_base, gripper_policy
from needs_gl import needs_gl
from PIL import Image
from rich.console import Console

from adapt.embodiment.statistics import measure as measure_axes
from adapt.errors import CheckpointError, DataError, EmbodimentError, RecipeError, SimulatorError
from adapt.evaluate.closed_loop import Pace
from adapt.evaluate.trials import from_json
from adapt.models.bases import random_tiny, save_base
from adapt.policy.acting import Actor
from adapt.policy.policy import Policy
from pipelines import sim_try
from pipelines.sim_try import Question, Trial, measure
from pipelines.sim_try_arguments import add_try

SHORT = Pace(steps=10, executed=8)


def asked(*words: str) -> Question:
    """What a command line asks for."""
    parser = argparse.ArgumentParser()
    add_try(parser.add_subparsers(), argparse.ArgumentParser(add_help=False))
    arguments = parser.parse_args(["try", *words])
    assert arguments.verb == "sim_try"
    return sim_try.question(arguments)


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    save_base(folder, gripper_base())
    return folder


def test_the_expert_is_tried_without_a_model_and_written_down(tmp_path: Path) -> None:
    words = (
        "--policy",
        "expert",
        "--tasks",
        "held-out",
        "--episodes",
        "6",
        "--film",
        "0",
        "--out",
        str(tmp_path / "o"),
    )
    answer = sim_try.run(asked(*words))
    assert [path.name for path in answer.written] == ["trials.json"]
    record = from_json(json.loads(answer.written[0].read_text()))
    assert record == answer.trials
    assert record.subject == {"kind": "planted", "name": "expert"}
    assert record.success.successes == 6
    told = sim_try.to_json(answer)
    assert told["success"]["share"] == 1.0
    assert "episodes" not in told


def test_the_table_names_every_task_and_the_whole() -> None:
    answer = sim_try.run(asked("--policy", "still", "--tasks", "put the red block far left", "seen", "--episodes", "4"))
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115 - never read
    console.print(sim_try.table(answer))
    text = console.export_text()
    assert "0 of 4 episodes done" in text
    assert all(episode.instruction in text for episode in answer.trials.episodes)
    assert "0.00 to 0.60" in text


@needs_gl
@pytest.mark.parametrize("head", ["inverse_dynamics", "joint", "both"])
def test_a_model_meets_the_same_scenes_and_gives_the_same_record_twice(head: str) -> None:
    trial = Trial(episodes=3, seed=2, head=head, pace=SHORT)
    policy = gripper_policy()
    first, again = measure(policy, trial), measure(policy, trial)
    assert first == again
    assert first.settings["head"] == head
    planted = measure("still", trial)
    assert [(e.instruction, e.seed) for e in planted.episodes] == [(e.instruction, e.seed) for e in first.episodes]
    other = measure(policy, replace(trial, seed=3))
    assert not {e.seed for e in other.episodes} & {e.seed for e in first.episodes}


@needs_gl
def test_a_film_and_a_sheet_show_the_first_episodes(base_folder: Path, tmp_path: Path) -> None:
    words = ("--episodes", "3", "--steps", "16", "--film", "2", "--out", str(tmp_path / "out"))
    answer = sim_try.run(asked(str(base_folder), *words))
    assert answer.trials.subject["kind"] == "base"
    assert answer.trials.subject["fingerprint"]
    names = [path.name for path in answer.written]
    assert names == ["trials.json", "rollouts.mp4", "rollouts.png"]
    with av.open(str(answer.written[1])) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        rate = film.streams.video[0].average_rate
    # 1.6 s at 5 Hz with both ends, and the last picture for another second.
    assert len(frames) == 2 * (9 + 5)
    assert rate == 5
    with Image.open(answer.written[2]) as sheet:
        assert sheet.width > 128 * 3


@needs_gl
def test_shown_the_true_future_an_untrained_head_still_gets_nowhere(base_folder: Path, tmp_path: Path) -> None:
    words = ("--episodes", "2", "--steps", "8", "--film", "1", "--future", "true", "--out", str(tmp_path / "out"))
    answer = sim_try.run(asked(str(base_folder), *words))
    assert answer.trials.settings["future"] == "true"
    assert answer.trials.success.successes == 0


@needs_gl
def test_what_is_filmed_as_imagined_is_what_the_model_imagined() -> None:
    """The first look's chunk, decoded."""
    from adapt.sim.filming import Filming
    from adapt.sim.gripper import Gripper
    from adapt.sim.tasks import SEEN_TASKS
    from adapt.sim.trials import TabletopWorld, trial_starts

    policy = gripper_policy()
    filming = Filming(1, policy.geometry, size=64)
    trials = measure(policy, Trial(episodes=2, pace=Pace(steps=12, executed=8)), filming=filming)
    (rollout,) = filming.rollouts(trials.episodes, policy.decode)
    start = trial_starts(SEEN_TASKS, 1, 0)[0]
    with TabletopWorld(Gripper()) as world:
        from adapt.evaluate.closed_loop import decision_seeds

        episode = world.begin(start.instruction, start.seed)
        expected = policy.predict(episode.observe(), start.instruction, seed=decision_seeds([episode], 0)[0]).frames
        picture = torch.from_numpy(episode.picture(64))
    assert expected is not None
    assert torch.equal(rollout.shots[0].real, picture)
    assert [round(shot.time_s, 1) for shot in rollout.shots] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]
    assert [round(shot.ahead_s, 1) for shot in rollout.shots] == [0.0, 0.2, 0.4, 0.6, 0.8, 0.2, 0.4]
    for place in range(5):
        seen = rollout.shots[place].foreseen
        assert seen is not None
        assert (seen.int() - expected[place].int()).abs().max() <= 2


def test_what_cannot_be_tried_is_refused(base_folder: Path, tmp_path: Path) -> None:
    for words in ((), (str(base_folder), "--policy", "still")):
        with pytest.raises(RecipeError, match="not both"):
            sim_try.run(asked(*words))
    with pytest.raises(RecipeError, match="episodes is 0"):
        asked("--policy", "still", "--episodes", "0")
    with pytest.raises(RecipeError, match="only inverse_dynamics reads a future"):
        asked("tiny", "--future", "true", "--head", "joint")
    with pytest.raises(CheckpointError, match="nothing_here"):
        sim_try.run(asked(str(tmp_path / "nothing_here")))
    with pytest.raises(SimulatorError, match="far lift"):
        sim_try.run(asked("--policy", "still", "--tasks", "put the red block far lift"))
    with pytest.raises(EmbodimentError, match="tabletop_arm"):
        sim_try.run(asked(str(base_folder), "--body", "arm"))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--out"):
        sim_try.run(asked("--policy", "still", "--out", str(tmp_path / "file")))


def test_a_model_of_a_body_that_is_not_on_the_tabletop_is_refused() -> None:
    base = gripper_base()
    (name,) = base.embodiments
    elsewhere = Actor(spec=replace(base.embodiments[name], name="kitchen_arm"), statistics=base.statistics[name])
    base = random_tiny(0, bodies={"kitchen_arm": (4, 4)})
    with pytest.raises(EmbodimentError, match=r"'kitchen_arm': .* it has tabletop_gripper, tabletop_arm"):
        measure(Policy(base, elsewhere, video_steps=2), Trial(episodes=1))


def test_a_model_whose_axes_are_not_the_tabletops_is_refused() -> None:
    base = gripper_base()
    (name,) = base.embodiments
    spec, figures = base.embodiments[name], base.statistics[name]
    turned = replace(spec, actions=spec.actions[::-1])
    scales = measure_axes(torch.tensor([[0.0] * 4, [1.0] * 4]), turned.actions)
    policy = Policy(base, Actor(spec=turned, statistics=replace(figures, actions=scales)), video_steps=2)
    with pytest.raises(EmbodimentError, match="grip, z, y, x"):
        measure(policy, Trial(episodes=1))
