import os
from pathlib import Path

import pytest

from adapt.data.video_folder import read_video_folder
from adapt.errors import DataError


def folder(root: Path, files: dict[str, str]) -> Path:
    """Files by name and content; nothing here opens a video."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def told(root: Path, task: str | None = None) -> dict[str, tuple[str, str]]:
    """Instruction and session of each video."""
    return {item.name: (item.instruction, item.session) for item in read_video_folder(root, task).videos}


def test_one_task_holds_for_all_videos_each_its_own_session(tmp_path: Path) -> None:
    folder(tmp_path, {"b.mp4": "x", "deep/a.MOV": "x", "notes.pdf": "x"})
    assert told(tmp_path, "pour") == {"b.mp4": ("pour", "b.mp4"), "deep/a.MOV": ("pour", "deep/a.MOV")}


def test_a_text_file_beside_a_video_says_what_is_done(tmp_path: Path) -> None:
    folder(tmp_path, {"a.mp4": "x", "a.txt": "\ufeffdon't spill,\n  slowly\n", "b.mp4": "x"})
    assert told(tmp_path, "pour") == {"a.mp4": ("don't spill, slowly", "a.mp4"), "b.mp4": ("pour", "b.mp4")}


def test_metadata_lines_say_instruction_and_session(tmp_path: Path) -> None:
    rows = (
        '{"file_name": "a.mp4", "instruction": "pour, (slowly)", "session": "monday"}\n'
        '{"file_name": "b.mp4", "text": "stir", "session": "monday"}\n\n'
        '{"file_name": "c.mp4", "task": "コップ"}\n'
    )
    folder(tmp_path, {"metadata.jsonl": rows, "a.mp4": "x", "b.mp4": "x", "c.mp4": "x", "a.txt": "not this"})
    assert told(tmp_path) == {
        "a.mp4": ("pour, (slowly)", "monday"),
        "b.mp4": ("stir", "monday"),
        "c.mp4": ("コップ", "c.mp4"),
    }


def test_metadata_may_be_csv_and_lie_in_a_sub_folder(tmp_path: Path) -> None:
    folder(tmp_path, {"train/metadata.csv": 'file_name,text\na.mp4,"pour, slowly"\n', "train/a.mp4": "x"})
    assert told(tmp_path) == {"train/a.mp4": ("pour, slowly", "train/a.mp4")}


def test_what_cannot_be_used_is_listed_with_its_reason(tmp_path: Path) -> None:
    rows = (
        '{"file_name": "a.mp4", "text": "pour"}\nnonsense\n{"text": "stir"}\n{"file_name": "gone.mp4", "text": "x"}\n'
    )
    folder(tmp_path, {"metadata.jsonl": rows, "a.mp4": "x", "silent.mp4": "x", "glasses.vrs": "x"})
    found = read_video_folder(tmp_path, None)
    reasons = [f"{name}: {reason}" for name, reason in found.problems]
    assert [item.name for item in found.videos] == ["a.mp4"]
    assert len(reasons) == 5
    assert reasons[0].startswith("glasses.vrs: .vrs recordings are not read")
    assert reasons[1] == "gone.mp4: named in metadata.jsonl, line 4, but there is no such file"
    assert reasons[2].startswith("metadata.jsonl: line 2: is not JSON")
    assert reasons[3] == "metadata.jsonl: line 3: has no file_name"
    assert reasons[4].startswith("silent.mp4: no instruction; give one for all with --task")


def test_a_single_file_is_a_folder_of_one(tmp_path: Path) -> None:
    folder(tmp_path, {"long.mp4": "x", "other.mp4": "x", "long.txt": "cook"})
    assert told(tmp_path / "long.mp4") == {"long.mp4": ("cook", "long.mp4")}


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    folder(tmp_path, {"a.mp4": "x", "._a.mp4": "x", ".trash/b.mp4": "x"})
    assert list(told(tmp_path, "pour")) == ["a.mp4"]


def test_a_link_to_a_folder_above_is_entered_once(tmp_path: Path) -> None:
    folder(tmp_path, {"deep/a.mp4": "x"})
    os.symlink(tmp_path, tmp_path / "deep" / "loop")
    assert list(told(tmp_path, "pour")) == ["deep/a.mp4"]


def test_an_empty_missing_or_videoless_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder or file"):
        read_video_folder(tmp_path / "gone", "pour")
    with pytest.raises(DataError, match="the folder is empty"):
        read_video_folder(tmp_path, "pour")
    folder(tmp_path, {"a.jpg": "x", "b.jpg": "x", "c.txt": "x"})
    with pytest.raises(DataError, match=r"no videos among 3 files \(2 x \.jpg, 1 x \.txt\)"):
        read_video_folder(tmp_path, "pour")


def test_videos_without_any_instruction_are_refused_with_three_ways_out(tmp_path: Path) -> None:
    folder(tmp_path, {"a.mp4": "x", "b.mp4": "x"})
    with pytest.raises(DataError, match=r"no instruction for a\.mp4 .*--task.*\.txt.*metadata\.jsonl"):
        read_video_folder(tmp_path, None)
    with pytest.raises(DataError, match="no instruction"):
        read_video_folder(tmp_path, "  ")
