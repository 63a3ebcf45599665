from dataclasses import replace

import pytest
import torch
from model_builder import BODIES, batch_of, small_model, window

from adapt.errors import CheckpointError, EmbodimentError
from adapt.models.heads.inverse_dynamics import (
    ActionTargets,
    Hiding,
    InverseDynamics,
    InverseDynamicsConfig,
    Transitions,
    hide,
)
from adapt.models.world_action import transitions

SEEN, TARGETS = transitions(batch_of(window("a", 2, "arm"), window("b", 1, "gripper")))  # arm, arm, gripper


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def head(objective: str) -> InverseDynamics:
    """A head with random weights that knows both bodies."""
    model = small_model()
    made = InverseDynamics(
        InverseDynamicsConfig(width=24, layers=2, heads=2, objective=objective, steps=3), model.geometry
    )
    for name, axes in BODIES.items():
        made.projections.add(name, axes, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return made


@pytest.mark.parametrize("objective", ["flow", "regression"])
def test_actions_depend_on_present_future_and_state_of_their_own_row_only(objective: str):
    expert = head(objective)
    before = expert.act(SEEN, seeded())

    for name in ("present", "future", "state"):
        value = getattr(SEEN, name).clone()
        value[0] += 1
        after = expert.act(replace(SEEN, **{name: value}), seeded())

        moved = (after - before).abs().sum(dim=(1, 2)) > 0
        assert moved.tolist() == [True, False, False], name


@pytest.mark.parametrize("objective", ["flow", "regression"])
def test_acting_is_repeatable_and_stays_within_each_bodys_axes(objective: str):
    expert = head(objective)

    first, second = expert.act(SEEN, seeded(5)), expert.act(SEEN, seeded(5))

    assert torch.equal(first, second)
    assert first.shape == (3, 16, 3)
    assert first[2, :, 2].abs().sum() == 0  # the gripper has two axes
    assert (first[2, :, :2] != 0).all()


def test_flow_actions_depend_on_the_seed_and_regressed_ones_do_not():
    flow, regression = head("flow"), head("regression")

    assert not torch.equal(flow.act(SEEN, seeded(1)), flow.act(SEEN, seeded(2)))
    assert torch.equal(regression.act(SEEN, seeded(1)), regression.act(SEEN, seeded(2)))


@pytest.mark.parametrize("objective", ["flow", "regression"])
def test_a_hidden_state_is_as_good_as_none(objective: str):
    expert = head(objective)
    blind = replace(SEEN, has_state=torch.zeros(3, dtype=torch.bool))
    other = replace(blind, state=torch.full_like(SEEN.state, float("nan")))

    assert torch.equal(expert.act(blind, seeded()), expert.act(other, seeded()))
    assert not torch.equal(expert.act(blind, seeded()), expert.act(SEEN, seeded()))


@pytest.mark.parametrize("objective", ["flow", "regression"])
def test_the_head_learns_to_read_actions_from_the_future(objective: str):
    """Actions that are the future's mean brightness: after 100 steps the error is a small part of the variance."""
    model = small_model()
    expert = InverseDynamics(
        InverseDynamicsConfig(width=32, layers=2, heads=2, objective=objective, steps=6), model.geometry
    )
    expert.projections.add("arm", (3, 2), seed=0)
    optimiser = torch.optim.Adam(expert.parameters(), lr=3e-3)
    generator = seeded(3)

    def moments(rows: int) -> tuple[Transitions, ActionTargets]:
        level = torch.randn(rows, 3, generator=generator)
        future = torch.zeros(rows, 2, 16, 8, 8)
        future[:, :, :3] = level[:, None, :, None, None]
        seen = Transitions(
            present=torch.zeros(rows, 16, 8, 8),
            future=future,
            state=torch.zeros(rows, 2),
            has_state=torch.zeros(rows, dtype=torch.bool),
            bodies=("arm",) * rows,
        )
        actions = level[:, None].expand(-1, 16, -1).contiguous()
        everything = torch.ones_like(actions, dtype=torch.bool)
        return seen, ActionTargets(
            actions=actions, valid=everything, weight=torch.ones(rows), names=tuple(map(str, range(rows)))
        )

    for _ in range(100):
        seen, targets = moments(24)
        optimiser.zero_grad()
        expert.loss(seen, targets, generator).mean().backward()
        optimiser.step()
    seen, targets = moments(64)

    error = (expert.act(seen, seeded()) - targets.actions).square().mean()

    assert error < 0.15 * targets.actions.var()


def test_a_rows_loss_does_not_depend_on_the_rows_beside_it():
    """So splitting a batch, or leaving windows out, changes no draw: the parts add up to the whole."""
    expert = head("flow")
    whole = expert.loss(SEEN, TARGETS, seeded(), Hiding())

    parts = []
    for rows in (slice(0, 1), slice(1, 3)):
        seen = replace(
            SEEN,
            **{name: getattr(SEEN, name)[rows] for name in ("present", "future", "state", "has_state", "bodies")},
        )
        targets = replace(
            TARGETS,
            **{name: getattr(TARGETS, name)[rows] for name in ("actions", "valid", "weight", "names", "sigma_floor")},
        )
        parts.append(expert.loss(seen, targets, seeded(), Hiding()))

    total = parts[0] + parts[1]
    assert total.count == whole.count
    assert total.sum.item() == pytest.approx(whole.sum.item(), rel=1e-5)


def test_loss_counts_valid_elements_and_weighs_rows():
    expert = head("regression")
    valid = torch.zeros_like(TARGETS.valid)
    valid[0, :2, 0] = True
    only = replace(TARGETS, valid=valid)

    plain = expert.loss(SEEN, only, seeded())
    halved = expert.loss(SEEN, replace(only, weight=torch.tensor([0.5, 1.0, 1.0])), seeded())

    assert plain.count == 2
    assert halved.sum.item() == pytest.approx(0.5 * plain.sum.item())


def test_hiding_noises_the_asked_share_of_futures_and_hides_the_asked_share_of_states():
    seen = replace(
        SEEN,
        present=torch.zeros(200, 16, 8, 8),
        future=torch.zeros(200, 2, 16, 8, 8),
        state=torch.zeros(200, 2),
        has_state=torch.ones(200, dtype=torch.bool),
        bodies=("arm",) * 200,
    )

    hidden = hide(seen, Hiding(future_share=0.25, future_sigma=0.5, state_share=0.75), list(range(0, 2000, 10)))
    spread = hidden.future.flatten(1).std(dim=1)

    assert 0.15 < (spread > 0).float().mean() < 0.35
    assert spread.max() < 0.55  # noise of deviation 1, at most half of it
    assert 0.15 < hidden.has_state.float().mean() < 0.35
    assert torch.equal(hidden.present, seen.present)


def test_an_unknown_body_is_refused_with_those_known():
    stranger = replace(SEEN, bodies=("stranger", "arm", "gripper"))

    with pytest.raises(EmbodimentError, match=r"'stranger'.*knows: arm, gripper"):
        head("flow").act(stranger, seeded())
    with pytest.raises(EmbodimentError, match="'stranger'"):
        head("flow").loss(stranger, TARGETS, seeded())


def test_an_unknown_objective_is_refused():
    with pytest.raises(CheckpointError, match="'guess'; known: flow, regression"):
        InverseDynamicsConfig(objective="guess")
