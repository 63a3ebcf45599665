"""Make the manifests beside this file: name and shape of every stored tensor of each base, at full size.

They come from the classes that the bases are published with, built on the meta device; nothing of this package is
imported, so that they can stand against it. diffusers and transformers are taken as installed; the other three from git
clones, of which only the modules that hold the classes are run, and of which nothing is kept but names and shapes:

    git clone https://github.com/Wan-Video/Wan2.1 && git clone https://github.com/Wan-Video/Wan2.2
    git clone https://github.com/dreamzero0/dreamzero
    python tests/golden/make_manifests.py --wan21 Wan2.1 --wan22 Wan2.2 --dreamzero dreamzero

How a manifest is written: "blocks.{0-39}.ffn.0.bias": [13824] stands for forty tensors of that shape. It says what the
classes hold. That the files on the Hub hold the same is not proven by it: no weights were at hand.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import diffusers
import peft
import torch
import transformers
from torch import nn

Shapes = dict[str, list[int]]
HERE = Path(__file__).parent / "manifests"
# What the upstream modules import and do not need to be built.
LEFT_OUT = ("einops", "torchvision", "torchvision.transforms", "ftfy", "flash_attn", "flash_attn_interface")
WAN_MODULES = "wan/modules"
DREAMZERO_MODULES = "groot/vla/model/dreamzero/modules"

I2V_14B = {"dim": 5120, "ffn_dim": 13824, "num_heads": 40, "num_layers": 40, "in_dim": 36, "out_dim": 16}
T2V_1_3B = {"dim": 1536, "ffn_dim": 8960, "num_heads": 12, "num_layers": 30, "in_dim": 16, "out_dim": 16}
TI2V_5B = {"dim": 3072, "ffn_dim": 14336, "num_heads": 24, "num_layers": 30, "in_dim": 48, "out_dim": 48}
SHARED = {"freq_dim": 256, "eps": 1e-6}
DREAMZERO_LORA = ("q", "k", "v", "o", "ffn.0", "ffn.2")
WAN22_CODEC = {
    "base_dim": 160,
    "z_dim": 48,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "decoder_base_dim": 256,
    "scale_factor_temporal": 4,
    "scale_factor_spatial": 16,
    "patch_size": 2,
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
}
UMT5_XXL = {"vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64}
CLIP_H_14 = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 14,
    "projection_dim": 1024,
    "hidden_act": "gelu",
}


def main() -> None:
    """Make every manifest."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    for name in ("wan21", "wan22", "dreamzero"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="a git clone, with or without a work tree")
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, source, shapes in (*installed(), *wan21(asked.wan21), *wan22(asked.wan22), *dreamzero(asked.dreamzero)):
        write(asked.out / f"{name}.json", source, shapes)


def installed() -> Iterator[tuple[str, dict[str, Any], Shapes]]:
    """The diffusers layout: every part a folder of its own."""
    sizes = {"wan21_i2v_14b": I2V_14B, "wan21_t2v_1_3b": T2V_1_3B, "wan22_ti2v_5b": TI2V_5B}
    for name, size in sizes.items():
        config: dict[str, Any] = {
            "num_attention_heads": size["num_heads"],
            "attention_head_dim": size["dim"] // size["num_heads"],
            "in_channels": size["in_dim"],
            "out_channels": size["out_dim"],
            "ffn_dim": size["ffn_dim"],
            "num_layers": size["num_layers"],
            "text_dim": 4096,
            **SHARED,
        }
        if size is I2V_14B:
            config |= {"image_dim": 1280, "added_kv_proj_dim": 5120}
        source = {"class": "diffusers.WanTransformer3DModel", "version": diffusers.__version__, "config": config}
        yield f"diffusers_{name}", source, shapes_of(lambda config=config: diffusers.WanTransformer3DModel(**config))
    for name, config in {"wan21_codec": {}, "wan22_codec": WAN22_CODEC}.items():
        source = {"class": "diffusers.AutoencoderKLWan", "version": diffusers.__version__, "config": config}
        yield f"diffusers_{name}", source, shapes_of(lambda config=config: diffusers.AutoencoderKLWan(**config))
    version = transformers.__version__
    umt5 = transformers.UMT5Config(**UMT5_XXL, feed_forward_proj="gated-gelu")
    source = {"class": "transformers.UMT5EncoderModel", "version": version, "config": UMT5_XXL}
    yield "diffusers_umt5_xxl", source, shapes_of(lambda: transformers.UMT5EncoderModel(umt5))
    clip = transformers.CLIPVisionConfig(**CLIP_H_14)
    source = {"class": "transformers.CLIPVisionModel", "version": version, "config": CLIP_H_14}
    yield "diffusers_clip_h_14", source, shapes_of(lambda: transformers.CLIPVisionModel(clip))


def wan21(clone: Path) -> Iterator[tuple[str, dict[str, Any], Shapes]]:
    """The original layout of Wan 2.1."""
    names = ("model", "attention", "vae", "t5", "clip", "xlm_roberta", "tokenizers")
    with upstream(clone, "wan21_modules", {f"{WAN_MODULES}/{name}.py": f"{name}.py" for name in names}) as of:
        model, vae, t5, clip = (of(name) for name in ("model", "vae", "t5", "clip"))
        for name, size, kind in (("i2v_14b", I2V_14B, "i2v"), ("t2v_1_3b", T2V_1_3B, "t2v")):
            config = {"model_type": kind, **size, **SHARED}
            source = origin(clone, "wan.modules.model.WanModel", config)
            yield f"wan_wan21_{name}", source, shapes_of(lambda config=config: model.WanModel(**config))
        config = {"dim": 96, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_scales": []}
        config["temperal_downsample"] = [False, True, True]
        source = origin(clone, "wan.modules.vae.WanVAE_", config)
        yield "wan_wan21_codec", source, shapes_of(lambda: vae.WanVAE_(**config))
        source = origin(clone, "wan.modules.t5.umt5_xxl", {"encoder_only": True})
        yield "wan_umt5_xxl", source, shapes_of(lambda: t5.umt5_xxl(encoder_only=True, device="meta"))
        source = origin(clone, "wan.modules.clip.clip_xlm_roberta_vit_h_14", {})
        yield "wan_clip_h_14", source, shapes_of(lambda: clip.clip_xlm_roberta_vit_h_14(device="meta"))


def wan22(clone: Path) -> Iterator[tuple[str, dict[str, Any], Shapes]]:
    """The original layout of Wan 2.2."""
    names = ("model", "attention", "vae2_2")
    with upstream(clone, "wan22_modules", {f"{WAN_MODULES}/{name}.py": f"{name}.py" for name in names}) as of:
        model, vae = of("model"), of("vae2_2")
        config: dict[str, Any] = {"model_type": "ti2v", **TI2V_5B, **SHARED}
        source = origin(clone, "wan.modules.model.WanModel", config)
        yield "wan_wan22_ti2v_5b", source, shapes_of(lambda: model.WanModel(**config))
        sizes = {"dim": 160, "z_dim": 48, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_scales": []}
        sizes["temperal_downsample"] = [False, True, True]
        source = origin(clone, "wan.modules.vae2_2.WanVAE_", sizes)
        yield "wan_wan22_codec", source, shapes_of(lambda: vae.WanVAE_(**sizes))


def dreamzero(clone: Path) -> Iterator[tuple[str, dict[str, Any], Shapes]]:
    """DreamZero's: transformer, heads and every encoder in one set of files; and what its LoRA runs save."""
    paths = git(clone, "ls-tree", "-r", "--name-only", "HEAD", f"{DREAMZERO_MODULES}/").split()
    files = {path: path for path in paths if path.endswith(".py")}
    action_encoder = "groot/vla/model/n1_5/modules/action_encoder.py"
    with upstream(clone, "", files | {action_encoder: action_encoder}) as of:
        package = DREAMZERO_MODULES.replace("/", ".")
        dit, text, image, vae = (
            of(f"{package}.{name}")
            for name in (
                "wan_video_dit_action_casual_chunk",
                "wan_video_text_encoder",
                "wan_video_image_encoder",
                "wan_video_vae",
            )
        )
        encoders = {
            "text_encoder": shapes_of(lambda: text.WanTextEncoder()),
            "image_encoder.model": shapes_of(lambda: image.clip_xlm_roberta_vit_h_14(device="meta")),
        }
        codecs = {
            "14b": shapes_of(lambda: vae.VideoVAE_(z_dim=16)),
            "5b": shapes_of(lambda: vae.VideoVAE38_(z_dim=48, dim=160)),
        }
        kinds = {"14b": ("i2v", I2V_14B), "5b": ("ti2v", {**TI2V_5B, "concat_first_frame_latent": False})}
        for name, (kind, size) in kinds.items():
            config = {"model_type": kind, **size, **SHARED, "max_chunk_size": 4, "num_frame_per_block": 2}
            config |= {"num_action_per_block": 24, "num_state_per_block": 1}
            source = origin(clone, "groot.vla.model.dreamzero.base_vla.VLA, its action head's parts", config)
            parts = {"model": shapes_of(lambda config=config: dit.CausalWanModel(**config)), **encoders}
            parts["vae.model"] = codecs[name]
            yield f"dreamzero_{name}", source, under(parts)
            for rank in (4, 32) if name == "14b" else (4,):
                lora = {"r": rank, "lora_alpha": rank, "target_modules": list(DREAMZERO_LORA)}
                told = {**source, "lora": lora, "peft": peft.__version__}
                saved = lora_save(lambda config=config: dit.CausalWanModel(**config), lora)
                yield f"dreamzero_{name}_lora_r{rank}", told, under({"model": saved})


def lora_save(build: Callable[[], nn.Module], lora: dict[str, Any]) -> Shapes:
    """What DreamZero's trainer keeps with `save_lora_only`: the parameters that are trained, by their full names."""
    with torch.device("meta"):
        model = peft.get_peft_model(build(), peft.LoraConfig(**lora))
    for head in ("state_encoder", "action_encoder", "action_decoder"):
        getattr(model.base_model.model, head).requires_grad_(requires_grad=True)
    return {name: list(value.shape) for name, value in model.named_parameters() if value.requires_grad}


def under(parts: dict[str, Shapes]) -> Shapes:
    """The parts of DreamZero's action head by their full names."""
    return {f"action_head.{part}.{name}": shape for part, named in parts.items() for name, shape in named.items()}


def shapes_of(build: Callable[[], nn.Module]) -> Shapes:
    """Name and shape of all that a module stores."""
    with torch.device("meta"):
        module = build()
    return {name: list(value.shape) for name, value in module.state_dict().items()}


def origin(clone: Path, name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Where a manifest comes from."""
    return {"class": name, "commit": git(clone, "rev-parse", "HEAD").strip(), "config": config}


def git(clone: Path, *words: str) -> str:
    """What git says of a clone."""
    return subprocess.run(["git", "-C", str(clone), *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def upstream(clone: Path, package: str, files: dict[str, str]) -> Iterator[Callable[[str], Any]]:
    """Some modules of a clone, in a package of their own, in a folder that is gone afterwards.

    Args:
        clone: Of the repository.
        package: What to call the package; empty to keep its own name.
        files: Path in the repository, and under the package.

    Yields:
        What imports one of them by name.
    """
    before = set(sys.modules)
    absent = {name: mock.MagicMock() for name in LEFT_OUT if not is_installed(name)}
    absent = {name: module for name, module in absent.items() if not name.startswith("flash_attn")}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / package
        for path, name in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(git(clone, "show", f"HEAD:{path}"), encoding="utf-8")
        sys.path.insert(0, scratch)
        no_card = mock.patch("torch.cuda.current_device", return_value=0)  # a default of an argument asks for it
        try:
            with mock.patch.dict(sys.modules, absent), no_card:
                yield lambda name: importlib.import_module(f"{package}.{name}" if package else name)
        finally:
            sys.path.remove(scratch)
            for name in set(sys.modules) - before:
                if name.startswith(("groot", "wan21_modules", "wan22_modules")):
                    del sys.modules[name]


def is_installed(name: str) -> bool:
    """Whether a module could be imported here."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def write(path: Path, source: dict[str, Any], shapes: Shapes) -> None:
    """Write a manifest and say how large it is."""
    parameters = sum(torch.Size(shape).numel() for shape in shapes.values())
    head = {"source": source, "tensors": len(shapes), "parameters": parameters}
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(shape)}" for name, shape in folded(shapes).items())
    path.write_text("\n".join(["{", *lines, ' "shapes": {', body, " }", "}"]) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path.name}: {len(shapes):,} tensors, {parameters:,} parameters\n")


def folded(shapes: Shapes) -> Shapes:
    """Tensors that differ only in their first number, and are of one shape, as one entry."""
    groups: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for name, shape in shapes.items():
        words = name.split(".")
        at = next((place for place, word in enumerate(words) if word.isdigit()), None)
        if at is None:
            groups[name, "", tuple(shape)] = []
        else:
            head, tail = ".".join((*words[:at], "")), ".".join(("", *words[at + 1 :]))
            groups.setdefault((head, tail, tuple(shape)), []).append(int(words[at]))
    return {
        f"{head}{ranges(numbers)}{tail}" if numbers else head: list(shape)
        for (head, tail, shape), numbers in groups.items()
    }


def ranges(numbers: list[int]) -> str:
    """Numbers in order as "{0-3,7}"; a single one as itself."""
    if len(numbers) == 1:
        return str(numbers[0])
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return "{" + ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs) + "}"


if __name__ == "__main__":
    main()
