"""How training is set: batches, rates, losses, and what is checked on the way. Light: imports no tensor library."""

from collections.abc import Callable
from dataclasses import dataclass

from adapt.errors import RecipeError

_COUNTS = (
    "steps",
    "batch_size",
    "accumulation",
    "checkpoint_every",
    "validate_every",
    "validation_windows",
    "log_every",
    "predicted_future_steps",
)
_RANGES: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
    (_COUNTS, lambda value: value >= 1, "1 or more"),
    (
        ("warmup_share", "text_dropout", "noised_future_share", "noised_future_sigma", "hidden_state_share"),
        lambda value: 0.0 <= value <= 1.0,
        "a share from 0 to 1",
    ),
    (("replay_share",), lambda value: 0.0 <= value < 1.0, "a share from 0 to below 1, so that new data is seen"),
    (
        ("adapter_learning_rate", "head_learning_rate", "new_body_learning_rate", "clip_norm"),
        lambda value: value > 0,
        "a number above 0",
    ),
    (("weight_decay", "predicted_future_every"), lambda value: value >= 0, "0 or more"),
)


@dataclass(slots=True, kw_only=True)
class TrainConfig:
    """Fine-tuning of the adapters and the heads. The video's noise levels are drawn as the base's were.

    Args:
        steps: Optimiser steps.
        batch_size: Windows in one optimiser step, new data and replay together.
        accumulation: Parts a step's batch is worked through in; changes memory, not the result's meaning.
        adapter_learning_rate: Peak rate of AdamW for the low-rank adapters.
        head_learning_rate: Peak rate of AdamW for heads that know every body in the data; gentle, since replay is
            little and the base saw much.
        new_body_learning_rate: The same where a body is new to the heads.
        weight_decay: AdamW's decoupled weight decay.
        warmup_share: Share of the steps over which the rates rise linearly from 0; then they fall as a cosine to 0.
        clip_norm: Largest gradient norm, applied to adapters and heads apart, so that neither scales the other.
        text_dropout: Share of windows trained with the empty instruction, which guidance needs.
        replay_share: Share of replay among the windows of a step (0.5 is 1:1).
        train_heads: Train the heads too. With human video they learn from replay only, so that they follow what the
            adapted model predicts; without, they stay the base's. Robot play data always trains them.
        joint_head: Train the joint head (action tokens inside the video transformer) besides inverse dynamics.
        noised_future_share: Share of transitions whose future the inverse dynamics sees with noise, since imagined
            futures are not perfect.
        noised_future_sigma: Highest noise level of those, drawn uniformly from 0 (1 is nothing but noise).
        hidden_state_share: Share of transitions whose body state the inverse dynamics does not see.
        predicted_future_every: Every so many steps the inverse dynamics also learns from futures that the model
            itself predicts; 0 is never.
        predicted_future_steps: Denoising steps of those predictions.
        checkpoint_every: Steps between checkpoints; a killed run goes on from the last one.
        validate_every: Steps between validations; the best of them is what is kept.
        validation_windows: Most validation windows looked at.
        log_every: Steps between lines in the logs.
    """

    steps: int = 300
    batch_size: int = 8
    accumulation: int = 1
    adapter_learning_rate: float = 1e-3
    head_learning_rate: float = 5e-5
    new_body_learning_rate: float = 5e-4
    weight_decay: float = 1e-5
    warmup_share: float = 0.05
    clip_norm: float = 1.0
    text_dropout: float = 0.1
    replay_share: float = 0.5
    train_heads: bool = True
    joint_head: bool = False
    noised_future_share: float = 0.5
    noised_future_sigma: float = 0.5
    hidden_state_share: float = 0.3
    predicted_future_every: int = 4
    predicted_future_steps: int = 4
    checkpoint_every: int = 50
    validate_every: int = 50
    validation_windows: int = 24
    log_every: int = 10

    def __post_init__(self) -> None:
        for names, fits, wanted in _RANGES:
            for name in names:
                if not fits(getattr(self, name)):
                    raise RecipeError(f"train.{name} is {getattr(self, name)}; give {wanted}.")
        if self.accumulation > self.batch_size:
            raise RecipeError(
                f"train.accumulation is {self.accumulation}, train.batch_size {self.batch_size}; a part would be "
                f"empty. Set train.accumulation to at most {self.batch_size}."
            )
