"""What is in a folder of encoded data? The same for a run's `encode` stage, shipped replay and `--replay PATH`.

latents-00000.safetensors ...   the windows' latents, bfloat16, by window id
text.safetensors, prompts.json  embeddings of the prompts, bfloat16, and which key is which prompt
clips.parquet                   one row a window: source, times, instruction, split, actions, state
geometry.json                   fingerprint of the encoders; rates, canvas, latent shape
statistics.json                 per body, how actions and state are scaled
embodiments.json                per body, its spec
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from adapt.data.clip_table import CLIP_TABLE, read_clip_table, write_clip_table
from adapt.data.latent_store import LatentStore, write_store
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.errors import DataError
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import brief, in_short, is_text, parse_object
from adapt.runs.typed import find_misfit
from adapt.types import BaseGeometry, Window

_TEXT, _PROMPTS, _GEOMETRY = "text.safetensors", "prompts.json", "geometry.json"
_STATISTICS, _EMBODIMENTS = "statistics.json", "embodiments.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoded:
    """What training and evaluation read: windows, and what is needed to make samples of them."""

    windows: Sequence[Window]  # kept windows only
    latents: LatentStore
    prompts: Mapping[str, Float[Tensor, "n e"]]  # by prompt
    encoders: str  # fingerprint of the codec and the text encoder
    geometry: BaseGeometry
    statistics: Mapping[str, BodyStatistics]  # by embodiment
    embodiments: Mapping[str, Embodiment]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedParts:
    """What `write_encoded` puts into a folder, latents apart."""

    windows: Sequence[Window]
    prompts: Mapping[str, Float[Tensor, "n e"]]
    encoders: str  # fingerprint of the codec and the text encoder
    geometry: BaseGeometry
    statistics: Mapping[str, BodyStatistics]
    embodiments: Mapping[str, Embodiment]


def write_encoded(folder: Path, latents: Iterable[tuple[str, Tensor]], parts: EncodedParts) -> None:
    """Write a folder of encoded data; the same content always gives the same bytes.

    Args:
        folder: An existing folder.
        latents: Window id and latents, shape (l, c, h, w), of every window; read one by one.
        parts: Everything else.

    Raises:
        ValueError: A window has no latents, no spec, or no embedding of its prompt.
    """
    for window in parts.windows:
        body = parts.embodiments.get(window.embodiment)
        if body is None or body.prompt_for(window.instruction) not in parts.prompts:
            raise ValueError(f"window {window.window_id}: its body's spec or its prompt's embedding is missing")
    write_store(folder, latents)
    stored = LatentStore(folder)
    if lost := [window.window_id for window in parts.windows if window.window_id not in stored]:
        raise ValueError(f"{len(lost)} windows have no latents; the first is {lost[0]}")
    write_clip_table(folder / CLIP_TABLE, parts.windows)
    keys = {prompt: prompt_key(prompt) for prompt in sorted(parts.prompts)}
    write_atomic(
        folder / _TEXT,
        save({key: parts.prompts[prompt].to(torch.bfloat16).contiguous().clone() for prompt, key in keys.items()}),
    )
    _write_json(folder / _PROMPTS, {key: prompt for prompt, key in keys.items()})
    _write_json(folder / _GEOMETRY, {"encoders": parts.encoders, "geometry": parts.geometry.to_json()})
    _write_json(folder / _STATISTICS, {name: figures.to_json() for name, figures in parts.statistics.items()})
    _write_json(folder / _EMBODIMENTS, {name: body.to_json() for name, body in parts.embodiments.items()})


def read_encoded(folder: Path) -> Encoded:
    """Open a folder that `write_encoded` made; latents stay on disk until asked for.

    Args:
        folder: For example RUN/encode/KEY.

    Returns:
        Its content.

    Raises:
        DataError: A file is missing or damaged.
    """
    encoders, geometry = _read_geometry(folder / _GEOMETRY)
    return Encoded(
        windows=read_clip_table(folder / CLIP_TABLE),
        latents=LatentStore(folder),
        prompts=_read_prompts(folder),
        encoders=encoders,
        geometry=geometry,
        statistics={
            name: BodyStatistics.from_json(figures, source=str(folder / _STATISTICS))
            for name, figures in _read_json(folder / _STATISTICS).items()
        },
        embodiments={
            name: Embodiment.from_json(body, source=str(folder / _EMBODIMENTS))
            for name, body in _read_json(folder / _EMBODIMENTS).items()
        },
    )


def prompt_key(prompt: str) -> str:
    """The name of a prompt's embedding in text.safetensors."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]


def _read_geometry(path: Path) -> tuple[str, BaseGeometry]:
    told = _read_json(path)
    try:
        encoders, geometry = told["encoders"], BaseGeometry.from_json(told["geometry"])
        problem = find_misfit(encoders, str, "encoders") or find_misfit(geometry, BaseGeometry, "geometry")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        problem = in_short(error)
    if problem:
        raise DataError(f"{path}: does not describe encoded data ({problem}); delete the folder and encode again.")
    return encoders, geometry


def _read_prompts(folder: Path) -> dict[str, Tensor]:
    named = _read_json(folder / _PROMPTS)
    try:
        text = load((folder / _TEXT).read_bytes())
    # What safetensors raises besides its own depends on what it stumbles over.
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / _TEXT}: cannot be read ({in_short(error)}); delete the folder and encode again."
        ) from error
    for key, prompt in named.items():
        features = text.get(key)
        if not is_text(prompt) or features is None or features.dtype != torch.bfloat16 or features.ndim != 2:
            raise DataError(
                f"{folder / _PROMPTS}: {brief(key)} stands for {brief(prompt)}, and {_TEXT} holds no embedding of "
                "that name; delete the folder and encode again."
            )
    return {prompt: text[key] for key, prompt in named.items()}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_atomic(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read ({in_short(error)}); name a folder that `encode` made, or encode again."
        ) from error
