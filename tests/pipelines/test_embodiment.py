"""From a data set of any format to a spec that fits it, with no edit but answers."""

from pathlib import Path
from typing import Any

import pytest
import torch
from robot_builder import AXES, CAMERAS, RATE_HZ, clean_play
from robot_formats import as_aloha, as_plain, as_robomimic, as_v21, as_v30

from adapt.data.episodes import Recording
from adapt.data.films import film_frames
from adapt.data.sources import open_source
from adapt.embodiment.spec import load_embodiment
from adapt.errors import DataError, EmbodimentError, RecipeError, RunError
from pipelines import embodiment_check, embodiment_init

RECIPES = Path(__file__).parents[2] / "recipes" / "embodiment"
FORMATS: dict[str, Any] = {
    "v2.1": as_v21,
    "v3.0": as_v30,
    "plain": as_plain,
    "aloha": as_aloha,
    "robomimic": as_robomimic,
}
NAMES = {"observation.state": AXES, "action": AXES}


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    play = clean_play(2, seconds=10.0)
    return [
        Recording(
            instruction="put the cup down",
            columns={"observation.state": torch.from_numpy(rows.state), "action": torch.from_numpy(rows.actions)},
            frames={f"observation.images.{camera}": torch.from_numpy(play.frames[camera][place]) for camera in CAMERAS},
        )
        for place, rows in enumerate(play.rows)
    ]


def init(source: Path, out: Path, rate_hz: float | None = RATE_HZ) -> embodiment_init.Drafted:
    return embodiment_init.run(embodiment_init.Question(source=source, out=out, rate_hz=rate_hz, base="tiny"))


def check(spec: Path | str, source: Path, *allowed: str, task: str = "play") -> embodiment_check.Checked:
    question = embodiment_check.Question(spec=str(spec), source=source, task=task, base="tiny", allowed=allowed)
    return embodiment_check.run(question)


def answered(path: Path, unit: str = "rad") -> Path:
    path.write_text(path.read_text().replace('unit: "?"', f"unit: {unit}"))
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_a_drafted_spec_fits_its_data_when_its_questions_are_answered(tmp_path, recordings, name):
    if name in ("aloha", "robomimic"):
        pytest.importorskip("h5py")
    root = FORMATS[name](tmp_path / "set", recordings, RATE_HZ, NAMES)
    drafted = init(root, tmp_path / "arm.yaml", RATE_HZ if name == "aloha" else None)
    if drafted.draft.questions:
        with pytest.raises(EmbodimentError, match="not answered yet"):
            check(drafted.path, root)
    found = check(answered(drafted.path), root)
    assert [finding.text for finding in found.refusals] == []
    body = found.body
    assert [len(axes) for axes in (body.actions, body.state, body.cameras)] == [5, 5, 2]
    assert [axis.gripper for axis in body.actions] == [False] * 4 + [True]
    assert [axis.relative for axis in body.actions] == [True] * 4 + [False]
    assert body.rate_hz == (RATE_HZ if name == "aloha" else None)
    assert found.lag is not None
    if name in ("v2.1", "v3.0", "plain"):
        assert body.action_names == AXES
        assert body.action_units == ("rad", "rad", "rad", "m", "share")
        assert drafted.draft.questions == ()


def test_a_draft_is_not_written_over_what_somebody_worked_on(tmp_path, recordings):
    root = as_v21(tmp_path / "set", recordings[:1], RATE_HZ, NAMES)
    (tmp_path / "arm.yaml").write_text("mine")
    with pytest.raises(RunError, match=r"arm\.yaml: is there already.*--out"):
        init(root, tmp_path / "arm.yaml")
    with pytest.raises(RecipeError, match=r"not called \.yaml"):
        init(root, tmp_path / "arm.txt")
    for rate_hz, words in ((-1.0, r"--rate is -1"), (30.0, r"--rate is 30, but .* says 10 rows a second itself")):
        with pytest.raises(RecipeError, match=words):
            init(root, tmp_path / "b.yaml", rate_hz)


def test_data_that_do_not_tell_their_rate_ask_for_it(tmp_path, recordings):
    pytest.importorskip("h5py")
    root = as_aloha(tmp_path / "set", recordings[:1], RATE_HZ, NAMES)
    with pytest.raises(DataError, match=r"--rate"):
        init(root, tmp_path / "arm.yaml", None)


def test_axes_that_never_change_are_left_out_and_copied_commands_told(tmp_path, recordings):
    still = [
        Recording(
            instruction=each.instruction,
            columns={
                name: torch.cat([each.columns["observation.state"], torch.zeros(len(values), 1)], dim=1)
                for name, values in each.columns.items()
            },
            frames=dict(each.frames),
        )
        for each in recordings[:1]
    ]
    names = dict.fromkeys(NAMES, (*AXES, "knee"))
    root = as_v21(tmp_path / "set", still, RATE_HZ, names)
    drafted = init(root, tmp_path / "arm.yaml")
    assert drafted.draft.left_out == ("knee",)
    assert "knee" not in load_embodiment(str(answered(drafted.path)), []).action_names
    assert "# - WRONG: " in drafted.path.read_text()
    assert "a command is not the state" in drafted.path.read_text()
    (refusal,) = check(drafted.path, root).refusals
    assert "[copied]" in refusal.text
    assert check(drafted.path, root, "copied").is_good


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "shipped"), [("lerobot_v21_g1_real", "g1_inspire"), ("lerobot_v20_gr1_sim", "gr1_sim")]
)
def test_a_real_robot_needs_no_answer_and_its_draft_is_the_shipped_spec(tmp_path, real_data, folder, shipped):
    root = real_data / "robot" / folder
    drafted = init(root, tmp_path / "robot.yaml", None)
    assert drafted.draft.questions == ()
    assert shipped in drafted.fitting
    found, known = check(drafted.path, root), load_embodiment(shipped, [RECIPES])
    assert found.refusals == ()
    assert found.body.action_names == known.action_names
    assert found.body.state_names == known.state_names
    assert [(axis.index, axis.relative) for axis in found.body.actions] == [
        (axis.index, axis.relative) for axis in known.actions
    ]


@pytest.mark.data
@pytest.mark.parametrize("name", ["v3.0", "plain", "aloha"])
def test_a_real_robot_s_recordings_in_other_formats_lead_to_a_spec_that_fits(tmp_path, real_data, name):
    if name == "aloha":
        pytest.importorskip("h5py")
    source = open_source(real_data / "robot" / "lerobot_v21_g1_real")
    camera = source.cameras[0]
    some = []
    for episode in source.episodes([camera])[0][:2]:
        columns = source.table(episode, ["action", "observation.state"]).columns
        frames = [frame[::8, ::8] for frame in film_frames(episode.videos[camera], [row / 30 for row in range(150)])]
        some.append(
            Recording(
                instruction=episode.spans[0].instruction,
                columns={column: values[:150] for column, values in columns.items()},
                frames={camera: torch.stack(frames)},
            )
        )
    names = {column: source.vectors[column] for column in ("action", "observation.state")}
    root = FORMATS[name](tmp_path / "set", some, 30.0, names)
    drafted = init(root, tmp_path / "g1.yaml", 30.0 if name == "aloha" else None)
    found = check(answered(drafted.path), root)
    assert [finding.text for finding in found.refusals] == []
    assert len(found.body.actions) == 26
