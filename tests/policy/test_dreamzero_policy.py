"""A policy acts from a base in DreamZero's sequence as from any other, with either head."""

from typing import Any

import numpy as np
import pytest
import torch
from dreamzero_builder import own_base

from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.policy.acting import Actor
from adapt.policy.policy import Policy


@pytest.mark.parametrize("head", ["inverse_dynamics", "joint"])
def test_it_acts_in_the_bodys_own_axes_and_on_what_it_feels(
    head: str, body: Embodiment, statistics: BodyStatistics
) -> None:
    base = own_base(state=(3,))
    with torch.no_grad():  # Of random weights this small, so that what is felt is not lost in what is seen.
        for layer in (base.model.joint.actions.state_encoder.layer1, base.model.joint.actions.state_encoder.layer2):
            layer.W.mul_(10)
    policy = Policy(base, Actor(spec=body, statistics=statistics), video_steps=2)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)

    def seen(state: float) -> dict[str, Any]:
        return {"images": {"main": picture}, "state": [state]}

    plans = policy.for_many(head).act([seen(0.0), seen(0.0), seen(0.7)], ["wave", "wave", "wave"], seeds=[1, 1, 1])
    steps = policy.geometry.action_steps

    assert plans.actions.shape == (3, steps, 2)
    torch.testing.assert_close(plans.actions[0], plans.actions[1], atol=2e-5, rtol=1e-4)
    absolute = plans.actions[:, :, 1]  # the axis that does not start from the state
    assert (absolute[0] - absolute[2]).abs().max() > 5e-4
