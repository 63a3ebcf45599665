"""What docs/hands.md claims is what was recorded."""

import json
from pathlib import Path
from typing import Any

from adapt.hands.quality import HandConfig
from adapt.hands.view import FEWEST_HANDS

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


REAL = json.loads((DOCS / "results" / "real_hands.json").read_text(encoding="utf-8"))
INGEST, LOOKS, TRACKS = "ingest, single looks", "library, single looks", "library, tracks"


def told(rate: dict[str, float]) -> str:
    """A share with its interval and of how many."""
    if not rate["n"]:
        return "-"
    return f"{percent(rate['share'])} ({100 * rate['low']:.0f} to {100 * rate['high']:.0f}) of {rate['n']:.0f}"


def rows_of_real_clips() -> list[str]:
    """The table's lines."""
    rows = []
    for name, ways in REAL["clips"].items():
        cells = [f"`{Path(name).stem}`", str(ways[LOOKS]["frames"])]
        cells += [told(ways[INGEST]["recall_plain"]), told(ways[TRACKS]["recall_plain"])]
        cells += [told(ways[TRACKS]["precision"]), told(ways[LOOKS]["side"]), told(ways[TRACKS]["side"])]
        rows.append(f"| {' | '.join([*cells, told(ways[TRACKS]['wearer'])])} |")
    return rows


def rows_of_views() -> list[str]:
    """What the doctor says of each clip, upright and upside down."""

    def said(view: dict[str, Any]) -> str:
        codes = ", ".join(f"`{code}`" for code in view["says"]) or "nothing"
        return f"{view['from_top']} of {view['hands']}: {codes}"

    return [
        f"| `{Path(name).stem}` | {view['view']} | {said(view)} | "
        f"{said(view['upside_down']) if 'upside_down' in view else '-'} |"
        for name, view in REAL["views"].items()
    ]


def test_the_tables_of_real_clips_are_what_was_recorded() -> None:
    for row in [*rows_of_real_clips(), *rows_of_views()]:
        assert row in PAGE


def test_what_is_said_of_all_real_clips_is_what_was_recorded() -> None:
    first = REAL["groups"]["first person"]
    assert f"{REAL['labels']['frames']} frames" in PAGE
    assert f"{REAL['groups']['all'][LOOKS]['hands']} hands" in PAGE
    assert f"found {told(first[TRACKS]['recall_plain_wearer_large'])} hands" in PAGE
    assert f"in {told(REAL['groups']['all'][INGEST]['frame_with_plain_hand_has_one'])} frames" in PAGE
    right = [view["right_by_others"] for view in REAL["views"].values()]
    assert f"{sum(right)} of {len(right)} clips are told right" in PAGE
    hands = sum(view["hands"] for view in REAL["views"].values() if view["view"] == "first person")
    assert f"No hand of {hands} in the first-person clips" in PAGE
    assert f"`hands.max_opposite_share` ({HandConfig().max_opposite_share:g})" in PAGE
    assert f"fewer than {FEWEST_HANDS} hands" in PAGE
    panels = REAL["clips"]["ego/hot3d_aria_3cam.mp4"][TRACKS]
    assert f"{told(panels['recall_plain'])} are found" in PAGE
    cups = REAL["clips"]["third_person/sam2_02_cups.mp4"][TRACKS]["by_overlap"]
    told_cups = [percent(cups[least]["precision"]) for least in ("0.1", "0.5")]
    assert "of 0.1 precision in tracks is {}, with 0.5 {};".format(*told_cups) in PAGE


def test_no_first_person_clip_is_called_another_persons_unless_upside_down() -> None:
    for view in REAL["views"].values():
        if view["view"] == "first person":
            assert view["says"] == []
            assert view["upside_down"]["hands"] < FEWEST_HANDS or view["upside_down"]["says"] == ["third_person"]
