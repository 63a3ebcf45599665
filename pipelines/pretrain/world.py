"""Train the video transformer, its joint head and the text encoder together, on the gripper and on the hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from adapt.embodiment.spec import Embodiment
from adapt.models.bases import Base
from adapt.models.batch import Batch, Text, collate, drop_text, pad_text
from adapt.models.checkpoint import write_tensors
from adapt.models.heads.expert import GAUSSIAN, PICTURE
from adapt.models.heads.inverse_dynamics import InverseDynamicsConfig
from adapt.models.noise import draw_noise
from adapt.models.text import TextConfig, TextEncoder
from adapt.models.wan.config import WanConfig
from adapt.models.world_action import WorldActionConfig, WorldActionModel
from adapt.runs.fingerprint import Json
from pipelines.pretrain.halves import HALVES
from pipelines.pretrain.progress import Progress
from pipelines.pretrain.settings import WorldTraining
from pipelines.pretrain.windows import GEOMETRY, GRIPPER, TrainingSet

_GUIDANCE = 2.0  # docs/tiny.md tells what others gave
_LONG_SHARE = 0.25  # windows in a step of long ones: as many tokens as in one of short ones

_Pools = Sequence[tuple[Sequence[int], float]]  # places in the training set, and how often they are drawn


def new_model(body: Embodiment, seed: int) -> tuple[WorldActionModel, TextEncoder]:
    """The shipped sizes with fresh weights; the heads know the gripper."""
    # What play does with its grip cannot be foretold. A head that says how sure it is lets go of that, where a squared
    # error would let it drown what can be learnt of the tool's way.
    head = InverseDynamicsConfig(objective=GAUSSIAN, reader=PICTURE, layers=2)
    # An instruction names a place on the table, and rotary positions tell only how far two places are apart.
    sizes = WanConfig(learned_positions=(4, 4))
    config = WorldActionConfig(wan=sizes, inverse_dynamics=head, guidance=_GUIDANCE)
    model = WorldActionModel(config, GEOMETRY, seed=seed)
    model.add_body(GRIPPER, len(body.action_names), len(body.state_names), seed)
    # Words that read each other know only what they were met with: "left" after near and middle, never after far.
    return model, TextEncoder(TextConfig(words=True, context=False), seed=seed)


def begin(body: Embodiment, seed: int, base: Base | None) -> tuple[WorldActionModel, TextEncoder]:
    """The shipped sizes with fresh weights, or with those of a base, which must be of these sizes."""
    model, text = new_model(body, seed)
    if base is not None:
        model.load_state_dict(base.model.state_dict(), strict=True)
        text.load_state_dict(base.text.state_dict(), strict=True)
    return model, text


def train_world(
    scratch: Path,
    data: TrainingSet,
    begun: tuple[WorldActionModel, TextEncoder],
    config: WorldTraining,
    seed: int,
    processes: int = 1,
) -> dict[str, Json]:
    """Train what was `begun`; writes model.safetensors and text.safetensors into `scratch`.

    Started again in the same folder after it was stopped, it goes on from its last checkpoint.
    """
    model, text = begun
    model.train()
    model.requires_grad_(requires_grad=True)
    model.inverse_dynamics.requires_grad_(requires_grad=False)
    text.requires_grad_(requires_grad=True)
    trained = [*model.dit.parameters(), *model.joint.parameters(), *text.parameters()]
    optimisers, rates = _optimisers(model, trained, config), (config.matrix_rate, config.learning_rate)
    progress = Progress(scratch, "world", config.steps, {"model": model, "text": text}, optimisers, rates)
    pools = _pools(data, config)
    prompts = Prompts(text)

    def loss_of(step: int, half: int) -> tuple[Tensor, float]:
        prompts.learning = step < config.steps * config.freeze_text_at
        video, action = _losses(model, prompts, (data, pools), config, (seed, step, half))
        return video + config.joint_weight * action, float(video.detach())

    progress.carry_out(trained, loss_of, processes)
    write_tensors(scratch / "model.safetensors", model.state_dict())
    write_tensors(scratch / "text.safetensors", text.state_dict())
    progress.finish()
    return {"video_loss_last_100": round(progress.mean(), 4)}


def _optimisers(
    model: WorldActionModel, trained: Sequence[torch.nn.Parameter], config: WorldTraining
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the matrices of the transformer's blocks, AdamW for everything else.

    Source:
        Jordan et al. 2024, kellerjordan.github.io/posts/muon, as PyTorch has it, with steps as long as AdamW's
        (Liu et al. 2025, arXiv:2502.16982).
    """
    matrices = [weight for weight in model.dit.blocks.parameters() if weight.ndim == 2]
    own = {id(weight) for weight in matrices}
    others = [parameter for parameter in trained if id(parameter) not in own]
    return (
        torch.optim.Muon(
            matrices, lr=config.matrix_rate, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
    )


def load_world(folder: Path, body: Embodiment) -> tuple[WorldActionModel, TextEncoder]:
    """The model and text encoder that `train_world` left in `folder`, frozen."""
    model, text = new_model(body, 0)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    text.load_state_dict(load_file(folder / "text.safetensors"), strict=True)
    return model.eval().requires_grad_(requires_grad=False), text.requires_grad_(requires_grad=False)


class Prompts:
    """Prompts as features, each different one embedded once: in every batch while the encoder learns, then for good.

    Args:
        text: The encoder.
    """

    def __init__(self, text: TextEncoder) -> None:
        self.learning = False
        self._text = text
        self._known: dict[str, Tensor] = {}

    def into(self, batch: Batch, prompts: Sequence[str]) -> Batch:
        """The batch with its prompts embedded."""
        different = sorted(set(prompts))
        if self.learning:
            values, valid = self._text.embed(different)
            rows = torch.tensor([different.index(prompt) for prompt in prompts])
            return replace(batch, text=Text(values=values[rows], valid=valid[rows]))
        with torch.no_grad():
            for prompt in different:
                if prompt not in self._known:
                    self._known[prompt] = self._text.embed([prompt])[0][0]
        return replace(batch, text=pad_text([self._known[prompt] for prompt in prompts]))


def _losses(
    model: WorldActionModel,
    prompts: Prompts,
    seen: tuple[TrainingSet, Mapping[bool, _Pools]],
    config: WorldTraining,
    when: tuple[int, int, int],
) -> tuple[Tensor, Tensor]:
    """Mean video loss and mean joint action loss of one half of a step; `when` decides what it sees."""
    data, pools = seen
    rng = np.random.default_rng([*when, 2])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    long = when[1] % config.long_every == config.long_every - 1
    size = max(1, round(config.batch_size * (_LONG_SHARE if long else 1.0) / HALVES))
    places = _pick(rng, pools[long], size)
    batch = collate([data.samples[place] for place in places], GEOMETRY)
    batch = prompts.into(batch, [data.prompts[place] for place in places])
    batch = drop_text(batch, config.text_drop, generator)
    noise = draw_noise(batch, generator, shift=model.config.shift)
    acting = when[1] >= config.steps * config.joint_from and bool(batch.has_action.any())
    losses = model.losses(batch, noise, joint=acting)
    action = losses.video.sum * 0.0 if losses.action is None else losses.action.mean()
    return losses.video.mean(), action


def _pools(data: TrainingSet, config: WorldTraining) -> dict[bool, _Pools]:
    """Places of the training windows of each kind that there are, and its share of a step; short ones and long ones."""
    shares = {
        "robot": 1 - config.human_share - config.play_share,
        "human": config.human_share,
        "play": config.play_share,
    }
    return {
        long: [(places, share) for kind, share in shares.items() if (places := data.select("train", kind, long=long))]
        for long in (False, True)
    }


def _pick(rng: np.random.Generator, pools: _Pools, size: int) -> list[int]:
    """Places of a step's windows: of each kind its share, rounded by chance."""
    shares = np.array([share for _, share in pools])
    counts = rng.multinomial(size, shares / shares.sum())
    return [
        places[int(row)]
        for (places, _), count in zip(pools, counts, strict=True)
        for row in rng.integers(len(places), size=count)
    ]
