"""Settings that judge nothing are refused by name."""

import subprocess
import sys

import pytest

from adapt.errors import RecipeError
from adapt.evaluate.settings import EvaluateConfig


@pytest.mark.parametrize(
    "change", [{"max_windows": 0}, {"video_steps": 0}, {"resamples": 10}, {"confidence": 1.0}, {"pictures": -1}]
)
def test_a_setting_out_of_range_is_named_with_its_value(change: dict[str, float]) -> None:
    name, value = next(iter(change.items()))
    with pytest.raises(RecipeError, match=rf"evaluate\.{name} is {value}"):
        EvaluateConfig(**change)  # type: ignore[arg-type]


def test_replay_and_pictures_may_be_switched_off() -> None:
    assert EvaluateConfig(replay_windows=0, pictures=0).replay_windows == 0


def test_settings_import_nothing_heavy() -> None:
    code = "import sys, adapt.evaluate.settings; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
