"""Names on the wire are read from a file, and checked against the body."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from serve_builder import robot

from adapt.errors import EmbodimentError
from adapt.serve.keys import load_keys, read_keys

LIBERO = {"images": {"observation/image": "main"}, "state": {"observation/pose": ["shoulder", "lift"]}}


def test_a_file_of_names_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump(LIBERO))
    keys = load_keys(path, robot())
    assert keys.images == {"observation/image": "main"}
    assert keys.state == {"observation/pose": ("shoulder", "lift")}
    assert keys.roboarena_config() is None
    assert not keys.ignored


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"images": {"x": "mian"}}, "the body has no camera 'mian'. Did you mean 'main'"),
        ({"images": {"x": "main", "y": "main"}}, "the camera 'main' is named twice"),
        ({"state": {"x": ["shoulder", "tilt"]}}, "the body has no state axis 'tilt'"),
        ({"state": {"x": "shoulder"}}, "'x' is 'shoulder'"),
        ({"images": ["main"]}, "'images' is ['main']"),
        ({"cameras": {}}, "unknown key 'cameras'"),
        ({"roboarena": {"action_space": "joints"}}, "'action_space' is 'joints'; take one of joint_position"),
        ({"roboarena": {"action_space": "joint_position"}}, "joint_position has 8 action axes, but toy has 3"),
        ({"roboarena": {"action_space": "joint_position", "image_resolution": [0, 9]}}, "'image_resolution' is [0, 9]"),
    ],
)
def test_a_slip_is_named(value: dict[str, Any], told: str) -> None:
    with pytest.raises(EmbodimentError) as refused:
        read_keys(value, robot(), source="keys.yaml")
    assert told in str(refused.value)
    assert str(refused.value).startswith("keys.yaml")


@pytest.mark.parametrize(("text", "told"), [("images: [", "not valid YAML"), (None, "cannot be read")])
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "keys.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(EmbodimentError, match=told):
        load_keys(path, robot())
