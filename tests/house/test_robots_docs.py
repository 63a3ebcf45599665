"""What docs/robots.md tells an engineer to type is typed here, on a robot nobody knows; its tables are the code's."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from adapt.embodiment.spec import list_embodiments
from adapt.quality.robot.spec_checks import CHECKS
from adapt.video.writer import write_video
from pipelines import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "robots.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, flags=re.DOTALL)
RATE_HZ, ROWS = 10.0, 80


def table(heading: str) -> list[str]:
    """First cells of the rows under a heading."""
    part = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    return [
        name
        for line in part.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]


def record(root: Path) -> None:
    """Takes as the page lays them out, with the headers that it shows."""
    (headers,) = re.findall(r"rows\.csv +(\S+)", PAGE)
    clock = np.arange(ROWS) / RATE_HZ
    for take in (1, 2):
        folder = root / f"take_{take:02d}"
        folder.mkdir(parents=True)
        told = np.stack([0.5 + 1.6 * np.sin(clock * speed + take) for speed in (1.1, 0.7)], axis=1)
        told = np.clip(np.column_stack([told, (np.sin(clock) > 0)]), -1, 2)
        done = np.vstack([told[:1], told[:-1]])
        rows = pd.DataFrame(np.column_stack([clock, told, done]), columns=headers.split(","))
        rows.to_csv(folder / "rows.csv", index=False)
        shades = torch.arange(ROWS, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 64, 64, 3).contiguous()
        write_video(folder / "top.mp4", shades + 40 * take, RATE_HZ)
    (said,) = re.findall(r"metadata\.jsonl +(\{.*\})", PAGE)
    (root / "metadata.jsonl").write_text(said + "\n")


def test_the_walk_through_can_be_typed_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "my_robot")
    init, check, play = [line.split()[1:] for line in BLOCKS[0][1].strip().splitlines()]
    assert cli.main(init) == 0
    draft = (tmp_path / "my_robot.yaml").read_text()
    shown = next(text for kind, text in BLOCKS if kind == "yaml")
    assert shown in draft
    assert cli.main(check) == 1
    assert "not answered yet: actions[0].unit (a1 to a2)" in capsys.readouterr().err
    (tmp_path / "my_robot.yaml").write_text(draft.replace('unit: "?"', "unit: rad"))
    assert cli.main(check) == 0
    said = capsys.readouterr().out
    assert "the instruction of 1 episodes (1) is ''" in said
    assert "wam-adapt adapt play my_robot --embodiment my_robot.yaml --out runs/my_robot" in said
    assert cli.main(play) == 0
    assert (tmp_path / "runs" / "my_robot" / "ingest").is_dir()


def test_a_refusal_is_told_with_its_remedy_and_by_the_exit_status(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "my_robot")
    assert cli.main(["embodiment", "init", "my_robot", "--out", "a.yaml"]) == 0
    wrong = (tmp_path / "a.yaml").read_text().replace('unit: "?"', "unit: rad").replace("column: top", "column: wrist")
    (tmp_path / "a.yaml").write_text(wrong)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        cli.main(["embodiment", "check", "a.yaml", "my_robot"])
    assert stopped.value.code == 1
    assert "wants the video column 'wrist'" in capsys.readouterr().out
    assert cli.main(["embodiment", "init", "my_robot", "--out", "a.yaml"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["embodiment", "check", "a.yaml", "my_robot", "--allow", "everything"]) == 1
    assert "--allow everything is no check" in capsys.readouterr().err


def test_every_check_and_every_shipped_body_is_in_its_table():
    assert table("What `check` refuses") == list(CHECKS)
    assert sorted(table("Robots that ship")) == sorted(list_embodiments([ROOT / "recipes" / "embodiment"]))
