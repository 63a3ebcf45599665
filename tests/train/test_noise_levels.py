"""What is learned at which noise level: every setting trains, and none lets one sample's labels touch another's."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from types import MethodType

import pytest
import torch
from torch import Tensor, nn
from train_builder import training

from adapt.data.samples import generator
from adapt.errors import DataError
from adapt.models.noise import draw_noise
from adapt.objectives.choices import TIMESTEPS, WEIGHTINGS
from adapt.objectives.losses import MaskedSum
from adapt.train.losses import ACTION, IMAGINED, JOINT, VIDEO, Objective
from adapt.train.settings import NoiseFloor
from adapt.types import Sample

FLOORS = NoiseFloor(robot=0.0, hand_retarget=0.4, idm=0.7)
SETTINGS = list(product(["base", *TIMESTEPS], WEIGHTINGS, [NoiseFloor(), FLOORS]))
PROVENANCES = ("robot", "hand_retarget", "idm")


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> tuple[Objective, list[Sample], list[Sample]]:
    """An objective with a joint head, video-only samples, and robots with labels of every provenance."""
    plan = training(tmp_path_factory.mktemp("levels"), joint=True)
    for value in plan.trained.adapters.values():
        torch.nn.init.normal_(value, std=0.1, generator=torch.Generator().manual_seed(1))
    videos = [plan.mixture.datasets[0][n] for n in range(4)]
    robots = [replace(plan.mixture.datasets[1][n], provenance=PROVENANCES[n % 3]) for n in range(4)]
    return plan.objective, videos, robots


def with_settings(objective: Objective, timesteps: str, weighting: str, floor: NoiseFloor) -> Objective:
    config = replace(objective.config, timesteps=timesteps, weighting=weighting, noise_floor=floor)
    return replace(objective, config=config)


def sums_of(objective: Objective, samples: list[Sample]) -> dict[str, MaskedSum]:
    batch = objective.batch(samples).to("cpu", next(objective.model.parameters()).dtype)
    found = objective.video_sums(batch, generator("noise"), joint=True)
    found[ACTION] = objective.model.inverse_dynamics_loss(batch, generator("action"))
    return found


def gradient(objective: Objective, samples: list[Sample], loss: str, *, by_batch: bool = False) -> Tensor:
    """Gradient of one loss on all trained tensors."""
    objective.model.zero_grad()
    count = len(samples) if by_batch else objective.counts(samples, [])[loss]
    sums_of(objective, samples)[loss].over(count).backward()
    return torch.cat([p.grad.flatten() for p in objective.model.parameters() if p.grad is not None])


@pytest.fixture
def double(planned) -> Iterator[None]:
    model = planned[0].model
    model.double()
    yield
    model.float()


@pytest.mark.parametrize(("timesteps", "weighting", "floor"), SETTINGS, ids=str)
def test_video_only_samples_leave_the_action_gradient_as_it_is(planned, double, timesteps, weighting, floor):
    objective, videos, robots = planned
    objective = with_settings(objective, timesteps, weighting, floor)

    for loss in (JOINT, ACTION):
        alone = gradient(objective, robots, loss)
        mixed = gradient(objective, [videos[0], *robots, *videos[1:]], loss)

        assert alone.abs().max() > 1e-5
        assert (mixed - alone).abs().max() <= 1e-12 * alone.abs().max(), loss


@pytest.mark.parametrize(("timesteps", "weighting", "floor"), SETTINGS[::5], ids=str)
def test_dividing_by_the_batch_instead_would_dilute_the_action_gradient(planned, double, timesteps, weighting, floor):
    """The violation that the test above is there to catch."""
    objective, videos, robots = planned
    objective = with_settings(objective, timesteps, weighting, floor)

    for loss in (JOINT, ACTION):
        alone = gradient(objective, robots, loss, by_batch=True)
        mixed = gradient(objective, [videos[0], *robots, *videos[1:]], loss, by_batch=True)
        assert (mixed - alone).abs().max() > 0.4 * alone.abs().max(), loss


@pytest.mark.parametrize(("timesteps", "weighting", "floor"), SETTINGS, ids=str)
def test_every_setting_gives_finite_losses_with_the_counts_it_foretold(planned, timesteps, weighting, floor):
    objective, videos, robots = planned
    objective = with_settings(objective, timesteps, weighting, floor)
    samples = [*videos, *robots]
    imagined = objective.imagined(samples, 0)

    total: dict[str, MaskedSum] = {}
    for sums in objective.sums(samples, imagined, 0):
        for name, value in sums.items():
            total[name] = total[name] + value if name in total else value

    assert set(total) == {VIDEO, ACTION, IMAGINED, JOINT}
    assert all(torch.isfinite(value.sum) and value.sum > 0 for value in total.values())
    assert {name: int(value.count) for name, value in total.items()} == objective.counts(samples, imagined)


def test_what_is_asked_for_is_what_the_losses_are_made_with(planned):
    objective, videos, robots = planned
    config = replace(objective.config, timesteps="coupled", shift=2.0, weighting="bell", noise_floor=FLOORS)
    objective = replace(objective, config=config)
    batch = objective.batch([*videos, *robots])
    noise = draw_noise(batch, generator("noise"), shift=2.0, coupling="coupled", weighting="bell")
    wanted = objective.model.losses(batch, noise, joint=True)

    found = objective.video_sums(batch, generator("noise"), joint=True)

    assert torch.equal(found[VIDEO].sum, wanted.video.sum)
    assert wanted.action is not None
    assert torch.equal(found[JOINT].sum, wanted.action.sum)


def gated_gradient(objective: Objective, samples: list[Sample], floor: float) -> dict[str, float]:
    """Gradient of each action loss on a number that only answers below a noise level use."""
    model, probe = objective.model, nn.Parameter(torch.zeros(()))
    batch = objective.batch(samples)
    below: list[Tensor] = []
    decode = model.joint.decode

    def probed(_head: nn.Module, tokens: Tensor, bodies: tuple[str, ...], axes: int) -> Tensor:
        return decode(tokens, bodies, axes) + probe * below[-1]

    def head_probed(_head: nn.Module, args: tuple, out: tuple) -> tuple:
        return out[0] + probe * (args[2] < floor)[:, None, None], *out[1:]

    def acting(_batch, noise):
        below.append((noise.step_sigma < floor).unsqueeze(2))
        return type(model)._acting(model, _batch, noise)

    hook = model.inverse_dynamics.register_forward_hook(head_probed)
    model.joint.decode = MethodType(probed, model.joint)
    model._acting = acting
    try:
        found = [objective.video_sums(batch, generator("n", n), joint=True)[JOINT] for n in range(8)]
        read = [model.inverse_dynamics_loss(batch, generator("n", n)) for n in range(8)]
        told = {JOINT: sum(part.sum for part in found), ACTION: sum(part.sum for part in read)}
        return {name: float(torch.autograd.grad(value, probe, allow_unused=True)[0]) for name, value in told.items()}
    finally:
        hook.remove()
        del model.joint.decode, model._acting


@pytest.mark.parametrize("timesteps", TIMESTEPS)
@pytest.mark.parametrize("provenance", PROVENANCES)
def test_labels_teach_nothing_below_their_floor_and_something_above(planned, timesteps: str, provenance: str):
    objective, _, robots = planned
    objective = with_settings(objective, timesteps, "none", NoiseFloor(robot=0.2, hand_retarget=0.4, idm=0.7))
    floor = {"robot": 0.2, "hand_retarget": 0.4, "idm": 0.7}[provenance]
    labelled = [replace(sample, provenance=provenance) for sample in robots]

    taught_below = gated_gradient(objective, labelled, floor)
    taught_above = gated_gradient(objective, labelled, 1.0)
    free = gated_gradient(with_settings(objective, timesteps, "none", NoiseFloor()), labelled, 0.7)

    assert taught_below == {JOINT: 0.0, ACTION: 0.0}
    assert all(value != 0 for value in taught_above.values())
    assert all(value != 0 for value in free.values())  # without floors there is something to be kept out


def test_a_label_whose_provenance_is_unknown_is_refused(planned):
    objective, videos, robots = planned

    with pytest.raises(DataError, match=rf"window {robots[0].window_id}.*'guess'; known are robot, hand_retarget, idm"):
        objective.batch([*videos, replace(robots[0], provenance="guess")])
    assert objective.batch([replace(videos[0], provenance="")]).action_floor.tolist() == [0.0]


def test_each_label_has_its_provenances_floor(planned):
    objective, videos, robots = planned
    batch = with_settings(objective, "base", "none", FLOORS).batch([*videos[:1], *robots[:3]])

    torch.testing.assert_close(batch.action_floor, torch.tensor([0.0, 0.0, 0.4, 0.7]))


@pytest.mark.parametrize(
    ("timesteps", "shift", "coupling", "wanted"),
    [
        ("base", None, "independent", 3.0),
        ("coupled", None, "coupled", 3.0),
        ("independent", 2.0, "independent", 2.0),
        ("decoupled", None, "decoupled", 1.0),
        ("decoupled", 5.0, "decoupled", 5.0),
    ],
)
def test_levels_are_the_bases_unless_others_are_asked_for(planned, timesteps, shift, coupling, wanted):
    objective = planned[0]
    asked = replace(objective, config=replace(objective.config, timesteps=timesteps, shift=shift)).timesteps

    assert (objective.model.config.noise_mode, objective.model.config.shift) == ("independent", 3.0)
    assert (asked.coupling, asked.shift) == (coupling, wanted)


def test_futures_are_imagined_without_dropout_and_every_part_keeps_its_mode(tmp_path):
    plan = training(tmp_path, dropout=0.5)
    for value in plan.trained.adapters.values():
        torch.nn.init.normal_(value, std=0.5)
    model = plan.objective.model.train()
    model.inverse_dynamics.eval()  # whoever left a part so, finds it so
    modes = [part.training for part in model.modules()]
    samples = plan.mixture.batch(0)

    futures = []
    for seed in range(2):
        torch.manual_seed(seed)
        futures.append(torch.stack([sample.latents for sample in plan.objective.imagined(samples, 0)]))

    assert torch.equal(*futures)
    assert len(set(modes)) == 2
    assert [part.training for part in model.modules()] == modes
