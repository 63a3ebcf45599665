"""What docs/serving.md shows runs as it stands there."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from serve_builder import STEPS, ToyPolicy, question
from serve_droid import arm_of_droid

from adapt.embodiment.limits import read_limits
from adapt.serve.background import serving
from adapt.serve.client import Client
from adapt.serve.keys import read_keys
from adapt.serve.settings import ServeSettings
from pipelines.arguments import build_parser
from pipelines.recipes import recipes_folder

DOCS = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", DOCS, flags=re.DOTALL)
YAML = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOCS, flags=re.DOTALL)]


def block(word: str) -> str:
    (found,) = [lines for lines in PYTHON if word in lines]
    return str(found)


def test_the_lines_that_ask_are_answered(capsys: Any) -> None:
    exec(block("infer"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first == "['main'] ['x', 'y', 'z', 'grip'] 10.0"
    assert second == "(8, 4) False"


def test_the_control_loop_moves_the_robot() -> None:
    scope: dict[str, Any] = {}
    exec(block("Player"), scope)
    moved: list[np.ndarray] = []
    with serving(ToyPolicy()) as address, Client(address.host, address.port) as client:
        scope["control"](client, question, moved.append, 6)
    assert len(moved) == 6
    assert moved[-1][1] > moved[0][1]  # The toy's lift goes up.


def test_the_commands_are_understood() -> None:
    commands = re.findall(r"^wam-adapt serve .*", DOCS, flags=re.MULTILINE)
    assert len(commands) >= 3
    for command in commands:
        assert build_parser().parse_args(command.split()[1:]).verb == "serve"


def test_the_files_that_are_shown_are_read() -> None:
    from adapt.embodiment.spec import load_embodiment

    gripper = load_embodiment("tabletop_gripper", [recipes_folder() / "embodiment"])
    names, arena, limits = YAML
    assert read_keys(names, gripper, source="keys.yaml").images == {"observation/image": "main"}
    assert {limit.axis for limit in read_limits(limits, "limits.yaml")} == set(gripper.action_names)
    droid = {f"joint_{number + 1}": f"j{number}" for number in range(7)} | {"left": "left", "wrist": "hand"}
    arena["images"] = {name: droid[camera] for name, camera in arena["images"].items()}
    arena["state"] = {name: [droid.get(axis, axis) for axis in axes] for name, axes in arena["state"].items()}
    assert read_keys(arena, arm_of_droid(), source="keys.yaml").roboarena_config() is not None


def test_the_numbers_are_the_server_s() -> None:
    settings = ServeSettings()
    assert f"more than {settings.largest_frame_bytes // 2**20} MiB" in DOCS
    assert f"at most {settings.grace_s:g} s long" in DOCS
    assert settings.wait_s(ToyPolicy.geometry) == 2 * STEPS / ToyPolicy.geometry.action_hz
    assert "`--deadline-ms` (two chunks)" in DOCS
