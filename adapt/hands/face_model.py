"""Where do MediaPipe's face networks come from? Its publisher ships them inside the wheel that also has the hands'."""

import hashlib
import logging
import tempfile
import zipfile
from pathlib import Path

from adapt.errors import DataError
from adapt.hands.model_file import WHEEL, fetch_wheel
from adapt.runs.atomic import write_atomic

log = logging.getLogger(__name__)

# Name in the cache, name in the wheel, sha256. One is made for faces within two metres, the other for farther ones.
MEMBERS = (
    (
        "face_short_range.tflite",
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    ),
    (
        "face_full_range.tflite",
        "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    ),
)


def ensure_face_models(cache_root: Path) -> tuple[Path, ...]:
    """The files of both face networks, fetched once and verified.

    Args:
        cache_root: Folder in which they are kept, such as `Cache.default().folder("models")`.

    Returns:
        Files that MediaPipe's FaceDetector opens.

    Raises:
        DataError: They are not there and cannot be had.
    """
    paths = tuple(cache_root / name for name, _, _ in MEMBERS)
    if all(
        path.is_file() and _is(path.read_bytes(), digest) for path, (_, _, digest) in zip(paths, MEMBERS, strict=True)
    ):
        return paths
    with tempfile.TemporaryDirectory() as folder:
        networks = take_out(fetch_wheel(Path(folder)))
    cache_root.mkdir(parents=True, exist_ok=True)
    for path, network in zip(paths, networks, strict=True):
        write_atomic(path, network)
    log.info("face models: fetched from the wheel %s and verified", WHEEL)
    return paths


def take_out(wheel: Path) -> list[bytes]:
    """Both networks out of MediaPipe's wheel.

    Raises:
        DataError: The wheel is damaged, lacks a network, or holds another one.
    """
    networks = []
    try:
        with zipfile.ZipFile(wheel) as source:
            for _, place, digest in MEMBERS:
                network = source.read(place)
                if not _is(network, digest):
                    raise DataError(
                        f"{wheel.name}: {place} has another SHA-256 than {digest[:12]}...; fetch {WHEEL} again"
                    )
                networks.append(network)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise DataError(f"{wheel.name}: not the wheel of {WHEEL} ({error}); fetch it again") from error
    return networks


def _is(content: bytes, digest: str) -> bool:
    return hashlib.sha256(content).hexdigest() == digest
