"""What docs/tabletop.md shows runs as it stands there."""

import json
import re
from pathlib import Path

import pytest
from needs_gl import needs_gl

from adapt.sim.tasks import ALL_TASKS, HELD_OUT_TASKS, LIFTED_M, SLID_M, task_of
from pipelines.arguments import build_parser

DOCS = (Path(__file__).parents[2] / "docs" / "tabletop.md").read_text(encoding="utf-8")
COMMANDS = [line.strip("` |") for line in re.findall(r"wam-adapt sim record [^`\n]*", DOCS)]


@needs_gl
def test_the_lines_that_record_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (lines,) = [block for block in re.findall(r"```python\n(.*?)```", DOCS, flags=re.DOTALL) if "record_human" in block]
    exec(lines, {})
    assert (tmp_path / "hand" / "metadata.jsonl").is_file()
    assert json.loads((tmp_path / "play" / "meta" / "info.json").read_text())["robot_type"] == "tabletop_arm"


@needs_gl
def test_the_lines_that_act_act(capsys):
    pytest.importorskip("gymnasium", reason="needs the extra: pip install 'wam-adapt[sim]'")
    (lines,) = [block for block in re.findall(r"```python\n(.*?)```", DOCS, flags=re.DOTALL) if "gymnasium" in block]
    exec(lines, {})
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("put the red block far left (128, 128, 3) [")
    assert second == "False 0.0"


def test_the_commands_are_understood():
    assert len(COMMANDS) >= 3
    for command in COMMANDS:
        assert build_parser().parse_args(command.split()[1:]).verb == "sim_record"


def test_the_numbers_are_the_world_s():
    assert f"makes {len(ALL_TASKS)} instructions" in DOCS
    assert f"recipe that pretrains `tiny` here: {len(HELD_OUT_TASKS)} instructions" in DOCS
    assert f"{100 * LIFTED_M:g} cm or more" in DOCS
    assert f"never higher than {100 * SLID_M:g} cm" in DOCS
    for words in re.findall(r"^\| ((?:put|slide) [a-z ]+) \|", DOCS, flags=re.MULTILINE):
        assert task_of(words).instruction == words
