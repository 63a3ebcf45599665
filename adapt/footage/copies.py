"""Does a video show what another one shows? Found again through other encodings, sizes, starts and small crops.

Two takes of one task by one person at one table look alike, too, and are no copies. So a copy must agree in two things:
in what moves (the thumbnails' deviations from their own mean over time) and in the details of what stands still,
of which nothing may lie elsewhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adapt.footage.alignment import FLAT, WHOLE, Crop, Thumb, apart, find_crop, fit
from adapt.footage.watch import THUMB_SIDE, Watched

_STRETCH = 8  # Thumbnails: 3.2 s.
_HOP = 4
_SHORTEST = 3  # Fewer thumbnails say too little.
_MEAN_OVER = 4  # Thumbnails to either side, from whose mean motion is told.
_COARSE_SIDE = 8
_LAYOUT = 0.6  # Correlation of 8 x 8 means from which two stretches are compared at all.
_MOST = 24  # Videos of the most similar layout that a stretch is compared with: a thousand takes at one table must end.
_ALIGNED = 0.93  # Details that fit this well need no crop to be looked for.
_SAME_VIEW = 0.8  # Those that fit this well are of one view, and no other stretch need be tried.
_TRIED = 3  # Stretches of the most similar layout: a head comes back to a view, and only one of these is the copy.
_HINT = 0.6  # Times the threshold: where a copy begins or ends, what is around it tells less of its motion.
_MORE = 4  # Thumbnails to either side of a find, which must agree as well.
_SAME_WHOLE = 0.955  # Two takes at one table agree in details to 0.94, a copy at its full size from 0.96 on.
_ELSEWHERE = 0.4  # Spreads of a picture: blocks that lie elsewhere make 0.8 to 1.0, coding badly some 0.1.
_SAME_CROPPED = 0.85  # A crop is fitted on cells larger than what it cuts off.
_QUIET = 0.025  # Deviations from the mean, in standard deviations of the picture, below which nothing can be told.


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A stretch of one video that shows what a stretch of another shows."""

    start_s: float
    end_s: float
    of: int  # which of the earlier videos
    of_start_s: float
    of_end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """A stretch that was found."""

    place: float  # its first thumbnail, where it was found; may lie half way between two
    length: int  # thumbnails


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """First thumbnails of stretches with a layout like one that is looked for."""

    nearest: NDArray[np.int64]
    all: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aligned:
    """The crops that make two pictures alike, and how alike their details then are; one of the two is whole."""

    one: Crop
    other: Crop
    fit: float


class Library:
    """The videos seen so far, in which copies are looked for."""

    def __init__(self) -> None:
        """Begin with none."""
        self._videos: list[Watched] = []
        self._layouts: list[NDArray[np.float32]] = []
        self._places: list[NDArray[np.int64]] = []  # (video, first thumbnail)

    def copies(
        self, video: Watched, threshold: float, counts: Callable[[Copy], bool] = lambda _copy: True
    ) -> list[Copy]:
        """Which stretches of a video are copies of one before it, in order of time; each is named once.

        Args:
            video: Not among those before.
            threshold: Likeness of what moves, from which a stretch is a copy; 1 finds none.
            counts: Where several videos before show a stretch, the earliest that counts is named, else the earliest.
        """
        if not self._videos or len(video.thumbs) < _SHORTEST or threshold >= 1:
            return []
        layouts, places = np.concatenate(self._layouts), np.concatenate(self._places)
        found = []
        for start, layout in zip(_starts(video), _layouts(video), strict=True):
            scores = layouts @ layout
            near = np.flatnonzero(scores >= _LAYOUT)
            near = near[np.argsort(-scores[near], kind="stable")]
            same: list[Copy] = []
            # The earliest first, so that it is the one which is named.
            for other in sorted(list(dict.fromkeys(places[near, 0].tolist()))[:_MOST]):
                firsts = places[near[places[near, 0] == other], 1]
                copy = self._compare(video, start, other, _Near(firsts[:_TRIED], firsts), threshold)
                if copy is not None:
                    same.append(copy)
                    if counts(copy):
                        same = [copy]
                        break
            found += same[:1]
        return found

    def add(self, video: Watched) -> None:
        """Let later videos be compared with this one, too."""
        self._places.append(np.array([(len(self._videos), start) for start in _starts(video)], np.int64).reshape(-1, 2))
        self._layouts.append(_layouts(video))
        self._videos.append(replace(video, looks=()))  # Thumbnails suffice, and thousands of videos must fit.

    def _compare(self, video: Watched, start: int, other: int, near: _Near, threshold: float) -> Copy | None:
        source = self._videos[other]
        if len(source.thumbs) < min(_STRETCH, len(video.thumbs)):  # Then all of it is looked for in the video.
            match = _find(video, source, 0, _Near(*[np.array([start])] * 2), threshold)
            here, there = (match.place if match else 0.0), 0.0
        else:
            match = _find(source, video, start, near, threshold)
            here, there = float(start), (match.place if match else 0.0)
        if match is None:
            return None
        return Copy(
            start_s=here / video.thumb_hz,
            end_s=(here + match.length - 1) / video.thumb_hz,
            of=other,
            of_start_s=there / source.thumb_hz,
            of_end_s=(there + match.length - 1) / source.thumb_hz,
        )


def _find(source: Watched, video: Watched, start: int, near: _Near, threshold: float) -> _Match | None:
    """Look for a stretch of one video in another.

    Args:
        source: Where it is looked for.
        video: Whose stretch it is.
        start: The stretch's first thumbnail.
        near: Stretches of the source with such a layout.
        threshold: Likeness from which it is found.
    """
    length = min(_STRETCH, len(video.thumbs) - start, len(source.thumbs))
    wanted = _mean(video, float(start), length)
    crops = _align_nearest(source, near, wanted, length)
    low, high = int(near.all.min()), int(near.all.max())
    first, before = max(0, low - _STRETCH), min(start, _MEAN_OVER)
    around = _floats(video, start - before, start + length + _MEAN_OVER)
    there = _motion(crops.one.apply(_floats(source, first, high + 2 * _STRETCH)))
    offset, likeness = _find_motion(there, _motion(crops.other.apply(around))[before : before + length])
    place = first + offset
    if likeness >= _HINT * threshold:
        likeness = _confirm(source, video, place, (start, length))
    return _Match(place=place, length=length) if likeness >= threshold else None


def _confirm(source: Watched, video: Watched, place: float, stretch: tuple[int, int]) -> float:
    """How alike the motion is when what comes before and after a find is looked at, too; 0 if details disagree."""
    start, length = stretch
    shift = place - start
    low = max(0, start - _MORE, math.ceil(-shift))
    high = min(len(video.thumbs), start + length + _MORE, math.floor(len(source.thumbs) - 1 - shift) + 1)
    one, other = _mean(source, low + shift, high - low), _mean(video, float(low), high - low)
    crops = _align(one, other)
    is_whole = crops.one.is_whole and crops.other.is_whole
    if crops.fit < (_SAME_WHOLE if is_whole else _SAME_CROPPED):
        return 0.0
    # In the mean of a few thumbnails what moves, which is not looked at in the same moments, weighs more.
    if is_whole and apart(one, other) > _ELSEWHERE * max(1.0, _STRETCH / (high - low)):
        return 0.0
    there = _motion_at(source, low + shift, high - low, crops.one)
    here = _motion_at(video, float(low), high - low, crops.other)
    return float((there * here).sum()) / max(1e-9, math.sqrt(float((there**2).sum() * (here**2).sum())))


def _starts(video: Watched) -> list[int]:
    """Where the stretches of a video begin: every 1.6 s, and one that ends where it ends."""
    last = len(video.thumbs) - _STRETCH
    if len(video.thumbs) < _SHORTEST:
        return []
    return sorted({*range(0, max(0, last) + 1, _HOP), max(0, last)})


def _layouts(video: Watched) -> NDArray[np.float32]:
    """The mean picture of each stretch as 8 x 8 cells, of length 1. Shape (stretches, 64)."""
    starts = _starts(video)
    if not starts:
        return np.zeros((0, _COARSE_SIDE**2), np.float32)
    means = np.stack([_floats(video, start, start + _STRETCH).mean(0) for start in starts])
    side = THUMB_SIDE // _COARSE_SIDE
    coarse = means.reshape(len(means), _COARSE_SIDE, side, _COARSE_SIDE, side).mean((2, 4)).reshape(len(means), -1)
    coarse = coarse - coarse.mean(1, keepdims=True)
    return np.asarray(coarse / (np.sqrt((coarse * coarse).sum(1, keepdims=True)) + 1e-6), np.float32)


def _floats(video: Watched, start: int = 0, end: int | None = None) -> NDArray[np.float32]:
    return video.thumbs[start:end].astype(np.float32)


def _align_nearest(source: Watched, near: _Near, wanted: Thumb, length: int) -> _Aligned:
    best: _Aligned | None = None
    for place in near.nearest.tolist():
        aligned = _align(_mean(source, float(place), length), wanted)
        best = aligned if best is None or aligned.fit > best.fit else best
        if best.fit >= _SAME_VIEW:
            break
    assert best is not None
    return best


def _align(one: Thumb, other: Thumb) -> _Aligned:
    """Crop one of two pictures, whichever it is, so that they show the same."""
    whole = fit(one, other)
    if whole >= _ALIGNED:
        return _Aligned(one=WHOLE, other=WHOLE, fit=whole)
    first, second = find_crop(one, other), find_crop(other, one)
    if fit(one, other, first) >= fit(other, one, second):
        return _Aligned(one=first, other=WHOLE, fit=fit(one, other, first))
    return _Aligned(one=WHOLE, other=second, fit=fit(other, one, second))


def _motion(thumbs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of each thumbnail is not there all the time; light that changes everywhere at once is no motion."""
    flat = thumbs.reshape(len(thumbs), -1)
    flat = flat - flat.mean(1, keepdims=True)
    flat = flat / np.maximum(FLAT, flat.std(1, keepdims=True))
    sums = np.concatenate([np.zeros((1, flat.shape[1]), np.float32), flat.cumsum(0, dtype=np.float32)])
    places = np.arange(len(flat))
    low, high = np.maximum(0, places - _MEAN_OVER), np.minimum(len(flat), places + _MEAN_OVER + 1)
    return np.asarray(flat - (sums[high] - sums[low]) / (high - low)[:, None], np.float32)


def _motion_at(video: Watched, place: float, length: int, crop: Crop) -> NDArray[np.float32]:
    """The motion within so many thumbnails, from a place that may lie half way between two."""
    starts = (math.floor(place), math.ceil(place))
    ends = [_motion(crop.apply(_floats(video, start, start + length))) for start in starts]
    return np.asarray((ends[0] + ends[1]) / 2)


def _mean(video: Watched, place: float, length: int) -> Thumb:
    """The mean of so many thumbnails, from a place that may lie half way between two."""
    ends = [_floats(video, start, start + length).mean(0) for start in (math.floor(place), math.ceil(place))]
    return np.asarray((ends[0] + ends[1]) / 2)


def _find_motion(source: NDArray[np.float32], wanted: NDArray[np.float32]) -> tuple[float, float]:
    """Where in the source the wanted motion is found best, to half a thumbnail, and how alike it is."""
    halves = np.empty((max(0, 2 * len(source) - 1), source.shape[1]), np.float32)
    halves[::2], halves[1::2] = source, (source[1:] + source[:-1]) / 2
    length, places = len(wanted), len(halves) - 2 * (len(wanted) - 1)
    least = wanted.size * _QUIET**2
    energy = float((wanted * wanted).sum())
    if places < 1 or energy < least:
        return 0.0, 0.0
    products = halves @ wanted.T
    energies = (halves * halves).sum(1)
    dots, others = np.zeros(places), np.zeros(places)
    for step in range(length):
        dots += products[2 * step : 2 * step + places, step]
        others += energies[2 * step : 2 * step + places]
    likeness = np.where(others >= least, dots / np.sqrt(np.maximum(others, 1e-9) * energy), 0.0)
    best = int(likeness.argmax())
    return best / 2, float(likeness[best])
