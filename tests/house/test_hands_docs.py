"""What docs/hands.md claims is what was recorded."""

import json
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = " ".join((DOCS / "hands.md").read_text(encoding="utf-8").split())
RECORD = json.loads((DOCS / "results" / "hands_truth.json").read_text(encoding="utf-8"))


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def test_the_table_is_what_was_recorded() -> None:
    for name, found in {"all": RECORD["all"], **RECORD["groups"]}.items():
        smooth = found["smooth"]
        shares = ("found_share", "side_right_share_of_looks", "side_right_share_of_tracked_looks")
        cells = [name, str(found["takes"]), *(percent(found[key]) for key in shares)]
        cells += [f"{smooth[key]:.0f} mm" for key in ("sideways_error_mm", "distance_error_mm")]
        cells += [f"{smooth['orientation_error_deg']:.0f}°", f"{smooth['aperture_correlation']:.2f}"]
        assert f"| {' | '.join([*cells, percent(found['jitter_left_share'])])} |" in PAGE


def test_what_is_said_of_smoothing_and_of_guessed_cameras_is_what_was_recorded() -> None:
    found, guessed = RECORD["all"], RECORD["all"]["nothing declared"]
    assert f"lags by {found['lag_frames']:.0f} frames and keeps {percent(found['peak_speed_kept_share'])}" in PAGE
    assert f"off by {guessed['distance_error_mm']:.0f} mm" in PAGE
    assert f"{percent(guessed['within_two_sigma_share'])} of places" in PAGE


def test_smoothing_does_what_it_was_made_for() -> None:
    """Half of the jitter, at most a frame of lag, at most a tenth of the peak speed."""
    assert RECORD["all"]["jitter_left_share"] <= 0.5
    assert abs(RECORD["all"]["lag_frames"]) <= 1
    assert min(take["peak_speed_kept_share"] for take in RECORD["takes"]) >= 0.9
