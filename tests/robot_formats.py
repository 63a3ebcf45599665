"""The same recordings as every format that robots' data come in, each written with nothing of the package's readers."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from adapt.data.episodes import Recording
from adapt.data.lerobot_writer import write_lerobot_v21
from adapt.video.writer import write_video

Names = dict[str, Sequence[str]]


def as_v21(root: Path, recordings: Sequence[Recording], rate_hz: float, names: Names) -> Path:
    write_lerobot_v21(root, iter(recordings), rate_hz=rate_hz, robot="toy", names=names)
    return root


def as_v20(root: Path, recordings: Sequence[Recording], rate_hz: float, names: Names) -> Path:
    """As v2.1, but for statistics of the whole set, and whole rates as floats."""
    as_v21(root, recordings, rate_hz, names)
    path = root / "meta/info.json"
    info = json.loads(path.read_text())
    path.write_text(json.dumps({**info, "codebase_version": "v2.0", "fps": float(rate_hz)}))
    (root / "meta/episodes_stats.jsonl").unlink()
    return root


def as_v30(root: Path, recordings: Sequence[Recording], rate_hz: float, names: Names, *, a_file: int = 2) -> Path:
    """As LeRobot 0.4 lays it out: `a_file` episodes in each parquet file, all of them in one video per camera."""
    cameras = list(recordings[0].frames)
    tasks = list(dict.fromkeys(recording.instruction for recording in recordings))
    listed, first = [], 0
    for index, recording in enumerate(recordings):
        length = len(next(iter(recording.columns.values())))
        row = {
            "episode_index": index,
            "tasks": [recording.instruction],
            "length": length,
            "data/chunk_index": 0,
            "data/file_index": index // a_file,
            "dataset_from_index": first,
            "dataset_to_index": first + length,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            "stats/action/mean": recording.columns["action"].mean(dim=0).tolist(),
        }
        for camera in cameras:
            row[f"videos/{camera}/chunk_index"], row[f"videos/{camera}/file_index"] = 0, 0
            row[f"videos/{camera}/from_timestamp"] = first / rate_hz
            row[f"videos/{camera}/to_timestamp"] = (first + length) / rate_hz
        listed.append(row)
        first += length
    for number in range(-(-len(recordings) // a_file)):
        part = range(number * a_file, min(len(recordings), (number + 1) * a_file))
        tables = [_rows(recordings[index], listed[index], tasks, rate_hz) for index in part]
        _write(pa.concat_tables(tables), root / f"data/chunk-000/file-{number:03d}.parquet")
    for camera in cameras:
        film = torch.cat([recording.frames[camera] for recording in recordings])
        write_video(root / f"videos/{camera}/chunk-000/file-000.mp4", film, rate_hz)
    _write(pa.Table.from_pylist(listed), root / "meta/episodes/chunk-000/file-000.parquet")
    pd.DataFrame({"task_index": range(len(tasks))}, index=pd.Index(tasks)).to_parquet(root / "meta/tasks.parquet")
    features = {
        name: {"dtype": "float32", "shape": [values.shape[1]], "names": list(names[name]) if name in names else None}
        for name, values in recordings[0].columns.items()
    }
    for camera, frames in recordings[0].frames.items():
        features[camera] = {"dtype": "video", "shape": list(frames.shape[1:]), "names": ["height", "width", "channels"]}
    for name in ("timestamp", "frame_index", "episode_index", "index", "task_index"):
        kind = "float32" if name == "timestamp" else "int64"
        features[name] = {"dtype": kind, "shape": [1], "names": None}
    info = {
        "codebase_version": "v3.0",
        "robot_type": "toy",
        "total_episodes": len(recordings),
        "total_frames": first,
        "total_tasks": len(tasks),
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": int(rate_hz),
        "splits": {"train": f"0:{len(recordings)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": features,
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    return root


def as_aloha(root: Path, recordings: Sequence[Recording], rate_hz: float, names: Names, *, jpeg: bool = False) -> Path:
    """One HDF5 file an episode; the rate and the names are in none of them."""
    import h5py

    root.mkdir(parents=True)
    for index, recording in enumerate(recordings):
        with h5py.File(root / f"episode_{index}.hdf5", "w") as file:
            file.attrs["sim"] = False
            file["action"] = recording.columns["action"].float().numpy()
            file["observations/qpos"] = recording.columns["observation.state"].float().numpy()
            for camera, frames in recording.frames.items():
                name = f"observations/images/{camera.rsplit('.', 1)[-1]}"
                file[name] = _padded_jpegs(frames) if jpeg else frames.numpy()
            file.attrs["compress"] = jpeg
    return root


def as_robomimic(root: Path, recordings: Sequence[Recording], rate_hz: float, names: Names) -> Path:
    """All episodes in one HDF5 file."""
    import h5py

    root.mkdir(parents=True)
    with h5py.File(root / "demo.hdf5", "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps({"env_name": "Toy", "env_kwargs": {"control_freq": int(rate_hz)}})
        for index, recording in enumerate(recordings):
            demo = data.create_group(f"demo_{index}")
            demo.attrs["ep_meta"] = json.dumps({"lang": recording.instruction})
            demo["actions"] = recording.columns["action"].double().numpy()
            demo["obs/robot0_joint_pos"] = recording.columns["observation.state"].double().numpy()
            for camera, frames in recording.frames.items():
                demo[f"obs/{camera.rsplit('.', 1)[-1]}_image"] = frames.numpy()
    return root


def as_plain(root: Path, recordings: Sequence[Recording], rate_hz: float, names: Names, *, csv: bool = True) -> Path:
    """A folder per episode: a table with a header per axis, and a video per camera."""
    said = []
    for index, recording in enumerate(recordings):
        folder = root / f"take_{index:02d}"
        folder.mkdir(parents=True)
        length = len(next(iter(recording.columns.values())))
        columns: dict[str, object] = {"timestamp": np.arange(length) / rate_hz + 1000.0}
        for column, values in recording.columns.items():
            for place in range(values.shape[1]):
                columns[f"{column}.{names[column][place]}"] = values[:, place].double().numpy()
        table = pd.DataFrame(columns)
        table.to_csv(folder / "rows.csv", index=False) if csv else table.to_parquet(folder / "rows.parquet")
        for camera, frames in recording.frames.items():
            write_video(folder / f"{camera.rsplit('.', 1)[-1]}.mp4", frames, rate_hz)
        said.append({"file_name": folder.name, "text": recording.instruction})
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    return root


def _rows(recording: Recording, row: dict[str, object], tasks: Sequence[str], rate_hz: float) -> pa.Table:
    length = int(str(row["length"]))
    at = np.arange(length)
    first = int(str(row["dataset_from_index"]))
    columns = {name: pa.array(values.float().tolist()) for name, values in recording.columns.items()}
    columns["timestamp"] = pa.array((at / rate_hz).astype(np.float32))
    columns["frame_index"] = pa.array(at)
    columns["episode_index"] = pa.array(np.full(length, row["episode_index"]))
    columns["index"] = pa.array(at + first)
    columns["task_index"] = pa.array(np.full(length, tasks.index(recording.instruction)))
    return pa.table(columns)


def _padded_jpegs(frames: torch.Tensor) -> np.ndarray:
    import io

    from PIL import Image

    coded = []
    for frame in frames.numpy():
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=95)
        coded.append(np.frombuffer(buffer.getvalue(), np.uint8))
    longest = max(len(each) for each in coded)
    return np.stack([np.pad(each, (0, longest - len(each))) for each in coded])


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
