"""Rule 1: windows without actions neither dilute nor touch the action gradient, however a step's windows are dealt.

The checks run the training step itself (`Adaptation`), in double precision, and look at every tensor of the heads.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from train_builder import training

from adapt.runs.processes import Rank
from adapt.train import distributed, losses
from adapt.train.deal import Share
from adapt.train.distributed import ALONE, Ranks
from adapt.train.losses import Objective
from adapt.train.module import Adaptation, Training
from adapt.types import Sample

Gradients = dict[str, Tensor]
TWO_PROCESSES = ("robots and videos in both", "one with videos only")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Both heads, imagined futures at every step, and adapters that already change something."""
    made = training(tmp_path_factory.mktemp("data"), joint=True, predicted_future_every=1, accumulation=2)
    for value in made.trained.adapters.values():
        torch.nn.init.normal_(value, std=0.1, generator=torch.Generator().manual_seed(1))
    made.objective.model.double()
    return made


@pytest.fixture(autouse=True)
def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    single = Objective.batch
    monkeypatch.setattr(Objective, "batch", lambda self, given: single(self, given).to("cpu", torch.float64))


def samples(plan: Training) -> tuple[list[Sample], list[Sample]]:
    """Video-only windows and a robot's, of one and two chunks; a robot's numbers are not all known."""
    videos = [plan.mixture.datasets[0][n] for n in range(4)]
    robots = [plan.mixture.datasets[1][n] for n in range(3)]
    assert robots[0].action_valid is not None
    known = robots[0].action_valid.clone()
    known[3:7, 1] = False
    return videos, [replace(robots[0], action_valid=known), *robots[1:]]


def take_step(plan: Training, given: Sequence[Sample], ranks: Ranks = ALONE, hand: Sequence[int] | None = None) -> None:
    """What a training step does up to the optimiser: gradients are left on the model's tensors."""
    whole = Share.whole(given, plan.objective.model.geometry.latent_frames_per_chunk)
    places = range(len(given)) if hand is None else hand
    module = Adaptation(plan, ranks)
    module.manual_backward = lambda loss: loss.backward()  # Lightning's, without a trainer.
    module._backward(replace(whole, samples=[given[place] for place in places], places=places), 0)
    ranks.add_gradients({**plan.trained.adapters, **plan.trained.heads})


def taken_from(plan: Training) -> Gradients:
    found = {n: torch.zeros_like(v) if v.grad is None else v.grad.clone() for n, v in plan.trained.tensors.items()}
    plan.objective.model.zero_grad()
    return found


def require_same(found: Gradients, wanted: Gradients, what: str) -> None:
    for name, gradient in wanted.items():
        scale = float(gradient.abs().max())
        assert float((found[name] - gradient).abs().max()) <= 1e-12 * max(scale, 1e-3), f"{what}: {name}"


def check_videos_leave_the_heads_gradient(plan: Training) -> None:
    videos, robots = samples(plan)
    take_step(plan, robots)
    alone = {name: value for name, value in taken_from(plan).items() if name in plan.trained.heads}
    take_step(plan, [videos[0], *robots, *videos[1:]])
    mixed = taken_from(plan)
    assert max(float(value.abs().max()) for value in alone.values()) > 1e-3
    require_same(mixed, alone, "video-only windows changed the action gradient")


class Loopback:
    """What two processes say to each other, here two threads: torch.distributed's two calls that training makes."""

    ReduceOp = torch.distributed.ReduceOp

    def __init__(self, size: int) -> None:
        self._all = threading.Barrier(size, timeout=60)
        self._said: dict[int, Tensor] = {}
        self.own = threading.local()

    def _everybodys(self, value: Tensor) -> list[Tensor]:
        self._said[self.own.number] = value.clone()
        self._all.wait()
        found = [self._said[number] for number in sorted(self._said)]
        self._all.wait()
        return found

    def all_gather(self, found: list[Tensor], own: Tensor) -> None:
        for place, value in zip(found, self._everybodys(own), strict=True):
            place.copy_(value)

    def all_reduce(self, value: Tensor, op: object) -> None:
        said = torch.stack(self._everybodys(value))
        value.copy_(said.amax(0) if op == self.ReduceOp.MAX else said.sum(0))


def in_two_processes(plans: Sequence[Training], given: Sequence[Sample], hands: Sequence[Sequence[int]]) -> Gradients:
    """The gradient that the first of two processes steps with, each having its own hand of the windows."""
    network, failed = Loopback(2), []

    def run(number: int) -> None:
        network.own.number = number
        ranks = Ranks(rank=Rank(number=number, size=2, local=number, local_size=2, address="", port=0))
        try:
            take_step(plans[number], given, ranks, hands[number])
        except BaseException as error:  # noqa: BLE001  # Told to the test, which is another thread.
            failed.append(error)
            network._all.abort()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "dist", network)
        threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed, failed
    both = [taken_from(plan) for plan in plans]
    require_same(both[1], both[0], "the processes step differently")
    return both[0]


def check_two_processes_step_as_one(plan: Training, other: Training, dealt: str) -> None:
    videos, robots = samples(plan)
    given = [*videos, *robots]
    take_step(plan, given)
    alone = taken_from(plan)
    hands = ([0, 1, 4], [2, 3, 5, 6]) if dealt == TWO_PROCESSES[0] else ([0, 1, 2, 3], [4, 5, 6])
    require_same(in_two_processes([plan, other], given, hands), alone, "two processes do not step as one")


@pytest.fixture(scope="module")
def other(plan: Training, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """The same training, as another process has it."""
    made = training(tmp_path_factory.mktemp("data"), joint=True, predicted_future_every=1, accumulation=2)
    made.objective.model.double().load_state_dict(plan.objective.model.state_dict())
    return made


def test_video_only_windows_leave_the_action_gradient_as_it_was(plan: Training) -> None:
    check_videos_leave_the_heads_gradient(plan)


@pytest.mark.parametrize("dealt", TWO_PROCESSES)
def test_two_processes_step_as_one(plan: Training, other: Training, dealt: str) -> None:
    check_two_processes_step_as_one(plan, other, dealt)


def by_batch_size(_self: Objective, given: Sequence[Sample], imagined: Sequence[Sample]) -> dict[str, int]:
    """The mistake of a plain mean: whoever has no actions counts all the same."""
    return dict.fromkeys((losses.VIDEO, losses.ACTION, losses.IMAGINED, losses.JOINT), len(given) + len(imagined))


def with_zero_actions(collate: Callable[..., object]) -> Callable[..., object]:
    """The mistake of a missing mask: a window without actions is taught to do nothing."""

    def filled(given: Sequence[Sample], geometry: SimpleNamespace) -> object:
        made = [
            sample
            if sample.actions is not None
            else replace(sample, embodiment="arm", actions=torch.zeros(8 * (len(sample.latents) - 1), 2))
            for sample in given
        ]
        return collate(made, geometry)

    return filled


@pytest.fixture(params=["divided by the batch", "unmasked"])
def diluted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "unmasked":
        monkeypatch.setattr(losses, "collate", with_zero_actions(losses.collate))
        monkeypatch.setattr(Objective, "_floor", lambda *_: 0.0)
    else:
        monkeypatch.setattr(Objective, "counts", by_batch_size)


def test_planted_dilution_is_noticed(plan: Training, diluted: None) -> None:
    with pytest.raises(AssertionError, match="changed the action gradient"):
        check_videos_leave_the_heads_gradient(plan)
    plan.objective.model.zero_grad()


@pytest.fixture
def averaged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The mistake of plain data-parallel training: each process takes its own mean, and these are averaged."""
    summed = Ranks.add_gradients

    def mean(self: Ranks, parameters: dict[str, torch.nn.Parameter]) -> None:
        summed(self, parameters)
        for value in parameters.values():
            if value.grad is not None:
                value.grad /= self.size

    with monkeypatch.context() as patch:
        patch.setattr(Ranks, "tables", lambda _, numbers: [[float(number) for number in numbers]])
        patch.setattr(Ranks, "add_gradients", mean)
        yield


def test_planted_averaging_over_processes_is_noticed(plan: Training, other: Training, averaged: None) -> None:
    with pytest.raises(AssertionError, match="two processes do not step as one"):
        check_two_processes_step_as_one(plan, other, TWO_PROCESSES[1])
