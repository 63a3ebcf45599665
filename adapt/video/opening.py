"""Can this file be opened as a video? The one place that turns ffmpeg's complaints into letters to the user."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from adapt.errors import MediaError

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and its best video stream (not always the first), closing it afterwards.

    Raises:
        MediaError: The file is missing, empty, a Git LFS pointer, or holds no video stream that can be read.
    """
    check_bytes(path)
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path.name}: not a video that can be opened ({plain(error)}); check that the file is whole and plays."
        ) from error
    with container:
        if not container.streams.video:
            raise MediaError(f"{path.name}: holds sound or data but no video stream; leave it out.")
        stream = container.streams.best("video") or container.streams.video[0]
        assert isinstance(stream, VideoStream)
        stream.thread_type = "AUTO"
        yield container, stream


def check_bytes(path: Path) -> None:
    """Refuse what is no video at the first look, with its own reason.

    Raises:
        MediaError: The file is missing, cannot be read, is empty, or is a Git LFS pointer.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS_POINTER))
    except OSError as error:
        raise MediaError(
            f"{path.name}: cannot be read ({error.strerror}); check the path and its permissions."
        ) from error
    if not head:
        raise MediaError(f"{path.name}: the file is empty (0 bytes); copy it again from the camera.")
    if head == _LFS_POINTER:
        raise MediaError(f"{path.name}: a Git LFS pointer, not the video itself; fetch it with `git lfs pull`.")


def plain(error: Exception) -> str:
    """What went wrong, without number and path."""
    return str(getattr(error, "strerror", None) or error).rstrip(".:").lower()
