"""Which way up, and how wide, is a frame? Phones store the sensor's picture and a matrix that says how to turn it."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from jaxtyping import UInt8
from torch import Tensor

from adapt.video.colour import sdr_rgb, side_data

# Pixels within this of square are left as they are: 224:225 comes of rounding a size, not of an anamorphic lens.
_NEARLY_SQUARE = Fraction(1, 100)
_WIDEST = 3  # No lens or broadcast has pixels more than so much wider than high; such a tag is taken for a mistake.
# Degrees anticlockwise, by (transposed, rows flipped, columns flipped).
_TURNS = {
    (False, False, False): 0,
    (True, True, False): 90,
    (False, True, True): 180,
    (True, False, True): 270,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """How a stored picture becomes upright: transpose it, then flip its rows, its columns, or both."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @property
    def mirrored(self) -> bool:
        """Whether left and right are swapped, apart from any turn."""
        return self.transpose ^ self.flip_rows ^ self.flip_columns

    @property
    def turn_deg(self) -> int:
        """The anticlockwise turn: 0, 90, 180 or 270; of a mirrored picture, before left and right are swapped."""
        return _TURNS[self.transpose, self.flip_rows, self.flip_columns ^ self.mirrored]


def orientation(frame: VideoFrame) -> Orientation:
    """What a frame's display matrix asks for, to the nearest right angle; nothing where it has none."""
    matrix = side_data(frame, Type.DISPLAYMATRIX)
    if matrix is None:
        return Orientation()
    # A pixel at column x and row y belongs at column a*x + c*y and row b*x + d*y.
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, flip_rows=b < 0, flip_columns=c < 0)
    return Orientation(flip_rows=d < 0, flip_columns=a < 0)


def square_size(frame: VideoFrame, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """(height, width) in px of the stored picture with square pixels: its shorter side in pixels is stretched."""
    aspect = pixel_aspect or Fraction(1)
    if abs(aspect - 1) <= _NEARLY_SQUARE or not Fraction(1, _WIDEST) <= aspect <= _WIDEST:
        return frame.height, frame.width
    if aspect > 1:
        return frame.height, round(frame.width * aspect)
    return round(frame.height / aspect), frame.width


def upright_size(frame: VideoFrame, pixel_aspect: Fraction | None = None) -> tuple[int, int]:
    """(height, width) in px after turning, with square pixels.

    Args:
        frame: As the decoder gave it.
        pixel_aspect: Width of a stored pixel by its height; None where the file does not say.
    """
    height, width = square_size(frame, pixel_aspect)
    return (width, height) if orientation(frame).transpose else (height, width)


def upright_rgb(frame: VideoFrame, size: tuple[int, int]) -> UInt8[Tensor, "h w 3"]:
    """A decoded frame as SDR RGB, scaled, and turned or mirrored by its display matrix.

    Args:
        frame: As the decoder gave it.
        size: (height, width) in px to scale to, upright.

    Raises:
        ColourError: Its colours are coded in a way that cannot be converted.
    """
    turn = orientation(frame)
    height, width = reversed(size) if turn.transpose else size
    rgb = sdr_rgb(frame, height, width)
    if turn.transpose:
        rgb = rgb.transpose(1, 0, 2)
    rgb = rgb[:: -1 if turn.flip_rows else 1, :: -1 if turn.flip_columns else 1]
    return torch.from_numpy(np.ascontiguousarray(rgb))
