"""What DreamZero's checkpoints hold beside the transformer: encoders of action and state, and CLIP's image encoder."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSizes:
    """Sizes of DreamZero's action and state encoders and of its action decoder.

    Args:
        action_dim: Slots of its action vector.
        state_dim: Slots of its state vector.
        hidden: Hidden width of the state encoder and of the action decoder.
        categories: Kinds of robot with weights of their own; the published ones have one for all.
    """

    action_dim: int = 32
    state_dim: int = 64
    hidden: int = 1024
    categories: int = 1


class ByCategory(nn.Module):
    """A linear layer with weights of its own for each category; under DreamZero's names, W with inputs first."""

    def __init__(self, categories: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.W = nn.Parameter(0.02 * torch.randn(categories, inputs, outputs))
        self.b = nn.Parameter(torch.zeros(categories, outputs))

    def forward(self, x: Float[Tensor, "b n i"], category: Int[Tensor, " b"]) -> Float[Tensor, "b n o"]:
        """Apply each row's own weights."""
        return torch.baddbmm(self.b[category].unsqueeze(1), x, self.W[category])


class TwoByCategory(nn.Module):
    """Two such layers with a rectifier between."""

    def __init__(self, categories: int, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layer1 = ByCategory(categories, inputs, hidden)
        self.layer2 = ByCategory(categories, hidden, outputs)

    def forward(self, x: Float[Tensor, "b n i"], category: Int[Tensor, " b"]) -> Float[Tensor, "b n o"]:
        """Apply both."""
        out: Tensor = self.layer2(F.relu(self.layer1(x, category)), category)
        return out


class ActionEncoder(nn.Module):
    """Noisy actions and their timestep to tokens."""

    def __init__(self, categories: int, action_dim: int, width: int) -> None:
        super().__init__()
        self.W1 = ByCategory(categories, action_dim, width)
        self.W2 = ByCategory(categories, 2 * width, width)
        self.W3 = ByCategory(categories, width, width)

    def forward(
        self, actions: Float[Tensor, "b k d"], timestep: Float[Tensor, "b k"], category: Int[Tensor, " b"]
    ) -> Float[Tensor, "b k width"]:
        """Encode actions, each step with its own timestep, 0 to 1000."""
        embedded = self.W1(actions, category)
        waves = _waves(timestep, embedded.shape[-1]).to(embedded.dtype)
        out: Tensor = self.W3(F.silu(self.W2(torch.cat([embedded, waves], dim=-1), category)), category)
        return out


class DreamZeroActions(nn.Module):
    """DreamZero's ways in and out of the joint sequence; they replace a `JointHead` where its weights are used.

    Source:
        dreamzero0/dreamzero, modules/wan_video_dit_action_casual_chunk.py at ab790c1, whose names these are.
    """

    def __init__(self, width: int, sizes: ActionSizes) -> None:
        super().__init__()
        self.state_encoder = TwoByCategory(sizes.categories, sizes.state_dim, sizes.hidden, width)
        self.action_encoder = ActionEncoder(sizes.categories, sizes.action_dim, width)
        self.action_decoder = TwoByCategory(sizes.categories, width, sizes.hidden, sizes.action_dim)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSizes:
    """Sizes of a CLIP image encoder; those of ViT-H/14, which every Wan 2.1 image-to-video model reads."""

    hidden: int = 1280
    mlp: int = 5120
    layers: int = 32
    heads: int = 16
    image: int = 224
    patch: int = 14
    projection: int = 1024


class ImageEncoder(nn.Module):
    """CLIP's image encoder through transformers; `projection` and `log_scale` are stored with it and never used."""

    def __init__(self, sizes: ImageSizes) -> None:
        from transformers import CLIPVisionConfig, CLIPVisionModel

        super().__init__()
        config = CLIPVisionConfig(
            hidden_size=sizes.hidden,
            intermediate_size=sizes.mlp,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            image_size=sizes.image,
            patch_size=sizes.patch,
            projection_dim=sizes.projection,
            hidden_act="gelu",
        )
        self.vision: Any = CLIPVisionModel(config)
        self.projection = nn.Parameter(torch.zeros(sizes.hidden, sizes.projection))
        self.log_scale = nn.Parameter(torch.zeros(()))

    @torch.no_grad()
    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b i v"]:
        """What the last block but one says of normalised pictures: the features that Wan was trained with."""
        states = self.vision(pixel_values=pixels, output_hidden_states=True).hidden_states
        features: Tensor = states[-2]
        return features

    def after_loading(self) -> None:
        """Make anew what is computed and not stored, where the module was built without memory."""
        embeddings = self.vision.embeddings
        count = embeddings.position_embedding.weight.shape[0]
        device = embeddings.position_embedding.weight.device
        embeddings.position_ids = torch.arange(count, device=device).unsqueeze(0)


def _waves(timestep: Float[Tensor, "b k"], width: int) -> Float[Tensor, "b k width"]:
    """Sines, then cosines, of a timestep at falling frequencies; the other way round than the transformer's own."""
    half = width // 2
    exponent = torch.arange(half, dtype=torch.float32, device=timestep.device) * -(
        torch.log(torch.tensor(10000.0)) / half
    )
    phase = timestep.float().unsqueeze(-1) * exponent.exp()
    return torch.cat([phase.sin(), phase.cos()], dim=-1)
