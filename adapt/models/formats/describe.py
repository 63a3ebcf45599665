"""What a published base's config.json says of its sizes, and how ours is written; never trusted beyond its tensors."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from adapt.errors import CheckpointError
from adapt.models.formats.dreamzero_parts import ActionSizes, ImageSizes
from adapt.models.formats.sizes import DIFFUSERS, DREAMZERO, WAN, WAN22_CODEC, BaseSizes, CodecSizes, TextSizes
from adapt.models.wan.config import WanConfig
from adapt.runs.documents import brief, in_short, parse_object
from adapt.runs.typed import find_misfit

CONFIG = "config.json"
_LARGEST_BYTES = 2**20
_MOST = 2**20  # of any size; far above every published one
_TEXT_TOKENS = 512
_TEXT_DIM = 4096
_CLIP_DIM = 1280
_TI2V_CHANNELS = 48
T = TypeVar("T")
# Names of diffusers' settings that change nothing we compute, and what they must be.
_FIXED = {"qk_norm": "rms_norm_across_heads", "rope_max_seq_len": 1024}
_WAN_NAMES = {
    "num_attention_heads": "num_heads",
    "in_channels": "in_dim",
    "out_channels": "out_dim",
    "freq_dim": "freq_dim",
    "ffn_dim": "ffn_dim",
    "num_layers": "num_layers",
    "eps": "eps",
}


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's config.json, as it stands.

    Raises:
        CheckpointError: It is not there, or is no JSON object.
    """
    path = folder / CONFIG
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ValueError(f"it has {path.stat().st_size} bytes")
        return dict(parse_object(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: cannot be read ({in_short(error)}). Fetch it with the weights, or give the base's sizes."
        ) from error


def sizes_of(kind: str, config: Mapping[str, Any], names: Collection[str], *, source: Path) -> BaseSizes:
    """The sizes that a base's config.json gives.

    Args:
        kind: Of the format: "diffusers", "wan" or "dreamzero".
        config: As `read_config` gives it.
        names: Of the stored tensors; they tell whether there is an image branch, which Wan's config does not.
        source: For the message.

    Raises:
        CheckpointError: They are not those of a model that is known here.
    """
    with refusing(source):
        if kind == DREAMZERO:
            return _dreamzero(head_config(config), names)
        transformer = _from_diffusers(config) if kind == DIFFUSERS else _from_wan(config, names, "")
        return BaseSizes(transformer=_sound(transformer, len(names)))


def config_for(kind: str, wan: WanConfig) -> dict[str, Any]:
    """What config.json says of a transformer in a format, so that the format's own code builds it.

    Raises:
        CheckpointError: The format has no way to say it.
    """
    if wan.learned_positions is not None or wan.text_length not in (None, _TEXT_TOKENS):
        odd = "learned positions" if wan.learned_positions is not None else f"prompts of {wan.text_length} tokens"
        raise CheckpointError(
            f"{kind}: has no place for {odd}, which this base has. Save it in the package's own format."
        )
    if kind == DIFFUSERS:
        skipped = ("text_length", "learned_positions")
        sizes = {name: value for name, value in wan.to_json().items() if name not in skipped}
        return {"_class_name": "WanTransformer3DModel", **sizes, **_FIXED}
    if kind == WAN:
        return _as_wan(wan)
    raise CheckpointError(f"{kind}: its config.json cannot be made from sizes alone. Pass the one it was loaded with.")


def _as_wan(wan: WanConfig) -> dict[str, Any]:
    if wan.patch_size != (1, 2, 2) or not wan.cross_attn_norm:
        raise CheckpointError(
            f"wan: its models have patches of (1, 2, 2) and normalise the text attention's input; this one has "
            f"{wan.patch_size} and {wan.cross_attn_norm}. Save it in the diffusers format."
        )
    sizes = {theirs: getattr(wan, ours) for ours, theirs in _WAN_NAMES.items()}
    # Wan's own code takes these as they are and has no setting for them: said only of models of other sizes.
    unsaid = {"text_dim": (wan.text_dim, _TEXT_DIM), "image_dim": (wan.image_dim or _CLIP_DIM, _CLIP_DIM)}
    sizes |= {name: value for name, (value, usual) in unsaid.items() if value != usual}
    return {"_class_name": "WanModel", "model_type": _model_type(wan), "dim": wan.width, **sizes, "text_len": 512}


def _model_type(wan: WanConfig) -> str:
    if wan.pos_embed_seq_len is not None:
        return "flf2v"
    if wan.in_channels != wan.out_channels:
        return "i2v"
    return "ti2v" if wan.in_channels == _TI2V_CHANNELS else "t2v"


def _from_diffusers(config: Mapping[str, Any]) -> WanConfig:
    known = {field.name for field in fields(WanConfig)} - {"text_length", "learned_positions"}
    values = {name: value for name, value in config.items() if name in known}
    for name, value in config.items():
        if name not in known and not name.startswith("_") and value != _FIXED.get(name):
            raise ValueError(f"it sets {brief(name)} to {brief(value)}, which is of another kind of model")
    if "patch_size" in values:
        values["patch_size"] = tuple(values["patch_size"])
    return WanConfig(**{"text_dim": _TEXT_DIM, "freq_dim": 256, **values}, text_length=_TEXT_TOKENS)


def _from_wan(config: Mapping[str, Any], names: Collection[str], prefix: str) -> WanConfig:
    values = {ours: config[theirs] for ours, theirs in _WAN_NAMES.items() if theirs in config}
    dim, heads = config["dim"], config["num_heads"]
    image = f"{prefix}img_emb.proj.1.weight" in names  # Wan 2.2's image-to-video models have none
    if type(dim) is not int or type(heads) is not int or heads < 1 or dim % heads:
        raise ValueError(f"a width of {brief(dim)} in {brief(heads)} heads")
    return WanConfig(
        **values,
        text_dim=config.get("text_dim", _TEXT_DIM),
        attention_head_dim=dim // heads,
        image_dim=config.get("image_dim", _CLIP_DIM) if image else None,
        added_kv_proj_dim=dim if image else None,
        pos_embed_seq_len=2 * 257 if f"{prefix}img_emb.emb_pos" in names else None,
        text_length=_TEXT_TOKENS,
    )


def head_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """DreamZero's settings of its action head, in which everything is.

    Raises:
        LookupError: There are none; `refusing` says so to the user.
    """
    outer = config["action_head_cfg"]
    inner = outer.get("config", outer)
    return dict(inner)


def _dreamzero(config: Mapping[str, Any], names: Collection[str]) -> BaseSizes:
    dit = config["diffusion_model_cfg"]
    width = {"max_state_dim": "state_dim", "action_dim": "action_dim", "hidden_size": "hidden"}
    actions = ActionSizes(**{ours: dit[theirs] for theirs, ours in width.items() if theirs in dit})
    text = _given(TextSizes, config.get("text_encoder_cfg") or {})
    codec = config.get("vae_cfg") or {}
    usual = WAN22_CODEC if str(codec.get("_target_", "")).endswith("38") else CodecSizes()
    sizes = replace(usual, **{name: codec[name] for name in ("z_dim", "dim") if name in codec})
    image = _given(ImageSizes, config.get("image_encoder_cfg") or {})
    transformer = _sound(_from_wan(dit, names, "action_head.model."), len(names))
    return _sound(BaseSizes(transformer=transformer, actions=actions, text=text, image=image, codec=sizes), len(names))


def _given(kind: type[T], config: Mapping[str, Any]) -> T:
    """Sizes of which a config may say some."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in config.items() if name in known})


def _sound(value: T, tensors: int) -> T:
    """The value, if all in it is of its kind, and no size beyond reason or beyond what is stored."""
    if problem := find_misfit(value, type(value), "it"):
        raise ValueError(problem)
    _within_reason(value, tensors)
    return value


def _within_reason(value: Any, tensors: int) -> None:
    for field in fields(value):
        item = getattr(value, field.name)
        if hasattr(item, "__dataclass_fields__"):
            _within_reason(item, tensors)
            continue
        for size in item if isinstance(item, tuple) else (item,):
            if type(size) is int and not 1 <= size <= _MOST:
                raise ValueError(f"{field.name} is {brief(item)}")
        if field.name in ("num_layers", "layers") and item > tensors:
            raise ValueError(f"{item} layers, and {tensors} tensors are stored")


@contextmanager
def refusing(source: Path | str) -> Iterator[None]:
    """Turn what is raised inside over a config that describes no base into a CheckpointError.

    Args:
        source: What it is called in the message.

    Yields:
        Nothing.

    Raises:
        CheckpointError: Something was raised; what says so.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CheckpointError(
            f"{source}: does not describe a base that is known here ({in_short(error)}). "
            "Fetch it again, or give the base's sizes."
        ) from error
