"""What depends on what in one pass, by gradients: each forbidden entry exactly 0, each permitted one not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor
from variant_builder import frames_of, image_of, text_of, variant

import adapt.models.wan.layout as layouts
from adapt.models.batch import Text
from adapt.models.first_image import FirstImage
from adapt.models.heads.bodies import Readings
from adapt.models.passes import Acting, JointOutput, Scene, extend_cache, start_cache, velocities
from adapt.models.wan.layout import Kind, Presence
from adapt.models.world_action import WorldActionModel

CHUNKS, STEPS = 3, 16


@dataclass(frozen=True)
class Sample:
    """What one window of the batch has."""

    body: str = "arm"
    chunks: int = CHUNKS
    video: bool = True
    action: bool = True
    state: bool = True
    words: int = 3


SAMPLES = {
    "joint": Sample(words=5),
    "joint without state": Sample(body="gripper", state=False),
    "video only": Sample(body="human_hand", action=False, state=False, words=4),
    "action only": Sample(video=False),
    "shorter": Sample(chunks=2),
}
WINDOWS = list(SAMPLES.values())
Unit = tuple[str, int, int]  # an input or output: what it is, which window, which frame, chunk or word


def model_of(*, switch: bool, kind: str = "t2v") -> WorldActionModel:
    return variant(kind, dtype=torch.float64, video_sees_actions=switch)


def inputs_of(model: WorldActionModel) -> dict[str, Tensor]:
    """Everything that goes into a pass, as leaves of the graph."""
    generator = torch.Generator().manual_seed(5)
    rows = len(WINDOWS)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    found = {
        "clean": frames_of(model, 2 * CHUNKS - 1, windows=rows),
        "noisy": frames_of(model, 2 * CHUNKS, windows=rows, seed=9),
        "level": torch.rand(rows, CHUNKS, generator=generator, dtype=torch.float64) * 0.6 + 0.2,
        "action": normal(rows, STEPS * CHUNKS, 3),
        "action level": torch.rand(rows, CHUNKS, generator=generator, dtype=torch.float64) * 0.6 + 0.2,
        "state": normal(rows, CHUNKS, 2),
        "text": text_of(model, *(sample.words for sample in WINDOWS)).values,
    }
    image = image_of(model, windows=rows)
    if image is not None:
        found |= {"features": image.features, "channels": image.channels[:, : 2 * CHUNKS + 1]}
    return {name: value.requires_grad_() for name, value in found.items()}


def image_from(given: dict[str, Tensor]) -> FirstImage:
    return FirstImage(features=given.get("features"), channels=given.get("channels"))


def scene_of(model: WorldActionModel, given: dict[str, Tensor]) -> Scene:
    """The mixed batch, all of whose chunks are to be predicted."""
    acts = torch.tensor([sample.action for sample in WINDOWS])
    chunks = torch.tensor([sample.chunks for sample in WINDOWS])
    bodies = tuple(sample.body for sample in WINDOWS)
    has_state = torch.tensor([sample.state for sample in WINDOWS])
    return Scene(
        layout=model.layout(CHUNKS, first_noisy=0, acting=True),
        presence=Presence(
            chunks=chunks, video=torch.tensor([sample.video for sample in WINDOWS]), action=acts, state=acts
        ),
        clean=given["clean"],
        noisy=given["noisy"],
        sigma=given["level"],
        text=Text(values=given["text"], valid=text_of(model, *(sample.words for sample in WINDOWS)).valid),
        acting=Acting(
            head=model.joint,
            noisy=Readings(values=given["action"], bodies=bodies),
            sigma=given["action level"],
            state=Readings(values=given["state"], bodies=bodies),
            state_given=has_state[:, None] & (torch.arange(CHUNKS) < chunks[:, None]),
        ),
        image=image_from(given),
    )


def outputs_of(output: JointOutput, chunks: int = CHUNKS) -> Iterator[tuple[Unit, Tensor]]:
    """The part of the answer for each chunk of each window."""
    for name, value in (("video", output.video), ("action", output.action)):
        for row in range(value.shape[0]):
            for chunk, part in enumerate(value[row].chunk(chunks)):
                yield (name, row, chunk), part


def reached(part: Tensor, given: dict[str, Tensor]) -> dict[Unit, bool]:
    """Which inputs an output moves with at all."""
    weights = torch.randn(part.shape, generator=torch.Generator().manual_seed(6), dtype=part.dtype)
    grads = torch.autograd.grad((part * weights).sum(), list(given.values()), retain_graph=True, allow_unused=True)
    found: dict[Unit, bool] = {}
    for (name, value), grad in zip(given.items(), grads, strict=True):
        grad = torch.zeros_like(value) if grad is None else grad
        size = STEPS if name == "action" else 1
        for row in range(value.shape[0]):
            for unit, piece in enumerate(grad[row].split(size)):
                found[name, row, unit] = bool(piece.abs().max() > 0)
    return found


def may_depend(out: Unit, unit: Unit, *, switch: bool) -> bool:
    """The rules in words, for outputs that are real."""
    kind, row, chunk = out
    name, other, place = unit
    sample = WINDOWS[row]
    if other != row:
        return False
    if name == "text":
        return place < sample.words
    if name == "features":
        return True
    if name == "channels":  # They stand beside clean frames and beside noisy ones.
        return place <= 2 * chunk or (sample.video and (place - 1) // 2 == chunk)
    if name == "clean":
        return place <= 2 * chunk
    if name in ("noisy", "level"):
        return sample.video and (place // 2 if name == "noisy" else place) == chunk
    sees_actions = sample.action and (switch or kind == "action")
    has_it = sample.state if name == "state" else True
    return sees_actions and has_it and place == chunk


def is_real(out: Unit) -> bool:
    kind, row, chunk = out
    sample = WINDOWS[row]
    return chunk < sample.chunks and (sample.video if kind == "video" else sample.action)


def broken_rules(model: WorldActionModel, *, switch: bool) -> list[tuple[Unit, Unit, bool]]:
    """(output, input, whether it moved) wherever that is not what the rules say; over all real outputs."""
    given = inputs_of(model)
    wrong, real = [], 0
    for out, part in outputs_of(velocities(model.dit, scene_of(model, given))):
        if is_real(out):
            real += 1
            moved = reached(part, given)
            wrong += [(out, unit, hit) for unit, hit in moved.items() if hit != may_depend(out, unit, switch=switch)]
    assert real == 3 * 3 + 2 + 3 * 3 + 2  # video of four windows, actions of four; one of each is shorter
    return wrong


@pytest.mark.parametrize("kind", ["t2v", "i2v"])
@pytest.mark.parametrize("switch", [False, True], ids=["video_apart", "video_sees_actions"])
def test_every_output_of_a_mixed_batch_depends_on_what_it_may_and_on_nothing_else(kind: str, *, switch: bool):
    assert broken_rules(model_of(switch=switch, kind=kind), switch=switch) == []


def test_noisy_frames_that_see_every_clean_frame_would_be_noticed(monkeypatch: pytest.MonkeyPatch):
    """The leak that DreamZero's released video-only path has."""
    plain = layouts.visibility

    def leaking(layout):
        kind = layouts.token_table(layout).kind
        return plain(layout) | ((kind[:, None] == Kind.NOISY) & (kind[None, :] == Kind.CLEAN))

    monkeypatch.setattr(layouts, "visibility", leaking)
    layouts.visible_part.cache_clear()
    wrong = broken_rules(model_of(switch=False), switch=False)
    monkeypatch.undo()
    layouts.visible_part.cache_clear()

    assert (("video", 0, 0), ("clean", 0, 2), True) in wrong
    assert all(hit and unit[0] == "clean" for _, unit, hit in wrong)


def imagining(model: WorldActionModel) -> tuple[dict[str, Tensor], Scene]:
    """Whole windows whose last chunk is to be predicted, as when imagining."""
    given = {name: value.detach()[[0, 3]].clone() for name, value in inputs_of(model).items()}
    last = {"noisy": 2, "action": STEPS, "level": 1, "action level": 1, "state": 1}
    given |= {name: given[name][:, -count:] for name, count in last.items()}
    given = {name: value.clone().requires_grad_() for name, value in given.items()}
    there = torch.ones(2, dtype=torch.bool)
    arms = ("arm", "arm")
    return given, Scene(
        layout=model.layout(CHUNKS, first_noisy=CHUNKS - 1, acting=True),
        presence=Presence(chunks=torch.tensor([CHUNKS, CHUNKS]), video=there, action=there, state=there),
        clean=given["clean"],
        noisy=given["noisy"],
        sigma=given["level"],
        text=Text(values=given["text"], valid=text_of(model, 5, 3).valid),
        acting=Acting(
            head=model.joint,
            noisy=Readings(values=given["action"], bodies=arms),
            sigma=given["action level"],
            state=Readings(values=given["state"], bodies=arms),
            state_given=there[:, None],
        ),
        image=image_from(given),
    )


def with_cache(model: WorldActionModel, scene: Scene) -> JointOutput:
    """The context is read in two parts."""
    cache = start_cache(model.dit, scene.text, scene.image)
    extend_cache(model.dit, cache, model.layout(1, first_noisy=0, acting=False), scene.clean[:, :1])
    extend_cache(model.dit, cache, scene.layout, scene.clean[:, 1:])
    return velocities(model.dit, scene, cache)


@pytest.mark.parametrize("kind", ["t2v", "i2v"])
@pytest.mark.parametrize("switch", [False, True], ids=["video_apart", "video_sees_actions"])
def test_imagining_with_a_cache_depends_on_the_same_and_by_as_much(kind: str, *, switch: bool):
    model = model_of(switch=switch, kind=kind)
    given, scene = imagining(model)
    words = (5, 3)

    for (out, kept), (_, full) in zip(
        outputs_of(with_cache(model, scene), 1), outputs_of(velocities(model.dit, scene), 1), strict=True
    ):
        assert (kept - full).abs().max() <= 1e-12
        grads = [
            torch.autograd.grad(p.sum(), list(given.values()), retain_graph=True, allow_unused=True)
            for p in (kept, full)
        ]
        for one, other in zip(*grads, strict=True):
            assert one is other is None or (one - other).abs().max() <= 1e-11
        for (name, row, place), hit in reached(kept, given).items():
            shown = switch or out[0] == "action" or name not in ("action", "action level", "state")
            assert hit == (row == out[1] and shown and (name != "text" or place < words[row])), (out, name, row, place)


def test_what_is_kept_of_a_frame_depends_on_no_later_chunk():
    model = model_of(switch=False)
    frames = frames_of(model, 5).requires_grad_()
    cache = start_cache(model.dit, text_of(model, 5, 3))
    extend_cache(model.dit, cache, model.layout(3, first_noisy=2, acting=False), frames)

    for frame in range(5):
        kept = cache.blocks[-1].clean.keys[:1, :, 16 * frame : 16 * (frame + 1)]
        (grad,) = torch.autograd.grad(kept.square().sum(), frames, retain_graph=True)
        moved = (grad.abs().amax(dim=(2, 3, 4)) > 0).tolist()
        end = frame + frame % 2  # a pair is read together
        assert moved == [[place <= end for place in range(5)], [False] * 5]


@pytest.mark.parametrize("cached", [False, True], ids=["training", "cached"])
def test_memory_filled_with_nan_before_use_reaches_no_velocity(*, cached: bool):
    model = model_of(switch=False)
    scene = imagining(model)[1] if cached else scene_of(model, inputs_of(model))
    torch.use_deterministic_algorithms(mode=True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    try:
        assert torch.empty(1).isnan().all()
        output = with_cache(model, scene) if cached else velocities(model.dit, scene)
    finally:
        torch.use_deterministic_algorithms(mode=False)

    assert torch.isfinite(output.video).all()
    assert torch.isfinite(output.action).all()


def test_a_scene_without_actions_gives_none():
    model = model_of(switch=False)
    scene = scene_of(model, inputs_of(model))
    layout = model.layout(CHUNKS, first_noisy=0, acting=False)

    assert velocities(model.dit, replace(scene, layout=layout, acting=None)).action is None
