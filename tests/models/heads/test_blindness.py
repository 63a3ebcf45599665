"""With the future held fixed, no instruction changes an action: not its words, not their weight, not by any way round.

A head that could hear the instruction would act on it past the imagined future, and nobody could tell from the
picture what the robot is about to do.
"""

import inspect
from dataclasses import fields, replace

import pytest
import torch
from model_builder import BODIES, batch_of, small_model, window

from adapt.models.batch import Text
from adapt.models.heads.inverse_dynamics import InverseDynamics, InverseDynamicsConfig, Transitions
from adapt.models.imagine import Sampling, imagine
from adapt.models.noise import draw_noise
from adapt.models.world_action import INVERSE_DYNAMICS, WorldActionModel, transitions
from adapt.policy.acting import read_actions, read_with_spread

MAKES = [("flow", 1, 1), ("flow", 3, 1), ("flow", 1, 2), ("regression", 1, 2), ("gaussian", 1, 1), ("gaussian", 1, 2)]
BATCH = batch_of(window("a", 2, "arm"), window("bb", 1, "gripper"))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model_with(kind: type[InverseDynamics], objective: str, steps: int = 1, members: int = 1) -> WorldActionModel:
    """A small model of random weights with another head on it."""
    model = small_model()
    config = InverseDynamicsConfig(width=24, layers=1, heads=2, objective=objective, steps=steps, members=members)
    head = kind(config, model.geometry)
    for name, axes in BODIES.items():
        head.projections.add(name, axes, seed=1)
    generator = seeded(1)
    with torch.no_grad():
        for value in head.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.2)
    model.heads[INVERSE_DYNAMICS] = head
    return model.requires_grad_(requires_grad=True)


def words(seed: int) -> Text:
    """An instruction for each window of the batch."""
    values = torch.randn(BATCH.text.values.shape, generator=seeded(seed))
    return Text(values=values, valid=BATCH.text.valid)


def said(model: WorldActionModel, text: Text, guidance: float) -> list[torch.Tensor]:
    """All that the head says of fixed futures, after the video model has heard an instruction."""
    imagine(model, BATCH.latents[:, :1], text, Sampling(steps=1, guidance=guidance), seeded())
    given = (model, BATCH.latents[0], BATCH.state[0], "arm")
    seen, _ = transitions(BATCH)
    reading = read_with_spread(*given, seeded(), draws=2)
    return [
        read_actions(*given, seeded()),
        reading.mean,
        *([] if reading.spread is None else [reading.spread]),
        model.inverse_dynamics.act(seen, seeded()),
        model.inverse_dynamics_loss(BATCH, seeded()).sum.detach(),
    ]


def ways_in(model: WorldActionModel) -> list[str]:
    """How an instruction reaches the actions though the future is given; empty for a head that cannot hear it."""
    found = []
    with torch.no_grad():
        before = said(model, words(1), guidance=1.0)
        for change, text, guidance in (("words", words(2), 1.0), ("guidance", words(1), 5.0)):
            after = said(model, text, guidance)
            if not all(map(torch.equal, before, after)):
                found.append(f"other {change}")
    text = words(1)
    text.values.requires_grad_()
    # The whole pass in which the video model hears the words, with its graph; then the head, on the given future.
    model.losses(replace(BATCH, text=text), draw_noise(BATCH, seeded(), shift=1.0))
    head = model.inverse_dynamics
    seen, targets = transitions(BATCH)
    level = torch.full((len(seen.bodies),), 0.5)
    told = [
        part.sum()
        for member in range(head.config.members)
        for part in head(seen, targets.actions, level, member=member)
        if part is not None
    ]
    told.append(head.loss(seen, targets, seeded()).sum)
    sources = {"text": text.values, **{f"dit.{name}": value for name, value in model.dit.named_parameters()}}
    slopes = torch.autograd.grad(sum(told), list(sources.values()), allow_unused=True, retain_graph=True)
    found += [name for name, slope in zip(sources, slopes, strict=True) if slope is not None and slope.abs().max() > 0]
    # The check would be empty if the head's own input moved nothing.
    assert torch.autograd.grad(sum(told), head.frames_in.weight)[0].abs().max() > 0
    return found


@pytest.mark.parametrize(("objective", "steps", "members"), MAKES)
def test_no_instruction_reaches_the_actions_of_a_given_future(objective: str, steps: int, members: int):
    assert ways_in(model_with(InverseDynamics, objective, steps, members)) == []


class Eavesdropper(InverseDynamics):
    """Adds what the video model makes of the words, pooled, to what it says."""

    heard: torch.Tensor | None = None

    def forward(self, seen, noisy, sigma, *, member=0):
        told, log_variance = super().forward(seen, noisy, sigma, member=member)
        return told if self.heard is None else told + 1e-3 * self.heard.mean(), log_variance


@pytest.mark.parametrize("objective", ["flow", "regression", "gaussian"])
@pytest.mark.parametrize("place", ["condition_embedder.text_embedder", "blocks.0", "blocks.1"])
def test_a_head_that_listens_would_be_found_out(objective: str, place: str):
    """By features of the text itself, and by hidden states of the transformer, into which the text has flowed."""
    model = model_with(Eavesdropper, objective)

    def overhear(_: object, __: object, out: torch.Tensor) -> None:
        model.inverse_dynamics.heard = out[0] if isinstance(out, tuple) else out

    model.dit.get_submodule(place).register_forward_hook(overhear)

    found = ways_in(model)

    assert "other words" in found
    assert "text" in found
    assert [name for name in found if name.startswith("dit.")]


def test_nothing_that_a_head_is_given_could_carry_an_instruction():
    """Whoever adds an input has to come here, and say why it carries none."""
    assert [field.name for field in fields(Transitions)] == ["present", "future", "state", "has_state", "bodies"]
    inputs = list(inspect.signature(InverseDynamics.forward).parameters)
    assert inputs == ["self", "seen", "noisy", "sigma", "member"]
