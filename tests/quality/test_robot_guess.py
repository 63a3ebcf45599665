"""What a robot is like of which nobody says anything: told from names and numbers, and drafted as a spec."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from adapt.data.episodes import Episode, EpisodeTable
from adapt.embodiment.spec import Embodiment, load_embodiment
from adapt.errors import DataError
from adapt.quality.robot.guess import cameras_in, draft, guess_body

RATE_HZ, ROWS = 10.0, 200
SLOTS = ("full", "top_left", "top_right")


class Source:
    """A data set in memory."""

    where = "set"
    rate_hz = RATE_HZ
    groups: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self, actions: np.ndarray, state: np.ndarray, names: tuple[str, ...] = ()) -> None:
        self.columns = {"action": actions, "observation.state": state, "timestamp": np.arange(ROWS)[:, None] / RATE_HZ}
        self.vectors = {name: names or ("",) * values.shape[1] for name, values in self.columns.items()}
        self.vectors["timestamp"] = ("",)
        self.cameras = ("observation.images.top",)

    def episodes(self, _cameras):
        return [Episode(index=0, session="episode 0", length=ROWS, rate_hz=RATE_HZ, spans=(), videos={})], []

    def files(self, _cameras):
        return []

    def table(self, _episode, columns):
        clock = torch.arange(ROWS, dtype=torch.float64) / RATE_HZ
        return EpisodeTable(time_s=clock, columns={name: torch.from_numpy(self.columns[name]) for name in columns})


def reaches(axes: int, seed: int = 0) -> np.ndarray:
    """Smooth motions between -1 and 1, each of its own."""
    draw = np.random.default_rng(seed)
    clock = np.arange(ROWS)[:, None] / RATE_HZ
    return np.sin(clock * draw.uniform(0.5, 2.0, axes) + draw.uniform(0, 6, axes))


def guessed(source: Source) -> Embodiment:
    return guess_body(source, source.episodes([])[0], source.cameras, SLOTS, "robot")


def test_columns_without_names_belong_together_by_place() -> None:
    state = reaches(3)
    body = guessed(Source(np.vstack([state[1:], state[-1:]]), state))
    assert body.action_names == body.state_names == ("axis 0", "axis 1", "axis 2")
    assert {axis.column for axis in (*body.actions, *body.state)} == {"action", "observation.state"}
    assert not any(axis.increment or axis.gripper for axis in body.actions)
    assert [(camera.column, camera.slot) for camera in body.cameras] == [("observation.images.top", "full")]


def test_commands_that_add_up_to_the_state_are_increments() -> None:
    state = reaches(2)
    steps = np.diff(state, axis=0, append=state[-1:])
    assert [axis.increment for axis in guessed(Source(steps, state)).actions] == [True, True]


def test_commands_that_nothing_follows_are_not_held_against_a_state() -> None:
    state = reaches(2)
    noise = np.random.default_rng(1).normal(size=state.shape)
    body = guessed(Source(noise, state, ("a", "b")))
    assert body.action_names == ("a (command)", "b (command)")


def test_commands_in_another_order_still_are() -> None:
    state = reaches(2)
    assert guessed(Source(state[:, ::-1].copy(), state, ("a", "b"))).action_names == ("a", "b")


def test_grippers_are_told_by_name_or_by_switching() -> None:
    state = reaches(3)
    switch = np.where(state[:, 2:] > 0, 1.5, -1.5)
    body = guessed(Source(np.hstack([state[:, :2], switch]), state, ("elbow", "left_gripper", "motor_3")))
    assert [axis.gripper for axis in body.actions] == [False, True, True]
    assert [axis.gripper for axis in body.state] == [False, True, False]


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "rad?"), (60.0, "deg?")])
def test_units_are_guessed_and_say_so(scale: float, unit: str) -> None:
    state = scale * reaches(3)
    body = guessed(Source(state + 0.01, state, ("elbow", "ee_pos_x", "grip")))
    assert [axis.unit for axis in body.state] == [unit, "m?", "unknown"]


def test_data_without_actions_and_state_are_refused_by_what_they_have() -> None:
    source = Source(reaches(1), reaches(1))
    source.vectors = {"force": ("x",)}
    with pytest.raises(DataError, match="its columns of numbers are 'force'"):
        guessed(source)


def test_one_camera_fills_the_canvas_and_several_its_parts() -> None:
    assert cameras_in(["a"], SLOTS) == [("a", "full")]
    assert cameras_in(["a", "b", "c"], SLOTS) == [("a", "top_left"), ("b", "top_right"), ("c", "top_right")]
    assert cameras_in([], SLOTS) == []


def test_a_draft_is_read_back_whatever_things_are_called(tmp_path: Path) -> None:
    state = reaches(2)
    source = Source(state + 0.01, state, ('el"bow: {q}\n\u2028\U000e0001é', "# grip"))
    source.where = "a\nb\x85c"
    source.cameras = ("cam: 1", "cam 2", "cam 3")
    body = guessed(source)
    path = tmp_path / "robot.yaml"
    path.write_text(draft(body, source), encoding="utf-8")
    read = load_embodiment(str(path), [])
    assert read.action_names == body.action_names
    assert [axis.gripper for axis in read.state] == [False, True]
    assert [axis.unit for axis in read.state] == ["rad", "unknown"]
    assert [camera.column for camera in read.cameras] == ["cam: 1", "cam 2"]  # no slot is left for the third
    assert "no slot is left" in path.read_text(encoding="utf-8")
