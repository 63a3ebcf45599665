"""An action comes with how far it may be off, in the body's own units, and is the same action as without."""

import dataclasses

import numpy as np
import pytest
import torch

from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.models.bases import Base, random_tiny
from adapt.models.heads.inverse_dynamics import ActionReading, InverseDynamics
from adapt.models.world_action import INVERSE_DYNAMICS
from adapt.policy import policy as policy_module
from adapt.policy.acting import Actor, read_actions, read_with_spread
from adapt.policy.policy import Policy

OBSERVATION = {"images": {"main": np.full((48, 64, 3), 90, dtype=np.uint8)}, "state": [0.5]}
MAKES = [("flow", 1), ("flow", 2), ("regression", 1), ("regression", 2), ("gaussian", 1), ("gaussian", 2)]


def base_with(objective: str, members: int) -> Base:
    """A random base whose head is of the asked make."""
    base = random_tiny(0, bodies={"arm": (2, 1)})
    config = dataclasses.replace(base.model.config.inverse_dynamics, objective=objective, members=members, steps=1)
    head = InverseDynamics(config, base.geometry)
    head.projections.add("arm", (2, 1), seed=0)
    base.model.heads[INVERSE_DYNAMICS] = head.eval()
    return base


@pytest.fixture(params=MAKES, ids=lambda make: f"{make[0]}-{make[1]}")
def policy(request: pytest.FixtureRequest, body: Embodiment, statistics: BodyStatistics) -> Policy:
    return Policy(base_with(*request.param), Actor(spec=body, statistics=statistics), video_steps=1)


def test_actions_are_the_same_with_their_spread_as_without(policy: Policy) -> None:
    plain = policy.act(OBSERVATION, "wave")
    sure = policy.act(OBSERVATION, "wave", with_spread=True)

    assert plain.spread is None
    assert torch.equal(sure.values, plain.values)
    shown = policy.predict(OBSERVATION, "wave", with_spread=True).actions
    assert torch.equal(shown.values, plain.values)
    if sure.spread is not None:
        assert sure.spread.shape == sure.values.shape
        assert bool((sure.spread > 0).all())
        assert torch.equal(shown.spread, sure.spread)


def test_only_a_lone_regression_has_no_spread(policy: Policy) -> None:
    config = policy._base.model.inverse_dynamics.config
    missing = policy.act(OBSERVATION, "wave", with_spread=True).spread is None
    assert missing == (config.objective == "regression" and config.members == 1)


def test_with_the_future_held_fixed_no_words_change_an_action_or_its_spread(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    imagine = policy_module.imagine
    first, second = (policy.act(OBSERVATION, words, with_spread=True) for words in ("wave", "sit down"))
    assert not torch.equal(first.values, second.values)  # since the words change what is imagined

    def always_the_same(model, context, text, sampling, generator):
        imagine(model, context, text, sampling, generator)
        return torch.ones(1, 2, *context.shape[2:])

    monkeypatch.setattr(policy_module, "imagine", always_the_same)
    first, second = (policy.act(OBSERVATION, words, with_spread=True) for words in ("wave", "sit down"))
    assert torch.equal(first.values, second.values)
    assert (first.spread is None) == (second.spread is None)
    assert first.spread is None or torch.equal(first.spread, second.spread)


def test_a_spread_scales_as_the_actions_do_but_has_no_offset(
    policy: Policy, body: Embodiment, statistics: BodyStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shoulder, relative to its state: 1st to 99th percentile of {-1, 1} rad are +-0.98. Grip, absolute: 0 to 1."""
    told = torch.full((1, 16, 2), 0.25)
    monkeypatch.setattr(
        InverseDynamics, "read", lambda *_, **__: ActionReading(mean=torch.zeros(1, 16, 2), spread=told)
    )
    for start in (0.5, 10.0):
        chunk = policy.act({**OBSERVATION, "state": [start]}, "wave", with_spread=True)
        torch.testing.assert_close(chunk.values, torch.tensor([start, 0.5]).expand(16, 2))
        torch.testing.assert_close(chunk.spread, torch.tensor([0.25 * 0.98, 0.25 * 0.5]).expand(16, 2))


def test_a_step_of_the_spread_is_the_same_step_of_the_actions(body: Embodiment, statistics: BodyStatistics) -> None:
    """An action one deviation further is, in physical units, one physical deviation further."""
    actor = Actor(spec=body, statistics=statistics)
    mean, spread = torch.randn(2, 16, 2, generator=torch.Generator().manual_seed(0)).unbind()
    state = torch.tensor([[0.3]])

    moved = actor.physical(mean + spread, state, 16) - actor.physical(mean, state, 16)

    torch.testing.assert_close(actor.physical_spread(spread), moved, rtol=1e-5, atol=1e-5)


def test_chunks_of_a_window_are_read_with_their_spread_one_after_another() -> None:
    model = base_with("gaussian", 1).model
    frames = torch.randn(5, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    given = (model, frames, torch.zeros(2, 1), "arm")

    reading = read_with_spread(*given, torch.Generator().manual_seed(1))

    assert reading.mean.shape == reading.spread.shape == (32, 2)
    assert torch.equal(reading.mean, read_actions(*given, torch.Generator().manual_seed(1)))
    second = read_with_spread(model, frames[2:], torch.zeros(1, 1), "arm", torch.Generator().manual_seed(1))
    torch.testing.assert_close(reading.spread[16:], second.spread)


def test_asking_for_the_spread_decodes_no_image_and_leaves_the_golden_answer_alone(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = policy.record_golden(OBSERVATION, "wave", seed=3)
    monkeypatch.setattr(type(policy._base.codec), "decode", lambda *_: pytest.fail("decoded"))
    chunk = policy.act(OBSERVATION, "wave", seed=3, with_spread=True)
    assert torch.equal(chunk.values, golden.actions)
