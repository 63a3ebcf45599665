"""What names a window: the pixels it stands for."""

from collections.abc import Mapping

from adapt.data.windows import PREPROCESS_VERSION
from adapt.runs.fingerprint import fingerprint
from adapt.types import BaseGeometry


def window_id(views: Mapping[str, str], *, start_s: float, chunks: int, geometry: BaseGeometry) -> str:
    """Name a window by everything that decides its canvas pixels, and nothing else.

    Args:
        views: For each slot of the canvas that is filled, what names the film shown there (`Film.shown`).
        start_s: Time of the first frame, in seconds.
        chunks: Length in chunks.
        geometry: The base's canvas and rates.

    Returns:
        16 hex digits; the same on every machine, whatever the files are called.
    """
    slots = {
        name: [slot.top, slot.left, slot.height, slot.width]
        for name, slot in geometry.canvas.slots.items()
        if name in views
    }
    return fingerprint(
        {
            "preprocess": PREPROCESS_VERSION,
            "views": dict(views),
            "slots": slots,
            "canvas": [geometry.canvas.height, geometry.canvas.width],
            "start_us": round(start_s * 1e6),
            "frames": geometry.frames(chunks),
            "video_hz": float(geometry.video_hz),
        }
    )[:16]
