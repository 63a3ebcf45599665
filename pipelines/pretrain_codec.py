"""Train the video autoencoder, on the tabletop and on textures, and measure its latents."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from adapt.models.checkpoint import write_tensors
from adapt.models.codec import CodecConfig, VideoCodec
from adapt.runs.fingerprint import Json
from adapt.sim.textures import moving_texture
from pipelines.pretrain_schedule import one_cycle
from pipelines.pretrain_settings import CodecTraining

log = logging.getLogger(__name__)

_KL_WEIGHT = 1e-5
_COLOUR_WEIGHT = 2.0
_VIVID_WEIGHT = 3.0
_MOVING_WEIGHT = 6.0
_GUIDE_WEIGHT = 1.0
_START_LOG_VARIANCE = -6.0
_CELL, _CODE_SCALE = 8, 2.0
_SMALL, _LARGE = 32, 64


def train_codec(scratch: Path, drawn: Path, config: CodecTraining, seed: int) -> dict[str, Json]:
    """Train the codec on what `drawn` holds; writes codec.safetensors and codec.json into `scratch`."""
    scenes = [np.load(drawn / f"{kind}_frames.npy", mmap_mode="r") for kind in ("robot", "human", "play")]
    codec = VideoCodec(CodecConfig(), seed=seed)
    vae = codec.vae.train().requires_grad_(True)  # noqa: FBT003
    start_plain(vae, seed)
    _cycle(vae, scenes, config, seed)
    # A second, gentler rise and fall of the learning rate, without the guide.
    second = replace(
        config, steps=config.second_steps, learning_rate=config.learning_rate / 2, guided_share=0.0, large_share=0.3
    )
    write_tensors(scratch / "codec.safetensors", vae.state_dict())
    _cycle(vae, scenes, second, seed + 1)
    vae.eval().requires_grad_(False)  # noqa: FBT003
    write_tensors(scratch / "codec.safetensors", vae.state_dict())
    return measure(scratch, scenes, codec)


def start_plain(vae: torch.nn.Module, seed: int) -> None:
    """Fresh weights with which the autoencoder is close to a linear map that looks at each picture alone.

    With the customary weights its many normalisations hide how bright a pixel is, and the first thousand steps go
    into undoing that. Here every residual branch begins silent, and every other convolution keeps sizes as they are.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, module in vae.named_modules():
        if not isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d):
            continue
        with torch.no_grad():
            weight = torch.zeros_like(module.weight)
            now = weight[:, :, -1] if weight.ndim == 5 else weight
            if name.split(".")[-1] not in ("conv2", "proj"):
                rows = torch.empty(now.shape[0], now[0].numel())
                gain = max(1.0, rows.shape[0] / rows.shape[1]) ** 0.5
                torch.nn.init.orthogonal_(rows, gain=gain, generator=generator)
                now.copy_(rows.view(now.shape))
            module.weight.copy_(weight)
            if module.bias is None:
                continue
            module.bias.zero_()
            if name == "quant_conv":  # means, then log variances: begin with hardly any noise
                module.weight[len(weight) // 2 :] = 0
                module.bias[len(weight) // 2 :] = _START_LOG_VARIANCE


def measure(scratch: Path, scenes: Sequence[NDArray[np.uint8]], codec: VideoCodec) -> dict[str, Json]:
    """Write the mean and deviation of each latent channel on the tabletop, and return the codec's figures."""
    rng = np.random.default_rng(0)
    rows = [_scene_clip(rng, scenes, 9, _LARGE) for _ in range(48)]
    latents = torch.cat([codec.encode(torch.from_numpy(np.stack(rows[i : i + 8]))) for i in range(0, 48, 8)])
    mean, std = latents.mean((0, 1, 3, 4)), latents.std((0, 1, 3, 4))
    config = CodecConfig(latents_mean=tuple(mean.tolist()), latents_std=tuple(std.tolist()))
    (scratch / "codec.json").write_text(_dump(config))
    clips = {
        "tabletop": np.stack(rows[:16]),
        "textures": np.stack([moving_texture(rng, 9, _LARGE) for _ in range(16)]),
    }
    return {f"psnr_db_{name}": round(_psnr(codec, torch.from_numpy(clip)), 2) for name, clip in clips.items()}


def load_codec(folder: Path) -> VideoCodec:
    """The codec that `train_codec` left in `folder`."""
    import json

    codec = VideoCodec(CodecConfig.from_json(json.loads((folder / "codec.json").read_text())))
    codec.vae.load_state_dict(load_file(folder / "codec.safetensors"), strict=True)
    return codec


def _dump(config: CodecConfig) -> str:
    import json

    return json.dumps(config.to_json(), indent=1) + "\n"


def _cycle(vae: torch.nn.Module, scenes: Sequence[NDArray[np.uint8]], config: CodecTraining, seed: int) -> None:
    """Train for `config.steps` steps, one rise and fall of the learning rate."""
    optimiser = torch.optim.AdamW(vae.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=1e-3)
    rng = np.random.default_rng(seed)
    sampler = torch.Generator().manual_seed(seed)
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = one_cycle(step, config.steps, config.learning_rate)
        large = step >= config.steps * (1 - config.large_share)
        clips = _clips(rng, scenes, large=large, scene_share=config.scene_share)
        guided = config.guided_share * config.steps
        guide = _GUIDE_WEIGHT * max(0.0, 1 - step / guided) if guided else 0.0
        loss, square = _loss(vae, clips, sampler, guide)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        if step % 50 == 0:
            log.info("codec step %d of %d: %.2f dB, loss %.4f", step, config.steps, _decibel(square), loss.item())


def _clips(rng: np.random.Generator, scenes: Sequence[NDArray[np.uint8]], *, large: bool, scene_share: float) -> Tensor:
    """A batch of clips in [-1, 1]. Shape (b, 3, t, size, size); one batch in four holds single pictures."""
    single = rng.random() < 0.25
    frames = 1 if single else (9 if large else 5)
    size = _LARGE if large else _SMALL
    count = (16 if single else 3) if large else (32 if single else 10)
    rows = [
        _scene_clip(rng, scenes, frames, size) if rng.random() < scene_share else moving_texture(rng, frames, size)
        for _ in range(count)
    ]
    pixels = torch.from_numpy(np.stack(rows)).permute(0, 4, 1, 2, 3).float()
    return (pixels / 127.5 - 1).contiguous()


def _scene_clip(
    rng: np.random.Generator, scenes: Sequence[NDArray[np.uint8]], frames: int, size: int
) -> NDArray[np.uint8]:
    """A cut from a random episode, at 5 Hz."""
    scene = scenes[int(rng.integers(len(scenes)))]
    start = int(rng.integers(scene.shape[1] - frames + 1))
    top, left = (int(value) for value in rng.integers(0, scene.shape[2] - size + 1, 2))
    episode = scene[int(rng.integers(len(scene)))]
    return np.array(episode[start : start + frames, top : top + size, left : left + size])


def _loss(vae: torch.nn.Module, clips: Tensor, sampler: torch.Generator, guide: float) -> tuple[Tensor, float]:
    """What is seen of the reconstruction's error, with a light pull of the latents towards a unit Gaussian; and MSE."""
    posterior = vae.encode(clips).latent_dist  # type: ignore[operator]
    noise = torch.randn(posterior.mean.shape, generator=sampler)
    latents = posterior.mean + posterior.std * noise
    guess = vae.decode(latents).sample  # type: ignore[operator]
    divergence = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
    loss = _visible_error(guess, clips) + _KL_WEIGHT * divergence
    if guide > 0:
        loss = loss + guide * (posterior.mean - _plain_code(clips)).square().mean()
    return loss, float((guess - clips).square().mean().detach())


def _plain_code(clips: Tensor) -> Tensor:
    """A code anybody could write down, to start from: colours of each cell's quarters, and how their grey changed.

    Left alone, the autoencoder finds brightness first and colours thousands of steps later. Pulled towards this code
    for the first steps, it has colours from the beginning, and then improves on the code.

    Args:
        clips: In [-1, 1], 1 + 4i frames. Shape (b, 3, t, h, w).

    Returns:
        12 channels of colour at the latent frame's last picture, 4 of change since its first. Shape (b, 16, l, h2, w2).
    """
    rows = []
    for end in range(0, clips.shape[2], 4):
        last, first = (F.avg_pool2d(clips[:, :, at], _CELL // 2) for at in (end, max(0, end - 3)))
        change = (last - first).mean(1, keepdim=True)
        rows.append(torch.cat([F.pixel_unshuffle(part, 2) for part in (last, change)], dim=1))
    return _CODE_SCALE * torch.stack(rows, dim=2)


def _visible_error(guess: Tensor, clips: Tensor) -> Tensor:
    """Error of brightness and, more heavily, of colour; vivid, contrasting and moving pixels count most.

    Plain squared error learns the table first and small things very late: after 2400 steps of it, red, green and
    blue blocks all came out as dark spots, and the gripper hardly at all.
    """
    error = guess - clips
    grey = error.mean(1, keepdim=True)
    colour = error - grey
    vivid = clips.amax(1, keepdim=True) - clips.amin(1, keepdim=True)
    frames = clips.mean(1)
    contrast = (frames - F.avg_pool2d(frames, 9, 1, 4, count_include_pad=False)).abs().unsqueeze(1)
    moving = (frames - frames.mean(1, keepdim=True)).abs().unsqueeze(1)
    heavy = 1 + _VIVID_WEIGHT * (vivid + contrast) + _MOVING_WEIGHT * moving
    return (heavy * (grey.abs() + grey.square() + _COLOUR_WEIGHT * (colour.abs() + colour.square()))).mean()


def _decibel(square: float) -> float:
    """PSNR of a mean squared error measured on pixels in [-1, 1]."""
    return float(10 * np.log10(4 / max(square, 1e-9)))


def _psnr(codec: VideoCodec, clips: Tensor) -> float:
    parts = [codec.decode(codec.encode(part)).float() - part.float() for part in torch.split(clips, 4)]
    return _decibel(float((torch.cat(parts) / 127.5).square().mean()))
