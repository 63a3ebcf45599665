"""How is it turned? Rotations as matrices and quaternions, their distances and their means.

A rotation is a matrix of shape (..., 3, 3) that acts on columns from the left. Quaternions are written real part first
(w, x, y, z), as MuJoCo and most of robotics write them; SciPy and ROS put w last. Axis letters of `adapt.types`; here
`*b` is any number of leading axes.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_TINY = 1e-12


def to_quaternion(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 4"]:
    """Unit quaternions of rotation matrices, real part first and not negative.

    Source:
        Bar-Itzhack 2000, "New method for extracting the quaternion from a rotation matrix": the leading eigenvector of
        a symmetric 4 x 4 matrix, which is exact for rotations and the nearest one for what is almost a rotation.
    """
    r = rotation
    xx, yy, zz = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    x, y, z = r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]
    xy, xz, yz = (r[..., i, j] + r[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    rows = ((xx + yy + zz, x, y, z), (x, xx - yy - zz, xy, xz), (y, xy, yy - xx - zz, yz), (z, xz, yz, zz - xx - yy))
    symmetric = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    leading = torch.linalg.eigh(symmetric).eigenvectors[..., :, -1]
    return torch.where(leading[..., :1] < 0, -leading, leading)


def from_quaternion(quaternion: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation matrices of quaternions, real part first, of any length but 0.

    Raises:
        ValueError: A quaternion has length 0.
    """
    length = quaternion.norm(dim=-1, keepdim=True)
    if not bool((length > _TINY).all()):
        raise ValueError("a quaternion of length 0 names no rotation")
    w, x, y, z = (quaternion / length).unbind(dim=-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def from_vector(vector_rad: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Rotations about the vectors' directions by their lengths in radians; the inverse of `to_vector` below pi."""
    half = vector_rad.norm(dim=-1, keepdim=True) / 2
    # torch.sinc(x) is sin(pi x) / (pi x), and 1 at 0: no division by an angle of 0.
    imaginary = torch.sinc(half / torch.pi) / 2 * vector_rad
    return from_quaternion(torch.cat((half.cos(), imaginary), dim=-1))


def to_vector(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3"]:
    """Rotation vectors, radians, of length at most pi; either of the two vectors at exactly pi."""
    quaternion = to_quaternion(rotation)
    imaginary = quaternion[..., 1:]
    sine = imaginary.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, quaternion[..., :1])
    return imaginary * torch.where(sine > _TINY, angle / sine.clamp(min=_TINY), torch.full_like(sine, 2.0))


def geodesic_rad(one: Float[Tensor, "*b 3 3"], other: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b"]:
    """The angle by which one rotation must be turned to be the other, radians in [0, pi]."""
    angle: Tensor = to_vector(one.transpose(-1, -2) @ other).norm(dim=-1)
    return angle


def orthonormal(forward: Float[Tensor, "*b 3"], up: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation whose columns are x along `forward`, z as near to `up` as can be, and y = z cross x.

    Where the two are parallel, or one has no length, no frame is defined and the columns are NaN.
    """
    x = forward / forward.norm(dim=-1, keepdim=True)
    across = torch.linalg.cross(up / up.norm(dim=-1, keepdim=True), x)
    size = across.norm(dim=-1, keepdim=True)
    y = torch.where(size > 1e-6, across / size, torch.full_like(across, torch.nan))
    return torch.stack((x, y, torch.linalg.cross(x, y)), dim=-1)


def mean_rotation(
    rotation: Float[Tensor, "*b n 3 3"], weight: Float[Tensor, "*b n"] | None = None
) -> Float[Tensor, "*b 3 3"]:
    """The weighted mean on the sphere of quaternions: least sum of squared chords.

    Args:
        rotation: `n` rotations to be averaged. Quaternions of opposite sign count as what they are, the same.
        weight: 0 or more, not all 0; equal where None.

    Raises:
        ValueError: A weight is negative or not a number, or all are 0.

    Source:
        Markley et al. 2007, "Averaging quaternions", J. Guidance, Control, and Dynamics 30(4), eq. 12.
    """
    if weight is None:
        weight = rotation.new_ones(rotation.shape[:-2])
    return from_quaternion(mean_quaternion(to_quaternion(rotation), weight))


def mean_quaternion(quaternion: Float[Tensor, "*b n 4"], weight: Float[Tensor, "*b n"]) -> Float[Tensor, "*b 4"]:
    """As `mean_rotation`, of unit quaternions; the sign of what is returned is arbitrary."""
    if not bool((weight >= 0).all() and (weight.sum(dim=-1) > 0).all()):
        raise ValueError("a mean of rotations needs weights of 0 or more that are not all 0")
    moment = torch.einsum("...n,...ni,...nj->...ij", weight, quaternion, quaternion)
    leading: Tensor = torch.linalg.eigh(moment).eigenvectors[..., :, -1]
    return leading
