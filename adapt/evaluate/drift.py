"""How fast does a long rollout leave the truth? Its error at each chunk, nothing correcting it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Errors of long open-loop rollouts: from one true frame on, each model sees only what it imagined itself.

    Every tuple has one number a chunk of the horizon; later chunks rest on fewer rollouts, as recordings end.
    """

    chunk_s: float
    contenders: Mapping[str, tuple[float, ...]]  # latent error by contender: adapted, base, copy last frame
    actions: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # as a share of range; empty without labels
    rollouts: tuple[int, ...] = ()  # that reach each chunk
    window_chunks: int = 0  # chunks of the model's own window: beyond these the context is its own imagination alone
    note: str = ""  # how the rollout was made; why it is no longer than a window where it is not
