"""Low-rank adapters on the video transformer's blocks: what a recipe may set. `adapters` does the work."""

from dataclasses import dataclass, field

from adapt.errors import RecipeError


def _default_targets() -> list[str]:
    return ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]


@dataclass(slots=True, kw_only=True)
class LoraConfig:
    """Low-rank adapters on the video transformer's blocks.

    Args:
        rank: Columns of the low-rank factors, 8 to 64; memory grows linearly.
        alpha: Adapter gain; the update is scaled by alpha / rank.
        targets: Suffixes of the linear layers that get an adapter.
        dropout: Share of the adapter's inputs dropped in training.
    """

    rank: int = 16
    alpha: float = 32.0
    targets: list[str] = field(default_factory=_default_targets)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise RecipeError(f"lora.rank is {self.rank}; a low-rank update needs at least 1. Start from 16.")
        if self.alpha <= 0:
            raise RecipeError(f"lora.alpha is {self.alpha}; it must be above 0. Start from 2 x rank.")
        if not self.targets:
            raise RecipeError("lora.targets is empty; name at least one layer suffix, such as to_q.")
        if not 0.0 <= self.dropout < 1.0:
            raise RecipeError(f"lora.dropout is {self.dropout}; choose 0 to just below 1; 0 is a good start.")
