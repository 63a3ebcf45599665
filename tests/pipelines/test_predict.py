"""What a user gives `predict` is read, or refused by name; what it answers can be read by people and machines."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from adapt.errors import BundleError, DataError, MediaError
from adapt.types import ActionChunk, Prediction
from pipelines import predict


class Seen(dict[str, Any]):
    """An observation, read by key or by name."""

    state: ClassVar = [0.5]


class Own:
    """The golden question of a bundle."""

    observation = Seen(images={"head": "its own"})
    instruction = "wave"


class TwoCameras:
    """Stands for a policy whose body has two cameras; keeps what it was asked."""

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    def __init__(self) -> None:
        self.body = self.Named("robot")
        self.body.cameras = [self.Named("head"), self.Named("wrist")]  # type: ignore[attr-defined]
        self.geometry = type("Geometry", (), {"video_hz": 5.0})
        self.golden: Any = None
        self.asked: dict[str, Any] = {}

    def predict(
        self, observation: dict[str, Any], instruction: str, *, seed: int, with_spread: bool = False
    ) -> Prediction:
        self.asked = {**observation, "instruction": instruction, "seed": seed, "with_spread": with_spread}
        return answer(None).prediction


def answer(actions: ActionChunk | None) -> predict.Answer:
    prediction = Prediction(frames=None, latents=torch.zeros(2, 1, 2, 2), actions=actions)
    return predict.Answer(body="robot", prediction=prediction, video_hz=5.0, written=())


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch) -> TwoCameras:
    made = TwoCameras()
    monkeypatch.setattr("adapt.policy.load", lambda *_, **__: made)
    return made


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "frame=1.png"
    Image.fromarray(np.zeros((2, 4, 3), dtype=np.uint8)).save(path)
    return path


def ask(images: list[str], state: Path | None = None) -> predict.Answer:
    return predict.run(predict.Question(bundle=Path("b"), images=images, task="don't spill", state=state, seed=4))


def test_without_a_picture_and_words_the_bundle_is_asked_its_own_question(policy: TwoCameras) -> None:
    policy.golden = Own
    answered = predict.run(predict.Question(bundle=Path("b")))
    assert (policy.asked["images"], policy.asked["instruction"]) == ({"head": "its own"}, "wave")
    assert "no --image" in answered.note


def test_a_usual_state_stands_in_for_a_missing_one_and_the_answer_says_so(policy: TwoCameras, picture: Path) -> None:
    policy.golden = Own
    answered = ask([f"head={picture}", f"wrist={picture}"])
    assert policy.asked["state"] == [0.5]
    assert "no --state" in answered.note
    assert predict.to_json(answered)["note"] == answered.note


def test_a_state_without_a_picture_is_refused(policy: TwoCameras, tmp_path: Path) -> None:
    policy.golden = Own
    (tmp_path / "state.json").write_text("[0.1]")
    with pytest.raises(DataError, match="--image is missing"):
        predict.run(predict.Question(bundle=Path("b"), state=tmp_path / "state.json"))


def test_each_camera_gets_its_own_picture(policy: TwoCameras, picture: Path) -> None:
    ask([f"head={picture}", f"wrist={picture}"])
    assert set(policy.asked["images"]) == {"head", "wrist"}
    assert (policy.asked["instruction"], policy.asked["seed"]) == ("don't spill", 4)


def test_a_path_with_an_equals_sign_is_a_path_where_it_exists(policy: TwoCameras, picture: Path) -> None:
    ask([str(picture)])
    assert policy.asked["images"].size == (4, 2)


def test_two_pictures_without_their_cameras_are_refused(policy: TwoCameras, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cameras head, wrist; give --image CAMERA=PATH"):
        ask(["a.png", "b.png"])


def test_a_picture_that_is_none_is_named(policy: TwoCameras, tmp_path: Path) -> None:
    (tmp_path / "frame.png").write_text("no picture")
    with pytest.raises(MediaError, match=r"frame\.png: is not a picture"):
        ask([str(tmp_path / "frame.png")])
    with pytest.raises(MediaError, match=r"gone\.png: there is no such picture"):
        ask([str(tmp_path / "gone.png")])


def test_a_picture_is_turned_as_its_camera_was(policy: TwoCameras, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees.
    Image.fromarray(np.zeros((2, 4, 3), dtype=np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    ask([str(tmp_path / "turned.jpg")])
    assert policy.asked["images"].size == (2, 4)


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read as JSON"), ("1.5", "holds 1.5")])
def test_a_state_that_is_none_is_named(
    policy: TwoCameras, picture: Path, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(DataError, match=rf"state\.json: {message}"):
        ask([str(picture)], tmp_path / "state.json")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no bundle\.json"):
        predict.run(predict.Question(bundle=tmp_path, images=["a.png"], task="wave"))


def told(chunk: ActionChunk) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(predict.table(answer(chunk)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_has_a_row_for_each_axis_with_its_unit() -> None:
    chunk = ActionChunk(values=torch.tensor([[1.0], [3.0], [2.0]]), names=("grip",), units=("share",), rate_hz=10.0)
    assert told(chunk).split()[-6:] == ["grip", "share", "1", "2", "1", "3"]


def test_the_table_says_how_sure_each_axis_is_where_the_head_knows() -> None:
    values = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    spread = torch.tensor([[0.3, 2.0], [0.4, 2.0]])  # the first axis: root of (0.09 + 0.16) / 2
    chunk = ActionChunk(values=values, names=("x", "grip"), units=("m", "share"), rate_hz=10.0, spread=spread)
    text = told(chunk)
    rows = [line.split() for line in text.splitlines() if line.strip().startswith(("x ", "grip "))]
    assert rows == [["x", "m", "1", "3", "1", "3", "0.3536"], ["grip", "share", "5", "5", "5", "5", "2"]]
    assert "give or take" in text
    assert "if this imagined future comes true" in " ".join(text.split())


def test_the_policy_is_asked_for_the_spread_as_well(policy: TwoCameras, picture: Path) -> None:
    ask([f"head={picture}", f"wrist={picture}"])
    assert policy.asked["with_spread"]


def test_machines_get_every_number() -> None:
    chunk = ActionChunk(values=torch.tensor([[0.5]]), names=("grip",), units=("share",), rate_hz=10.0)
    told = json.loads(json.dumps(predict.to_json(answer(chunk))))
    known = {"names": ["grip"], "units": ["share"], "rate_hz": 10.0, "values": [[0.5]]}
    assert told["actions"] == {**known, "spread": None}
    told = predict.to_json(answer(replace(chunk, spread=torch.tensor([[0.25]]))))
    assert told["actions"] == {**known, "spread": [[0.25]]}
    assert predict.to_json(answer(None))["actions"] is None
