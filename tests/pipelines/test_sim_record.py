"""`wam-adapt sim`: what people type, what they are told, and what happens where the simulator is not."""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from needs_gl import needs_gl

from adapt.data.clip_table import CLIP_TABLE, read_clip_table
from adapt.runs.stage import read_manifest, require_current
from adapt.sim.tasks import HELD_OUT_TASKS
from pipelines import sim_record
from pipelines.arguments import build_parser
from pipelines.cli import main

REPOSITORY = Path(__file__).parents[2]
QUICK = ["--minutes", "0.1"]
KINDS = {
    "human": (["--sessions", "2"], "wam-adapt adapt human {} --out runs/set"),
    "play": (["--body", "arm"], "wam-adapt adapt play {} --embodiment tabletop_arm --out runs/set"),
    "tasks": (["--body", "gripper"], "wam-adapt adapt play {} --embodiment tabletop_gripper --out runs/set"),
}


def python(code: str, *words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
    )


@needs_gl
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_recorded_goes_through_the_command_that_is_named_next(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words, following = KINDS[kind]
    assert main(["sim", "record", kind, "--out", "set", "--minutes", "0.3", *words]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1:] == ["recorded: set", "next:", f"  {following.format('set')}"]
    assert "minutes, " in told[0]

    next_words = shlex.split(told[-1])[1:]
    # Without hands that MediaPipe must see: what it sees of this hand is measured beside the hand.
    more = ["--set", "hands.min_hands_share=0"] if kind == "human" else []
    assert main([*next_words, "--stop-after", "ingest", *more]) == 0
    stage = require_current(tmp_path / "runs" / "set", "ingest")
    facts = read_manifest(stage)["facts"]
    assert facts["problems"] == []
    assert facts["rejected_windows"] == 0
    assert facts["kept_minutes"] > 0.25
    windows = read_clip_table(stage / CLIP_TABLE, root=tmp_path / "set")
    assert {window.embodiment for window in windows} == {
        {"human": "human_hand", "play": "tabletop_arm", "tasks": "tabletop_gripper"}[kind]
    }
    assert all((window.actions is None) == (kind == "human") for window in windows)


@needs_gl
def test_machines_are_told_the_same(tmp_path, capsys):
    out = tmp_path / "it's new"
    task = HELD_OUT_TASKS[0].instruction
    assert main(["sim", "record", "tasks", "--out", str(out), "--tasks", task, *QUICK, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["result"] == str(out)
    assert told["instructions"] == [task]
    assert told["episodes"] == len(list(out.rglob("*.mp4")))
    assert 0.1 <= told["minutes"] < 0.3
    assert shlex.split(told["next"][0])[3] == str(out)


def test_the_words_reach_the_pipeline(tmp_path):
    words = ["sim", "record", "human", "--out", "~/x y", "--tasks", "seen", "put the red block far left"]
    arguments = build_parser().parse_args([*words, "--minutes", "2.5", "--seed", "4", "--gap", "looks=1"])
    assert sim_record.question(arguments) == sim_record.Question(
        kind="human",
        out=Path.home() / "x y",
        minutes=2.5,
        seed=4,
        tasks=["seen", "put the red block far left"],
        sessions=6,
        gap="looks=1",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["human", "--out", "full"], "is there already and is not empty; name a new folder"),
        (["human", "--out", "full/file"], "is a file; name a new folder"),
        (["human", "--out", "new", "--tasks", "heldout"], "'seen', 'held-out' or 'all'"),
        (["tasks", "--out", "new", "--tasks", "put the red block far lft"], "put the red block far left"),
        (["play", "--out", "new", "--body", "hand"], "gripper, arm"),
        (["human", "--out", "new", "--gap", "look=1"], "Did you mean 'looks'"),
        (["human", "--out", "new", "--gap", "looks=3"], "gap.looks is 3"),
    ],
)
def test_bad_words_end_in_one_message_and_touch_nothing(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    assert main(["sim", "record", *words]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["record"],
        ["record", "human"],
        ["record", "human", "--out", "x", "--minutes", "0"],
        ["record", "human", "--out", "x", "--minutes", "ten"],
        ["record", "human", "--out", "x", "--seed", "-1"],
        ["record", "human", "--out", "x", "--sessions", "0"],
        ["record", "play", "--out", "x", "--tasks", "seen"],
    ],
)
def test_wrong_usage_exits_with_2(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["sim", *words])
    assert stop.value.code == 2
    assert "usage: wam-adapt" in capsys.readouterr().err


def test_every_help_says_what_follows(capsys):
    for words in (["sim"], *(["sim", "record", kind] for kind in KINDS)):
        with pytest.raises(SystemExit) as stop:
            main([*words, "--help"])
        assert stop.value.code == 0
        assert "examples:\n  wam-adapt sim" in capsys.readouterr().out


def test_the_instructions_are_listed_with_their_set(capsys):
    assert main(["sim", "tasks"]) == 0
    told = capsys.readouterr().out
    assert "54 instructions: 42 seen, 12 held out" in told
    assert main(["sim", "tasks", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["instruction"] for row in rows if row["held_out"]] == [task.instruction for task in HELD_OUT_TASKS]
    assert len(rows) == 54


MAIN = "import sys; from pipelines.cli import main; raise SystemExit(main(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [
        ("import sys; sys.modules['mujoco'] = None", "pip install 'wam-adapt[sim]'"),
        (
            "import adapt.sim.engine as engine; engine._EGL = engine._OSMESA = ('libnothing.so',)",
            "apt install libegl1 libgl1-mesa-dri",
        ),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_where_the_simulator_is_not_the_remedy_is_named(kind, missing, remedy, tmp_path):
    result = python(f"{missing}\n{MAIN}", "sim", "record", kind, "--out", "set", folder=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("error: tabletop: ")
    assert remedy in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_where_gymnasium_is_not_the_remedy_is_named(tmp_path):
    code = "import sys; sys.modules['gymnasium'] = None\nfrom adapt.errors import SimulatorError\n"
    code += "try:\n    import adapt.sim.environment\nexcept SimulatorError as error:\n    print(error)"
    assert "pip install 'wam-adapt[sim]'" in python(code, folder=tmp_path).stdout


def test_the_instructions_are_listed_and_words_are_read_without_the_extra(tmp_path):
    missing = "import sys; sys.modules['mujoco'] = sys.modules['gymnasium'] = None"
    assert python(f"{missing}\n{MAIN}", "sim", "tasks", folder=tmp_path).returncode == 0
    modules = "adapt.sim.choices, adapt.sim.recording, adapt.sim.takes, pipelines.sim_record"
    assert python(f"{missing}\nimport {modules}", folder=tmp_path).stderr == ""


def read(terminal: int) -> bytes:
    """What has been shown since; nothing when nobody is at the other end any more."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say so.
        return b""


@needs_gl
def test_an_interrupt_leaves_nothing_and_says_so(tmp_path):
    """On a terminal, so that the bar is there as well."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", MAIN, "sim", "record", "human", "--out", "set", "--minutes", "30"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "100", "TERM": "xterm"}
    process = subprocess.Popen(
        words,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # A shell's background job ignores it.
    )
    os.close(theirs)
    told, asked = b"", False
    while more := read(ours):  # All the time, or the process would wait for us to read.
        told += more
        if not asked and list(tmp_path.glob(".set.partial/whole/*.mp4")):
            process.send_signal(signal.SIGINT)
            asked = True
    assert process.wait(timeout=60) == 130
    os.close(ours)
    assert b"recording" in told
    assert b"stopped; nothing is left of it; the same command begins anew" in told
    assert list(tmp_path.iterdir()) == []
