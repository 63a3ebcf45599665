import subprocess
import sys

import pytest

from adapt.errors import RecipeError
from adapt.train.settings import TrainConfig


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
    ],
)
def test_settings_refuse_the_impossible_and_name_the_key(key, value):
    with pytest.raises(RecipeError, match=rf"train\.{key} is {value}"):
        TrainConfig(**{key: value})


def test_settings_refuse_more_parts_than_windows():
    with pytest.raises(RecipeError, match=r"Set train\.accumulation to at most 2"):
        TrainConfig(batch_size=2, accumulation=3)


def test_settings_load_without_a_tensor_library():
    code = "import sys, adapt.train.settings; sys.exit('torch' in sys.modules or 'lightning' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
