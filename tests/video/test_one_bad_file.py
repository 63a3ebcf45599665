"""A folder of everything that can be wrong, and one good video: the good one is read, each other named in one line."""

from pathlib import Path

import pytest
from coding_builder import Coding, film
from video_builder import Film, even_times, make_video

from adapt.data.human_windows import HumanRules, read_human_videos
from adapt.data.video_folder import read_video_folder
from adapt.data.window_frames import read_windows
from adapt.data.windows import WindowConfig
from adapt.embodiment.spec import Camera, Embodiment
from adapt.hands.quality import HandConfig
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry, Canvas, Slot

CANVAS = Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)})
RULES = HumanRules(
    body=Embodiment(
        name="human_hand",
        prompt="{instruction}",
        cameras=(Camera(name="main", column="main", slot="full"),),
        actions=(),
        state=(),
    ),
    geometry=BaseGeometry(canvas=CANVAS, latent_channels=16, latent_height=8, latent_width=8, action_steps=16),
    windows=WindowConfig(),
    hands=HandConfig(min_hands_share=0.0),  # Hands do not matter here, so no model is wanted.
)
WRONG = {
    "a_pointer.mp4": "Git LFS pointer",
    "b_empty.mov": "0 bytes",
    "c_photo.mp4": "a picture (JPEG)",
    "d_cut.mp4": "its index (`moov`) is missing",
    "e_strange.mp4": "colour matrix (number 8 in H.273)",
    "f_bare.ts": "text, not a video",
    "g_half.mp4": "so it was cut off; what is there is used",
    "h_noise.webm": "not a video that can be opened",
    "z_glasses.vrs": "`vrs_to_mp4` of projectaria-tools",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    videos = tmp_path / "videos"
    good = make_video(videos / "good.mp4", Film(times_s=even_times(50, 10)))
    (videos / "a_pointer.mp4").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n")
    (videos / "b_empty.mov").touch()
    (videos / "c_photo.mp4").write_bytes(b"\xff\xd8\xff\xe0" + bytes(500))
    (videos / "d_cut.mp4").write_bytes(good.read_bytes()[:-200])
    film(videos / "e_strange", Coding(matrix=8))
    (videos / "f_bare.ts").write_text("export const nothing = 1;\n" * 50)
    half = film(tmp_path / "half", Coding(container={"movflags": "+faststart"}), frames=60).read_bytes()
    (videos / "g_half.mp4").write_bytes(half[: len(half) * 2 // 3])
    (videos / "h_noise.webm").write_bytes(bytes((193 * n * n + 7 * n) % 251 + 1 for n in range(20_000)))
    (videos / "i_folder.mp4").mkdir()
    (videos / "z_glasses.vrs").write_bytes(b"VisionRe" + bytes(100))
    return videos


def test_one_bad_file_never_stops_the_rest(tmp_path: Path, folder: Path) -> None:
    cache = Cache(tmp_path / "cache")
    windows, problems = read_human_videos(read_video_folder(folder, "pour"), RULES, cache)
    read = {Path(video.path).name for window in windows for video in window.videos}
    assert read == {"good.mp4", "g_half.mp4"}
    assert [name for name, _ in problems] == list(WRONG)
    for name, reason in problems:
        assert WRONG[name] in reason
        assert "\n" not in reason
    readings = list(read_windows(windows, RULES.body, RULES.geometry, cache))
    assert [reading.problem for reading in readings] == [""] * len(windows)
