"""Which windows train, and which are held out to judge by?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from adapt.types import Window

GAP = "gap between training and validation"


def assign_splits(windows: Sequence[Window], share: float) -> tuple[list[Window], bool]:
    """Give every kept window a split; a recording session never lies on both sides.

    Whole sessions go to validation, the shortest first, until as many windows as come nearest to `share` of them are
    held out; one session goes in any case, and never all. A session alone is cut in time: its last `share` validates
    (one window at least), and the window before that is left out, since it ends as they begin; one or two windows all
    train. Nothing is drawn by chance, so the same windows are always split alike.

    Args:
        windows: Kept and rejected windows, each session's in order of time; `split` of the kept ones is ignored.
        share: Share of the kept windows to hold out, above 0 and up to 0.5.

    Returns:
        The windows in their order, and whether all of them come from one session.
    """
    kept = [window for window in windows if not window.rejection]
    sizes = Counter(window.session for window in kept)
    if len(sizes) > 1:
        held_out = _sessions_held_out(sizes, share)
        splits = ["validation" if window.session in held_out else "train" for window in kept]
    else:
        splits = _cut_in_time(len(kept), share)
    marks = iter(splits)
    return [_mark(window, "" if window.rejection else next(marks)) for window in windows], len(sizes) == 1


def _sessions_held_out(sizes: Counter[str], share: float) -> set[str]:
    room = share * sizes.total()
    held_out: set[str] = set()
    for session, size in sorted(sizes.items(), key=lambda item: (item[1], item[0]))[:-1]:
        if held_out and size >= 2 * room:  # It would miss the share by more than leaving it out does.
            break
        held_out.add(session)
        room -= size
    return held_out


def _cut_in_time(windows: int, share: float) -> list[str]:
    if windows < 3:  # There is no room for both sides and the gap.
        return ["train"] * windows
    held_out = max(1, int(share * windows))
    return ["train"] * (windows - held_out - 1) + ["gap"] + ["validation"] * held_out


def _mark(window: Window, split: str) -> Window:
    if split == "gap":
        return replace(window, split="rejected", rejection=GAP)
    return replace(window, split=split or "rejected")
