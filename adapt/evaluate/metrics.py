"""How far is a prediction from what happened? Pure functions of two tensors."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

# A pixel counts as moving when it differs from the present frame by more than this in any colour, of 255: above the
# noise of a camera and of a codec, below anything a person would call a movement.
MOTION_THRESHOLD = 24
MOTION_LEAST_PIXELS = 4
PEAK_DB = 100.0


def frame_error(predicted: UInt8[Tensor, "t h w 3"], true: UInt8[Tensor, "t h w 3"]) -> Float[Tensor, " t"]:
    """Mean square error of each frame, with colours in [0, 1]."""
    return _square(predicted, true).mean(dim=(1, 2, 3))


def moving(true: UInt8[Tensor, "t h w 3"], present: UInt8[Tensor, "h w 3"]) -> Bool[Tensor, "t h w"]:
    """Where the true frames show something else than the present did."""
    change = (true.to(torch.int16) - present.to(torch.int16)).abs().amax(dim=-1)
    return change > MOTION_THRESHOLD


def motion_error(
    predicted: UInt8[Tensor, "t h w 3"], true: UInt8[Tensor, "t h w 3"], mask: Bool[Tensor, "t h w"]
) -> Float[Tensor, " t"]:
    """Mean square error over the moving pixels of each frame, with colours in [0, 1].

    Returns:
        One error a frame; NaN for a frame in which fewer than `MOTION_LEAST_PIXELS` pixels move.
    """
    square = _square(predicted, true).mean(dim=-1)
    count = mask.sum(dim=(1, 2))
    total = (square * mask).sum(dim=(1, 2))
    return torch.where(count >= MOTION_LEAST_PIXELS, total / count.clamp(min=1), torch.nan)


def false_motion_error(
    predicted: UInt8[Tensor, "t h w 3"], true: UInt8[Tensor, "t h w 3"], present: UInt8[Tensor, "h w 3"]
) -> Float[Tensor, " t"]:
    """Error of motion that was only imagined: things that move in the prediction and in truth stay where they are.

    `motion_error` looks where the truth moves and cannot see this; together they see both halves of the picture. The
    square error of such pixels is summed and divided by the number of pixels that truly rest, which is the same for
    every prediction: to imagine more motion, even faint, never lowers it.

    Args:
        predicted: Imagined frames.
        true: What happened.
        present: The frame before both.

    Returns:
        One error a frame, colours in [0, 1]; 0 where nothing is imagined to move that rests, NaN where
        fewer than `MOTION_LEAST_PIXELS` pixels rest.
    """
    rests = ~moving(true, present)
    only_imagined = rests & moving(predicted, present)
    square = _square(predicted, true).mean(dim=-1)
    count = rests.sum(dim=(1, 2))
    total = (square * only_imagined).sum(dim=(1, 2))
    return torch.where(count >= MOTION_LEAST_PIXELS, total / count.clamp(min=1), torch.nan)


def latent_error(predicted: Float[Tensor, "l c h w"], true: Float[Tensor, "l c h w"]) -> Float[Tensor, " l"]:
    """Mean square error of each latent frame; latents have about unit variance."""
    return (predicted.float() - true.float()).square().mean(dim=(1, 2, 3))


def psnr_db(mean_square: float) -> float:
    """Peak signal-to-noise ratio, in decibels, of an error with colours in [0, 1]; capped where there is none."""
    return PEAK_DB if mean_square <= 10 ** (-PEAK_DB / 10) else -10 * math.log10(mean_square)


def action_error(
    predicted: Float[Tensor, "k d"], true: Float[Tensor, "k d"], valid: Bool[Tensor, "k d"]
) -> Float[Tensor, " d"]:
    """Mean absolute error of each axis in its own unit; NaN for an axis without a valid step."""
    count = valid.sum(dim=0)
    error = torch.where(valid, (predicted - true).abs(), 0).sum(dim=0)
    return torch.where(count > 0, error / count.clamp(min=1), torch.nan)


def step_errors(
    predicted: Float[Tensor, "k d"], true: Float[Tensor, "k d"], valid: Bool[Tensor, "k d"]
) -> Float[Tensor, "k d"]:
    """Absolute error of each step and axis, in the axis's own unit; NaN where the truth is not valid."""
    return torch.where(valid, (predicted - true).abs(), torch.nan)


def mean_by_step(errors: Sequence[Float[Tensor, "_k d"]]) -> Float[Tensor, "_longest d"]:
    """How errors grow over the horizon: mean over the windows that are that long and valid there.

    Args:
        errors: For each window its `step_errors`; windows may differ in length.

    Returns:
        One mean a step and axis; NaN where no window has one.

    Raises:
        ValueError: There is no window.
    """
    if not errors:
        raise ValueError("a mean by step needs at least one window")
    longest = max(len(row) for row in errors)
    padded = [F.pad(row, (0, 0, 0, longest - len(row)), value=torch.nan) for row in errors]
    return torch.stack(padded).nanmean(dim=0)


def share_of_range(error: Float[Tensor, " d"], span: Float[Tensor, " d"]) -> float:
    """The error of the whole body: each axis as a share of the range it moves in, averaged over axes.

    Axes whose range is zero (they never moved in training) and axes without an error are left out.

    Args:
        error: Mean absolute error per axis, in its unit.
        span: Usual range of each axis (from its 1st to its 99th percentile), same units.

    Returns:
        Unitless; NaN where no axis counts.
    """
    counts = (span > 0) & error.isfinite()
    return float((error[counts] / span[counts]).mean()) if counts.any() else math.nan


def _square(predicted: UInt8[Tensor, "t h w 3"], true: UInt8[Tensor, "t h w 3"]) -> Float[Tensor, "t h w 3"]:
    return ((predicted.float() - true.float()) / 255).square()
