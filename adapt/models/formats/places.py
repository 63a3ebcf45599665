"""Where each tensor of a published file belongs in our modules, and how it is written back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from adapt.errors import CheckpointError

NUMBER = "#"  # stands for a whole number in a table of names


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One stored tensor and the parameters of ours that it holds.

    Args:
        stored: Its name in the file.
        ours: Parameters it holds, by our names; several of one shape lie one after another along its first axis.
        ones: Axes of length 1 that the file puts before ours.
    """

    stored: str
    ours: tuple[str, ...]
    ones: int = 0

    def stored_shape(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        """The shape it has in the file, given those of our parameters."""
        shape = shapes[self.ours[0]]
        if len(self.ours) > 1:
            shape = (len(self.ours) * shape[0], *shape[1:])
        return (1,) * self.ones + shape

    def apart(self, tensor: Tensor) -> dict[str, Tensor]:
        """What a stored tensor holds, by our names; no memory of its own."""
        tensor = tensor.reshape(tensor.shape[self.ones :])
        if len(self.ours) == 1:
            return {self.ours[0]: tensor}
        return dict(zip(self.ours, tensor.chunk(len(self.ours)), strict=True))

    def together(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """The stored tensor, of our parameters."""
        parts = [tensors[name] for name in self.ours]
        whole = parts[0] if len(parts) == 1 else torch.cat(parts)
        return whole.reshape((1,) * self.ones + tuple(whole.shape))

    def under(self, stored: str) -> "Place":
        """The same below a prefix in the file."""
        return replace(self, stored=stored + self.stored)


def by_table(names: Iterable[str], table: Mapping[str, str], *, what: str) -> tuple[Place, ...]:
    """Places of parameters that are stored as they are, under other names.

    Args:
        names: Ours; "a.b.weight" is looked up as such, then as "a.b".
        table: From our names to the file's, NUMBER standing for any number; those of a pair are the same, in order.
        what: The part of the model, for the message.

    Raises:
        CheckpointError: The table does not know one of the names.
    """
    return tuple(Place(stored=renamed(name, table, what=what), ours=(name,)) for name in names)


def renamed(name: str, table: Mapping[str, str], *, what: str) -> str:
    """What a table calls a name of ours; as `by_table` else."""
    above, _, leaf = name.rpartition(".")
    for looked_up, rest in ((name, ""), (above, f".{leaf}")):
        words = looked_up.split(".")
        numbers = [word for word in words if word.isdigit()]
        for pattern in _patterns(words):
            if pattern in table:
                found = table[pattern]
                return _filled(found, numbers) + rest
    raise CheckpointError(
        f"{what}: its tensor '{name}' has no counterpart in this format. Check that it is a {what}'s."
    )


def _patterns(words: Sequence[str]) -> list[str]:
    """The words with their first number replaced, and as they are: further numbers are part of a layer's name."""
    at = next((place for place, word in enumerate(words) if word.isdigit()), None)
    plain = ".".join(words)
    return [plain] if at is None else [".".join((*words[:at], NUMBER, *words[at + 1 :])), plain]


def _filled(pattern: str, numbers: Sequence[str]) -> str:
    return pattern.replace(NUMBER, numbers[0]) if numbers else pattern
