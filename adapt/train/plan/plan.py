"""The whole plan of an adaptation: memory, time, disk and price, and the rung of the memory ladder that fits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from adapt.data.windows import WindowConfig, cut
from adapt.errors import RecipeError
from adapt.models.lora import LoraConfig
from adapt.train.plan.cards import Machine
from adapt.train.plan.footprint import ActionHead, Footprint, Traced, extrapolate, trace
from adapt.train.plan.ladder import Rung, choose, climb
from adapt.train.plan.measure import STEPS, Measured, three_steps
from adapt.train.plan.shapes import Passed
from adapt.train.plan.subjects import Subject
from adapt.train.plan.tally import CPU, CUDA
from adapt.train.settings import TrainConfig

_DEPTHS = (2, 4)  # blocks of the models that are traced in a deep one's place
_LATENT_BYTES = 2  # stored in half
_SLOWEST = 1e12  # operations of a step that a processor is asked to carry out
HUMAN, PLAY = "human", "play"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is planned for.

    Args:
        subject: The base.
        minutes: Of video or play data.
        data: "human" or "play".
        machine: To train on.
        train: How it is trained.
        lora: The adapters.
        windows: How data are cut.
        axes: Action and state axes of the body.
        price_per_h: Of the machine, in any currency; None where it is not asked for.
    """

    subject: Subject
    minutes: float
    data: str
    machine: Machine
    train: TrainConfig = field(default_factory=TrainConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    axes: tuple[int, int] = (26, 26)
    price_per_h: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What it would take.

    Args:
        asked: What was planned for.
        shape: Of the longest windows.
        plain: A step as it is.
        again: A step with checkpointing.
        rungs: Of the memory ladder, the plainest first.
        chosen: The one to take; None where none fits.
        windows: That the data make.
        batch: Windows side by side on a card.
        parts: Batches of a step on a card.
        hours: Estimated, of the chosen rung (or of the last, where none fits).
        measured: Real steps, where a device was at hand.
        disk: Bytes on disk, by what they are for.
    """

    asked: Asked
    shape: Passed
    plain: Footprint
    again: Footprint
    rungs: tuple[Rung, ...]
    chosen: Rung | None
    windows: int
    batch: int
    parts: int
    hours: float
    measured: Measured | None
    disk: Mapping[str, int]

    @property
    def rung(self) -> Rung:
        """The one that time is told of."""
        return self.chosen or self.rungs[-1]

    @property
    def cost(self) -> float | None:
        """Price of the hours; None where no price was given."""
        price = self.asked.price_per_h
        return None if price is None else price * self.hours

    @property
    def settings(self) -> tuple[str, ...]:
        """Of the recipe, for the chosen rung."""
        accumulation = self.parts * self.asked.machine.count
        same = self.asked.train.accumulation == accumulation
        return (*self.rung.settings, *([] if same else [f"train.accumulation={accumulation}"]))


def make_plan(asked: Asked, *, measure: bool = True) -> Plan:
    """Trace a training step of a base, climb the memory ladder, and say what all of it would take.

    Args:
        asked: What is planned for.
        measure: Whether to train three steps where a device is at hand that holds them: a GPU, or a processor for a
            small base.

    Raises:
        RecipeError: The minutes make no window, or the base has no windows as long as asked for.
    """
    subject, machine = asked.subject, asked.machine
    chunks = min(asked.windows.max_chunks, subject.geometry.max_chunks)
    config = replace(asked.windows, max_chunks=chunks, min_chunks=min(asked.windows.min_chunks, chunks))
    windows = cut(60.0 * asked.minutes, chunk_s=subject.geometry.chunk_s, config=config)
    if not windows:
        raise RecipeError(
            f"--minutes {asked.minutes:g}: make no window of {config.min_chunks * subject.geometry.chunk_s:g} s. "
            "Give more."
        )
    shape = subject.shape(chunks, acting=asked.data == PLAY)
    batch, parts = _split(asked)
    steps = Traced(shape=shape, lora=asked.lora, batch=batch, parts=parts)
    plain, again = (_footprint(asked, replace(steps, checkpointing=keep)) for keep in (False, True))
    rungs = tuple(climb(plain, again, machine))
    chosen = choose(rungs, machine)
    measured = _measured(asked, replace(steps, checkpointing=chosen is not rungs[0]), chosen) if measure else None
    work = (chosen or rungs[-1]).flops * asked.train.batch_size
    step_s = work / machine.flops_per_s
    if measured is not None and _is_this(measured, machine):
        step_s = measured.step_s
    return Plan(
        asked=asked,
        shape=shape,
        plain=plain,
        again=again,
        rungs=rungs,
        chosen=chosen,
        windows=len(windows),
        batch=batch,
        parts=parts,
        hours=step_s * asked.train.steps / 3600,
        measured=measured,
        disk=_disk(asked, plain, windows=len(windows), shape=shape),
    )


def _split(asked: Asked) -> tuple[int, int]:
    """Windows side by side on a card, and how often in a step: one at a time, where the base is large."""
    own = -(-asked.train.batch_size // asked.machine.count)
    accumulation = asked.train.accumulation if asked.subject.trains else asked.train.batch_size
    batch = -(-own // min(accumulation, own))
    return batch, -(-own // batch)


def _head(asked: Asked, shape: Passed) -> ActionHead | None:
    """What is trained beside the adapters: with human video the heads learn from replay alone."""
    if asked.data == HUMAN and not (asked.train.train_heads and asked.train.replay_share > 0 and asked.subject.trains):
        return None
    acting = asked.train.replay_share if asked.data == HUMAN else 1.0
    return asked.subject.action_head(shape, axes=asked.axes, acting=acting)


def _footprint(asked: Asked, steps: Traced) -> Footprint:
    layers = asked.subject.sizes.transformer.num_layers
    kernel = replace(steps, kernel=CUDA)
    if layers <= _DEPTHS[-1]:
        return trace(asked.subject.transformer(), _head(asked, steps.shape), kernel)
    found = [
        trace(_of_depth(asked.subject, depth).transformer(), _head(asked, steps.shape), kernel) for depth in _DEPTHS
    ]
    return extrapolate(found, _DEPTHS, layers)


def _of_depth(subject: Subject, layers: int) -> Subject:
    sizes = replace(subject.sizes, transformer=replace(subject.sizes.transformer, num_layers=layers))
    return replace(subject, sizes=sizes)


def _measured(asked: Asked, steps: Traced, chosen: Rung | None) -> Measured | None:
    """Real steps, if something here can take them in memory and time."""
    if chosen is None or chosen.planned or asked.machine.count > 1:
        return None
    work = chosen.flops * steps.batch * steps.parts * STEPS
    if torch.cuda.is_available():
        device = torch.device("cuda")
        fits = chosen.total < torch.cuda.mem_get_info(device)[0]
    else:
        device, fits = torch.device(CPU), work < _SLOWEST
    if not fits:
        return None
    return three_steps(asked.subject.transformer(), _head(asked, steps.shape), steps, device)


def _is_this(measured: Measured, machine: Machine) -> bool:
    """Whether what was measured is what is planned for."""
    return machine.card.name.lower() in measured.device.lower()


def _disk(asked: Asked, found: Footprint, *, windows: int, shape: Passed) -> dict[str, int]:
    """Bytes that a run puts on disk; what a base's files take depends on the precision they were published in."""
    subject = asked.subject
    frames = 1 + subject.geometry.latent_frames_per_chunk * shape.chunks
    window = frames * subject.geometry.latent_channels * shape.height * shape.width * _LATENT_BYTES
    told = {} if subject.here else {"the base, in half precision": _LATENT_BYTES * sum(subject.parameters().values())}
    return told | {
        "encoded windows": windows * window,
        "a checkpoint while it trains": found.trained + found.optimiser,
        "adapters and heads": found.trained,
    }
