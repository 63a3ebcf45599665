"""Which training windows does a folder of human videos give?"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from adapt.data.hand_looks import HandLooks, look_at_video
from adapt.data.video_folder import VideoFolder, VideoItem
from adapt.data.window_id import window_id
from adapt.data.windows import WindowConfig, cut
from adapt.embodiment.spec import Embodiment, check_slots
from adapt.errors import DataError, EmbodimentError, MediaError
from adapt.hands.quality import FILM_INSTEAD, HandConfig, judge
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry, VideoRef, Window

Problem = tuple[str, str]  # file, reason
_TOLD = 3  # Files named in the message when nothing is left; the rest is counted.


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanRules:
    """What decides which windows are cut and kept."""

    body: Embodiment  # one camera, no axes
    geometry: BaseGeometry
    windows: WindowConfig
    hands: HandConfig


def read_human_videos(
    folder: VideoFolder,
    rules: HumanRules,
    cache: Cache,
    *,
    progress: Callable[[float, str], None] = lambda _share, _name: None,
) -> tuple[list[Window], list[Problem]]:
    """Cut every video into windows, and reject those in which hands do not work.

    A video that cannot be read never stops the others. What is measured of a video is kept in the cache by its
    content, so one more video costs one video.

    Args:
        folder: The videos and their instructions.
        rules: The base's geometry, the body's camera, lengths and thresholds.
        cache: Where measurements are kept.
        progress: Told the share of all videos that is done, in [0, 1], and the name of the one being read.

    Returns:
        Windows in order of video and time, kept ones marked "train" until they are split; and (file, reason) of
        every video that gave no window, or not all of itself.

    Raises:
        DataError: No window is kept; the message counts the reasons and says what to film instead.
        EmbodimentError: The body has not exactly one camera, or the canvas lacks its slot.
    """
    check_slots(rules.body, rules.geometry.canvas)
    if len(rules.body.cameras) != 1:
        raise EmbodimentError(
            f"embodiment '{rules.body.name}': has {len(rules.body.cameras)} cameras, but a human video has one; "
            "use --embodiment human_hand."
        )
    problems = list(folder.problems)
    items = _once_each(folder.videos, cache, problems)
    windows: list[Window] = []
    for number, (item, digest) in enumerate(items):

        def tell(share: float, number: int = number, name: str = item.name) -> None:
            progress((number + share) / len(items), name)

        tell(0.0)
        try:
            looks = look_at_video(item.path, rules.hands, cache, progress=tell)
        except MediaError as error:
            problems.append((item.name, str(error).removeprefix(f"{item.path.name}: ")))
            continue
        found = _windows(item, digest, looks, rules)
        if looks.problem or not found:
            problems.append((item.name, looks.problem or _too_short(looks, rules)))
        windows += found
    if all(window.rejection for window in windows):
        raise DataError(_nothing_left(folder, windows, problems))
    return windows, sorted(problems)


def _once_each(items: Sequence[VideoItem], cache: Cache, problems: list[Problem]) -> list[tuple[VideoItem, str]]:
    """Videos and their digests, each content once: twice, it could lie in both training and validation."""
    owner: dict[str, str] = {}
    found = []
    for item in items:
        try:
            digest = cache.file_digest(item.path)
        except DataError as error:
            problems.append((item.name, str(error)))
            continue
        if digest in owner:
            problems.append((item.name, f"the same bytes as {owner[digest]}, which is used"))
            continue
        owner[digest] = item.name
        found.append((item, digest))
    return found


def _windows(item: VideoItem, digest: str, looks: HandLooks, rules: HumanRules) -> list[Window]:
    geometry, camera = rules.geometry, rules.body.cameras[0]
    config = replace(rules.windows, max_chunks=min(rules.windows.max_chunks, geometry.max_chunks))
    windows = []
    for start_s, chunks in cut(looks.readable_s, chunk_s=geometry.chunk_s, config=config):
        quality, rejection = _judge(looks, start_s, start_s + geometry.window_s(chunks), rules.hands)
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


def _judge(looks: HandLooks, start_s: float, end_s: float, config: HandConfig) -> tuple[dict[str, float], str]:
    if looks.hands is None:
        return {}, ""
    verdict = judge(looks.between(start_s, end_s), config)
    return {"hands_share": verdict.hands_share, "both_hands_share": verdict.both_share}, verdict.rejection


def _too_short(looks: HandLooks, rules: HumanRules) -> str:
    shortest_s = rules.geometry.window_s(rules.windows.min_chunks)
    return f"{looks.readable_s:.2f} s can be used, but the shortest window needs {shortest_s:.2f} s; film longer takes"


def _nothing_left(folder: VideoFolder, windows: Sequence[Window], problems: Sequence[Problem]) -> str:
    reasons = Counter([window.rejection for window in windows]).most_common()
    told = [f"{count} x {reason}" for reason, count in reasons]
    told += [f"{name}: {reason.rstrip('.')}" for name, reason in problems[:_TOLD]]
    if len(problems) > _TOLD:
        told.append(f"and {len(problems) - _TOLD} more files with problems")
    videos = f"{len(folder.videos)} video" + ("s" if len(folder.videos) > 1 else "")
    head = f"{folder.root}: no window of {videos} can be used ({len(windows)} were cut)."
    if not windows:
        return f"{head} Reasons: {'; '.join(told)}. Film takes of 5 s or more, as .mp4 or .mov."
    best = max(window.quality.get("hands_share", 0.0) for window in windows)
    remedy = FILM_INSTEAD
    if (lower := int(10 * best) / 10) > 0:
        remedy += f"; or keep windows with fewer hands, with --set hands.min_hands_share={lower}"
    return f"{head} Reasons: {'; '.join(told)}. The best window shows hands in {best:.0%} of its frames: {remedy}."
