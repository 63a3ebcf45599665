"""Which training windows does a folder of human videos give?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from adapt.data.copied import Copied
from adapt.data.hand_looks import HandLooks, look_at_video
from adapt.data.nothing_left import nothing_left
from adapt.data.video_folder import VideoFolder, VideoItem
from adapt.data.window_id import window_id
from adapt.data.windows import WindowConfig, cut
from adapt.embodiment.spec import Embodiment, check_slots
from adapt.errors import DataError, EmbodimentError, MediaError
from adapt.footage import reasons
from adapt.footage.junk import bars_of, bars_share, camera_figures, crop, judge, shot_seam_share, still_stretches
from adapt.footage.settings import FootageConfig
from adapt.footage.shots import first_looks
from adapt.hands import quality as hands
from adapt.hands.quality import FILM_INSTEAD, HandConfig
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry, VideoRef, Window

Problem = tuple[str, str]  # file (or kind), reason
# What can be wrong with a video as a whole.
UNREADABLE, SAME_BYTES, IN_PART, TOO_SHORT, BARRED = "unreadable", "same bytes", "in part", "too short", "barred"
_BARS_TOLD = 0.02  # Share of the picture; narrower ones are a codec's rounding.


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanRules:
    """What decides which windows are cut and kept."""

    body: Embodiment  # one camera, no axes
    geometry: BaseGeometry
    windows: WindowConfig
    hands: HandConfig
    footage: FootageConfig = field(default_factory=FootageConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVideo:
    """What one video gave."""

    item: VideoItem
    digest: str = ""  # "" where its bytes cannot be read
    windows: tuple[Window, ...] = ()  # in order of time, rejected ones too
    problems: tuple[Problem, ...] = ()  # (which of the kinds above, in words)
    readable_s: float = 0.0  # frames before this time can be decoded; 0 where it was not looked at
    hands: tuple[int, ...] | None = None  # hands in each look; None where nobody looked for them
    arms: tuple[tuple[float, ...], ...] | None = None  # where their arms come from, as `HandLooks.arms`


def read_human_videos(
    folder: VideoFolder,
    rules: HumanRules,
    cache: Cache,
    *,
    progress: Callable[[float, str], None] = lambda _share, _name: None,
) -> tuple[list[Window], list[Problem]]:
    """Cut every video into windows within its shots, and reject those that are junk or in which hands do not work.

    Footage that an earlier video shows, too, is rejected, and the sessions of both count as one. A video that cannot
    be read never stops the others. What is measured of a video is kept in the cache by its content, so one more video
    costs one video.

    Args:
        folder: The videos and their instructions.
        rules: The base's geometry, the body's camera, lengths and thresholds.
        cache: Where measurements are kept.
        progress: Told the share of all videos that is done, in [0, 1], and the name of the one being read.

    Returns:
        Windows in order of video and time, kept ones marked "train" until they are split; and (file, reason) of
        every video that gave no window, or not all of itself, or has bars that should be cropped away.

    Raises:
        DataError: No window is kept; the message counts the reasons and says what to film instead.
        EmbodimentError: The body has not exactly one camera, or the canvas lacks its slot.
    """
    videos = examine_human_videos(folder, rules, cache, progress=progress)
    windows = [window for video in videos for window in video.windows]
    problems = sorted(
        [*folder.problems, *((video.item.name, words) for video in videos for _, words in video.problems)]
    )
    if all(window.rejection for window in windows):
        raise DataError(nothing_left(folder, windows, problems))
    return windows, problems


def examine_human_videos(
    folder: VideoFolder,
    rules: HumanRules,
    cache: Cache,
    *,
    progress: Callable[[float, str], None] = lambda _share, _name: None,
) -> list[SeenVideo]:
    """What `read_human_videos` finds, video by video; that nothing can be kept is no error here.

    Arguments and errors are as there. Returned is every video of the folder in its order.
    """
    check_slots(rules.body, rules.geometry.canvas)
    if len(rules.body.cameras) != 1:
        raise EmbodimentError(
            f"embodiment '{rules.body.name}': has {len(rules.body.cameras)} cameras, but a human video has one; "
            "use --embodiment human_hand."
        )
    videos = _once_each(folder.videos, cache)
    unique = [place for place, video in enumerate(videos) if not video.problems]
    copied = Copied(rules.geometry, rules.footage.max_likeness)
    for number, place in enumerate(unique):
        video = videos[place]

        def tell(share: float, number: int = number, name: str = video.item.name) -> None:
            """Pass on the share of all videos that is done, in [0, 1], and the name of this one."""
            progress((number + share) / len(unique), name)

        tell(0.0)
        videos[place] = _seen(video, rules, cache, copied, tell)
    joined = iter(copied.join_sessions([window for video in videos for window in video.windows]))
    return [replace(video, windows=tuple(next(joined) for _ in video.windows)) for video in videos]


def _seen(
    video: SeenVideo, rules: HumanRules, cache: Cache, copied: Copied, tell: Callable[[float], None]
) -> SeenVideo:
    """A video looked at, cut and judged."""
    item = video.item
    try:
        looks = look_at_video(item.path, rules.hands, cache, progress=tell)
    except MediaError as error:
        return replace(video, problems=((UNREADABLE, str(error).removeprefix(f"{item.path.name}: ")),))
    found = _windows(item, video.digest, looks, rules)
    problems = []
    if looks.problem:
        problems.append((IN_PART, looks.problem))
    elif not found:
        problems.append((TOO_SHORT, _too_short(looks, rules)))
    if bars := _bars(looks, found):
        problems.append((BARRED, bars))
    return replace(
        video,
        windows=tuple(copied.leave_out(item, looks.watched, found)),
        problems=tuple(problems),
        readable_s=looks.readable_s,
        hands=looks.hands,
        arms=looks.arms,
    )


def _once_each(items: Sequence[VideoItem], cache: Cache) -> list[SeenVideo]:
    """Videos and their digests, each content to be used once: twice, it could lie in both training and validation."""
    owner: dict[str, str] = {}
    found = []
    for item in items:
        try:
            digest = cache.file_digest(item.path)
        except DataError as error:
            found.append(SeenVideo(item=item, problems=((UNREADABLE, str(error)),)))
            continue
        again = ((SAME_BYTES, f"the same bytes as {owner[digest]}, which is used"),) if digest in owner else ()
        owner.setdefault(digest, item.name)
        found.append(SeenVideo(item=item, digest=digest, problems=again))
    return found


def _windows(item: VideoItem, digest: str, looks: HandLooks, rules: HumanRules) -> list[Window]:
    geometry, camera = rules.geometry, rules.body.cameras[0]
    judged = _Judged(looks, rules)
    windows = []
    for start_s, chunks, ends in _cut(looks, rules):
        quality, rejection = judged.window(start_s, start_s + geometry.window_s(chunks), ends)
        windows.append(
            Window(
                window_id=window_id({camera.slot: digest}, start_s=start_s, chunks=chunks, geometry=geometry),
                videos=(VideoRef(camera=camera.name, path=str(item.path.absolute()), digest=digest),),
                start_s=start_s,
                chunks=chunks,
                instruction=item.instruction,
                session=item.session,
                split="rejected" if rejection else "train",
                embodiment=rules.body.name,
                rejection=rejection,
                quality=quality,
            )
        )
    return windows


def _cut(looks: HandLooks, rules: HumanRules) -> list[tuple[float, int, list[float]]]:
    """(start in seconds, chunks, ends of shots in it) of each window, in order of time.

    Windows are cut within shots. What lies between them and is long enough for a window holds shots too short for one,
    and is listed with the ends of these; each such window has one, so that none of them is taken for good.
    """
    chunk_s = rules.geometry.chunk_s
    config = replace(rules.windows, max_chunks=min(rules.windows.max_chunks, rules.geometry.max_chunks))
    changes = [look.change for look in looks.watched.looks]
    firsts = first_looks(changes, rules.footage.shot_change)
    ends_s = [first / looks.rate_hz for first in firsts[1:]]
    lasts_s = [*((first - 1) / looks.rate_hz for first in firsts[1:]), looks.readable_s]
    within: list[tuple[float, int, list[float]]] = [
        (first / looks.rate_hz + start_s, chunks, [])
        for first, last_s in zip(firsts, lasts_s, strict=True)
        for start_s, chunks in cut(last_s - first / looks.rate_hz, chunk_s=chunk_s, config=config)
    ]
    taken = [(start_s, start_s + rules.geometry.window_s(chunks)) for start_s, chunks, _ in within]
    left = [(end_s, start_s) for (_, end_s), (start_s, _) in pairwise([(0.0, 0.0), *taken, (looks.readable_s, 0.0)])]
    between = [
        (from_s + start_s, chunks, _shot_ends(ends_s, from_s + start_s, from_s + start_s + chunks * chunk_s))
        for from_s, to_s in left
        for start_s, chunks in cut(to_s - from_s, chunk_s=chunk_s, config=config)
    ]
    return sorted(within + between)


def _shot_ends(ends_s: Sequence[float], start_s: float, end_s: float) -> list[float]:
    """The ends of shots within a window between shots; where none is, the nearest: the cut came before that look."""
    inside = [at_s for at_s in ends_s if start_s < at_s <= end_s]
    return inside or sorted(ends_s, key=lambda at_s: max(start_s - at_s, at_s - end_s))[:1]


class _Judged:
    """The windows of one video, weighed by the hands in them and by the picture."""

    def __init__(self, looks: HandLooks, rules: HumanRules) -> None:
        self._looks = looks
        self._rules = rules
        seen = looks.watched.looks
        self._still = still_stretches([look.moved for look in seen], looks.rate_hz)
        firsts = first_looks([look.change for look in seen], rules.footage.shot_change)
        self._shots = [
            (first, after, shot_seam_share(seen[first:after])) for first, after in pairwise([*firsts, len(seen)])
        ]

    def window(self, start_s: float, end_s: float, shot_ends: Sequence[float]) -> tuple[dict[str, float], str]:
        """A window's figures; and why it is rejected, "" where it is kept."""
        at = self._looks.between(start_s, end_s)
        seen = self._looks.watched.looks[at]
        figures, junk = judge(
            seen,
            self._still_s(at),
            self._rules.footage,
            size=self._looks.size,
            shot_seam_share=self._shot_seam_share(at),
            camera=self._camera(at),
        )
        figures["shot_ends"] = float(len(shot_ends))
        if shot_ends:
            junk = reasons.with_details(reasons.SHOT, f"one ends at {shot_ends[0]:.1f} s")
        if self._looks.hands is None:
            return figures, junk
        verdict = hands.judge(self._looks.hands[at], self._rules.hands)
        figures |= {"hands_share": verdict.hands_share, "both_hands_share": verdict.both_share}
        # A fault of the picture explains why no hand is seen, not the other way round.
        return figures, junk or (f"{verdict.rejection}; {FILM_INSTEAD}" if verdict.rejection else "")

    def _shot_seam_share(self, at: slice) -> float:
        return next((share for first, after, share in self._shots if first <= at.start and at.stop <= after), 1.0)

    def _camera(self, at: slice) -> dict[str, float]:
        # What moved until the first look did so before the window began.
        within = self._looks.camera[at.start + 1 : at.stop]
        return camera_figures(within, self._looks.rate_hz, self._rules.footage.fov_deg)

    def _still_s(self, at: slice) -> float:
        around = [(first, last) for first, last in self._still if first <= at.start and at.stop - 1 <= last]
        return max(((last - first) / self._looks.rate_hz for first, last in around), default=0.0)


def _bars(looks: HandLooks, windows: Sequence[Window]) -> str:
    """What is said of bars round a picture that is used as it is; "" where there are none to speak of."""
    if all(window.rejection for window in windows):
        return ""
    sides = bars_of(looks.watched.looks)
    share = bars_share(sides)
    if share < _BARS_TOLD:
        return ""
    used = f"black bars take {share:.0%} of the picture, which is used as it is"
    return f"{used}; {crop(sides, looks.size)} crops them away"


def _too_short(looks: HandLooks, rules: HumanRules) -> str:
    shortest_s = rules.geometry.window_s(rules.windows.min_chunks)
    return f"{looks.readable_s:.2f} s can be used, but the shortest window needs {shortest_s:.2f} s; film longer takes"
