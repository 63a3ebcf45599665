"""A place seen by a camera that turns, and a hand with texture of its own that may move before it."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from footage_builder import place_picture
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation
from torch import Tensor

FOV_DEG = 70.0
SIZE = (180, 320)
STILL = (0.0, 0.0, 0.0)


def place_of(seed: int) -> NDArray[np.float64]:
    """All around the camera, as a picture of longitude and latitude."""
    return place_picture(seed, 400, 900)


def seen_from(
    place: NDArray[np.float64], turn_deg: Sequence[float], *, fov_deg: float = FOV_DEG, size: tuple[int, int] = SIZE
) -> Tensor:
    """What the camera sees after turning, shape (h, w, 3).

    Args:
        place: Of `place_of`.
        turn_deg: By how much what is seen turns about the camera's axes right, down and ahead, as a rotation vector.
        fov_deg: Angle of view along the longer side.
        size: Height and width, px.
    """
    height, width = size
    focal = max(size) / 2 / math.tan(math.radians(fov_deg) / 2)
    rows, columns = np.mgrid[:height, :width] + 0.5
    rays = np.stack(((columns - width / 2) / focal, (rows - height / 2) / focal, np.ones_like(rows)), axis=-1)
    x, y, z = np.moveaxis(rays @ Rotation.from_rotvec(np.radians(turn_deg)).as_matrix(), -1, 0)
    per_rad = SIZE[1] / 2 / math.tan(math.radians(FOV_DEG) / 2)
    at = (place.shape[0] / 2 + per_rad * np.arctan2(y, np.hypot(x, z)), place.shape[1] / 2 + per_rad * np.arctan2(x, z))
    colours = [map_coordinates(place[..., colour], at, order=1, mode="mirror") for colour in range(3)]
    return torch.from_numpy(np.clip(np.stack(colours, -1), 0, 255).astype(np.uint8))
