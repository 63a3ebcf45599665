"""Rungs of the memory ladder: what a training takes plainly, and with one means after another of taking less."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapt.train.plan.cards import Machine
from adapt.train.plan.footprint import Footprint

_SCALE_BYTES = 4  # of an output channel whose weights are kept in 8 bits
_AT_WORK = 2  # blocks that are whole at once where the others are elsewhere: the one at work, and the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A way to train, and what it takes on each card.

    Args:
        name: Of it.
        settings: Of the recipe that ask for it; empty where there are none.
        planned: Whether it is a size only: this version cannot do it.
        frozen: Bytes of frozen weights on a card.
        trained: Bytes of adapters and heads.
        gradients: Bytes of their gradients.
        optimiser: Bytes of what AdamW keeps.
        activations: Bytes of all else.
        in_memory: Bytes of frozen weights in the machine's own memory.
        flops: Of one window.
    """

    name: str
    settings: tuple[str, ...]
    planned: bool
    frozen: int
    trained: int
    gradients: int
    optimiser: int
    activations: int
    flops: int
    in_memory: int = 0

    @property
    def total(self) -> int:
        """Bytes on a card."""
        return self.frozen + self.trained + self.gradients + self.optimiser + self.activations

    def fits(self, machine: Machine) -> bool:
        """Whether a card holds it."""
        return self.total <= machine.room


def climb(plain: Footprint, again: Footprint, machine: Machine) -> list[Rung]:
    """Every rung that makes sense on a machine, the plainest first; planned ones only where no other fits.

    Latents and prompts are encoded before training on all of them: codec and text encoder are in no card's memory.

    Args:
        plain: A step as it is.
        again: A step with checkpointing.
        machine: What it is for.
    """
    keep: tuple[str, ...] = ("train.checkpointing=true",)
    several = () if machine.count == 1 else (f"train.devices={machine.count}",)
    kept = _rung("checkpointing", (*keep, *several), again)
    rungs = [_rung("as it is", several, plain), kept]
    outside = again.frozen - again.of_blocks
    whole = outside + _AT_WORK * again.of_block
    if several:
        shared = replace(kept, name="checkpointing, FSDP2", settings=(*kept.settings, "train.strategy=fsdp2"))
        rungs.append(replace(shared, frozen=whole + again.of_blocks // machine.count))
    if any(rung.fits(machine) for rung in rungs):
        return rungs
    less = again.linear - again.linear // again.itemsize - _SCALE_BYTES * again.channels
    eight = replace(kept, name="checkpointing, frozen weights in 8 bits", planned=True, frozen=again.frozen - less)
    # One layer's weights at a time are made whole to be worked with.
    rungs.append(replace(eight, activations=again.activations + again.widest))
    elsewhere = replace(kept, name="checkpointing, blocks in the machine's memory", planned=True)
    rungs.append(replace(elsewhere, frozen=whole, in_memory=again.of_blocks))
    return rungs


def choose(rungs: Sequence[Rung], machine: Machine) -> Rung | None:
    """The plainest rung that fits; None where none does."""
    return next((rung for rung in rungs if rung.fits(machine)), None)


def _rung(name: str, settings: tuple[str, ...], found: Footprint) -> Rung:
    return Rung(
        name=name,
        settings=settings,
        planned=False,
        frozen=found.frozen,
        trained=found.trained,
        gradients=found.gradients,
        optimiser=found.optimiser,
        activations=found.activations,
        flops=found.flops,
    )
