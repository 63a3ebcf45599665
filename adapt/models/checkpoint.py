"""Stored weights: strict loading with a report, and fingerprints that name a set of tensors."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adapt.errors import CheckpointError
from adapt.runs.atomic import usual_mode
from adapt.runs.documents import in_short

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What stored tensors and a module disagree on."""

    missing: tuple[str, ...]  # the module has it, the file does not
    unexpected: tuple[str, ...]  # the file has it, the module does not
    reshaped: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]  # name, shape stored, shape wanted

    @property
    def clean(self) -> bool:
        """Whether names and shapes all agree."""
        return not (self.missing or self.unexpected or self.reshaped)

    def describe(self) -> str:
        """One line naming the first few of each kind of disagreement."""
        parts = [_listed("missing", self.missing), _listed("unexpected", self.unexpected)]
        reshaped = tuple(f"{name} stored {list(a)}, wanted {list(b)}" for name, a, b in self.reshaped)
        return "; ".join(part for part in (*parts, _listed("reshaped", reshaped)) if part)


def compare(wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> LoadReport:
    """Names and shapes of `tensors` against those of `wanted`."""
    both = sorted(wanted.keys() & tensors.keys())
    return LoadReport(
        missing=tuple(sorted(wanted.keys() - tensors.keys())),
        unexpected=tuple(sorted(tensors.keys() - wanted.keys())),
        reshaped=tuple(
            (name, tuple(tensors[name].shape), tuple(wanted[name].shape))
            for name in both
            if tensors[name].shape != wanted[name].shape
        ),
    )


def load_strict(module: nn.Module, tensors: Mapping[str, Tensor], *, source: str = "stored weights") -> LoadReport:
    """Copy `tensors` into `module`, all or nothing.

    Args:
        module: What receives the weights; keeps its dtype and device.
        tensors: By the module's own names.
        source: Where they come from, for the message.

    Raises:
        CheckpointError: A name or a shape disagrees; nothing was copied.
    """
    report = compare(module.state_dict(), tensors)
    if not report.clean:
        raise CheckpointError(f"{source} does not fit {type(module).__name__}: {report.describe()}. Use its own base.")
    module.load_state_dict(dict(tensors), strict=True)
    return report


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file.

    Raises:
        CheckpointError: The file is not there, or is not whole.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file. Fetch or build the base again.")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({in_short(error)}). Fetch it again.") from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors to a safetensors file; the same tensors give the same bytes."""
    ready = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    save_file(ready, path, metadata={"format": "pt"})
    path.chmod(usual_mode())


def canonical_fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Name a set of tensors: sha256 over name, dtype, shape and bytes, in order of name; hex.

    Names must be the canonical (diffusers) ones, so that the same weights in another file layout agree.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _listed(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{more})"
