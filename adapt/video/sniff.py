"""What do a file's own bytes say that it is, if not a video? Asked before ffmpeg, which guesses otherwise.

ffmpeg takes a JPEG named .mp4 for a video of one frame, and a list of file names for the films it names.
"""

from collections.abc import Iterator
from pathlib import Path

from adapt.errors import MediaError

_HEAD = 4096  # Bytes looked at.
_PICTURE = "a picture ({}), not a video; leave it out"
_BAG = "a recording of {}; export its camera's images as .mp4 first"
_MAGIC = (  # (place, bytes found there, what the file is and what to do)
    (0, b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the video itself; run `git lfs pull`"),
    (0, b"VisionRe", "a VRS recording; export it with `vrs_to_mp4` of projectaria-tools, or another of VRS's tools"),
    (0, b"#ROSBAG", _BAG.format("ROS (bag)")),
    (0, b"\x89MCAP0", _BAG.format("ROS (MCAP)")),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file; export it as a LeRobot data set, which is read"),
    (0, b"\xff\xd8\xff", _PICTURE.format("JPEG")),
    (0, b"\x89PNG\r\n\x1a\n", _PICTURE.format("PNG")),
    (8, b"WEBP", _PICTURE.format("WebP")),
    (0, b"II*\x00", _PICTURE.format("TIFF")),
    (0, b"MM\x00*", _PICTURE.format("TIFF")),
    (4, b"ftypheic", _PICTURE.format("HEIC")),
    (4, b"ftypheix", _PICTURE.format("HEIC")),
    (4, b"ftypmif1", _PICTURE.format("HEIF")),
    (4, b"ftypavif", _PICTURE.format("AVIF")),
    (0, b"PK\x03\x04", "a zip archive; unpack it"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it"),
    (0, b"%PDF", "a PDF, not a video; leave it out"),
)
_FIRST_BOXES = frozenset([b"ftyp", b"wide", b"mdat", b"free", b"skip"])
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b")


def check_bytes(path: Path) -> None:
    """Refuse what is no video at the first look, with its own reason.

    Raises:
        MediaError: The file is missing, no file, cannot be read, is empty, or is something else than a video.
    """
    if path.exists() and not path.is_file():  # A pipe of this name would be waited for without an end.
        what = "a folder" if path.is_dir() else "no ordinary file"
        raise MediaError(f"{path.name}: {what}, not a video; name a video file, or the folder above it.")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise MediaError(
            f"{path.name}: cannot be read ({error.strerror}); check the path and its permissions."
        ) from error
    if not head:
        raise MediaError(f"{path.name}: the file is empty (0 bytes); copy it again from the camera.")
    for place, magic, what in _MAGIC:
        if head[place : place + len(magic)] == magic:
            raise MediaError(f"{path.name}: {what}.")
    if not any(head):
        raise MediaError(f"{path.name}: begins with {len(head)} zero bytes, as after a broken copy; copy it again.")
    if _is_text(head):
        begins = " ".join(head[:60].decode(errors="replace").split())[:40]
        raise MediaError(
            f"{path.name}: text, not a video (it begins with {begins!r}); download or copy the video again."
        )


def lacks_index(path: Path) -> bool:
    """Whether this is an MP4 or MOV whose table of pictures (`moov`) was never written, or not copied to its end."""
    boxes, length = list(_boxes(path)), path.stat().st_size
    indexed = any(kind == b"moov" and end <= length for kind, end in boxes)
    return bool(boxes) and boxes[0][0] in _FIRST_BOXES and not indexed


def bytes_missing(path: Path) -> int:
    """How many bytes an MP4 or MOV says it has beyond the file's end: 0 where it is whole, or another container."""
    boxes = list(_boxes(path))
    if not boxes or boxes[0][0] != b"ftyp":
        return 0
    return max(0, boxes[-1][1] - path.stat().st_size)


def _is_text(head: bytes) -> bool:
    """Whether this is text, in UTF-8 or an alphabet that shares its first half; a letter may be cut at the end."""
    if _CONTROLS.intersection(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3
    return True


def _boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    """(kind, where it ends) of the boxes that an MP4 or MOV is made of; ends at what is no box."""
    length = path.stat().st_size
    place = 0
    with path.open("rb") as file:
        while place + 8 <= length:
            file.seek(place)
            head = file.read(16)
            size, kind = int.from_bytes(head[:4]), head[4:8]
            if size == 1:
                size = int.from_bytes(head[8:16])
            if not kind.isalnum() or size == 0:  # 0: to the end of the file
                return
            if size < 8:
                return
            place += size
            yield kind, place
