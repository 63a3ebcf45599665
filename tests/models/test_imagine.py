from dataclasses import replace

import pytest
import torch
from model_builder import batch_of, small_model, window

from adapt.models.batch import Text
from adapt.models.imagine import Bodies, Sampling, imagine, imagine_jointly, rollout

BATCH = batch_of(window("a", 3, "arm"), window("b", 3, "gripper"))
PRESENT = BATCH.latents[:, :1]
BODIES = Bodies(
    names=("arm", "gripper"), state=torch.tensor([[0.5, -0.5], [0.0, 0.0]]), has_state=torch.tensor([True, False])
)
FEW = Sampling(steps=3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_same_seed_imagines_the_same_future_and_another_seed_another():
    model = small_model()

    first, again, other = (imagine(model, PRESENT, BATCH.text, FEW, seeded(seed)) for seed in (1, 1, 2))

    assert first.shape == (2, 2, 16, 8, 8)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not first.requires_grad


def test_global_randomness_is_neither_read_nor_written():
    model = small_model()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = imagine(model, PRESENT, BATCH.text, FEW, seeded())

    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(imagine(model, PRESENT, BATCH.text, FEW, seeded()), first)


def test_rollout_feeds_each_imagined_chunk_back_as_context():
    model = small_model()
    generator = seeded()
    first = imagine(model, PRESENT, BATCH.text, FEW, generator)
    second = imagine(model, torch.cat([PRESENT, first], dim=1), BATCH.text, FEW, generator)

    rolled = rollout(model, PRESENT, BATCH.text, 2, FEW, seeded())

    assert torch.equal(rolled, torch.cat([first, second], dim=1))


def test_a_true_velocity_field_is_followed_back_to_the_data(monkeypatch: pytest.MonkeyPatch):
    """If the model always points from the noise it was given straight to a goal, sampling ends at the goal."""
    model = small_model()
    goal = torch.full((2, 2, 16, 8, 8), 0.25)
    levels = []

    def straight(_dit, scene):
        levels.append(scene.sigma[0, 0].item())
        flow = (scene.noisy - goal) / scene.sigma[:, :, None, None, None]
        return type("Output", (), {"video": flow, "action": None})()

    monkeypatch.setattr("adapt.models.imagine.velocities", straight)
    imagined = imagine(model, PRESENT, BATCH.text, Sampling(steps=4), seeded())

    torch.testing.assert_close(imagined, goal)
    # Shift 3 moves 1, 3/4, 1/2, 1/4 to 3s / (1 + 2s).
    assert levels == pytest.approx([1.0, 0.9, 0.75, 0.5])


def test_guidance_moves_away_from_the_future_without_instruction():
    model = small_model()
    empty = Text(values=torch.zeros(2, 1, 16), valid=torch.ones(2, 1, dtype=torch.bool))
    one_step = Sampling(steps=1)

    plain = imagine(model, PRESENT, BATCH.text, one_step, seeded())
    without = imagine(model, PRESENT, empty, one_step, seeded())
    guided = imagine(model, PRESENT, BATCH.text, replace(one_step, guidance=3.0), seeded())

    torch.testing.assert_close(guided, without + 3.0 * (plain - without), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_joint_imagination_sees_the_same_video_and_gives_actions_in_each_bodys_axes(guidance: float):
    model = small_model()
    sampling = Sampling(steps=3, guidance=guidance)

    frames, actions = imagine_jointly(model, PRESENT, BATCH.text, BODIES, sampling, seeded())

    torch.testing.assert_close(frames, imagine(model, PRESENT, BATCH.text, sampling, seeded()), atol=1e-5, rtol=1e-4)
    assert actions.shape == (2, 16, 3)
    assert actions[1, :, 2].abs().sum() == 0
    assert actions[0].abs().min() > 0


def test_joint_actions_depend_on_the_state():
    model = small_model()
    other = replace(BODIES, state=BODIES.state + 1)

    actions = [imagine_jointly(model, PRESENT, BATCH.text, b, FEW, seeded())[1] for b in (BODIES, other)]

    assert not torch.equal(actions[0][0], actions[1][0])
    assert torch.equal(actions[0][1], actions[1][1])  # the gripper has no state


@pytest.mark.parametrize("frames", [2, 9])
def test_a_context_that_is_no_whole_chunk_or_fills_the_window_is_refused(frames: int):
    context = torch.zeros(2, frames, 16, 8, 8)

    with pytest.raises(ValueError, match=f"context has {frames} latent frames"):
        imagine(small_model(), context, BATCH.text, FEW, seeded())
