"""One pass through the transformer: a scene of clean and noisy frames, perhaps with actions, to velocities."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.models.batch import Text
from adapt.models.dreamzero.head import DreamZeroHead
from adapt.models.first_image import FirstImage
from adapt.models.heads.bodies import Readings
from adapt.models.heads.joint import JointHead
from adapt.models.wan.context_cache import ContextCache, Picture
from adapt.models.wan.layout import Kind, Layout, Presence, time_slots, token_valid
from adapt.models.wan.transformer import WanTransformer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acting:
    """The part of a scene that the joint head adds; p predicted chunks."""

    head: JointHead | DreamZeroHead
    noisy: Readings  # (b, k, d), where the head has them (`laid_out`)
    sigma: Float[Tensor, "b a"]  # the layout's `action_levels`
    state: Readings  # (b, p, s)
    state_given: Bool[Tensor, "b p"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What goes through the transformer. Nothing in it may be NaN, padding included."""

    layout: Layout
    presence: Presence
    clean: Float[Tensor, "b n_clean c h w"]
    noisy: Float[Tensor, "b f c h w"]
    sigma: Float[Tensor, "b v"]  # noise levels of the noisy frames, the layout's `video_levels`: one a predicted chunk
    text: Text
    acting: Acting | None = None
    image: FirstImage | None = None  # for bases that were trained with one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointOutput:
    """Velocities of one pass through the transformer."""

    video: Float[Tensor, "b f c h w"]
    action: Float[Tensor, "b k d"] | None  # None where no action tokens were in the sequence


def velocities(dit: WanTransformer, scene: Scene, cache: ContextCache | None = None) -> JointOutput:
    """Run the transformer over a scene.

    Args:
        dit: The transformer.
        scene: What goes through it.
        cache: Of the scene's clean frames, text and image, which are then not looked at again; every window must have
            all of the frames. None computes everything.

    Raises:
        ValueError: The transformer takes an image that the scene has not, or the other way round.
    """
    layout = scene.layout
    assert cache is None or cache.frames == layout.clean_frames, "the cache is of another context"
    start = 0 if cache is None else layout.counts[Kind.CLEAN]
    words = dit.words(scene.text.values, scene.text.valid) if cache is None else cache.words
    picture = _picture(dit, scene.image) if cache is None else cache.picture
    frames = ((scene.clean, 0), (scene.noisy, layout.first_noisy_frame))[bool(start) :]
    parts = [dit.embed_patches(picture.beside(some, first)) for some, first in frames]
    levels = [torch.zeros_like(scene.sigma[:, :1]), scene.sigma]
    if scene.acting is not None:
        parts += [
            scene.acting.head.encode_actions(scene.acting.noisy, scene.acting.sigma),
            scene.acting.head.encode_state(scene.acting.state, scene.acting.state_given),
        ]
        levels.append(scene.acting.sigma)
    valid = token_valid(layout, scene.presence)
    given, embedded = dit.conditions(
        layout, valid, torch.cat(levels, dim=1), words, slice(start, None), picture=picture
    )
    hidden = dit(torch.cat(parts, dim=1), given, cache)
    counts = [0 if start and kind == Kind.CLEAN else count for kind, count in zip(Kind, layout.counts, strict=True)]
    split = dict(zip(Kind, torch.split(hidden, counts, dim=1), strict=True))
    slots = torch.split(time_slots(layout).to(hidden.device), list(layout.counts))[Kind.NOISY]
    video = dit.project_out(split[Kind.NOISY], embedded, slots)
    action = None
    if scene.acting is not None:
        noisy = scene.acting.noisy
        action = scene.acting.head.decode(split[Kind.ACTION], noisy.bodies, noisy.values.shape[-1])
    return JointOutput(video=dit.unpatch(video, (layout.noisy_frames, layout.rows, layout.columns)), action=action)


def start_cache(dit: WanTransformer, text: Text, image: FirstImage | None = None) -> ContextCache:
    """A cache that knows the instruction and, for bases trained with one, the first picture, but no frame yet.

    Raises:
        ValueError: The transformer takes an image that is not given, or the other way round.
    """
    return ContextCache(len(dit.blocks), dit.words(text.values, text.valid), _picture(dit, image))


def extend_cache(dit: WanTransformer, cache: ContextCache, layout: Layout, frames: Float[Tensor, "b n c h w"]) -> None:
    """Read the clean frames that follow those `cache` holds, up to all that `layout` has, and add them.

    Args:
        dit: The transformer.
        cache: Changed in place.
        layout: Of the sequence that the cache is to be used for.
        frames: The frames to add, real in every window. They and those before make whole chunks.
    """
    assert cache.frames + frames.shape[1] == layout.clean_frames, "a context is read up to a chunk's end"
    cells = layout.rows * layout.columns
    part = slice(cache.frames * cells, layout.clean_frames * cells)
    valid = torch.ones(frames.shape[0], layout.tokens, dtype=torch.bool, device=frames.device)
    given, _ = dit.conditions(
        layout, valid, frames.new_zeros(frames.shape[0], 1), cache.words, part, picture=cache.picture
    )
    tokens = dit.embed_patches(cache.picture.beside(frames, cache.frames))
    dit(tokens, replace(given, remember=True), cache)
    cache.frames = layout.clean_frames


def _picture(dit: WanTransformer, image: FirstImage | None) -> Picture:
    image = FirstImage() if image is None else image
    return dit.picture(image.features, image.channels)
