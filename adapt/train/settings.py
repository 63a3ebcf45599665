"""How training is set: batches, rates, losses, and what is checked on the way. Light: imports no tensor library."""

from collections.abc import Callable
from dataclasses import dataclass, field

from adapt.errors import RecipeError
from adapt.objectives.choices import NONE, TIMESTEPS, WEIGHTINGS

BASE = "base"
# Settings that do not decide the result: a run may go on with others.
HOW_NOT_WHAT = ("devices", "strategy", "checkpointing")

_COUNTS = (
    "steps",
    "batch_size",
    "accumulation",
    "checkpoint_every",
    "validate_every",
    "validation_windows",
    "log_every",
    "predicted_future_steps",
    "devices",
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
_CHOICES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("timesteps", (BASE, *TIMESTEPS)),
    ("weighting", WEIGHTINGS),
    ("strategy", ("auto", "ddp", "fsdp2")),
)


@dataclass(slots=True, kw_only=True)
class NoiseFloor:
    """Lowest noise level at which action labels teach, by where they come from; 0 is every level.

    Labels that no robot carried out are right in the large and wrong in the small, and noise hides the small: from
    the floor up they can help, below it they would teach their own errors. Where there is no noise level there is no
    floor: heads that regress actions, and reading in one step, which starts and ends at level 1, take such labels as
    any other.

    Args:
        robot: Lowest noise level at which actions that a robot was recorded carrying out teach; 0 is every level.
        hand_retarget: The same for actions read off a human hand and carried over to the body.
        idm: The same for actions that an inverse-dynamics model wrote to video.

    Source:
        Daras et al. 2025 (Ambient Diffusion Omni), arXiv:2506.10038: noise draws a good and a bad distribution
        together, so bad data may teach from some level up. For human actions Pace et al. 2025 (X-Diffusion),
        arXiv:2511.04671, who report 16 % more success than with all of them at every level. X-Diffusion finds each
        action's level with a classifier that tells human from robot under noise; Ambient does so too, or sets one by
        hand. Ours is one number a provenance, set by hand, and 0 until one is measured for the data at hand.
    """

    robot: float = 0.0
    hand_retarget: float = 0.0
    idm: float = 0.0

    def __post_init__(self) -> None:
        for name in ("robot", "hand_retarget", "idm"):
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise RecipeError(
                    f"train.noise_floor.{name} is {value}; give a noise level from 0, where such labels teach at "
                    "every level, to below 1, where they would teach at none."
                )


@dataclass(slots=True, kw_only=True)
class TrainConfig:
    """Fine-tuning of the adapters and the heads.

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
        timesteps: How the noise levels of the video and of the joint head's actions are drawn: "base" as the base was
            trained, "coupled" one a chunk for both, "independent" one for each, "decoupled" the video's close to 1
            and the actions' uniform, for few steps at inference.
        shift: How far those levels lean towards 1 (1 is not at all); null is the base's, and 1 where they are
            decoupled, since that law leans already.
        weighting: Which of those levels count more in the losses: "none" all alike, "bell" the middle as in the
            training of Wan and DreamZero, "logit_normal" the middle as in Stable Diffusion 3.
        noise_floor: Lowest noise level at which action labels teach, by where they come from.
        checkpoint_every: Steps between checkpoints; a killed run goes on from the last one.
        validate_every: Steps between validations; the best of them is what is kept.
        validation_windows: Most validation windows looked at.
        log_every: Steps between lines in the logs.
        checkpointing: Keep of each block of the video transformer only what goes in, and compute the rest again when
            gradients are taken: a third more work, and a small part of the memory. The result is the same.
        devices: Processes that share each step's windows, each on a device of its own.
        strategy: How they share the model: "ddp" each has a whole one, "fsdp2" each has a part of it, "auto" whole
            ones.
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
    timesteps: str = BASE
    shift: float | None = None
    weighting: str = NONE
    noise_floor: NoiseFloor = field(default_factory=NoiseFloor)
    checkpoint_every: int = 50
    validate_every: int = 50
    validation_windows: int = 24
    log_every: int = 10
    checkpointing: bool = False
    devices: int = 1
    strategy: str = "auto"

    def __post_init__(self) -> None:
        for names, fits, wanted in _RANGES:
            for name in names:
                if not fits(getattr(self, name)):
                    raise RecipeError(f"train.{name} is {getattr(self, name)}; give {wanted}.")
        for name, known in _CHOICES:
            if getattr(self, name) not in known:
                raise RecipeError(f"train.{name} is '{getattr(self, name)}'; choose one of: {', '.join(known)}.")
        if self.shift is not None and self.shift <= 0:
            raise RecipeError(f"train.shift is {self.shift}; give a number above 0, or null for the base's.")
        if self.accumulation > self.batch_size:
            raise RecipeError(
                f"train.accumulation is {self.accumulation}, train.batch_size {self.batch_size}; a part would be "
                f"empty. Set train.accumulation to at most {self.batch_size}."
            )
