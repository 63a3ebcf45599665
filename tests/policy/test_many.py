"""Many observations at once are answered as each would be alone, by whichever head."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics, measure
from adapt.errors import DataError, EmbodimentError, RecipeError
from adapt.models.bases import Base, random_tiny
from adapt.models.world_action import WorldActionModel
from adapt.policy.acting import Actor
from adapt.policy.policy import Policy

TASKS = ["wave", "put the red block on the far left of the table", "stop"]
SEEDS = [5, 11, 2**47]


def assert_close(found: Tensor, wanted: Tensor) -> None:
    """In batches of other sizes sums are made in another order, so the last digits may differ."""
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-4)


def observations() -> list[dict[str, Any]]:
    """Three pictures of different sizes, three states."""
    rng = np.random.default_rng(0)
    sizes = ((48, 64), (64, 64), (90, 70))
    return [
        {"images": {"main": rng.integers(0, 256, (*size, 3), np.uint8)}, "state": [state]}
        for size, state in zip(sizes, (-1.5, 0.0, 0.7), strict=True)
    ]


@pytest.fixture
def base() -> Base:
    return random_tiny(0, bodies={"arm": (2, 1)})


@pytest.fixture
def policy(base: Base, body: Embodiment, statistics: BodyStatistics) -> Policy:
    return Policy(base, Actor(spec=body, statistics=statistics), video_steps=2)


def test_each_row_is_what_the_policy_says_alone(policy: Policy) -> None:
    plans = policy.for_many().act(observations(), TASKS, seeds=SEEDS)
    for row, (seen, task, seed) in enumerate(zip(observations(), TASKS, SEEDS, strict=True)):
        alone = policy.act(seen, task, seed=seed)
        assert_close(plans.actions[row], alone.values)
        imagined = policy.predict(seen, task, seed=seed).latents
        assert_close(plans.frames[row, 1:], imagined)


@pytest.mark.parametrize("head", ["inverse_dynamics", "joint", "both"])
def test_a_rows_answer_does_not_hang_on_its_neighbours_or_its_place(policy: Policy, head: str) -> None:
    crowd, holding = policy.for_many(head), [True, False, True]
    together = crowd.act(observations(), TASKS, seeds=SEEDS, holding=holding)
    for order in ([2, 0], [1]):
        some = crowd.act(
            [observations()[row] for row in order],
            [TASKS[row] for row in order],
            seeds=[SEEDS[row] for row in order],
            holding=[holding[row] for row in order],
        )
        assert_close(some.actions, together.actions[order])
        assert_close(some.frames, together.frames[order])


def test_another_seed_another_picture_and_another_state_change_the_row_they_belong_to_alone(policy: Policy) -> None:
    crowd = policy.for_many()
    before = crowd.act(observations(), TASKS, seeds=SEEDS).actions
    seen = observations()
    seen[1] = {"images": {"main": 255 - seen[1]["images"]["main"]}, "state": [1.9]}
    for after in (
        crowd.act(observations(), TASKS, seeds=[SEEDS[0], 1, SEEDS[2]]).actions,
        crowd.act(seen, TASKS, seeds=SEEDS).actions,
        crowd.act(observations(), [TASKS[0], "jump", TASKS[2]], seeds=SEEDS).actions,
    ):
        assert_close(after[[0, 2]], before[[0, 2]])
        assert not torch.allclose(after[1], before[1], atol=1e-4)


def test_both_heads_share_the_work_by_what_is_held(policy: Policy) -> None:
    holding = [True, False, True]
    both = policy.for_many("both").act(observations(), TASKS, seeds=SEEDS, holding=holding)
    joint = policy.for_many("joint").act(observations(), TASKS, seeds=SEEDS)
    # The future is the same one, so that only who reads it differs.
    assert_close(both.frames, joint.frames)
    assert_close(both.actions[1], joint.actions[1])
    for row in (0, 2):
        assert not torch.allclose(both.actions[row], joint.actions[row], atol=1e-3)
    held = policy.for_many("both").act(observations(), TASKS, seeds=SEEDS, holding=[True, True, True])
    assert_close(held.actions[[0, 2]], both.actions[[0, 2]])


def test_what_is_read_follows_the_frames_it_is_given(policy: Policy) -> None:
    crowd = policy.for_many()
    frames = crowd.act(observations(), TASKS, seeds=SEEDS).frames
    other = torch.cat([frames[:, :1], -frames[:, 1:]], dim=1)
    told, again, turned = (
        crowd.read(given, observations(), seeds=SEEDS).actions for given in (frames, frames.clone(), other)
    )
    assert torch.equal(told, again)
    assert not torch.allclose(told, turned, atol=1e-3)


def test_windows_are_encoded_as_the_codec_does_it(policy: Policy, base: Base) -> None:
    pictures = [{"images": {"main": np.full((64, 64, 3), 20 * i, np.uint8)}, "state": [0.0]} for i in range(5)]
    latents = policy.for_many().see([pictures, pictures[::-1]])
    frames = torch.stack([torch.from_numpy(entry["images"]["main"]) for entry in pictures])
    assert_close(latents, base.codec.encode(torch.stack([frames, frames.flip(0)])))


def test_relative_actions_start_from_each_rows_own_state(policy: Policy) -> None:
    near, far = observations()[:1] * 2, observations()[:1] * 2
    far[1] = {**far[1], "state": [50.0]}
    crowd = policy.for_many()
    moved = crowd.act(far, ["wave"] * 2, seeds=[0, 0]).actions - crowd.act(near, ["wave"] * 2, seeds=[0, 0]).actions
    assert moved[0].abs().max() < 1e-4
    assert moved[1, :, 0].mean() > 25


def test_a_body_without_state_acts(body: Embodiment) -> None:
    blind = replace(body, state=(), actions=body.actions[1:])
    figures = BodyStatistics(actions=measure(torch.tensor([[0.0], [1.0]]), blind.actions), state=None, source="data")
    base = random_tiny(0, bodies={"arm": (1, 0)})
    policy = Policy(base, Actor(spec=blind, statistics=figures), video_steps=2)
    seen = [{"images": entry["images"]} for entry in observations()]
    plans = policy.for_many().act(seen, TASKS, seeds=SEEDS)
    assert_close(plans.actions[2], policy.act(seen[2], TASKS[2], seed=SEEDS[2]).values)


def test_what_cannot_be_asked_is_refused(policy: Policy, base: Base) -> None:
    with pytest.raises(RecipeError, match="both"):
        policy.for_many("dice")
    with pytest.raises(ValueError, match="holding"):
        policy.for_many("both").act(observations(), TASKS, seeds=SEEDS)
    with pytest.raises(ValueError, match="3 observations, 2 instructions"):
        policy.for_many().act(observations(), TASKS[:2], seeds=SEEDS)
    with pytest.raises(DataError, match="state"):
        policy.for_many().act([{"images": entry["images"]} for entry in observations()], TASKS, seeds=SEEDS)


def test_a_base_without_a_joint_head_says_so(base: Base, body: Embodiment, statistics: BodyStatistics) -> None:
    model = WorldActionModel(replace(base.model.config, joint=False), base.geometry, seed=0)
    model.add_body("arm", 2, 1, seed=0)
    alone = replace(base, parts={**base.parts, "model": model.eval()})
    policy = Policy(alone, Actor(spec=body, statistics=statistics), video_steps=2)
    with pytest.raises(RecipeError, match="no joint head"):
        policy.for_many("joint")
    policy.for_many()


def test_a_body_that_only_imagines_cannot_act(base: Base, body: Embodiment) -> None:
    watcher = replace(body, name="hand", actions=(), state=())
    figures = BodyStatistics(actions=None, state=None, source="data")
    with pytest.raises(EmbodimentError, match="no action axes"):
        Policy(base, Actor(spec=watcher, statistics=figures), video_steps=2).for_many()
