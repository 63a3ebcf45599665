"""From noise to data in a few steps: the solvers of diffusers, all visiting the same noise levels."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SOLVERS = ("euler", "unipc", "dpm++")
_NEARLY_ONE = 1.0 - 1e-6  # log(1 - sigma), which the multistep solvers take, has no value at pure noise


class Solver:
    """One way from noise to data, for one tensor: it remembers earlier steps, so video and actions need one each.

    Args:
        name: One of `SOLVERS`.
        steps: Steps from noise to data; each costs one evaluation of the velocity.
        shift: How far the noise levels lean towards noise; 1 spaces them evenly.
        top: The first level, before the shift.

    Raises:
        ValueError: The solver is unknown, or there is no step.
    """

    def __init__(self, name: str, steps: int, shift: float, top: float = 1.0) -> None:
        check_solver(name, steps)
        self._schedule: Any = _SCHEDULES[name](noise_levels(steps, shift, top))

    @property
    def levels(self) -> list[float]:
        """The noise levels at which a velocity is wanted, one each step, falling."""
        sigmas: list[float] = self._schedule.sigmas.tolist()
        return sigmas[:-1]

    def step(self, velocity: Float[Tensor, "b *x"], sample: Float[Tensor, "b *x"]) -> Float[Tensor, "b *x"]:
        """The sample at the next noise level.

        Args:
            velocity: Noise minus data, as predicted at this step's noise level.
            sample: What it was predicted from.
        """
        # Steps are counted by the schedule, not told apart by a timestep: those it keeps are rounded to integers.
        after: Tensor = self._schedule.step(velocity.to(sample.dtype), self._schedule.timesteps[0], sample).prev_sample
        return after


def check_solver(name: str, steps: int) -> None:
    """Refuse what no solver can do.

    Raises:
        ValueError: The solver is unknown, or there is no step.
    """
    if name not in SOLVERS:
        raise ValueError(f"solver is '{name}'; known: {', '.join(SOLVERS)}.")
    if steps < 1:
        raise ValueError(f"steps is {steps}; a solver needs at least 1 from noise to data. 4 to 16 are usual.")


def noise_levels(steps: int, shift: float, top: float = 1.0) -> list[float]:
    """Noise levels s = shift u / (1 + (shift - 1) u) for u / top = 1, 1 - 1 / steps, ..., 1 / steps.

    Source:
        The shift of Esser et al. 2024, arXiv:2403.03206, eq. 23. Evenly spaced u, as Wan's own sampler takes them.
    """
    even = [top * (1.0 - step / steps) for step in range(steps)]
    return [shift * u / (1.0 + (shift - 1.0) * u) for u in even]


def _euler(levels: list[float]) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    schedule = FlowMatchEulerDiscreteScheduler(shift=1.0)
    schedule.set_timesteps(sigmas=levels)
    schedule.set_begin_index(0)
    return schedule


def _unipc(levels: list[float]) -> Any:
    from diffusers import UniPCMultistepScheduler

    schedule = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0)
    schedule.set_timesteps(sigmas=np.array(levels))  # moves a level of 1 to `_NEARLY_ONE` itself
    schedule.set_begin_index(0)
    return schedule


def _dpm(levels: list[float]) -> Any:
    from diffusers import DPMSolverMultistepScheduler

    schedule = DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0)
    schedule.set_timesteps(len(levels))
    # Unlike the other two it cannot be told its levels, and its own begin at 0.999, where the sample is not yet noise.
    schedule.sigmas = torch.tensor([min(level, _NEARLY_ONE) for level in levels] + [0.0])
    schedule.set_begin_index(0)
    return schedule


_SCHEDULES = {"euler": _euler, "unipc": _unipc, "dpm++": _dpm}
