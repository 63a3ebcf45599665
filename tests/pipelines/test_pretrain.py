"""The base is made from nothing by one function: stages are kept, and the same settings give the same weights."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from needs_gl import needs_gl

from adapt.data.samples import WindowDataset
from adapt.embodiment.spec import load_embodiment
from adapt.errors import RecipeError, RunError
from adapt.models.bases import load_base
from adapt.models.batch import collate
from adapt.sim.tasks import HELD_OUT_TASKS
from pipelines.pretrain import progress
from pipelines.pretrain.codec import load_codec, load_scenes, train_codec
from pipelines.pretrain.draw import KINDS, draw
from pipelines.pretrain.halves import halves
from pipelines.pretrain.make import install, run
from pipelines.pretrain.progress import Progress
from pipelines.pretrain.schedule import one_cycle
from pipelines.pretrain.settings import (
    ActionTraining,
    CodecTraining,
    DrawConfig,
    PretrainConfig,
    ReplayPlan,
    TrialConfig,
    WindowPlan,
    WorldTraining,
)
from pipelines.pretrain.trial import closed_loop
from pipelines.pretrain.windows import GEOMETRY, cut_windows, load_training_set
from pipelines.pretrain.world import Prompts, begin, load_world, new_model, train_world
from pipelines.recipes import recipes_folder

pytestmark = needs_gl

SMALL = PretrainConfig(
    draw=DrawConfig(robot_episodes=3, human_episodes=2, play_episodes=2),
    codec=CodecTraining(steps=3, batch_size=2),
    windows=WindowPlan(starts=1, play_starts=1, long_share=1.0),
    replay=ReplayPlan(windows=3, long_windows=1, held_out=1),
    world=WorldTraining(steps=4, batch_size=8, long_every=2),
    action=ActionTraining(steps=2, batch_size=4, imagined_windows=2),
    trial=TrialConfig(episodes=1, windows=2, imagine_steps=1),
)
BODIES = {name: load_embodiment(name, [recipes_folder() / "embodiment"]) for name in ("tabletop_gripper", "human_hand")}


def current(out: Path, stage: str) -> Path:
    """Where the newest result of a stage is."""
    return out / stage / (out / stage / "current").read_text().strip()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of all stages, and the base in it."""
    out = tmp_path_factory.mktemp("pretrain")
    return out, run(SMALL, out, processes=1)


def test_the_base_is_loaded_with_its_bodies_and_their_scales(made: tuple[Path, Path]) -> None:
    base = load_base(str(made[1]))

    assert set(base.embodiments) == {"tabletop_gripper", "human_hand"}
    assert base.model.bodies == {"tabletop_gripper": (4, 4)}
    assert base.statistics["tabletop_gripper"].actions is not None


def test_its_latents_have_variance_near_one_on_the_tabletop(made: tuple[Path, Path]) -> None:
    out, folder = made
    drawn = current(out, "draw")
    frames = torch.from_numpy(np.load(drawn / "robot_frames.npy")[:, :9])
    latents = load_base(str(folder), parts=["codec"]).codec.encode(frames)

    assert 0.3 < float(latents.var()) < 3.0


def test_replay_is_a_folder_of_encoded_windows_with_actions(made: tuple[Path, Path]) -> None:
    data = WindowDataset(made[1] / "replay", "train")
    chunks = [window.chunks for window in data.windows]

    assert [count > 1 for count in sorted(chunks)] == [False, False, False, True]
    assert len(WindowDataset(made[1] / "replay", "validation")) == 2
    assert all(data[index].actions is not None for index in range(len(data)))


def test_no_held_out_composition_was_drawn(made: tuple[Path, Path]) -> None:
    out, _ = made
    drawn = current(out, "draw")
    held_out = {task.instruction for task in HELD_OUT_TASKS}
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


def test_the_same_settings_give_the_same_bytes_elsewhere_by_two_processes_too(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    again = run(SMALL, tmp_path, processes=2)

    for name in ("codec.safetensors", "text.safetensors", "dit.safetensors", "heads.safetensors", "base.json"):
        assert (again / name).read_bytes() == (made[1] / name).read_bytes(), name


def test_the_trial_is_recorded(made: tuple[Path, Path]) -> None:
    out, _ = made
    record = json.loads((current(out, "trial") / "trial.json").read_text())

    assert record["seen_inverse_dynamics"]["episodes"] == 1
    assert {"held-out_joint", "held-out_inverse_dynamics"} <= set(record)
    assert {"robot_video_error", "human_copy_error", "play_action_error_on_true_future"} <= set(record["validation"])


def test_installing_replaces_what_was_there_and_leaves_no_manifest(made: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "tiny"
    target.mkdir()
    (target / "old.safetensors").write_text("")
    install(made[1], target)

    assert not (target / "old.safetensors").exists()
    assert not (target / "manifest.json").exists()
    assert load_base(str(target)).identity.name == "tiny"


def test_frames_are_on_the_canvas_and_the_hand_has_no_numbers(made: tuple[Path, Path]) -> None:
    drawn = current(made[0], "draw")
    frames = np.load(drawn / "human_frames.npy")

    assert frames.shape == (2, 57, 64, 64, 3)
    assert frames.std() > 10
    assert np.load(drawn / "play_actions.npy").shape == (2, 161, 4)
    assert not (drawn / "human_actions.npy").exists()


def test_the_gripper_alone_begins_where_things_went_wrong(tmp_path: Path) -> None:
    drawn = []
    for share in (0.0, 1.0):
        folder = tmp_path / str(share)
        folder.mkdir()
        draw(folder, DrawConfig(robot_episodes=6, human_episodes=2, play_episodes=1, astray_share=share), 0)
        drawn.append({kind: np.load(folder / f"{kind}_frames.npy") for kind in KINDS})
    plain, astray = drawn

    assert [(plain[kind][:, 0] == astray[kind][:, 0]).all() for kind in KINDS] == [False, True, True]


def test_the_codec_learns_from_the_first_episodes_alone(made: tuple[Path, Path]) -> None:
    drawn = current(made[0], "draw")
    whole, half = load_scenes(drawn), load_scenes(drawn, 0.5)

    for all_of_it, part in zip(whole, half, strict=True):
        assert len(part) == max(1, round(len(all_of_it) / 2)) < len(all_of_it)
        assert np.array_equal(part, all_of_it[: len(part)])


class StoppedError(Exception):
    """Raised in the middle of a training."""


@contextmanager
def stopping_at(step: int) -> Iterator[None]:
    """Every training inside ends before this step as if it were killed, with a checkpoint after each step."""
    plain = Progress.steps

    def steps(self: Progress) -> Iterator[int]:
        for number in plain(self):
            if number == step:
                raise StoppedError
            yield number

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(progress, "_CHECKPOINT_EVERY", 1)
        patched.setattr(Progress, "steps", steps)
        with pytest.raises(StoppedError):
            yield


def test_a_killed_codec_training_goes_on_to_the_same_bytes(made: tuple[Path, Path], tmp_path: Path) -> None:
    whole, drawn = current(made[0], "codec"), current(made[0], "draw")
    with stopping_at(2):
        train_codec(tmp_path, drawn, SMALL.codec, SMALL.seed)

    assert (tmp_path / "codec-checkpoint.pt").exists()
    train_codec(tmp_path, drawn, SMALL.codec, SMALL.seed)
    assert (tmp_path / "codec.safetensors").read_bytes() == (whole / "codec.safetensors").read_bytes()
    assert not (tmp_path / "codec-checkpoint.pt").exists()


@pytest.mark.parametrize("stop", [1, 3])  # while the text encoder still learns, and after
def test_a_killed_world_training_goes_on_to_the_same_bytes(made: tuple[Path, Path], tmp_path: Path, stop: int) -> None:
    data, _ = load_training_set(current(made[0], "windows"), BODIES)
    for ending in (stopping_at(stop), nullcontext()):
        with ending:
            begun = new_model(BODIES["tabletop_gripper"], SMALL.seed)
            train_world(tmp_path, data, begun, SMALL.world, SMALL.seed)

    for name in ("model.safetensors", "text.safetensors"):
        assert (tmp_path / name).read_bytes() == (current(made[0], "world") / name).read_bytes(), name


def test_a_codec_that_is_kept_is_the_bases_own_weights_and_scale(made: tuple[Path, Path], tmp_path: Path) -> None:
    shipped = load_base(str(made[1]), parts=["codec"]).codec
    with stopping_at(0):  # with another seed, so that one that is trained, or measured again, would be another
        run(replace(SMALL, seed=1, codec=CodecTraining(taken_from=str(made[1]))), tmp_path)

    assert load_codec(current(tmp_path, "codec")).fingerprint == shipped.fingerprint


def test_a_world_that_goes_on_begins_with_the_other_bases_weights(made: tuple[Path, Path], tmp_path: Path) -> None:
    """One step at a rate of nothing, and another seed: what comes out is what went in, rounded as it was shipped."""
    data, _ = load_training_set(current(made[0], "windows"), BODIES)
    still = replace(SMALL.world, steps=1, matrix_rate=0.0, learning_rate=0.0)
    base = load_base(str(made[1]))
    train_world(tmp_path, data, begin(BODIES["tabletop_gripper"], 7, base), still, 7)

    after, text = load_world(tmp_path, BODIES["tabletop_gripper"])
    for one, other in ((after, base.model), (text, base.text)):
        known = other.state_dict()
        assert all(torch.equal(value, known[name]) for name, value in one.state_dict().items())


def test_windows_are_told_apart_by_what_they_show(made: tuple[Path, Path]) -> None:
    data, _ = load_training_set(current(made[0], "windows"), BODIES)
    robot, play = data.select("train", "robot"), data.select("train", "play")

    assert {data.windows[place].instruction for place in play} == {"play"}
    assert "play" not in {data.windows[place].instruction for place in robot}
    assert all(data.samples[place].actions is not None for place in [*robot, *play])
    assert all(data.samples[place].actions is None for place in data.select("train", "human"))
    assert all(data.windows[place].chunks > 1 for place in data.select("train", "robot", long=True))


@pytest.mark.parametrize("resting", [0.0, 1.0])
def test_the_plan_says_how_many_windows_begin_when_all_is_done(
    made: tuple[Path, Path], tmp_path: Path, resting: float
) -> None:
    drawn = current(made[0], "draw")
    plan = WindowPlan(starts=3, play_starts=1, resting_share=resting, long_share=0.0)
    cut_windows(tmp_path, drawn, load_codec(current(made[0], "codec")), plan, 0)
    busy = np.load(drawn / "robot_busy.npy")
    data, _ = load_training_set(tmp_path, BODIES)
    begins = [
        (round(data.windows[place].start_s * 10), int(busy[int(data.windows[place].session[-4:])]))
        for place in data.select("train", "robot")
    ]
    # A window begins at a frame, so half a frame may be wanted yet; after step 40 it would be longer than the episode.
    rests = [start >= done - 1 for start, done in begins if done <= 40]

    assert len(rests) >= 2
    assert set(rests) == {bool(resting)}


def test_prompts_are_the_same_while_learning_and_once_known(made: tuple[Path, Path]) -> None:
    data, _ = load_training_set(current(made[0], "windows"), BODIES)
    _, text = new_model(BODIES["tabletop_gripper"], 0)
    batch = collate(data.samples[:2], GEOMETRY)
    prompts, said = Prompts(text), ["put the red block near left", "a far longer thing to say than that"]
    known = prompts.into(batch, said).text
    prompts.learning = True
    learning = prompts.into(batch, said).text

    assert torch.equal(known.valid, learning.valid)
    assert known.values == pytest.approx(learning.values, abs=1e-5)
    assert known.valid.sum(1).tolist() == [6, 8]  # one feature a word


def test_closed_loop_counts_a_policy_that_holds_still_as_failing_and_the_expert_as_succeeding() -> None:
    assert closed_loop("still", "seen", "inverse_dynamics", 4)["success"] == 0.0
    assert closed_loop("expert", "seen", "inverse_dynamics", 4)["success"] == 1.0


def test_a_second_process_that_fails_stops_the_training_in_words() -> None:
    weight = torch.nn.Parameter(torch.ones(1))

    def loss_of(step: int, half: int) -> tuple[torch.Tensor, float]:
        if half:
            os._exit(1)
        return weight.sum(), 0.0

    with halves([weight], loss_of, 2) as compute, pytest.raises(RunError, match="second process is gone"):
        compute(0)


def test_a_steps_gradient_is_the_mean_of_its_halves() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))

    def loss_of(step: int, half: int) -> tuple[torch.Tensor, float]:
        return weight.sum() * (1.0 + 2 * half + 10 * step), float(half)

    for processes in (1, 2):
        with halves([weight], loss_of, processes) as compute:
            assert compute(1) == 0.5
            assert weight.grad is not None
            assert float(weight.grad) == 12.0


def test_the_learning_rate_rises_to_its_highest_and_falls_to_a_fiftieth() -> None:
    rates = [one_cycle(step, 100, 1.0) for step in range(100)]

    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert max(rates) == 1.0
    assert rates[-1] == pytest.approx(0.02, abs=0.002)


def test_shares_of_futures_that_exceed_the_whole_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"action\.noised_share \+ action\.predicted_share is 1\.2"):
        PretrainConfig(action=ActionTraining(noised_share=0.6, predicted_share=0.6))
    with pytest.raises(RecipeError, match=r"world\.human_share \+ world\.play_share is 1\.0"):
        PretrainConfig(world=WorldTraining(human_share=0.5, play_share=0.5))
    with pytest.raises(RecipeError, match=r"draw\.astray_share is 1\.5"):
        PretrainConfig(draw=DrawConfig(astray_share=1.5))
