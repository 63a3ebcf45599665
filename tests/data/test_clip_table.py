from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from adapt.data.clip_table import read_clip_table, write_clip_table
from adapt.errors import DataError
from adapt.types import VideoRef, Window


def window(**changes: object) -> Window:
    fields = {
        "window_id": "0123456789abcdef",
        "videos": (VideoRef(camera="main", path="/videos/a/pour.mp4", digest="ab" * 32),),
        "start_s": 0.1 + 0.2,
        "chunks": 2,
        "instruction": "don't spill, (slowly) コップ",
        "session": "monday",
        "split": "train",
        "embodiment": "human_hand",
    }
    return Window(**(fields | changes))


def same(first: Window, second: Window) -> bool:
    """Equal, tensors number for number and type for type."""
    numbers = ("actions", "state")
    rest = [name for name in Window.__dataclass_fields__ if name not in numbers]
    return all(getattr(first, name) == getattr(second, name) for name in rest) and all(
        (a is None and b is None) or (a is not None and b is not None and a.dtype == b.dtype and torch.equal(a, b))
        for a, b in ((getattr(first, name), getattr(second, name)) for name in numbers)
    )


def test_every_field_comes_back_number_for_number(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    given = [
        window(),
        window(rejection="no hand is seen", split="rejected", quality={"hands_share": 1 / 3, "both": 0.0}),
        window(
            provenance="idm",
            confidence=0.9,
            weight=0.25,
            actions=torch.rand(32, 7, generator=generator),
            state=torch.rand(2, 9, generator=generator, dtype=torch.float64),
            videos=(
                VideoRef(camera="left", path="l.mp4", digest="1"),
                VideoRef(camera="right", path="r.mp4", digest="2"),
            ),
        ),
    ]
    write_clip_table(tmp_path / "clips.parquet", given)
    read = read_clip_table(tmp_path / "clips.parquet")
    assert [same(*pair) for pair in zip(given, read, strict=True)] == [True] * 3


def test_a_table_of_an_earlier_release_says_nothing_of_confidence_and_weight(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    write_clip_table(path, [window(confidence=0.5, weight=0.5)])
    pq.write_table(pq.read_table(path).drop_columns(["confidence", "weight"]), path)
    (read,) = read_clip_table(path)
    assert (read.confidence, read.weight) == (None, None)


def test_the_same_windows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        write_clip_table(tmp_path / name, [window(), window(start_s=1.0)])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_it_opens_as_a_hugging_face_data_set(tmp_path: Path) -> None:
    from datasets import Dataset

    write_clip_table(tmp_path / "clips.parquet", [window()])
    table = Dataset.from_parquet(str(tmp_path / "clips.parquet"), cache_dir=str(tmp_path / "cache"))
    assert table[0]["instruction"] == "don't spill, (slowly) コップ"
    assert table[0]["videos"][0]["camera"] == "main"


def test_videos_are_named_relative_to_the_source_and_found_where_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    write_clip_table(path, [window()], root=Path("/videos"))
    assert read_clip_table(path)[0].videos[0].path == "a/pour.mp4"
    assert read_clip_table(path, root=Path("/moved"))[0].videos[0].path == "/moved/a/pour.mp4"
    write_clip_table(path, [window()], root=Path("/elsewhere"))
    assert read_clip_table(path, root=Path("/moved"))[0].videos[0].path == "/videos/a/pour.mp4"


def test_an_empty_table_is_read_as_empty(tmp_path: Path) -> None:
    write_clip_table(tmp_path / "clips.parquet", [])
    assert read_clip_table(tmp_path / "clips.parquet") == []


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the clip table is missing"):
        read_clip_table(tmp_path / "clips.parquet")
    (tmp_path / "clips.parquet").write_text("not parquet")
    with pytest.raises(DataError, match="not a clip table"):
        read_clip_table(tmp_path / "clips.parquet")


def test_half_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"float32 or float64, not torch\.float16"):
        write_clip_table(tmp_path / "clips.parquet", [window(actions=torch.zeros(32, 2, dtype=torch.float16))])
