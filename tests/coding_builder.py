"""Videos of every coding, which tests make from values that are computed here: no swscale between paint and file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 10
Picture = NDArray[np.float64]  # (height, width, 3), coded red, green and blue in [0, 1]

# Red's and blue's share of luma.
BT601, BT709, BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)
# How many rows and columns share one value of colour.
_SHARED = {"yuv420p": (2, 2), "yuvj420p": (2, 2), "yuv422p": (1, 2), "yuv444p": (1, 1)}
_PACKED = {"rgb24": "rgb", "rgba": "rgba", "bgra": "bgra", "argb": "argb"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How pictures are to be stored. Numbers of colours are those of H.273; 2 is "not said"."""

    codec: str = "libx264"
    pixels: str = "yuv420p"
    suffix: str = ".mp4"
    options: Mapping[str, str] = field(default_factory=lambda: {"crf": "1", "threads": "1"})
    shares: tuple[float, float] = BT601
    full_range: bool = False
    matrix: int = 2
    transfer: int = 2
    primaries: int = 2
    tagged_range: int = 0  # 0 not said, 1 limited, 2 full
    pixel_aspect: Fraction | None = None
    display_matrix: Sequence[int] = ()
    container: Mapping[str, str] = field(default_factory=dict)


def quarters(number: int, height: int = 48, width: int = 64) -> Picture:
    """Four colours, the lower right one a grey that tells the frame from its neighbours and from 29 others."""
    picture = np.empty((height, width, 3))
    top, left = height // 2, width // 2
    picture[:top, :left] = np.array([200, 60, 40]) / 255
    picture[:top, left:] = np.array([60, 180, 70]) / 255
    picture[top:, :left] = np.array([50, 80, 190]) / 255
    picture[top:, left:] = grey(number) / 255
    return picture


def grey(number: int) -> int:
    """A frame's own grey, of 255."""
    return 30 + 7 * ((11 * number) % 30)


def film(path: Path, coding: Coding, *, frames: int = 6, paint: Callable[[int], Picture] = quarters) -> Path:
    """Write a video of so many pictures at 10 Hz; the suffix is the coding's."""
    path = path.with_suffix(coding.suffix)
    with av.open(str(path), "w", container_options=dict(coding.container)) as container:
        add_video(container, coding, [paint(number) for number in range(frames)])
    return path


def add_video(container: av.container.OutputContainer, coding: Coding, pictures: Sequence[Picture]) -> None:
    """Write one stream of pictures at 10 Hz."""
    stream = container.add_stream(coding.codec, rate=RATE_HZ, options=dict(coding.options))
    stream.height, stream.width = pictures[0].shape[:2]
    stream.pix_fmt = coding.pixels
    coded = stream.codec_context
    coded.color_range, coded.colorspace = coding.tagged_range, coding.matrix
    coded.color_trc, coded.color_primaries = coding.transfer, coding.primaries
    if coding.pixel_aspect:
        coded.sample_aspect_ratio = coding.pixel_aspect
    if coding.display_matrix:
        stream.set_display_matrix(coding.display_matrix)
    for number, picture in enumerate(pictures):
        frame = coded_frame(picture, coding)
        frame.pts, frame.time_base = number, Fraction(1, RATE_HZ)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def coded_frame(picture: Picture, coding: Coding) -> av.VideoFrame:
    """A picture in the coding's pixels."""
    height, width = picture.shape[:2]
    frame = av.VideoFrame(width, height, coding.pixels)
    frame.color_range, frame.colorspace = coding.tagged_range, coding.matrix
    frame.color_trc, frame.color_primaries = coding.transfer, coding.primaries
    for plane, values in zip(frame.planes, _planes(picture, coding), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)  # Rows may be longer in memory.
        data = np.ascontiguousarray(values).view(np.uint8)
        rows[: len(data), : data.shape[1]] = data
        plane.update(rows.tobytes())
    return frame


def _planes(picture: Picture, coding: Coding) -> list[NDArray[np.unsignedinteger]]:
    if coding.pixels in _PACKED:
        return [_packed(picture, coding.pixels)]
    bits = 10 if coding.pixels.endswith("10le") else 8
    red_share, blue_share = coding.shares
    luma = picture @ [red_share, 1 - red_share - blue_share, blue_share]
    blue = (picture[..., 2] - luma) / (2 * (1 - blue_share))
    red = (picture[..., 0] - luma) / (2 * (1 - red_share))
    top, scale = 2**bits - 1, 2.0 ** (bits - 8)
    if coding.full_range:
        stored = [luma * top, blue * top + 128 * scale, red * top + 128 * scale]
    else:
        stored = [(16 + 219 * luma) * scale, (128 + 224 * blue) * scale, (128 + 224 * red) * scale]
    shared = _SHARED[coding.pixels.removesuffix("10le")]
    thin = [stored[0], *(_mean(plane, *shared) for plane in stored[1:])]
    return [np.clip(np.rint(plane), 0, top).astype(np.uint8 if bits == 8 else np.uint16) for plane in thin]


def _packed(picture: Picture, pixels: str) -> NDArray[np.unsignedinteger]:
    """Rows of pixels byte by byte; the left half is transparent where that can be said."""
    height, width = picture.shape[:2]
    alpha = np.ones((height, width))
    alpha[:, : width // 2] = 0
    values = dict(zip("rgba", [*np.moveaxis(picture, 2, 0), alpha], strict=True))
    packed = np.stack([values[letter] for letter in _PACKED[pixels]], axis=-1)
    return np.rint(255 * packed).astype(np.uint8).reshape(height, -1)


def _mean(plane: NDArray[np.float64], down: int, across: int) -> NDArray[np.float64]:
    """Averages over so many rows and columns; an odd last one stands for itself."""
    height, width = plane.shape
    whole = np.pad(plane, ((0, height % down), (0, width % across)), mode="edge")
    return whole.reshape(whole.shape[0] // down, down, whole.shape[1] // across, across).mean(axis=(1, 3))
