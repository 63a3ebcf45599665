"""Which windows have no latents yet, and how do they get them? Read, encoded one by one, and kept as they come."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.data.latent_store import LatentCache
from adapt.data.made_ahead import made_ahead
from adapt.data.window_frames import WindowFrames
from adapt.runs.turns import in_turn
from adapt.types import Window

WINDOWS_PER_FLUSH = 16  # A killed process loses no more than these.
_TURN_S = 60.0  # Of a video, for which a process takes its turn: others wait no longer than for so much of it.

Encoder = Callable[[UInt8[Tensor, "1 t h w 3"]], Float[Tensor, "1 l c h2 w2"]]


def missing(windows: Iterable[Window], cache: LatentCache) -> list[Window]:
    """Windows without latents, in order; of those that show the same pixels only the first."""
    wanted: dict[str, Window] = {}
    for window in windows:
        cache.say_videos(window.window_id, [video.digest for video in window.videos])
        if window.window_id not in cache:
            wanted.setdefault(window.window_id, window)
    return list(wanted.values())


def neighbours(windows: Iterable[Window], most: int) -> Iterator[list[Window]]:
    """Windows of the same minute of the same videos that follow one another, at most so many at once."""
    for _, group in groupby(windows, key=_turn):
        held = list(group)
        for start in range(0, len(held), most):
            yield held[start : start + most]


def _turn(window: Window) -> str:
    """What names the turn of a window: a minute of its videos, whichever other windows a run has there."""
    return " ".join([*(video.digest for video in window.videos), str(int(window.start_s // _TURN_S))])


def encode_into(
    cache: LatentCache,
    windows: Iterable[Window],
    read: Callable[[list[Window]], Iterable[WindowFrames]],
    encode: Encoder,
    *,
    done: Callable[[int], None],
) -> dict[str, str]:
    """Encode windows from their own first frames, one at a time, so that neighbours never change a result.

    While one is encoded the next is read.
    Processes that share a cache take turns at each minute of a video: what one has encoded the others find.

    Args:
        cache: Takes the latents, every few windows.
        windows: In order of video and time; those that have latents are passed over.
        read: Gives windows' canvases, or why they could not be read.
        encode: The codec.
        done: Told how many more windows are through.

    Returns:
        Reason by window id, of those that could not be read.
    """
    problems: dict[str, str] = {}
    for part in neighbours(windows, WINDOWS_PER_FLUSH):
        if not missing(part, cache):
            done(len(part))
            continue
        with in_turn(cache.folder, _turn(part[0])):
            cache.look_again()
            left = missing(part, cache)
            done(len(part) - len(left))
            fresh: dict[str, Tensor] = {}
            with made_ahead(iter(read(left)), most=1) as readings:
                for reading in readings:
                    if reading.frames is None:
                        problems[reading.window.window_id] = reading.problem
                    else:
                        fresh[reading.window.window_id] = encode(reading.frames.unsqueeze(0))[0]
                    done(1)
            cache.add(fresh)
    return problems
