"""Every real file is read right, as a second way of decoding says, or refused in one line."""

import os
import random
from pathlib import Path

import decode_witness as witness
import pytest

from adapt.errors import MediaError
from adapt.video.probe import probe
from adapt.video.reader import read_frames

NAMED = os.environ.get("WAM_ADAPT_TEST_DATA")
ROOT = Path(NAMED) if NAMED else Path(__file__).parents[3] / "shared" / "data"
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder, kind in (("human", "*"), ("robot", "*.mp4"))
    for path in (ROOT / folder).rglob(kind)
    if path.is_file()
)
REFUSED = {
    "human/codec/aria_sequence.vrs": "a VRS recording; export it with `vrs_to_mp4`",
    "human/codec/lfs_pointer.mp4": "a Git LFS pointer",
}
BREAKS_S = {"human/codec/corrupted.mp4": 2.7}
PICTURES = 6


@pytest.mark.data
def test_the_folder_holds_what_it_is_known_for(real_data: Path) -> None:
    assert {*REFUSED, *BREAKS_S} < set(FILES)
    assert len(FILES) > 40


@pytest.mark.data
@pytest.mark.parametrize("name", FILES or ["none"])
def test_a_real_file_is_read_as_by_a_second_decode_or_refused(real_data: Path, name: str) -> None:
    path = real_data / name
    if name in REFUSED:
        with pytest.raises(MediaError, match=f"^{path.name}: {REFUSED[name]}"):
            probe(path)
        return
    info = probe(path)
    end_s = BREAKS_S.get(name, info.duration_s)
    asked = witness.spread_over(end_s, PICTURES)
    shuffled = random.Random(name).sample(asked, len(asked))
    clip = read_frames(path, shuffled)
    rows = [shuffled.index(time_s) for time_s in asked]
    assert clip.frames.shape[1:3] == (info.height, info.width)
    for row, seen in zip(rows, witness.look(path, asked, info.stream), strict=True):
        ours = clip.frames[row].numpy()
        mean, median = witness.apart(ours, seen.picture)
        assert clip.time_s[row] == pytest.approx(seen.start_s, abs=1e-6)
        assert mean < 3.0
        assert median < 1.6
        for other in (seen.earlier, seen.later):
            assert other is None or witness.apart(ours, other)[0] > mean - 0.3
