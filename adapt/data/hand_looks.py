"""How far can a video be decoded, and what is in it, moment by moment? Hands and picture, measured once per content."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from adapt.data.head_motion import HeadMotion
from adapt.data.made_ahead import made_ahead
from adapt.errors import MediaError
from adapt.footage.camera_motion import CameraMotion
from adapt.footage.pairs import Pairing, Pairs
from adapt.footage.settings import FOOTAGE_VERSION
from adapt.footage.watch import Watched, Watcher
from adapt.hands.landmarks import HandLandmarks, SeenHand
from adapt.hands.model_file import HAND_MODEL, ensure_hand_model
from adapt.hands.quality import HandConfig
from adapt.hands.view import arm_down
from adapt.runs.cache import Cache
from adapt.runs.fingerprint import fingerprint
from adapt.runs.turns import in_turn
from adapt.video.probe import VideoInfo, probe
from adapt.video.reader import stream_frames

KIND = "ingest"  # of entries in the cache
_VERSION = 4  # Raise by hand when the same video would be measured otherwise.
_LONG_SIDE_PX = 640  # The detector itself looks at 192 x 192; hands were found as often as at full size.
_AHEAD = 8  # Looks that lie ready for whoever takes them next; enough that none waits for the other, some 6 MB a queue.
_LAST_FRAME_S = 1e-3  # A window may not begin its last frame at the very end, where nothing is on show.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandLooks:
    """What one pass over a video saw."""

    readable_s: float  # frames before this time can be decoded
    hands: tuple[int, ...] | None  # hands at 0, 1/rate, 2/rate, ... seconds; None where nobody looked
    arms: tuple[tuple[float, ...], ...] | None  # of these hands: `adapt.hands.view.arm_down` of each
    watched: Watched  # the pictures themselves, at the same times
    camera: tuple[CameraMotion | None, ...]  # since the look before; None where it is not known
    size: tuple[int, int]  # (height, width), upright, px
    rate_hz: float
    problem: str  # why it cannot be read to its end; "" where it can

    def between(self, start_s: float, end_s: float) -> slice:
        """The looks from one time to another, ends included; the one before where none falls between."""
        first = math.ceil(start_s * self.rate_hz - 1e-6)
        last = math.floor(end_s * self.rate_hz + 1e-6)
        return slice(min(first, last), last + 1)


def look_at_video(
    path: Path, config: HandConfig, cache: Cache, *, progress: Callable[[float], None] = lambda _: None
) -> HandLooks:
    """Walk once through a video, count the hands and look at the pictures; the same bytes are not walked again.

    With `min_hands_share` 0 hands do not matter: then nobody looks for them, and no hand model is needed; nor are they
    told from the background by which the camera's motion is measured. Thresholds play no part here, so changing one
    measures nothing again.

    Args:
        path: The video.
        config: How often to look, and when to believe.
        cache: Where results and the hand model are kept.
        progress: Told the share of the video that is done, in [0, 1].

    Raises:
        MediaError: Not a video, its first frame cannot be decoded, or no frame is on show for any time.
        DataError: The file cannot be read, or the hand model cannot be had.
    """
    digest = cache.file_digest(path)
    key = looks_key(digest, config)
    if (known := _known(cache, key, config)) is not None:
        return known
    with in_turn(cache.root / KIND, key):
        if (known := _known(cache, key, config)) is not None:
            return known
        looks = _walk(path, config, cache, progress)
        record = {
            "readable_s": looks.readable_s,
            "hands": looks.hands and list(looks.hands),
            "arms": looks.arms and [list(look) for look in looks.arms],
            "watched": looks.watched.to_json(),
            "camera": [motion and motion.to_json() for motion in looks.camera],
            "size": list(looks.size),
            "problem": looks.problem,
        }
        cache.write_json(KIND, key, record, about=[digest])
    return looks


def watch_video(path: Path, rate_hz: float) -> Watched:
    """What the pictures of a video look like, measured as by `look_at_video`; nothing is kept.

    Args:
        path: The video.
        rate_hz: Looks a second.

    Raises:
        MediaError: Not a video, or it breaks off.
    """
    watcher = Watcher(rate_hz)
    for _, frame in stream_frames(path, rate_hz, long_side_px=_LONG_SIDE_PX):
        watcher.look(frame)
    return watcher.watched()


def looks_key(digest: str, config: HandConfig) -> str:
    """Under what the looks at a video are kept in the cache, among what is of `KIND`."""
    measure = [HAND_MODEL, float(config.min_score)] if config.min_hands_share > 0 else []
    return fingerprint([_VERSION, FOOTAGE_VERSION, digest, float(config.detect_hz), *measure])


def _known(cache: Cache, key: str, config: HandConfig) -> HandLooks | None:
    known = cache.read_json(KIND, key)
    if not isinstance(known, dict):
        return None
    hands, arms = known["hands"], known["arms"]
    return HandLooks(
        readable_s=float(known["readable_s"]),
        hands=None if hands is None else tuple(hands),
        arms=None if arms is None else tuple(tuple(look) for look in arms),
        watched=Watched.from_json(known["watched"]),
        camera=tuple(motion and CameraMotion.from_json(motion) for motion in known["camera"]),
        size=(int(known["size"][0]), int(known["size"][1])),
        rate_hz=config.detect_hz,
        problem=str(known["problem"]),
    )


def _walk(path: Path, config: HandConfig, cache: Cache, progress: Callable[[float], None]) -> HandLooks:
    info = probe(path)
    model = ensure_hand_model(cache.folder("models")) if config.min_hands_share > 0 else None
    with HandLandmarks(model, min_score=config.min_score) if model else nullcontext() as landmarks:
        arms: list[tuple[float, ...]] = []
        watcher, head, looks, problem = Watcher(config.detect_hz), HeadMotion(), 0, ""
        try:
            with (
                made_ahead(stream_frames(path, config.detect_hz, long_side_px=_LONG_SIDE_PX), most=_AHEAD) as frames,
                made_ahead(_watched(frames, watcher), most=_AHEAD) as watched,
            ):
                for time_s, frame, pairs in watched:
                    looks += 1
                    aspect = frame.shape[1] / frame.shape[0]
                    seen = landmarks.look(frame, time_s) if landmarks is not None else []
                    arms.append(_arms(seen, aspect))
                    head.look(pairs, seen, aspect=aspect)
                    progress(min(1.0, time_s / max(info.duration_s, _LAST_FRAME_S)))
        except MediaError as error:
            if not looks:
                raise
            problem = str(error).removeprefix(f"{path.name}: ")
    if not looks:
        raise MediaError(f"{path.name}: no picture is on show for any time ({info.duration_s:.2f} s); leave it out.")
    readable_s, problem = _readable(info, looks, config.detect_hz, problem)
    return HandLooks(
        readable_s=readable_s,
        hands=tuple(len(look) for look in arms) if model else None,
        arms=tuple(arms) if model else None,
        watched=watcher.watched(),
        camera=head.motions,
        size=(info.height, info.width),
        rate_hz=config.detect_hz,
        problem=problem,
    )


def _arms(hands: Sequence[SeenHand], aspect: float) -> tuple[float, ...]:
    """Where their arms come from, to a hundredth."""
    return tuple(round(arm_down(hand, aspect), 2) for hand in hands)


def _watched(frames: Iterator[tuple[float, Tensor]], watcher: Watcher) -> Iterator[tuple[float, Tensor, Pairs]]:
    """The same frames, looked at on their way, each with the spots that it shares with the one before."""
    pairing = Pairing()
    for time_s, frame in frames:
        yield time_s, frame, pairing.look(watcher.look(frame))


def _readable(info: VideoInfo, looks: int, rate_hz: float, problem: str) -> tuple[float, str]:
    """Until when frames could be had, and what is wrong if that is before the promised end."""
    last_look_s = (looks - 1) / rate_hz
    if not problem and last_look_s + 1 / rate_hz < info.duration_s - 1e-3:
        problem = info.problem or (
            f"its frames end at about {last_look_s:.1f} s, before its promised end; what is there is used; "
            "copy the file again if the rest is wanted"
        )
    return (last_look_s if problem else info.duration_s - _LAST_FRAME_S), problem or info.problem
