"""Which base is planned for: by name, repository or folder; nothing is fetched, and no weight is read."""

from dataclasses import dataclass
from pathlib import Path

import torch

from adapt.errors import CheckpointError
from adapt.models.base_record import read_description
from adapt.models.bases import TINY, find_base
from adapt.models.formats.describe import CONFIG, read_config, sizes_of
from adapt.models.formats.published import find_format
from adapt.models.formats.sizes import DREAMZERO, KNOWN, TRANSFORMER, BaseSizes, build
from adapt.models.formats.tensor_files import open_tensor_files
from adapt.models.heads.inverse_dynamics import InverseDynamicsConfig
from adapt.models.wan.config import WanConfig
from adapt.models.wan.transformer import WanTransformer
from adapt.train.plan.footprint import ActionHead
from adapt.train.plan.heads import JoinsSequence, ReadsTransitions
from adapt.train.plan.shapes import Passed
from adapt.types import BaseGeometry, Canvas, Slot

_BASE_JSON = "base.json"
_CLIP_TOKENS = 257
_WORDS = 512  # every prompt is padded to as many
_TEXT_WORDS = 32  # where prompts are as long as they are: a sentence
_ACTION_STEPS = 24  # of a chunk, in DreamZero's released code
# Latent cells of DreamZero's canvas of four views: 352 x 640 px, and 160 x 320 for Wan 2.2's codec of 16 x 16.
_CELLS = {16: (44, 80), 48: (10, 20)}
_PX = {16: 8, 48: 16}
_PART_NAMES = {"text": "text encoder", "image": "image encoder", "codec": "codec", "actions": "action encoders"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A base as far as planning goes.

    Args:
        name: As messages call it.
        repository: Where it is fetched from; empty of a folder.
        licence: Of its weights; empty where unknown.
        sizes: Of all that its files hold.
        geometry: Rates, canvas and latent shape that it is adapted with.
        head: Of the package's own bases, their inverse dynamics; None of others.
        here: Whether it lies on this machine.
        joins: Whether DreamZero's order of tokens holds, with actions and states in the sequence.
        dtype: What its frozen weights are trained beside.
        trains: Whether this version's commands train on it.
    """

    name: str
    repository: str
    licence: str
    sizes: BaseSizes
    geometry: BaseGeometry
    head: InverseDynamicsConfig | None
    here: bool
    joins: bool
    dtype: torch.dtype
    trains: bool

    def transformer(self) -> WanTransformer:
        """The transformer without its memory, in the precision it is trained in."""
        with torch.device("meta"):
            return WanTransformer(self.sizes.transformer).to(self.dtype).requires_grad_(requires_grad=False)

    def shape(self, chunks: int, *, acting: bool) -> Passed:
        """What a window of so many chunks is to it.

        Args:
            chunks: Up to the base's own.
            acting: Whether actions are learned, which join the sequence of DreamZero's.
        """
        geometry, per = self.geometry, self.geometry.latent_frames_per_chunk
        wan = self.sizes.transformer
        return Passed(
            clean_frames=1 + per * (chunks if self.joins else chunks - 1),
            noisy_frames=(1 if self.joins else 0) + per * chunks,
            height=geometry.latent_height,
            width=geometry.latent_width,
            chunks=chunks,
            action_tokens=chunks * geometry.action_steps if self.joins and acting else 0,
            state_tokens=chunks if self.joins and acting else 0,
            words=wan.text_length or _TEXT_WORDS,
            image_tokens=_CLIP_TOKENS if wan.image_dim is not None else 0,
        )

    def action_head(self, shape: Passed, *, axes: tuple[int, int], acting: float) -> ActionHead:
        """What is trained beside the transformer, without its memory.

        Args:
            shape: Of each window.
            axes: Action and state axes of the body.
            acting: Share of the windows that have actions.
        """
        if self.joins:
            return JoinsSequence(self.sizes, shape)
        config = self.head or InverseDynamicsConfig()
        return ReadsTransitions(config, self.geometry, chunks=shape.chunks, axes=axes, acting=acting)

    def parameters(self) -> dict[str, int]:
        """Numbers in each part of its files, by name."""
        with torch.device("meta"):
            parts = build(self.sizes)
        return {
            _PART_NAMES.get(name, name): sum(value.numel() for value in part.parameters())
            for name, part in parts.items()
        }


def find_subject(name_or_folder: str) -> Subject:
    """A base to plan for.

    Args:
        name_or_folder: "tiny"; a name or repository of `adapt.models.formats.sizes.KNOWN`; or a folder of a base, in
            the package's own format or as it is published.

    Raises:
        CheckpointError: There is none of that name, or the folder holds none.
    """
    folder = Path(name_or_folder)
    if name_or_folder == TINY or (folder / _BASE_JSON).is_file():
        return _own(find_base(name_or_folder))
    for name, known in KNOWN.items():
        if name_or_folder.lower() == name or name_or_folder in known.repositories.values():
            kind = next(iter(known.repositories))
            return _published(name, known.repositories[kind], known.licence, known.sizes, dreamzero=kind == DREAMZERO)
    if folder.is_dir():
        return _fetched(folder)
    raise CheckpointError(
        f"base '{name_or_folder}': is neither known by name nor a folder. Give one of {TINY}, {', '.join(KNOWN)}, "
        "their repositories on the Hub, or a folder."
    )


def _own(folder: Path) -> Subject:
    described = read_description(folder)
    return Subject(
        name=described.identity.name,
        repository="",
        licence=described.identity.licence,
        sizes=BaseSizes(transformer=described.model.wan),
        geometry=described.geometry,
        head=described.model.inverse_dynamics,
        here=True,
        joins=False,
        dtype=torch.float32,
        trains=True,
    )


def _published(
    name: str, repository: str, licence: str, sizes: BaseSizes, *, dreamzero: bool, here: bool = False
) -> Subject:
    return Subject(
        name=name,
        repository=repository,
        licence=licence,
        sizes=sizes,
        geometry=_geometry(sizes.transformer),
        head=None,
        here=here,
        joins=dreamzero,
        dtype=torch.bfloat16,
        trains=False,
    )


def _fetched(folder: Path) -> Subject:
    """A published base that lies here: its headers and config.json tell its sizes."""
    own = folder / TRANSFORMER if (folder / TRANSFORMER / CONFIG).is_file() else folder
    files = open_tensor_files(own)
    kind = find_format(files)
    sizes = sizes_of(kind, read_config(own), files.tensors.keys(), source=own / CONFIG)
    if sizes.transformer.out_channels not in _CELLS:
        raise CheckpointError(
            f"{folder}: gives {sizes.transformer.out_channels} latent channels; planned for are codecs of "
            f"{' and '.join(map(str, _CELLS))}. Give a base of Wan's or DreamZero's."
        )
    return _published(folder.name, "", "", sizes, dreamzero=kind == DREAMZERO, here=True)


def _geometry(wan: WanConfig) -> BaseGeometry:
    """DreamZero's canvas, rates and chunks, which all bases of Wan's kind are planned with."""
    height, width = _CELLS[wan.out_channels]
    px = _PX[wan.out_channels]
    full = Slot(top=0, left=0, height=px * height, width=px * width)
    return BaseGeometry(
        canvas=Canvas(height=px * height, width=px * width, slots={"full": full}),
        latent_channels=wan.out_channels,
        latent_height=height,
        latent_width=width,
        action_steps=_ACTION_STEPS,
    )
