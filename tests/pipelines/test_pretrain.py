"""The base is made from nothing by one function: stages are kept, and the same settings give the same weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adapt.data.samples import WindowDataset
from adapt.errors import RecipeError
from adapt.models.bases import load_base
from adapt.sim.experts import HELD_OUT, Expert
from adapt.sim.scene import ALL_TASKS, SceneState, Task, step
from pipelines.pretrain import install, run
from pipelines.pretrain_codec import start_plain
from pipelines.pretrain_schedule import one_cycle
from pipelines.pretrain_settings import (
    ActionTraining,
    CodecTraining,
    DrawConfig,
    PretrainConfig,
    TrialConfig,
    WindowPlan,
    WorldTraining,
)
from pipelines.pretrain_trial import closed_loop

SMALL = PretrainConfig(
    draw=DrawConfig(robot_episodes=3, human_episodes=2, play_episodes=2),
    codec=CodecTraining(steps=2, second_steps=1),
    windows=WindowPlan(starts=1, play_starts=1, long_share=1.0, replay_windows=2),
    world=WorldTraining(steps=4, second_steps=2, batch_size=4),
    action=ActionTraining(steps=2, batch_size=4, imagined_windows=2),
    trial=TrialConfig(episodes=1, windows=2, imagine_steps=1),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of all stages, and the base in it."""
    out = tmp_path_factory.mktemp("pretrain")
    return out, run(SMALL, out)


def test_the_base_is_loaded_with_its_bodies_and_their_scales(made: tuple[Path, Path]) -> None:
    base = load_base(str(made[1]))

    assert set(base.embodiments) == {"drawn_gripper", "human_hand"}
    assert base.model.bodies == {"drawn_gripper": (3, 3)}
    assert base.statistics["drawn_gripper"].actions is not None


def test_its_latents_have_variance_near_one_on_the_tabletop(made: tuple[Path, Path]) -> None:
    out, folder = made
    drawn = out / "draw" / (out / "draw" / "current").read_text().strip()
    frames = torch.from_numpy(np.load(drawn / "robot_frames.npy")[:, :9])
    latents = load_base(str(folder), parts=["codec"]).codec.encode(frames)

    assert 0.3 < float(latents.var()) < 3.0


def test_replay_is_a_folder_of_encoded_windows_with_actions(made: tuple[Path, Path]) -> None:
    data = WindowDataset(made[1] / "replay", "train")
    chunks = {window.chunks for window in data.windows}

    assert len(data) == 4
    assert 1 in chunks
    assert len(chunks) > 1
    assert all(data[index].actions is not None for index in range(len(data)))


def test_no_held_out_composition_was_drawn(made: tuple[Path, Path]) -> None:
    out, _ = made
    drawn = out / "draw" / (out / "draw" / "current").read_text().strip()
    held_out = {task.instruction for task in ALL_TASKS if (task.colour, task.row, task.column) in HELD_OUT}
    said = {line for kind in ("robot", "human", "play") for line in (drawn / f"{kind}.txt").read_text().splitlines()}

    assert "play" in said
    assert not said & held_out


def test_a_finished_stage_is_not_done_again(made: tuple[Path, Path]) -> None:
    out, folder = made
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}

    assert run(SMALL, out) == folder
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == before


def test_another_setting_of_a_late_stage_keeps_the_early_ones(made: tuple[Path, Path]) -> None:
    out, folder = made
    world = (out / "world" / "current").read_text()
    other = run(replace(SMALL, trial=TrialConfig(episodes=1, windows=1, imagine_steps=1)), out)

    assert other != folder
    assert (out / "world" / "current").read_text() == world


def test_the_same_settings_give_the_same_bytes_elsewhere(made: tuple[Path, Path], tmp_path: Path) -> None:
    again = run(SMALL, tmp_path)

    for name in ("codec.safetensors", "text.safetensors", "dit.safetensors", "heads.safetensors", "base.json"):
        assert (again / name).read_bytes() == (made[1] / name).read_bytes(), name


def test_the_trial_is_recorded(made: tuple[Path, Path]) -> None:
    out, _ = made
    trial = out / "trial" / (out / "trial" / "current").read_text().strip()
    record = json.loads((trial / "trial.json").read_text())

    assert record["seen_tasks"]["episodes"] == 1
    assert {"drawn_gripper_video_error", "drawn_gripper_copy_error"} <= set(record["validation"])


def test_installing_replaces_what_was_there_and_leaves_no_manifest(made: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "tiny"
    target.mkdir()
    (target / "old.safetensors").write_text("")
    install(made[1], target)

    assert not (target / "old.safetensors").exists()
    assert not (target / "manifest.json").exists()
    assert load_base(str(target)).identity.name == "tiny"


def test_the_codec_starts_without_a_say_of_its_residual_branches() -> None:
    conv = torch.nn.Conv2d(4, 4, 3)
    block = torch.nn.ModuleDict({"conv1": conv, "conv2": torch.nn.Conv2d(4, 4, 3)})
    start_plain(block, seed=0)

    assert float(block["conv2"].weight.detach().abs().sum()) == 0.0
    # Rows of an orthogonal matrix: unit length.
    assert conv.weight.detach().flatten(1).norm(dim=1) == pytest.approx([1.0] * 4)


def test_closed_loop_counts_a_policy_that_holds_still_as_failing_and_one_that_knows_as_succeeding() -> None:
    def still(states: list[SceneState], tasks: list[Task]) -> np.ndarray:
        return np.stack([np.tile([*state.tool, state.grip], (16, 1)) for state in states])

    experts: dict[int, Expert] = {}

    def knowing(states: list[SceneState], tasks: list[Task]) -> np.ndarray:

        rows = []
        for index, (state, task) in enumerate(zip(states, tasks, strict=True)):
            expert = experts.setdefault(index, Expert(task.colour, task.goal))
            commands = []
            for _ in range(8):
                commands.append(expert(state))
                state = step(state, commands[-1])
            rows.append(np.stack(commands * 2))
        return np.stack(rows)

    assert closed_loop(still, ALL_TASKS[:4], 4)["success"] == 0.0
    assert closed_loop(knowing, ALL_TASKS[:4], 4)["success"] == 1.0


def test_the_learning_rate_rises_to_its_highest_and_falls_to_a_fiftieth() -> None:
    rates = [one_cycle(step, 100, 1.0) for step in range(100)]

    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert max(rates) == 1.0
    assert rates[-1] == pytest.approx(0.02, abs=0.002)


def test_shares_of_futures_that_exceed_the_whole_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"action\.noised_share \+ action\.predicted_share is 1\.2"):
        PretrainConfig(action=ActionTraining(noised_share=0.6, predicted_share=0.6))
