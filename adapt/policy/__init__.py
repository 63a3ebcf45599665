"""Observations in, action chunks out: `from adapt.policy import load`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapt.policy.policy import Policy


def load(folder: str | Path, *, bases: Mapping[str, Path] | None = None, merge: bool = False) -> "Policy":
    """Load the policy in a bundle, ready to act.

    Args:
        folder: A bundle, as written by `wam-adapt bundle` or `wam-adapt pull`.
        bases: Folders of base models by repository id, for bases that do not ship with this package.
        merge: Fold the adapter into the weights in memory: the same answers, to rounding, with fewer multiplications.

    Returns:
        The base named in the bundle with the bundle's adapter and heads on it.

    Raises:
        BundleError: The bundle is damaged, too new, or belongs to another base than the one found.
    """
    from adapt.policy.policy import load_policy

    return load_policy(Path(folder), bases=bases or {}, merge=merge)
