"""How far is what a depth camera saw at a landmark? For those who filmed with depth beside the colour."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

_PATCH_PX = 2


def depth_at(
    picture: Int[Tensor, "h w"], shares: Float[Tensor, "21 2"], *, metres_per_unit: float
) -> Float[Tensor, " 21"]:
    """Depth at each landmark, metres; NaN where the camera saw nothing, or the landmark lies outside.

    Args:
        picture: Depth registered to the colour picture, in units of its own, 0 where nothing was measured; of any size.
        shares: Landmarks as shares of width and height.
        metres_per_unit: Metres that one unit is: 0.001 for RealSense's and ARKit's usual millimetres.

    Returns:
        The median of what was measured within 2 px, so that a single hole or speck does not matter.

    Raises:
        ValueError: The unit is not above 0.
    """
    if not metres_per_unit > 0:
        raise ValueError(f"a unit of {metres_per_unit} m; give metres above 0, such as 0.001 for millimetres")
    height, width = picture.shape
    found = []
    for x, y in (shares.double() * shares.new_tensor((width, height)).double()).tolist():
        if not (0 <= x < width and 0 <= y < height):
            found.append(float("nan"))
            continue
        row, column = int(y), int(x)
        patch = picture[
            max(row - _PATCH_PX, 0) : row + _PATCH_PX + 1, max(column - _PATCH_PX, 0) : column + _PATCH_PX + 1
        ]
        measured = patch[patch > 0]
        found.append(float(measured.double().median()) * metres_per_unit if len(measured) else float("nan"))
    return torch.tensor(found, dtype=torch.float64)
