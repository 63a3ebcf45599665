"""Can this file be opened as a video? The one place that turns ffmpeg's complaints into letters to the user."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from adapt.errors import MediaError
from adapt.video.sniff import check_bytes, lacks_index

# What PyAV raises on damaged files. IndexError: damage can make streams appear that were not there on opening.
BROKEN = (av.FFmpegError, OSError, ValueError, IndexError)

# Containers of video. Others that ffmpeg knows are pictures, text, or lists that make it open further files.
_CONTAINERS = (
    "mov,matroska,avi,gif,mpegts,mpeg,mpegvideo,flv,live_flv,ogg,asf,mxf,dv,nut,ivf,rm,m4v,h264,hevc,obu,yuv4mpegpipe"
)
_ASIDE = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and its best video stream, closing it afterwards.

    Of several videos the one is taken that ffmpeg shows: one marked as default before others, then the one with more
    bits a second where the container tells them, then the first. Cover pictures and thumbnails do not count.

    Raises:
        MediaError: The file is missing, empty, no video, cut off before its index, or holds no video stream that can
            be read.
    """
    check_bytes(path)
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    try:
        container = av.open(str(path), metadata_errors="replace", container_options=options)
    except BROKEN as error:
        if lacks_index(path):
            raise MediaError(
                f"{path.name}: its index (`moov`) is missing, so it was cut off while recording or copying; copy it "
                "again from the camera, or repair it with untrunc and another video of the same camera."
            ) from error
        raise MediaError(
            f"{path.name}: not a video that can be opened ({plain(error)}); check that the file is whole and plays."
        ) from error
    with container:
        yield container, _stream(path, container)


def videos_in(container: InputContainer) -> list[VideoStream]:
    """The video streams of a file, without cover pictures and thumbnails."""
    return [stream for stream in container.streams.video if not stream.disposition & _ASIDE]


def plain(error: Exception) -> str:
    """What went wrong, without number and path."""
    if isinstance(error, IndexError):
        return "it names a stream that is not there"
    return str(getattr(error, "strerror", None) or error).rstrip(".:").lower()


def _stream(path: Path, container: InputContainer) -> VideoStream:
    streams = videos_in(container)
    if not streams:
        raise MediaError(f"{path.name}: holds sound, data or a cover picture but no video stream; leave it out.")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise MediaError(f"{path.name}: its video is coded in a way that is not known here; convert it to H.264 first.")
    best = container.streams.best("video")
    chosen = next((stream for stream in known if best is not None and stream.index == best.index), known[0])
    chosen.thread_type = "AUTO"
    return chosen
