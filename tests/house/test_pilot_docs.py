"""What docs/tabletop.md tells of the pilot is what was recorded."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "tabletop.md").read_text(encoding="utf-8")
PILOT = " ".join(TEXT.partition("### Before the plans: a pilot")[2].partition("### Where transfer begins")[0].split())
RECORD: dict[str, Any] = json.loads((DOCS / "results" / "tabletop_pilot.json").read_text(encoding="utf-8"))
DRAFT: dict[str, Any] = RECORD["toward_revision_4"]
OTHERWISE = {(row["arm"], row["what"]): row for row in DRAFT["demonstrations_each_a_little_otherwise"]}
ALIKE = {(row["arm"], row["what"]): row for row in DRAFT["demonstrations_always_alike"]}


def cells(row: dict[str, Any]) -> str:
    return f"{row['successes']} | {row['progress']:.2f} |".replace("| 0.", "| .")


def tried(arm: str, words: str) -> dict[str, Any]:
    (row,) = [row for row in RECORD["tried_on_the_same_episodes"] if row["arm"] == arm and words in row["what"]]
    return dict(row)


@pytest.mark.parametrize("arm", RECORD["arms"])
def test_the_table_of_arms_is_what_was_recorded(arm: str) -> None:
    (row,) = re.findall(rf"\| `{arm}`(?:, [^|]*)? (\| \d+ \| \.\d+ \|)", PILOT.partition("On a draft")[0])
    assert row == f"| {cells(RECORD['arms'][arm])}"
    assert RECORD["arms"][arm]["episodes"] == 120


def test_what_the_arms_are_is_what_was_set() -> None:
    settings = RECORD["settings"]
    assert "Of 120 episodes of held-out tasks" in PILOT
    assert f"{settings['steps']} steps of {settings['batch_size']} windows of replay" in PILOT
    assert PILOT.count(f"as many with {settings['minutes']} minutes of the ") == 2


def test_how_the_adapted_model_fails_is_what_was_recorded() -> None:
    put, slide = (RECORD["adapted_first_60_episodes"][verb] for verb in ("put", "slide"))
    assert (
        f"first {sum(put.values())} episodes that ask it to put a block, {put['in its zone, still held']} end with the "
        f"block in its zone and still held; of {sum(slide.values())} that ask it to slide one, "
        f"{slide['still held short of the zone']} stop short."
    ) in PILOT
    assert put["in its zone, still held"] == max(put.values())
    assert slide["still held short of the zone"] == max(slide.values())


def test_what_else_was_tried_is_what_was_recorded() -> None:
    more, robot = (tried(arm, "four times as many") for arm in ("adapted", "robot_video"))
    fewer, text = tried("adapted", "200 steps instead of 1000"), tried("adapted", "attention to the text alone")
    told = (
        f"Four times as many windows of the same video, cut by a change that was not kept: {more['successes']} of "
        f"{more['episodes']} (and {robot['successes']} with the robot's own video). A fifth of the steps: "
        f"{fewer['successes']}; adapters on the attention to the text alone: {text['successes']}."
    )
    assert told in PILOT
    assert {row["episodes"] for row in (more, robot, fewer, text)} == {120}
    short = [tried("adapted", words) for words in ("8 solver steps", "guidance 1 instead", "guidance 4 instead")]
    counts = "{}, {} and {}".format(*(row["successes"] for row in short))
    assert f"Eight solver steps, no guidance, or more of it: {counts} of 48." in PILOT
    assert {row["episodes"] for row in short} == {48}


@pytest.mark.parametrize(
    ("told", "row"),
    [
        (
            "`robot_video` | each demonstration a little otherwise: pace, height, place in the zone",
            OTHERWISE["robot_video", "as above: replay_share 0.5"],
        ),
        ("`robot_video` | demonstrations always alike, a fifth of replay", ALIKE["robot_video", "replay_share 0.2"]),
        ("`adapted` | each a little otherwise, half of replay", OTHERWISE["adapted", "as above: replay_share 0.5"]),
        (
            "`adapted` | each a little otherwise, half of replay | 5 | .42 | | `adapted` | the same, a fifth of replay",
            OTHERWISE["adapted", "replay_share 0.2"],
        ),
        ("`adapted` | always alike, a fifth of replay", ALIKE["adapted", "replay_share 0.2"]),
        (
            "`adapted` | the same, rank 64 and three times the steps",
            ALIKE["adapted", "replay_share 0.2, rank 64, 1200 steps"],
        ),
        ("`adapted` | always alike, a twentieth of replay", ALIKE["adapted", "replay_share 0.05"]),
        (
            "`adapted` | always alike, a fifth of replay, the hand under the robot's prompt",
            ALIKE["adapted", "replay_share 0.2, the hand under the robot's prompt"],
        ),
    ],
)
def test_the_table_of_what_was_tried_on_the_draft_is_what_was_recorded(told: str, row: dict[str, Any]) -> None:
    assert f"| {told} | {cells(row)}" in PILOT
    assert row["episodes"] == 120


def test_every_row_about_the_draft_was_looked_at() -> None:
    assert "120 episodes each" in PILOT
    assert len(re.findall(r"\| `\w+` \|", PILOT.partition("On a draft")[2])) == 8


def test_where_blocks_end_on_the_draft_is_what_was_recorded() -> None:
    ends = DRAFT["adapted_first_60_episodes_replay_share_0.5"]
    carried = ends["brought into the zone and on to the next column"]
    told = (
        f"of {sum(ends.values())} episodes of the adapted model {carried} bring the block into its zone and carry it on"
    )
    assert told in PILOT
