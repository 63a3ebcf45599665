import pytest
from play_builder import body, play_set

from adapt.data.check_body import check_body
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
