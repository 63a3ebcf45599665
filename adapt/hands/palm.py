"""How is the palm turned, and how far is it open? The palm's frame and the pinch, from joints."""

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.geometry.rotations import orthonormal

WRIST, THUMB_TIP, INDEX_KNUCKLE, INDEX_TIP, MIDDLE_KNUCKLE, LITTLE_KNUCKLE = 0, 4, 5, 8, 9, 17
KNUCKLES = (5, 9, 13, 17)
PALM = (WRIST, *KNUCKLES)


def palm_position(joints: Float[Tensor, "*b 21 3"]) -> Float[Tensor, "*b 3"]:
    """The palm's origin: the mean of wrist and four knuckles.

    Source:
        EgoVerse (its Mecka data), where the palm is where it is compared between hands.
    """
    return joints[..., list(PALM), :].mean(dim=-2)


def palm_rotation(joints: Float[Tensor, "*b 21 3"], side: str) -> Float[Tensor, "*b 3 3"]:
    """The palm's axes as columns, in the axes of the joints.

    x from the wrist to the middle knuckle, z out of the back of the hand, y = z cross x: to the thumb of a right hand,
    away from the thumb of a left one. So both hands have their fingers ahead and their backs up, and a hand and its
    mirror image differ by the sign of y.

    Args:
        joints: In a right-handed frame, any unit.
        side: "left" or "right".

    Source:
        EgoVerse's axes; there "up" is out of the palm for one hand and out of the back for the other.

    Raises:
        ValueError: The side is neither.
    """
    if side not in ("left", "right"):
        raise ValueError(f"a hand is left or right, not '{side}'")
    wrist = joints[..., WRIST, :]
    back = torch.linalg.cross(joints[..., LITTLE_KNUCKLE, :] - wrist, joints[..., INDEX_KNUCKLE, :] - wrist)
    return orthonormal(joints[..., MIDDLE_KNUCKLE, :] - wrist, back if side == "right" else -back)


def palm_size(joints: Float[Tensor, "*b 21 3"]) -> Float[Tensor, "*b"]:
    """Wrist to middle knuckle, in the unit of the joints."""
    size: Tensor = (joints[..., MIDDLE_KNUCKLE, :] - joints[..., WRIST, :]).norm(dim=-1)
    return size


def pinch_aperture(joints: Float[Tensor, "*b 21 3"]) -> Float[Tensor, "*b"]:
    """From thumb tip to index tip, in the unit of the joints."""
    aperture: Tensor = (joints[..., THUMB_TIP, :] - joints[..., INDEX_TIP, :]).norm(dim=-1)
    return aperture
