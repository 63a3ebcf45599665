"""Frames by time through decord: one index of the whole file, then any frames in one batch."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from adapt.errors import MediaError
from adapt.video.opening import plain
from adapt.video.probe import probe
from adapt.video.pyav_reader import SLACK_S

# Elsewhere (transport streams, for one) its seeking was found to give other frames than a plain decode.
_SURE = frozenset([".mp4", ".mov", ".m4v", ".mkv", ".webm"])
_UNSURE = frozenset(["hevc"])  # Where groups of pictures are open, it gives others than those on show.


class DecordRefusalError(Exception):
    """Decord cannot serve this file as promised; PyAV may."""


def read(
    path: Path, times_s: Sequence[float], size: tuple[int, int] | None
) -> list[tuple[float, UInt8[Tensor, "h w 3"]]]:
    """(when it came on show, frame) at ascending times.

    Raises:
        MediaError: A time lies outside the video.
        DecordRefusalError: Decord cannot open or decode the file, or its clock does not begin at 0 as PyAV's does.
    """
    import decord

    decord.logging.set_level(decord.logging.QUIET)

    _check_that_it_can(path)
    height, width = size or (-1, -1)
    try:
        reader = decord.VideoReader(str(path), ctx=decord.cpu(0), width=width, height=height)
        spans_s = np.asarray(reader.get_frame_timestamp(range(len(reader))), dtype=np.float64)
    except Exception as error:  # Decord raises bare RuntimeError and its own kind alike.
        raise DecordRefusalError(plain(error)) from error
    if abs(spans_s[0, 0]) > SLACK_S:
        raise DecordRefusalError(f"its first frame is at {spans_s[0, 0]:.3f} s, not 0")
    end_s = float(spans_s[-1, 1])
    for time_s in times_s:
        if not -SLACK_S <= time_s <= end_s + SLACK_S:
            raise MediaError(
                f"{path.name}: asked for the frame at {time_s:.2f} s, but the video lasts from 0 to {end_s:.2f} s; "
                "ask for a time inside it."
            )
    starts_s = spans_s[:, 0].tolist()
    indices = [max(0, bisect_right(starts_s, time_s + SLACK_S) - 1) for time_s in times_s]
    try:
        batch = reader.get_batch(indices).asnumpy()
    except Exception as error:
        raise DecordRefusalError(plain(error)) from error
    return [(starts_s[index], frame) for index, frame in zip(indices, torch.from_numpy(batch), strict=True)]


def _check_that_it_can(path: Path) -> None:
    """Leave to PyAV what decord was found to show otherwise."""
    if path.suffix.lower() not in _SURE:
        raise DecordRefusalError(f"it is not trusted with {path.suffix} files")
    info = probe(path)
    if info.codec in _UNSURE:
        raise DecordRefusalError(f"it is not trusted with {info.codec}")
    # Turning it does, without mirrors; the rest it shows as stored.
    beyond = [treatment for treatment in info.treatment if not treatment.startswith("turned")]
    if beyond:
        raise DecordRefusalError(f"it cannot do this: {beyond[0]}")
