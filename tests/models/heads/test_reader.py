"""The two ways in which the head turns frames into tokens: squares of cells, or the whole picture."""

from dataclasses import replace

import pytest
import torch

from adapt.errors import CheckpointError
from adapt.models.bases import TINY_GEOMETRY, load_base, random_tiny, save_base
from adapt.models.heads.inverse_dynamics import ActionTargets, InverseDynamics, InverseDynamicsConfig, Transitions
from adapt.models.world_action import INVERSE_DYNAMICS
from adapt.types import BaseGeometry

GEOMETRY = replace(TINY_GEOMETRY, latent_channels=2)


def head_of(reader: str, geometry: BaseGeometry = GEOMETRY) -> InverseDynamics:
    """A small head for a body with two action axes and no state."""
    torch.manual_seed(0)
    config = InverseDynamicsConfig(width=16, layers=1, heads=2, objective="regression", reader=reader)
    head = InverseDynamics(config, geometry)
    head.projections.add("dot", (2, 1), seed=0)
    return head


def dots(places: torch.Tensor) -> Transitions:
    """Futures in which a soft dot, two cells wide, is at `places` (rows, columns), in cells; an empty present."""
    axis = torch.arange(8.0)
    rows, columns = (torch.exp(-((axis - places[:, at : at + 1]) ** 2)) for at in (0, 1))
    dot = rows[:, :, None] * columns[:, None, :]
    future = dot[:, None, None].repeat(1, GEOMETRY.latent_frames_per_chunk, GEOMETRY.latent_channels, 1, 1)
    return Transitions(
        present=torch.zeros_like(future[:, 0]),
        future=future,
        state=torch.zeros(len(places), 1),
        has_state=torch.zeros(len(places), dtype=torch.bool),
        bodies=("dot",) * len(places),
    )


def wanted(places: torch.Tensor) -> ActionTargets:
    """At every step the dot's place, brought to [-1, 1]."""
    actions = (places / 3.5 - 1).unsqueeze(1).repeat(1, GEOMETRY.action_steps, 1)
    return ActionTargets(
        actions=actions,
        valid=torch.ones_like(actions, dtype=torch.bool),
        weight=torch.ones(len(places)),
        names=tuple(str(row) for row in range(len(places))),
    )


def error_after_learning(reader: str) -> float:
    """Root mean squared error in cells, on places that were not trained on."""
    head = head_of(reader)
    optimiser = torch.optim.AdamW(head.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for step in range(150):
        places = 7 * torch.rand(32, 2, generator=generator)
        loss = head.loss(dots(places), wanted(places), torch.Generator().manual_seed(step)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    places = 7 * torch.rand(64, 2, generator=generator)
    with torch.no_grad():
        acted = head.act(dots(places), generator)
    return 3.5 * float((acted - wanted(places).actions).square().mean().sqrt())


def test_a_reader_of_pictures_finds_a_place_to_a_fraction_of_a_cell():
    picture, cells = error_after_learning("picture"), error_after_learning("cells")

    assert picture < 0.35
    assert picture < 0.6 * cells


@pytest.mark.parametrize("reader", ["cells", "picture"])
def test_every_cell_of_present_and_future_reaches_every_action(reader: str):
    head = head_of(reader)
    seen = dots(torch.tensor([[3.0, 4.0]]))
    present, future = (torch.randn_like(part).requires_grad_() for part in (seen.present, seen.future))
    for step in (0, GEOMETRY.action_steps - 1):
        acted, _ = head._answers(replace(seen, present=present, future=future), torch.Generator())
        for part in torch.autograd.grad(acted[0, 0, step, 0], (present, future)):
            assert (part != 0).all()


def test_a_step_reads_the_picture_by_itself_without_asking_other_tokens():
    torch.manual_seed(0)
    config = InverseDynamicsConfig(width=16, layers=0, heads=2, objective="regression", reader="picture")
    head = InverseDynamics(config, GEOMETRY)
    head.projections.add("dot", (2, 1), seed=0)
    left, right = (head.act(dots(torch.tensor([[3.0, column]])), torch.Generator()) for column in (1.0, 6.0))

    assert ((left - right).abs() > 0).all()


def test_what_a_reader_is_called_is_checked_and_kept():
    config = InverseDynamicsConfig(reader="picture")
    assert InverseDynamicsConfig.from_json(config.to_json()) == config
    old = {name: value for name, value in config.to_json().items() if name != "reader"}
    assert InverseDynamicsConfig.from_json(old).reader == "cells"
    with pytest.raises(CheckpointError, match=r"reader is 'pictures'; known: cells, picture"):
        InverseDynamicsConfig(reader="pictures")


def test_a_head_that_reads_pictures_is_stored_and_loaded_whole(tmp_path):
    base = random_tiny(0, bodies={"dot": (2, 1)})
    base.model.heads[INVERSE_DYNAMICS] = head_of("picture", base.geometry)
    config = replace(base.model.config, inverse_dynamics=base.model.inverse_dynamics.config)
    base.model.config = config
    save_base(tmp_path / "base", base)

    loaded = load_base(str(tmp_path / "base")).model

    assert loaded.config == config
    for name, value in base.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
