"""In whose axes? Rigid poses that know which frame they are of and within which frame they are told.

Frames, by the field's names; all are right-handed, in metres:

- "camera": the optical frame of OpenCV, ROS (REP 103, `_optical_frame`) and MediaPipe's world landmarks: x right,
  y down, z forward into the scene.
- "opengl": x right, y up, z backward; also Blender's, MuJoCo's and ARKit's cameras.
- "body": REP 103's axes of anything that moves: x forward, y left, z up.
- "palm": origin at the mean of wrist and knuckles; x from the wrist to the middle knuckle, z out of the
  back of the hand, y = z cross x; see `adapt.hands.palm`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

CAMERA, OPENGL, BODY, PALM = "camera", "opengl", "body", "palm"

# Columns: the axes of the frame named second, told in the first.
CAMERA_FROM_OPENGL = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))
BODY_FROM_CAMERA = ((0.0, 0.0, 1.0), (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pose:
    """Where a frame is and how it is turned, told in another frame's axes.

    Args:
        rotation: Its axes as columns, in the axes of `within`.
        position_m: Its origin in `within`, metres.
        of: Name of the frame that is placed.
        within: Name of the frame in which it is told.
    """

    rotation: Float[Tensor, "*b 3 3"]
    position_m: Float[Tensor, "*b 3"]
    of: str
    within: str

    def inverse(self) -> "Pose":
        """The same, seen from the other side: `within` told in the axes of `of`."""
        back = self.rotation.transpose(-1, -2)
        return Pose(rotation=back, position_m=-_turned(back, self.position_m), of=self.within, within=self.of)

    def __matmul__(self, other: "Pose") -> "Pose":
        """What `other` is of, told in what `self` is within.

        Raises:
            ValueError: `other` is not told in the frame that `self` is of.
        """
        if other.within != self.of:
            raise ValueError(f"a pose of '{self.of}' cannot carry one told within '{other.within}'")
        return Pose(
            rotation=self.rotation @ other.rotation,
            position_m=_turned(self.rotation, other.position_m) + self.position_m,
            of=other.of,
            within=self.within,
        )

    def carry(self, points_m: Float[Tensor, "*b n 3"]) -> Float[Tensor, "*b n 3"]:
        """Points told in `of`, told in `within`; metres."""
        return points_m @ self.rotation.transpose(-1, -2) + self.position_m[..., None, :]


def turn_between(of: str, within: str) -> Float[Tensor, "3 3"]:
    """The fixed rotation between two conventions for the axes of one camera or body, float64.

    Args:
        of: "camera", "opengl" or "body".
        within: Another of them.

    Raises:
        ValueError: A name is not one of these.
    """
    to_camera = {
        CAMERA: torch.eye(3, dtype=torch.float64),
        OPENGL: torch.tensor(CAMERA_FROM_OPENGL, dtype=torch.float64),
        BODY: torch.tensor(BODY_FROM_CAMERA, dtype=torch.float64).T,
    }
    for name in (of, within):
        if name not in to_camera:
            raise ValueError(f"'{name}' is no convention for axes; choose of {', '.join(to_camera)}")
    return to_camera[within].T @ to_camera[of]


def _turned(rotation: Tensor, vector: Tensor) -> Tensor:
    return (rotation @ vector[..., None])[..., 0]
