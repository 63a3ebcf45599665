"""Where are the hands, frame by frame? MediaPipe's hand landmarker, and nothing of it leaks out."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.types import Clip, HandTrack

SIDES = ("left", "right")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenHand:
    """One hand in one frame."""

    side: str  # "left" or "right": whose hand it is, for a camera that does not mirror
    score: float  # how sure the model is of the side, in [0, 1]
    landmarks: Float[Tensor, "21 3"]  # x, y as shares of width, height; z relative to the wrist
    world_m: Float[Tensor, "21 3"]  # metres, origin at the hand's centre


class HandLandmarks:
    """Finds hands in the frames of one video, which must come in order of time.

    The model follows hands from frame to frame, so one instance serves one video: what it says of a video does not
    depend on which others were looked at. Use it as a context manager; it holds threads and memory.
    """

    def __init__(self, model: Path, *, min_score: float = 0.5, most: int = len(SIDES)) -> None:
        """Load the model.

        Args:
            model: File from `ensure_hand_model`.
            min_score: Confidence in [0, 1] from which a hand counts as found, and as still followed.
            most: How many hands are looked for at once; more than 2 where other people's may be in the picture. While
                fewer are in sight, the model searches the whole picture anew at every look, which takes longer.
        """
        _ignore_stray_profiling()
        with quiet():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            self._image: Callable[..., Any] = lambda data: mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB, data=data
            )
            self._landmarker: Any = vision.HandLandmarker.create_from_options(
                vision.HandLandmarkerOptions(
                    base_options=BaseOptions(model_asset_path=str(model)),
                    running_mode=vision.RunningMode.VIDEO,
                    num_hands=most,
                    min_hand_detection_confidence=min_score,
                    min_hand_presence_confidence=min_score,
                    min_tracking_confidence=min_score,
                )
            )
        self._warned = False

    def look(self, frame: UInt8[Tensor, "h w 3"], time_s: float) -> list[SeenHand]:
        """Find one person's hands in the next frame.

        Args:
            frame: Upright RGB.
            time_s: Its time in seconds; later than that of the frame before, by a millisecond or more.

        Returns:
            At most one hand per side. Where the model calls two hands by the same side, the less sure one is taken
            for the other side.
        """
        return _one_per_side(self.look_at_all(frame, time_s))

    def look_at_all(self, frame: UInt8[Tensor, "h w 3"], time_s: float) -> list[SeenHand]:
        """Find all hands in the next frame, whosesoever, each with the side that the model says; see `look`.

        That is what `adapt.hands.tracks` makes tracks of: there the sides are voted on over time.
        """
        image = self._image(np.ascontiguousarray(frame.numpy()))
        if self._warned:
            found = self._landmarker.detect_for_video(image, round(time_s * 1000))
        else:
            with quiet():  # Its warnings come with the first frame.
                found = self._landmarker.detect_for_video(image, round(time_s * 1000))
            self._warned = True
        return [
            SeenHand(
                side=side[0].category_name.lower(), score=side[0].score, landmarks=_xyz(image_), world_m=_xyz(world)
            )
            for side, image_, world in zip(
                found.handedness, found.hand_landmarks, found.hand_world_landmarks, strict=True
            )
        ]

    def detect(self, clip: Clip) -> list[HandTrack]:
        """Follow the hands through a whole clip.

        Args:
            clip: Frames in order of time.

        Returns:
            Two tracks as long as the clip: the left hand's, then the right hand's.
        """
        looks = [self.look(frame, float(time_s)) for frame, time_s in zip(clip.frames, clip.time_s, strict=True)]
        return [_track([next((h for h in hands if h.side == side), None) for hands in looks]) for side in SIDES]

    def close(self) -> None:
        """Let go of the model's threads and memory."""
        with quiet():
            self._landmarker.close()

    def __enter__(self) -> "HandLandmarks":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ignore_stray_profiling() -> None:
    """See that no profiling signal of MediaPipe's can end the process.

    The library carries a runtime that samples itself with SIGPROF, under a handler of its own that Python does not
    know of. Whoever puts Python's handlers back as they were (Lightning does, after training) takes it away, and the
    next sample would kill the process. With this in place what is put back is "ignore".
    """
    with suppress(ValueError):  # Not the main thread, where signals cannot be set.
        if signal.getsignal(signal.SIGPROF) == signal.SIG_DFL:
            signal.signal(signal.SIGPROF, signal.SIG_IGN)


def _xyz(points: Any) -> Float[Tensor, "21 3"]:
    return torch.tensor([[point.x, point.y, point.z] for point in points], dtype=torch.float32)


def _one_per_side(hands: list[SeenHand]) -> list[SeenHand]:
    by_side: dict[str, SeenHand] = {}
    for hand in sorted(hands, key=lambda h: -h.score):
        side = hand.side if hand.side not in by_side else next(s for s in SIDES if s != hand.side)
        by_side.setdefault(side, SeenHand(side=side, score=hand.score, landmarks=hand.landmarks, world_m=hand.world_m))
    return [by_side[side] for side in SIDES if side in by_side]


def _track(hands: list[SeenHand | None]) -> HandTrack:
    nothing = torch.zeros(21, 3)
    return HandTrack(
        landmarks=torch.stack([nothing if hand is None else hand.landmarks for hand in hands]),
        world_m=torch.stack([nothing if hand is None else hand.world_m for hand in hands]),
        seen=torch.tensor([hand is not None for hand in hands]),
        score=torch.tensor([0.0 if hand is None else hand.score for hand in hands]),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Send what C++ code writes to the process's error stream nowhere; MediaPipe has no switch for it."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError):  # The process has no error stream to be kept clean.
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
