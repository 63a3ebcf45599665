"""A checkpoint's parts become a world model that is trained, adapted, imagined with and stored as ours are."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dreamzero_builder import own_base
from encoded_builder import arm, hand, window, write_folder
from formats_builder import DREAMZERO_CONFIG, small_base
from torch import Tensor

from adapt.data.samples import WindowDataset
from adapt.errors import CheckpointError
from adapt.models.adapters import add_lora
from adapt.models.bases import load_base, load_heads, save_base
from adapt.models.batch import Text
from adapt.models.dreamzero.model import geometry_of, world_model
from adapt.models.dreamzero.schedule import RELEASED, training_levels, training_weights
from adapt.models.first_image import FirstImage
from adapt.models.formats.published import load_published, save_published
from adapt.models.formats.sizes import DREAMZERO
from adapt.models.imagine import Bodies, Imagination, Sampling
from adapt.models.lora import LoraConfig
from adapt.models.solvers import noise_levels
from adapt.models.world_action import WorldActionConfig
from adapt.objectives.timesteps import Timesteps
from adapt.objectives.weighting import level_weight
from adapt.train.losses import JOINT, VIDEO, Objective
from adapt.train.settings import TrainConfig
from adapt.train.trained import choose_trained
from adapt.types import Canvas, Sample, Slot

CANVAS = Canvas(height=64, width=96, slots={"full": Slot(top=0, left=0, height=64, width=96)})
SAYS = {
    "frame_seqlen": 24,
    "num_frame_per_block": 2,
    "num_action_per_block": 4,
    "num_state_per_block": 1,
    "max_chunk_size": 3,
}


def config(**changes: Any) -> dict[str, Any]:
    told = copy.deepcopy(DREAMZERO_CONFIG)
    told["action_head_cfg"]["config"]["diffusion_model_cfg"] |= SAYS | changes
    return told


def test_a_checkpoint_becomes_a_world_model_that_imagines_and_acts(tmp_path: Path):
    parts = small_base()
    save_published(tmp_path / "base", parts, DREAMZERO, config=config())
    found = load_published(tmp_path / "base", parts=("transformer", "actions"))

    model = world_model(found, geometry_of(found.config, CANVAS))
    model.joint.projections.place("arm", (1, 0), (2,))
    geometry = model.geometry
    picture = FirstImage(features=torch.randn(1, 5, 20), channels=torch.randn(1, 7, 20, 8, 12))
    text = Text(values=torch.randn(1, 3, 16), valid=torch.ones(1, 3, dtype=torch.bool))
    asked = Bodies(names=("arm",), state=torch.zeros(1, 1), has_state=torch.tensor([True]))
    imagination = Imagination(
        model, torch.randn(1, 1, 16, 8, 12), text, Sampling(steps=1, solver="unipc"), image=picture
    )
    frames, actions = imagination.next_chunk(torch.Generator().manual_seed(0), asked)

    assert (geometry.latent_height, geometry.latent_width, geometry.action_steps) == (8, 12, 4)
    assert (geometry.latent_frames_per_chunk, geometry.frames_per_chunk, geometry.max_chunks) == (2, 8, 3)
    assert model.dit is found.modules["transformer"]
    assert model.joint.actions is found.modules["actions"]
    assert not any(p.is_meta or p.requires_grad for p in model.parameters())
    assert (model.config.shift, model.config.noise_mode, model.config.guidance) == (5.0, "coupled", 5.0)
    assert frames.shape == (1, 2, 16, 8, 12)
    assert actions.shape == (1, 4, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frame_seqlen": 880}, "a frame has 880 tokens, a canvas of 64 x 96 px makes 24"),
        ({"num_state_per_block": 2}, "2 states a chunk"),
        ({"max_chunk_size": -1}, "windows of -1 chunks"),
        ({"frame_seqlen": "many"}, "does not describe a base"),
    ],
)
def test_a_checkpoint_of_another_sequence_is_refused(changes: dict[str, Any], words: str):
    with pytest.raises(CheckpointError, match=words):
        geometry_of(config(**changes), CANVAS)


def test_a_checkpoint_without_its_actions_is_refused(tmp_path: Path):
    save_published(tmp_path / "base", small_base(), DREAMZERO, config=config())
    found = load_published(tmp_path / "base")

    with pytest.raises(CheckpointError, match=r'parts=\("transformer", "actions"\)'):
        world_model(found, geometry_of(found.config, CANVAS))


def test_lora_learns_from_video_and_actions_in_the_packages_own_training_step(tmp_path: Path):
    """The objective that `finetune` minimises, on windows with and without actions; the base stays as it was."""
    model = own_base().model
    before = {name: value.clone() for name, value in model.dit.state_dict().items()}
    add_lora(model.dit, LoraConfig(rank=4, alpha=8.0), base_id="dreamzero", revision="0")
    trained = choose_trained(model, bodies={"arm"}, heads=False, joint=True)
    windows = [window(n, hand(), chunks=1) for n in range(2)] + [window(7, arm(), chunks=2)]
    write_folder(tmp_path / "set", windows, [hand(), arm()], text_width=16)
    data = WindowDataset(tmp_path / "set", "train")
    samples = [data[n] for n in range(3)]
    settings = TrainConfig(batch_size=3, joint_head=True, weighting="bell", timesteps="base")
    objective = Objective(model=model, config=settings, heads=False, joint=True, seed=0)
    counts = objective.counts(samples, [])
    optimiser = torch.optim.Adam(trained.tensors.values(), lr=1e-2)

    def step() -> dict[str, float]:
        told: dict[str, float] = {}
        for sums in objective.sums(samples, [], 0):  # always the same noise
            for name, value in sums.items():
                loss = value.over(counts[name])
                loss.backward(retain_graph=True)
                told[name] = told.get(name, 0.0) + loss.item()
        return told

    first = step()
    assert all(parameter.grad is not None for name, parameter in trained.tensors.items() if "lora_B" in name)
    for _ in range(8):
        optimiser.step()
        optimiser.zero_grad()
        last = step()

    assert objective.timesteps == Timesteps(coupling="coupled", shift=5.0)
    assert last[VIDEO] < 0.9 * first[VIDEO]
    assert last[JOINT] < 0.9 * first[JOINT]
    kept = {name.replace(".base_layer", ""): value for name, value in model.dit.state_dict().items()}
    assert all(torch.equal(kept[name], value) for name, value in before.items())


def test_samples_bring_their_first_pictures_to_a_base_that_looks_at_them(tmp_path: Path):
    """In every pass: the losses, futures imagined for the head, and the pass of a process that has nothing to do."""
    model = own_base(pictures=True).model
    windows = [window(1, hand(), chunks=1), window(7, arm(), chunks=2)]
    write_folder(tmp_path / "set", windows, [hand(), arm()], text_width=16)
    data = WindowDataset(tmp_path / "set", "train")
    plain = [data[n] for n in range(2)]

    def shown(seed: int) -> list[Sample]:
        draw = torch.Generator().manual_seed(seed)
        return [
            replace(
                sample,
                image_features=torch.randn(5, 12, generator=draw),
                image_channels=torch.randn(len(sample.latents), 20, 8, 8, generator=draw),
            )
            for sample in plain
        ]

    settings = TrainConfig(batch_size=2, joint_head=True, predicted_future_every=1, predicted_future_steps=1)
    objective = Objective(model=model, config=settings, heads=True, joint=True, seed=0)

    def loss(samples: list[Sample]) -> tuple[float, Tensor]:
        with torch.no_grad():
            sums = [part[VIDEO].sum.item() for part in objective.sums(samples, [], 0)]
            return sum(sums), objective.imagined(samples, 0)[0].latents

    (first, future), (again, _), (other, another) = (loss(shown(seed)) for seed in (1, 1, 2))

    assert first == again
    assert abs(first - other) > 1e-3
    assert (future - another).abs().max() > 1e-4
    assert objective.nothing().item() == 0.0
    with pytest.raises(ValueError, match="has no image_features, and others of its batch have"):
        objective.batch([shown(1)[0], plain[1]])
    with pytest.raises(ValueError, match="first picture: no image features"):
        loss(plain)


def test_a_base_in_dreamzeros_sequence_is_stored_and_loaded_with_its_slots(tmp_path: Path):
    base = own_base()
    save_base(tmp_path, base)

    loaded = load_base(str(tmp_path), parts=("model",)).model

    assert loaded.config == base.model.config
    assert loaded.joint.projections.axes == {"arm": (2, 2)}
    assert loaded.joint.projections.of("arm").action_slots.tolist() == [4, 2]
    wanted = base.model.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in loaded.state_dict().items())


@pytest.mark.parametrize("slots", [[4.0, 9.0], [2.0, 2.0], [-1.0, 0.0]])
def test_stored_slots_that_the_head_does_not_have_are_refused(slots: list[float]):
    model = own_base().model
    tensors = {name: value.float() for name, value in model.heads.state_dict().items()}
    tensors["joint.projections.bodies.arm.action_slots"] = torch.tensor(slots)

    with pytest.raises(CheckpointError, match="'arm': its stored slots"):
        load_heads(model, tensors)


def test_the_config_survives_json_and_stays_away_where_it_is_not_dreamzeros():
    ours = own_base().model.config

    assert WorldActionConfig.from_json(ours.to_json()) == ours
    plain = replace(ours, dreamzero=None)
    assert "dreamzero" not in plain.to_json()
    assert WorldActionConfig.from_json(plain.to_json()) == plain
    with pytest.raises(ValueError, match="video sees actions"):
        replace(ours, video_sees_actions=False)


def test_our_law_and_our_bell_are_the_limits_of_dreamzeros_levels_and_weights():
    levels, weights = training_levels(), training_weights()
    law = Timesteps(coupling="coupled", shift=5.0).video

    assert weights.mean().item() == pytest.approx(1.0, abs=1e-5)
    assert levels.mean().item() == pytest.approx(float(law.at((torch.arange(1000) + 0.5) / 1000).mean()), abs=2e-3)
    assert (level_weight(levels, "bell", law) - weights).abs().max() < 5e-3


def test_sampling_tells_the_transformer_whole_timesteps():
    settings = own_base().model.config
    levels = noise_levels(RELEASED.steps, settings.shift, settings.top_level)
    told = [1000 * settings.told_level(level) for level in levels]

    # FlowUniPCMultistepScheduler's own, at 16 steps and shift 5.
    wanted = [999, 986, 972, 955, 937, 916, 892, 865, 833, 795, 749, 694, 624, 535, 416, 249]
    assert told == pytest.approx(wanted, abs=1e-9)
