"""What the file itself tells becomes findings: rate, size, turn; and nothing where nothing is out of the ordinary."""

from pathlib import Path

import pytest
from video_builder import Film, even_times, make_video

from adapt.quality.container import container_findings
from adapt.types import Slot
from adapt.video.probe import probe

SLOT = Slot(top=0, left=0, height=48, width=64)


def codes(path: Path, **changes: object) -> set[str]:
    film = Film(**({"times_s": even_times(30, 30)} | changes))  # type: ignore[arg-type]
    info = probe(make_video(path, film))
    return {finding.code for finding in container_findings(info, video_hz=10.0, slot=SLOT)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"times_s": even_times(20, 9.9)}, set()),
        ({"times_s": even_times(20, 5)}, {"low_rate"}),
        ({"times_s": [0.0, 0.03, 0.06, 0.09, 0.12, 0.2, 0.23]}, {"variable_rate"}),
        ({"rotation_deg": 180}, {"rotated"}),
        ({"width": 48, "height": 48}, {"tiny"}),
        ({"width": 65, "height": 49, "codec": "libvpx-vp9"}, {"odd_size"}),
    ],
)
def test_what_is_out_of_the_ordinary_is_told(tmp_path: Path, changes: dict[str, object], expected: set[str]) -> None:
    suffix = "webm" if "codec" in changes else "mp4"
    assert codes(tmp_path / f"a.{suffix}", **changes) == expected
