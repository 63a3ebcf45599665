"""What is said where no window of a folder of human videos can be used?"""

from collections import Counter
from collections.abc import Sequence

from adapt.data.video_folder import VideoFolder
from adapt.footage import reasons
from adapt.hands import quality as hands
from adapt.types import Window

_TOLD = 3  # Files named in the message; the rest is counted.


def nothing_left(folder: VideoFolder, windows: Sequence[Window], problems: Sequence[tuple[str, str]]) -> str:
    """The reasons, counted, and what would help.

    Args:
        folder: The videos.
        windows: All windows that were cut, rejected every one.
        problems: (file, reason) of what gave no window.
    """
    counted = Counter([reasons.common(window.rejection) for window in windows]).most_common()
    told = [f"{count} x {reason}" for reason, count in counted]
    told += [f"{name}: {reason.rstrip('.')}" for name, reason in problems[:_TOLD]]
    if len(problems) > _TOLD:
        told.append(f"and {len(problems) - _TOLD} more files with problems")
    videos = f"{len(folder.videos)} video" + ("s" if len(folder.videos) > 1 else "")
    head = f"{folder.root}: no window of {videos} can be used ({len(windows)} were cut). Reasons: {'; '.join(told)}."
    if not windows:
        return f"{head} Film takes of 5 s or more, as .mp4 or .mov."
    by_hands = [window for window in windows if reasons.fault(window.rejection) in (hands.NO_HAND, hands.TOO_FEW)]
    if not by_hands:
        return head
    best = max(window.quality["hands_share"] for window in by_hands)
    head += f" The best window shows hands in {best:.0%} of its frames"
    if (lower := int(10 * best) / 10) > 0:
        head += f"; to keep windows with fewer hands, add --set hands.min_hands_share={lower}"
    return f"{head}."
