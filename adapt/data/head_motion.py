"""How does the head that wears the camera move? By the background: what hands cover is left out."""

from collections.abc import Sequence

from adapt.footage.camera_motion import CameraMotion, camera_motion
from adapt.footage.pairs import PATCH, Pairs
from adapt.hands.landmarks import SeenHand
from adapt.hands.region import is_covered


class HeadMotion:
    """Joins what is known of pairs and of hands, look by look of one video."""

    def __init__(self) -> None:
        """Begin a video."""
        self._hands: Sequence[SeenHand] = ()
        self._motions: list[CameraMotion | None] = []

    @property
    def motions(self) -> tuple[CameraMotion | None, ...]:
        """Of each look so far, since the one before; None where that is not known, as at the first."""
        return tuple(self._motions)

    def look(self, pairs: Pairs, hands: Sequence[SeenHand], *, aspect: float) -> None:
        """Take the next look.

        Args:
            pairs: Spots that it shares with the look before.
            hands: Hands that are seen in it; none where nobody looks for them.
            aspect: Width of the picture over its height.
        """
        hidden = is_covered(pairs.before, self._hands, aspect, margin=PATCH)
        hidden |= is_covered(pairs.now, hands, aspect, margin=PATCH)
        self._motions.append(camera_motion(pairs, hidden, aspect))
        self._hands = hands
