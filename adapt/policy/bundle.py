"""What is an adapted model, on disk? Bundle format 1: writing it, and reading it without trusting it.

The same contents always give the same bytes: no times, no places, no host names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.errors import BundleError
from adapt.models.adapters import find_oddity
from adapt.policy import bundle_files as files
from adapt.policy.golden import Golden, dump_golden, read_golden
from adapt.runs.documents import is_text

# The first release that reads format 1.
MINIMUM_READER = "0.1.0"
HEADER_FIELDS: Mapping[str, type] = {
    "format": int,
    "minimum_reader": str,
    "files": list,
    "kind": str,
    "instructions": list,
    "head": str,
    "video_steps": int,
}
BASE_FIELDS: Mapping[str, type] = {"repo": str, "revision": str, "fingerprint": str, "licence": str}
KINDS = ("human", "play")
HEADS_KNOWN = ("inverse_dynamics",)
MOST_STEPS = 1000

# What PEFT 0.21 writes for LoRA. Fields through which PEFT would import or build something must be empty.
_LORA_FIELDS = (
    "alora_invocation_tokens alpha_pattern arrow_config auto_mapping base_model_name_or_path bias corda_config "
    "ensure_weight_tying eva_config exclude_modules fan_in_fan_out inference_mode init_lora_weights kasa_config "
    "layer_replication layers_pattern layers_to_transform loftq_config lora_alpha lora_bias lora_dropout "
    "lora_ga_config megatron_config megatron_core modules_to_save monteclora_config peft_type peft_version "
    "qalora_group_size r rank_pattern revision target_modules target_parameters task_type trainable_token_indices "
    "use_bdlora use_dora use_qalora use_rslora velora_config"
)
ADAPTER_FIELDS = frozenset(_LORA_FIELDS.split())
ADAPTER_EMPTY = ("auto_mapping", "megatron_config", "loftq_config", "eva_config", "corda_config", "arrow_config")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRecord:
    """Which base the adapter was trained on, and must be used with."""

    repo: str  # Hub repository id, or the name of a base that ships with this package
    revision: str  # full commit sha on the Hub; the packaged base's version
    fingerprint: str  # of its tensors, canonical: equal across file layouts
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """The contents of a bundle."""

    kind: str  # "human" or "play": what it was adapted with
    instructions: tuple[str, ...]  # it was trained on
    base: BaseRecord
    adapter_config: Mapping[str, Any]  # PEFT's
    adapter: Mapping[str, Tensor]
    heads: Mapping[str, Tensor]
    embodiment: Embodiment  # the body that acts
    statistics: BodyStatistics
    golden: Golden
    recipe: str  # YAML
    evaluation: Mapping[str, Any]
    card: str  # README.md
    head: str = "inverse_dynamics"  # which head acts
    video_steps: int = 8
    pictures: Mapping[str, bytes] = field(default_factory=dict)  # "pictures/window_0.png" -> PNG


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write a bundle into an empty folder, which is made if it is not there.

    Raises:
        BundleError: The folder holds something already, or the contents would not be read back.
    """
    contents = _contents(bundle)
    if folder.exists() and any(folder.iterdir()):
        raise BundleError(f"{folder}: is not empty; a bundle is written into a folder of its own. Name another one.")
    for name, data in sorted(contents.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    read_bundle(folder)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle after checking all of it; runs nothing from it.

    Raises:
        BundleError: It is damaged, holds a file or field that its format does not know, or is of a later format.
        EmbodimentError: Its body or statistics are not sound.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: there is no such folder. Name one that `wam-adapt bundle` or `pull` made.")
    header_path = folder / files.BUNDLE
    if header_path.is_symlink() or not header_path.is_file():
        raise BundleError(f"{folder}: holds no {files.BUNDLE}, so it is no bundle. Pull it with `wam-adapt pull`.")
    header = files.read_object(header_path)
    files.check_format(header, header_path)
    names = files.list_files(folder)
    files.check_names(names, folder)
    _check_header(header, names, header_path)
    files.check_sums(folder, names)
    return _read_contents(folder, header, names)


def _read_contents(folder: Path, header: Mapping[str, Any], names: Sequence[str]) -> Bundle:
    base = files.read_object(folder / files.BASE)
    files.check_fields(base, BASE_FIELDS, str(folder / files.BASE))
    adapter_config = files.read_object(folder / files.ADAPTER_CONFIG)
    check_adapter_config(adapter_config, BaseRecord(**base), folder / files.ADAPTER_CONFIG)
    where = {name: str(folder / name) for name in (files.EMBODIMENT, files.STATISTICS)}
    return Bundle(
        kind=header["kind"],
        instructions=tuple(header["instructions"]),
        head=header["head"],
        video_steps=header["video_steps"],
        base=BaseRecord(**base),
        adapter_config=adapter_config,
        adapter=files.read_tensors(folder / files.ADAPTER),
        heads=files.read_tensors(folder / files.HEADS),
        embodiment=Embodiment.from_json(files.read_object(folder / files.EMBODIMENT), source=where[files.EMBODIMENT]),
        statistics=BodyStatistics.from_json(
            files.read_object(folder / files.STATISTICS), source=where[files.STATISTICS]
        ),
        golden=read_golden(folder / files.GOLDEN),
        recipe=files.read_text(folder / files.RECIPE),
        evaluation=files.read_object(folder / files.EVALUATION),
        card=files.read_text(folder / files.CARD),
        pictures={name: _read_picture(folder / name) for name in names if files.PICTURE.fullmatch(name)},
    )


def check_adapter_config(config: Mapping[str, Any], base: BaseRecord, where: Path) -> None:
    """Refuse an adapter that is not plain LoRA on the base that base.json names.

    Raises:
        BundleError: A field is unknown, asks for another method, or names another base.
    """
    for name in config:
        if name not in ADAPTER_FIELDS:
            files.check_fields(config, dict.fromkeys(sorted(ADAPTER_FIELDS), object), str(where))
    if config.get("peft_type") != "LORA":
        raise BundleError(
            f"{where}: 'peft_type' is {config.get('peft_type')!r:.40}; only LORA is read here. Pull another bundle."
        )
    for name in ADAPTER_EMPTY:
        if config.get(name):
            raise BundleError(
                f"{where}: '{name}' is {config[name]!r:.60}; it can make PEFT import code, so it must be empty. "
                "Do not use it."
            )
    if oddity := find_oddity(config):
        raise BundleError(f"{where}: {oddity}; only plain LoRA is read here. Pull the bundle again.")
    named = (config.get("base_model_name_or_path"), config.get("revision"))
    if named != (base.repo, base.revision):
        raise BundleError(
            f"{where}: names the base {named[0]}@{named[1]}, but {files.BASE} names {base.repo}@{base.revision}. "
            "Pull the bundle again."
        )


def _contents(bundle: Bundle) -> dict[str, bytes]:
    # An adapter's config holds a set; PEFT writes it as a list in no fixed order.
    config = {name: sorted(v) if isinstance(v, set | list) else v for name, v in bundle.adapter_config.items()}
    check_adapter_config(config, bundle.base, Path(files.ADAPTER_CONFIG))
    contents = {
        files.ADAPTER_CONFIG: files.write_object(config),
        files.ADAPTER: save(_plain(bundle.adapter), {"format": "pt"}),
        files.HEADS: save(_plain(bundle.heads)),
        files.EMBODIMENT: files.write_object(bundle.embodiment.to_json()),
        files.STATISTICS: files.write_object(bundle.statistics.to_json()),
        files.BASE: files.write_object(asdict(bundle.base)),
        files.GOLDEN: dump_golden(bundle.golden),
        files.RECIPE: bundle.recipe.encode(),
        files.EVALUATION: files.write_object(bundle.evaluation),
        files.CARD: bundle.card.encode(),
        **bundle.pictures,
    }
    names = sorted([*contents, files.BUNDLE, files.SUMS])
    files.check_names(names, Path("bundle"))
    contents[files.BUNDLE] = files.write_object(
        {
            "format": files.FORMAT,
            "minimum_reader": MINIMUM_READER,
            "files": names,
            "kind": bundle.kind,
            "instructions": list(bundle.instructions),
            "head": bundle.head,
            "video_steps": bundle.video_steps,
        }
    )
    return {**contents, files.SUMS: files.write_sums(contents)}


def _check_header(header: Mapping[str, Any], names: Sequence[str], where: Path) -> None:
    files.check_fields(header, HEADER_FIELDS, str(where))
    if header["files"] != list(names):
        odd = sorted(set(map(str, header["files"])) ^ set(names))
        what = odd[0] if odd else "their order"
        raise BundleError(f"{where}: its list of files does not match the folder ({what:.80}). Pull the bundle again.")
    for name, known in (("kind", KINDS), ("head", HEADS_KNOWN)):
        if header[name] not in known:
            raise BundleError(
                f"{where}: '{name}' is {header[name]!r:.40}; known are {', '.join(known)}. Update wam-adapt, "
                "or pull the bundle again."
            )
    if not 1 <= header["video_steps"] <= MOST_STEPS:
        raise BundleError(
            f"{where}: 'video_steps' is {header['video_steps']}; it must lie from 1 to {MOST_STEPS}. "
            "Bundle the run again."
        )
    if not all(is_text(item) for item in header["instructions"]):
        raise BundleError(f"{where}: 'instructions' must be a list of texts. Pull the bundle again.")


def _read_picture(path: Path) -> bytes:
    if path.stat().st_size > files.LARGEST_PICTURE_BYTES:
        raise BundleError(f"{path}: has {path.stat().st_size} bytes, too many for a picture. Do not use it.")
    data = path.read_bytes()
    if not data.startswith(files.PNG_SIGNATURE):
        raise BundleError(f"{path}: is not a PNG. Pull the bundle again.")
    return data


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # Cloned, since a view would drag its whole storage into the file, and safetensors refuses shared storage.
    return {name: value.detach().to("cpu").contiguous().clone() for name, value in sorted(tensors.items())}
