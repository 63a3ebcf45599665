"""Where are faces in a picture, so that nobody sees them? MediaPipe's face detectors, asked to rather find too many.

What leaves the machine must not show who was filmed. A face that is missed does harm, a cup that is hidden does none:
so two detectors look at the whole picture and at overlapping parts of it, are believed early, and what they find is
hidden with a wide margin. No detector finds every face; see docs/doctor.md.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from adapt.hands.landmarks import quiet

Box = tuple[int, int, int, int]  # top, left, bottom, right; px

MIN_SCORE = 0.45  # Below the 0.5 that MediaPipe takes by itself, which misses more.
_PART = 0.6  # Each side of a part, as a share of the picture's: faces of a tenth of it then fill a sixth.
_MARGIN = 0.35  # Of the box, to each side: it ends at chin and brows.
_CELLS = 6  # Across a hidden face; nobody is known by so few.


class Faces:
    """Finds faces in single pictures. Use it as a context manager; it holds threads and memory."""

    def __init__(self, models: Sequence[Path], *, min_score: float = MIN_SCORE) -> None:
        """Load the networks.

        Args:
            models: Files from `ensure_face_models`.
            min_score: Confidence in [0, 1] from which a face is believed in.
        """
        with quiet():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            self._image: Callable[..., Any] = lambda data: mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB, data=data
            )
            self._detectors: list[Any] = []
            for model in models:
                options = vision.FaceDetectorOptions(
                    base_options=BaseOptions(model_asset_path=str(model)), min_detection_confidence=min_score
                )
                self._detectors.append(vision.FaceDetector.create_from_options(options))

    def find(self, frame: UInt8[Tensor, "h w 3"]) -> list[Box]:
        """The faces in a picture, each perhaps several times over, with a margin around it.

        Args:
            frame: Upright RGB.
        """
        found = []
        height, width = frame.shape[:2]
        with quiet():
            for top, left, part in _parts(frame):
                image = self._image(np.ascontiguousarray(part.numpy()))
                for detector in self._detectors:
                    boxes = (detection.bounding_box for detection in detector.detect(image).detections)
                    found += [_widened(box, top, left, (height, width)) for box in boxes]
        return found

    def close(self) -> None:
        """Let go of the networks' threads and memory."""
        with quiet():
            for detector in self._detectors:
                detector.close()

    def __enter__(self) -> "Faces":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def hide(frame: UInt8[Tensor, "h w 3"], boxes: Sequence[Box]) -> UInt8[Tensor, "h w 3"]:
    """The picture with everything in the boxes turned into a few large cells.

    Args:
        frame: RGB.
        boxes: What to hide; what lies outside the picture is ignored.
    """
    hidden = frame.clone()
    for top, left, bottom, right in boxes:
        part = frame[max(0, top) : bottom, max(0, left) : right]
        if part.numel():
            hidden[max(0, top) : bottom, max(0, left) : right] = mosaic(part, _CELLS)
    return hidden


def mosaic(frame: UInt8[Tensor, "h w 3"], cells: int) -> UInt8[Tensor, "h w 3"]:
    """A picture of so few cells that nobody is known in it.

    Args:
        frame: RGB.
        cells: Along its shorter side, at most.
    """
    height, width = frame.shape[:2]
    side = max(2.0, min(height, width) / cells)
    coarse = (max(1, round(height / side)), max(1, round(width / side)))
    pixels = frame.permute(2, 0, 1)[None].float()
    means = interpolate(interpolate(pixels, size=coarse, mode="area"), size=(height, width), mode="nearest")
    return means[0].permute(1, 2, 0).round().to(torch.uint8)


def _parts(frame: UInt8[Tensor, "h w 3"]) -> Iterator[tuple[int, int, Tensor]]:
    """(top, left, picture) of the whole and of its four corners, which overlap."""
    height, width = frame.shape[:2]
    high, wide = round(_PART * height), round(_PART * width)
    yield 0, 0, frame
    for top in (0, height - high):
        for left in (0, width - wide):
            yield top, left, frame[top : top + high, left : left + wide]


def _widened(box: Any, top: int, left: int, size: tuple[int, int]) -> Box:
    height, width = size
    down, right = round(_MARGIN * box.height), round(_MARGIN * box.width)
    return (
        max(0, top + box.origin_y - down),
        max(0, left + box.origin_x - right),
        min(height, top + box.origin_y + box.height + down),
        min(width, left + box.origin_x + box.width + right),
    )
