"""One robot's recordings in every format: what is read must be the same, and so must what is made of it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from play_builder import CAMERA, NAMES, body, geometry, recording
from robot_formats import as_aloha, as_plain, as_robomimic, as_v20, as_v21, as_v30

from adapt.data.episodes import EpisodeSource
from adapt.data.films import film_frames, look_at
from adapt.data.play_windows import examine_play_dataset
from adapt.data.sources import is_robot_data, open_source
from adapt.data.window_frames import read_windows
from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import Embodiment
from adapt.errors import DataError
from adapt.runs.cache import Cache

RATE_HZ = 20.0
# Of unlike lengths, so that whoever mistakes one episode's place for another's is found out.
RECORDINGS = (
    recording(2.0, RATE_HZ),
    recording(4.0, RATE_HZ, "push the cup", shade=40),
    recording(3.0, RATE_HZ, shade=90),
)
FORMATS = {
    "v2.0": (as_v20, "action", "observation.state", CAMERA),
    "v2.1": (as_v21, "action", "observation.state", CAMERA),
    "v3.0": (as_v30, "action", "observation.state", CAMERA),
    "aloha": (as_aloha, "action", "observations/qpos", "observations/images/top"),
    "robomimic": (as_robomimic, "actions", "obs/robot0_joint_pos", "obs/top_image"),
    "plain": (as_plain, "action", "observation.state", "top"),
}
TELL_INSTRUCTIONS = ("v2.0", "v2.1", "v3.0", "robomimic", "plain")
TELL_NAMES = ("v2.0", "v2.1", "v3.0", "plain")


def made(tmp_path: Path, name: str) -> Path:
    if name in ("aloha", "robomimic"):
        pytest.importorskip("h5py")
    root = tmp_path / name
    return FORMATS[name][0](root, RECORDINGS, RATE_HZ, {"observation.state": NAMES, "action": NAMES})


def opened(tmp_path: Path, name: str) -> EpisodeSource:
    return open_source(made(tmp_path, name), rate_hz=RATE_HZ, task="told elsewhere")


def spec(name: str) -> Embodiment:
    _, action, state, camera = FORMATS[name]
    joints = {"names": ["shoulder", "elbow"], "unit": "rad", "start": 0}
    grip = {"name": "grip", "unit": "share", "index": 2, "gripper": True}
    return body(
        cameras=[{"name": "top", "column": camera, "slot": "full"}],
        actions=[{**joints, "column": action, "relative": True}, {**grip, "column": action}],
        state=[{**joints, "column": state}, {**grip, "column": state}],
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_its_columns_episodes_and_instructions(tmp_path, name):
    _, action, state, camera = FORMATS[name]
    source = opened(tmp_path, name)
    assert isinstance(source, EpisodeSource)
    assert source.rate_hz == RATE_HZ
    assert {len(source.vectors[column]) for column in (action, state)} == {3}
    assert source.vectors[action] == (tuple(NAMES) if name in TELL_NAMES else ("",) * 3)
    assert source.cameras == (camera,)
    episodes, problems = source.episodes([camera])
    assert problems == []
    assert [episode.length for episode in episodes] == [40, 80, 60]
    told = [span.instruction for episode in episodes for span in episode.spans]
    wanted = [each.instruction for each in RECORDINGS] if name in TELL_INSTRUCTIONS else ["told elsewhere"] * 3
    assert told == wanted
    assert [span.end_s for episode in episodes for span in episode.spans] == pytest.approx([1.95, 3.95, 2.95])
    assert all(path.is_file() for path in source.files([camera]))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_numbers_row_for_row(tmp_path, name):
    _, action, state, _ = FORMATS[name]
    source = opened(tmp_path, name)
    for episode, wanted in zip(source.episodes([])[0], RECORDINGS, strict=True):
        table = source.table(episode, [action, state])
        torch.testing.assert_close(table.columns[action], wanted.columns["action"], rtol=0, atol=1e-6)
        torch.testing.assert_close(table.columns[state], wanted.columns["observation.state"], rtol=0, atol=1e-6)
        torch.testing.assert_close(
            table.time_s, torch.arange(len(table.time_s)) / RATE_HZ, rtol=0, atol=1e-5, check_dtype=False
        )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_shows_the_picture_of_its_own_row(tmp_path, name):
    camera = FORMATS[name][3]
    for episode, wanted in zip(opened(tmp_path, name).episodes([camera])[0], RECORDINGS, strict=True):
        film = episode.videos[camera]
        rows = [0, 1, 17, episode.length - 1]
        shown = [float(frame.float().mean()) for frame in film_frames(film, [row / RATE_HZ for row in rows])]
        assert shown == pytest.approx([float(wanted.frames[CAMERA][row].float().mean()) for row in rows], abs=1.5)
        assert look_at(film).frames >= episode.length


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_windows(tmp_path, name):
    source, digests = opened(tmp_path, name), {}

    def digest(path: Path) -> str:
        return digests.setdefault(path, hashlib.sha256(path.read_bytes()).hexdigest())

    seen = examine_play_dataset(source, spec(name), geometry(), WindowConfig(), digest=digest)
    assert [(window.start_s, window.chunks) for window in seen.windows] == [(0.0, 1), (0.0, 2), (0.0, 1)]
    assert len({window.window_id for window in seen.windows}) == 3
    assert seen.windows[1].actions is not None
    steps = torch.arange(32) / 10
    torch.testing.assert_close(seen.windows[1].actions[:, 0], 1 + steps, rtol=0, atol=1e-5)
    frames = [found.frames for found in read_windows(seen.windows, spec(name), geometry(), Cache(tmp_path / "cache"))]
    # The ramp goes up by one a row, four rows a frame at 5 Hz, from each recording's own shade.
    for clip, shade in zip(frames, (0, 40, 90), strict=True):
        assert clip is not None
        means = clip.float().mean(dim=(1, 2, 3)).numpy()
        np.testing.assert_allclose(means, shade + 4 * np.arange(len(means)), atol=2.5)


def test_jpegs_padded_with_zeros_are_decoded(tmp_path):
    pytest.importorskip("h5py")
    names = {"observation.state": NAMES, "action": NAMES}
    source = open_source(as_aloha(tmp_path / "set", RECORDINGS, RATE_HZ, names, jpeg=True), rate_hz=RATE_HZ)
    assert source.cameras == ("observations/images/top",)
    film = source.episodes(source.cameras)[0][1].videos["observations/images/top"]
    shown = [float(frame.float().mean()) for frame in film_frames(film, [0.0, 0.5])]
    assert shown == pytest.approx([40, 50], abs=2)


def test_files_without_a_rate_are_refused_with_where_to_write_it(tmp_path):
    root = made(tmp_path, "aloha")
    with pytest.raises(DataError, match=r"does not say at how many rows a second.*rate_hz.*--rate"):
        open_source(root)


def test_parquet_in_plain_folders_is_read_like_csv(tmp_path):
    names = {"observation.state": NAMES, "action": NAMES}
    source = open_source(as_plain(tmp_path / "set", RECORDINGS, RATE_HZ, names, csv=False))
    assert source.vectors["action"] == tuple(NAMES)
    table = source.table(source.episodes(["top"])[0][2], ["action"])
    torch.testing.assert_close(table.columns["action"], RECORDINGS[2].columns["action"], rtol=0, atol=1e-6)


def test_a_folder_of_none_of_these_is_told_what_there_could_be(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    assert not is_robot_data(tmp_path)
    with pytest.raises(DataError, match=r"not a LeRobot data set.*\.hdf5.*one table and videos"):
        open_source(tmp_path)


def test_hdf5_of_another_layout_is_told_what_it_has(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["joints"] = np.zeros(3)
    with pytest.raises(DataError, match=r"with 'joints' at its top; ALOHA's have.*Convert it"):
        open_source(tmp_path)


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\noid", b"nothing of the kind"])
def test_text_called_hdf5_is_refused(tmp_path, content):
    pytest.importorskip("h5py")
    (tmp_path / "a.hdf5").write_bytes(content)
    with pytest.raises(DataError, match=r"Git LFS pointer|not a readable HDF5 file"):
        open_source(tmp_path)
