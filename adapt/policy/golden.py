"""What should this bundle answer, to the last digits that matter? One stored input and its output."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from adapt.errors import BundleError
from adapt.runs.documents import in_short, is_text, parse_object
from adapt.types import Observation

# Other processors add up in another order: differences near 1e-6 of the range. A wrong base, adapter, statistics or
# prompt moves the answer by per cents.
ACTION_TOLERANCE_SHARE = 5e-3  # of the range an axis moved in
LATENT_TOLERANCE = 1e-2  # latents have about unit variance
IMAGE_PREFIX = "image."
_AXES = {"state": 1, "actions": 2, "action_tolerance": 1, "latents": 4}
_MOST_TOLERANCE = 1e6
META = "golden"  # one key only: safetensors does not keep the order of several


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Golden:
    """An observation, and the answer it had when the bundle was made."""

    observation: Observation
    instruction: str
    seed: int
    latents: Float[Tensor, "l c h w"]
    actions: Float[Tensor, "k d"] | None  # physical units; None for a body without action axes
    latent_tolerance: float
    action_tolerance: Float[Tensor, " d"] | None  # per axis, in its unit


def dump_golden(golden: Golden) -> bytes:
    """The bytes of golden.safetensors, the same for equal contents."""
    tensors = {f"{IMAGE_PREFIX}{name}": image.contiguous() for name, image in golden.observation.images.items()}
    optional = {
        "state": golden.observation.state,
        "actions": golden.actions,
        "action_tolerance": golden.action_tolerance,
        "latents": golden.latents,
    }
    tensors |= {
        name: value.detach().to("cpu", torch.float32).contiguous()
        for name, value in optional.items()
        if value is not None
    }
    record = {"instruction": golden.instruction, "latent_tolerance": golden.latent_tolerance, "seed": golden.seed}
    return save(tensors, {META: json.dumps(record, sort_keys=True)})


def read_golden(path: Path) -> Golden:
    """Read golden.safetensors.

    Raises:
        BundleError: The file is damaged, or lacks something.
    """
    try:
        tensors = load_file(path)
        with safe_open(path, framework="pt") as file:
            record = parse_object((file.metadata() or {})[META])
        return _build(tensors, record)
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise BundleError(
            f"{path}: is not a golden input and output ({in_short(error)}). Pull the bundle again."
        ) from error


def find_mismatch(golden: Golden, latents: Float[Tensor, "l c h w"], actions: Float[Tensor, "k d"] | None) -> str:
    """How an answer differs from the stored one beyond its tolerance, in words; empty where it does not."""
    if latents.shape != golden.latents.shape:
        return f"imagined latents of shape {tuple(latents.shape)}, stored are {tuple(golden.latents.shape)}"
    furthest = float((latents.float().cpu() - golden.latents).abs().max())
    if not furthest <= golden.latent_tolerance:
        return f"an imagined latent is off by {furthest:.3g}, allowed is {golden.latent_tolerance:.3g}"
    if golden.actions is None or golden.action_tolerance is None:
        return ""
    if actions is None or actions.shape != golden.actions.shape:
        found = "none" if actions is None else str(tuple(actions.shape))
        return f"actions of shape {found}, stored are {tuple(golden.actions.shape)}"
    excess = (actions.float().cpu() - golden.actions).abs() - golden.action_tolerance
    if bool((excess <= 0).all()):
        return ""
    worst = int(excess.nan_to_num(nan=float("inf")).amax(dim=0).argmax())
    off = float((actions.float().cpu() - golden.actions)[:, worst].abs().max())
    return f"action axis {worst} is off by {off:.3g}, allowed is {float(golden.action_tolerance[worst]):.3g}"


def _build(tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> Golden:
    images = {
        name.removeprefix(IMAGE_PREFIX): value for name, value in tensors.items() if name.startswith(IMAGE_PREFIX)
    }
    known = {"state", "actions", "action_tolerance", "latents"}
    unknown = sorted(name for name in tensors if not name.startswith(IMAGE_PREFIX) and name not in known)
    if unknown or set(record) != {"instruction", "latent_tolerance", "seed"} or not images:
        raise ValueError(f"unknown tensor {unknown[0]}" if unknown else "its record or its images are incomplete")
    _refuse_unsound(images, tensors, record)
    return Golden(
        observation=Observation(images=images, state=tensors.get("state")),
        instruction=record["instruction"],
        seed=record["seed"],
        latents=tensors["latents"],
        actions=tensors.get("actions"),
        latent_tolerance=float(record["latent_tolerance"]),
        action_tolerance=tensors.get("action_tolerance"),
    )


def _refuse_unsound(images: Mapping[str, Tensor], tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Refuse what has the right names, but not the kinds and shapes that go with them.

    Raises:
        ValueError: The first such part.
    """
    tolerance = record["latent_tolerance"]
    if not is_text(record["instruction"]) or type(record["seed"]) is not int or not 0 <= record["seed"] < 2**63:
        raise ValueError("its instruction is no text, or its seed no whole number")
    if type(tolerance) not in (int, float) or not 0 <= tolerance <= _MOST_TOLERANCE:
        raise ValueError("its latent_tolerance is no number from 0")
    for name, image in images.items():
        if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.numel():
            raise ValueError(f"image {name} is {image.dtype} of shape {list(image.shape)}")
    for name, axes in _AXES.items():
        value = tensors.get(name)
        if value is not None and (value.dtype != torch.float32 or value.ndim != axes):
            raise ValueError(f"{name} is {value.dtype} of shape {list(value.shape)}")
    actions, allowed = tensors.get("actions"), tensors.get("action_tolerance")
    if (actions is None) != (allowed is None) or (
        actions is not None and allowed is not None and actions.shape[-1:] != allowed.shape
    ):
        raise ValueError("its actions and their tolerances do not belong together")
