"""The released DreamZero's weights give the released DreamZero's outputs: in a training step, and in its control loop.

`tests/golden/make_joint_outputs.py` ran the original head, losses and samplers included.
"""

from dataclasses import replace

import pytest
import torch
from dreamzero_builder import AXES, KINDS, batch_of, noise_of, picture, released, words

from adapt.models.dreamzero.schedule import RELEASED
from adapt.models.imagine import Bodies, Imagination, Sampling
from adapt.models.wan.layout import Kind, visible_part

TOLERANCE = 1e-4
OURS = {  # gradients of the released run, by our names
    "blocks.0.self_attn.k.weight": "dit.blocks.0.attn1.to_k.weight",
    "blocks.1.cross_attn.v_img.weight": "dit.blocks.1.attn2.add_v_proj.weight",
    "patch_embedding.weight": "dit.patch_embedding.weight",
    "action_encoder.W2.W": "heads.joint.actions.action_encoder.W2.W",
    "state_encoder.layer1.W": "heads.joint.actions.state_encoder.layer1.W",
    "head.modulation": "dit.scale_shift_table",
    "time_projection.1.weight": "dit.condition_embedder.time_proj.weight",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_step_is_the_released_one(kind: str):
    """Predictions, both losses as DreamZero divides them, and gradients to every part of the sequence."""
    model, given, wanted = released(kind)
    batch, noise = batch_of(given, channels=kind == KINDS[0]), noise_of(given)

    output = model.joint_velocity(batch, noise)
    losses = model.losses(batch, noise, joint=True)
    video = losses.video.mean()
    action = losses.action.sum / given["actions"].numel()  # DreamZero counts slots that no axis lies in
    (video + action).backward()

    assert (output.video - wanted["video"]).abs().max() <= TOLERANCE
    assert (output.action - wanted["action"]).abs().max() <= TOLERANCE
    assert video.item() == pytest.approx(wanted["dynamics_loss"].item(), rel=1e-5)
    assert action.item() == pytest.approx(wanted["action_loss"].item(), rel=1e-5)
    for theirs, ours in OURS.items():
        assert wanted[f"gradient.{theirs}"].abs().max() > 1e-3
        assert (model.get_parameter(ours).grad - wanted[f"gradient.{theirs}"]).abs().max() <= 1e-6, ours


@pytest.mark.parametrize(
    ("kind", "name", "fresh"),
    [(KINDS[0], "few", RELEASED.fresh), (KINDS[0], "all", None), (KINDS[1], "few", RELEASED.fresh)],
)
def test_chunk_after_chunk_is_imagined_as_by_the_released_loop(kind: str, name: str, fresh: tuple[int, ...] | None):
    """Two more chunks follow real ones: keys and values of the context are kept, as its cache keeps them."""
    model, given, wanted = released(kind)
    yes = torch.ones(2, dtype=torch.bool)
    imagination = Imagination(
        model,
        given["latents"][:, :1],
        words(given["text"], 6),
        replace(RELEASED, fresh=fresh),
        image=picture(given, channels=kind == KINDS[0]),
    )
    imagination.lead_away_from(words(given["negative"], 8))

    for chunk in range(3):
        if chunk:
            imagination.see(given["latents"][:, 2 * chunk - 1 : 2 * chunk + 1])
        frames, actions = imagination.next_chunk(
            torch.Generator(),
            Bodies(names=("robot", "robot"), state=given["state"][:, chunk], has_state=yes),
            noise=given["start"],
            action_noise=given["start_action"],
        )
        assert (frames - wanted[f"{name}.{chunk}.video"]).abs().max() <= TOLERANCE
        assert (actions - wanted[f"{name}.{chunk}.action"][..., :AXES]).abs().max() <= TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_video_alone_is_the_released_joint_pass_that_sees_no_actions(kind: str):
    model, given, wanted = released(kind)
    batch, noise = batch_of(given, channels=kind == KINDS[0]), noise_of(given)
    nobody = torch.zeros(2, dtype=torch.bool)
    silent = replace(batch, has_action=nobody, has_state=nobody, embodiments=("human", "human"))

    masked = model.joint_velocity(silent, noise).video  # as beside windows with actions, in one batch
    future = model.losses(silent, noise).predicted_future
    sigma = noise.frame_sigma[:, :, None, None, None]
    noisy = torch.lerp(batch.latents[:, 1:], noise.video, sigma)

    assert (wanted["video_alone"] - wanted["video"]).abs().max() > 0.01
    assert (masked - wanted["video_alone"]).abs().max() <= TOLERANCE
    assert (future - (noisy - sigma * wanted["video_alone"][:, 1:])).abs().max() <= TOLERANCE


def test_released_outputs_notice_a_state_that_sees_no_more_than_in_training(monkeypatch: pytest.MonkeyPatch):
    """In DreamZero's control loop, and there alone, a state sees its chunk and all before."""
    model, given, wanted = released(KINDS[0])
    trained = model.layout
    monkeypatch.setattr(model, "layout", lambda *args, **kinds: trained(*args, **{**kinds, "sampled": False}))
    imagination = Imagination(
        model, given["latents"][:, :1], words(given["text"], 6), RELEASED, image=picture(given, channels=True)
    )
    imagination.lead_away_from(words(given["negative"], 8))
    bodies = Bodies(names=("robot",) * 2, state=given["state"][:, 0], has_state=torch.ones(2, dtype=torch.bool))

    frames, _ = imagination.next_chunk(
        torch.Generator(), bodies, noise=given["start"], action_noise=given["start_action"]
    )

    assert (frames - wanted["few.0.video"]).abs().max() > 0.01
    layout = trained(1, first_noisy=0, acting=True, sampled=True)
    assert visible_part(layout, layout.counts[Kind.CLEAN], layout.tokens) is None


def test_without_noise_of_the_first_frame_all_else_stays():
    """It sees and is seen by nothing else, so training may leave it out."""
    model, given, _ = released(KINDS[0])
    batch, noise = batch_of(given, channels=True), noise_of(given)

    whole = model.joint_velocity(batch, noise)
    less = model.joint_velocity(batch, replace(noise, first=None))

    assert (whole.video[:, 1:] - less.video).abs().max() <= 1e-5
    assert (whole.action - less.action).abs().max() <= 1e-5
    found, fewer = (model.losses(batch, given_).predicted_future for given_ in (noise, replace(noise, first=None)))
    assert found.shape == fewer.shape == (2, 6, 8, 4, 6)
    torch.testing.assert_close(found, fewer, atol=1e-5, rtol=1e-5)


def test_every_frame_and_every_step_may_have_a_level_of_its_own():
    """Repeated chunk levels are the same; others are not; and a state has its chunk's first step's."""
    model, given, _ = released(KINDS[0])
    batch, noise = batch_of(given, channels=True), replace(noise_of(given), first=None)
    single = replace(
        noise,
        video_sigma=noise.frame_sigma,
        video_weight=noise.frame_weight,
        action_sigma=noise.step_sigma,
        action_weight=noise.step_weight,
    )

    with torch.no_grad():
        chunks, each = model.joint_velocity(batch, noise), model.joint_velocity(batch, single)
        later = single.action_sigma.clone()
        later[:, -1] += 0.3  # of the last chunk's last step, whose state keeps the level of its first
        moved = model.joint_velocity(batch, replace(single, action_sigma=later))

    assert torch.equal(chunks.video, each.video)
    assert torch.equal(chunks.action, each.action)
    assert torch.equal(moved.video[:, :4], each.video[:, :4])
    assert (moved.action[:, -4:] - each.action[:, -4:]).abs().amax(dim=2).min() > 1e-4


@pytest.mark.parametrize(
    ("fresh", "words_"), [((1, 2), "0 among them"), ((0, 16), "steps of 0 to 15"), ((), "0 among them")]
)
def test_steps_that_go_on_with_nothing_are_refused(fresh: tuple[int, ...], words_: str):
    with pytest.raises(ValueError, match=words_):
        Sampling(steps=16, fresh=fresh)
