"""A study's data is what it is called: wrong video shows other tasks, robots that are only seen have no axes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapt.embodiment.spec import load_embodiment
from adapt.errors import RecipeError
from adapt.sim.tasks import HELD_OUT_TASKS
from pipelines.recipes import recipes_folder
from pipelines.tabletop import data
from pipelines.tabletop.data import asked_instead, relabel, shown_instead
from pipelines.tabletop.plan import ARM, GRIPPER, HAND, Source

SOURCE = Source(name="human", kind="human", body=HAND, tasks="held-out", minutes=1.0, count=0, sessions=2, seed=7)


def test_wrong_video_shows_tasks_that_the_base_knows_and_that_are_never_the_ones_asked_for() -> None:
    shown = [shown_instead(task) for task in HELD_OUT_TASKS]
    assert len(set(shown)) == len(HELD_OUT_TASKS)
    for task, other in zip(HELD_OUT_TASKS, shown, strict=True):
        assert not other.held_out
        assert (other.verb, other.colour) == (task.verb, task.colour)
        assert (other.row, other.column) != (task.row, task.column)
        assert asked_instead(other) == task.instruction


def test_wrong_video_is_told_in_the_words_of_the_task_that_is_asked_for(tmp_path: Path) -> None:
    takes = data._takes(replace(SOURCE, name="wrong"))
    rows = [{"file_name": f"{n}.mp4", "text": task.instruction, "session": "s"} for n, task in enumerate(takes.tasks)]
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    relabel(tmp_path, {task.instruction: asked_instead(task) for task in takes.tasks})
    told = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    assert [row["text"] for row in told] == [task.instruction for task in HELD_OUT_TASKS]
    assert [row["file_name"] for row in told] == [row["file_name"] for row in rows]


def test_right_video_shows_what_it_says_and_the_gap_that_was_asked_for() -> None:
    takes = data._takes(replace(SOURCE, gap=(("timing", 0.5),)))
    assert tuple(takes.tasks) == HELD_OUT_TASKS
    assert takes.gap.timing == 0.5
    assert data._takes(replace(SOURCE, tasks="")).tasks == ()
    counted = data._takes(replace(SOURCE, minutes=0.0, count=5))
    assert (counted.minutes, counted.count) == (None, 5)


@pytest.mark.parametrize("body", [GRIPPER, ARM])
def test_a_robot_that_is_only_seen_is_spoken_of_in_its_own_prompt_and_has_no_axes(tmp_path: Path, body: str) -> None:
    path = data._embodiment(tmp_path, replace(SOURCE, body=body))
    seen = load_embodiment(path, [])
    real = load_embodiment(f"tabletop_{body}", [recipes_folder() / "embodiment"])
    assert (seen.actions, seen.state) == ((), ())
    assert seen.prompt == real.prompt
    assert seen.cameras == real.cameras
    assert seen.name != real.name
    before = Path(path).stat().st_mtime_ns
    assert data._embodiment(tmp_path, replace(SOURCE, body=body)) == path
    assert Path(path).stat().st_mtime_ns == before


def test_a_robot_that_is_learnt_from_and_a_hand_are_themselves(tmp_path: Path) -> None:
    assert data._embodiment(tmp_path, replace(SOURCE, body=ARM, kind="play")) == "tabletop_arm"
    assert data._embodiment(tmp_path, SOURCE) == "human_hand"


def test_words_that_nobody_expected_are_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "0.mp4", "text": "dance"}) + "\n")
    with pytest.raises((KeyError, RecipeError)):
        relabel(tmp_path, {"put": "slide"})
