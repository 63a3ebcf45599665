import json
from pathlib import Path

import pytest
import yaml
from play_builder import body, geometry

from adapt.embodiment.spec import Axis, Embodiment, check_slots, list_embodiments, load_embodiment
from adapt.errors import EmbodimentError
from adapt.models.bases import TINY_GEOMETRY

RECIPES = Path(__file__).parents[2] / "recipes" / "embodiment"


def test_run_of_axes_is_spelled_out_one_by_one():
    _, elbow, grip = body().actions
    assert elbow == Axis(name="elbow", unit="rad", column="action", index=1, relative=True)
    assert grip == Axis(name="grip", unit="share", column="action", index=2, gripper=True)


def test_base_slots_are_given_to_the_axes_in_order():
    run = {"names": ["a", "b"], "unit": "rad", "column": "action", "start": 3, "base_slots": [7, 9]}
    one = {"name": "c", "unit": "rad", "column": "action", "index": 0, "base_slot": 8}
    axes = body(actions=[run, one]).actions
    assert [(axis.name, axis.index, axis.base_slot) for axis in axes] == [("a", 3, 7), ("b", 4, 9), ("c", 0, 8)]


def test_names_units_and_columns_are_those_of_the_axes():
    spec = body()
    assert spec.action_names == ("shoulder", "elbow", "grip")
    assert spec.action_units == ("rad", "rad", "share")
    assert spec.state_names == ("shoulder", "elbow", "grip")
    assert spec.columns == ("action", "observation.state")


def test_prompt_takes_instructions_with_braces_and_percents():
    assert body().prompt_for("pour {50%}, don't spill") == "A robot: pour {50%}, don't spill"


def test_json_is_plain_and_gives_the_same_body_back():
    spec = body()
    assert Embodiment.from_json(json.loads(json.dumps(spec.to_json())), source="bundle") == spec


SHIPPED = [
    *("agibot_g1", "aloha", "aloha_hdf5", "droid", "g1_inspire", "gr1_sim", "human_hand", "so100", "so101"),
    *("tabletop_arm", "tabletop_gripper", "yam_bimanual"),
]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_body_loads_by_name_and_survives_its_json(name):
    spec = load_embodiment(name, [RECIPES])
    assert spec.name == name
    assert Embodiment.from_json(spec.to_json(), source="bundle") == spec
    check_slots(spec, TINY_GEOMETRY.canvas)


def test_every_shipped_body_is_tested_above():
    assert list(list_embodiments([RECIPES])) == SHIPPED


def test_human_hand_has_a_camera_and_no_axes():
    spec = load_embodiment("human_hand", [RECIPES])
    assert [camera.name for camera in spec.cameras] == ["main"]
    assert spec.actions == ()
    assert spec.state == ()
    assert spec.columns == ()


def test_body_loads_from_a_path_with_spaces_and_accents(tmp_path):
    path = tmp_path / "mon bras, été.yaml"
    path.write_text(yaml.safe_dump(body().to_json()), encoding="utf-8")
    assert load_embodiment(str(path), []) == body()


def test_first_folder_that_has_the_name_wins(tmp_path):
    mine = {**body().to_json(), "name": "human_hand"}
    (tmp_path / "human_hand.yaml").write_text(yaml.safe_dump(mine))
    assert len(load_embodiment("human_hand", [tmp_path, RECIPES]).actions) == 3


def test_unknown_name_tells_the_nearest_and_all():
    with pytest.raises(EmbodimentError, match=r"'g1_inspir': not found.*Did you mean 'g1_inspire'\?.*human_hand"):
        load_embodiment("g1_inspir", [RECIPES])


def test_file_named_otherwise_than_its_body_is_refused(tmp_path):
    (tmp_path / "arm.yaml").write_text(yaml.safe_dump(body().to_json()))
    with pytest.raises(EmbodimentError, match="its name is 'toy', but the file is called 'arm'"):
        load_embodiment("arm", [tmp_path])


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(EmbodimentError, match=r"gone\.yaml: cannot be read"):
        load_embodiment(str(tmp_path / "gone.yaml"), [])
    (tmp_path / "bad.yaml").write_text("name: [")
    with pytest.raises(EmbodimentError, match=r"bad\.yaml: not valid YAML"):
        load_embodiment(str(tmp_path / "bad.yaml"), [])


AXIS = {"name": "a", "unit": "rad", "column": "action", "index": 0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"camera": []}, r"unknown key 'camera'\. Did you mean 'cameras'\?"),
        ({"actions": [{**AXIS, "grippr": True}]}, r"actions\[0\]: unknown key 'grippr'\. Did you mean 'gripper'\?"),
        ({"prompt": "a robot"}, r"it must hold \{instruction\}"),
        ({"cameras": []}, "cameras is empty"),
        ({"cameras": [{"name": "top", "column": "x"}]}, r"cameras\[0\]: 'slot' is None"),
        ({"actions": {"a": 1}}, "'actions' is .* give a list"),
        ({"actions": ["a"]}, r"actions\[0\]: found str"),
        ({"actions": [{**AXIS, "unit": " "}]}, "'unit' is ' '; give a text"),
        ({"actions": [{**AXIS, "index": -1}]}, "'index' is -1; give a whole number"),
        ({"actions": [{**AXIS, "gripper": "yes"}]}, "'gripper' is 'yes'; give true or false"),
        ({"actions": [{**AXIS, "start": 0}]}, "found 'start', but one axis"),
        ({"actions": [{"names": ["a"], "unit": "rad", "column": "action", "start": 0, "index": 0}]}, "found 'index'"),
        ({"actions": [{"names": [], "unit": "rad", "column": "action", "start": 0}]}, r"'names' is \[\]"),
        (
            {"actions": [{"names": ["a", "b"], "unit": "rad", "column": "action", "start": 0, "base_slots": [1]}]},
            "give a list of 2 whole numbers",
        ),
        ({"actions": [AXIS, {**AXIS, "index": 1}]}, "the action axis 'a' is given twice"),
        ({"actions": [AXIS, {**AXIS, "name": "b"}]}, r"the action place 'action\[0\]' is given twice"),
        ({"actions": [{**AXIS, "relative": True}]}, "the state axis of that name does not exist"),
        (
            {"actions": [{**AXIS, "name": "elbow", "unit": "deg", "relative": True}]},
            "the state axis of that name has the unit 'rad'",
        ),
        ({"actions": [{**AXIS, "increment": True, "gripper": True}]}, "cannot be relative or a gripper"),
        ({"state": [{**AXIS, "relative": True}], "actions": []}, "only actions can be"),
    ],
)
def test_faulty_spec_is_refused_with_file_and_place(changes, message):
    with pytest.raises(EmbodimentError, match=message) as caught:
        body(**changes)
    assert str(caught.value).startswith("toy.yaml")


def test_slot_that_the_canvas_lacks_is_refused_with_the_nearest():
    spec = body(cameras=[{"name": "top", "column": "x", "slot": "ful"}])
    with pytest.raises(EmbodimentError, match=r"camera 'top' wants the slot 'ful'.*Did you mean 'full'\?"):
        check_slots(spec, geometry().canvas)
