"""A right hand of 21 known joints, drawn of capsules: any pose, and a pinch that can be seen.

Better proportioned for a detector than the tabletop's hand, whose grasp is hidden under its back: MediaPipe follows
its joints within a few pixels. Lengths are an adult's.
"""

import numpy as np
from numpy.typing import NDArray

from adapt.sim.shapes import Capsule, Colour, Solid

_SKIN: Colour = (0.93, 0.71, 0.57, 1.0)
_NAIL: Colour = (0.98, 0.84, 0.8, 1.0)
_GLOSS = 0.06
# Metres from the wrist in the palm's axes: to the fingers, to the thumb, out of the back.
_OPEN_THUMB = ((0.022, 0.022, -0.008), (0.055, 0.044, -0.018), (0.082, 0.058, -0.026), (0.106, 0.068, -0.032))
_SHUT_THUMB = ((0.022, 0.022, -0.008), (0.060, 0.040, -0.022), (0.092, 0.046, -0.038), (0.120, 0.047, -0.054))
_OPEN_INDEX = ((0.095, 0.024, 0.0), (0.136, 0.028, -0.006), (0.159, 0.029, -0.014), (0.180, 0.029, -0.024))
_SHUT_INDEX = ((0.095, 0.024, 0.0), (0.130, 0.032, -0.016), (0.142, 0.038, -0.036), (0.140, 0.043, -0.056))
_OTHERS = (
    ((0.097, 0.002, 0.002), (0.142, 0.003, -0.006), (0.169, 0.003, -0.016), (0.192, 0.003, -0.028)),
    ((0.091, -0.018, 0.0), (0.132, -0.021, -0.008), (0.158, -0.022, -0.018), (0.180, -0.022, -0.030)),
    ((0.082, -0.036, -0.004), (0.114, -0.043, -0.011), (0.133, -0.046, -0.018), (0.151, -0.048, -0.027)),
)
# First joint of each digit, and its bones' radii.
_DIGITS = {
    1: (0.0145, 0.0115, 0.010),
    5: (0.0105, 0.0092, 0.008),
    9: (0.0108, 0.0094, 0.0082),
    13: (0.0102, 0.009, 0.0078),
    17: (0.009, 0.008, 0.007),
}
_KNUCKLES = {5: 0.014, 9: 0.005, 13: -0.005, 17: -0.014}  # and how far to the side their bone begins at the wrist
_PALM_M, _FOREARM_M, _CUFF_M = 0.0118, 0.30, 0.05


def joints_of(place: NDArray[np.float64], turn: NDArray[np.float64], pinch: float) -> NDArray[np.float64]:
    """All joints, shape (21, 3), metres.

    Args:
        place: Where the palm is (`adapt.hands.palm`).
        turn: Its axes as columns.
        pinch: 0 open, with 84 mm between thumb and index tip, to 1, with 20 mm.
    """

    def between(wide: tuple[tuple[float, ...], ...], shut: tuple[tuple[float, ...], ...]) -> NDArray[np.float64]:
        return (1 - pinch) * np.array(wide) + pinch * np.array(shut)

    digits = [between(_OPEN_THUMB, _SHUT_THUMB), between(_OPEN_INDEX, _SHUT_INDEX), *map(np.array, _OTHERS)]
    joints = np.concatenate([np.zeros((1, 3)), *digits])
    return np.asarray(place + (joints - joints[[0, 5, 9, 13, 17]].mean(axis=0)) @ turn.T)


def solids_of(joints: NDArray[np.float64], turn: NDArray[np.float64]) -> list[Solid]:
    """What to draw: forearm, palm and digits."""
    wrist, ahead, aside = joints[0], turn[:, 0], turn[:, 1]
    cuff = wrist - ahead * _CUFF_M
    limbs = [(wrist - ahead * _FOREARM_M, cuff, 0.036), (cuff, wrist, 0.026)]
    limbs += [(wrist + aside * off + ahead * 0.008, joints[knuckle], _PALM_M) for knuckle, off in _KNUCKLES.items()]
    limbs += [(joints[a], joints[b], _PALM_M) for a, b in ((5, 9), (9, 13), (13, 17))]
    # The ball of the thumb, and the skin from there to the index finger.
    limbs += [(joints[1], (joints[5] + wrist) / 2, 0.013), (joints[2], 0.75 * joints[5] + 0.25 * wrist, 0.010)]
    for first, radii in _DIGITS.items():
        limbs += [(joints[first + bone], joints[first + bone + 1], radius) for bone, radius in enumerate(radii)]
    skin: list[Solid] = [Capsule(a=a, b=b, radius=radius, colour=_SKIN, gloss=_GLOSS) for a, b, radius in limbs]
    return skin + [
        _nail(joints[first + 2], joints[first + 3], radii[2], turn[:, 2]) for first, radii in _DIGITS.items()
    ]


def _nail(before: NDArray[np.float64], tip: NDArray[np.float64], radius: float, back: NDArray[np.float64]) -> Solid:
    """Without nails a detector cannot tell the back of one hand from the palm of the other."""
    along = (tip - before) / np.linalg.norm(tip - before)
    out = back - along * float(back @ along)
    nail = tip + out / np.linalg.norm(out) * radius * 0.45
    return Capsule(a=nail - along * 0.006, b=nail + along * 0.0036, radius=radius * 0.66, colour=_NAIL, gloss=0.25)
