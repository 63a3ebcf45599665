"""What docs/footage_quality.md claims of the camera's motion is what was recorded."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from adapt.footage.settings import FootageConfig

DOCS = Path(__file__).parents[2] / "docs"
PAGE = " ".join((DOCS / "footage_quality.md").read_text(encoding="utf-8").split())
RECORD: dict[str, Any] = json.loads((DOCS / "results" / "camera_motion.json").read_text(encoding="utf-8"))
TURNING: dict[str, Any] = RECORD["about its own place"]
SWAYING: dict[str, Any] = RECORD["swaying besides"]


def row(name: str, found: dict[str, Any]) -> str:
    out, counted = found["hands left out"], found["hands counted in"]
    cells = [f"{number:.1f}" for number in (found["true_deg_s"], out["deg_s"])]
    for part in (out, counted):
        cells += [
            f"{part['error_deg_s']:.1f}",
            f"{part['window_error_deg_s']:.1f}",
            f"{100 * part['known_share']:.0f} %",
        ]
    return f"| {' | '.join([name, *cells])} |"


def test_the_table_is_what_was_recorded() -> None:
    for name, found in {**TURNING, **{f"swaying, {pace}": found for pace, found in SWAYING.items()}}.items():
        assert row(name, found) in PAGE


def test_what_is_said_of_real_clips_and_of_the_cost_is_what_was_recorded() -> None:
    real, spent = RECORD["real"], RECORD["real"]["milliseconds_a_look"]
    assert "turn by {:.1f} to {:.1f} degrees a second".format(*real["first_person_deg_s"]) in PAGE
    assert "before people who move, by {:.1f} to {:.1f}.".format(*real["standing_cameras_deg_s"]) in PAGE
    assert f"costs {spent['pairs'] + spent['motion']:.1f} ms a look" in PAGE
    assert f"hands takes {spent['hands']:.1f} and the other figures {spent['picture']:.1f}." in PAGE


def test_what_a_wrong_lens_costs_is_what_was_recorded() -> None:
    turning = [take["hands left out"] for take in RECORD["takes"] if take["pace"] != "at rest" and not take["sways"]]
    less = [1 - found["deg_s_with_assumed_lens"] / found["deg_s"] for found in turning]
    wrong, right = (RECORD["settings"][key] for key in ("assumed_fov_deg", "fov_deg"))
    told = f"lens of {wrong:g} instead of {right:g} degrees tells everything {100 * median(less):.0f} % too slow"
    assert told in PAGE


def test_the_thresholds_are_those_of_the_recipe() -> None:
    default = FootageConfig()
    assert f"`footage.strong_camera_deg_s` ({default.strong_camera_deg_s:g}:" in PAGE
    assert f"sees {default.fov_deg:g} degrees along the longer side" in PAGE
    assert default.max_camera_deg_s == 1000  # "and is off"
    assert RECORD["real"]["first_person_deg_s"][1] < default.strong_camera_deg_s / 2


def test_a_hand_that_moves_before_a_camera_at_rest_is_no_motion_and_turns_are_found_as_they_were() -> None:
    for name, found in TURNING.items():
        out = found["hands left out"]
        assert out["error_deg_s"] < 1.0, name
        if name.endswith("at rest"):
            assert out["error_p90_deg_s"] < 0.5
            assert out["known_share"] == 1.0
        assert out["known_share"] >= found["hands counted in"]["known_share"], name


def test_it_costs_little_beside_finding_hands() -> None:
    spent = RECORD["real"]["milliseconds_a_look"]
    assert spent["pairs"] + spent["motion"] < 0.4 * spent["hands"]
