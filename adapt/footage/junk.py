"""Is this stretch of footage junk, and of which kind? Thresholds on figures that were measured before."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from types import MappingProxyType

from adapt.footage import reasons
from adapt.footage.camera_motion import CameraMotion
from adapt.footage.seams import Seam
from adapt.footage.settings import FootageConfig
from adapt.footage.watch import LookFigures

STILL_LEVELS = 2.0  # Grey levels; the noise of a camera at rest stays below in means over 16 x 16 cells.
_SAME_PLACE = 0.012  # Shares of the picture: four pixels of 320.
_BAR_END = 0.03
_BOTH_SIDES = 0.025  # A bar has one like it on the other side, but for this share.
_SHOT_LOOKS = 40  # of a shot, evenly over it, that are asked for a seam
_CAMERA_KNOWN = 1 / 3  # of a window's looks whose camera motion must be known, for a figure of the whole
_SHOT_SEAM = 0.4  # of a line at least, in half of them; three cameras side by side, hard to tell, make 0.46


def judge(
    looks: Sequence[LookFigures],
    still_s: float,
    config: FootageConfig,
    *,
    size: tuple[int, int],
    shot_seam_share: float = 1.0,
    camera: Mapping[str, float] = MappingProxyType({}),
) -> tuple[dict[str, float], str]:
    """Weigh what was measured of the looks in one window.

    Args:
        looks: Its looks, one at least.
        still_s: For how long nothing moves, where the window lies wholly within such a stretch; else 0.
        config: The thresholds.
        size: (height, width) of the video in px, for the crop that is recommended.
        shot_seam_share: What `shot_seam_share` says of the shot that the window lies in; 1 where it lies in none.
        camera: What `camera_figures` says of the window.

    Returns:
        The figures by name; and why the window is rejected, "" where it is kept.

    Raises:
        ValueError: There is no look.
    """
    if not looks:
        raise ValueError("a window is judged by the looks in it, and there are none")
    sides = bars_of(looks)
    figures = {
        "brightness": median(look.brightness for look in looks),
        "contrast": median(look.contrast for look in looks),
        "white_share": median(look.white for look in looks),
        "vivid_share": median(look.vivid for look in looks),
        "seam_share": min(seam_share(looks, sides), 1.0 if shot_seam_share >= _SHOT_SEAM else shot_seam_share),
        "bars_share": bars_share(sides),
        "blur": median(look.blur for look in looks),
        "still_s": still_s,
        **camera,
    }
    return figures, _first_fault(figures, config, sides, size)


def camera_figures(motions: Sequence[CameraMotion | None], rate_hz: float, fov_deg: float) -> dict[str, float]:
    """How strongly the camera moves.

    Args:
        motions: Of each look of a window since the one before, None where it is not known.
        rate_hz: Looks a second.
        fov_deg: Angle of view along the picture's longer side, degrees.

    Returns:
        "camera_known_share" of the motions; where that is a third or more, "camera_deg_s" and "camera_peak_deg_s", by
        how many degrees a second the camera turns on average and from one look to the next at most. What is not known
        is missing, and not 0.
    """
    speeds = [rate_hz * motion.angle_deg(fov_deg) for motion in motions if motion is not None]
    share = len(speeds) / len(motions) if motions else 0.0
    if not speeds or share < _CAMERA_KNOWN:
        return {"camera_known_share": share}
    return {"camera_known_share": share, "camera_deg_s": fmean(speeds), "camera_peak_deg_s": max(speeds)}


def still_stretches(moved: Sequence[float], rate_hz: float) -> list[tuple[int, int]]:
    """First and last look of each stretch in which nothing moves.

    Args:
        moved: How far each look moved since a second before it.
        rate_hz: Looks a second.
    """
    back = max(1, round(rate_hz))
    found: list[tuple[int, int]] = []
    for place in range(1, len(moved)):
        if moved[place] >= STILL_LEVELS:
            continue
        start = max(0, place - back)
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], place)
        else:
            found.append((start, place))
    return found


def bars_of(looks: Sequence[LookFigures]) -> tuple[float, float, float, float]:
    """Bars at (top, bottom, left, right) that every look shows, in pairs of like size; 0 where there is no pair."""
    top, bottom, left, right = (min(look.bars[side] for look in looks) for side in range(4))
    if min(top, bottom) <= 0 or abs(top - bottom) > _BOTH_SIDES:
        top = bottom = 0.0
    if min(left, right) <= 0 or abs(left - right) > _BOTH_SIDES:
        left = right = 0.0
    return top, bottom, left, right


def bars_share(sides: tuple[float, float, float, float]) -> float:
    """Share of the picture that bars cover."""
    top, bottom, left, right = sides
    return 1 - (1 - top - bottom) * (1 - left - right)


def seam_share(looks: Sequence[LookFigures], sides: tuple[float, float, float, float]) -> float:
    """How much of a straight line across the picture is a seam between panels, at a place that stays the same.

    Args:
        looks: The looks of one window.
        sides: Bars at (top, bottom, left, right), whose ends are no seams.
    """
    top, bottom, left, right = sides
    upright = [_apart_from(look.upright_seams, left, right) for look in looks]
    level = [_apart_from(look.level_seams, top, bottom) for look in looks]
    return max(_persistent(upright), _persistent(level))


def shot_seam_share(looks: Sequence[LookFigures]) -> float:
    """How much of a straight line is a seam in half of a shot, at a place that stays the same.

    Panels stay as long as the shot lasts. What reaches up to the edge of a table and no further looks like a seam too,
    while it is there.

    Args:
        looks: The looks of one shot, one at least.
    """
    step = max(1, len(looks) // _SHOT_LOOKS)
    return seam_share(looks[::step], bars_of(looks))


def crop(sides: tuple[float, float, float, float], size: tuple[int, int]) -> str:
    """How ffmpeg would cut bars away, for a video of (height, width) px."""
    height, width = size
    top, bottom, left, right = sides
    x, y = 2 * math.ceil(left * width / 2), 2 * math.ceil(top * height / 2)
    wide = 2 * math.floor((width * (1 - right) - x) / 2)
    high = 2 * math.floor((height * (1 - bottom) - y) / 2)
    return f"ffmpeg -i IN.mp4 -vf crop={wide}:{high}:{x}:{y} OUT.mp4"


def _first_fault(
    figures: dict[str, float],
    config: FootageConfig,
    sides: tuple[float, float, float, float],
    size: tuple[int, int],
) -> str:
    """The fault that explains the others comes first: what is dark is also of one colour, and so on."""
    share = {name: f"{value:.0%}" for name, value in figures.items()}
    checks = (
        (
            figures["brightness"] < config.min_brightness,
            reasons.DARK,
            f"its brightest parts reach {share['brightness']} of white",
        ),
        (
            figures["white_share"] > config.max_white_share,
            reasons.WHITE,
            f"{share['white_share']} of the picture is white",
        ),
        (
            figures["contrast"] < config.min_contrast,
            reasons.PLAIN,
            f"from dark to bright it spans {share['contrast']} of white",
        ),
        (
            figures["vivid_share"] > config.max_vivid_share,
            reasons.TEST_CARD,
            f"{share['vivid_share']} of the picture is in pure colours",
        ),
        (
            figures["seam_share"] > config.max_seam_share,
            reasons.PANELS,
            f"a seam runs along {share['seam_share']} of a line across it",
        ),
        (
            figures["bars_share"] > config.max_bars_share,
            reasons.BARS,
            f"they take {share['bars_share']}; {crop(sides, size)}",
        ),
        (
            figures.get("camera_deg_s", 0.0) > config.max_camera_deg_s,
            reasons.CAMERA,
            f"it turns by {figures.get('camera_deg_s', 0.0):.0f} degrees a second",
        ),
        (figures["blur"] > config.max_blur, reasons.BLURRED, f"blur {figures['blur']:.2f} of 1"),
        (figures["still_s"] > config.max_still_s, reasons.STILL, f"for {figures['still_s']:.1f} s"),
    )
    return next((reasons.with_details(reason, found) for is_so, reason, found in checks if is_so), "")


def _persistent(seams: Sequence[Sequence[Seam]]) -> float:
    """How much of a line is a seam in the middle one of the looks, for the place that most of them agree on."""
    best = 0.0
    for place in {place for found in seams for place, share in found if share > 0}:
        near = [[share for at, share in found if abs(at - place) <= _SAME_PLACE] for found in seams]
        best = max(best, median(max(shares, default=0.0) for shares in near))
    return best


def _apart_from(seams: Sequence[Seam], before: float, after: float) -> list[Seam]:
    """The seams but for those where bars before and after the picture end."""
    return [(at, share) for at, share in seams if abs(at - before) > _BAR_END and abs(1 - after - at) > _BAR_END]
