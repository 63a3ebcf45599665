"""A second, slower way to the pictures of a video: all of it in order on one thread, colours by the textbook.

Nothing of it is the package's: no seeking, no swscale for what is coded as luma and colour, no tables, no filters.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

# Red's and blue's share of luma, by the number of the matrix in H.273; 2, "not said", is BT.601 by decision.
SHARES = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), **dict.fromkeys((2, 3, 5, 6), (0.299, 0.114))}
PQ, HLG = 16, 18
BT2020_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)  # BT.2087


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What was on show when it was asked for, and what came before and after; None at the ends."""

    picture: NDArray[np.float64]  # (height, width, 3), 0 to 255
    earlier: NDArray[np.float64] | None
    later: NDArray[np.float64] | None
    start_s: float


def look(path: Path, times_s: Sequence[float], stream: int) -> list[Seen]:
    """The frames on show at ascending times, from a decode of everything up to the last."""
    waiting, seen = list(times_s), []
    with av.open(str(path)) as container:
        chosen = next(video for video in container.streams.video if video.index == stream)
        chosen.thread_type = "NONE"
        earlier, shown = None, None
        zero = 0
        for coming in _and_none(container, chosen):
            if shown is None:
                shown, zero = coming, coming.pts
                continue
            while waiting and (coming is None or (coming.pts - zero) * coming.time_base > waiting[0] + 1e-4):
                waiting.pop(0)
                start_s = float((shown.pts - zero) * shown.time_base)
                pictures = [None if frame is None else as_shown(frame) for frame in (shown, earlier, coming)]
                seen.append(Seen(picture=pictures[0], earlier=pictures[1], later=pictures[2], start_s=start_s))
            if not waiting:
                break
            earlier, shown = shown, coming
    return seen


def _and_none(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame | None]:
    """Every frame until the stream ends or breaks; then None."""
    with suppress(av.FFmpegError):
        yield from container.decode(stream)
    yield None


def as_shown(frame: av.VideoFrame) -> NDArray[np.float64]:
    """A frame in the colours of an SDR screen, turned upright."""
    coded = red_green_blue(frame)
    if frame.color_trc in (PQ, HLG):
        coded = sdr(coded, frame.color_trc, wide=frame.color_primaries == 9)
    return np.rot90(255 * np.clip(coded, 0, 1), k=round(frame.rotation / 90))


def red_green_blue(frame: av.VideoFrame) -> NDArray[np.float64]:
    """Coded values in [0, 1], before any gamma; colour is repeated where pixels share it."""
    if not frame.format.name.startswith("yuv"):
        rgba = frame.to_ndarray(format="rgba").astype(np.float64) / 255
        return rgba[..., :3] * rgba[..., 3:]
    luma, blue, red = (_plane(frame, number) for number in range(3))
    bits = frame.format.components[0].bits
    if frame.color_range == 2 or frame.format.name.startswith("yuvj"):
        top = 2**bits - 1
        luma, blue, red = luma / top, (blue - 2 ** (bits - 1)) / top, (red - 2 ** (bits - 1)) / top
    else:
        scale = 2 ** (bits - 8)
        luma, blue, red = ((luma / scale - 16) / 219, (blue / scale - 128) / 224, (red / scale - 128) / 224)
    red_share, blue_share = SHARES[frame.colorspace]
    r = luma + 2 * (1 - red_share) * red
    b = luma + 2 * (1 - blue_share) * blue
    g = (luma - red_share * r - blue_share * b) / (1 - red_share - blue_share)
    return np.stack([r, g, b], axis=-1)


def _plane(frame: av.VideoFrame, number: int) -> NDArray[np.float64]:
    plane = frame.planes[number]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.dtype("<u2")
    rows = np.frombuffer(bytes(plane), kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
    values = rows[: plane.height, : plane.width].astype(np.float64)
    down, across = -(-frame.height // plane.height), -(-frame.width // plane.width)
    return values.repeat(down, 0).repeat(across, 1)[: frame.height, : frame.width]


def sdr(coded: NDArray[np.float64], transfer: int, *, wide: bool) -> NDArray[np.float64]:
    """PQ or HLG values as an SDR screen's: BT.2100's light, BT.2087's colours, BT.2390's curve, BT.1886's screen."""
    signal = np.clip(coded, 0, 1)
    nits = pq_nits(signal) if transfer == PQ else hlg_nits(signal)
    light = nits @ BT2020_TO_709.T if wide else nits
    light = np.clip(light, 0, 1000)
    strongest = light.max(axis=-1, keepdims=True)
    return (light * (rolled_off(strongest) / np.maximum(strongest, 1e-9)) / 203) ** (1 / 2.4)


def pq_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = signal ** (1 / m2)
    return 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def pq_signal(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = (np.asarray(nits) / 10_000) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


def hlg_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100 on a display of 1000 nits."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((np.maximum(signal, 0.5) - c) / a) + b) / 12)
    luma = scene @ [0.2627, 0.6780, 0.0593]
    return 1000 * scene * np.maximum(luma, 1e-12)[..., None] ** 0.2


def rolled_off(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2390's curve from 1000 nits to 203."""
    top = pq_signal(1000.0)
    highest = pq_signal(203.0) / top
    knee = 1.5 * highest - 0.5
    coded = pq_signal(nits) / top
    t = (coded - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * highest
    return pq_nits(np.where(coded < knee, coded, spline) * top)


def apart(a: NDArray[np.generic], b: NDArray[np.generic], *, block: int = 8) -> tuple[float, float]:
    """Mean and median difference of averages over blocks: edges may be drawn otherwise where pixels share colour."""
    assert a.shape == b.shape, (a.shape, b.shape)
    difference = a.astype(np.float64) - b.astype(np.float64)
    height, width = (side // block * block for side in a.shape[:2])
    cut = difference[:height, :width].reshape(height // block, block, width // block, block, 3).mean(axis=(1, 3))
    return float(abs(cut).mean()), float(np.median(abs(cut)))


def spread_over(duration_s: float, count: int) -> list[float]:
    """Times from the first frame to the last, none of them on a round number of frames but the first."""
    return [float(Fraction(step, count) * Fraction(duration_s)) * 0.999 for step in range(count)] + [duration_s - 2e-3]
