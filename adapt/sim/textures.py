"""What does a codec see that is not the tabletop? Moving pictures made of nothing, with the statistics of photographs.

Falling-leaves pictures have the edges and occlusions of real scenes, clouds their smooth shading; both slide, zoom
and change brightness as footage does, and some carry the black bars of a letterboxed view.
"""

import numpy as np
from numpy.typing import NDArray

_MARGIN = 2.0  # the still picture is this much larger than what is seen of it


def moving_texture(rng: np.random.Generator, frames: int, size: int) -> NDArray[np.uint8]:
    """A clip of a made-up scene.

    Args:
        rng: Where chance comes from.
        frames: How many.
        size: Side of the square picture, in pixels.

    Returns:
        RGB. Shape (frames, size, size, 3).
    """
    side = int(size * _MARGIN)
    back = _still(rng, side)
    front = _still(rng, side)
    moves = [_path(rng, frames, side - size) for _ in range(2)]
    mask = _blob(rng, side) if rng.random() < 0.5 else np.zeros((side, side, 1), np.float32)
    gain = 1 + rng.normal(0, 0.08) * np.linspace(0, 1, frames)
    clip = np.empty((frames, size, size, 3), np.float32)
    for index in range(frames):
        (top, left), (ftop, fleft) = moves[0][index], moves[1][index]
        window = back[top : top + size, left : left + size]
        cover = mask[ftop : ftop + size, fleft : fleft + size]
        clip[index] = (window * (1 - cover) + front[ftop : ftop + size, fleft : fleft + size] * cover) * gain[index]
    if rng.random() < 0.3:
        bar = int(size * rng.uniform(0.08, 0.25))
        clip[:, :bar] = 0
        clip[:, size - bar :] = 0
    return (np.clip(clip, 0, 1) * 255).astype(np.uint8)


def _still(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    kind = rng.random()
    if kind < 0.55:
        return _leaves(rng, side)
    return _clouds(rng, side) if kind < 0.9 else _slope(rng, side)


def _leaves(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """Discs and rectangles of many sizes over each other, each with its own colour and slope of shade."""
    picture = _slope(rng, side)
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32)
    smallest, largest = 2.0, side / 3
    for _ in range(int(rng.integers(12, 70))):
        # Radii follow r^-2 or so, as visible sizes in photographs do.
        radius = smallest / max(rng.random(), smallest / largest)
        y, x = rng.uniform(0, side, 2)
        if rng.random() < 0.6:
            shape = (xs - x) ** 2 + (ys - y) ** 2 < radius**2
        else:
            turn = rng.uniform(0, np.pi)
            along = (xs - x) * np.cos(turn) + (ys - y) * np.sin(turn)
            across = (ys - y) * np.cos(turn) - (xs - x) * np.sin(turn)
            shape = (np.abs(along) < radius) & (np.abs(across) < radius * rng.uniform(0.2, 1))
        shade = 1 + rng.normal(0, 0.15) * (xs[shape] - x) / side * 4
        picture[shape] = _colour(rng) * shade[:, None]
    return picture


def _clouds(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """Noise whose spectrum falls as 1/f to 1/f^2, coloured."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1 / side
    fall = frequency ** -rng.uniform(1.0, 2.0)
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(3, side, side))) * fall, s=(side, side))
    noise = noise / noise.std(axis=(1, 2), keepdims=True)
    grey = noise.mean(0, keepdims=True) * 1.7
    mixed = rng.uniform(0, 1) * (noise - grey) + grey
    picture = _colour(rng) + rng.uniform(0.05, 0.22) * mixed.transpose(1, 2, 0)
    return np.asarray(picture, np.float32)


def _slope(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """One colour turning into another across the picture."""
    turn = rng.uniform(0, 2 * np.pi)
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    share = np.clip((xs * np.cos(turn) + ys * np.sin(turn)) + 0.5, 0, 1)[..., None]
    return np.asarray(_colour(rng) * (1 - share) + _colour(rng) * share, np.float32)


def _blob(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """Where the front layer covers the back one."""
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32)
    y, x = rng.uniform(0.3 * side, 0.7 * side, 2)
    radius = rng.uniform(0.08, 0.3) * side
    stretch = rng.uniform(0.5, 2)
    inside = ((xs - x) * stretch) ** 2 + (ys - y) ** 2 < radius**2
    return np.asarray(inside[..., None], np.float32)


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """Mostly muted colours, as in photographs; sometimes vivid ones."""
    grey = rng.beta(1.3, 1.5)
    vivid = rng.uniform(0, 1, 3)
    share = rng.beta(1.2, 2.5)
    return np.asarray(grey * (1 - share) + vivid * share, np.float32)


def _path(rng: np.random.Generator, frames: int, room: int) -> NDArray[np.int64]:
    """Top-left corners over time: a straight drift with a little shake, kept inside. Shape (frames, 2)."""
    speed = rng.normal(0, 1.6, 2) * (rng.random() < 0.85)
    start = rng.uniform(0.2 * room, 0.8 * room, 2)
    shake = rng.normal(0, 0.3, (frames, 2)) * (rng.random() < 0.4)
    places = start + speed * np.arange(frames)[:, None] + shake
    return np.clip(np.rint(places), 0, room).astype(np.int64)
