from dataclasses import replace

import pytest
import torch
from model_builder import batch_of, small_model, window

import adapt.models.imagine as imagining
from adapt.models.batch import Text
from adapt.models.imagine import Bodies, Sampling, imagine, imagine_jointly, rollout
from adapt.models.passes import JointOutput, velocities
from adapt.models.solvers import Solver
from adapt.models.world_action import WorldActionModel

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

    def straight(_dit, scene, _cache):
        levels.append(scene.sigma[0, 0].item())
        flow = (scene.noisy - goal) / scene.sigma[:, :, None, None, None]
        return JointOutput(video=flow, action=None)

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


def test_guidance_is_the_base_s_own_where_none_is_asked_for():
    model = small_model()
    asked = imagine(model, PRESENT, BATCH.text, Sampling(steps=2, guidance=2.0), seeded())
    plain = imagine(model, PRESENT, BATCH.text, Sampling(steps=2), seeded())
    assert (asked - plain).abs().max() > 1e-3
    model.config = replace(model.config, guidance=2.0)
    torch.testing.assert_close(imagine(model, PRESENT, BATCH.text, Sampling(steps=2), seeded()), asked)
    none = imagine(model, PRESENT, BATCH.text, Sampling(steps=2, guidance=1.0), seeded())
    torch.testing.assert_close(none, plain)


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


class Passes:
    """Counts and keeps what the transformer answers while something is imagined."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[JointOutput] = []
        self.untold: list[JointOutput] = []

        def spied(dit, scene, cache=None):
            output = velocities(dit, scene, cache)
            without = bool((scene.text.values == 0).all())
            (self.untold if without else self.told).append(output)
            return output

        monkeypatch.setattr(imagining, "velocities", spied)


def actions_by(model: WorldActionModel, passes: Passes, sampling: Sampling) -> torch.Tensor:
    """The actions that a solver of their own makes of the velocities of the passes with instruction."""
    generator = seeded()
    torch.randn(2, 2, 16, 8, 8, generator=generator)  # the video's noise is drawn first
    actions = torch.randn(2, 16, 3, generator=generator)
    solver = Solver(sampling.solver, sampling.steps, model.config.shift)
    for output in passes.told:
        actions = solver.step(output.action, actions)
    actions[1, :, 2] = 0.0  # the gripper has two axes
    return actions


@pytest.mark.parametrize("switch", [False, True], ids=["video_apart", "video_sees_actions"])
@pytest.mark.parametrize("solver", ["euler", "unipc", "dpm++"])
def test_actions_follow_the_passes_with_instruction_alone_whatever_the_guidance(
    monkeypatch: pytest.MonkeyPatch, solver: str, *, switch: bool
):
    """Guidance changes the video, which actions see from the second step on; their own velocity it never touches."""
    model = small_model()
    model.config = replace(model.config, video_sees_actions=switch)
    ends = {}
    for guidance in (1.0, 5.0):
        passes = Passes(monkeypatch)
        sampling = Sampling(steps=3, guidance=guidance, solver=solver)
        ends[guidance] = imagine_jointly(model, PRESENT, BATCH.text, BODIES, sampling, seeded())[1]
        assert torch.equal(ends[guidance], actions_by(model, passes, sampling))
        assert (len(passes.told), len(passes.untold)) == (3, 0 if guidance == 1.0 else 3)
    assert not torch.equal(ends[1.0], ends[5.0])


def test_actions_are_the_same_bit_for_bit_while_the_video_they_see_is(monkeypatch: pytest.MonkeyPatch):
    """In one step guidance comes too late to be seen; in three, actions change because video does, and only because."""
    model = small_model()
    real = Solver.step

    def joint(steps: int, guidance: float) -> torch.Tensor:
        return imagine_jointly(model, PRESENT, BATCH.text, BODIES, Sampling(steps=steps, guidance=guidance), seeded())[
            1
        ]

    def video_stands_still(self, velocity, sample):
        return sample if sample.ndim == 5 else real(self, velocity, sample)

    assert torch.equal(joint(1, 1.0), joint(1, 5.0))
    assert not torch.equal(joint(3, 1.0), joint(3, 5.0))
    monkeypatch.setattr(Solver, "step", video_stands_still)
    assert torch.equal(joint(3, 1.0), joint(3, 5.0))


def test_guidance_on_the_actions_too_would_be_noticed(monkeypatch: pytest.MonkeyPatch):
    """The violation that the two tests above are there to catch."""
    model = small_model()
    passes = Passes(monkeypatch)
    sampling = Sampling(steps=2, guidance=5.0)
    actions = imagine_jointly(model, PRESENT, BATCH.text, BODIES, sampling, seeded())[1]
    passes.told = [replace(flow, action=5.0 * flow.action) for flow in passes.told]

    assert (actions - actions_by(model, passes, sampling)).abs().max() > 0.1


@pytest.mark.parametrize("solver", ["euler", "unipc", "dpm++"])
@pytest.mark.parametrize("steps", [1, 4, 16])
def test_every_solver_imagines_the_same_twice_and_a_finite_future(solver: str, steps: int):
    model, sampling = small_model(), Sampling(steps=steps, solver=solver)

    first, again = (rollout(model, PRESENT, BATCH.text, 2, sampling, seeded()) for _ in range(2))

    assert torch.equal(first, again)
    assert torch.isfinite(first).all()


def test_solvers_agree_on_where_many_steps_lead():
    model = small_model()

    ends = [
        imagine(model, PRESENT, BATCH.text, Sampling(steps=steps, solver=solver), seeded())
        for solver, steps in (("euler", 128), ("unipc", 48), ("dpm++", 48), ("euler", 4))
    ]

    far = (ends[3] - ends[0]).abs().mean()
    assert all((end - ends[0]).abs().mean() < 0.3 * far for end in ends[1:3])


@pytest.mark.parametrize("frames", [2, 9])
def test_a_context_that_is_no_whole_chunk_or_fills_the_window_is_refused(frames: int):
    context = torch.zeros(2, frames, 16, 8, 8)

    with pytest.raises(ValueError, match=f"context has {frames} latent frames"):
        imagine(small_model(), context, BATCH.text, FEW, seeded())


def test_a_window_imagines_the_same_beside_others_when_each_has_its_own_generator():
    model = small_model()
    both = imagine(model, PRESENT, BATCH.text, FEW, [seeded(3), seeded(4)])
    second = imagine(
        model, PRESENT[1:], Text(values=BATCH.text.values[1:], valid=BATCH.text.valid[1:]), FEW, [seeded(4)]
    )

    torch.testing.assert_close(both[1:], second, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="1 generators for 2 rows"):
        imagine(model, PRESENT, BATCH.text, FEW, [seeded()])


def test_given_noise_is_started_from_and_none_is_drawn():
    model, generator = small_model(), seeded(1)
    state = generator.get_state()
    noise = torch.randn(2, 2, 16, 8, 8, generator=seeded(5))

    given = imagine(model, PRESENT, BATCH.text, FEW, generator, noise=noise)

    assert torch.equal(generator.get_state(), state)
    assert torch.equal(given, imagine(model, PRESENT, BATCH.text, FEW, seeded(5)))


def test_a_model_in_bfloat16_keeps_its_samples_finer_on_the_way(monkeypatch: pytest.MonkeyPatch):
    """Noise levels and samples in single precision, whatever the transformer computes in."""
    model = small_model(dtype=torch.bfloat16)
    seen = []

    def spied(dit, scene, cache=None):
        seen.append((scene.noisy.dtype, scene.sigma.dtype))
        return velocities(dit, scene, cache)

    monkeypatch.setattr(imagining, "velocities", spied)
    frames, actions = imagine_jointly(
        model, PRESENT.bfloat16(), BATCH.text, BODIES, Sampling(steps=2, guidance=2.0), seeded()
    )

    assert set(seen) == {(torch.float32, torch.float32)}
    assert (frames.dtype, actions.dtype) == (torch.bfloat16, torch.bfloat16)
