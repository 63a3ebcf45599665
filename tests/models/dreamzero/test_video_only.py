"""DreamZero on video alone: no frame sees what it is to become, nothing unwritten is read, no window leaks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from dreamzero_builder import own_model
from torch import Tensor

from adapt.errors import EmbodimentError
from adapt.models.batch import Batch, collate
from adapt.models.imagine import Bodies, Imagination, Sampling
from adapt.models.noise import draw_noise
from adapt.models.world_action import WorldActionModel
from adapt.types import Sample

AXES = {"arm": (3, 2), "gripper": (1, 0)}


def window(name: str, chunks: int, body: str = "") -> Sample:
    generator = torch.Generator().manual_seed(sum(map(ord, name)))

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    axes, state = AXES.get(body, (0, 0))
    return Sample(
        window_id=name,
        embodiment=body or "human",
        latents=normal(1 + 2 * chunks, 8, 4, 6),
        text=normal(4, 10),
        actions=normal(4 * chunks, axes).tanh() if body else None,
        state=normal(chunks, state).tanh() if state else None,
        provenance="robot" if body else "",
    )


def batch_of(model: WorldActionModel, *samples: Sample) -> Batch:
    return collate(samples, model.geometry).to("cpu", model.dit.proj_out.weight.dtype)


def noise_for(model: WorldActionModel, batch: Batch) -> Any:
    draw = torch.Generator().manual_seed(5)
    return draw_noise(batch, draw, shift=5.0, coupling="coupled", action_axes=model.noise_axes)


def reach(model: WorldActionModel, batch: Batch, *, joint: bool) -> tuple[Tensor, Tensor]:
    """Which recorded frame, and which noisy frame, the prediction of each frame hangs on, by gradients."""
    noise = noise_for(model, batch)
    frames = batch.latents.shape[1]
    seen, hidden = torch.zeros(frames - 1, frames), torch.zeros(frames - 1, frames - 1)
    for frame in range(frames - 1):
        latents = batch.latents.clone().requires_grad_()
        added = noise.video.clone().requires_grad_()
        # Noisy frames are made of recorded ones too; with those detached, what is left is what the model looks at.
        noisy = torch.lerp(batch.latents[:, 1:], added, noise.frame_sigma[:, :, None, None, None])
        shown = replace(batch, latents=latents)
        output = model._training_pass(shown, noisy, noise.video_sigma, noise if joint else None)
        output.video[:, frame].square().sum().backward()
        seen[frame] = latents.grad.abs().amax(dim=(0, 2, 3, 4)) > 0
        hidden[frame] = added.grad.abs().amax(dim=(0, 2, 3, 4)) > 0
    return seen, hidden


@pytest.mark.parametrize("joint", [False, True])
def test_a_frame_is_predicted_from_recorded_frames_before_its_chunk_and_noisy_ones_of_it(*, joint: bool):
    model = own_model()
    batch = batch_of(model, window("a", 3, "arm" if joint else ""))

    seen, hidden = reach(model, batch, joint=joint)

    chunk = torch.arange(6) // 2  # of frames 1 to 6
    assert torch.equal(seen.bool(), torch.arange(7)[None, :] <= 2 * chunk[:, None])
    assert torch.equal(hidden.bool(), chunk[None, :] == chunk[:, None])


def test_recorded_frames_to_come_change_nothing_to_the_last_bit():
    model = own_model().eval()
    batch = batch_of(model, window("a", 3))
    noise = noise_for(model, batch)
    noisy = torch.lerp(batch.latents[:, 1:], noise.video, 0.5)

    with torch.no_grad():
        first = model.video_velocity(batch, noisy, noise.video_sigma)
        for frame in range(1, 7):
            latents = batch.latents.clone()
            latents[:, frame] = torch.randn(latents[:, frame].shape, generator=torch.Generator().manual_seed(frame))
            other = model.video_velocity(replace(batch, latents=latents), noisy, noise.video_sigma)
            same = (other == first).all(dim=4).all(dim=3).all(dim=2)[0]
            until = 2 * ((frame - 1) // 2) + 2  # frames 1 to here are of chunks up to the changed frame's
            assert same[:until].all()
            assert frame > 4 or not same[until:].any()


def test_no_unwritten_memory_is_read(monkeypatch: pytest.MonkeyPatch):
    """Whatever is made without being filled is filled with NaN here, and none comes out."""
    model = own_model().eval()
    batch = batch_of(model, window("a", 3), window("b", 1))
    noise = noise_for(model, batch)

    def run() -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            losses = model.losses(batch, noise)
            return losses.video.sum, losses.predicted_future

    clean = run()

    def dirty(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def made(*args: Any, **kwargs: Any) -> Tensor:
            tensor = make(*args, **kwargs)
            return tensor.fill_(float("nan")) if tensor.is_floating_point() else tensor

        return made

    for owner, name in ((torch, "empty"), (torch, "empty_like"), (Tensor, "new_empty")):
        monkeypatch.setattr(owner, name, dirty(getattr(owner, name)))
    again = run()

    assert all(torch.equal(one, two) and one.isfinite().all() for one, two in zip(clean, again, strict=True))


def test_windows_with_and_without_actions_share_a_batch_and_nothing_else():
    model = own_model(dtype=torch.float64).eval()
    samples = [window("a", 2, "arm"), window("b", 3), window("c", 1, "gripper")]
    together = batch_of(model, *samples)

    with torch.no_grad():
        whole = model.joint_velocity(together, noise_for(model, together))
        for row, sample in enumerate(samples):
            alone = batch_of(model, sample)
            noise = noise_for(model, alone)
            if sample.actions is None:
                video = model._training_pass(alone, model_noisy(alone, noise), noise.video_sigma, None).video
            else:
                output = model.joint_velocity(alone, noise)
                video = output.video
                steps = output.action.shape[1]
                torch.testing.assert_close(whole.action[row : row + 1, :steps], output.action)
            torch.testing.assert_close(whole.video[row : row + 1, : video.shape[1]], video)


def model_noisy(batch: Batch, noise: Any) -> Tensor:
    return torch.lerp(batch.latents[:, 1:], noise.video, noise.frame_sigma[:, :, None, None, None])


def test_a_window_without_actions_gives_the_action_weights_no_gradient():
    model = own_model()
    batch = batch_of(model, window("a", 2), window("b", 2))

    losses = model.losses(batch, noise_for(model, batch), joint=True)
    losses.video.mean().backward()

    assert losses.action.count == 0
    assert all(p.grad is None or not p.grad.any() for p in model.joint.parameters())
    assert model.dit.blocks[0].attn1.to_q.weight.grad.abs().max() > 0


def test_axes_go_to_their_slots_and_slots_of_nobody_count_in_no_loss():
    model = own_model().eval()
    batch = batch_of(model, window("a", 1, "arm"))
    noise = noise_for(model, batch)

    laid = model.joint.laid_out(batch.actions, batch.embodiments)
    losses = model.losses(batch, noise, joint=True)
    output = model.joint_velocity(batch, noise)

    assert noise.action.shape == output.action.shape == (1, 4, 5)
    assert torch.equal(laid[..., [3, 1, 4]], batch.actions)
    assert not laid[..., [0, 2]].any()
    error = (output.action - (noise.action - laid))[..., [3, 1, 4]].square()
    assert losses.action.count == 12
    torch.testing.assert_close(losses.action.sum, error.sum())


def test_imagined_actions_come_back_as_the_bodys_own_axes():
    model = own_model().eval()
    sample = batch_of(model, window("a", 1, "arm"), window("b", 1, "gripper"))
    asked = Bodies(names=("arm", "gripper"), state=torch.randn(2, 2), has_state=torch.tensor([True, False]))
    drawn = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(1))

    def acted(noise: Tensor) -> Tensor:
        imagination = Imagination(model, sample.latents[:, :1], sample.text, Sampling(steps=2))
        found = imagination.next_chunk(torch.Generator().manual_seed(0), asked, action_noise=noise)[1]
        assert found is not None
        return found

    actions = acted(drawn)
    other = drawn.clone()
    other[:, :, 2] += 1.0  # nobody's slot: it is seen, but nobody acts with it

    assert actions.shape == (2, 4, 3)
    assert not actions[1, :, 1:].any()
    assert actions[1, :, 0].abs().min() > 0
    assert (acted(other) - actions)[0].abs().max() > 0


@pytest.mark.parametrize(
    ("actions", "state", "words"),
    [
        ((0, 0), (), "'x': its 2 action axes"),
        ((5,), (), "slots 0 to 4"),
        ((0,), (6,), "'x': its 1 state axes"),
        ((), (), "no action axes"),
    ],
)
def test_slots_that_are_not_there_are_refused(actions: tuple[int, ...], state: tuple[int, ...], words: str):
    with pytest.raises(EmbodimentError, match=words):
        own_model().joint.projections.place("x", actions, state)


def test_noise_of_the_batchs_own_axes_is_refused():
    model = own_model()
    batch = batch_of(model, window("a", 1, "arm"))
    noise = draw_noise(batch, torch.Generator().manual_seed(0), shift=5.0)

    with pytest.raises(ValueError, match=r"action_axes=model\.noise_axes"):
        model.losses(batch, noise, joint=True)
