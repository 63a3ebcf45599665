"""A thumbnail is taken where the video is worth most, hands are drawn into it, and faces never leave the machine."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from adapt.data.video_folder import VideoItem
from adapt.errors import DataError
from adapt.hands.faces import Faces
from adapt.hands.landmarks import HandLandmarks, SeenHand
from adapt.hands.quality import HandConfig
from adapt.quality import thumbnails
from adapt.quality.files import FileReport, Stretch
from adapt.quality.thumbnails import Thumbnail, make_thumbnails
from adapt.runs.cache import Cache
from adapt.video.probe import probe
from adapt.video.writer import write_video

NO_HANDS = HandConfig(min_hands_share=0.0)


class Finder(Faces):
    """In place of the face networks: a face in the upper left quarter of every picture."""

    def __init__(self, _models: object) -> None:
        pass

    def find(self, frame: UInt8[Tensor, "h w 3"]) -> list[tuple[int, int, int, int]]:
        return [(0, 0, frame.shape[0] // 2, frame.shape[1] // 2)]

    def close(self) -> None:
        pass


@pytest.fixture
def video(tmp_path: Path) -> VideoItem:
    """Four seconds of a fine chequerboard, which gets brighter by the second."""
    board = 60 * (np.indices((90, 160)).sum(0) // 3 % 2)
    frames = [np.repeat((board + 40 * second)[..., None], 3, axis=2) for second in range(4) for _ in range(5)]
    write_video(tmp_path / "a.mp4", torch.from_numpy(np.stack(frames).astype(np.uint8)), 5.0)
    return VideoItem(path=tmp_path / "a.mp4", name="a.mp4", instruction="pour", session="a")


def report(video: VideoItem, *stretches: Stretch) -> FileReport:
    return FileReport(
        name=video.name,
        digest="d",
        instruction="pour",
        session="a",
        info=probe(video.path),
        train_s=0.0,
        validation_s=0.0,
        stretches=stretches,
        hands=None,
        looks_hz=5.0,
        findings=(),
    )


def grey(thumbnail: Thumbnail) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(thumbnail.jpeg)).convert("L"), np.float32)


def spread(part: np.ndarray) -> float:
    """How much neighbours differ: much on the board, nothing within a cell."""
    return float(np.median(np.abs(np.diff(part, axis=1))))


def test_it_shows_the_middle_of_the_longest_kept_stretch_with_the_face_hidden(
    video: VideoItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "ensure_face_models", lambda _folder: ())
    monkeypatch.setattr(thumbnails, "Faces", Finder)
    stretches = (
        Stretch(start_s=0.0, end_s=2.6, code="dark", reason="too dark"),
        Stretch(start_s=2.6, end_s=3.0, code="kept"),
        Stretch(start_s=3.0, end_s=3.8, code="kept"),
    )
    made = make_thumbnails([video], [report(video, *stretches)], NO_HANDS, Cache(tmp_path / "cache"))
    thumbnail = made.by_file["a.mp4"]
    assert thumbnail.time_s == pytest.approx(3.4)
    picture = grey(thumbnail)
    assert picture.shape == (thumbnail.height, thumbnail.width) == (90, 160)
    assert picture[50:].mean() == pytest.approx(150, abs=10)  # the fourth second
    assert spread(picture[:40, :70]) < 3
    assert np.abs(np.diff(picture[50:], axis=1)).max() > 30
    assert "do not find every face" in made.hidden


def test_where_no_face_can_be_looked_for_the_whole_picture_is_coarse(
    video: VideoItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(_folder: Path) -> tuple[Path, ...]:
        raise DataError("the network: cannot be reached; try later")

    monkeypatch.setattr(thumbnails, "ensure_face_models", offline)
    made = make_thumbnails(
        [video], [report(video, Stretch(start_s=0.0, end_s=3.9, code="kept"))], NO_HANDS, Cache(tmp_path / "cache")
    )
    assert np.abs(np.diff(grey(made.by_file["a.mp4"]), axis=1)).max() < 30
    assert "coarsened throughout" in made.hidden


def test_hands_are_drawn_where_they_were_found(
    video: VideoItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Seer(HandLandmarks):
        def __init__(self, _model: Path, *, min_score: float) -> None:
            pass

        def look(self, _frame: Tensor, _time_s: float) -> list[SeenHand]:
            points = torch.full((21, 3), 0.9)
            points[0] = torch.tensor([0.6, 0.9, 0.0])
            return [SeenHand(side="left", score=1.0, landmarks=points, world_m=points)]

        def close(self) -> None:
            pass

    monkeypatch.setattr(thumbnails, "ensure_face_models", lambda _folder: ())
    monkeypatch.setattr(thumbnails, "Faces", Finder)
    monkeypatch.setattr(thumbnails, "ensure_hand_model", lambda folder: folder)
    monkeypatch.setattr(thumbnails, "HandLandmarks", Seer)
    kept = report(video, Stretch(start_s=0.0, end_s=3.9, code="kept"))
    made = make_thumbnails([video], [kept], HandConfig(), Cache(tmp_path / "cache"))
    picture = np.asarray(Image.open(io.BytesIO(made.by_file["a.mp4"].jpeg)), np.int64)
    line = picture[81, 100:140]  # at nine tenths of the height, from six to nine tenths of the width
    assert (line[:, 0] - line[:, 2]).mean() > 80  # orange, on grey


def test_no_picture_is_kept_in_the_cache(video: VideoItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "ensure_face_models", lambda _folder: ())
    monkeypatch.setattr(thumbnails, "Faces", Finder)
    kept = report(video, Stretch(start_s=0.0, end_s=3.9, code="kept"))
    assert make_thumbnails([video], [kept], NO_HANDS, Cache(tmp_path / "cache")).by_file
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_hand_model_that_is_gone_costs_the_drawn_hands_and_nothing_else(
    video: VideoItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_folder: Path) -> Path:
        raise DataError("the hand model: cannot be fetched; try later")

    monkeypatch.setattr(thumbnails, "ensure_face_models", lambda _folder: ())
    monkeypatch.setattr(thumbnails, "Faces", Finder)
    monkeypatch.setattr(thumbnails, "ensure_hand_model", gone)
    kept = report(video, Stretch(start_s=0.0, end_s=3.9, code="kept"))
    assert make_thumbnails([video], [kept], HandConfig(), Cache(tmp_path / "cache")).by_file
