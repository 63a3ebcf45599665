"""How are frames written to a video that everything plays?"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8
from torch import Tensor

_CRF = "18"  # Visually lossless: these videos are data, not decoration.


def write_video(path: Path, frames: UInt8[Tensor, "t h w 3"], rate_hz: float) -> None:
    """Write frames as H.264 in yuv420p, the same bytes for the same frames.

    A side of odd length is lengthened by repeating its last row or column, since yuv420p halves both sides.
    Parent folders are made.

    Args:
        path: File to write, usually `.mp4`; replaced if it exists.
        frames: RGB frames in order of time.
        rate_hz: Frames a second, constant.

    Raises:
        ValueError: There are no frames, or the rate is not positive.
    """
    if not len(frames) or rate_hz <= 0:
        raise ValueError(f"a video needs frames and a rate above 0; found {len(frames)} frames at {rate_hz} Hz")
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:3]
    even = np.pad(frames.numpy(), ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    with av.open(str(path), "w", container_options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        # More than one thread would let timing decide where x264 cuts its slices.
        # The rate control's assembly rounds otherwise from run to run: the same frames gave 12 different files in 30.
        options = {"crf": _CRF, "preset": "medium", "threads": "1", "x264-params": "cpu-independent=1"}
        stream = container.add_stream("libx264", rate=Fraction(rate_hz).limit_denominator(1001), options=options)
        stream.width, stream.height, stream.pix_fmt = even.shape[2], even.shape[1], "yuv420p"
        for picture in even:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())
