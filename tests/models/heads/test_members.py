"""Members of a head are experts of their own; a head of one is the head it always was."""

from dataclasses import replace

import pytest
import torch
from head_builder import DOT, dot_head, dots, targets

from adapt.errors import CheckpointError
from adapt.models.bases import load_base, load_heads, random_tiny, save_base
from adapt.models.heads.inverse_dynamics import InverseDynamics, InverseDynamicsConfig, Transitions
from adapt.models.heads.joint import JointHead
from adapt.models.world_action import WorldActionModel


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ensemble(objective: str = "gaussian", members: int = 3) -> WorldActionModel:
    """A model whose action head has several members."""
    base = random_tiny(0, bodies={"arm": (3, 2)})
    head = replace(base.model.config.inverse_dynamics, objective=objective, members=members, steps=1)
    model = WorldActionModel(replace(base.model.config, inverse_dynamics=head), base.geometry)
    model.add_body("arm", 3, 2, seed=0)
    return model


def test_a_head_of_one_answers_as_it_did_before_there_could_be_more():
    """Recorded with weights written by hand, when the shipped head still gave the answers of the first release."""
    head = InverseDynamics(InverseDynamicsConfig(steps=4), random_tiny().geometry)
    head.projections.add("dot", (3, 3), 0)
    written_by_hand(head)
    seen = Transitions(
        present=torch.linspace(-1, 1, 1024).reshape(1, 16, 8, 8),
        future=torch.linspace(1, -1, 2048).reshape(1, 2, 16, 8, 8),
        state=torch.tensor([[0.1, -0.2, 0.3]]),
        has_state=torch.tensor([True]),
        bodies=("dot",),
    )

    actions = head.act(seen, seeded(1))

    torch.testing.assert_close(actions[0, ::5], RECORDED, rtol=1e-4, atol=1e-4)


def written_by_hand(head: InverseDynamics) -> None:
    """Give every weight a value that no random generator decides."""
    with torch.no_grad():
        for place, (_, weight) in enumerate(sorted(head.named_parameters())):
            squares = torch.arange(weight.numel(), dtype=torch.float64) ** 2 + place
            weight.copy_(0.4 * ((squares * 0.6180339887) % 1 - 0.5).view_as(weight))


RECORDED = torch.tensor(
    [
        [-0.99397, -0.90806, -0.61854],
        [0.94472, -0.96708, -1.16702],
        [-0.24532, -0.32819, 1.89150],
        [-0.55373, 1.38775, -0.56859],
    ]
)


def test_a_stored_config_without_the_newer_settings_is_one_flow_expert():
    stored = {"width": 24, "layers": 1, "heads": 2, "patch": 2, "objective": "flow", "steps": 2}

    config = InverseDynamicsConfig.from_json(stored)

    assert (config.members, config.objective, config.steps) == (1, "flow", 2)
    names = set(InverseDynamics(config, DOT).state_dict())
    assert not [name for name in names if "others" in name or "variance" in name]


def test_members_start_apart_and_the_first_is_the_one_that_would_be_there_alone():
    alone, three = dot_head("gaussian"), dot_head("gaussian", members=3)

    for name, value in alone.state_dict().items():
        assert torch.equal(three.state_dict()[name], value), name
    means, _ = three._answers(dots(torch.tensor([0.5])), seeded())
    assert torch.equal(means[0], alone.act(dots(torch.tensor([0.5])), seeded()))
    assert torch.equal(three.act(dots(torch.tensor([0.5])), seeded()), means.mean(dim=0))
    maps = three.projections.of("dot")
    for starts in (
        [expert.frames_in.weight for expert in (three, *three.others)],
        [expert.layers[0].to_qkv.weight for expert in (three, *three.others)],
        [one.action_out.weight for one in (maps, *maps.others)],
        [one.variance_out.weight for one in (maps, *maps.others)],
    ):
        assert len({float(start.detach().sum()) for start in starts}) == 3


def test_members_change_no_weight_of_what_is_made_after_them():
    one, three = ensemble(members=1), ensemble(members=3)
    assert isinstance(one.joint, JointHead)
    for name, value in one.joint.state_dict().items():
        assert torch.equal(three.joint.state_dict()[name], value), name


def test_the_loss_is_the_mean_of_the_members_losses_over_the_same_count():
    head = dot_head("regression", members=3)
    seen, wanted = dots(torch.tensor([0.5, 1.0])), targets(torch.ones(2, 2, 1))
    means, _ = head._answers(seen, seeded())

    loss = head.loss(seen, wanted, seeded())

    assert loss.count == 4
    assert loss.sum.item() == pytest.approx((means - 1).square().sum().item() / 3, rel=1e-5)


def test_every_member_learns_and_from_noise_of_its_own():
    head = dot_head("flow", members=2)
    for value in head.others[0].parameters():
        torch.nn.init.zeros_(value)
    for value in head.parameters():
        torch.nn.init.zeros_(value)  # Then velocities are zero, and losses are those of the noise alone.
    seen, wanted = dots(torch.zeros(3)), targets(torch.zeros(3, 2, 1))
    generator = seeded()
    first = head._member_loss(seen, wanted, generator, None, 0).sum
    second = head._member_loss(seen, wanted, generator, None, 1).sum
    assert first > 0
    assert first != second

    head = dot_head("flow", members=2)
    head.loss(seen, wanted, seeded()).sum.backward()
    still = [name for name, value in head.named_parameters() if value.grad is None]
    assert still == [name for name in still if "null_state" in name or "state_in" in name]


@pytest.mark.parametrize("objective", ["flow", "regression", "gaussian"])
def test_a_head_of_several_members_is_stored_and_loaded_whole(objective: str, tmp_path):
    base = random_tiny(0, bodies={"arm": (3, 2)})
    model = ensemble(objective)
    save_base(tmp_path / "base", replace(base, parts={**base.parts, "model": model}))

    loaded = load_base(str(tmp_path / "base")).model

    assert loaded.bodies == {"arm": (3, 2)}
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    # As a bundle does: other heads put on a base that knows the body already.
    load_heads(loaded, ensemble(objective).heads.state_dict())


def test_a_head_without_variances_says_so_when_asked_for_them():
    with pytest.raises(ValueError, match="'dot': this head was made without variances"):
        dot_head("flow").projections.variances_out(torch.zeros(1, 2, 32), ("dot",), 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": 0}, r"members is 0; give 1 or more"),
        ({"steps": 0}, r"steps is 0; give 1 or more"),
        ({"beta": 1.5}, r"beta is 1\.5; give a number from 0 to 1"),
        ({"members": 3, "steps": 4}, r"steps is 4 with 3 members.*Set steps to 1, or members to 1"),
        ({"objective": "guess"}, "known: flow, regression, gaussian"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict, message: str):
    with pytest.raises(CheckpointError, match=message):
        InverseDynamicsConfig(**settings)


def floored(floor: float, actions: torch.Tensor) -> tuple[float, list[float]]:
    """Loss of a head that says nothing, and the noise levels it was shown."""
    head = dot_head("flow")
    shown: list[float] = []

    def forward(_: Transitions, noisy: torch.Tensor, sigma: torch.Tensor, *, member: int = 0):
        shown.extend(sigma.tolist())
        return torch.zeros_like(noisy), None

    head.forward = forward
    wanted = targets(actions, sigma_floor=torch.full((len(actions),), floor))
    return float(head.loss(dots(torch.zeros(len(actions))), wanted, seeded()).sum), shown


def test_a_label_teaches_at_no_level_below_its_floor_and_no_more_often_above_it():
    actions = torch.zeros(400, 2, 1)
    everywhere, levels = floored(0.0, actions)
    above, high = floored(0.75, actions)

    assert min(levels) < 0.05
    assert 0.75 <= min(high) < 0.76
    assert max(high) > 0.98
    assert above == pytest.approx(0.25 * everywhere, rel=1e-4)  # the noise is the same, and no level matters here
    assert torch.tensor(high).mean().item() == pytest.approx(0.875, abs=0.02)


def test_no_floor_and_a_floor_of_zero_are_one_bit_for_bit():
    head, actions = dot_head("flow"), torch.ones(4, 2, 1)
    plain, zero = targets(actions), targets(actions, sigma_floor=torch.zeros(4))

    first, second = (head.loss(dots(torch.zeros(4)), wanted, seeded()).sum for wanted in (plain, zero))

    assert torch.equal(first, second)


@pytest.mark.parametrize("objective", ["regression", "gaussian"])
def test_objectives_without_noise_levels_do_not_look_at_the_floor(objective: str):
    head, actions = dot_head(objective), torch.ones(4, 2, 1)
    plain, high = targets(actions), targets(actions, sigma_floor=torch.full((4,), 0.9))

    first, second = (head.loss(dots(torch.zeros(4)), wanted, seeded()).sum for wanted in (plain, high))

    assert torch.equal(first, second)
