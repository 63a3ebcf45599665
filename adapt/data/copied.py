"""Which windows show what another video shows? They are left out, and their recording sessions count as one."""

from collections.abc import Sequence
from dataclasses import replace

from adapt.data.video_folder import VideoItem
from adapt.footage import reasons
from adapt.footage.copies import Copy, Library
from adapt.footage.watch import Watched
from adapt.types import BaseGeometry, Window

_OVERLAP_S = 0.2  # Copies are found to within a look; what overlaps by less does not overlap.


class Copied:
    """Takes the videos of a folder one after the other, and leaves out what an earlier one showed already."""

    def __init__(self, geometry: BaseGeometry, threshold: float) -> None:
        """Begin with no video.

        Args:
            geometry: Tells how long a window is.
            threshold: Likeness from which footage is a copy.
        """
        self._geometry = geometry
        self._threshold = threshold
        self._library = Library()
        self._items: list[VideoItem] = []
        self._kept: list[list[tuple[float, float]]] = []
        self._same: dict[str, str] = {}  # session -> an earlier session that it shares footage with

    def leave_out(self, item: VideoItem, watched: Watched, windows: Sequence[Window]) -> list[Window]:
        """Reject the windows that show again what a kept window of an earlier video shows.

        Args:
            item: The video.
            watched: What was seen of it.
            windows: Its windows, rejected ones too.

        Returns:
            The windows in their order; `copied_share` in their quality is the share of each that is a copy.
        """
        copies = self._library.copies(watched, self._threshold, self._is_kept)
        self._library.add(watched)
        for copy in copies:
            self._join(self._items[copy.of].session, item.session)
        of_kept = [copy for copy in copies if self._is_kept(copy)]
        judged = [self._judge(window, of_kept) for window in windows]
        self._items.append(item)
        self._kept.append([self._span(window) for window in judged if _is_shown(window)])
        return judged

    def join_sessions(self, windows: Sequence[Window]) -> list[Window]:
        """Give sessions that share footage one name, so that no split parts them."""
        return [replace(window, session=self._first_of(window.session)) for window in windows]

    def _is_kept(self, copy: Copy) -> bool:
        return any(_shared((copy.of_start_s, copy.of_end_s), span) for span in self._kept[copy.of])

    def _judge(self, window: Window, copies: Sequence[Copy]) -> Window:
        start_s, end_s = self._span(window)
        inside = [copy for copy in copies if _shared((copy.start_s, copy.end_s), (start_s, end_s))]
        covered_s, until_s = 0.0, start_s
        for copy in inside:  # in order of time
            covered_s += max(0.0, min(copy.end_s, end_s) - max(copy.start_s, until_s))
            until_s = max(until_s, copy.end_s)
        quality = {**window.quality, "copied_share": covered_s / (end_s - start_s)}
        if not inside or window.rejection:
            return replace(window, quality=quality)
        copy = inside[0]
        shown_s = max(0.0, copy.of_start_s + max(0.0, start_s - copy.start_s))
        details = f"{self._items[copy.of].name} shows the same from {shown_s:.1f} s"
        rejection = reasons.with_details(reasons.COPY, details)
        return replace(window, split="rejected", rejection=rejection, quality=quality)

    def _span(self, window: Window) -> tuple[float, float]:
        return window.start_s, window.start_s + self._geometry.window_s(window.chunks)

    def _join(self, one: str, other: str) -> None:
        first, second = self._first_of(one), self._first_of(other)
        if first != second:
            self._same[second] = first

    def _first_of(self, session: str) -> str:
        while session in self._same:
            session = self._same[session]
        return session


def _is_shown(window: Window) -> bool:
    """Whether what a window shows is kept, there or in the window that it is a copy of."""
    return not window.rejection or reasons.common(window.rejection) == reasons.COPY


def _shared(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return min(one[1], other[1]) - max(one[0], other[0]) > _OVERLAP_S
