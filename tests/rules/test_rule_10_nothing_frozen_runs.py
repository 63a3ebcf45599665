"""Rule 10: codec and text encoder do not run in training, and acting decodes no image."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from encoded_builder import arm
from train_builder import training

from adapt.embodiment.statistics import BodyStatistics, measure
from adapt.models.bases import Base, random_tiny
from adapt.models.codec import VideoCodec
from adapt.policy import policy as acting
from adapt.policy.acting import Actor
from adapt.policy.policy import Policy
from adapt.train import loop
from adapt.train.loop import fit
from adapt.train.losses import Objective
from adapt.train.module import Training
from adapt.types import Observation, Sample

FRAMES = torch.zeros(1, 9, 64, 64, 3, dtype=torch.uint8)
LATENTS = torch.zeros(1, 3, 16, 8, 8)
FROZEN: dict[str, Callable[[Base], object]] = {
    "codec.encode": lambda base: base.codec.encode(FRAMES),
    "codec.decode": lambda base: base.codec.decode(LATENTS),
    "text.encode": lambda base: base.text.encode(["pour"]),
}


@pytest.fixture(scope="module")
def base() -> Base:
    return random_tiny(0, bodies={"arm": (2, 2)})


@pytest.fixture
def runs(base: Base, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the networks under the codec and the text encoder ran, whoever called them."""
    seen: Counter[str] = Counter()

    def watch(part: object, name: str, called: str) -> None:
        right = getattr(part, name)
        monkeypatch.setattr(part, name, lambda *args, **more: (seen.update([called]), right(*args, **more))[1])

    watch(base.codec.vae, "encode", "codec.encode")
    watch(base.codec.vae, "decode", "codec.decode")
    watch(base.text.encoder, "forward", "text.encode")
    return seen


@pytest.fixture
def plan(tmp_path: Path) -> Training:
    """One step with everything there is: both heads, imagined futures, a validation before and after."""
    return training(tmp_path / "data", joint=True, steps=1, predicted_future_every=1)


def calling(base: Base, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each step of training, before its losses, run something frozen."""
    right = Objective.prepare

    def careless(self: Objective, samples: list[Sample], step: int) -> list[Sample]:
        FROZEN[call](base)
        return right(self, samples, step)

    monkeypatch.setattr(Objective, "prepare", careless)


def check_training_runs_nothing_frozen(plan: Training, runs: Counter[str], folder: Path) -> None:
    scratch = folder / "scratch"
    scratch.mkdir()
    refused = ""
    try:
        fit(plan, scratch=scratch, logs=None)
    except RuntimeError as error:
        refused = str(error)
    assert not runs, f"ran in training: {', '.join(runs)}"
    assert not refused, f"asked for in training: {refused}"


def test_training_runs_nothing_frozen(plan: Training, runs: Counter[str], tmp_path: Path) -> None:
    check_training_runs_nothing_frozen(plan, runs, tmp_path)


@pytest.mark.parametrize("call", FROZEN)
def test_planted_call_in_training_is_refused_and_noticed(
    base: Base, plan: Training, runs: Counter[str], tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calling(base, call, monkeypatch)
    with pytest.raises(AssertionError, match=f"asked for in training: {call} was called while training"):
        check_training_runs_nothing_frozen(plan, runs, tmp_path)


@pytest.mark.parametrize("call", ["codec.encode", "text.encode"])
def test_planted_call_in_an_unguarded_training_is_noticed(
    base: Base, plan: Training, runs: Counter[str], tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As others do it: prompts and videos are encoded anew at every step, and nothing stands in the way."""
    calling(base, call, monkeypatch)
    monkeypatch.setattr(loop, "forbid_frozen", nullcontext)
    with pytest.raises(AssertionError, match=f"ran in training: {call}"):
        check_training_runs_nothing_frozen(plan, runs, tmp_path)


@pytest.fixture
def policy(base: Base) -> Policy:
    rows = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    scales = BodyStatistics(actions=measure(rows, arm().actions), state=measure(rows, arm().state), source="data")
    return Policy(base, Actor(spec=arm(), statistics=scales), video_steps=1)


def check_acting_decodes_no_image(policy: Policy, runs: Counter[str]) -> None:
    picture = torch.zeros(48, 64, 3, dtype=torch.uint8)
    refused = ""
    try:
        policy.act(Observation(images={"main": picture}, state=torch.zeros(2)), "pour")
    except RuntimeError as error:
        refused = str(error)
    assert not runs["codec.decode"], "an image was decoded in order to act"
    assert not refused, f"asked for when acting: {refused}"
    assert runs["codec.encode"] == runs["text.encode"] == 1


def test_acting_decodes_no_image(policy: Policy, runs: Counter[str]) -> None:
    check_acting_decodes_no_image(policy, runs)


def test_predicting_does(policy: Policy, runs: Counter[str]) -> None:
    policy.predict(Observation(images={"main": FRAMES[0, 0]}, state=torch.zeros(2)), "pour")
    assert runs["codec.decode"] == 1


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Acting looks at what it encoded, as a server does that shows its operator a picture of every step."""
    right = VideoCodec.encode

    def careless(self: VideoCodec, frames: torch.Tensor) -> torch.Tensor:
        latents = right(self, frames)
        self.decode(latents)
        return latents

    with monkeypatch.context() as patch:
        patch.setattr(VideoCodec, "encode", careless)
        yield


def test_planted_decoding_is_refused_and_noticed(policy: Policy, runs: Counter[str], looking: None) -> None:
    with pytest.raises(AssertionError, match=r"asked for when acting: codec\.decode was called while acting"):
        check_acting_decodes_no_image(policy, runs)


def test_planted_decoding_without_a_guard_is_noticed(
    policy: Policy, runs: Counter[str], looking: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "forbid_decoding", nullcontext)
    with pytest.raises(AssertionError, match="an image was decoded"):
        check_acting_decodes_no_image(policy, runs)
