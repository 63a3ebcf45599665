"""Make the outputs beside this file: what the published classes compute, very small and with random weights.

Most tensors of a block have the same shape, so that names and shapes alone would not notice two that are exchanged.
Here the original classes run; the tests give their weights, by their names, to ours and want the same numbers. Nothing
of this package is imported. Of the clones (see make_manifests.py) nothing is kept but random tensors and what comes of
them. It needs einops, which Wan's codecs call; attention is torch's, since flash attention runs on GPUs alone.

    python tests/golden/make_outputs.py --wan21 Wan2.1 --wan22 Wan2.2 --dreamzero dreamzero
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from make_manifests import DREAMZERO_MODULES, WAN_MODULES, git, upstream
from safetensors.torch import save_file
from torch import Tensor, nn

HERE = Path(__file__).parent / "outputs"
Made = tuple[str, nn.Module, dict[str, Tensor], dict[str, Tensor]]  # name, module, what it was given, what it made
TRANSFORMER = {"dim": 24, "ffn_dim": 32, "freq_dim": 16, "text_dim": 10, "num_heads": 2, "num_layers": 2, "out_dim": 8}
CODEC = {"z_dim": 4, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_scales": []}
CODEC["temperal_downsample"] = [False, True, True]
CLIP = {"embed_dim": 6, "image_size": 28, "patch_size": 14, "vision_dim": 16, "vision_heads": 2, "vision_layers": 3}
SCALE = [0.0, 1.0]  # of latents, left as they are


def main() -> None:
    """Make every file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    for name in ("wan21", "wan22", "dreamzero"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="a git clone, with or without a work tree")
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    makers = ((wan21, asked.wan21), (wan22, asked.wan22), (dreamzero, asked.dreamzero))
    for make, clone in makers:
        with torch.no_grad():
            for name, module, given, wanted in make(clone):
                weights = {f"weights.{key}": value for key, value in module.state_dict().items()}
                tensors = weights | {f"given.{key}": value for key, value in given.items()}
                tensors |= {f"wanted.{key}": value for key, value in wanted.items()}
                path = asked.out / f"{name}.safetensors"
                half = {key: value.bfloat16() if key in weights else value for key, value in tensors.items()}
                commit = git(clone, "rev-parse", "HEAD").strip()
                told = {"commit": commit, "class": f"{type(module).__module__}.{type(module).__qualname__}"}
                save_file({key: value.contiguous().clone() for key, value in half.items()}, path, metadata=told)
                sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")


def wan21(clone: Path) -> Iterator[Made]:
    """Wan 2.1's image-to-video transformer, text encoder and codec."""
    names = ("model", "attention", "vae", "t5", "tokenizers")
    with upstream(clone, "wan21_modules", {f"{WAN_MODULES}/{name}.py": f"{name}.py" for name in names}) as of:
        model, vae, t5 = of("model"), of("vae"), of("t5")
        model.flash_attention = attend
        whole = model.MLPProj
        model.MLPProj = lambda _, *sizes, **more: whole(12, *sizes, **more)  # its 1280 inputs would be most of the file
        transformer = lively(model.WanModel(model_type="i2v", in_dim=12, **TRANSFORMER))
        given = {
            "x": noise(12, 2, 4, 6),
            "timestep": torch.tensor([371.0]),
            "text": noise(7, 10),
            "image": noise(5, 12),
        }
        out = transformer(
            [given["x"][:8]],
            given["timestep"],
            [given["text"]],
            seq_len=12,
            clip_fea=given["image"].unsqueeze(0),
            y=[given["x"][8:]],
        )
        yield "wan21_i2v", transformer, given, {"velocity": out[0]}
        sizes = {"vocab": 20, "dim": 16, "dim_attn": 16, "dim_ffn": 24, "num_heads": 2, "num_layers": 2}
        encoder = lively(t5.T5Encoder(**sizes, num_buckets=8, shared_pos=False, dropout=0.0)).eval()
        given = {"ids": torch.tensor([[5, 9, 3, 1, 0, 0]]), "mask": torch.tensor([[1, 1, 1, 1, 0, 0]])}
        yield "umt5", encoder, given, {"features": encoder(given["ids"], given["mask"])[:, :4]}
        codec = lively(vae.WanVAE_(dim=2, **CODEC)).eval()
        yield "wan21_codec", codec, *coded(codec, 16)


def wan22(clone: Path) -> Iterator[Made]:
    """Wan 2.2's transformer, with a timestep of its own for each token, and its codec."""
    names = ("model", "attention", "vae2_2")
    with upstream(clone, "wan22_modules", {f"{WAN_MODULES}/{name}.py": f"{name}.py" for name in names}) as of:
        model, vae = of("model"), of("vae2_2")
        model.flash_attention = attend
        transformer = lively(model.WanModel(model_type="ti2v", in_dim=8, **TRANSFORMER))
        # The first latent frame is clean, as where a picture is given.
        timestep = torch.where(torch.arange(12) < 6, 0.0, 645.0).unsqueeze(0)
        given = {"x": noise(8, 2, 4, 6), "timestep": timestep, "text": noise(7, 10)}
        out = transformer([given["x"]], given["timestep"], [given["text"]], seq_len=12)
        yield "wan22_ti2v", transformer, given, {"velocity": out[0]}
        codec = lively(vae.WanVAE_(dim=2, dec_dim=4, **CODEC)).eval()
        yield "wan22_codec", codec, *coded(codec, 16)


def dreamzero(clone: Path) -> Iterator[Made]:
    """DreamZero's image encoder, and its encoders of action and state and decoder of actions."""
    paths = git(clone, "ls-tree", "-r", "--name-only", "HEAD", f"{DREAMZERO_MODULES}/").split()
    files = {path: path for path in paths if path.endswith(".py")}
    files["groot/vla/model/n1_5/modules/action_encoder.py"] = "groot/vla/model/n1_5/modules/action_encoder.py"
    with upstream(clone, "", files) as of:
        package = DREAMZERO_MODULES.replace("/", ".")
        dit, image = of(f"{package}.wan_video_dit_action_casual_chunk"), of(f"{package}.wan_video_image_encoder")
        clip = lively(image.XLMRobertaCLIP(**CLIP)).eval()
        given = {"pixels": noise(1, 3, 28, 28)}
        yield "clip", clip, given, {"features": clip.visual(given["pixels"], use_31_block=True)}
        actions = nn.Module()
        actions.state_encoder = dit.CategorySpecificMLP(1, 6, 7, 24)
        actions.action_encoder = dit.MultiEmbodimentActionEncoder(5, 24, 1)
        actions.action_decoder = dit.CategorySpecificMLP(1, 24, 7, 5)
        lively(actions)
        one = torch.zeros(2, dtype=torch.long)
        given = {"state": noise(2, 1, 6), "actions": noise(2, 3, 5), "tokens": noise(2, 3, 24)}
        given["timestep"] = torch.tensor([[0.0, 17.0, 17.0], [950.5, 950.5, 1000.0]])
        yield (
            "dreamzero_actions",
            actions,
            given,
            {
                "state": actions.state_encoder(given["state"], one),
                "actions": actions.action_encoder(given["actions"], given["timestep"], one),
                "decoded": actions.action_decoder(given["tokens"], one),
            },
        )


def coded(codec: nn.Module, side: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A video of five frames, its latents, and the video that they become."""
    given: dict[str, Any] = {"video": noise(1, 3, 5, side, side).tanh()}
    latents = codec.encode(given["video"], SCALE)
    return given, {"latents": latents, "video": codec.decode(latents, SCALE)}


def attend(q: Tensor, k: Tensor, v: Tensor, **_: Any) -> Tensor:
    """What flash attention computes where nothing is masked; positions come before heads."""
    q, k, v = (x.transpose(1, 2).float() for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)


def noise(*shape: int) -> Tensor:
    """Noise that is the same every time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def lively(module: nn.Module) -> nn.Module:
    """Overwrite every parameter with noise that keeps signals alive, and that half precision holds as it is."""
    generator = torch.Generator().manual_seed(11)
    for name, value in module.named_parameters():
        inputs = value.shape[-2] if name.endswith(".W") else value[0].numel() if value.ndim > 1 else 1
        gain = (value.ndim < 2 and name.endswith("weight")) or name.endswith("gamma")  # of a normalisation
        fresh = torch.randn(value.shape, generator=generator) * (0.2 if gain or value.ndim < 2 else inputs**-0.5) + gain
        value.data = fresh.bfloat16().float()
    return module


if __name__ == "__main__":
    main()
