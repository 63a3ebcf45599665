"""An observation may come in any of the usual forms; what is wrong with one is told by field."""

import numpy as np
import pytest
import torch
from PIL import Image

from adapt.embodiment.spec import Camera, Embodiment
from adapt.errors import DataError
from adapt.policy.observation import as_observation
from adapt.types import Observation

PICTURE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.mark.parametrize(
    "value",
    [
        {"images": {"main": PICTURE}, "state": [0.5]},
        {"images": PICTURE, "state": {"shoulder": 0.5}},
        {"images": torch.from_numpy(PICTURE), "state": np.array([0.5])},
        {"images": Image.fromarray(PICTURE), "state": (0.5,)},
        Observation(images={"main": torch.from_numpy(PICTURE)}, state=torch.tensor([0.5])),
    ],
)
def test_every_usual_form_is_the_same_observation(body: Embodiment, value: object) -> None:
    found = as_observation(value, body)
    assert torch.equal(found.images["main"], torch.from_numpy(PICTURE))
    assert found.state is not None
    assert found.state.tolist() == [0.5]


def test_a_flipped_picture_is_taken_as_it_looks(body: Embodiment) -> None:
    found = as_observation({"images": PICTURE[:, ::-1], "state": [0.0]}, body)
    assert found.images["main"][0, 0].tolist() == PICTURE[0, 3].tolist()


def test_a_grey_pil_picture_becomes_colour(body: Embodiment) -> None:
    found = as_observation({"images": Image.fromarray(PICTURE[..., 0]), "state": [0.0]}, body)
    assert found.images["main"].shape == (2, 4, 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"image": PICTURE}, r"observation: unknown field 'image'\. Did you mean 'images'"),
        ({"state": [0.0]}, "observation: the field 'images' is missing"),
        ({"images": {"man": PICTURE}}, r"observation\.images: unknown field 'man'\. Did you mean 'main'"),
        ({"images": {}}, r"observation\.images: the camera 'main' is missing"),
        (
            {"images": PICTURE.astype(np.float32)},
            r"observation\.images\.main: found numbers of the kind torch\.float32",
        ),
        ({"images": PICTURE.transpose(2, 0, 1)}, r"observation\.images\.main: found the shape \(3, 2, 4\).*first axis"),
        ({"images": "frame.png"}, r"observation\.images\.main: found str"),
        ({"images": PICTURE, "state": [0.0, 1.0]}, r"observation\.state: found the shape \(2,\); arm has 1 state axes"),
        ({"images": PICTURE, "state": {"sholder": 1}}, r"observation\.state: unknown field 'sholder'"),
        ({"images": PICTURE, "state": [float("nan")]}, r"observation\.state: 'shoulder' is not a finite number"),
        ({"images": PICTURE, "state": "home"}, r"observation\.state: found str"),
        ({"images": PICTURE}, r"observation\.state: is missing, but the action 'shoulder' of arm is relative to it"),
    ],
)
def test_what_is_wrong_is_told_by_field(body: Embodiment, value: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_observation(value, body)


def test_one_picture_is_not_enough_for_two_cameras(body: Embodiment) -> None:
    wrist = Camera(name="wrist", column="observation.images.wrist", slot="top_left")
    two = Embodiment(name="arm", prompt=body.prompt, cameras=(*body.cameras, wrist), actions=(), state=())
    with pytest.raises(DataError, match=r"found one picture.*cameras main, wrist"):
        as_observation(PICTURE, two)


def test_a_state_may_be_left_out_where_no_action_needs_it(body: Embodiment) -> None:
    free = Embodiment(name="arm", prompt=body.prompt, cameras=body.cameras, actions=body.actions[1:], state=body.state)
    assert as_observation(PICTURE, free).state is None
