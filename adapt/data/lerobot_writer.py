"""How are recordings written as a LeRobot v2.1 data set, which GR00T, DreamZero and openpi read as well?"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from adapt.data.episodes import Recording
from adapt.data.lerobot_rows import EPISODES, INFO, TASKS
from adapt.errors import DataError
from adapt.runs.atomic import write_atomic
from adapt.video.writer import write_video

VERSION = "v2.1"
STATISTICS = "meta/episodes_stats.jsonl"
DATA_PATH = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
_CHUNK = 1000  # episodes in a folder
_SAMPLED_FRAMES = 32  # of a video, for its channel statistics
_COUNTERS = ("frame_index", "episode_index", "index", "task_index")


def write_lerobot_v21(
    root: Path,
    recordings: Iterable[Recording],
    *,
    rate_hz: float,
    robot: str,
    names: Mapping[str, Sequence[str]],
) -> None:
    """Write recordings as a LeRobot v2.1 data set; `meta/info.json` comes last, so it is complete where that exists.

    Args:
        root: Folder to make; must not exist or be empty.
        recordings: Episodes in order, all with the same columns and picture sizes; taken one at a time, so that a
            generator needs the memory of one.
        rate_hz: Rows and frames a second.
        robot: The data set's `robot_type`.
        names: For each column of numbers, the names of its elements.

    Raises:
        DataError: The folder holds something, there are no recordings, or a recording's columns and frames differ in
            length or from the first's.

    Source:
        LeRobot v2.1 layout, lerobot/datasets at commit 0cf86487.
    """
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root}: the folder is not empty. Choose a new one.")
    tasks: dict[str, int] = {}
    episodes: list[dict[str, Any]] = []
    statistics: list[dict[str, Any]] = []
    features: dict[str, Any] = {}
    total = 0
    for index, recording in enumerate(recordings):
        described = _features(recording, rate_hz, names)
        features = features or described
        length = _length(recording, index)
        if described != features:
            raise DataError(
                f"{root}: recording {index} has other columns or sizes than recording 0. Write two data sets."
            )
        rows = _rows(recording, length, rate_hz)
        task = tasks.setdefault(recording.instruction, len(tasks))
        counters = _counters(length, episode=index, first=total, task=task)
        _write_rows(_place(root, DATA_PATH, index, ""), rows, counters)
        for camera, frames in recording.frames.items():
            write_video(_place(root, VIDEO_PATH, index, camera), frames, rate_hz)
        episodes.append({"episode_index": index, "tasks": [recording.instruction], "length": length})
        statistics.append({"episode_index": index, "stats": _statistics(rows, counters, recording.frames)})
        total += length
    if not episodes:
        raise DataError(f"{root}: there are no recordings to write. Record at least one.")
    (root / INFO).parent.mkdir(parents=True, exist_ok=True)
    _write_lines(root / TASKS, [{"task_index": index, "task": task} for task, index in tasks.items()])
    _write_lines(root / EPISODES, episodes)
    _write_lines(root / STATISTICS, statistics)
    info = _info(features, episodes, tasks=len(tasks), rate_hz=rate_hz, robot=robot)
    write_atomic(root / INFO, json.dumps(info, indent=4) + "\n")


def _length(recording: Recording, index: int) -> int:
    lengths = {name: len(rows) for name, rows in (*recording.columns.items(), *recording.frames.items())}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise DataError(f"recording {index}: its parts have {lengths} rows; give each the same number, above 0.")
    return next(iter(lengths.values()))


def _rows(recording: Recording, length: int, rate_hz: float) -> dict[str, Tensor]:
    """Columns of numbers in float32, with the time stamps. Shapes (t, width)."""
    clock = (torch.arange(length, dtype=torch.float64) / rate_hz).float().unsqueeze(1)
    return {**{name: rows.float() for name, rows in recording.columns.items()}, "timestamp": clock}


def _counters(length: int, *, episode: int, first: int, task: int) -> dict[str, Tensor]:
    """The whole-number columns, in the order of `_COUNTERS`. Shapes (t, 1)."""
    places = torch.arange(length).unsqueeze(1)
    same = torch.ones_like(places)
    return dict(zip(_COUNTERS, (places, episode * same, first + places, task * same), strict=True))


def _write_rows(path: Path, rows: Mapping[str, Tensor], counters: Mapping[str, Tensor]) -> None:
    columns: dict[str, pa.Array] = {}
    for name, values in rows.items():
        flat = pa.array(values.reshape(-1).numpy(), pa.float32())
        columns[name] = flat if name == "timestamp" else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    for name, values in counters.items():
        columns[name] = pa.array(values[:, 0].numpy(), pa.int64())
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def _features(recording: Recording, rate_hz: float, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    vectors = {
        name: {"dtype": "float32", "shape": [rows.shape[1]], "names": list(names[name]) if name in names else None}
        for name, rows in recording.columns.items()
    }
    videos = {name: _video_feature(frames, rate_hz) for name, frames in recording.frames.items()}
    scalars = {
        name: {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
        for name in ("timestamp", *_COUNTERS)
    }
    return {**vectors, **videos, **scalars}


def _video_feature(frames: Tensor, rate_hz: float) -> dict[str, Any]:
    _, height, width, channels = frames.shape
    return {
        "dtype": "video",
        "shape": [height, width, channels],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": _plain_rate(rate_hz),
            "video.channels": channels,
            "has_audio": False,
        },
    }


def _info(
    features: Mapping[str, Any], episodes: Sequence[Mapping[str, Any]], *, tasks: int, rate_hz: float, robot: str
) -> dict[str, Any]:
    videos = sum(feature["dtype"] == "video" for feature in features.values())
    return {
        "codebase_version": VERSION,
        "robot_type": robot,
        "total_episodes": len(episodes),
        "total_frames": sum(episode["length"] for episode in episodes),
        "total_tasks": tasks,
        "total_videos": videos * len(episodes),
        "total_chunks": -(-len(episodes) // _CHUNK),
        "chunks_size": _CHUNK,
        "fps": _plain_rate(rate_hz),
        "splits": {"train": f"0:{len(episodes)}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH if videos else None,
        "features": dict(features),
    }


def _statistics(
    rows: Mapping[str, Tensor], counters: Mapping[str, Tensor], frames: Mapping[str, Tensor]
) -> dict[str, Any]:
    figures = {name: _figures(values.double(), len(values)) for name, values in (*rows.items(), *counters.items())}
    for name, clip in frames.items():
        every = -(-len(clip) // _SAMPLED_FRAMES)
        sampled = clip[::every].double() / 255
        channels = _figures(sampled.reshape(-1, clip.shape[-1]), len(sampled))
        # Pictures carry their figures as (channels, 1, 1), to be spread over height and width.
        figures[name] = {
            key: values if key == "count" else [[[value]] for value in values] for key, values in channels.items()
        }
    return figures


def _figures(values: Tensor, count: int) -> dict[str, Any]:
    return {
        "min": values.amin(0).tolist(),
        "max": values.amax(0).tolist(),
        "mean": values.mean(0).tolist(),
        "std": values.std(0, correction=0).tolist(),
        "count": [count],
    }


def _plain_rate(rate_hz: float) -> int | float:
    return int(rate_hz) if rate_hz == int(rate_hz) else rate_hz


def _place(root: Path, pattern: str, index: int, camera: str) -> Path:
    return root / pattern.format(episode_chunk=index // _CHUNK, episode_index=index, video_key=camera)


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
