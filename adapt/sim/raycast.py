"""How does a handful of solids look through a camera? A small ray caster in numpy.

Only what the tabletop needs: capsules and axis-aligned boxes above the plane z = 0, one light, no reflections.
Every solid touches only the pixels inside its own projected rectangle, so a 64 px frame costs a few milliseconds.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

EYE = np.array([0.0, -2.3, 3.4], np.float32)
LOOK_AT = np.array([0.0, -0.12, 0.0], np.float32)
HALF_VIEW = 0.3  # tangent of half the horizontal field of view
LIGHT = np.array([-0.42, -0.46, 0.78], np.float32) / np.float32(np.sqrt(0.42**2 + 0.46**2 + 0.78**2))
AMBIENT = 0.42


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsule:
    """All points within `radius` of the segment from `a` to `b`; table units."""

    a: Array
    b: Array
    radius: float
    colour: tuple[float, float, float]  # RGB in [0, 1]
    gloss: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An axis-aligned box; table units."""

    centre: Array
    half: Array
    colour: tuple[float, float, float]
    gloss: float = 0.0


Solid = Capsule | Box


@dataclass(frozen=True, slots=True)
class Camera:
    """The fixed pinhole camera at one picture size: a unit ray a pixel, and where it meets the table."""

    rays: Array  # h w 3
    table: Array  # h w 2: x, y where the ray meets z = 0
    depth: Array  # h w: distance to there
    right: Array
    up: Array
    forward: Array


@lru_cache(maxsize=8)
def camera(height: int, width: int) -> Camera:
    """The camera's rays for pictures of this size, in pixels; wider pictures see more at the sides."""
    forward = _unit(LOOK_AT - EYE)
    right = _unit(np.cross(forward, np.array([0, 0, 1], np.float32)))
    up = np.cross(right, forward).astype(np.float32)
    reach = HALF_VIEW / min(height, width)
    xs = (2 * np.arange(width, dtype=np.float32) + 1 - width) * reach
    ys = (height - 1 - 2 * np.arange(height, dtype=np.float32)) * reach
    rays = forward + xs[None, :, None] * right + ys[:, None, None] * up
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    depth = -EYE[2] / rays[..., 2]
    table = EYE[:2] + depth[..., None] * rays[..., :2]
    return Camera(rays.astype(np.float32), table.astype(np.float32), depth.astype(np.float32), right, up, forward)


def draw(background: Array, solids: list[Solid]) -> Array:
    """Draw solids over a picture of the bare table.

    Args:
        background: RGB in [0, 1]. Shape (h, w, 3).
        solids: What stands on or above the table.

    Returns:
        RGB in [0, 1]. Shape (h, w, 3).
    """
    height, width = background.shape[:2]
    view = camera(height, width)
    picture = background.copy()
    depth = view.depth.copy()
    for solid in solids:
        window = _window(solid, view, height, width)
        if window is None:
            continue
        rows, columns = window
        rays = view.rays[rows, columns]
        distance, normal = _hit_capsule(solid, rays) if isinstance(solid, Capsule) else _hit_box(solid, rays)
        nearer = distance < depth[rows, columns]
        if not nearer.any():
            continue
        depth[rows, columns][nearer] = distance[nearer]
        picture[rows, columns][nearer] = _shade(solid, normal[nearer], rays[nearer])
    return picture


def _unit(vector: Array) -> Array:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _window(solid: Solid, view: Camera, height: int, width: int) -> tuple[slice, slice] | None:
    """Pixels a solid can touch: the rectangle around its projected bounding spheres; None when out of view."""
    if isinstance(solid, Capsule):
        points, radius = np.stack([solid.a, solid.b]), solid.radius
    else:
        points, radius = solid.centre[None], float(np.linalg.norm(solid.half))
    offset = points - EYE
    ahead = np.maximum(offset @ view.forward, 0.1)
    scale = min(height, width) / (2 * HALF_VIEW)
    margin = radius / ahead * scale * 1.15 + 1
    across = width / 2 + offset @ view.right / ahead * scale
    down = height / 2 - offset @ view.up / ahead * scale
    top, bottom = max(int((down - margin).min()), 0), min(int((down + margin).max()) + 1, height)
    left, right = max(int((across - margin).min()), 0), min(int((across + margin).max()) + 1, width)
    if top >= bottom or left >= right:
        return None
    return slice(top, bottom), slice(left, right)


def _hit_capsule(solid: Capsule, rays: Array) -> tuple[Array, Array]:
    """First meeting of each ray with a capsule: distance (infinite for a miss) and outward normal."""
    axis = solid.b - solid.a
    from_a = EYE - solid.a
    length2 = float(axis @ axis) + 1e-12
    axis_ray, axis_eye = rays @ axis, float(axis @ from_a)
    # The infinite cylinder, then whichever ball closes the end the ray leaves by.
    a = length2 - axis_ray**2
    b = length2 * (rays @ from_a) - axis_eye * axis_ray
    c = length2 * float(from_a @ from_a) - axis_eye**2 - solid.radius**2 * length2
    root = b * b - a * c
    distance = (-b - np.sqrt(np.maximum(root, 0))) / np.maximum(a, 1e-12)
    share = (axis_eye + distance * axis_ray) / length2
    distance = np.where(root < 0, np.inf, distance)
    for end, outside in ((from_a, share <= 0), (EYE - solid.b, share >= 1)):
        along = rays @ end
        ball = along * along - (float(end @ end) - solid.radius**2)
        distance = np.where(outside, np.where(ball < 0, np.inf, -along - np.sqrt(np.maximum(ball, 0))), distance)
    reach = np.where(np.isfinite(distance), distance, 0)
    point = from_a + reach[..., None] * rays
    share = np.clip((point @ axis) / length2, 0, 1)
    normal = (point - share[..., None] * axis) / solid.radius
    return distance.astype(np.float32), normal.astype(np.float32)


def _hit_box(solid: Box, rays: Array) -> tuple[Array, Array]:
    """First meeting of each ray with a box: distance (infinite for a miss) and outward normal."""
    inverse = 1 / np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    middle = (solid.centre - EYE) * inverse
    reach = np.abs(inverse) * solid.half
    enter, leave = middle - reach, middle + reach
    distance = enter.max(-1)
    miss = (distance > leave.min(-1)) | (distance < 0)
    normal = (enter == distance[..., None]) * -np.sign(rays)
    return np.where(miss, np.inf, distance).astype(np.float32), normal.astype(np.float32)


def _shade(solid: Solid, normal: Array, rays: Array) -> Array:
    """Lambert's law over a soft sky, and a small highlight for glossy solids."""
    facing = np.maximum(normal @ LIGHT, 0)
    sky = 0.5 + 0.5 * normal[:, 2]
    light = AMBIENT * (0.55 + 0.45 * sky) + (1 - AMBIENT) * facing
    colour = light[:, None] * np.asarray(solid.colour, np.float32)
    if solid.gloss:
        halfway = LIGHT - rays
        halfway = halfway / np.linalg.norm(halfway, axis=-1, keepdims=True)
        colour = colour + solid.gloss * np.maximum((normal * halfway).sum(-1), 0)[:, None] ** 24
    return np.clip(colour, 0, 1).astype(np.float32)
