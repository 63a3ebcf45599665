"""What colours does a decoded frame show? However it is coded, out comes RGB for an ordinary (SDR, BT.709) screen.

Matrices are the frame's own: BT.601, BT.709, BT.2020, FCC, SMPTE 240M. A frame that names none is taken for BT.601
whatever its size: those who write untagged files (ffmpeg, OpenCV, imageio, LeRobot's recorder) convert so, and ffmpeg
reads them so.
"""

from typing import cast

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideData, SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, Interpolation
from jaxtyping import UInt8

from adapt.video import tone

_MATRICES = frozenset([0, 1, 4, 5, 6, 7, 9])  # Those of AVColorSpace that swscale converts.
_UNSAID = frozenset([2, 3])  # unspecified, reserved
_BYTE, _RGB = 8, 3
_DEEP = "gbrp16le"  # Not rgb48le: colours that lie outside wrap around there, where the size is odd or exactness asked.
# For more than 8 bits, whose shades ffmpeg's faster way makes darker by two of 255.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_HDR: dict[int, tone.Transfer] = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
_WIDE: dict[int, tone.Gamut] = {ColorPrimaries.BT2020: "BT.2020", ColorPrimaries.SMPTE432: "P3"}


class ColourError(Exception):
    """A frame's colours cannot be converted; the message says why, and what to do."""


def sdr_rgb(frame: VideoFrame, height: int, width: int) -> UInt8[np.ndarray, "{height} {width} 3"]:
    """A frame as SDR RGB, scaled: HDR tone-mapped, wide gamuts narrowed, transparency on black, one field of two.

    Args:
        frame: As the decoder gave it.
        height: Of the result, of a picture not yet turned, in px.
        width: Likewise.

    Raises:
        ColourError: The frame's colours are coded in a way that is not one of those above.
    """
    matrix = _matrix(frame)
    if frame.interlaced_frame:
        frame = _upper_field(frame)
    transfer, gamut = transfer_of(frame), gamut_of(frame)
    special = transfer != "SDR" or gamut != "BT.709"
    # ffmpeg's filters grow with the scale, so shrinking averages instead of skipping pixels.
    values = frame.to_ndarray(
        format=_DEEP if special else "rgba" if has_alpha(frame) else "rgb24",
        width=width,
        height=height,
        src_colorspace=matrix,
        interpolation=_EXACT if frame.format.components[0].bits > _BYTE else Interpolation.BILINEAR,
        threads=1,  # By default it starts as many as there are cores, anew for every picture; that costs more.
    )
    if special:
        return tone.to_sdr(values, transfer=transfer, gamut=gamut)
    if values.shape[-1] > _RGB:
        return (values[..., :_RGB].astype(np.uint16) * values[..., _RGB:] // 255).astype(np.uint8)
    return values


def transfer_of(frame: VideoFrame) -> tone.Transfer:
    """How a frame's values become light: as PQ or HLG where it says so."""
    return _HDR.get(frame.color_trc, "SDR")


def gamut_of(frame: VideoFrame) -> tone.Gamut:
    """Which red, green and blue a frame's values mean; those close to BT.709's count as it, as on every player."""
    return _WIDE.get(frame.color_primaries, "BT.709")


def has_alpha(frame: VideoFrame) -> bool:
    """Whether parts of a frame may be transparent."""
    return any(component.is_alpha for component in frame.format.components)


def side_data(frame: VideoFrame, kind: Type) -> SideData | None:
    """What a frame carries beside its picture, of one kind."""
    carried = cast("SideDataContainer", frame.side_data)  # PyAV's stubs call it a mapping from names to names.
    return next((data for data in carried if data.type == kind), None)


def _matrix(frame: VideoFrame) -> Colorspace | None:
    """The matrix to convert with; None is the frame's own."""
    space = frame.colorspace
    if space in _UNSAID:
        if side_data(frame, Type.DOVI_METADATA) and transfer_of(frame) == "SDR":
            raise ColourError("Dolby Vision without a picture that other players can show; export it as HDR10 or SDR")
        wide = transfer_of(frame) != "SDR" and gamut_of(frame) == "BT.2020"
        return Colorspace.BT2020 if wide else Colorspace.ITU601
    if space not in _MATRICES and not frame.format.is_rgb:
        raise ColourError(f"its colour matrix (number {space} in H.273) is not known here; export it as BT.709")
    return None


def _upper_field(frame: VideoFrame) -> VideoFrame:
    """Every other row, the uppermost first: two moments woven into one picture would show as combs."""
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("field", "top"), graph.add("buffersink")).configure()
    graph.push(frame)
    field = graph.pull()
    assert isinstance(field, VideoFrame)
    return field
