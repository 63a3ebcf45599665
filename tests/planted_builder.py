"""Models of the shipped base with one thing done to them that is known, and what judging makes of them.

The windows are those of the base's own replay that its training did not see, cut to their first chunk. Their videos do
not ship, so the codec's picture of their latents is taken for the truth.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from adapt.data.encoded import Encoded, read_encoded
from adapt.data.samples import Mixture, WindowDataset
from adapt.embodiment.statistics import BodyStatistics
from adapt.evaluate.actions import Body
from adapt.evaluate.evaluation import Subject, Tools, Trial, evaluate
from adapt.evaluate.held_out import Codec, HeldOut, Imagined, RoundTrip
from adapt.evaluate.imagining import Draw, Reader, Rungs, imagine_held_out
from adapt.evaluate.record import Evaluation
from adapt.evaluate.settings import EvaluateConfig
from adapt.models.adapters import add_lora
from adapt.models.bases import find_base, load_base, read_geometry
from adapt.models.lora import LoraConfig
from adapt.models.world_action import WorldActionModel
from adapt.policy.acting import Actor
from adapt.train.loop import fit
from adapt.train.losses import Objective
from adapt.train.module import Training
from adapt.train.settings import TrainConfig
from adapt.train.trained import choose_trained
from adapt.types import Sample

GEOMETRY = read_geometry("tiny")
BODY, VIDEO_STEPS = "tabletop_gripper", 4
AT_ONCE = 5  # windows through the codec: as many one by one take more than twice as long
DRAW = Draw(video_steps=VIDEO_STEPS, seed=0)
FAST = EvaluateConfig(resamples=500, video_steps=VIDEO_STEPS)


class FirstChunks(WindowDataset):
    """Windows of the base's replay, cut to their first chunk, which a causal codec gives the same latents."""

    def __init__(self, encoded: Encoded, split: str, *, most: int | None = None) -> None:
        super().__init__(encoded, split)
        steps = GEOMETRY.action_steps
        self.windows = tuple(
            replace(window, chunks=1, actions=_start(window.actions, steps), state=_start(window.state, 1))
            for window in self.windows[:most]
        )

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        return replace(sample, latents=sample.latents[: GEOMETRY.latent_frames(1)])


class Remembering:
    """A codec that is asked several windows at a time, and each only once.

    Args:
        codec: The real one.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._held: dict[bytes, Tensor] = {}

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        return self._all(frames, self._codec.encode)

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        return self._all(latents.float(), self._codec.decode)

    def _all(self, given: Tensor, ask: Callable[[Tensor], Tensor]) -> Tensor:
        keys = [row.contiguous().numpy().tobytes() for row in given]
        new = [place for place, key in enumerate(keys) if key not in self._held]
        for start in range(0, len(new), AT_ONCE):
            places = new[start : start + AT_ONCE]
            self._held.update(zip((keys[place] for place in places), ask(given[places]), strict=True))
        return torch.stack([self._held[key] for key in keys])


class Coarse:
    """A broken codec that sees and shows squares of `size` pixels, each of the colour of its first pixel."""

    def __init__(self, codec: Codec, size: int) -> None:
        self._codec = codec
        self._size = size

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        return self._codec.encode(self._coarsen(frames))

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        return self._coarsen(self._codec.decode(latents))

    def _coarsen(self, frames: Tensor) -> Tensor:
        first = frames[:, :, :: self._size, :: self._size]
        return first.repeat_interleave(self._size, dim=2).repeat_interleave(self._size, dim=3)


class Blind:
    """A broken codec: every latent is 0 and every picture black."""

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        latent = (GEOMETRY.latent_channels, GEOMETRY.latent_height, GEOMETRY.latent_width)
        return torch.zeros(len(frames), GEOMETRY.latent_frames(1), *latent)

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        canvas = (GEOMETRY.canvas.height, GEOMETRY.canvas.width, 3)
        return torch.zeros(len(latents), GEOMETRY.frames(1), *canvas, dtype=torch.uint8)


def replay() -> Encoded:
    return read_encoded(find_base("tiny") / "replay")


def filmed(windows: WindowDataset, codec: Codec) -> list[HeldOut]:
    """Windows whose true frames are the codec's picture of their latents."""
    samples = [windows[place] for place in range(len(windows))]
    frames = codec.decode(torch.stack([sample.latents for sample in samples]))
    bare = [
        HeldOut(window=window, sample=sample, frames=film)
        for window, sample, film in zip(windows.windows, samples, frames, strict=True)
    ]
    return _with_round_trips(bare, codec)


def encoded_by(items: Sequence[HeldOut], codec: Codec) -> list[HeldOut]:
    """The same windows, filmed as they are, as another codec encodes them."""
    latents = codec.encode(_frames(items))
    changed = [
        replace(item, sample=replace(item.sample, latents=row)) for item, row in zip(items, latents, strict=True)
    ]
    return _with_round_trips(changed, codec)


def unlabelled(items: Sequence[HeldOut]) -> list[HeldOut]:
    """The same windows as human video has them: no actions, no state."""
    return [replace(item, window=replace(item.window, actions=None, state=None)) for item in items]


def _with_round_trips(items: Sequence[HeldOut], codec: Codec) -> list[HeldOut]:
    frames = codec.decode(torch.stack([item.sample.latents for item in items]))
    latents = codec.encode(frames)
    return [
        replace(item, round_trip=RoundTrip(frames=film, latents=row))
        for item, film, row in zip(items, frames, latents, strict=True)
    ]


def _frames(items: Sequence[HeldOut]) -> Tensor:
    return torch.stack([item.frames for item in items if item.frames is not None])


def _start(rows: Tensor | None, count: int) -> Tensor | None:
    return None if rows is None else rows[:count]


def model() -> WorldActionModel:
    """The shipped base's, to be changed."""
    return load_base("tiny", parts=("model",)).model


def untrained() -> WorldActionModel:
    """The base with an adapter that has not been trained."""
    made = model()
    add_lora(made.dit, LoraConfig(rank=8, alpha=16.0), base_id="tiny", revision="", seed=1)
    return made.eval()


def perturbed(made: WorldActionModel, part: nn.Module, *, kept: float) -> WorldActionModel:
    """The model with noise as large as they are themselves added to a part's weights, of which a share is kept."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in part.parameters():
            size = weight.std(unbiased=False).clamp(min=0.02)
            weight.mul_(kept).add_(torch.randn(weight.shape, generator=generator) * size)
    return made


def times_its_size(statistics: BodyStatistics) -> float:
    """How much too large actions become that are scaled back by these statistics: the median over axes."""
    own = replay().statistics[BODY].actions
    assert own is not None
    assert statistics.actions is not None
    return float(((statistics.actions.q99 - statistics.actions.q01) / (own.q99 - own.q01)).quantile(0.5))


def of_another_body(low: Sequence[float], high: Sequence[float]) -> BodyStatistics:
    """Statistics as of a body whose actions lie between these."""
    own = replay().statistics[BODY]
    assert own.actions is not None
    least, most = torch.tensor(low).double(), torch.tensor(high).double()
    actions = replace(own.actions, q01=least, q99=most, min=least, max=most, mean=(least + most) / 2)
    return replace(own, actions=actions)


def ask(asked: WorldActionModel, items: Sequence[HeldOut], draw: Draw = DRAW) -> list[Imagined]:
    """What a model makes of windows."""
    return imagine_held_out(asked, items, _actor(None), draw, rungs=Rungs(spread_draws=0))


def scaled_back_by(
    statistics: BodyStatistics, asked: WorldActionModel, items: Sequence[HeldOut], answers: Sequence[Imagined]
) -> list[Imagined]:
    """Answers whose actions are read again, and scaled back by other statistics."""
    reader = Reader(asked, _actor(statistics), DRAW)
    told = []
    for item, answer in zip(items, answers, strict=True):
        assert item.round_trip is not None
        told.append(
            Imagined(
                latents=answer.latents,
                actions=reader.read(item, answer.latents),
                actions_true_future=reader.read(item, item.sample.latents[1:]),
                actions_round_trip=reader.read(item, item.round_trip.latents[1:]),
            )
        )
    return told


def toward_truth(
    asked: WorldActionModel, items: Sequence[HeldOut], answers: Sequence[Imagined], share: float
) -> list[Imagined]:
    """Answers whose imagined latents are moved a share of the way to the true ones, and actions read from those."""
    reader = Reader(asked, _actor(None), DRAW)
    moved = []
    for item, answer in zip(items, answers, strict=True):
        latents = answer.latents + share * (item.sample.latents[1:] - answer.latents)
        moved.append(replace(answer, latents=latents, actions=reader.read(item, latents)))
    return moved


def judge(
    items: Sequence[HeldOut],
    adapted: Sequence[Imagined],
    base: Sequence[Imagined],
    codec: Codec,
    statistics: BodyStatistics | None = None,
) -> Evaluation:
    """The evaluation, as of robot play where windows have actions, else as of human video."""
    labels = items[0].window.actions is not None
    actor = _actor(statistics)
    assert actor.statistics.actions is not None
    body = Body(spec=actor.spec, statistics=actor.statistics.actions, action_steps=GEOMETRY.action_steps)
    subject = Subject(
        kind="play" if labels else "human",
        embodiment=BODY if labels else "human_hand",
        base="tiny",
        base_revision="1",
        held_out=len(items),
        same_session=False,
    )
    _look_ahead(items, (adapted, base), codec)
    tools = Tools(codec=codec, geometry=GEOMETRY, body=body if labels else None, base_knows_body=labels)
    return evaluate(subject, Trial(held_out=items, adapted=adapted, base=base), "left out", tools, FAST)


def _look_ahead(items: Sequence[HeldOut], answers: Sequence[Sequence[Imagined]], codec: Codec) -> None:
    """Let the codec remember what judging will ask it one by one."""
    still = _frames(items)[:, :1].expand(-1, GEOMETRY.frames(1), -1, -1, -1)
    codec.encode(still)
    for futures in answers:
        whole = [torch.cat([i.sample.latents[:1], a.latents]) for i, a in zip(items, futures, strict=True)]
        codec.decode(torch.stack(whole))


def _actor(statistics: BodyStatistics | None) -> Actor:
    encoded = replay()
    return Actor(spec=encoded.embodiments[BODY], statistics=statistics or encoded.statistics[BODY])


def overfitted(windows: WindowDataset, *, steps: int, rate: float) -> WorldActionModel:
    """The base, really trained on these few windows, over and over and fast."""
    trained = untrained()
    config = TrainConfig(
        steps=steps,
        batch_size=4,
        adapter_learning_rate=rate,
        head_learning_rate=rate / 5,
        predicted_future_every=0,
        text_dropout=0.2,  # Guidance goes by what is imagined without words, so that has to be learnt too.
    )
    training = Training(
        objective=Objective(model=trained, config=config, heads=True, joint=False, seed=1),
        trained=choose_trained(trained, bodies=windows.encoded.embodiments, heads=True, joint=False),
        mixture=Mixture(datasets=[windows], shares=[1.0], seed=1, batch_size=4),
        validation=FirstChunks(windows.encoded, "train", most=0),  # Nothing stops it in time: the last step is kept.
    )
    with tempfile.TemporaryDirectory() as scratch:
        fit(training, scratch=Path(scratch), logs=None)
    return trained
