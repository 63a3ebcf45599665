"""Is work seen by the one who does it, or by somebody opposite? Told by where the arms come from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from adapt.hands.landmarks import SeenHand

# From the knuckles to the wrist, an arm rises by 30 degrees or more: it is that of somebody opposite, or the picture is
# upside down. In the first-person clips at hand 0.1 is the least; in those turned on their side, few are below this.
FROM_TOP = -0.5
FEWEST_HANDS = 10  # With fewer nothing is said.

_KNUCKLES = (5, 9, 13, 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How hands come into the picture."""

    hands: int  # seen, in all looks
    from_top: int  # of these, with an arm that comes from above

    @property
    def share(self) -> float:
        """Of hands with an arm that comes from above, in [0, 1]; 0 where there are too few hands to tell."""
        return self.from_top / self.hands if self.hands >= FEWEST_HANDS else 0.0


def arm_down(hand: SeenHand, aspect: float) -> float:
    """How far the arm of a hand leaves the picture downwards: 1 straight down, 0 to a side, -1 straight up.

    It is taken to go on from the knuckles to the wrist. The wearer's arms come from below; those of whoever sits or
    stands opposite from above.

    Args:
        hand: One detection.
        aspect: Width of the picture over its height.
    """
    points = hand.landmarks[:, :2].double() * torch.tensor([aspect, 1.0], dtype=torch.float64)
    way = points[0] - points[list(_KNUCKLES)].mean(dim=0)
    return float(way[1] / way.norm().clamp(min=1e-9))


def view_of(arms: Sequence[Sequence[float]]) -> View:
    """Count the hands whose arms come from above.

    Args:
        arms: `arm_down` of each hand in each look.
    """
    all_arms = [down for look in arms for down in look]
    return View(hands=len(all_arms), from_top=sum(down < FROM_TOP for down in all_arms))
