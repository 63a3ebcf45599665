"""Which policy is meant? A base or a bundle, by name or folder, acting with a given body."""

from collections.abc import Mapping
from pathlib import Path

from adapt.errors import EmbodimentError
from adapt.models.adapters import Adapter
from adapt.models.bases import TINY, Base, find_base, load_base
from adapt.policy.acting import Actor
from adapt.policy.bundle import read_bundle
from adapt.policy.bundle_files import BUNDLE
from adapt.policy.merging import read_merged
from adapt.policy.policy import Policy, adapt_base, check_base, find_base_of

VIDEO_STEPS = 8  # as a bundle has it unless its recipe says otherwise


def open_policy(
    model: str, body: str | None = None, *, bases: Mapping[str, Path] | None = None, video_steps: int | None = None
) -> Policy:
    """Load what acts.

    Args:
        model: "tiny", the folder of a base, or the folder of a bundle.
        body: Name of the body that is to act. A bundle that was made for another one acts with the body's figures in
            the base. None for the bundle's own body, also where it was merged, or the first in the base that can act.
        bases: Folders of bases by name, for bundles of those that do not ship with this package.
        video_steps: Solver steps for imagining a chunk; None for the bundle's, or 8 for a base.

    Raises:
        BundleError: The bundle is damaged, too new, or belongs to another base than the one found.
        CheckpointError: There is neither a base nor a bundle there.
        EmbodimentError: Neither knows the body.
    """
    folder = Path(model)
    if model == TINY or not (folder / BUNDLE).exists():
        return _open_base(find_base(model), body, video_steps)
    bundle = read_bundle(folder)
    base = load_base(find_base_of(bundle.base, bases or {}))
    check_base(bundle.base, base, folder)
    adapt_base(base, Adapter(config=bundle.adapter_config, tensors=bundle.adapter), bundle.heads)
    if body in (None, bundle.embodiment.name):
        actor = Actor(spec=bundle.embodiment, statistics=bundle.statistics)
    else:
        actor = actor_of(base, str(body))
    return Policy(base, actor, video_steps=video_steps or bundle.video_steps, golden=bundle.golden)


def _open_base(folder: Path, body: str | None, video_steps: int | None) -> Policy:
    """A base that acts with one of its bodies; a merged one as the bundle in it did, unless asked otherwise."""
    base, merged = load_base(str(folder)), read_merged(folder)
    if merged is None:
        return Policy(base, actor_of(base, body or _first_that_acts(base)), video_steps=video_steps or VIDEO_STEPS)
    actor = actor_of(base, body or merged.body)
    golden = merged.golden if actor.spec.name == merged.body else None
    return Policy(base, actor, video_steps=video_steps or merged.video_steps, golden=golden)


def actor_of(base: Base, body: str) -> Actor:
    """A body that a base brings, with the statistics it was trained with.

    Raises:
        EmbodimentError: The base does not know it.
    """
    if body not in base.embodiments or body not in base.statistics:
        raise EmbodimentError(
            f"embodiment '{body}': {base.identity.name} knows {', '.join(sorted(base.embodiments)) or 'no body'}. "
            "Take a model that was trained or adapted with this body."
        )
    return Actor(spec=base.embodiments[body], statistics=base.statistics[body])


def _first_that_acts(base: Base) -> str:
    acting = [name for name, spec in sorted(base.embodiments.items()) if spec.actions and name in base.model.bodies]
    if not acting:
        raise EmbodimentError(
            f"base '{base.identity.name}': none of its bodies can act; it can only imagine. "
            "Take a model with a body that has action axes."
        )
    return acting[0]
