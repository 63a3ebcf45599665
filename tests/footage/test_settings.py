import subprocess
import sys

import pytest

from adapt.errors import RecipeError
from adapt.footage.settings import FootageConfig
from pipelines import config_show
from pipelines.schema import compose
from pipelines.strict import settings

KEYS = [setting.key for setting in settings(FootageConfig)]


@pytest.mark.parametrize("key", KEYS)
def test_an_impossible_threshold_is_refused_by_key_with_what_is_possible(key: str) -> None:
    default = getattr(FootageConfig(), key)
    with pytest.raises(RecipeError, match=rf"footage\.{key} is -1.0; choose .* \(default {default:g}; .* keeps all\)"):
        FootageConfig(**{key: -1.0})


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
