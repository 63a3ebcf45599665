"""Merge: a bundle and its base in, whole weights out."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adapt.errors import BundleError
from pipelines.answer import Report
from pipelines.sizes import in_bytes
from pipelines.terminal import shown

if TYPE_CHECKING:
    from adapt.models.formats.merging import MergedWeights

_PINNED = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be merged.

    Attributes:
        bundle: A bundle's folder, or what a LoRA run of DreamZero's saved.
        out: The folder to make.
        base: The base's folder; None where it ships with this package.
        kind: The format to write; None for the base's own.
        dtype: "float32" or "bfloat16"; None as the base's.
        trained_on: "owner/name@commit" of the base, for what says none itself.
    """

    bundle: Path
    out: Path
    base: Path | None = None
    kind: str | None = None
    dtype: str | None = None
    trained_on: str | None = None


def run(order: Order) -> Report:
    """Write whole weights.

    Returns:
        Where they are, what they were made of, and how near they are to base and adapter.

    Raises:
        BundleError: The bundle is damaged or belongs to another base, or nobody says which base it belongs to.
        CheckpointError: The base is another, or the format has no place for it.
        RunError: `out` is used, or the disk has no room.
    """
    if order.trained_on is not None:
        return _run_lora(order)
    import torch

    from adapt.policy.merging import merge_bundle

    dtype = None if order.dtype is None else getattr(torch, order.dtype)
    made = merge_bundle(order.bundle, order.out, base=order.base, kind=order.kind, dtype=dtype)
    return _report(order, made.weights, base=made.base, licence=made.licence, left=made.left, compared=made.compared)


def _run_lora(order: Order) -> Report:
    from adapt.models.formats.dreamzero_lora import read_dreamzero_lora
    from adapt.models.formats.merging import merge_dreamzero_lora

    found = _PINNED.fullmatch(str(order.trained_on))
    if found is None:
        raise BundleError(
            f"--trained-on {order.trained_on}: is not written OWNER/NAME@COMMIT with a commit of 40 digits. Take both "
            "from where the base was fetched: its origin.json says them."
        )
    if order.base is None or order.kind not in (None, "dreamzero") or order.dtype is not None:
        raise BundleError(
            f"{order.bundle}: a LoRA run of DreamZero's is merged into a whole checkpoint in that format, as it is "
            f"stored; --base is {order.base}, --format {order.kind}, --dtype {order.dtype}. Give --base alone."
        )
    repo, commit = found.groups()
    lora = read_dreamzero_lora(order.bundle, base_id=repo, revision=commit)
    about = {"base": {"repo": repo, "revision": commit}}
    weights = merge_dreamzero_lora(order.base, lora, order.out, about=about)
    return _report(
        order, weights, base=f"{repo}@{commit}", licence="", left="", compared="the velocities of a small question"
    )


def _report(order: Order, weights: "MergedWeights", *, base: str, licence: str, left: str, compared: str) -> Report:
    words = [
        f"merged: {shown(order.out)}",
        f"from      {shown(order.bundle)} into {base}",
        f"format    {weights.kind}, {weights.dtype}, {in_bytes(weights.nbytes)}",
        f"proven    read again, it answers as base and adapter do; {compared} differ by {weights.difference:.1e} of",
        "          their range at most",
        *([f"licence   {licence}, the base's: it holds for these weights too"] if licence else []),
        *([f"beside    {len(weights.copied)} of the base's files, copied"] if weights.copied else []),
        *([f"left out  {left}"] if left else []),
    ]
    if weights.kind == "base":
        words.append(f"next:\n  wam-adapt predict --bundle {shown(order.out)}")
    return Report(
        "\n".join(words),
        folder=str(order.out),
        base=base,
        format=weights.kind,
        dtype=weights.dtype,
        bytes=weights.nbytes,
        difference=weights.difference,
        compared=compared,
        licence=licence,
        copied=list(weights.copied),
        left_out=left,
    )
