import pytest
import torch
from play_builder import body, play_set

from adapt.data.check_body import CopiedActions, check_body
from adapt.data.episodes import EpisodeTable
from adapt.data.lerobot import LeRobotSource
from adapt.errors import EmbodimentError


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> LeRobotSource:
    return LeRobotSource(play_set(tmp_path_factory.mktemp("play") / "set"))


def axis(**changes: object) -> dict[str, object]:
    return {"name": "a", "unit": "rad", "column": "action", "index": 0, **changes}


def test_spec_that_fits_is_accepted(source):
    check_body(body(), source)


def test_axis_of_the_users_own_naming_may_stand_anywhere(source):
    check_body(body(actions=[axis(name="my_joint", index=2)]), source)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"cameras": [{"name": "top", "column": "observation.image.top", "slot": "full"}]},
            r"camera 'top' wants the video column 'observation.image.top', but .*mean 'observation.images.top'\?",
        ),
        (
            {"cameras": [{"name": "top", "column": "action", "slot": "full"}]},
            r"camera 'top' wants the video column 'action', but .* has 'observation.images.top'",
        ),
        (
            {"actions": [axis(column="actions")]},
            r"action axis 'a' wants the column 'actions'.*Did you mean 'action'\?",
        ),
        (
            {"state": [axis(column="observation.stat")], "actions": []},
            r"state axis 'a' wants the column 'observation.stat'.*Did you mean 'observation.state'\?",
        ),
        (
            {"actions": [axis(index=3)]},
            r"action axis 'a' wants index 3 of 'action', but that column of .* has 3 elements, 0 to 2",
        ),
        (
            {"actions": [axis(name="elbow", index=0)]},
            r"wants index 0 of 'action', but .* calls that element 'shoulder' and has 'elbow' at index 1",
        ),
    ],
    ids=["camera missing", "camera is no video", "column", "state column", "index", "slice off by one"],
)
def test_spec_that_does_not_fit_is_refused_with_column_found_wanted_and_nearest(source, changes, message):
    with pytest.raises(EmbodimentError, match=message):
        check_body(body(**changes), source)


def rows(action: list[list[float]], state: list[list[float]]) -> EpisodeTable:
    """Three rows of shoulder, elbow and grip."""
    columns = {"action": torch.tensor(action), "observation.state": torch.tensor(state)}
    return EpisodeTable(time_s=torch.arange(3) / 10, columns=columns)


MOVING = [[0.0, 0.0, 0.0], [1.0, 2.0, 1.0], [2.0, 4.0, 0.0]]


def test_commands_equal_to_the_state_in_every_row_of_all_episodes_are_refused():
    copied = CopiedActions(body())
    for _ in range(2):
        copied.see(rows(MOVING, MOVING))
    with pytest.raises(
        EmbodimentError, match=r"'toy': in every row of set .* 'shoulder' \(action\[0\]\) equals its state"
    ):
        copied.refuse("set")


@pytest.mark.parametrize(
    "other",
    [
        rows([[0.0, 0.0, 0.0], [1.0, 2.0, 1.0], [2.5, 4.5, 0.0]], MOVING),  # commands differ in one row
        rows([[float("nan")] * 3, *MOVING[1:]], MOVING),  # and where they are none
    ],
    ids=["another episode", "no numbers"],
)
def test_commands_that_differ_once_are_commands(other):
    copied = CopiedActions(body())
    copied.see(rows(MOVING, MOVING))
    copied.see(other)
    copied.refuse("set")


def test_a_gripper_may_report_its_command_and_an_axis_may_rest():
    copied = CopiedActions(body())
    still = [[1.0, 1.0, float(row)] for row in range(3)]
    copied.see(rows(still, still))
    copied.refuse("set")
