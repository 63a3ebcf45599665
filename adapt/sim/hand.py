"""A human right hand, drawn so that a hand detector trained on photographs finds it.

Skin-coloured capsules: a forearm from the near edge of the picture, palm, five fingers with nails. Thumb and index
finger close from two sides on the grasp point. A hand detector needs pictures of 256 px or more.
"""

from itertools import pairwise

import numpy as np

from adapt.sim.raycast import Array, Capsule, Solid
from adapt.sim.scene import SceneState, tool_height

SKIN = (0.93, 0.71, 0.57)
FLUSH = (0.9, 0.62, 0.5)
NAIL = (0.98, 0.84, 0.8)

# Table units. The wrist from the grasp point, then knuckles from the wrist: right, forward (away), up.
_WRIST = (0.19, -0.64, 0.19)
_KNUCKLES = ((-0.115, 0.33, -0.05), (-0.035, 0.36, -0.04), (0.045, 0.345, -0.045), (0.12, 0.3, -0.06))
_THUMB_ROOT = (-0.09, 0.08, -0.03)
# Fingertips from the index fingertip; finger lengths; radii at knuckle, middle and tip.
_TIPS = ((0.0, 0.0, 0.0), (0.1, 0.11, 0.02), (0.2, 0.08, 0.02), (0.28, -0.02, 0.02))
_LENGTHS = (0.4, 0.46, 0.42, 0.33)
_THUMB_LENGTH = 0.42
_RADII = ((0.05, 0.045, 0.039), (0.051, 0.046, 0.04), (0.049, 0.044, 0.038), (0.044, 0.039, 0.034))
_THUMB_RADII = (0.06, 0.052, 0.045)


def hand(state: SceneState) -> list[Solid]:
    """The solids of the hand whose thumb and index finger close on the tool's grasp point."""
    grasp = np.array([*state.tool, tool_height(state) + 0.07], np.float32)
    gap = 0.24 - 0.15 * state.grip
    wrist = np.array([*state.tool, tool_height(state)], np.float32) + np.array(_WRIST, np.float32)
    solids = _palm(wrist)
    index_tip = grasp + np.array([gap, 0.0, 0.0], np.float32)
    for finger in range(4):
        knuckle = wrist + np.array(_KNUCKLES[finger], np.float32)
        tip = index_tip + np.array(_TIPS[finger], np.float32)
        solids += _digit(knuckle, tip, _LENGTHS[finger], _RADII[finger])
    thumb_tip = grasp + np.array([-gap, -0.03, 0.0], np.float32)
    solids += _digit(wrist + np.array(_THUMB_ROOT, np.float32), thumb_tip, _THUMB_LENGTH, _THUMB_RADII)
    return solids


def _palm(wrist: Array) -> list[Solid]:
    """Forearm, back of the hand and the ball of the thumb."""
    elbow = wrist + np.array([0.35, -1.6, 0.25], np.float32)
    cuff = wrist + (elbow - wrist) * np.float32(0.3)
    solids: list[Solid] = [_skin(elbow, cuff, 0.15), _skin(cuff, wrist, 0.105)]
    roots = [wrist + np.array([v, 0.02, -0.02], np.float32) for v in (-0.06, -0.02, 0.025, 0.06)]
    knuckles = [wrist + np.array(k, np.float32) for k in _KNUCKLES]
    for root, knuckle in zip(roots, knuckles, strict=True):
        solids.append(_skin(root, knuckle, 0.068))
    for left, right in pairwise(knuckles):
        solids.append(_skin(left, right, 0.055))
    solids.append(_skin(wrist + np.array(_THUMB_ROOT, np.float32), knuckles[0], 0.055))
    return solids


def _digit(root: Array, tip: Array, length: float, radii: tuple[float, float, float]) -> list[Solid]:
    """Three bones from root to tip, arched upwards as far as their length allows, and a nail."""
    chord = tip - root
    straight = float(np.linalg.norm(chord))
    arch = 0.42 * float(np.sqrt(max(length**2 - straight**2, 0.0)))
    up = np.array([0, 0, 1], np.float32)
    joints = [root + chord * np.float32(s) + up * np.float32(arch * rise) for s, rise in ((0.45, 1.0), (0.76, 0.72))]
    points = [root, *joints, tip]
    solids: list[Solid] = [_skin(a, b, r) for a, b, r in zip(points, points[1:], radii, strict=False)]
    last = (points[3] - points[2]) / np.linalg.norm(points[3] - points[2])
    back = up - last * float(up @ last)
    back = back / np.linalg.norm(back)
    nail = tip + back * np.float32(radii[2] * 0.45)
    solids.append(
        Capsule(
            a=nail - last * np.float32(0.02),
            b=nail + last * np.float32(0.012),
            radius=radii[2] * 0.66,
            colour=NAIL,
            gloss=0.25,
        )
    )
    return solids


def _skin(a: Array, b: Array, radius: float) -> Capsule:
    return Capsule(a=a.astype(np.float32), b=b.astype(np.float32), radius=radius, colour=SKIN, gloss=0.06)
