"""From which place is a shape of known size seen as it is? The least squares behind `adapt.hands.lift`."""

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.geometry.cameras import Pinhole
from adapt.geometry.rotations import from_vector
from adapt.hands.palm import PALM

_ROUNDS = 4
_HUBER = 1.5
_BELOW_SKIN_M = 0.01  # from what a depth camera sees of a joint to the joint
_ENOUGH_DEPTHS = 3


def place_shapes(
    shapes: Float[Tensor, "n 21 3"],
    pixels: Float[Tensor, "n 21 2"],
    camera: Pinhole,
    *,
    depth_m: Float[Tensor, "n 21"] | None = None,
) -> Float[Tensor, "n 21 3"]:
    """Joints in the camera's frame, metres.

    Args:
        shapes: Joints in metres about any centre, in axes along the line of sight (see `turn_of_sight`).
        pixels: Where they are seen.
        camera: What saw them.
        depth_m: Distance of what a depth camera saw at each joint, NaN where it saw nothing; it decides the distance
            where at least three joints of the palm have one.

    Source:
        The linear equations x (Z + tz) = X + tx of a pinhole, which HumanEgo and others solve for one pair of joints;
        here for all 21, with Huber's weights, so that a finger seen wrongly does not pull the hand.
    """
    rays = camera.rays(pixels)
    turned = shapes @ turn_of_sight(rays).transpose(-1, -2)
    shift = _shift(turned, rays[..., :2])
    if depth_m is not None:
        measured = _measured_distance(turned, depth_m)
        shift = torch.where(measured.isnan()[:, None], shift, _shift_at(turned, rays[..., :2], measured))
    return turned + shift[:, None, :]


def turn_of_sight(rays: Float[Tensor, "n 21 3"]) -> Float[Tensor, "n 3 3"]:
    """The rotation from the axes of the line of sight to a hand into the camera's axes.

    The model sees a cutting around the hand, and tells its shape as if the camera looked straight at it. For a hand at
    the edge of a wide picture that is another direction by tens of degrees.

    Args:
        rays: Through the hand's joints, in the camera's axes.
    """
    sight = rays[:, list(PALM)].mean(dim=1)
    sight = sight / sight.norm(dim=-1, keepdim=True)
    ahead = torch.zeros_like(sight)
    ahead[:, 2] = 1.0
    axis = torch.linalg.cross(ahead, sight)
    sine = axis.norm(dim=-1, keepdim=True)
    return from_vector(axis / sine.clamp(min=1e-12) * torch.atan2(sine, sight[:, 2:]))


def _shift(shapes: Float[Tensor, "n 21 3"], slopes: Float[Tensor, "n 21 2"]) -> Float[Tensor, "n 3"]:
    """The shift (tx, ty, tz) after which shapes are seen at the slopes; by weighted least squares, again and again."""
    count, joints = shapes.shape[:2]
    wanted = slopes * shapes[..., 2:] - shapes[..., :2]
    columns = shapes.new_zeros(count, joints, 2, 3)
    columns[..., 0, 0] = columns[..., 1, 1] = 1.0
    columns[..., 2] = -slopes
    weight = shapes.new_ones(count, joints)
    shift = shapes.new_zeros(count, 3)
    for _ in range(_ROUNDS):
        normal = torch.einsum("nj,njai,njak->nik", weight, columns, columns)
        right = torch.einsum("nj,njai,nja->ni", weight, columns, wanted)
        # A hand seen as a point has no distance: what keeps the matrix whole puts it at none, to be rejected.
        shift = torch.linalg.solve(normal + 1e-9 * torch.eye(3, dtype=shapes.dtype), right)
        missed = (torch.einsum("njai,ni->nja", columns, shift) - wanted).norm(dim=-1)
        usual = 1.4826 * missed.median(dim=1, keepdim=True).values.clamp(min=1e-9)
        weight = (_HUBER * usual / missed.clamp(min=1e-12)).clamp(max=1.0)
    return shift


def _shift_at(
    shapes: Float[Tensor, "n 21 3"], slopes: Float[Tensor, "n 21 2"], distance_m: Float[Tensor, " n"]
) -> Float[Tensor, "n 3"]:
    """The shift along z that is given, and the x and y at which the palm is then seen where it is."""
    palm = list(PALM)
    depths = shapes[:, palm, 2:] + distance_m[:, None, None]
    across = (slopes[:, palm] * depths - shapes[:, palm, :2]).median(dim=1).values
    return torch.cat((across, distance_m[:, None]), dim=1)


def _measured_distance(shapes: Float[Tensor, "n 21 3"], depth_m: Float[Tensor, "n 21"]) -> Float[Tensor, " n"]:
    """The shift along z by the depths at the palm, NaN where too few are known; the median, since fingers cross it."""
    palm = list(PALM)
    shifts = depth_m[:, palm] + _BELOW_SKIN_M - shapes[:, palm, 2]
    enough = shifts.isfinite().sum(dim=1) >= _ENOUGH_DEPTHS
    return torch.where(enough, shifts.nanmedian(dim=1).values, torch.nan)
