"""How far can one look at a hand be believed?"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.geometry.cameras import Pinhole
from adapt.hands.landmarks import SeenHand

_BORDER_SHARE = 0.005  # of the longer side: 5 px of 960, where Phantom counts a landmark as cut
_CUT_FREE, _CUT_MOST = 0.1, 0.5  # shares of landmarks beyond the border: none matter, and none is left to matter
_SMALL_PX, _LARGE_PX = 5.0, 40.0  # palm lengths: below the first nothing can be told; from the second all can
_OTHER_SIDE = 0.6  # what is left where the look calls the hand by the other side, with full score


def look_sureness(hands: Sequence[SeenHand], side: str, camera: Pinhole) -> Float[Tensor, " n"]:
    """Confidence of each look at one hand, in [0, 1].

    The product of three shares: how much of the hand is inside the picture, how large it is seen, and whether the
    model calls it by the side that its track has. MediaPipe itself tells no confidence in a place, only in a side.

    Args:
        hands: One hand's detections.
        side: What its track was voted to be.
        camera: For the size of the picture.

    Source:
        Borders: Phantom (Lepert et al. 2025, arXiv:2503.00779) drops looks with a tenth of the landmarks within 5 px.
        Size: HumanEgo drops hands of less than 5 px.
    """
    pixels = torch.stack([camera.of_shares(hand.landmarks[:, :2]) for hand in hands])
    size = pixels.new_tensor((camera.width_px, camera.height_px))
    border = _BORDER_SHARE * max(camera.width_px, camera.height_px)
    cut = ((pixels < border) | (pixels > size - border)).any(dim=2).float().mean(dim=1)
    inside = 1 - ((cut - _CUT_FREE) / (_CUT_MOST - _CUT_FREE)).clamp(0, 1)
    length = torch.maximum((pixels[:, 9] - pixels[:, 0]).norm(dim=1), (pixels[:, 17] - pixels[:, 5]).norm(dim=1))
    large = ((length - _SMALL_PX) / (_LARGE_PX - _SMALL_PX)).clamp(0, 1)
    agrees = torch.tensor([1.0 if hand.side == side else 1 - (1 - _OTHER_SIDE) * hand.score for hand in hands])
    return inside * large * agrees
