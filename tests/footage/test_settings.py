import subprocess
import sys

import pytest

from adapt.errors import RecipeError
from adapt.footage.settings import FootageConfig
from adapt.geometry.cameras import ASSUMED_FOV_DEG
from pipelines import config_show
from pipelines.schema import compose
from pipelines.strict import settings

KEYS = [setting.key for setting in settings(FootageConfig)]


@pytest.mark.parametrize("key", [key for key in KEYS if key != "fov_deg"])
def test_an_impossible_threshold_is_refused_by_key_with_what_is_possible(key: str) -> None:
    default = getattr(FootageConfig(), key)
    with pytest.raises(RecipeError, match=rf"footage\.{key} is -1.0; choose .* \(default {default:g}; .* keeps all\)"):
        FootageConfig(**{key: -1.0})


@pytest.mark.parametrize("fov_deg", [0.0, 19.9, 171.0, float("nan")])
def test_an_impossible_field_of_view_is_refused(fov_deg: float) -> None:
    with pytest.raises(RecipeError, match=r"footage\.fov_deg is .*; choose 20 to 170 degrees \(default 70\)"):
        FootageConfig(fov_deg=fov_deg)


def test_a_field_of_view_nobody_declares_is_the_one_that_is_assumed_elsewhere() -> None:
    assert FootageConfig().fov_deg == ASSUMED_FOV_DEG


@pytest.mark.parametrize("key", KEYS)
def test_a_threshold_is_set_in_a_recipe_and_explained(key: str) -> None:
    value = getattr(FootageConfig(), key) * 0.9
    composed = compose("human", [f"footage.{key}={value}"])
    assert getattr(composed.footage, key) == pytest.approx(value)
    rows = {row.key: row for row in config_show.run("human", [f"footage.{key}={value}"])}
    row = rows[f"footage.{key}"]
    assert (row.type, row.origin) == ("float", "--set")
    assert len(row.doc.split()) > 8


def test_settings_import_nothing_heavy() -> None:
    code = (
        "import sys, adapt.footage.settings, adapt.footage.reasons; "
        "print([name for name in ('torch', 'av', 'scipy', 'numpy', 'pyarrow') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
