"""One pass through the transformer: a scene of clean and noisy frames, perhaps with actions, to velocities."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.models.batch import Text
from adapt.models.heads.bodies import Readings
from adapt.models.heads.joint import JointHead
from adapt.models.wan.layout import Kind, Layout, Presence, time_slots, token_valid
from adapt.models.wan.transformer import WanTransformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """The part of a scene that the joint head adds; p predicted chunks."""

    head: JointHead
    noisy: Readings  # (b, k, d)
    sigma: Float[Tensor, "b p"]
    state: Readings  # (b, p, s)
    state_given: Bool[Tensor, "b p"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What goes through the transformer. Nothing in it may be NaN, padding included."""

    layout: Layout
    presence: Presence
    clean: Float[Tensor, "b n_clean c h w"]
    noisy: Float[Tensor, "b f c h w"]
    sigma: Float[Tensor, "b p"]  # noise level of each predicted chunk
    text: Text
    acting: Acting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JointOutput:
    """Velocities of one pass through the transformer."""

    video: Float[Tensor, "b f c h w"]
    action: Float[Tensor, "b k d"] | None  # None where no action tokens were in the sequence


def velocities(dit: WanTransformer, scene: Scene) -> JointOutput:
    """Run the transformer over a scene."""
    layout = scene.layout
    parts = [dit.embed_patches(scene.clean), dit.embed_patches(scene.noisy)]
    levels = [torch.zeros_like(scene.sigma[:, :1]), scene.sigma]
    if scene.acting is not None:
        parts += [
            scene.acting.head.encode_actions(scene.acting.noisy),
            scene.acting.head.encode_state(scene.acting.state, scene.acting.state_given),
        ]
        levels.append(scene.acting.sigma)
    valid = token_valid(layout, scene.presence)
    given, embedded = dit.conditions(layout, valid, torch.cat(levels, dim=1), scene.text.values, scene.text.valid)
    hidden = dit(torch.cat(parts, dim=1), given)
    split = dict(zip(Kind, torch.split(hidden, list(layout.counts), dim=1), strict=True))
    slots = torch.split(time_slots(layout).to(hidden.device), list(layout.counts))[Kind.NOISY]
    video = dit.project_out(split[Kind.NOISY], embedded, slots)
    action = None
    if scene.acting is not None:
        noisy = scene.acting.noisy
        action = scene.acting.head.decode(split[Kind.ACTION], noisy.bodies, noisy.values.shape[-1])
    return JointOutput(video=dit.unpatch(video, (layout.noisy_frames, layout.rows, layout.columns)), action=action)
