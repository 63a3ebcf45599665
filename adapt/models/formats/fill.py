"""Stored tensors into modules that were built without memory, one at a time, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adapt.errors import CheckpointError
from adapt.models.checkpoint import LoadReport
from adapt.models.formats.places import Place
from adapt.models.formats.tensor_files import DTYPES, TensorFiles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One module of a base and where its tensors lie in the base's files."""

    module: nn.Module
    places: tuple[Place, ...]

    def stored_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor that the files must have for it."""
        shapes = {name: tuple(value.shape) for name, value in self.module.state_dict().items()}
        return {place.stored: place.stored_shape(shapes) for place in self.places}


def check(files: TensorFiles, parts: Mapping[str, Part]) -> None:
    """Make sure that files hold exactly the tensors of these parts, before any of them is read.

    Args:
        files: Names and shapes.
        parts: All that the files should hold.

    Raises:
        CheckpointError: A tensor is missing, unexpected, of another shape, or of a kind that is not computed with.
    """
    wanted = {name: shape for part in parts.values() for name, shape in part.stored_shapes().items()}
    report = LoadReport(
        missing=tuple(sorted(wanted.keys() - files.tensors.keys())),
        unexpected=tuple(sorted(files.tensors.keys() - wanted.keys())),
        reshaped=tuple(
            (name, files.tensors[name].shape, shape)
            for name, shape in sorted(wanted.items())
            if name in files.tensors and files.tensors[name].shape != shape
        ),
    )
    if not report.clean:
        raise CheckpointError(
            f"{files.folder}: its tensors are not those of this base: {report.describe()}. Fetch it again, or give the "
            "sizes of the base that it is."
        )
    for name, stored in files.tensors.items():
        if stored.dtype not in DTYPES:
            raise CheckpointError(
                f"{files.folder}: {name} is stored as {stored.dtype}; only {', '.join(DTYPES)} are read. "
                "Fetch the release that is not quantised."
            )


def fill(
    files: TensorFiles, parts: Mapping[str, Part], *, device: torch.device | str, dtype: torch.dtype | None
) -> None:
    """Give modules that were built on the meta device their weights, frozen.

    Each tensor is read when its turn comes, straight to the device, and becomes the parameter; nothing is held twice.
    On the CPU, what keeps its dtype stays mapped from its file, whose bytes never change by it: replace such a file by
    renaming another over it, not by writing into it.

    Args:
        files: Checked by `check`.
        parts: Filled in place.
        device: Where the weights go.
        dtype: What they become; None keeps each as it is stored.

    Raises:
        CheckpointError: A file is damaged.
    """
    homes = {place.stored: (part, place) for part in parts.values() for place in part.places}
    for file, names in files.by_file(homes).items():
        for name, tensor in files.read(file, names, device):
            part, place = homes[name]
            for ours, value in place.apart(tensor if dtype is None else tensor.to(dtype)).items():
                _put(part.module, ours, value)
    for part in parts.values():
        _finish(part.module)


class Outgoing:
    """The tensors of parts as a format stores them; each is made when it is asked for."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._homes: dict[str, tuple[Mapping[str, Tensor], Place]] = {}
        for part in parts.values():
            values = part.module.state_dict()
            self._homes.update({place.stored: (values, place) for place in part.places})

    def sizes(self) -> list[tuple[str, int]]:
        """Name and bytes of each, in order."""
        return [
            (name, sum(values[ours].nbytes for ours in place.ours)) for name, (values, place) in self._homes.items()
        ]

    def get(self, name: str) -> Tensor:
        """One of them."""
        values, place = self._homes[name]
        return place.together(values)


def _put(module: nn.Module, name: str, value: Tensor) -> None:
    above, _, leaf = name.rpartition(".")
    holder = module.get_submodule(above)
    if leaf in holder._buffers:
        holder._buffers[leaf] = value
    else:
        setattr(holder, leaf, nn.Parameter(value, requires_grad=False))


def _finish(module: nn.Module) -> None:
    """What follows from the weights: tied tables, and what is computed and not stored."""
    for follow in ("tie_weights", "after_loading"):
        if hasattr(module, follow):
            getattr(module, follow)()
    module.eval().requires_grad_(requires_grad=False)
    left = [name for name, value in _all_tensors(module) if value.is_meta]
    if left:
        raise RuntimeError(f"{type(module).__name__}: {left[:3]} got no weights; its places do not name them.")


def _all_tensors(module: nn.Module) -> Sequence[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]
