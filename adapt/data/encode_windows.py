"""Which windows have no latents yet, and how do they get them? Read, encoded one by one, and kept as they come."""

from collections.abc import Callable, Iterable

from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.data.latent_store import LatentCache
from adapt.data.window_frames import WindowFrames
from adapt.types import Window

WINDOWS_PER_FLUSH = 16  # A killed process loses no more than these.

Encoder = Callable[[UInt8[Tensor, "1 t h w 3"]], Float[Tensor, "1 l c h2 w2"]]


def missing(windows: Iterable[Window], cache: LatentCache) -> list[Window]:
    """Windows without latents, in order; of those that show the same pixels only the first."""
    wanted: dict[str, Window] = {}
    for window in windows:
        if window.window_id not in cache:
            wanted.setdefault(window.window_id, window)
    return list(wanted.values())


def encode_into(
    cache: LatentCache, readings: Iterable[WindowFrames], encode: Encoder, *, done: Callable[[], None]
) -> dict[str, str]:
    """Encode windows from their own first frames, one at a time, so that neighbours never change a result.

    Args:
        cache: Takes the latents, every few windows.
        readings: Windows' canvases, or why they could not be read.
        encode: The codec.
        done: Called after each window.

    Returns:
        Reason by window id, of those that could not be read.
    """
    problems: dict[str, str] = {}
    fresh: dict[str, Tensor] = {}
    for reading in readings:
        if reading.frames is None:
            problems[reading.window.window_id] = reading.problem
        else:
            fresh[reading.window.window_id] = encode(reading.frames.unsqueeze(0))[0]
        if len(fresh) == WINDOWS_PER_FLUSH:
            cache.add(fresh)
            fresh = {}
        done()
    cache.add(fresh)
    return problems
