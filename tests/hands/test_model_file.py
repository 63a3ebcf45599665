import hashlib
import zipfile
from pathlib import Path

import pytest

from adapt.errors import DataError
from adapt.hands import model_file
from adapt.hands.model_file import assemble, ensure_hand_model, is_hand_model

DETECTOR, LANDMARKS = b"palm network" * 30, b"hand network" * 50


def fake_wheel(path: Path, *, detector: bytes = DETECTOR) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("mediapipe/__init__.py", "")
        wheel.writestr("mediapipe/palm.tflite", detector)
        wheel.writestr("mediapipe/hand.tflite", LANDMARKS)
    return path


@pytest.fixture(autouse=True)
def known_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pin two small stand-ins, and let neither source be reached unless a test says so."""
    pins = (
        ("hand_detector.tflite", "mediapipe/palm.tflite", hashlib.sha256(DETECTOR).hexdigest()),
        ("hand_landmarks_detector.tflite", "mediapipe/hand.tflite", hashlib.sha256(LANDMARKS).hexdigest()),
    )
    monkeypatch.setattr(model_file, "MEMBERS", pins)
    monkeypatch.delenv("WAM_ADAPT_HAND_MODEL", raising=False)
    for source in ("_from_publisher", "_from_wheel"):
        monkeypatch.setattr(model_file, source, unreachable)


def unreachable() -> bytes:
    raise DataError("no way there")


def test_the_wheels_networks_become_a_stored_bundle_at_aligned_places(tmp_path: Path) -> None:
    bundle = tmp_path / "hand.task"
    bundle.write_bytes(assemble(fake_wheel(tmp_path / "m.whl")))
    with zipfile.ZipFile(bundle) as opened:
        assert opened.namelist() == ["hand_detector.tflite", "hand_landmarks_detector.tflite"]
        assert {entry.compress_type for entry in opened.infolist()} == {zipfile.ZIP_STORED}
        assert opened.read("hand_landmarks_detector.tflite") == LANDMARKS
    assert bundle.read_bytes().index(DETECTOR) % 64 == 0
    assert bundle.read_bytes().index(LANDMARKS) % 64 == 0
    assert is_hand_model(bundle)


def test_another_network_in_the_wheel_is_refused(tmp_path: Path) -> None:
    wheel = fake_wheel(tmp_path / "m.whl", detector=b"something else")
    with pytest.raises(DataError, match="not the file known by its SHA-256"):
        assemble(wheel)


def test_the_publisher_is_asked_first_and_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = assemble(fake_wheel(tmp_path / "m.whl"))
    asked = []
    monkeypatch.setattr(model_file, "_from_publisher", lambda: asked.append(1) or content)
    first = ensure_hand_model(tmp_path / "models")
    assert ensure_hand_model(tmp_path / "models") == first
    assert first.read_bytes() == content
    assert asked == [1]


def test_the_wheel_is_taken_where_the_publisher_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = assemble(fake_wheel(tmp_path / "m.whl"))
    monkeypatch.setattr(model_file, "_from_wheel", lambda: content)
    assert ensure_hand_model(tmp_path / "models").read_bytes() == content


def test_a_damaged_file_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = assemble(fake_wheel(tmp_path / "m.whl"))
    monkeypatch.setattr(model_file, "_from_wheel", lambda: content)
    path = ensure_hand_model(tmp_path / "models")
    path.write_bytes(content[:-100])
    assert ensure_hand_model(tmp_path / "models").read_bytes() == content


def test_a_file_of_ones_own_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.task"
    own.write_bytes(b"mine")
    monkeypatch.setenv("WAM_ADAPT_HAND_MODEL", str(own))
    assert ensure_hand_model(tmp_path / "models") == own
    monkeypatch.setenv("WAM_ADAPT_HAND_MODEL", str(tmp_path / "gone.task"))
    with pytest.raises(DataError, match="which is not a file"):
        ensure_hand_model(tmp_path / "models")


def test_where_it_cannot_be_had_the_message_says_how_to_bring_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no way there; no way there.*WAM_ADAPT_HAND_MODEL"):
        ensure_hand_model(tmp_path / "models")
