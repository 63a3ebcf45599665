"""Rule 2: nothing sees what it is to predict, and memory that nobody wrote reaches no output.

The dependency matrix is measured: each input of every kind of window is changed in turn, with the noisy frames held
still, and every output that may not depend on it must stay the same to the last bit, every other must move.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pytest
import torch
from model_builder import batch_of, small_model, window
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from adapt.models.batch import Batch
from adapt.models.heads.inverse_dynamics import Hiding
from adapt.models.noise import Noise, draw_noise
from adapt.models.wan import layout
from adapt.models.wan.blocks import Attention
from adapt.models.world_action import WorldActionModel
from adapt.objectives.flow import interpolate

CHUNKS = 3
KINDS = {
    "joint": ("arm", {}),
    "joint without state": ("arm", {"with_state": False}),
    "joint of another body": ("gripper", {}),
    "video only": ("", {}),
}


def batch_of_kinds(*kinds: str) -> Batch:
    """A window of each kind, all of three chunks."""
    return batch_of(*(window(f"{n} {kind}", CHUNKS, KINDS[kind][0], **KINDS[kind][1]) for n, kind in enumerate(kinds)))


@dataclass(frozen=True)
class Case:
    """A batch, what is added to it, and whether actions are in the sequence."""

    model: WorldActionModel
    batch: Batch
    noise: Noise
    acting: bool

    def moved(self, **changes: Tensor) -> tuple[Tensor, Tensor]:
        """Which chunks' velocities of video and of actions move, by window; the noisy frames are held still."""
        noisy = changes.pop("noisy", self.noisy)
        of_noise = {name: value for name, value in changes.items() if hasattr(self.noise, name)}
        batch = replace(self.batch, **{name: value for name, value in changes.items() if name not in of_noise})
        video, action = self._outputs(batch, replace(self.noise, **of_noise), noisy)
        return by_chunk(video != self.before[0]), by_chunk(action != self.before[1])

    @cached_property
    def noisy(self) -> Tensor:
        future = self.batch.latents[:, 1:].where(self.batch.future_valid[:, :, None, None, None], 0.0)
        return interpolate(future, self.noise.video, self.noise.frame_sigma)

    @cached_property
    def before(self) -> tuple[Tensor, Tensor]:
        return self._outputs(self.batch, self.noise, self.noisy)

    def _outputs(self, batch: Batch, noise: Noise, noisy: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            found = self.model._training_pass(batch, noisy, noise.video_sigma, noise if self.acting else None)
        nothing = torch.zeros_like(batch.actions)
        return found.video, nothing if found.action is None else found.action * batch.has_action[:, None, None]


def by_chunk(changed: Tensor) -> Tensor:
    return changed.reshape(len(changed), CHUNKS, -1).any(dim=2)


def bumped(value: Tensor, index: int, size: int = 1) -> Tensor:
    """The value with everything of one chunk, or frame, changed in every window."""
    value = value.clone()
    value[:, index * size : (index + 1) * size] += 1.0
    return value


def changes_of(case: Case, chunk: int) -> Mapping[str, Tensor]:
    """Everything that belongs to one chunk alone, changed."""
    batch, noise = case.batch, case.noise
    return {
        "noisy": bumped(case.noisy, chunk, 2),
        "video_sigma": bumped(noise.video_sigma, chunk),
        "action": bumped(noise.action, chunk, 16),
        "action_sigma": bumped(noise.action_sigma, chunk),
        "state": bumped(batch.state, chunk),
        "video_weight": bumped(noise.video_weight, chunk),
        "action_weight": bumped(noise.action_weight, chunk),
    }


def check_dependencies(case: Case) -> None:
    batch = case.batch
    acts, has_state = batch.has_action & case.acting, batch.has_state & batch.has_action & case.acting
    nobody = torch.zeros_like(acts)
    real = batch.chunk_valid
    everyone = torch.ones_like(acts)
    seen_by_video = case.model.config.video_sees_actions
    # Of each chunk: which windows' video may move, and which windows' actions.
    rules = {
        "noisy": (everyone, acts),
        "video_sigma": (everyone, acts),
        "action": (acts & seen_by_video, acts),
        "action_sigma": (acts & seen_by_video, acts),
        "state": (has_state & seen_by_video, has_state),
        "video_weight": (nobody, nobody),
        "action_weight": (nobody, nobody),
    }
    for moved in case.moved(action_floor=batch.action_floor + 0.5):
        assert not moved.any(), "leak: the noise floor of the labels -> velocities"
    for chunk in range(CHUNKS):
        own = (torch.arange(CHUNKS) == chunk) & real
        for name, change in changes_of(case, chunk).items():
            found = case.moved(**{name: change})
            for part, moved, may in zip(("video", "actions"), found, rules[name], strict=True):
                require(moved[real], (own & may[:, None])[real], f"{name} of chunk {chunk} -> {part}")
    for frame in range(1 + 2 * CHUNKS):
        # A recorded frame is context for the chunks that begin at or after it: never for the one it is the outcome of.
        later = (torch.arange(CHUNKS) >= (frame + 1) // 2) & real
        found = case.moved(latents=bumped(batch.latents, frame))
        given = (frame < 1 + 2 * batch.chunks)[:, None] & later
        require(found[0][real], given[real], f"recorded frame {frame} -> video")
        require(found[1][real], (given & acts[:, None])[real], f"recorded frame {frame} -> actions")


def require(moved: Tensor, may: Tensor, what: str) -> None:
    assert not (moved & ~may).any(), f"leak: {what}"
    assert not (may & ~moved).any(), f"not seen: {what}"


def check_windows_do_not_see_each_other(case: Case) -> None:
    for row in range(len(case.batch.window_ids)):
        others = torch.arange(len(case.batch.window_ids)) != row
        latents, text = case.batch.latents.clone(), case.batch.text.values.clone()
        latents[row] += 1.0
        text[row] += 1.0
        for moved in case.moved(latents=latents, text=replace(case.batch.text, values=text)):
            assert not moved[others].any(), f"leak: window {row} -> the others"


@pytest.fixture(scope="module")
def model() -> WorldActionModel:
    return small_model()


def cases(model: WorldActionModel) -> dict[str, Case]:
    """All kinds side by side, one alone, with shorter ones; with actions in the sequence and without."""
    short = batch_of(window("a", 3, "arm"), window("b", 2), window("c", 1, "gripper"), window("d", 2, "arm"))
    batches = {"all kinds": batch_of_kinds(*KINDS), "joint alone": batch_of_kinds("joint"), "of any length": short}
    made = {}
    for name, batch in batches.items():
        noise = draw_noise(batch, torch.Generator().manual_seed(0), shift=3.0)
        made[name] = Case(model, batch, noise, acting=True)
    videos = batch_of_kinds("video only", "joint")
    noise = draw_noise(videos, torch.Generator().manual_seed(0), shift=3.0)
    return {**made, "video's own pass": Case(model, videos, noise, acting=False)}


CASES = ("all kinds", "joint alone", "of any length", "video's own pass")


@pytest.mark.parametrize("name", CASES)
def test_each_velocity_depends_on_what_it_may_and_on_nothing_else(model: WorldActionModel, name: str) -> None:
    check_dependencies(cases(model)[name])


def test_the_same_holds_where_video_sees_actions(model: WorldActionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "config", replace(model.config, video_sees_actions=True))
    check_dependencies(cases(model)["all kinds"])


def test_windows_of_a_batch_do_not_see_each_other(model: WorldActionModel) -> None:
    check_windows_do_not_see_each_other(cases(model)["all kinds"])


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    """DreamZero's path for video without actions: every noisy frame attends to all clean ones, its own among them."""
    right = layout.visibility

    def visibility(shape: layout.Layout) -> Tensor:
        kind = layout.token_table(shape).kind
        return right(shape) | ((kind[:, None] == layout.Kind.NOISY) & (kind[None, :] == layout.Kind.CLEAN))

    monkeypatch.setattr(layout, "visibility", visibility)
    monkeypatch.setattr(layout, "visible_part", layout.visible_part.__wrapped__)


@pytest.mark.parametrize("name", ["joint alone", "video's own pass"])
def test_planted_view_of_the_target_is_noticed(model: WorldActionModel, name: str, leaky: None) -> None:
    with pytest.raises(AssertionError, match="leak: recorded frame 1 -> video"):
        check_dependencies(cases(model)[name])


def test_planted_attention_across_windows_is_noticed(model: WorldActionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed(self: Attention, x: Tensor, given: object, cache: object = None) -> Tensor:
        return right(self, x, given, cache) + 1e-3 * x.mean(dim=0, keepdim=True)

    right = Attention.over_itself
    monkeypatch.setattr(Attention, "over_itself", mixed)
    with pytest.raises(AssertionError, match="leak: window 0 -> the others"):
        check_windows_do_not_see_each_other(cases(model)["all kinds"])


@pytest.fixture(scope="module")
def padded() -> Batch:
    return batch_of(window("a", 3, "arm"), window("b", 1, "gripper"), window("c", 2))


def filled_with_nan(batch: Batch) -> Batch:
    """The batch with NaN wherever nothing is real."""
    nan = float("nan")
    return replace(
        batch,
        latents=torch.where(batch.frame_valid[:, :, None, None, None], batch.latents, nan),
        text=replace(batch.text, values=torch.where(batch.text.valid[..., None], batch.text.values, nan)),
        actions=torch.where(batch.action_valid, batch.actions, nan),
        state=torch.where((batch.chunk_valid & batch.has_state[:, None])[..., None], batch.state, nan),
    )


def losses_and_gradients(model: WorldActionModel, batch: Batch) -> list[Tensor]:
    """The three losses of a training step, added up, and the gradient of every tensor."""
    model.zero_grad()
    noise = draw_noise(batch, torch.Generator().manual_seed(0), shift=3.0)
    found = model.losses(batch, noise, joint=True)
    inverse = model.inverse_dynamics_loss(batch, torch.Generator().manual_seed(1), hiding=Hiding())
    assert inverse is not None
    assert found.action is not None
    total = found.video.mean() + found.action.mean() + inverse.mean()
    total.backward()
    return [total.detach(), *(value.grad.clone() for value in model.parameters() if value.grad is not None)]


def check_padding_reaches_nothing(model: WorldActionModel, batch: Batch) -> None:
    clean, nan = (losses_and_gradients(model, given) for given in (batch, filled_with_nan(batch)))
    assert torch.isfinite(clean[0])
    assert all(torch.equal(*pair) for pair in zip(clean, nan, strict=True)), "what is not real reached a loss"


def check_unwritten_memory_reaches_nothing(model: WorldActionModel, batch: Batch, backend: SDPBackend) -> None:
    """Torch fills memory with NaN before it is handed out; whatever is read unwritten shows."""
    assert torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(mode=True)
    try:
        with sdpa_kernel(backend):
            found = losses_and_gradients(model, batch)
    finally:
        torch.use_deterministic_algorithms(mode=False)
    assert all(torch.isfinite(value).all() for value in found), "unwritten memory reached an output"


def test_nan_in_padding_reaches_no_loss_and_no_gradient(model: WorldActionModel, padded: Batch) -> None:
    check_padding_reaches_nothing(model, padded)


@pytest.mark.parametrize("backend", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION], ids=["math", "flash"])
def test_memory_filled_with_nan_before_use_reaches_no_output(
    model: WorldActionModel, padded: Batch, backend: SDPBackend
) -> None:
    check_unwritten_memory_reaches_nothing(model, padded, backend)


def test_planted_unwritten_frame_is_noticed(
    model: WorldActionModel, padded: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DreamZero's blockwise attention without actions: the result is allocated, and the first frame never written."""
    right, cells = Attention.over_itself, 16

    def forgetful(self: Attention, x: Tensor, given: object, cache: object = None) -> Tensor:
        whole = right(self, x, given, cache)
        out = torch.empty_like(whole)
        out[:, cells:] = whole[:, cells:]
        return out

    monkeypatch.setattr(Attention, "over_itself", forgetful)
    with pytest.raises(AssertionError, match="unwritten memory reached an output"):
        check_unwritten_memory_reaches_nothing(model, padded, SDPBackend.MATH)


def multiplied(condition: Tensor, value: Tensor, other: Tensor | float) -> Tensor:
    """The usual mistake: to multiply by a mask, though nothing times NaN is NaN."""
    return condition * value + ~condition * other


@pytest.mark.parametrize("mistake", ["no mask", "multiplied by the mask"])
def test_planted_use_of_padding_is_noticed(
    model: WorldActionModel, padded: Batch, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mistake == "no mask":
        for place in ("world_action", "noised"):
            monkeypatch.setattr(f"adapt.models.{place}.known", lambda frames, _valid: frames)
    else:
        monkeypatch.setattr(torch, "where", multiplied)
    with pytest.raises(AssertionError, match="what is not real reached a loss"):
        check_padding_reaches_nothing(model, padded)
