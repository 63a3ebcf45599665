"""Train the video autoencoder, on the tabletop and on textures, and measure its latents."""

import json
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
from adapt.models.codec import PLAIN, CodecConfig, VideoCodec
from adapt.runs.fingerprint import Json
from adapt.sim.textures import moving_texture
from pipelines.pretrain.draw import KINDS
from pipelines.pretrain.halves import HALVES
from pipelines.pretrain.progress import Progress
from pipelines.pretrain.settings import CodecTraining

log = logging.getLogger(__name__)

SIZES = CodecConfig(architecture=PLAIN, base_dim=16, dim_mult=(3, 6, 8), num_res_blocks=2)
_FRAMES, _SIDE = 9, 64
_SMALL_WEIGHT = 1e-4  # of the latents' square, so that they do not grow away from the noise
_VIVID_WEIGHT = 2.0
_CONTRAST_WEIGHT = 3.0
_MOVING_WEIGHT = 6.0
_MEASURED = 96  # clips whose latents are measured


def train_codec(scratch: Path, drawn: Path, config: CodecTraining, seed: int, processes: int = 1) -> dict[str, Json]:
    """Train the codec on what `drawn` holds; writes codec.safetensors and codec.json into `scratch`.

    Started again in the same folder after it was stopped, it goes on from its last checkpoint.
    """
    scenes = load_scenes(drawn, config.drawn_share)
    codec = VideoCodec(SIZES, seed=seed)
    vae = codec.vae.train().requires_grad_(True)  # noqa: FBT003
    trained = list(vae.parameters())
    optimiser = torch.optim.AdamW(trained, lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True)
    progress = Progress(scratch, "codec", config.steps, {"vae": vae}, [optimiser], [config.learning_rate])

    def loss_of(step: int, half: int) -> tuple[Tensor, float]:
        rng = np.random.default_rng([seed, 1, step, half])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        loss, square = _loss(vae, _clips(rng, scenes, config), generator, config.latent_noise)
        return loss, _decibel(square)

    progress.carry_out(trained, loss_of, processes)
    vae.eval().requires_grad_(False)  # noqa: FBT003
    figures = _write(scratch, _measured(codec, scenes), scenes)
    progress.finish()
    return figures


def keep_codec(scratch: Path, drawn: Path, codec: VideoCodec) -> dict[str, Json]:
    """Write what `train_codec` writes of a codec that is trained already, its latents' scale included."""
    return _write(scratch, codec, load_scenes(drawn))


def load_scenes(drawn: Path, share: float = 1.0) -> list[NDArray[np.uint8]]:
    """Frames of the gripper at tasks, of the hand and of play: each (episodes, frames, height, width, 3).

    Of each kind the first `share` of the episodes, and one at least.
    """
    files = (drawn / f"{kind}_frames.npy" for kind in KINDS)
    whole: list[NDArray[np.uint8]] = [np.load(file, mmap_mode="r") for file in files]
    return [frames[: max(1, round(share * len(frames)))] for frames in whole]


def _measured(codec: VideoCodec, scenes: Sequence[NDArray[np.uint8]]) -> VideoCodec:
    """The codec with the mean and deviation that each of its latent channels has on the tabletop."""
    latents = torch.cat([codec.encode(part) for part in torch.split(torch.from_numpy(_tabletop(scenes)), 8)])
    mean, std = latents.mean((0, 1, 3, 4)), latents.std((0, 1, 3, 4))
    scaled = VideoCodec(replace(codec.config, latents_mean=tuple(mean.tolist()), latents_std=tuple(std.tolist())))
    scaled.vae.load_state_dict(codec.vae.state_dict(), strict=True)
    return scaled


def _write(scratch: Path, codec: VideoCodec, scenes: Sequence[NDArray[np.uint8]]) -> dict[str, Json]:
    """Write the codec, and return how well it does."""
    write_tensors(scratch / "codec.safetensors", codec.vae.state_dict())
    (scratch / "codec.json").write_text(json.dumps(codec.config.to_json(), indent=1) + "\n")
    rng = np.random.default_rng(0)
    textures = np.stack([moving_texture(rng, _FRAMES, _SIDE) for _ in range(16)])
    clips = {"tabletop": _tabletop(scenes)[:32], "textures": textures}
    return {f"psnr_db_{name}": round(_psnr(codec, torch.from_numpy(clip)), 2) for name, clip in clips.items()}


def _tabletop(scenes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Clips on which a codec is measured, always the same ones."""
    rng = np.random.default_rng(0)
    return np.stack([_scene_clip(rng, scenes) for _ in range(_MEASURED)])


def load_codec(folder: Path) -> VideoCodec:
    """The codec that `train_codec` left in `folder`."""
    codec = VideoCodec(CodecConfig.from_json(json.loads((folder / "codec.json").read_text())))
    codec.vae.load_state_dict(load_file(folder / "codec.safetensors"), strict=True)
    return codec


def _clips(rng: np.random.Generator, scenes: Sequence[NDArray[np.uint8]], config: CodecTraining) -> Tensor:
    """Half a batch of clips in [-1, 1], some of them textures, some repainted. Shape (b, 3, t, h, w)."""
    rows = []
    for _ in range(max(1, config.batch_size // HALVES)):
        if rng.random() >= config.scene_share:
            rows.append(moving_texture(rng, _FRAMES, _SIDE))
            continue
        clip = _scene_clip(rng, scenes)
        # Red for blue and so on: bodies and blocks of other colours than those it was drawn with.
        rows.append(clip[..., rng.permutation(3)] if rng.random() < config.repainted_share else clip)
    pixels = torch.from_numpy(np.stack(rows)).permute(0, 4, 1, 2, 3).float()
    return (pixels / 127.5 - 1).contiguous()


def _scene_clip(rng: np.random.Generator, scenes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A cut from a random episode of a random kind."""
    scene = scenes[int(rng.integers(len(scenes)))]
    start = int(rng.integers(scene.shape[1] - _FRAMES + 1))
    return np.array(scene[int(rng.integers(len(scene))), start : start + _FRAMES])


def _loss(vae: torch.nn.Module, clips: Tensor, generator: torch.Generator, noise: float) -> tuple[Tensor, float]:
    """What is seen of the reconstruction's error, through slightly noisy latents; and the plain mean square."""
    latents = vae.encode(clips)  # type: ignore[operator]
    guess = vae.decode(latents + noise * torch.randn(latents.shape, generator=generator))  # type: ignore[operator]
    loss = _visible_error(guess, clips) + _SMALL_WEIGHT * latents.square().mean()
    return loss, float((guess - clips).square().mean().detach())


def _visible_error(guess: Tensor, clips: Tensor) -> Tensor:
    """Squared error with a little absolute error; vivid, contrasting and moving pixels count most.

    An even error learns the table first, and late what is small: blocks, finger tips.
    """
    error = guess - clips
    vivid = clips.amax(1, keepdim=True) - clips.amin(1, keepdim=True)
    grey = clips.mean(1)
    contrast = (grey - F.avg_pool2d(grey, 9, 1, 4, count_include_pad=False)).abs().unsqueeze(1)
    moving = (grey - grey.mean(1, keepdim=True)).abs().unsqueeze(1)
    heavy = 1 + _VIVID_WEIGHT * vivid + _CONTRAST_WEIGHT * contrast + _MOVING_WEIGHT * moving
    return (heavy * (error.square() + 0.1 * error.abs())).mean()


def _decibel(square: float) -> float:
    """PSNR of a mean squared error measured on pixels in [-1, 1]."""
    return float(10 * np.log10(4 / max(square, 1e-9)))


def _psnr(codec: VideoCodec, clips: Tensor) -> float:
    parts = [codec.decode(codec.encode(part)).float() - part.float() for part in torch.split(clips, 4)]
    return _decibel(float((torch.cat(parts) / 127.5).square().mean()))
