"""What an engine does before a stage begins: it fills the cache, so that the stage finds its work done."""

import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from safetensors.torch import load, save

from adapt.data.encode_windows import Encoder, encode_into, neighbours
from adapt.data.hand_looks import KIND, look_at_video, looks_key
from adapt.data.latent_store import LatentCache
from adapt.data.window_frames import WindowFrames, read_windows
from adapt.embodiment.spec import Embodiment
from adapt.errors import AdaptError, RunError
from adapt.hands.quality import HandConfig
from adapt.models.bases import load_base
from adapt.runs.cache import LATENTS, Cache
from adapt.runs.fingerprint import Json
from adapt.types import BaseGeometry, Window
from pipelines.engines import Engine, Workers

log = logging.getLogger(__name__)

_WINDOWS_AT_ONCE = 32  # of one video, one after another: few enough to share fairly, and two passes of the reader
_SHOWN = 12  # digits of a fingerprint in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """Neighbouring windows of one video, and what encodes them."""

    base: str
    codec: str  # fingerprint of the codec that is meant
    store: str  # name of the folder, among the latents of a cache, for what it encodes
    body: Embodiment
    windows: Sequence[Window]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoded:
    """What has become of a share."""

    windows: int
    latents: bytes  # of those that could be read, as a safetensors file
    problem: str = ""  # why nothing was encoded


def look_ahead(
    videos: Sequence[Path], hands: HandConfig, cache: Cache, workers: Workers, *, tell: Callable[[float, str], None]
) -> None:
    """Have others look through videos; those they cannot read are left to whoever asks for them.

    Args:
        videos: The files.
        hands: How often to look, and when to believe.
        cache: Takes what was seen.
        workers: Who looks; nobody is called where everything was seen before.
        tell: Told the share that is done, in [0, 1], and how many videos that is.
    """
    items = [(path, hands) for path in videos if not _seen(path, hands, cache)]
    if not items:
        return
    with workers.called() as engine, closing(engine.spread(_look, items)) as looks:
        for done, seen in enumerate(looks, start=1):
            if seen is not None and cache.read_json(KIND, seen[0]) is None:  # A worker elsewhere has its own cache.
                cache.write_json(KIND, seen[0], seen[1], about=seen[2])
            tell(done / len(items), f"{done} of {len(items)} videos")


def _seen(path: Path, hands: HandConfig, cache: Cache) -> bool:
    digest = cache.known_digest(path)
    return digest is not None and cache.read_json(KIND, looks_key(digest, hands)) is not None


def _look(item: tuple[Path, HandConfig]) -> tuple[str, Json, list[str]] | None:
    """The cache's key of what was seen, that itself, and whose it is; None where the video cannot be read."""
    (path, hands), cache = item, Cache.default()
    try:
        look_at_video(path, hands, cache)
        digest = cache.file_digest(path)
    except AdaptError:
        return None  # Whoever asks for it will say why.
    key = looks_key(digest, hands)
    return key, cache.read_json(KIND, key), [digest]


def encode_ahead(
    windows: Sequence[Window],
    body: Embodiment,
    base: tuple[str, str],
    latents: LatentCache,
    engine: Engine,
    *,
    done: Callable[[int], None],
) -> None:
    """Have an engine encode windows into the cache; those it cannot read are left to whoever asks for them.

    Args:
        windows: Windows in order of video and time.
        body: Says which camera fills which slot.
        base: Name or folder of the base, and the fingerprint of its codec.
        latents: Takes the latents, share by share.
        engine: Does the work.
        done: Told how many more windows are through.
    """
    name, codec = base
    parts = neighbours(windows, _WINDOWS_AT_ONCE)
    shares = [_Share(base=name, codec=codec, store=latents.folder.name, body=body, windows=part) for part in parts]
    told: set[str] = set()
    with closing(engine.spread(_encode, shares)) as results:
        for result in results:
            latents.look_again()
            # A worker elsewhere has its own cache.
            latents.add({key: found for key, found in load(result.latents).items() if key not in latents})
            if result.problem and result.problem not in told:
                log.warning("%s", result.problem)
                told.add(result.problem)
            done(result.windows)


def _encode(share: _Share) -> _Encoded:
    """Encode into the cache that lies here, where other runs find it, and wait for what they encode at this time."""
    fingerprint, encode, geometry = _codec(share.base)
    if fingerprint != share.codec:
        return _nothing(
            share,
            f"has another codec for the base '{share.base}' (fingerprint {fingerprint[:_SHOWN]}, wanted "
            f"{share.codec[:_SHOWN]}); put the same base there",
        )
    cache = Cache.default()
    try:
        latents = LatentCache(cache.folder(LATENTS) / share.store)
    except (RunError, OSError) as error:
        return _nothing(share, f"has no cache to write to ({error})")

    def read(part: list[Window]) -> Iterator[WindowFrames]:
        """Windows' frames, as videos are found on this machine."""
        return read_windows(part, share.body, geometry, cache)

    encode_into(latents, share.windows, read, encode, done=lambda _: None)
    keys = [window.window_id for window in share.windows if window.window_id in latents]
    return _Encoded(windows=len(share.windows), latents=save({key: latents.read(key) for key in keys}))


def _nothing(share: _Share, problem: str) -> _Encoded:
    told = f"a worker on {platform.node()} {problem}; it encodes nothing, and this process does what is left"
    return _Encoded(windows=len(share.windows), latents=save({}), problem=told)


@lru_cache(maxsize=1)
def _codec(base: str) -> tuple[str, Encoder, BaseGeometry]:
    loaded = load_base(base, parts=("codec",))
    return loaded.codec.fingerprint, loaded.codec.encode, loaded.geometry
