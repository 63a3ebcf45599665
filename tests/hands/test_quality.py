import subprocess
import sys

import pytest

from adapt.errors import RecipeError
from adapt.hands.quality import NO_HAND, TOO_FEW, HandConfig, judge


def test_a_window_with_enough_hands_is_kept() -> None:
    verdict = judge([0, 1, 2, 2], HandConfig(min_hands_share=0.75))
    assert (verdict.hands_share, verdict.both_share, verdict.rejection) == (0.75, 0.5, "")


def test_a_window_with_few_or_no_hands_is_rejected_with_its_reason() -> None:
    assert judge([0, 1, 0, 0], HandConfig(min_hands_share=0.5)).rejection == TOO_FEW
    assert judge([0, 0, 0, 0], HandConfig(min_hands_share=0.5)).rejection == NO_HAND


def test_a_share_of_zero_keeps_everything() -> None:
    assert judge([0, 0], HandConfig(min_hands_share=0.0)).rejection == ""


def test_judging_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="there are none"):
        judge([], HandConfig())


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"min_hands_share": 1.2}, "min_hands_share"),
        ({"min_score": -0.1}, "min_score"),
        ({"detect_hz": 0.1}, "detect_hz"),
        ({"max_opposite_share": 20.0}, "max_opposite_share"),
    ],
)
def test_impossible_settings_are_refused_by_key(settings: dict[str, float], key: str) -> None:
    with pytest.raises(RecipeError, match=f"hands.{key} is "):
        HandConfig(**settings)


def test_settings_import_nothing_heavy() -> None:
    code = (
        "import sys, adapt.hands.quality, adapt.data.windows; "
        "print([name for name in ('torch', 'av', 'mediapipe', 'numpy', 'pyarrow') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
