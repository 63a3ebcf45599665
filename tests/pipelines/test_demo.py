"""The demo in small: filmed, adapted, acted and counted; killed in its own stages; refused in words."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from needs_gl import needs_gl

from adapt.errors import DataError
from adapt.hands.model_file import ensure_hand_model
from adapt.runs.cache import Cache
from adapt.runs.stage import require_current
from pipelines import demo_act

REPOSITORY = Path(__file__).parents[2]
MAIN = "import sys; from pipelines.cli import main; raise SystemExit(main(sys.argv[1:]))"
# Everything that takes long made short; what a verdict takes is looked at where verdicts are tested.
SMALL = f"""
from dataclasses import replace
from pipelines import demo, demo_act
from pipelines.schema import compose
QUICK = ["train.steps=2", "train.batch_size=2", "evaluate.max_windows=2", "evaluate.replay_windows=2",
         "evaluate.pictures=1", "hands.detect_hz=1"]
demo.VIDEOS, demo.SESSIONS, demo_act.STEPS = 3, 3, 16
demo.compose = lambda recipe: compose(recipe, QUICK)
demo_act.PARTS = tuple(replace(part, episodes=2, films=part.films // 3) for part in demo_act.PARTS)
{MAIN}
"""


def start(code: str, *words: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate()
    return process.returncode, out, err


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo that nothing disturbed; what it told lies beside it."""
    try:
        ensure_hand_model(Cache.default().folder("models"))
    except DataError as error:
        pytest.skip(f"needs the hand model, which cannot be had here: {error}")
    folder = tmp_path_factory.mktemp("demo") / "run"
    status, out, err = ended(start(SMALL, "demo", "--out", str(folder)))
    assert status == 0, err
    (folder.parent / "told").write_text(out)
    return folder


@needs_gl
def test_it_ends_with_both_models_acting_in_the_same_scenes(run: Path) -> None:
    folder = require_current(run, "act")
    record = json.loads((folder / demo_act.RECORD).read_text())
    for row, wanted in zip(record["comparisons"], demo_act.PARTS, strict=True):
        assert row["tasks"] == wanted.title
        base, adapted = ([(e["instruction"], e["seed"]) for e in row[who]["episodes"]] for who in ("base", "adapted"))
        assert base == adapted
        assert (row["base"]["subject"]["kind"], row["adapted"]["subject"]["kind"]) == ("base", "bundle")
        assert row["verdict"] == "too few episodes"
    assert {e["instruction"] for e in record["comparisons"][0]["base"]["episodes"]} == set(demo_act.TASKS)


@needs_gl
def test_it_tells_how_often_with_intervals_and_where_to_look(run: Path) -> None:
    told = (run.parent / "told").read_text()
    assert "Acting in the simulator, episodes done" in told
    assert told.count("0/2, 0.00 (0.00 to 0.84)") + told.count("1/2") + told.count("2/2") == 4
    assert "too few episodes (2) for a verdict" in told.replace("\n", " ")
    assert told.index("Robot effect") < told.index("Acting in the simulator") < told.index("\nnext:\n")
    films = demo_act.films(require_current(run, "act"))
    assert [path.name for path in films] == ["rollouts.mp4", "rollouts.png"]
    assert all(str(path) in told for path in films)


@needs_gl
def test_the_same_command_again_touches_nothing(run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    status, out, err = ended(start(SMALL, "demo", "--out", str(run), "--json"))
    assert status == 0, err
    assert json.loads(out)["worked"] == []
    assert json.loads(out)["results"]["act"] == str(require_current(run, "act"))
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


@needs_gl
@pytest.mark.slow
def test_killed_where_it_films_and_where_it_acts_it_ends_with_the_same_bytes(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    for stage in ("footage", demo_act.STAGE):
        process = start(SMALL, "demo", "--out", str(other))
        while process.poll() is None and not list((other / stage).glob(".*.partial/*")):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert ended(process)[0] == -signal.SIGKILL, f"{stage} was over before it could be killed"
    status, _, err = ended(start(SMALL, "demo", "--out", str(other)))
    assert status == 0, err
    for stage in ("footage", "bundle", demo_act.STAGE):
        assert contents(other, stage) == contents(run, stage)
        assert not list((other / stage).glob(".*.partial"))


def contents(run: Path, stage: str) -> dict[str, bytes]:
    """A stage's files, whatever versions its manifest names."""
    folder = require_current(run, stage)
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [
        ("import sys; sys.modules['mujoco'] = None", "pip install 'wam-adapt[sim]'"),
        (
            "import adapt.sim.engine as engine; engine._EGL = engine._OSMESA = ('libnothing.so',)",
            "apt install libegl1 libgl1-mesa-dri",
        ),
    ],
    ids=["mujoco", "drawing"],
)
def test_where_the_simulator_is_not_the_remedy_is_named_and_the_folder_is_still_the_demo_s(
    missing: str, remedy: str, tmp_path: Path
) -> None:
    for _ in range(2):
        status, _, err = ended(start(f"{missing}\n{MAIN}", "demo", "--out", str(tmp_path / "run"), "--quiet"))
        assert status == 1
        assert err.startswith("error: tabletop: ")
        assert remedy in err
        assert len(err.splitlines()) == 1


@needs_gl
def test_without_the_simulator_only_the_acting_is_missing(run: Path, tmp_path: Path) -> None:
    """What was adapted is shown first; the same command goes on once it is installed."""
    code = SMALL.replace("raise", "demo_act.SEED = 1\nsys.modules['mujoco'] = None\nraise")
    before = require_current(run, demo_act.STAGE)
    status, out, err = ended(start(code, "demo", "--out", str(run), "--quiet"))
    assert status == 1
    assert "Imagined video" in out
    assert "pip install 'wam-adapt[sim]'" in err
    assert require_current(run, demo_act.STAGE) == before


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    status, _, err = ended(start(MAIN, "demo", "--out", str(tmp_path)))
    assert status == 1
    assert "is not the folder of a demo" in err
