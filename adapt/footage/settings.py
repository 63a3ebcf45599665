"""Which footage is good enough to train on? The thresholds, each with what was measured on either side of it.

The figures behind the defaults are in docs/footage_quality.md. This module imports nothing heavy: the command line
composes its settings in a fraction of a second.
"""

from dataclasses import dataclass

from adapt.errors import RecipeError

FOOTAGE_VERSION = 2  # Raise by hand when the same footage would be measured otherwise.
TOLD_ONLY = ("strong_camera_deg_s",)  # Keys that decide what the doctor says, and of no window whether it is kept.

# Key: lowest value, highest value, and the value at which it rejects nothing.
_LIMITS: dict[str, tuple[float, float, float]] = {
    "shot_change": (0.1, 2.0, 2.0),
    "min_brightness": (0.0, 1.0, 0.0),
    "max_white_share": (0.0, 1.0, 1.0),
    "min_contrast": (0.0, 1.0, 0.0),
    "max_vivid_share": (0.0, 1.0, 1.0),
    "max_seam_share": (0.0, 1.0, 1.0),
    "max_bars_share": (0.0, 1.0, 1.0),
    "max_blur": (0.0, 1.0, 1.0),
    "max_still_s": (0.2, 86_400.0, 86_400.0),
    "max_likeness": (0.3, 1.0, 1.0),
    "max_camera_deg_s": (1.0, 1000.0, 1000.0),
    "strong_camera_deg_s": (1.0, 1000.0, 1000.0),
}


@dataclass(slots=True, kw_only=True)
class FootageConfig:
    """Which windows of a human video are kept, by what the picture itself looks like.

    Args:
        shot_change: From which change between two looks, standing out from those around it, a new shot begins, 0.1 to
            2; windows are cut within shots. 2 sees no shots.
        min_brightness: How bright a picture's brightest parts (its 95th percentile) must be, as a share of white; 0
            keeps all.
        max_white_share: Largest share of a picture that may be blown out to white; 1 keeps all.
        min_contrast: Least step from a picture's darkest to its brightest parts (5th to 95th percentile), as a share
            of white; less is a picture of one colour. 0 keeps all.
        max_vivid_share: Largest share of a picture in pure, full colours, which colour bars and test cards are made
            of; 1 keeps all.
        max_seam_share: Largest share of a straight line across the picture that may be a seam between two panels; 1
            keeps all.
        max_bars_share: Largest share of the picture that black bars may take; smaller ones are told, and kept. 1 keeps
            all.
        max_blur: Largest blur, from 0 (sharp) to 1, of the middle one of a window's looks; measured at 320 px, so that
            a small video is not called blurred. 1 keeps all.
        max_still_s: Seconds for which nothing may move; shorter pauses belong to work.
        max_likeness: From which likeness of what moves (a correlation) footage counts as a copy of another video's,
            0.3 to 1; a copy is left out, and both videos count as one recording session. 1 finds none.
        max_camera_deg_s: Degrees a second that the camera may turn on average; hands are left out of account, and
            moving the camera by a centimetre before things at half a metre counts as a degree. 1000 keeps all.
        strong_camera_deg_s: The same, from which the doctor calls it strong; nothing is left out for it.
        fov_deg: Angle of view along the picture's longer side, 20 to 170 degrees, by which motion in the picture is
            told in degrees.
    """

    shot_change: float = 0.3
    min_brightness: float = 0.15
    max_white_share: float = 0.5
    min_contrast: float = 0.04
    max_vivid_share: float = 0.2
    max_seam_share: float = 0.65
    max_bars_share: float = 0.2
    max_blur: float = 0.7
    max_still_s: float = 3.0
    max_likeness: float = 0.7
    max_camera_deg_s: float = 1000.0
    strong_camera_deg_s: float = 40.0
    fov_deg: float = 70.0

    def __post_init__(self) -> None:
        for key, (low, high, off) in _LIMITS.items():
            value = getattr(self, key)
            if not low <= value <= high:
                default = type(self).__dataclass_fields__[key].default
                raise RecipeError(
                    f"footage.{key} is {value}; choose {low:g} to {high:g} (default {default:g}; {off:g} keeps all)."
                )
        if not 20.0 <= self.fov_deg <= 170.0:
            raise RecipeError(f"footage.fov_deg is {self.fov_deg}; choose 20 to 170 degrees (default 70).")
