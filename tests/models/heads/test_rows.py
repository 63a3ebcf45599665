"""A row's answer is its own: not its neighbours', not their bodies', and never what memory held before."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from model_builder import BODIES, batch_of, small_model, window

from adapt.models.heads.inverse_dynamics import Hiding, InverseDynamics, InverseDynamicsConfig, Transitions
from adapt.models.world_action import transitions

SEEN, TARGETS = transitions(batch_of(window("a", 2, "arm"), window("b", 1, "gripper")))  # arm, arm, gripper
MAKES = [("flow", 1), ("flow", 3), ("regression", 1), ("regression", 3), ("gaussian", 1), ("gaussian", 3)]
NAN = float("nan")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def head(objective: str, members: int) -> InverseDynamics:
    """A head with random weights that knows both bodies."""
    config = InverseDynamicsConfig(width=24, layers=1, heads=2, objective=objective, members=members)
    made = InverseDynamics(config, small_model().geometry)
    for name, axes in BODIES.items():
        made.projections.add(name, axes, seed=1)
    generator = seeded(2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return made


def rows(seen: Transitions, places: list[int]) -> Transitions:
    """Some rows of transitions, in a new order."""
    tensors = {name: getattr(seen, name)[places] for name in ("present", "future", "state", "has_state")}
    return replace(seen, **tensors, bodies=tuple(seen.bodies[place] for place in places))


@pytest.fixture
def nan_memory() -> Iterator[None]:
    """Whatever is allocated and not written to holds NaN."""
    torch.use_deterministic_algorithms(mode=True)
    before = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.utils.deterministic.fill_uninitialized_memory = before
    torch.use_deterministic_algorithms(mode=False)


@pytest.mark.parametrize(("objective", "members"), MAKES)
def test_what_other_rows_hold_changes_no_bit(objective: str, members: int):
    expert = head(objective, members)
    before = expert.read(SEEN, seeded(), draws=2)
    other = replace(SEEN, future=torch.cat([SEEN.future[:1], SEEN.future[1:] + 1]))

    after = expert.read(other, seeded(), draws=2)

    assert torch.equal(after.mean[0], before.mean[0])
    assert not torch.equal(after.mean[1:], before.mean[1:])
    if before.spread is not None:
        assert torch.equal(after.spread[0], before.spread[0])
        assert not torch.equal(after.spread[1:], before.spread[1:])


@pytest.mark.parametrize(("objective", "members"), MAKES)
def test_how_many_other_rows_there_are_and_of_which_body_changes_nothing(objective: str, members: int):
    """Read alone, a gripper's transition has as many axes as a gripper; beside an arm it is padded to three."""
    expert = head(objective, members)
    alone = expert.read(rows(SEEN, [2]), seeded(), draws=4)
    beside = expert.read(rows(SEEN, [2, 0, 1]), seeded(), draws=4)

    assert alone.mean.shape == (1, 16, 2)
    if objective != "flow":  # Its mean hangs on the noise it starts from, as `act` always drew it.
        torch.testing.assert_close(beside.mean[:1, :, :2], alone.mean)
    if alone.spread is not None and (objective, members) != ("flow", 3):
        torch.testing.assert_close(beside.spread[:1, :, :2], alone.spread)


@pytest.mark.parametrize(("objective", "members"), MAKES)
def test_axes_that_a_body_does_not_have_are_zero(objective: str, members: int):
    reading = head(objective, members).read(SEEN, seeded(), draws=2)

    assert reading.mean[2, :, 2].abs().sum() == 0
    assert (reading.mean[2, :, :2] != 0).all()
    if reading.spread is not None:
        assert reading.spread[2, :, 2].abs().sum() == 0
        assert (reading.spread[:2] > 0).all()
        assert (reading.spread[2, :, :2] > 0).all()


@pytest.mark.parametrize(("objective", "members"), MAKES)
def test_unwritten_memory_and_unknown_values_reach_no_output_and_no_gradient(
    objective: str, members: int, nan_memory: None
):
    expert = head(objective, members)
    assert torch.empty(3).isnan().all()
    valid = torch.ones_like(TARGETS.valid)
    valid[0, 4:] = False
    valid[2, :, 2] = False  # no axis of the gripper's
    unknown = replace(TARGETS, valid=valid, actions=TARGETS.actions.masked_fill(~valid, NAN))
    blind = replace(SEEN, has_state=torch.tensor([True, False, False]), state=SEEN.state.clone())
    blind.state[1:] = NAN

    loss = expert.loss(blind, unknown, seeded(), Hiding())
    loss.sum.backward()
    reading = expert.read(blind, seeded(), draws=2)

    assert loss.sum.isfinite()
    assert loss.count == valid.sum()
    assert all(value.grad is None or value.grad.isfinite().all() for value in expert.parameters())
    assert reading.mean.isfinite().all()
    assert reading.spread is None or reading.spread.isfinite().all()
