"""A bundle folded into its base: one base that acts as base and adapter did, in the package's own or in Wan's formats.

A merged base in the package's own format is a base like any other: every verb takes it. Beside what other bases have,
it has the bundle's golden question and `merged.json`, which says what it is made of and which body acts.
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adapt import __version__
from adapt.errors import CheckpointError
from adapt.models.adapters import Adapter
from adapt.models.base_record import BaseIdentity
from adapt.models.bases import Base, load_base, save_base
from adapt.models.checkpoint import canonical_fingerprint
from adapt.models.formats.merging import (
    MERGED,
    MergedWeights,
    Writing,
    merge_adapter,
    merge_published,
    require_alike,
    write_note,
)
from adapt.models.formats.probe import answer, furthest_apart
from adapt.models.formats.published import fill_published, load_published
from adapt.models.formats.sizes import DREAMZERO, FORMATS, TRANSFORMER
from adapt.policy.acting import Actor
from adapt.policy.bundle import MOST_STEPS, Bundle, read_bundle
from adapt.policy.golden import ACTION_TOLERANCE_SHARE, Golden, dump_golden, read_golden
from adapt.policy.policy import Policy, adapt_base, check_base, find_base_of, put_together
from adapt.runs.disk import refuse_full
from adapt.runs.documents import brief, in_short, is_text, parse_object
from adapt.runs.new_folder import new_folder, refuse_used

OWN = "base"  # the package's own format
KINDS = (OWN, *FORMATS)
GOLDEN = "golden.safetensors"
_BASE_JSON = "base.json"
_REPLAY = "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """What came of merging a bundle.

    Args:
        folder: That was made.
        weights: What it holds, and how near it is to base and adapter.
        base: The base it was made of, as "repository@revision".
        licence: Of the base, which merged weights keep.
        left: What of the bundle the format has no place for, in words.
        compared: What the difference is of, in words.
    """

    folder: Path
    weights: MergedWeights
    base: str
    licence: str
    left: str
    compared: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MergedRecord:
    """What a merged base says of how it acts."""

    body: str
    video_steps: int
    golden: Golden


def merge_bundle(
    folder: Path, out: Path, *, base: Path | None = None, kind: str | None = None, dtype: torch.dtype | None = None
) -> Merge:
    """Fold a bundle's adapter into the base it was trained on, and write whole weights.

    Nothing is written before the base is known to be the bundle's own and the disk to have room; the folder appears
    when what is in it was read again and answers as base and adapter do.

    Args:
        folder: The bundle.
        out: The folder to make.
        base: Folder of the base, where it does not ship with this package; of any format it may come in.
        kind: "base" for the package's own format, or one of Wan's; None for the base's own.
        dtype: What the transformer's weights become; None keeps them, in the package's own format in single precision.

    Raises:
        BundleError: The bundle is damaged or belongs to another base.
        CheckpointError: The base does not say which it is, the format has no place for it, or what was merged answers
            otherwise.
        RunError: `out` is used, or the disk has no room.
    """
    bundle = read_bundle(folder)
    if base is not None and not (base / _BASE_JSON).is_file():
        return _into_published(bundle, base, out, kind, dtype)
    refuse_used(out)
    loaded = load_base(find_base_of(bundle.base, {} if base is None else {bundle.base.repo: base}))
    check_base(bundle.base, loaded, folder)
    if kind in (None, OWN):
        return _into_base(bundle, loaded, out, dtype or torch.float32)
    return _into_transformer(bundle, loaded, out, str(kind), dtype or torch.float32)


def read_merged(folder: Path) -> MergedRecord | None:
    """What a merged base says of how it acts; None of a base that was not merged.

    Raises:
        CheckpointError: What it says is damaged.
        BundleError: Its golden question is.
    """
    path = folder / MERGED
    if not path.is_file():
        return None
    try:
        told = parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: cannot be read ({in_short(error)}). Make it again with `wam-adapt merge`."
        ) from error
    body, steps = told.get("body"), told.get("video_steps")
    if not is_text(body) or type(steps) is not int or not 1 <= steps <= MOST_STEPS:
        raise CheckpointError(
            f"{path}: says that {brief(body)} acts, in {brief(steps)} steps. Make it again with `wam-adapt merge`."
        )
    return MergedRecord(body=str(body), video_steps=steps, golden=read_golden(folder / GOLDEN))


def digest_of(adapter: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> str:
    """A name for what a bundle adds to its base: sha256 over both sets of tensors, hex."""
    return hashlib.sha256(f"{canonical_fingerprint(adapter)}{canonical_fingerprint(heads)}".encode()).hexdigest()


def _into_base(bundle: Bundle, base: Base, out: Path, dtype: torch.dtype) -> Merge:
    """A base that every verb takes."""
    policy = put_together(base, bundle)
    policy.verify_golden()
    wanted = _ask(policy, bundle.golden)
    merge_adapter(base.model.dit)
    whole = _named(base, bundle)
    replay = [path for path in base.replay.rglob("*") if path.is_file()] if base.replay else []
    copied = [path.relative_to(base.replay.parent).as_posix() for path in replay] if base.replay else []
    held = _nbytes(base, dtype) + sum(path.stat().st_size for path in replay)
    refuse_full(out, held, doing=f"merging into {out}")
    with new_folder(out) as place:
        save_base(place, whole, dtype=dtype)
        if base.replay is not None:
            shutil.copytree(base.replay, place / _REPLAY)
        (place / GOLDEN).write_bytes(dump_golden(bundle.golden))
        found = Policy(load_base(str(place)), _actor(bundle), video_steps=bundle.video_steps, golden=bundle.golden)
        difference = _apart(_ask(found, bundle.golden), wanted, bundle.golden)
        require_alike(difference, dtype, out)
        weights = _weights(place, OWN, dtype, difference, copied)
        write_note(place, weights, _about(bundle))
    return _told(bundle, out, weights, left="", compared="the golden question's imagined latents and actions")


def _into_transformer(bundle: Bundle, base: Base, out: Path, kind: str, dtype: torch.dtype) -> Merge:
    """The transformer of a base of the package's own, in one of Wan's formats."""
    if kind == DREAMZERO:
        raise CheckpointError(
            f"{bundle.base.repo}: has no action encoders of DreamZero's, which a dreamzero folder holds. "
            f"Give --format {OWN} or diffusers."
        )
    adapt_base(base, _adapter(bundle), bundle.heads)
    dit = base.model.dit
    wanted = answer(dit)
    merge_adapter(dit)
    dit.to(dtype)
    refuse_full(out, sum(value.nbytes for value in dit.state_dict().values()), doing=f"merging into {out}")
    with new_folder(out) as place:
        fill_published(place, {TRANSFORMER: dit}, kind)
        difference = furthest_apart(answer(load_published(place).transformer), wanted)
        require_alike(difference, dtype, out)
        weights = _weights(place, kind, dtype, difference, [])
        write_note(place, weights, _about(bundle))
    return _told(bundle, out, weights, left=_LEFT, compared=_VELOCITIES)


def _into_published(bundle: Bundle, base: Path, out: Path, kind: str | None, dtype: torch.dtype | None) -> Merge:
    """A published base, in its own format or another of Wan's."""
    if kind == OWN:
        raise CheckpointError(
            f"{base}: is no base in the package's own format, and none can be made of it: it has no text encoder and "
            f"codec of that format. Give --format {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
        )
    weights = merge_published(base, _adapter(bundle), out, Writing(kind=kind, dtype=dtype, about=_about(bundle)))
    return _told(bundle, out, weights, left=_LEFT, compared=_VELOCITIES)


_LEFT = "the heads that read actions, the body and its statistics: the base's own code has no place for them"
_VELOCITIES = "the velocities of a small question"


def _ask(policy: Policy, golden: Golden) -> Golden:
    return policy.record_golden(golden.observation, golden.instruction, seed=golden.seed)


def _apart(found: Golden, wanted: Golden, golden: Golden) -> float:
    """How far two answers are apart: latents by the largest of them, actions by the range each axis moves in."""
    furthest = furthest_apart(found.latents, wanted.latents)
    if found.actions is None or wanted.actions is None or golden.action_tolerance is None:
        return furthest
    ranges = golden.action_tolerance / ACTION_TOLERANCE_SHARE
    return max(furthest, float(((found.actions - wanted.actions).abs() / ranges).max()))


def _adapter(bundle: Bundle) -> Adapter:
    return Adapter(config=bundle.adapter_config, tensors=bundle.adapter)


def _actor(bundle: Bundle) -> Actor:
    return Actor(spec=bundle.embodiment, statistics=bundle.statistics)


def _named(base: Base, bundle: Bundle) -> Base:
    """The base under a name of its own: by its parent's, what is adapted from it would be taken for its parent's."""
    digest = digest_of(bundle.adapter, bundle.heads)
    body = bundle.embodiment
    return replace(
        base,
        identity=BaseIdentity(
            name=f"{base.identity.name}-merged-{digest[:12]}", revision=digest, licence=base.identity.licence
        ),
        embodiments={**base.embodiments, body.name: body},
        statistics={**base.statistics, body.name: bundle.statistics},
    )


def _nbytes(base: Base, dtype: torch.dtype) -> int:
    kept = [value.nbytes for part in (base.codec, base.text) for value in part.state_dict().values()]
    changed = [value.numel() * dtype.itemsize for value in base.model.state_dict().values()]
    return int(sum(kept) + sum(changed))


def _weights(place: Path, kind: str, dtype: torch.dtype, difference: float, copied: list[str]) -> MergedWeights:
    return MergedWeights(
        kind=kind,
        dtype=str(dtype).removeprefix("torch."),
        nbytes=sum(path.stat().st_size for path in place.rglob("*") if path.is_file()),
        difference=difference,
        copied=tuple(sorted(copied)),
    )


def _about(bundle: Bundle) -> dict[str, Any]:
    """What merged.json says of the bundle."""
    base = bundle.base
    return {
        "adapter": digest_of(bundle.adapter, bundle.heads),
        "adapted_with": bundle.kind,
        "base": {"repo": base.repo, "revision": base.revision, "licence": base.licence},
        "body": bundle.embodiment.name,
        "instructions": list(bundle.instructions),
        "video_steps": bundle.video_steps,
        "wam_adapt": __version__,
    }


def _told(bundle: Bundle, out: Path, weights: MergedWeights, *, left: str, compared: str) -> Merge:
    base = bundle.base
    return Merge(
        folder=out,
        weights=weights,
        base=f"{base.repo}@{base.revision}",
        licence=base.licence,
        left=left,
        compared=compared,
    )
