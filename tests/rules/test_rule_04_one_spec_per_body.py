"""Rule 4: one file says what a body is, and it is held against the data before anything is trained."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from play_builder import CAMERA, NAMES, body, geometry, recording

from adapt.data import check_body as checks
from adapt.data import play_windows
from adapt.data.episodes import EpisodeTable, Recording
from adapt.data.lerobot_writer import write_lerobot_v21
from adapt.data.play_windows import read_play_dataset
from adapt.data.windows import WindowConfig
from adapt.embodiment import spec as specs
from adapt.embodiment.spec import Axis
from adapt.errors import EmbodimentError

JOINTS = {"names": ["shoulder", "elbow"], "unit": "rad", "column": "action"}
STATE = {"names": ["shoulder", "elbow"], "unit": "rad", "column": "observation.state", "start": 0}
GRIP = {"name": "grip", "unit": "share", "column": "action", "index": 2, "gripper": True}
AS_RECORDED = "as recorded"

# What is wrong -> what of the spec is changed; all of these train without complaint where nobody looks.
WRONG_SPECS: dict[str, dict[str, object]] = {
    "a column off by one": {"actions": [{**JOINTS, "start": 1}]},
    "two axes swapped": {"actions": [{**JOINTS, "names": ["elbow", "shoulder"], "start": 0}]},
    "an index beyond its column": {"actions": [{**GRIP, "index": 3}]},
    "a column of that name nowhere": {"actions": [{**GRIP, "column": "actions"}]},
    "actions that are the state": {"actions": [{**STATE}]},
    "relative to a state in another unit": {"actions": [{**JOINTS, "start": 0, "unit": "deg", "relative": True}]},
    "a camera nowhere": {"cameras": [{"name": "top", "column": "observation.images.wrist", "slot": "full"}]},
    "a camera without a place": {"cameras": [{"name": "top", "column": CAMERA, "slot": "left"}]},
}


def commands_copied(made: Recording) -> Recording:
    """A recorder that wrote the state twice."""
    return replace(made, columns={**made.columns, "action": made.columns["observation.state"].clone()})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("play")
    columns = {"observation.state": NAMES, "action": NAMES}
    kinds: dict[str, Callable[[Recording], Recording]] = {AS_RECORDED: lambda made: made, "copied": commands_copied}
    for name, change in kinds.items():
        takes = [change(recording(4.0, 20.0)), change(recording(4.0, 20.0, "push the cup", shade=7))]
        write_lerobot_v21(root / name, iter(takes), rate_hz=20.0, robot="toy", names=columns)
    return {name: root / name for name in kinds}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(root: Path, **changes: object) -> str:
    """What ingest does with a body and its data; the reason, where it refuses."""
    try:
        read_play_dataset(root, body(**changes), geometry(), WindowConfig(), digest=digest)
    except EmbodimentError as error:
        return str(error)
    return ""


def check_wrong_spec_is_refused(folders: dict[str, Path], wrong: str) -> None:
    assert read(folders[AS_RECORDED], **WRONG_SPECS[wrong]), f"accepted: {wrong}"


def check_copied_commands_are_refused(folders: dict[str, Path]) -> None:
    told = read(folders["copied"])
    assert "'shoulder' (action[0]) equals its state (observation.state[0])" in told, f"accepted: copies; {told}"


def check_axes_hold_their_columns(folders: dict[str, Path]) -> None:
    """The gripper shuts at 1 s, and only the gripper knows two places alone."""
    (window, *_), _ = read_play_dataset(folders[AS_RECORDED], body(), geometry(), WindowConfig(), digest=digest)
    assert window.actions is not None
    assert [len(set(column.tolist())) == 2 for column in window.actions.T] == [False, False, True], (
        "axes hold other columns"
    )


def test_axes_hold_the_columns_that_the_spec_names(folders: dict[str, Path]) -> None:
    check_axes_hold_their_columns(folders)


def test_a_spec_that_fits_is_all_that_is_needed(folders: dict[str, Path]) -> None:
    assert read(folders[AS_RECORDED]) == ""


@pytest.mark.parametrize("wrong", WRONG_SPECS)
def test_a_spec_that_does_not_fit_its_data_is_refused(folders: dict[str, Path], wrong: str) -> None:
    check_wrong_spec_is_refused(folders, wrong)


def test_commands_that_are_a_copy_of_the_state_are_refused(folders: dict[str, Path]) -> None:
    check_copied_commands_are_refused(folders)


# What is wrong -> the checks that stand against it, each a module or class and a name.
PLANTED: dict[str, list[tuple[object, str]]] = {
    "a column off by one": [(play_windows, "check_body")],
    "two axes swapped": [(checks, "check_axis")],
    "actions that are the state": [(specs, "_check_commands"), (checks.CopiedActions, "refuse")],
    "relative to a state in another unit": [(specs, "_check_relative")],
    "a camera without a place": [(play_windows, "check_slots")],
}


@pytest.mark.parametrize("wrong", PLANTED)
def test_planted_trust_in_a_spec_is_noticed(
    folders: dict[str, Path], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name in PLANTED[wrong]:
        monkeypatch.setattr(place, name, lambda *_: None)
    with pytest.raises(AssertionError, match=f"accepted: {wrong}"):
        check_wrong_spec_is_refused(folders, wrong)


def test_planted_trust_in_copied_commands_is_noticed(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.CopiedActions, "refuse", lambda *_: None)
    with pytest.raises(AssertionError, match="accepted: copies"):
        check_copied_commands_are_refused(folders)


def test_planted_slice_off_by_one_is_noticed(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that counts columns from 1, though the spec is right."""
    right = play_windows._read

    def shifted(table: EpisodeTable, axes: Sequence[Axis], *more: Any) -> Any:
        return right(table, [replace(axis, index=(axis.index + 1) % 3) for axis in axes], *more)

    monkeypatch.setattr(play_windows, "_read", shifted)
    with pytest.raises(AssertionError, match="axes hold other columns"):
        check_axes_hold_their_columns(folders)
