"""Scenes made by the tests themselves, with the faults that footage has; frames of noise like nature's, and a hand."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter
from torch import Tensor
from torch.nn.functional import interpolate

from adapt.footage.watch import Watched, Watcher

Frames = UInt8[Tensor, "t h w 3"]
RATE_HZ = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is filmed: a place, how far the head moves between two looks, and whether a hand works in it."""

    place: int = 0
    take: int = 0  # another take at the same place: the hand moves otherwise
    looks: int = 25
    size: tuple[int, int] = (180, 320)
    head_px: float = 3.0
    hand: bool = True


def film(scene: Scene) -> Frames:
    """The scene's frames, 5 a second."""
    height, width = scene.size
    wide = place_picture(scene.place, height + 60, width + 120)
    draw = np.random.default_rng([scene.place, scene.take, 1])
    sway = np.cumsum(draw.standard_normal((scene.looks, 2)) * scene.head_px, axis=0)
    # A share of the height; it comes back, as hands do.
    reach = height * lfilter([0.1], [1.0, -0.7], draw.standard_normal((scene.looks, 2)), axis=0)
    frames = []
    for (down, right), (reach_y, reach_x) in zip(sway, reach, strict=True):
        y, x = int(np.clip(30 + down, 0, 60)), int(np.clip(60 + right, 0, 120))
        picture = wide[y : y + height, x : x + width].copy()
        if scene.hand:
            rows, columns = np.mgrid[:height, :width]
            centre_y, centre_x = 0.7 * height + reach_y, 0.5 * width + reach_x
            inside = ((rows - centre_y) / (0.18 * height)) ** 2 + ((columns - centre_x) / (0.1 * width)) ** 2 < 1
            picture[inside] = 0.25 * picture[inside] + 0.75 * np.array([200.0, 150.0, 120.0])
        frames.append(np.clip(picture, 0, 255).astype(np.uint8))
    return torch.from_numpy(np.stack(frames))


def altered(frames: Frames, change: Callable[[np.ndarray], np.ndarray]) -> Frames:
    """The frames with something done to each of them, as numbers from 0 to 255."""
    return torch.from_numpy(
        np.stack([np.clip(change(frame.numpy().astype(np.float32)), 0, 255).astype(np.uint8) for frame in frames])
    )


def scaled(frames: Frames, height: int, width: int) -> Frames:
    """The frames at another size."""
    small = interpolate(frames.permute(0, 3, 1, 2), size=(height, width), mode="bilinear", antialias=True)
    return small.permute(0, 2, 3, 1).contiguous()


def blurred(frames: Frames, radius_px: float) -> Frames:
    """The frames out of focus."""
    return altered(frames, lambda frame: gaussian_filter(frame, (radius_px, radius_px, 0)))


def barred(frames: Frames, *, rows: float = 0.0, columns: float = 0.0) -> Frames:
    """The frames made smaller between black bars that take these shares of height and width."""
    _, height, width, _ = frames.shape
    high, wide = round(height * (1 - rows)), round(width * (1 - columns))
    out = torch.zeros_like(frames)
    top, left = (height - high) // 2, (width - wide) // 2
    out[:, top : top + high, left : left + wide] = scaled(frames, high, wide)
    return out


def side_by_side(*films: Frames, divider_px: int = 0) -> Frames:
    """Several films in one picture of the size of the first, with a line between them."""
    _, height, width, _ = films[0].shape
    line = torch.zeros(len(films[0]), height, divider_px, 3, dtype=torch.uint8)
    parts = [scaled(frames, height, width // len(films)) for frames in films]
    joined = [parts[0]]
    for part in parts[1:]:
        joined += [line, part]
    return torch.cat(joined, dim=2)


def along_edge(frames: Frames, barred_off: range) -> Frames:
    """The far edge of a table straight across frames of 180 x 320, and a white bar before it in some of them.

    While it is there, now one side of the edge is the brighter, now the other, as between panels.
    """
    edge = frames.clone()
    edge[:, 90:, 30:280] = (edge[:, 90:, 30:280].float() * 0.5).byte()
    for look in barred_off:
        edge[look, 90:98, 80:220] = 250
    return edge


def watch(frames: Frames, rate_hz: float = RATE_HZ) -> Watched:
    """What one pass sees of the frames."""
    watcher = Watcher(rate_hz)
    for frame in frames:
        watcher.look(frame)
    return watcher.watched()


def place_picture(seed: int, height: int, width: int) -> np.ndarray:
    """A picture whose detail falls off with its frequency, as in photographs."""
    draw = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    falloff = np.maximum(np.hypot(rows, columns), 1 / width) ** -1.3
    layers = []
    for _ in range(4):
        noise = np.fft.irfft2(np.fft.rfft2(draw.standard_normal((height, width))) * falloff, s=(height, width))
        noise = gaussian_filter(noise, 1.0)  # as sharp as a lens and a codec leave it
        layers.append(noise / noise.std())
    grey, *colours = layers
    return np.stack([105 + 13 * (seed % 3) + 42 * grey + 10 * colour for colour in colours], axis=-1)
