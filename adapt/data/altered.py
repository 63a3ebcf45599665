"""What if the data were wrong in one respect? The same windows with other tasks' instructions, or out of order.

Both leave everything else as it is: which windows there are, their ids, and so every draw that hangs on them (order,
noise, which windows lose their instruction). A training on altered data differs from one on the true data in nothing
but what was altered.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.data.encoded import Encoded
from adapt.data.samples import WindowDataset, generator
from adapt.types import Sample

SEED = 0  # One alteration for all seeds of training, so that seeds differ in training alone.


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Which instruction takes the place of which; or, in `problem`, why none can."""

    instead_of: Mapping[str, str]  # by the true instruction; one without words is not exchanged
    borrowed: bool = False  # whether they come from the replay data
    problem: str = ""


class ShuffledInTime(WindowDataset):
    """Windows whose latent frames after the present are out of order; actions, state and text as they were.

    Every frame stands in another's place, the same one in every epoch and for every seed of training. The pictures
    are the same, and so is what is said of them; what follows upon what is lost. So this control tells looks from
    motion: data that teaches as much this way has taught how the scene looks, not what happens in it. For windows
    with actions it also tells whether these were learnt from the transition they belong to.
    """

    def __getitem__(self, index: int) -> Sample:
        """One window as the model sees it, its future out of order."""
        sample = super().__getitem__(index)
        order = displaced(len(sample.latents) - 1, generator(SEED, "shuffled in time", sample.window_id))
        future = sample.latents[1:][order]
        return replace(sample, latents=torch.cat([sample.latents[:1], future]))


def exchange(instructions: Sequence[str], others: Sequence[str]) -> Exchange:
    """Give every instruction another one.

    Several instructions are passed round among themselves, in alphabetical order, so that each is still used as often
    as there are windows of one other task. A single one is exchanged for that of `others` which shares the fewest
    words with it, among those at least half as long if there are any: a task of the same kind, not a mere word.
    Instructions that differ in nothing but case, blanks and punctuation count as one.

    Args:
        instructions: Those of the training windows, in any order and number.
        others: Instructions of other data, to borrow from.

    Returns:
        Which takes the place of which; nothing and the reason where there is no other.
    """
    spellings: dict[str, list[str]] = {}
    for instruction in sorted(set(instructions)):
        if plain := _plain(instruction):
            spellings.setdefault(plain, []).append(instruction)
    if not spellings:
        return Exchange(instead_of={}, problem="the new data carries no instructions that could be wrong")
    known = sorted(spellings)
    if len(known) > 1:
        turned = dict(zip(known, [*known[1:], known[0]], strict=True))
        return Exchange(instead_of={one: spellings[turned[plain]][0] for plain in known for one in spellings[plain]})
    foreign = sorted({other for other in others if _plain(other) and _plain(other) != known[0]})
    if not foreign:
        return Exchange(
            instead_of={},
            problem=f"the new data has a single instruction ('{spellings[known[0]][0]}'), and there is no replay data "
            "with another one to borrow",
        )
    enough = [other for other in foreign if 2 * len(_plain(other).split()) >= len(known[0].split())]
    found = min(enough or foreign, key=lambda other: (_likeness(known[0], _plain(other)), other))
    return Exchange(instead_of=dict.fromkeys(spellings[known[0]], found), borrowed=True)


def with_instructions(
    encoded: Encoded, swap: Exchange, prompts: Mapping[str, Float[Tensor, "_n e"]] | None = None
) -> Encoded:
    """The same windows, latents and actions under other instructions.

    A window that loses its instruction in training (which guidance needs) loses the wrong one, and is then the same
    as in a training on the true data.

    Args:
        encoded: The data; not changed.
        swap: Which instruction takes the place of which.
        prompts: Embeddings of prompts that `encoded` does not hold, by prompt.

    Raises:
        ValueError: A prompt has no embedding.
    """
    known = {**encoded.prompts, **(prompts or {})}
    windows = [
        replace(window, instruction=swap.instead_of.get(window.instruction, window.instruction))
        for window in encoded.windows
    ]
    lost = sorted({prompt_of(encoded, w.embodiment, w.instruction) for w in windows} - set(known))
    if lost:
        raise ValueError(f"{len(lost)} prompts have no embedding; the first is '{lost[0]}'")
    return replace(encoded, windows=windows, prompts=known)


def prompt_of(encoded: Encoded, embodiment: str, instruction: str) -> str:
    """What the text encoder is given for an instruction to a body."""
    return encoded.embodiments[embodiment].prompt_for(instruction)


def displaced(count: int, draw: torch.Generator) -> list[int]:
    """An order in which nothing is where it was; a single thing stays where it is.

    Source:
        Sattolo 1986, "An algorithm to generate a random cyclic permutation", Inf. Process. Lett. 22(6).
    """
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        other = int(torch.randint(last, (), generator=draw))
        order[last], order[other] = order[other], order[last]
    return order


def _plain(instruction: str) -> str:
    """An instruction without case, punctuation and needless blanks."""
    return " ".join(re.findall(r"\w+", instruction.casefold()))


def _likeness(one: str, other: str) -> float:
    """Share of words that two instructions have in common, from 0 to 1."""
    first, second = set(one.split()), set(other.split())
    return len(first & second) / len(first | second)
