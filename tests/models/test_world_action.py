"""What depends on what, and on what nothing may depend."""

from dataclasses import replace

import pytest
import torch
from model_builder import batch_of, small_model, window
from torch import Tensor

from adapt.errors import EmbodimentError
from adapt.models.noise import draw_noise
from adapt.models.world_action import WorldActionConfig, WorldActionModel, transitions
from adapt.objectives.flow import interpolate

SHIFT = 3.0


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def touched(change: Tensor) -> Tensor:
    """Which leading entries changed at all."""
    return change.flatten(2).abs().sum(dim=2) > 0


def test_text_reaches_every_velocity():
    model = small_model()
    batch = batch_of(window("a", 2, "arm"))
    noise = draw_noise(batch, seeded(), shift=SHIFT)
    values = batch.text.values.clone()
    values[0, 0] += 1

    before = model.joint_velocity(batch, noise)
    after = model.joint_velocity(replace(batch, text=replace(batch.text, values=values)), noise)

    assert touched(after.video - before.video).all()
    assert ((after.action - before.action).abs().sum(dim=2) > 0).all()


def test_a_window_is_answered_alike_alone_and_in_a_batch():
    model = small_model()
    arm, other, video = window("a", 2, "arm"), window("b", 3, "gripper"), window("c", 1)
    alone = batch_of(arm)
    together = batch_of(arm, other, video)

    one = model.joint_velocity(alone, draw_noise(alone, seeded(), shift=SHIFT))
    three = model.joint_velocity(together, draw_noise(together, seeded(), shift=SHIFT))

    torch.testing.assert_close(three.video[:1, :4], one.video, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(three.action[:1, :32], one.action, atol=1e-5, rtol=1e-4)


def test_inverse_dynamics_is_blind_to_the_instruction():
    model = small_model()
    batch = batch_of(window("a", 2, "arm"))
    other = replace(batch, text=replace(batch.text, values=batch.text.values + 1))

    losses = [model.inverse_dynamics_loss(given, seeded()).sum for given in (batch, other)]

    assert torch.equal(losses[0], losses[1])


def test_inverse_dynamics_loss_is_none_without_actions():
    assert small_model().inverse_dynamics_loss(batch_of(window("a", 1)), seeded()) is None


def test_transitions_pair_each_chunks_start_with_its_outcome():
    batch = batch_of(window("a", 2, "arm"), window("b", 3), window("c", 1, "gripper"))

    seen, targets = transitions(batch)

    assert seen.bodies == ("arm", "arm", "gripper")
    assert torch.equal(seen.present, torch.stack([batch.latents[0, 0], batch.latents[0, 2], batch.latents[2, 0]]))
    assert torch.equal(seen.future[1], batch.latents[0, 3:5])
    assert torch.equal(targets.actions[1], batch.actions[0, 16:32])
    assert torch.equal(seen.state[1], batch.state[0, 1])
    assert seen.has_state.tolist() == [True, True, False]


def test_transitions_carry_their_windows_noise_floor():
    batch = batch_of(window("a", 2, "arm"), window("b", 3), window("c", 1, "gripper"))

    found = transitions(replace(batch, action_floor=torch.tensor([0.25, 0.9, 0.5])))

    assert found is not None
    assert found[1].sigma_floor.tolist() == [0.25, 0.25, 0.5]


def test_a_chunks_weight_scales_its_part_of_each_loss_and_no_count():
    model = small_model(dtype=torch.float64)
    batch = batch_of(window("a", 2, "arm"), window("b", 1, "gripper"), dtype=torch.float64)
    noise = draw_noise(batch, seeded(), shift=SHIFT)

    def losses(video: list[list[float]], action: list[list[float]]) -> tuple[Tensor, Tensor, int, int]:
        weights = {"video_weight": batch.latents.new_tensor(video), "action_weight": batch.latents.new_tensor(action)}
        found = model.losses(batch, replace(noise, **weights), joint=True)
        return found.video.sum, found.action.sum, int(found.video.count), int(found.action.count)

    chunks = [losses([a, b], [a, b]) for a, b in (([1, 0], [0, 0]), ([0, 1], [0, 0]), ([0, 0], [1, 0]))]
    mixed = losses([[3, 0.5], [2, 7]], [[0.25, 4], [1, 7]])

    torch.testing.assert_close(mixed[0], 3 * chunks[0][0] + 0.5 * chunks[1][0] + 2 * chunks[2][0])
    torch.testing.assert_close(mixed[1], 0.25 * chunks[0][1] + 4 * chunks[1][1] + 1 * chunks[2][1])
    assert all(part[0] > 0 and part[1] > 0 for part in chunks)
    assert {part[2:] for part in [*chunks, mixed]} == {((4 + 2) * 16 * 8 * 8, 16 * (2 * 3 + 2))}


def test_losses_report_the_future_they_predict():
    model = small_model()
    batch = batch_of(window("a", 2))
    noise = draw_noise(batch, seeded(), shift=SHIFT)
    noisy = interpolate(batch.latents[:, 1:], noise.video, noise.frame_sigma)
    flow = model.video_velocity(batch, noisy, noise.video_sigma)

    predicted = model.losses(batch, noise).predicted_future

    torch.testing.assert_close(predicted, (noisy - noise.frame_sigma[:, :, None, None, None] * flow).detach())
    assert not predicted.requires_grad


def test_a_body_without_projections_is_named_with_those_known():
    batch = batch_of(replace(window("a", 1, "arm"), embodiment="stranger"))

    with pytest.raises(EmbodimentError, match=r"'stranger'.*arm, gripper"):
        small_model().inverse_dynamics_loss(batch, seeded())
    with pytest.raises(EmbodimentError, match="'stranger'"):
        small_model().losses(batch, draw_noise(batch, seeded(), shift=SHIFT), joint=True)


def test_add_body_gives_fresh_projections_by_seed_and_leaves_the_others():
    first, second, third = (small_model() for _ in range(3))
    kept = first.inverse_dynamics.projections.of("arm").action_in.weight.clone()
    first.add_body("humanoid", 26, 20, seed=5)
    second.add_body("humanoid", 26, 20, seed=5)
    third.add_body("humanoid", 26, 20, seed=6)

    made = [m.joint.projections.of("humanoid").action_out.weight for m in (first, second, third)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert torch.equal(first.inverse_dynamics.projections.of("arm").action_in.weight, kept)
    assert first.bodies["humanoid"] == (26, 20)


@pytest.mark.parametrize(("name", "axes"), [("arm", 3), ("a.b", 3), ("hand", 0)])
def test_add_body_refuses_a_known_body_a_dotted_name_and_a_body_without_actions(name: str, axes: int):
    with pytest.raises(EmbodimentError, match=f"body '{name}'"):
        small_model().add_body(name, axes, 0, seed=0)


def test_freeze_and_report_split_transformer_from_heads():
    model = small_model()
    model.freeze(dit=True, heads=False)
    report = model.trainable_report()

    heads = sum(p.numel() for p in model.heads.parameters())
    assert report.by_part["dit"] == 0
    assert report.by_part["inverse_dynamics"] + report.by_part["joint"] == report.parameters == heads
    assert report.share == pytest.approx(heads / sum(p.numel() for p in model.parameters()))


def test_config_survives_json():
    config = small_model().config

    assert WorldActionConfig.from_json(config.to_json()) == config


def test_fresh_weights_come_from_the_seed_and_leave_the_global_state():
    config, geometry = small_model().config, small_model().geometry
    state = torch.get_rng_state()

    first, second = (WorldActionModel(config, geometry, seed=3).state_dict() for _ in range(2))

    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)
