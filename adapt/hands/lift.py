"""Where is the hand in metres? Landmarks of the picture and a shape in metres, joined in the camera's frame.

MediaPipe tells where 21 joints are in the picture, and what shape the hand has, in metres about its own centre. A shape
of known size that is seen so large must be so far away: for each look the one place is found from which the shape's
joints are seen where they are seen. What that rests on is told with the result:

- The hand's size. MediaPipe gives everybody about the same hand; people differ by some 6 % (one deviation; ANSUR II),
  and the model from itself by more. A measured palm (`palm_m`) takes away the first.
- The focal length. Distance grows with it, while places to the side do not change. Where the field of view is assumed,
  the distance is uncertain by a quarter.
- With a depth picture neither matters to the distance.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.geometry.cameras import Pinhole
from adapt.geometry.frames import CAMERA, PALM, Pose
from adapt.geometry.outliers import MOST_ACCELERATION_M_S2, is_outlier
from adapt.geometry.rotations import geodesic_rad
from adapt.geometry.smoothing import smooth_positions, smooth_rotations
from adapt.hands.palm import palm_position, palm_rotation, pinch_aperture
from adapt.hands.place import place_shapes
from adapt.hands.tracks import PALM_M, FollowedHand

NEAREST_M, FARTHEST_M = 0.05, 3.0
SIZE_SIGMA = 0.12  # of a hand nobody measured, as a share: people's own 6 %, and the model's
MEASURED_SIGMA = 0.1  # the model's alone
LANDMARK_SIGMA = 0.1  # of the palm's length: by so much its joints are seen beside where they are
DEPTH_SIGMA_M = 0.012  # joints lie that deep below the skin, give or take

_JUMP_M = 0.06
_JUMP_AHEAD = 3.0  # Distances jitter so much more than places to the side.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiftedHand:
    """One hand in metres, in the camera's frame (x right, y down, z forward), one row per look of the video.

    Args:
        side: "left" or "right".
        time_s: Of the looks, seconds.
        palm: Where the palm is and how it is turned (`adapt.hands.palm`).
        joints_m: All joints, not smoothed.
        aperture_m: Thumb tip to index tip.
        aperture_palms: The same in lengths of the palm, which no error of size or distance touches; of the palm that
            was measured, or of the one that the model gives everybody.
        sigma_m: One standard deviation of the palm's place along the camera's axes; errors of size and focal length
            are the same for the whole track, and differences between its rows are better than that.
        scale_sigma: The same of a motion, as a share of it: to the side, and ahead.
        jitter_m: How far the palm was measured from where it is put; 0 where nothing was smoothed.
        jitter_rad: By how much its turn was measured otherwise.
        confidence: In [0, 1]; rows of 0 are meaningless.
        outliers: Known in the picture, and not believed in metres.
        focal_origin: "declared", "assumed", or "not needed" with depth.
        size_origin: "measured", "assumed", or "depth".
    """

    side: str
    time_s: Float[Tensor, " t"]
    palm: Pose
    joints_m: Float[Tensor, "t 21 3"]
    aperture_m: Float[Tensor, " t"]
    aperture_palms: Float[Tensor, " t"]
    sigma_m: Float[Tensor, "t 3"]
    scale_sigma: tuple[float, float]
    jitter_m: Float[Tensor, " t"]
    jitter_rad: Float[Tensor, " t"]
    confidence: Float[Tensor, " t"]
    outliers: Bool[Tensor, " t"]
    focal_origin: str
    size_origin: str


def lift(
    hand: FollowedHand,
    time_s: Float[Tensor, " t"],
    camera: Pinhole,
    *,
    palm_m: float | None = None,
    depth_m: Float[Tensor, "t 21"] | None = None,
    smooth: bool = True,
) -> LiftedHand | None:
    """Put a followed hand into metres.

    Args:
        hand: Of `follow_hands`.
        time_s: Time of each look, seconds.
        camera: What took the video, for pictures of any size.
        palm_m: The wearer's own wrist to middle knuckle, measured, metres.
        depth_m: What a depth camera beside the video saw at each landmark (`adapt.hands.depth`), NaN where nothing.
        smooth: Whether jitter is taken from places, turns and apertures.

    Returns:
        Float64 rows for all looks; None where no look is within reason.

    Raises:
        ValueError: The palm has no size, or one of no hand.
    """
    if palm_m is not None and not 0.04 <= palm_m <= 0.15:
        raise ValueError(f"a palm of {palm_m} m from wrist to middle knuckle; give metres, 0.04 to 0.15")
    at = hand.known.nonzero().flatten()
    if not len(at):
        return None
    # Not each look's own palm: where the model mistakes a palm pitched away for a short one, its size as a whole is
    # still right. Against a drawn hand, scaling look by look doubled the scatter of the distance, or worse.
    shapes = hand.track.world_m[at].double() * (1.0 if palm_m is None else palm_m / PALM_M)
    pixels = camera.of_shares(hand.track.landmarks[at, :, :2].double())
    joints = place_shapes(shapes, pixels, camera, depth_m=None if depth_m is None else depth_m[at].double())
    position, rotation = palm_position(joints), palm_rotation(joints, hand.side)
    clock = time_s[at].double()
    off = _unreasonable(position, rotation, clock)
    weight = torch.where(off, 0.0, hand.confidence[at].double())
    if not bool((weight > 0).any()):
        return None
    metres = PALM_M if palm_m is None else palm_m
    opening = pinch_aperture(joints) / metres
    calm, turned, opening = _calmed(position, rotation, opening, clock, weight, smooth=smooth)
    scale = _scale_sigma(camera, measured=palm_m is not None, depth=depth_m is not None)
    rows = _Rows(count=len(time_s), at=at)
    placed = rows.spread(calm)
    return LiftedHand(
        side=hand.side,
        time_s=time_s.double(),
        palm=Pose(rotation=rows.spread(turned, fill=torch.eye(3)), position_m=placed, of=PALM, within=CAMERA),
        joints_m=rows.spread(joints),
        aperture_m=rows.spread(opening * metres),
        aperture_palms=rows.spread(opening),
        sigma_m=_sigma_m(placed, scale, depth=depth_m is not None),
        scale_sigma=scale,
        jitter_m=rows.spread((calm - position).norm(dim=1)),
        jitter_rad=rows.spread(geodesic_rad(turned, torch.where(off[:, None, None], turned, rotation))),
        confidence=rows.spread(weight),
        outliers=rows.spread(off),
        focal_origin="not needed" if depth_m is not None else camera.origin,
        size_origin="depth" if depth_m is not None else "assumed" if palm_m is None else "measured",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Puts rows of some looks among rows of all."""

    count: int
    at: Tensor

    def spread(self, rows: Tensor, fill: Tensor | None = None) -> Tensor:
        """Rows of the looks at `at` among rows of all, shape (count, ...); the others are 0, or `fill`."""
        whole = torch.zeros(self.count, *rows.shape[1:], dtype=rows.dtype)
        if fill is not None:
            whole[:] = fill.to(rows.dtype)
        whole[self.at] = rows
        return whole


def _unreasonable(
    position: Float[Tensor, "n 3"], rotation: Float[Tensor, "n 3 3"], time_s: Float[Tensor, " n"]
) -> Bool[Tensor, " n"]:
    """Out of reach of any camera's hands, without a frame, or away from where it was a moment before and after.

    Source:
        0.05 to 3 m: HumanEgo.
    """
    distance = position[:, 2]
    broken = ~torch.isfinite(rotation).all(dim=(1, 2)) | ~((distance >= NEAREST_M) & (distance <= FARTHEST_M))
    fine = (~broken).nonzero().flatten()
    if len(fine):
        scaled = position[fine] / position.new_tensor((1.0, 1.0, _JUMP_AHEAD))
        jumped = is_outlier(scaled, time_s[fine], floor=_JUMP_M, acceleration=MOST_ACCELERATION_M_S2)
        broken[fine[jumped]] = True
    return broken


def _calmed(
    position: Float[Tensor, "n 3"],
    rotation: Float[Tensor, "n 3 3"],
    aperture: Float[Tensor, " n"],
    time_s: Float[Tensor, " n"],
    weight: Float[Tensor, " n"],
    *,
    smooth: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    if not smooth:
        return position, rotation, aperture
    rows = torch.where(weight[:, None] > 0, torch.cat((position, aperture[:, None]), dim=1), 0.0)
    calm = smooth_positions(rows, time_s, weight)
    return calm[:, :3], smooth_rotations(rotation, time_s, weight), calm[:, 3].clamp(min=0)


def _scale_sigma(camera: Pinhole, *, measured: bool, depth: bool) -> tuple[float, float]:
    """How wrong motions to the side and ahead can be, as shares of them.

    x and y are pixels times z over the focal length. Without depth z is focal length times size over pixels: so x and
    y know nothing of the focal length, and share the error of the size. With depth it is the other way round.
    """
    if depth:
        return camera.focal_sigma, 0.0
    size = MEASURED_SIGMA if measured else SIZE_SIGMA
    return size, math.hypot(size, camera.focal_sigma)


def _sigma_m(position: Float[Tensor, "t 3"], scale: tuple[float, float], *, depth: bool) -> Float[Tensor, "t 3"]:
    sideways, ahead = scale
    by_scale = position.abs() * position.new_tensor((sideways, sideways, ahead))
    beside = LANDMARK_SIGMA * PALM_M
    return torch.hypot(by_scale, position.new_tensor((beside, beside, DEPTH_SIGMA_M if depth else 0.0)))
