"""What depends on what, and on what nothing may depend."""

from dataclasses import replace

import pytest
import torch
from model_builder import batch_of, small_model, window
from torch import Tensor

from adapt.errors import EmbodimentError
from adapt.models.heads.inverse_dynamics import Hiding
from adapt.models.noise import draw_noise
from adapt.models.world_action import WorldActionConfig, WorldActionModel, transitions
from adapt.objectives.flow import interpolate

SHIFT = 3.0


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def touched(change: Tensor) -> Tensor:
    """Which leading entries changed at all."""
    return change.flatten(2).abs().sum(dim=2) > 0


@pytest.mark.parametrize("switch", [False, True], ids=["video_apart", "video_sees_actions"])
def test_each_velocity_depends_on_what_it_may_and_on_nothing_else(*, switch: bool):
    """Perturb every input of a 3-chunk joint window in turn and see which velocities move."""
    model = small_model()
    model.config = replace(model.config, video_sees_actions=switch)
    batch = batch_of(window("a", 3, "arm"))
    noise = draw_noise(batch, seeded(), shift=SHIFT)
    before = model.joint_velocity(batch, noise)

    def moved(**change: Tensor) -> tuple[list[bool], list[bool]]:
        """Per chunk: whether its video velocity moved, and its action velocity."""
        in_noise = {name: value for name, value in change.items() if hasattr(noise, name)}
        in_batch = {name: value for name, value in change.items() if name not in in_noise}
        after = model.joint_velocity(replace(batch, **in_batch), replace(noise, **in_noise))
        video = touched(after.video - before.video).reshape(3, 2).any(dim=1)
        action = (after.action - before.action).abs().sum(dim=(0, 2)).reshape(3, 16).sum(dim=1) > 0
        return video.tolist(), action.tolist()

    def bumped(value: Tensor, *index: int | slice) -> Tensor:
        value = value.clone()
        value[index] += 1.0
        return value

    for chunk in range(3):
        own = [i == chunk for i in range(3)]
        shared = own if switch else [False] * 3
        # Noise reaches the noisy frames of its own chunk only.
        assert moved(video=bumped(noise.video, 0, 2 * chunk)) == (own, own)
        assert moved(action=bumped(noise.action, 0, 16 * chunk)) == (shared, own)
        assert moved(state=bumped(batch.state, 0, chunk)) == (shared, own)
        assert moved(action_sigma=bumped(noise.action_sigma, 0, chunk)) == (shared, own)
    for frame in range(7):
        # A recorded frame is context for every chunk after it, and is what its own chunk's noisy frame hides.
        first = (frame + 1) // 2
        sees = [i >= first or (frame > 0 and i == (frame - 1) // 2) for i in range(3)]
        assert moved(latents=bumped(batch.latents, 0, frame)) == (sees, sees)


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


def test_a_recorded_future_never_leaks_into_its_own_prediction():
    """With the noisy frames held still, the outcome of a chunk changes nothing it predicts: exactly 0."""
    model = small_model()
    batch = batch_of(window("a", 2, "arm"), window("b", 2))
    noise = draw_noise(batch, seeded(), shift=SHIFT)
    noisy = interpolate(batch.latents[:, 1:], noise.video, noise.frame_sigma)
    latents = batch.latents.clone()
    latents[:, 3:] += 1  # the outcome of the last chunk

    before = model.video_velocity(batch, noisy, noise.video_sigma)
    after = model.video_velocity(replace(batch, latents=latents), noisy, noise.video_sigma)

    assert torch.equal(before, after)


def test_windows_of_a_batch_do_not_see_each_other():
    model = small_model()
    arm, other, video = window("a", 2, "arm"), window("b", 3, "gripper"), window("c", 1)
    alone = batch_of(arm)
    together = batch_of(arm, other, video)

    one = model.joint_velocity(alone, draw_noise(alone, seeded(), shift=SHIFT))
    three = model.joint_velocity(together, draw_noise(together, seeded(), shift=SHIFT))

    torch.testing.assert_close(three.video[:1, :4], one.video, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(three.action[:1, :32], one.action, atol=1e-5, rtol=1e-4)


def filled_with_nan(batch):
    """The batch with NaN wherever nothing is real."""
    nan = float("nan")
    text = replace(batch.text, values=torch.where(batch.text.valid[..., None], batch.text.values, nan))
    return replace(
        batch,
        latents=torch.where(batch.frame_valid[:, :, None, None, None], batch.latents, nan),
        text=text,
        actions=torch.where(batch.action_valid, batch.actions, nan),
        state=torch.where((batch.chunk_valid & batch.has_state[:, None])[..., None], batch.state, nan),
    )


def test_nan_in_padding_reaches_no_loss_and_no_gradient():
    model = small_model()
    batch = batch_of(window("a", 3, "arm"), window("b", 1, "gripper"), window("c", 2))
    noise = draw_noise(batch, seeded(), shift=SHIFT)

    results = []
    for given in (batch, filled_with_nan(batch)):
        model.zero_grad()
        losses = model.losses(given, noise, joint=True)
        inverse = model.inverse_dynamics_loss(given, seeded(1), hiding=Hiding())
        total = losses.video.mean() + losses.action.mean() + inverse.mean()
        total.backward()
        results.append((total.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))

    assert torch.isfinite(results[0][0])
    assert torch.equal(results[0][0], results[1][0])
    assert all(torch.equal(clean, nan) for clean, nan in zip(results[0][1], results[1][1], strict=True))


def test_memory_filled_with_nan_before_use_reaches_no_output():
    model = small_model()
    batch = batch_of(window("a", 2, "arm"), window("b", 1))
    noise = draw_noise(batch, seeded(), shift=SHIFT)
    torch.use_deterministic_algorithms(mode=True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    try:
        losses = model.losses(batch, noise, joint=True)
        inverse = model.inverse_dynamics_loss(batch, seeded())
    finally:
        torch.use_deterministic_algorithms(mode=False)

    assert torch.isfinite(losses.video.sum)
    assert torch.isfinite(losses.action.sum)
    assert torch.isfinite(inverse.sum)


def action_gradient(model: WorldActionModel, samples: list, *, joint: bool, by_batch: bool = False) -> Tensor:
    """Gradient of the action loss with respect to the heads, divided by the valid count."""
    batch = batch_of(*samples, dtype=torch.float64)
    model.zero_grad()
    if joint:
        loss = model.losses(batch, draw_noise(batch, seeded(), shift=SHIFT), joint=True).action
    else:
        loss = model.inverse_dynamics_loss(batch, seeded(), hiding=Hiding())
    (loss.sum / len(samples) if by_batch else loss.over(loss.count)).backward()
    head = model.heads["joint" if joint else "inverse_dynamics"]
    return torch.cat([p.grad.flatten() for p in head.parameters() if p.grad is not None])


@pytest.mark.parametrize("joint", [False, True], ids=["inverse_dynamics", "joint"])
def test_video_only_windows_leave_the_action_gradient_as_it_was(*, joint: bool):
    model = small_model(dtype=torch.float64)
    robot = [window("a", 2, "arm"), window("b", 2, "gripper"), window("c", 1, "arm", with_state=False)]
    human = [window("d", 2), window("e", 1), window("f", 3)]

    alone = action_gradient(model, robot, joint=joint)
    mixed = action_gradient(model, [*robot, *human], joint=joint)

    assert alone.abs().max() > 1e-3
    assert (mixed - alone).abs().max() <= 1e-12 * alone.abs().max()


def test_dividing_by_the_batch_instead_would_shrink_it():
    """The violation that the test above is there to catch."""
    model = small_model(dtype=torch.float64)
    robot = [window("a", 2, "arm")]

    alone = action_gradient(model, robot, joint=False, by_batch=True)
    mixed = action_gradient(model, [*robot, window("d", 2)], joint=False, by_batch=True)

    assert (mixed - alone).abs().max() > 0.4 * alone.abs().max()


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
