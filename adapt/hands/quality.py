"""Do hands work in this stretch of video, and if not, what should be filmed instead?

This module imports nothing heavy: the command line composes its settings in a fraction of a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapt.errors import RecipeError

NO_HAND = "no hand is seen"
TOO_FEW = "hands are seen in too few frames"
FILM_INSTEAD = "film from the head or chest of the one who works, so that the bare, well-lit hands stay in the picture"


@dataclass(slots=True, kw_only=True)
class HandConfig:
    """Which windows of a human video are kept.

    Args:
        min_hands_share: Share of a window's looked-at frames in which a hand must be found, in [0, 1]; 0 keeps all.
        min_score: Confidence in [0, 1] from which the detector believes in a hand.
        detect_hz: How many frames a second are looked at.
        max_opposite_share: Share of hands that may come in from the top of the picture, as those of people opposite do,
            before `wam-adapt doctor` says so, in [0, 1]; 1 says nothing. No window is left out for it.
    """

    min_hands_share: float = 0.5
    min_score: float = 0.5
    detect_hz: float = 5.0
    max_opposite_share: float = 0.2

    def __post_init__(self) -> None:
        for key in ("min_hands_share", "min_score", "max_opposite_share"):
            value, usual = getattr(self, key), type(self).__dataclass_fields__[key].default
            if not 0.0 <= value <= 1.0:
                raise RecipeError(f"hands.{key} is {value}; choose a share between 0 and 1 (default {usual}).")
        if not 0.5 <= self.detect_hz <= 60.0:
            raise RecipeError(f"hands.detect_hz is {self.detect_hz}; choose 0.5 to 60 looks a second (default 5).")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was seen of the hands in one window, and whether it suffices."""

    hands_share: float  # of the frames looked at, in [0, 1]
    both_share: float  # of the frames looked at: two hands at once
    rejection: str  # "" where the window is kept


def judge(hands_seen: Sequence[int], config: HandConfig) -> Verdict:
    """Weigh how many hands were found in each looked-at frame of a window.

    Raises:
        ValueError: No frame was looked at.
    """
    if not hands_seen:
        raise ValueError("a window is judged by the frames looked at, and there are none")
    share = sum(hands > 0 for hands in hands_seen) / len(hands_seen)
    rejection = ""
    if share < config.min_hands_share:
        rejection = TOO_FEW if share > 0 else NO_HAND
    return Verdict(
        hands_share=share, both_share=sum(hands > 1 for hands in hands_seen) / len(hands_seen), rejection=rejection
    )
