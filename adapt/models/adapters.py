"""Low-rank adapters through PEFT: put on, stored as PEFT stores them, read back with every key and shape checked."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from adapt.errors import CheckpointError, RecipeError
from adapt.models.checkpoint import compare, read_tensors, write_tensors
from adapt.models.lora import LoraConfig
from adapt.models.row_dropout import RowDropout
from adapt.models.seeding import seeded
from adapt.models.wan.transformer import WanTransformer
from adapt.runs.documents import brief, in_short, is_text, parse_object

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_NAME = "default"
_PREFIX = "base_model.model."  # how PEFT's own files name what is inside the wrapped model
_MOST_RANK = 4096
# What PEFT's configuration may say: who it belongs to, and these numbers. All else is left at what it is by default.
_NAMES = ("base_model_name_or_path", "inference_mode", "peft_type", "peft_version", "revision", "task_type")
_DEFAULTS = {
    "bias": "none",
    "init_lora_weights": True,
    "megatron_core": "megatron.core",
    "qalora_group_size": 16,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adapter:
    """A stored adapter: PEFT's configuration and tensors, under PEFT's names."""

    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def base_id(self) -> str:
        """The base it was trained on, as its configuration names it."""
        return str(self.config.get("base_model_name_or_path") or "")

    @property
    def revision(self) -> str:
        """The revision of that base."""
        return str(self.config.get("revision") or "")


def add_lora(dit: WanTransformer, config: LoraConfig, *, base_id: str, revision: str, seed: int = 0) -> None:
    """Freeze the transformer and put fresh adapters on it; until they are trained, its output does not change.

    Args:
        dit: Changed in place.
        config: Rank, gain and which layers.
        base_id: The base's repository or name, kept in the adapter's configuration.
        revision: The base's revision, likewise.
        seed: Decides the fresh weights.

    Raises:
        RecipeError: No layer has a name that ends as `config.targets` says.
    """
    from peft import LoraConfig as PeftConfig
    from peft import inject_adapter_in_model

    names = [name for name, module in dit.named_modules() if isinstance(module, nn.Linear)]
    lost = [t for t in config.targets if not any(name == t or name.endswith(f".{t}") for name in names)]
    if lost:
        raise RecipeError(
            f"lora.targets: no layer ends in {lost}; layers are named like {names[-5:]}. Name some of them."
        )
    dit.name_or_path = base_id
    settings = PeftConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=sorted(config.targets),
        base_model_name_or_path=base_id,
        revision=revision,
    )
    with seeded(seed):
        inject_adapter_in_model(settings, dit, adapter_name=_NAME)
    if config.dropout > 0:
        _drop_by_row(dit, config.dropout)


def read_adapter(dit: WanTransformer) -> Adapter:
    """The adapter a transformer carries; the same weights give the same configuration and tensors.

    Raises:
        CheckpointError: It carries none.
    """
    from peft.utils import get_peft_model_state_dict

    settings = _settings(dit)
    config = {name: _plain(value) for name, value in sorted(settings.to_dict().items())}
    tensors = get_peft_model_state_dict(dit, adapter_name=_NAME, save_embedding_layers=False)
    return Adapter(
        config=config | {"inference_mode": True},
        tensors={_PREFIX + name: tensors[name].detach().cpu().clone() for name in sorted(tensors)},
    )


def apply_adapter(dit: WanTransformer, adapter: Adapter) -> None:
    """Put a stored adapter on a transformer that carries none; it then trains no more unless asked to.

    Raises:
        CheckpointError: A tensor is missing, unknown or of another shape: it belongs to another base. Or its
            configuration asks for more than plain LoRA.
    """
    from peft import LoraConfig as PeftConfig
    from peft import inject_adapter_in_model

    if hasattr(dit, "peft_config"):
        raise CheckpointError("adapter: the base carries one already. Load the base again first.")
    ranks = {len(value) for name, value in adapter.tensors.items() if name.endswith("lora_A.weight") and value.ndim}
    oddity = find_oddity(adapter.config)
    # Before anything is made: the rank decides how much memory is taken.
    if not oddity and ranks != {adapter.config.get("r")}:
        oddity = f"'r' is {brief(adapter.config.get('r'))}, its tensors have the ranks {sorted(ranks)}"
    if oddity:
        raise CheckpointError(f"adapter: its configuration is not sound: {oddity}. Train or pull it again.")
    try:
        settings = PeftConfig(
            **{key: value for key, value in adapter.config.items() if key not in ("peft_type", "peft_version")}
        )
        settings.inference_mode = False
        with seeded(0):
            inject_adapter_in_model(settings, dit, adapter_name=_NAME)
    # PEFT takes a field that it does not know, or misses, as it comes.
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise CheckpointError(f"adapter: does not fit this base ({in_short(error)}). Use its own base.") from error
    restore_adapter(dit, adapter.tensors)
    dit.requires_grad_(requires_grad=False)


def find_oddity(config: Mapping[str, Any]) -> str:
    """What in an adapter's configuration is not plain LoRA as this package writes it, in words; empty where nothing is.

    PEFT takes much else: names of layers as regular expressions, ranks by pattern, classes to import.
    """
    if config.get("peft_type") != "LORA":
        return f"'peft_type' is {brief(config.get('peft_type'))}, only LORA is read here"
    for name, value in config.items():
        if name in _NAMES:
            sound = value is None or isinstance(value, bool) or is_text(value)
        elif name == "r":
            sound = type(value) is int and 1 <= value <= _MOST_RANK
        elif name in ("lora_alpha", "lora_dropout"):
            sound = type(value) in (int, float) and 0 <= value <= _MOST_RANK
        elif name == "target_modules":
            sound = isinstance(value, list) and all(map(is_text, value))
        else:
            sound = not value if name not in _DEFAULTS else value == _DEFAULTS[name]
        if not sound:
            return f"'{name}' is {brief(value)}"
    return ""


def restore_adapter(dit: WanTransformer, tensors: Mapping[str, Tensor]) -> None:
    """Overwrite the adapter a transformer carries with stored tensors of the same shape.

    Raises:
        CheckpointError: A tensor is missing, unknown or of another shape.
    """
    from peft.utils import set_peft_model_state_dict

    wanted = read_adapter(dit)
    report = compare(wanted.tensors, tensors)
    if not report.clean:
        raise CheckpointError(f"adapter does not fit this base: {report.describe()}. Use base '{wanted.base_id}'.")
    set_peft_model_state_dict(
        dit, {name.removeprefix(_PREFIX): value for name, value in tensors.items()}, adapter_name=_NAME
    )


def save_adapter(dit: WanTransformer, folder: Path) -> None:
    """Write the adapter as PEFT's two files; the same weights give the same bytes."""
    adapter = read_adapter(dit)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(adapter.config, indent=2, sort_keys=True) + "\n")
    write_tensors(folder / WEIGHTS, adapter.tensors)


def load_adapter(dit: WanTransformer, folder: Path) -> Adapter:
    """Put the adapter stored in a folder on a transformer that carries none, and return it.

    Raises:
        CheckpointError: A file is missing or damaged, or the adapter belongs to another base.
    """
    path = folder / CONFIG
    try:
        config = parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not readable ({error}). Train or pull the adapter again.") from error
    adapter = Adapter(config=config, tensors=read_tensors(folder / WEIGHTS))
    apply_adapter(dit, adapter)
    return adapter


@contextmanager
def without_adapter(dit: WanTransformer) -> Iterator[None]:
    """Inside, the transformer is the base alone: for the zero-shot comparison."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in dit.modules() if isinstance(module, BaseTunerLayer)]
    trained = [p for p in dit.parameters() if p.requires_grad]
    for layer in layers:
        layer.enable_adapters(enabled=False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(enabled=True)
        dit.requires_grad_(requires_grad=False)
        for parameter in trained:
            parameter.requires_grad = True


def adapter_parameters(dit: WanTransformer) -> list[nn.Parameter]:
    """The adapter's own parameters, in a fixed order."""
    return [parameter for name, parameter in dit.named_parameters() if "lora_" in name]


def _drop_by_row(dit: WanTransformer, share: float) -> None:
    """Put dropout that hangs on the row in the place of PEFT's, which draws from the global state."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers: list[Any] = [module for module in dit.modules() if isinstance(module, BaseTunerLayer)]
    for number, layer in enumerate(layers):
        layer.lora_dropout[_NAME] = RowDropout(share, number)


def _settings(dit: WanTransformer) -> Any:
    configs = getattr(dit, "peft_config", None)
    if not configs:
        raise CheckpointError("adapter: the transformer carries none. Call add_lora or load_adapter first.")
    return configs[_NAME]


def _plain(value: Any) -> Any:
    """Sets in order and enums by value, so that JSON text is the same in every process."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return getattr(value, "value", value)
