import subprocess
import sys

import pytest

from adapt.errors import RecipeError
from adapt.train.settings import NoiseFloor, TrainConfig


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("text_dropout", 1.5),
        ("replay_share", 1.0),
        ("clip_norm", 0.0),
        ("predicted_future_every", -1),
        ("weight_decay", -0.1),
        ("shift", 0.0),
        ("devices", 0),
    ],
)
def test_settings_refuse_the_impossible_and_name_the_key(key, value):
    with pytest.raises(RecipeError, match=rf"train\.{key} is {value}"):
        TrainConfig(**{key: value})


@pytest.mark.parametrize("key", ["timesteps", "weighting", "strategy"])
def test_settings_refuse_an_unknown_choice_and_name_those_there_are(key):
    default = getattr(TrainConfig(), key)
    with pytest.raises(RecipeError, match=rf"train\.{key} is 'sideways'; choose one of: {default}, "):
        TrainConfig(**{key: "sideways"})


@pytest.mark.parametrize("provenance", ["robot", "hand_retarget", "idm"])
@pytest.mark.parametrize("floor", [-0.1, 1.0])
def test_a_noise_floor_is_a_level_below_1(provenance, floor):
    with pytest.raises(RecipeError, match=rf"train\.noise_floor\.{provenance} is {floor}; give a noise level"):
        NoiseFloor(**{provenance: floor})


def test_settings_refuse_more_parts_than_windows():
    with pytest.raises(RecipeError, match=r"Set train\.accumulation to at most 2"):
        TrainConfig(batch_size=2, accumulation=3)


def test_settings_load_without_a_tensor_library():
    code = "import sys, adapt.train.settings; sys.exit('torch' in sys.modules or 'lightning' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
