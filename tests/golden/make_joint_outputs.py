"""Make the outputs of DreamZero's joint sequence beside this file, very small and with random weights.

DreamZero's own head runs, not the transformer alone: `WANPolicyHead.forward` (one training step: losses, predictions
and gradients for given noise and noise levels) and `lazy_joint_video_action` (a chunk after the first frame, then two
more, each after a chunk that was really seen). Text, image and video encoders are replaced by what they would return,
chance by given numbers, and its GPU and half precision by the CPU and single precision; nothing else is. Nothing of
this package is imported; of the clone (see make_manifests.py) nothing is kept but random tensors and what comes of
them. It needs einops.

    python tests/golden/make_joint_outputs.py --dreamzero dreamzero
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from make_manifests import DREAMZERO_MODULES, git, upstream
from make_outputs import HERE, attend, lively
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers.feature_extraction_utils import BatchFeature

HEAD = "groot/vla/model/dreamzero/action_head/wan_flow_matching_action_tf.py"
MODEL = {"dim": 24, "ffn_dim": 32, "freq_dim": 16, "text_dim": 10, "text_len": 9, "num_heads": 2, "num_layers": 2}
MODEL |= {"out_dim": 8, "action_dim": 5, "max_state_dim": 6, "hidden_size": 7, "frame_seqlen": 6}
MODEL |= {"num_frame_per_block": 2, "num_action_per_block": 4, "num_state_per_block": 1, "max_chunk_size": 3}
KINDS = {
    "dreamzero_joint": {"model_type": "i2v", "in_dim": 20},
    "dreamzero_joint_5b": {"model_type": "ti2v", "in_dim": 8, "concat_first_frame_latent": False},
}
ROWS, BLOCKS, FRAMES, CELLS = 2, 3, 7, (4, 6)
GRADIENTS = ("blocks.0.self_attn.k.weight", "blocks.1.cross_attn.v_img.weight", "patch_embedding.weight")
GRADIENTS += ("action_encoder.W2.W", "state_encoder.layer1.W", "head.modulation", "time_projection.1.weight")
Tensors = dict[str, Tensor]


def main() -> None:
    """Make every file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--dreamzero", type=Path, required=True, help="a git clone, with or without a work tree")
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name, kind in KINDS.items():
        with original(asked.dreamzero) as (dit, policy):
            model = lively(dit.CausalWanModel(**MODEL, **kind))
            given = inputs()
            head = headed(policy, model, given)
            wanted = trained(head, given) | imagined(head, given) | unseen(dit, head, given)
        weights = {f"weights.{key}": value.bfloat16() for key, value in model.state_dict().items()}
        tensors = weights | {f"given.{key}": value for key, value in given.items()}
        tensors |= {f"wanted.{key}": value for key, value in wanted.items()}
        told = {"commit": git(asked.dreamzero, "rev-parse", "HEAD").strip(), "class": f"{HEAD}: WANPolicyHead"}
        path = asked.out / f"{name}.safetensors"
        save_file({key: value.detach().contiguous().clone() for key, value in tensors.items()}, path, metadata=told)
        sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")


def inputs() -> Tensors:
    """What both runs are given; latents as frames, channels, rows, columns."""
    generator = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    given = {
        "latents": normal(ROWS, FRAMES, 8, *CELLS),
        "noise": normal(ROWS, FRAMES, 8, *CELLS),
        "timestep_id": torch.tensor([[700, 90, 1, 500, 2, 940, 3], [20, 999, 4, 310, 5, 0, 6]]),
        "actions": normal(ROWS, 4 * BLOCKS, 5).tanh(),
        "noise_action": normal(ROWS, 4 * BLOCKS, 5),
        "state": normal(ROWS, BLOCKS, 6).tanh(),
        "text": normal(ROWS, 9, 10),
        "negative": normal(ROWS, 9, 10),
        "image": normal(ROWS, 257, 12),
        "start": normal(ROWS, 2, 8, *CELLS),
        "start_action": normal(ROWS, 4, 5),
    }
    given["text"][:, 6:] = 0  # as prompts are padded
    given["negative"][:, 8:] = 0
    given["action_valid"] = torch.ones(ROWS, 4 * BLOCKS, 5, dtype=torch.bool)
    given["action_valid"][:, :, 3:] = False  # slots that no axis of the robot has
    given["actions"] = given["actions"] * given["action_valid"]
    channels = normal(ROWS, FRAMES, 12, *CELLS)
    channels[:, :, :4] = (torch.arange(FRAMES) == 0).float().view(1, -1, 1, 1, 1)
    return given | {"channels": channels}


@contextlib.contextmanager
def original(clone: Path) -> Iterator[tuple[Any, Any]]:
    """DreamZero's modules of transformer and head, on the CPU."""
    folders = (f"{DREAMZERO_MODULES}/", "groot/vla/model/n1_5/modules/action_encoder.py")
    paths = git(clone, "ls-tree", "-r", "--name-only", "HEAD", *folders).split()
    wanted = [*paths, HEAD, "groot/vla/model/n1_5/action_head/base_action_head.py"]
    still = mock.patch("torch.compile", return_value=lambda function: function)
    with upstream(clone, "", {path: path for path in wanted if path.endswith(".py")}) as of, still:
        dit = of(f"{DREAMZERO_MODULES.replace('/', '.')}.wan_video_dit_action_casual_chunk")
        parts = of(f"{DREAMZERO_MODULES.replace('/', '.')}.wan2_1_submodule")
        policy = of(HEAD.removesuffix(".py").replace("/", "."))
        whole = dit.MLPProj
        dit.MLPProj = lambda _, *sizes: whole(12, *sizes)  # its 1280 inputs would be most of the file
        dit.AttentionModule = Attention
        parts.flash_attention = attend
        yield dit, policy


class Attention(nn.Module):
    """Attention of everything to everything, in the precision of what is given."""

    def __init__(self, causal: bool = False, **_: Any) -> None:  # noqa: FBT001, FBT002
        super().__init__()
        self.causal = causal

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Positions come before heads."""
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2)


class SinglePrecisionOnCpu(TorchFunctionMode):
    """Inside, what asks for a GPU gets the CPU, and what asks for half precision gets single."""

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Change what was asked for."""
        kwargs = dict(kwargs or {})
        if "cuda" in str(kwargs.get("device", "")):
            kwargs["device"] = "cpu"
        if kwargs.get("dtype") is torch.bfloat16:
            kwargs["dtype"] = torch.float32
        return func(*args, **kwargs)


class Clock:
    """A GPU's clock where there is none."""

    def __init__(self, **_: Any) -> None: ...

    def record(self) -> None:
        """Nothing."""

    def elapsed_time(self, _: object) -> float:
        """No time."""
        return 0.0


def headed(policy: Any, model: nn.Module, given: Tensors) -> Any:
    """DreamZero's head around a model, its encoders replaced by what they return."""
    head = object.__new__(policy.WANPolicyHead)
    nn.Module.__init__(head)
    head.model = model
    head.scheduler = policy.FlowMatchScheduler(shift=5, sigma_min=0.0, extra_one_step=True)
    head.scheduler.set_timesteps(1000, training=True)
    plain = {"decouple_video_action_noise": False, "use_high_noise_emphasis": False, "decouple_inference_noise": False}
    head.config = mock.Mock(**plain, target_video_height=None, target_video_width=None)
    settings = {"_noise_logged": True, "_device": "cpu", "num_frame_per_block": 2, "num_inference_steps": 16}
    settings |= {"seed": 1140, "cfg_scale": 5.0, "sigma_shift": 5.0, "current_start_frame": 0, "language": None}
    settings |= {"ip_rank": 0, "ip_size": 1, "num_frames": 25, "action_horizon": 4, "trt_engine": None}
    settings |= {"dynamic_cache_schedule": False, "kv_cache1": None, "kv_cache_neg": None, "clip_feas": None}
    settings |= {"tiled": False, "ys": None}
    sizes = ("tile_size_height", "tile_size_width", "tile_stride_height", "tile_stride_width")
    for key, value in (settings | dict.fromkeys(sizes, 1)).items():
        setattr(head, key, value)
    latents, channels = (given[name].transpose(1, 2) for name in ("latents", "channels"))
    head.encode_prompt = lambda ids, _: given["negative" if int(ids[0, 0]) else "text"]
    head.encode_video = lambda *_: latents
    head.encode_image = lambda *_: (given["image"], channels, latents[:, :, :1])
    head.set_frozen_modules_to_eval_mode = lambda: None
    return head


def asked_of(frames: int, given: Tensors, **more: Tensor) -> BatchFeature:
    """What the data loader or a robot sends; the pictures are only counted."""
    words = {"text": torch.zeros(ROWS, 1), "text_negative": torch.ones(ROWS, 1)}
    words |= {name.replace("text", "text_attention_mask"): torch.ones(ROWS, 1) for name in list(words)}
    told = {"images": torch.zeros(ROWS, frames, 32, 48, 3), "embodiment_id": torch.zeros(ROWS, dtype=torch.long)}
    return BatchFeature(data=words | told | {"state": given["state"]} | more)


def trained(head: Any, given: Tensors) -> Tensors:
    """One training step: the losses, what was predicted, and some gradients."""
    found: Tensors = {}
    forward = head.model.forward

    def watched(*args: Any, **kwargs: Any) -> Any:
        found["video"], found["action"] = forward(*args, **kwargs)
        return found["video"], found["action"]

    noises = [given["noise"].transpose(1, 2), given["noise_action"]]
    acts = torch.ones(ROWS, 1)  # one a window; without the second axis DreamZero's own sum takes one window at most
    asked = asked_of(25, given, action=given["actions"], action_mask=given["action_valid"], has_real_action=acts)
    with (
        mock.patch.object(head.model, "forward", watched),
        mock.patch("torch.randn_like", side_effect=noises),
        mock.patch("torch.randint", return_value=given["timestep_id"].clone()),
        mock.patch("torch.amp.autocast", return_value=contextlib.nullcontext()),
    ):
        out = head.forward(None, asked)
    head.model.zero_grad()
    out["loss"].backward()
    for name in GRADIENTS:
        found[f"gradient.{name}"] = head.model.get_parameter(name).grad
    found["video"] = found["video"].transpose(1, 2)
    return found | {name: out[name].reshape(1) for name in ("loss", "dynamics_loss", "action_loss")}


def unseen(dit: Any, head: Any, given: Tensors) -> Tensors:
    """What the joint pass predicts of the video where it is kept from seeing actions and states.

    That is what a pass over video alone should predict: DreamZero's own, which it never runs, lets noisy frames see
    the very frames that they are to become.
    """
    process = dit.CausalWanSelfAttention._process_noisy_image_blocks

    def blind(self: Any, *tensors: Any) -> Tensor:
        video, acting, counts = tensors[:5], tensors[5:9], tensors[9:]
        return process(self, *video, *(part[:, :0] for part in acting), *counts)

    with mock.patch.object(dit.CausalWanSelfAttention, "_process_noisy_image_blocks", blind):
        found = trained(head, given)
    return {"video_alone": found["video"]}


def imagined(head: Any, given: Tensors) -> Tensors:
    """The chunk after the first frame, and two after chunks that were seen; with 8 of 16 velocities, and with all."""
    found: Tensors = {}
    few = [index in (0, 1, 2, 6, 10, 13, 14, 15) for index in range(16)]  # the release's own default
    for name, mask in (("few", few), ("all", [True] * 16)):
        head.dit_step_mask, head.current_start_frame, head.language = mask, 0, None
        for chunk in range(BLOCKS):
            head.generate_noise = mock.Mock(side_effect=[given["start"].transpose(1, 2), given["start_action"]])
            seen = given["latents"][:, 2 * chunk - 1 : 2 * chunk + 1].transpose(1, 2) if chunk else None
            asked = asked_of(9 if chunk else 1, given | {"state": given["state"][:, chunk : chunk + 1]})
            cpu = (mock.patch("torch.cuda.Event", Clock), mock.patch("torch.cuda.synchronize"), SinglePrecisionOnCpu())
            with torch.no_grad(), cpu[0], cpu[1], cpu[2]:
                out = head.lazy_joint_video_action(None, asked, latent_video=seen)
            found[f"{name}.{chunk}.video"] = out["video_pred"].transpose(1, 2)[:, -2:]
            found[f"{name}.{chunk}.action"] = out["action_pred"]
    return found


if __name__ == "__main__":
    main()
