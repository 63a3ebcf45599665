"""A base: pretrained codec, text encoder and world-action model, and the bodies it knows, in one folder.

base.json            what it is: name, licence, sizes, geometry, bodies and their statistics
codec.safetensors  text.safetensors  dit.safetensors  heads.safetensors
replay/              encoded windows the base already knows, to be mixed into training; may be absent
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.errors import CheckpointError
from adapt.models.base_record import ANEW, FORMAT, BaseDescription, BaseIdentity, describing, read_description
from adapt.models.batch import Text, pad_text
from adapt.models.checkpoint import canonical_fingerprint, compare, load_strict, read_tensors, write_tensors
from adapt.models.codec import CodecConfig, VideoCodec
from adapt.models.dreamzero.head import Slots
from adapt.models.heads.inverse_dynamics import InverseDynamicsConfig
from adapt.models.imagine import Sampling, imagine
from adapt.models.text import TextConfig, TextEncoder
from adapt.models.wan.config import WanConfig
from adapt.models.world_action import JOINT, WorldActionConfig, WorldActionModel
from adapt.runs.fingerprint import fingerprint
from adapt.types import BaseGeometry, Canvas, Slot

M = TypeVar("M", bound=nn.Module)
PARTS = ("codec", "text", "model")
TINY = "tiny"
TINY_GEOMETRY = BaseGeometry(
    canvas=Canvas(
        height=64,
        width=64,
        slots={
            "full": Slot(top=0, left=0, height=64, width=64),
            "top_left": Slot(top=0, left=0, height=32, width=32),
            "top_right": Slot(top=0, left=32, height=32, width=32),
            "bottom_left": Slot(top=32, left=0, height=32, width=32),
            "bottom_right": Slot(top=32, left=32, height=32, width=32),
        },
    ),
    latent_channels=16,
    latent_height=8,
    latent_width=8,
    action_steps=8,
    # A chunk is as long as what is carried out of it: at 5 Hz half of what was imagined was for nothing.
    video_hz=10.0,
)
_DREAMZERO_RATES = replace(TINY_GEOMETRY, action_steps=16, video_hz=5.0)
_REPLAY = "replay"
_FILES = {
    "codec": "codec.safetensors",
    "text": "text.safetensors",
    "dit": "dit.safetensors",
    "heads": "heads.safetensors",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Base:
    """A base in memory, with the parts that were asked for."""

    identity: BaseIdentity
    geometry: BaseGeometry
    parts: Mapping[str, nn.Module]
    embodiments: Mapping[str, Embodiment]
    statistics: Mapping[str, BodyStatistics]
    replay: Path | None = None  # an encode-stage folder

    @property
    def codec(self) -> VideoCodec:
        """The video autoencoder."""
        return cast(VideoCodec, self._part("codec"))

    @property
    def text(self) -> TextEncoder:
        """The text encoder."""
        return cast(TextEncoder, self._part("text"))

    @property
    def model(self) -> WorldActionModel:
        """The transformer and its heads."""
        return cast(WorldActionModel, self._part("model"))

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h2 w2"]:
        """Latents of whole windows."""
        return self.codec.encode(frames)

    def condition(self, prompts: Sequence[str]) -> Text:
        """Features of the instructions, side by side."""
        return pad_text(self.text.encode(prompts))

    def imagine(
        self, context: Float[Tensor, "b l c h w"], text: Text, sampling: Sampling, generator: torch.Generator
    ) -> Float[Tensor, "b f c h w"]:
        """The latent frames of the next chunk."""
        return imagine(self.model, context, text, sampling, generator)

    def decode(self, latents: Float[Tensor, "b l c h2 w2"]) -> UInt8[Tensor, "b t h w 3"]:
        """Frames of whole windows of latents."""
        return self.codec.decode(latents)

    def _part(self, name: str) -> nn.Module:
        if name not in self.parts:
            raise RuntimeError(f"base '{self.identity.name}': its {name} was not loaded; it has {sorted(self.parts)}.")
        return self.parts[name]


def find_base(name_or_folder: str) -> Path:
    """The folder of a base: "tiny" is in the package, anything else is a path.

    Raises:
        CheckpointError: There is no base there.
    """
    folder = Path(str(files("adapt"))) / "weights" / TINY if name_or_folder == TINY else Path(name_or_folder)
    if not (folder / "base.json").is_file():
        if _is_published(folder):
            raise CheckpointError(
                f"base '{name_or_folder}': is a base as it is published, without the base.json of this package's own "
                "format. Today `wam-adapt plan` and `merge` take it, and load_published in Python; no command trains "
                f"or acts with it yet. Give '{TINY}', or a folder with a base.json."
            )
        raise CheckpointError(
            f"base '{name_or_folder}': no base.json in {folder}. Known by name: '{TINY}'; or give a folder."
        )
    return folder


def read_identity(name_or_folder: str) -> tuple[BaseIdentity, BaseGeometry]:
    """What a base is, without loading its weights.

    Raises:
        CheckpointError: There is no base there, or its description is not one.
    """
    folder = find_base(name_or_folder)
    described = read_description(folder)
    return described.identity, described.geometry


def read_geometry(name_or_folder: str) -> BaseGeometry:
    """What a base fixes for its data, without loading its weights.

    Raises:
        CheckpointError: There is no base there, or its description is not one.
    """
    return read_identity(name_or_folder)[1]


def load_base(name_or_folder: str, *, parts: Collection[str] = PARTS) -> Base:
    """Load a base, frozen and ready to run.

    Args:
        name_or_folder: "tiny", or a folder that `save_base` wrote.
        parts: Which of "codec", "text" and "model" are needed.

    Raises:
        CheckpointError: A file is missing or damaged, or the weights are not those that were saved.
    """
    folder = find_base(name_or_folder)
    described = read_description(folder)
    codec, text, model = described.codec, described.text, described.model
    loaded: dict[str, nn.Module] = {}
    if "codec" in parts:
        loaded["codec"] = _made(lambda: VideoCodec(codec), described, "codec", codec.depth)
    if "text" in parts:
        loaded["text"] = _made(lambda: TextEncoder(text), described, "text", text.num_layers)
    if "model" in parts:
        loaded["model"] = _made_model(model, described)
    return Base(
        identity=described.identity,
        geometry=described.geometry,
        parts=loaded,
        embodiments=described.embodiments,
        statistics=described.statistics,
        replay=folder / _REPLAY if (folder / _REPLAY).is_dir() else None,
    )


def save_base(folder: Path, base: Base, *, dtype: torch.dtype = torch.float32) -> BaseIdentity:
    """Write a base with all its parts; the same base gives the same bytes. Replay data is put beside it by others.

    Args:
        folder: Made if it is not there.
        base: With every part loaded.
        dtype: Of the stored transformer and heads; bfloat16 halves them. Codec and text encoder stay in full.

    Returns:
        The base's identity with the fingerprint of the weights as they will be loaded.
    """
    model = base.model
    states = {
        "codec": base.codec.state_dict(),
        "text": base.text.state_dict(),
        "dit": {name: value.to(dtype) for name, value in model.dit.state_dict().items()},
        "heads": {name: value.to(dtype) for name, value in model.heads.state_dict().items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for part, tensors in states.items():
        write_tensors(folder / _FILES[part], tensors)
    prints = {
        part: canonical_fingerprint({k: v.float() for k, v in tensors.items()}) for part, tensors in states.items()
    }
    identity = BaseIdentity(
        name=base.identity.name,
        revision=base.identity.revision,
        licence=base.identity.licence,
        fingerprint=fingerprint({part: prints[part] for part in ("codec", "text", "dit")}),
    )
    record = {
        "format": FORMAT,
        "identity": {name: getattr(identity, name) for name in ("name", "revision", "licence", "fingerprint")},
        "geometry": base.geometry.to_json(),
        "codec": base.codec.config.to_json(),
        "text": base.text.config.to_json(),
        "model": model.config.to_json(),
        "fingerprints": prints,
        "embodiments": {name: spec.to_json() for name, spec in sorted(base.embodiments.items())},
        "statistics": {name: figures.to_json() for name, figures in sorted(base.statistics.items())},
    }
    (folder / "base.json").write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    return identity


def load_heads(model: WorldActionModel, tensors: Mapping[str, Tensor]) -> None:
    """Give the model's heads stored weights, adding the bodies that are stored and dropping those that are not.

    Raises:
        CheckpointError: The weights do not fit, apart from which bodies there are.
    """
    for head in model.heads:
        stored = _stored_bodies(tensors, head)
        projections: Any = model.heads[head].projections
        projections.bodies = nn.ModuleDict()
        for name, axes in stored.items():
            projections.add(name, axes, seed=0)
    load_strict(model.heads, tensors, source="heads.safetensors")
    if JOINT in model.heads and isinstance(slots := model.joint.projections, Slots):
        slots.check()


def random_tiny(seed: int = 0, *, bodies: Mapping[str, tuple[int, int]] | None = None) -> Base:
    """A base of tiny's canvas and DreamZero's rates, smaller and untrained, for tests: seconds become milliseconds.

    Args:
        seed: Decides the weights.
        bodies: Action and state axes of the bodies its heads know.
    """
    text = TextConfig(d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    sizes = WorldActionConfig(
        wan=WanConfig(num_attention_heads=2, attention_head_dim=12, text_dim=16, freq_dim=16, ffn_dim=32, num_layers=2),
        inverse_dynamics=InverseDynamicsConfig(width=24, layers=1, heads=2, steps=2),
    )
    model = WorldActionModel(sizes, _DREAMZERO_RATES, seed=seed)
    for name, (action_axes, state_axes) in (bodies or {}).items():
        model.add_body(name, action_axes, state_axes, seed=seed)
    codec = CodecConfig(base_dim=4, dim_mult=(1, 1, 1, 1))
    return Base(
        identity=BaseIdentity(name="random-tiny", revision=str(seed), licence="apache-2.0"),
        geometry=_DREAMZERO_RATES,
        parts={
            "codec": VideoCodec(codec, seed=seed),
            "text": TextEncoder(text, seed=seed),
            "model": model.eval().requires_grad_(requires_grad=False),
        },
        embodiments={},
        statistics={},
    )


def _is_published(folder: Path) -> bool:
    """Whether a folder looks like a base of Wan's or DreamZero's, by the files beside its weights."""
    places = (folder, folder / "transformer")
    return any((place / "config.json").is_file() and any(place.glob("*.safetensors")) for place in places)


def _made(make: Callable[[], M], described: BaseDescription, part: str, depth: int) -> M:
    tensors = _checked(described, part)
    _rehearse(lambda: make().state_dict(), tensors, described.folder / _FILES[part], depth)
    module = make()
    load_strict(module, tensors, source=str(described.folder / _FILES[part]))
    return module


def _made_model(config: WorldActionConfig, described: BaseDescription) -> WorldActionModel:
    tensors, heads = _checked(described, "dit"), _checked(described, "heads")
    head = config.inverse_dynamics
    place = described.folder / _FILES["dit"]
    if head.layers * head.members > len(heads):
        raise CheckpointError(f"{described.folder / _FILES['heads']}: has too few tensors. {ANEW}")
    _rehearse(
        lambda: WorldActionModel(config, described.geometry).dit.state_dict(), tensors, place, config.wan.num_layers
    )
    model = WorldActionModel(config, described.geometry)
    load_strict(model.dit, tensors, source=str(place))
    with describing(described.folder):
        load_heads(model, heads)
    return model.eval().requires_grad_(requires_grad=False)


def _rehearse(make: Callable[[], Mapping[str, Tensor]], tensors: Mapping[str, Tensor], file: Path, depth: int) -> None:
    """Make a part without its memory, so that sizes which the stored weights do not have take neither memory nor time.

    Raises:
        CheckpointError: The description is of no such part, or of another one than is stored.
    """
    if depth > len(tensors):
        raise CheckpointError(f"{file}: has {len(tensors)} tensors, too few for the {depth} layers described. {ANEW}")
    with describing(file.parent), torch.device("meta"):
        report = compare(make(), tensors)
    if not report.clean:
        raise CheckpointError(f"{file}: is not what base.json describes: {report.describe()}. {ANEW}")


def _checked(described: BaseDescription, part: str) -> dict[str, Tensor]:
    """The tensors of one file in single precision, if they are those that were saved."""
    path = described.folder / _FILES[part]
    tensors = {name: value.float() for name, value in read_tensors(path).items()}
    if canonical_fingerprint(tensors) != described.fingerprints.get(part):
        raise CheckpointError(f"{path}: not the weights that base.json describes. {ANEW}")
    return tensors


def _stored_bodies(tensors: Mapping[str, Tensor], head: str) -> dict[str, tuple[int, int]]:
    """Action and state axes of the bodies whose projections are among a head's tensors."""
    start, found = f"{head}.projections.bodies.", {}
    for action, state in ((".action_in.weight", ".state_in.weight"), (".action_slots", ".state_slots")):
        keys = [key[len(start) : -len(action)] for key in tensors if key.startswith(start) and key.endswith(action)]
        for name in keys:
            if "." not in name:  # A dot: what a body's maps hold for a head's further members.
                told = tensors.get(start + name + state)
                found[name] = (tensors[start + name + action].shape[-1], 0 if told is None else told.shape[-1])
    return dict(sorted(found.items()))
