"""The whole path, as a user walks it: footage in, a bundle, the Hub, and back; twice, with more data, and killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from loopback_people import ANA, loopback
from needs_gl import needs_gl

from adapt.data.clip_table import CLIP_TABLE, read_clip_table
from adapt.models.bases import read_geometry
from adapt.policy import load
from adapt.runs.stage import require_current
from adapt.sim.gripper import Gripper
from adapt.sim.recording import record_human, record_robot
from adapt.sim.takes import Takes
from adapt.sim.tasks import HELD_OUT_TASKS
from pipelines.cli import main
from pipelines.stages import STAGES

pytestmark = needs_gl

REPOSITORY = Path(__file__).parents[1]
STEPS = read_geometry("tiny").action_steps
QUICK = (
    *("train.steps=6", "train.batch_size=4", "train.validate_every=3", "train.checkpoint_every=2"),
    *("evaluate.max_windows=2", "evaluate.replay_windows=2", "evaluate.video_steps=2", "evaluate.pictures=1"),
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short videos of a hand doing one task, in a folder whose name is not plain."""
    folder = tmp_path_factory.mktemp("footage") / "vid\u00e9os, (don't) \u30b3\u30c3\u30d7"
    record_human(folder, Takes(tasks=HELD_OUT_TASKS[:1], count=3, seed=3), sessions=3)
    return folder


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three episodes of a gripper at play."""
    return record_robot(tmp_path_factory.mktemp("robot") / "play", Gripper(), Takes(count=3, seed=5)).folder


@pytest.fixture(scope="module")
def human_run(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "hand"
    assert main(command(videos, run)) == 0
    return run


@pytest.fixture(scope="module")
def play_run(play: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "arm"
    words = ["adapt", "play", str(play), "--embodiment", "tabletop_gripper", "--out", str(run), "--set", *QUICK]
    assert main(words) == 0
    return run


def command(videos: Path, run: Path) -> list[str]:
    return ["adapt", "human", str(videos), "--out", str(run), "--set", *QUICK]


def test_human_videos_become_a_bundle_that_proves_itself(human_run: Path):
    bundle = require_current(human_run, "bundle")
    load(bundle).verify_golden()
    evaluation = json.loads((bundle / "evaluation.json").read_text())
    assert evaluation["robot_effect"].startswith("not measured")
    assert "robot effect: not measured" in (bundle / "README.md").read_text()


def test_play_data_become_a_bundle_that_acts_in_the_robot_s_own_units(play_run: Path):
    policy = load(require_current(play_run, "bundle"))
    chunk = policy.act({"images": torch.zeros(128, 128, 3, dtype=torch.uint8), "state": [0.1, -0.2, 0.1, 0.0]}, "move")
    assert (chunk.names, chunk.values.shape, chunk.rate_hz) == (("x", "y", "z", "grip"), (STEPS, 4), 10.0)
    evaluation = json.loads((require_current(play_run, "evaluate") / "evaluation.json").read_text())
    units = {measure["unit"] for measure in evaluation["measures"] if measure["group"] == "actions"}
    assert {"m", "share"} <= units


def test_the_same_command_again_touches_no_file(videos: Path, human_run: Path):
    before = stamps(human_run)
    assert main(command(videos, human_run)) == 0
    assert stamps(human_run) == before


def test_an_added_video_costs_one_video(videos: Path, human_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    more = tmp_path / "more"
    record_human(more, Takes(tasks=HELD_OUT_TASKS[:1], count=1, seed=9), sessions=1)
    for path in videos.iterdir():
        if path.suffix == ".mp4":
            (more / path.name.replace("video_", "old_")).write_bytes(path.read_bytes())
    rows = [json.loads(line) for line in (videos / "metadata.jsonl").read_text().splitlines()]
    with (more / "metadata.jsonl").open("a") as sheet:
        for row in rows:
            sheet.write(json.dumps({**row, "file_name": row["file_name"].replace("video_", "old_")}) + "\n")
    looked_at: list[str] = []
    encoded: list[int] = []
    watch(monkeypatch, looked_at, encoded)
    assert main([*command(more, tmp_path / "run"), "--stop-after", "encode"]) == 0
    assert looked_at == ["video_0000.mp4"]
    windows = read_clip_table(require_current(tmp_path / "run", "ingest") / CLIP_TABLE)
    assert sum(encoded) == sum(window.videos[0].path == "video_0000.mp4" for window in windows) > 0


def watch(monkeypatch: pytest.MonkeyPatch, looked_at: list[str], encoded: list[int]) -> None:
    """Note which videos are searched for hands, and how many windows go through the codec."""
    from adapt.data import hand_looks
    from adapt.models.codec import VideoCodec

    walk, encode = hand_looks._walk, VideoCodec.encode

    def noted_walk(path: Path, *arguments: Any) -> Any:
        looked_at.append(path.name)
        return walk(path, *arguments)

    def noted_encode(codec: VideoCodec, frames: torch.Tensor) -> torch.Tensor:
        encoded.append(frames.shape[0])
        return encode(codec, frames)

    monkeypatch.setattr(hand_looks, "_walk", noted_walk)
    monkeypatch.setattr(VideoCodec, "encode", noted_encode)


@pytest.mark.slow
def test_killed_in_every_stage_it_ends_with_the_same_bytes(videos: Path, human_run: Path, tmp_path: Path):
    """One run on a cache of its own, killed with SIGKILL in each stage in turn, each time started again."""
    run, cache = tmp_path / "killed", tmp_path / "cache"
    for stage in STAGES:
        assert kill_in(stage, videos, run, cache), f"{stage} was over before it could be killed"
    assert start(videos, run, cache).wait() == 0
    assert contents(require_current(run, "bundle")) == contents(require_current(human_run, "bundle"))
    assert not list(run.glob("*/.*.partial"))


def start(videos: Path, run: Path, cache: Path) -> "subprocess.Popen[bytes]":
    code = "from pipelines.cli import main; raise SystemExit(main())"
    environment = {**os.environ, "WAM_ADAPT_CACHE": str(cache)}
    return subprocess.Popen([sys.executable, "-c", code, "--quiet", *command(videos, run)], env=environment)


def kill_in(stage: str, videos: Path, run: Path, cache: Path) -> bool:
    """Start the job and kill it shortly after `stage` has begun; False where it ended first."""
    process = start(videos, run, cache)
    while process.poll() is None:
        if list((run / stage).glob(".*.partial")):
            time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
            return process.wait() == -signal.SIGKILL
        time.sleep(0.005)
    return False


def test_publish_verify_pull_and_predict_give_the_golden_output(
    human_run: Path, tmp_path: Path, hub: None, capsys: pytest.CaptureFixture[str]
):
    assert main(["publish", "--run", str(human_run), "--repo", "lab/pour", "--confirm"]) == 0
    assert main(["pull", "lab/pour", "--out", str(tmp_path / "pulled")]) == 0
    load(tmp_path / "pulled").verify_golden()
    assert contents(tmp_path / "pulled") == contents(require_current(human_run, "bundle"))
    picture = next((tmp_path / "pulled").rglob("*.png"))
    capsys.readouterr()
    asked = [
        "predict",
        "--bundle",
        str(tmp_path / "pulled"),
        "--image",
        str(picture),
        "--task",
        "don't spill, (slowly)",
    ]
    assert main([*asked, "--out", str(tmp_path / "seen"), "--json"]) == 0
    assert "actions" in json.loads(capsys.readouterr().out)


def test_the_python_lines_of_the_readme_run(play_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), flags=re.DOTALL)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "pour").symlink_to(require_current(play_run, "bundle"))
    monkeypatch.chdir(tmp_path)
    names = {"frame": torch.zeros(128, 128, 3, dtype=torch.uint8), "state": [0.0, 0.0, 0.1, 1.0]}
    exec(lines[0], names)
    assert names["chunk"].values.shape == (STEPS, 4)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A Hub on which ana is logged in."""
    monkeypatch.setenv("HF_TOKEN", ANA)
    with loopback(monkeypatch, tmp_path):
        yield


def stamps(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def contents(folder: Path) -> dict[str, bytes]:
    """A bundle's files; the manifest of the run beside them is no part of it."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
