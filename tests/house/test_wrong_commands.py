"""Whoever gives a command wrongly reads one message that names the trouble and a way out, and no traceback."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.job import Job, save_job

WORDS_AT_MOST = 90


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a user may have lying about."""
    monkeypatch.chdir(tmp_path)
    for folder in ("videos", "empty", "texts", "damaged", "newer", "started", "blank"):
        (tmp_path / folder).mkdir()
    (tmp_path / "videos/a.mp4").write_bytes(b"no video")
    (tmp_path / "videos/b.mp4").write_bytes(b"")
    (tmp_path / "texts/notes.txt").write_text("hello")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "mine.yaml").write_text("train:\n  stpes: 3\n")
    (tmp_path / "broken.yaml").write_text("train: [\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\0")
    (tmp_path / "damaged/job.json").write_text("{")
    (tmp_path / "newer/job.json").write_text(json.dumps({"format": 99, "recipe": {}}))
    (tmp_path / "blank/bundle.json").write_text("{}")
    (tmp_path / "blank/base.json").write_text("{}")
    save_job(Job(kind="human", source=str(tmp_path / "videos"), run=str(tmp_path / "started"), task="pour"))
    return tmp_path


def standing(place: Path) -> list[str]:
    """What lies there besides what the command itself may make."""
    return sorted(str(path) for path in place.rglob("*") if not path.is_relative_to(place / "run"))


HUMAN = ("adapt", "human", "videos", "--out", "run", "--task", "pour")
WRONG: Sequence[tuple[Sequence[str], str]] = [
    # The wrong folder, or file.
    (("adapt", "human", "gone", "--out", "run"), "gone: there is no such file or folder"),
    (("adapt", "human", "empty", "--out", "run", "--task", "pour"), "the folder is empty"),
    (("adapt", "human", "texts", "--out", "run", "--task", "pour"), "no videos among 1 files"),
    (("adapt", "human", "videos", "--out", "run"), "no instruction for a.mp4"),
    (("adapt", "human", "videos", "--out", "videos/run", "--task", "pour"), "lies inside the data"),
    (("adapt", "human", "videos", "--out", "texts", "--task", "pour"), "is not the folder of a run"),
    (("adapt", "human", "videos", "--out", "notes.txt", "--task", "pour"), "notes.txt"),
    (("adapt", "play", "videos", "--out", "run", "--embodiment", "g1_inspire"), "not a LeRobot data set"),
    ((*HUMAN, "--base", "texts"), "no base.json in texts"),
    ((*HUMAN, "--base", "blank"), "base.json: format None"),
    ((*HUMAN, "--embodiment", "humn_hand"), "Did you mean 'human_hand'"),
    ((*HUMAN, "--embodiment", "mine.yaml"), "unknown key 'train'"),
    ((*HUMAN, "--embodiment", "broken.yaml"), "not valid YAML"),
    ((*HUMAN, "--embodiment", "binary.yaml"), "not valid YAML"),
    # A recipe, a key or a number that does not exist.
    ((*HUMAN, "--recipe", "humann"), "did you mean 'human'"),
    ((*HUMAN, "--recipe", "./mine.yaml"), "mine.yaml:2: there is no key 'train.stpes'; did you mean 'train.steps'"),
    ((*HUMAN, "--recipe", "./broken.yaml"), "broken.yaml: is not valid YAML"),
    ((*HUMAN, "--recipe", "./binary.yaml"), "binary.yaml: is not valid YAML"),
    ((*HUMAN, "--recipe", "notes.txt"), "rename it to notes.yaml"),
    ((*HUMAN, "--set", "train.steps=many"), "'train.steps' is 'many'; it takes int"),
    ((*HUMAN, "--set", "train.steps=-3"), "train.steps is -3"),
    ((*HUMAN, "--set", "train.head_learning_rate=nan"), "'train.head_learning_rate' is nan; it takes float"),
    ((*HUMAN, "--set", "train.head_learning_rate=1e999"), "is inf; it takes float"),
    ((*HUMAN, "--set", "train"), "write it as key=value"),
    ((*HUMAN, "--set", "lora=al"), "there is no file recipes/lora/al.yaml"),
    ((*HUMAN, "--task", " "), "--task is empty"),
    # A run that is none, or has not come so far.
    (("ingest", "--run", "gone"), "is not the folder of a run"),
    (("encode", "--run", "texts"), "is not the folder of a run"),
    (("encode", "--run", "damaged"), "job.json is damaged"),
    (("encode", "--run", "newer"), "job.json has format 99"),
    (("encode", "--run", "started"), "stage 'ingest' has no finished result"),
    (("finetune", "--run", "started"), "has no finished result"),
    (("evaluate", "--run", "started"), "has no finished result"),
    (("bundle", "--run", "started"), "has no finished result"),
    (("publish", "--run", "started", "--repo", "lab/pour"), "has no finished result"),
    (("publish", "--run", "texts", "--repo", "lab/pour"), "is not the folder of a run"),
    # A bundle, a repository or a picture that is none.
    (("pull", "pour", "--out", "run"), "should be written OWNER/NAME"),
    (("pull", "lab/pour@../x", "--out", "run"), "no commit, tag or branch"),
    (("predict", "--bundle", "gone", "--image", "a.png"), "gone"),
    (("predict", "--bundle", "texts", "--image", "a.png"), "bundle.json"),
    (("predict", "--bundle", "blank", "--image", "a.png"), "'format' is None"),
    (("merge", "--bundle", "texts", "--out", "run"), "bundle.json"),
    (("merge", "--bundle", "texts", "--out", "run", "--trained-on", "lab/base"), "is not written OWNER/NAME@COMMIT"),
    (("plan", "--base", "wan9", "--minutes", "12"), "is neither known by name nor a folder"),
    (("config", "show", "--recipe", "pley"), "did you mean 'play'"),
    (("config", "validate", "--recipe", "./mine.yaml"), "train.stpes"),
    (("demo", "--out", "notes.txt"), "notes.txt"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_one_message_and_exit_status_1(words: Sequence[str], told: str, place: Path, capsys) -> None:
    before = standing(place)
    assert cli.main([*words, "--quiet"] if words[0] != "config" else list(words)) == 1
    out, err = capsys.readouterr()
    assert told in err
    assert out == ""
    (message,) = [line for line in err.splitlines() if not line.startswith("warning: ")]
    assert message.startswith("error: ")
    assert "something that should not happen" not in message
    assert "Traceback" not in err
    assert len(re.findall(r"\S+", message)) <= WORDS_AT_MOST
    assert standing(place) == before


@pytest.mark.parametrize("words", [words for words, _ in WRONG[:12:4]], ids=lambda words: " ".join(words))
def test_a_machine_is_told_the_same(words: Sequence[str], place: Path, capsys) -> None:
    assert cli.main([*words, "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)["error"]
    assert told["type"].endswith("Error")
    assert f"error: {told['message']}" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["adapt", "human", "videos"], "--out"),
        (["adapt", "human", "videos", "--out"], "--out"),
        (["adapt", "robot", "videos", "--out", "run"], "'robot'"),
        (["predict", "--bundle", "blank", "--image", "a.png", "--seed", "many"], "--seed: invalid int value: 'many'"),
        (["encode", "--run", "started", "--fast"], "--fast"),
        (["adapt", "human", "videos", "--out", "run", "--stop-after", "lunch"], "'lunch'"),
    ],
)
def test_wrong_usage_says_which_word_and_exits_with_2(words: list[str], told: str, place: Path, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert told in err.splitlines()[-1]
    assert "Traceback" not in err
