"""At which noise levels are video and actions trained? A law for each, and how the two go together.

A level is drawn as a quantile, uniform in [0, 1), and its law turns that into a level in [0, 1], 1 being noise. So
every coupling makes its levels of the same random numbers, and a floor under a level is exact: the quantiles below it
are left out, and what is drawn follows the law given that it is at or above the floor.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.objectives.choices import COUPLED, DECOUPLED, INDEPENDENT, TIMESTEPS
from adapt.objectives.flow import shift_sigma

DECOUPLED_POWER = 7.0  # of the video's Beta(7, 1); see `Timesteps`


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """How one noise level is drawn: Beta(power, 1), which is uniform for power 1, then shifted.

    Args:
        shift: How far levels lean towards 1 after the draw (Esser et al. 2024, arXiv:2403.03206, eq. 23); 1 is not at
            all.
        power: First parameter of the Beta law; its mean is power / (power + 1) before the shift.
    """

    shift: float = 1.0
    power: float = 1.0

    def at(self, quantile: Float[Tensor, "*x"], floor: float = 0.0) -> Float[Tensor, "*x"]:
        """The level below which a share `quantile` of the draws falls, given that they are at or above `floor`."""
        below = self.below(floor)
        u = below + (1 - below) * quantile
        if self.power != 1:
            u = u ** (1 / self.power)  # Inverts the distribution function u ** power.
        return shift_sigma(u, self.shift).clamp(min=floor)  # Rounding must not cross the floor.

    def below(self, sigma: float) -> float:
        """Share of draws below a level: the distribution function."""
        return float((sigma / (self.shift - (self.shift - 1) * sigma)) ** self.power)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timesteps:
    """Laws of a chunk's video and action levels, and whether the action takes the video's.

    - "coupled": an action has its chunk's level, as in DreamZero's default; video and actions are denoised in step.
    - "independent": each has its own, as in UWM, Fast-WAM and most others; the model also learns to read actions from
      clean video and to imagine from clean actions.
    - "decoupled": the video's leans to noise, Beta(7, 1) with mean 7/8, the action's is uniform: actions learn to be
      finished while the video is still noise, for few steps at inference.

    Args:
        coupling: One of these.
        shift: Of both laws.

    Source:
        Ye et al. 2026 (DreamZero), arXiv:2602.15922, for "coupled" and for "decoupled" (its DreamZero-Flash; Beta(7, 1)
        is the paper's, the released code has Beta(3, 1), and shifts both laws by 5 afterwards:
        wan_flow_matching_action_tf.py@ab790c1, lines 680 to 722). There the first frame has a level of its own and
        decoupled actions one a step; here the first frame is clean and a level is a chunk's. "independent": Zhu et al.
        2025 (UWM), arXiv:2504.02792.
    """

    coupling: str = INDEPENDENT
    shift: float = 1.0

    def __post_init__(self) -> None:
        if self.coupling not in TIMESTEPS:
            raise ValueError(f"timesteps are '{self.coupling}'; known: {', '.join(TIMESTEPS)}.")
        if self.shift <= 0:
            raise ValueError(f"shift is {self.shift}; it must be above 0. 1 leaves noise levels as they are.")

    @property
    def video(self) -> Law:
        """Of a chunk's video."""
        return Law(shift=self.shift, power=DECOUPLED_POWER if self.coupling == DECOUPLED else 1.0)

    @property
    def action(self) -> Law:
        """Of a chunk's actions where their labels have no floor; with one, this law given that it is at or above."""
        return Law(shift=self.shift)

    def draw(
        self, chunks: int, generator: torch.Generator, floor: float = 0.0
    ) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
        """Levels of one window's chunks: the video's, and the actions'.

        An action that shares its chunk's level takes one of its own, from the law above the floor, where the shared
        one is too low for its label. So a floor never moves the video's levels, coupled actions still share theirs
        wherever they may, and an action's level has the same law in both: the law given the floor.

        Args:
            chunks: In the window.
            generator: On the CPU; two numbers a chunk are drawn, so that the first chunks do not depend on how many
                follow.
            floor: Lowest level at which the window's action labels may teach.
        """
        video_quantile, action_quantile = torch.rand(chunks, 2, generator=generator).unbind(1)
        video, action = self.video.at(video_quantile), self.action.at(action_quantile, floor)
        return video, torch.where(video >= floor, video, action) if self.coupling == COUPLED else action
