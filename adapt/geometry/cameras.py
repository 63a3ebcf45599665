"""Which ray does a pixel look along? Pinhole cameras, declared by their intrinsics or assumed from a field of view.

Pixels are measured from the picture's upper left corner, so that the middle of the first pixel is at (0.5, 0.5) and
shares of width and height (MediaPipe's) times the size are pixels. OpenCV counts from the first pixel's middle: its
principal point is half a pixel less.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.errors import DataError

ASSUMED_FOV_DEG = 70.0
ASSUMED_FOCAL_SIGMA = 0.25
_KEYS = ("width_px", "height_px", "fx_px", "fy_px", "cx_px", "cy_px")
_FOV_KEYS = ("width_px", "height_px", "fov_deg")
_MOST_PX = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinhole:
    """A camera without distortion.

    Args:
        width_px: Width of the upright picture.
        height_px: Its height.
        fx_px: Focal length along x, pixels.
        fy_px: Along y.
        cx_px: Where the optical axis meets the picture, from its left edge, pixels.
        cy_px: From its upper edge.
        focal_sigma: One standard deviation of the focal length as a share of it; 0 for a calibrated camera.
        origin: "declared" where someone gave the numbers, "assumed" where nobody did.

    Raises:
        ValueError: A size or focal length is not above 0, or is beyond reason.
    """

    width_px: float
    height_px: float
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    focal_sigma: float = 0.0
    origin: str = "declared"

    def __post_init__(self) -> None:
        sizes = (self.width_px, self.height_px, self.fx_px, self.fy_px)
        finite = all(math.isfinite(number) for number in (self.cx_px, self.cy_px, self.focal_sigma))
        if not finite or not all(0 < size < _MOST_PX for size in sizes) or self.focal_sigma < 0:
            raise ValueError(f"a camera whose numbers are not above 0, or beyond reason: {self}")

    def project(self, points_m: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 2"]:
        """Where points are seen, pixels; NaN for what is not before the camera.

        Args:
            points_m: In the camera's frame (x right, y down, z forward), metres.
        """
        depth = points_m[..., 2:]
        focal, middle = self._parameters(points_m)
        return torch.where(depth > 0, points_m[..., :2] / depth * focal + middle, torch.nan)

    def rays(self, pixels: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 3"]:
        """The direction in which pixels look, in the camera's frame, scaled so that z is 1."""
        focal, middle = self._parameters(pixels)
        slopes = (pixels - middle) / focal
        return torch.cat((slopes, torch.ones_like(slopes[..., :1])), dim=-1)

    def of_shares(self, shares: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
        """Pixels of points told as shares of width and height."""
        return shares * shares.new_tensor((self.width_px, self.height_px))

    def resized(self, width_px: float, height_px: float) -> "Pinhole":
        """The same camera with its picture scaled to another size."""
        across, down = width_px / self.width_px, height_px / self.height_px
        return replace(
            self,
            width_px=width_px,
            height_px=height_px,
            fx_px=self.fx_px * across,
            cx_px=self.cx_px * across,
            fy_px=self.fy_px * down,
            cy_px=self.cy_px * down,
        )

    def mirrored(self) -> "Pinhole":
        """The camera that took the picture mirrored left to right."""
        return replace(self, cx_px=self.width_px - self.cx_px)

    def _parameters(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return like.new_tensor((self.fx_px, self.fy_px)), like.new_tensor((self.cx_px, self.cy_px))


def from_field_of_view(width_px: float, height_px: float, fov_deg: float, *, focal_sigma: float = 0.02) -> Pinhole:
    """A camera with square pixels and its axis in the middle of the picture.

    Args:
        width_px: Width of the upright picture.
        height_px: Its height.
        fov_deg: Angle of view along the longer side, degrees, above 1 and below 175.
        focal_sigma: How well that is known: a data sheet's angle is good to about 2 % of the focal length.

    Raises:
        ValueError: The angle or a size is beyond reason.
    """
    if not 1 < fov_deg < 175:
        raise ValueError(f"a field of view of {fov_deg} degrees; give one above 1 and below 175")
    focal = max(width_px, height_px) / 2 / math.tan(math.radians(fov_deg) / 2)
    return Pinhole(
        width_px=width_px,
        height_px=height_px,
        fx_px=focal,
        fy_px=focal,
        cx_px=width_px / 2,
        cy_px=height_px / 2,
        focal_sigma=focal_sigma,
    )


def assumed_camera(width_px: float, height_px: float) -> Pinhole:
    """What to take a camera for of which nobody says anything; its `origin` is "assumed".

    Phones filming video see 60 to 75 degrees along the longer side, action cameras 80 to 120 after their own
    correction: 70 degrees, and a focal length uncertain by a quarter, spans most of them within two deviations.
    """
    guess = from_field_of_view(width_px, height_px, ASSUMED_FOV_DEG, focal_sigma=ASSUMED_FOCAL_SIGMA)
    return replace(guess, origin="assumed")


def read_camera(entry: object, where: str) -> Pinhole:
    """A camera as declared in a YAML or JSON file.

    Args:
        entry: A mapping of width_px, height_px and either fx_px, fy_px, cx_px, cy_px or fov_deg.
        where: What the entry is called in messages: file and key.

    Raises:
        DataError: Keys are missing or unknown, or a value is not a number within reason.
    """
    keys = sorted(map(str, entry)) if isinstance(entry, Mapping) else []
    if not isinstance(entry, Mapping) or keys not in (sorted(_KEYS), sorted(_FOV_KEYS)):
        found = ", ".join(keys) or "no keys"
        raise DataError(f"{where}: a camera has {found}; give {', '.join(_KEYS)}, or {', '.join(_FOV_KEYS)}.")
    numbers = {}
    for key in keys:
        value = entry[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataError(f"{where}: {key} is {value!r}; give a number.")
        numbers[key] = float(value) if abs(value) < _MOST_PX else math.inf
    try:
        if "fov_deg" in numbers:
            return from_field_of_view(numbers["width_px"], numbers["height_px"], numbers["fov_deg"])
        width_px, height_px, fx_px, fy_px, cx_px, cy_px = (numbers[key] for key in _KEYS)
        return Pinhole(width_px=width_px, height_px=height_px, fx_px=fx_px, fy_px=fy_px, cx_px=cx_px, cy_px=cy_px)
    except ValueError as error:
        raise DataError(f"{where}: {error}; give sizes in pixels and angles in degrees.") from error
