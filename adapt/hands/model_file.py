"""Where does MediaPipe's hand model come from? Its publisher; or the parts its publisher ships inside a wheel."""

import hashlib
import logging
import os
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from adapt.errors import DataError
from adapt.runs.atomic import write_atomic

log = logging.getLogger(__name__)

HAND_MODEL = "mediapipe/hand_landmarker/float16/1"  # Names the model in fingerprints, wherever its file came from.
ENVIRONMENT = "WAM_ADAPT_HAND_MODEL"
URL = "https://storage.googleapis.com/mediapipe-models/hand_landmarker/hand_landmarker/float16/1/hand_landmarker.task"
FILE_SHA256 = "fbc2a30080c3c557093b5ddfc334698132eb341044ccee322ccf8bcf3607cde1"
WHEEL = "mediapipe==0.10.21"  # The last release whose wheel holds the two networks as files.
# Name in the .task file, name in the wheel, sha256.
MEMBERS = (
    (
        "hand_detector.tflite",
        "mediapipe/modules/palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    ),
    (
        "hand_landmarks_detector.tflite",
        "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    ),
)
_CONNECT_S = 10.0
_PIP_S = 600.0
_PADDING_ID = 0xD935  # Zip extra field that only pads (Android's zipalign uses it).
_YEAR_ONE = (1980, 1, 1, 0, 0, 0)


def ensure_hand_model(cache_root: Path) -> Path:
    """The hand model's file, fetched once and verified.

    Args:
        cache_root: Folder in which it is kept, such as `Cache.default().folder("models")`.

    Returns:
        A `.task` file that MediaPipe's HandLandmarker opens. Where the environment variable WAM_ADAPT_HAND_MODEL names
        a file, that file as it is.

    Raises:
        DataError: It can be had from neither place, or WAM_ADAPT_HAND_MODEL names no file.
    """
    if chosen := os.environ.get(ENVIRONMENT):
        if not Path(chosen).is_file():
            raise DataError(
                f"{ENVIRONMENT} is {chosen!r}, which is not a file; name a hand_landmarker.task, or unset it."
            )
        return Path(chosen)
    path = cache_root / "hand_landmarker.task"
    if path.is_file() and is_hand_model(path):
        return path
    reasons = []
    for source, fetch in ((URL, _from_publisher), (f"the wheel {WHEEL}", _from_wheel)):
        try:
            content = fetch()
        except DataError as error:
            log.info("hand model: %s", error)
            reasons.append(str(error))
            continue
        cache_root.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
        log.info("hand model: fetched from %s and verified", source)
        return path
    raise DataError(
        f"the hand model could not be fetched: {'; '.join(reasons)}. Download {URL} on a machine that reaches it, "
        f"and name the file in the environment variable {ENVIRONMENT}."
    )


def is_hand_model(path: Path) -> bool:
    """Whether a file is the publisher's, or was assembled from the publisher's two networks."""
    content = path.read_bytes()
    if _sha256(content) == FILE_SHA256:
        return True
    try:
        with zipfile.ZipFile(path) as bundle:
            return all(_sha256(bundle.read(name)) == digest for name, _, digest in MEMBERS)
    except (zipfile.BadZipFile, KeyError, NotImplementedError):
        return False


def assemble(wheel: Path) -> bytes:
    """A `.task` file made of the two networks in MediaPipe's wheel; always the same bytes.

    Members are stored, and begin at multiples of 64 bytes, so that the networks are mapped without a copy.

    Raises:
        DataError: The wheel is damaged, lacks a network, or holds another one.
    """
    with tempfile.TemporaryFile() as file:
        try:
            with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(file, "w") as bundle:
                for name, place, digest in MEMBERS:
                    network = source.read(place)
                    if _sha256(network) != digest:
                        raise DataError(f"{wheel.name}: {place} is not the file known by its SHA-256 {digest[:12]}...")
                    entry = zipfile.ZipInfo(name, date_time=_YEAR_ONE)
                    head = file.tell() + 30 + len(name) + 4  # local header, name, the padding's own head
                    padding = -head % 64
                    entry.extra = struct.pack("<HH", _PADDING_ID, padding) + bytes(padding)
                    bundle.writestr(entry, network)
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise DataError(f"{wheel.name}: not the wheel of {WHEEL} ({error})") from error
        file.seek(0)
        return file.read()


def _from_publisher() -> bytes:
    try:
        with urllib.request.urlopen(URL, timeout=_CONNECT_S) as answer:  # An https address, fixed above.
            content: bytes = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise DataError(f"its publisher could not be reached ({getattr(error, 'reason', error)})") from error
    if _sha256(content) != FILE_SHA256:
        raise DataError(f"its publisher gave {len(content)} bytes with another SHA-256 than {FILE_SHA256[:12]}...")
    return content


def _from_wheel() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return assemble(fetch_wheel(Path(folder)))


def fetch_wheel(folder: Path) -> Path:
    """MediaPipe's wheel that still holds its networks as files, from the package index that pip asks.

    Any wheel of that release will do, since only its data files are taken: so one is asked for that exists.

    Args:
        folder: Where it goes.

    Raises:
        DataError: It cannot be had.
    """
    command = [sys.executable, "-m", "pip", "download", WHEEL, "--no-deps", "--quiet", "--only-binary=:all:"]
    command += ["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--dest", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PIP_S)
    except (subprocess.SubprocessError, OSError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise DataError(f"`pip download {WHEEL}` failed ({said[-1] if said else error})") from error
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise DataError(f"`pip download {WHEEL}` brought no wheel")
    return wheels[0]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
