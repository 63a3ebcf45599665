"""Is every video of the test data read right, as ffmpeg's command line shows it? Run by hand.

    python tests/benchmarks/footage.py $WAM_ADAPT_TEST_DATA docs/results/footage.json docs/footage.md

Each file of DATA/human, and each MP4 file of DATA/robot, is asked for the frames on show at 12 times, out of order, and
compared with a decode of all of it by another program. Ends without writing anything if a frame is not the one on show,
or looks more like its neighbour. Also writes the page's table. Needs ffmpeg, built with zimg, on the PATH. A minute.
"""

import json
import random
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import commit, hardware
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
from decode_witness import HLG, PQ, apart, sdr, spread_over

from adapt.errors import MediaError
from adapt.types import Clip
from adapt.video.probe import VideoInfo, probe
from adapt.video.reader import read_frames, stream_frames

COMMAND = "python tests/benchmarks/footage.py $WAM_ADAPT_TEST_DATA docs/results/footage.json docs/footage.md"
WHAT = (
    "each file asked for the frames on show at 12 times over its length, out of order, against a decode of all of it "
    "by ffmpeg's command line: whether it is the same frame, and the mean difference (of 255) of averages over 8 x 8 "
    "pixels, of the worst frame"
)
BEGINS, ENDS = "<!-- files -->\n", "<!-- end of files -->"
HEAD = (
    "| file | what it is | | what is done, or wrong | frames checked | mean difference |\n|---|---|---|---|--:|--:|\n"
)
FATES = ("read", "in part", "refused")
PICTURES = 12
SLACK_S = 1e-4  # Asked times carry rounding.
NEARER = 0.3  # A frame whose neighbour is nearer by more is the wrong one; less is noise where nothing moves.
TRANSFERS = {"smpte2084": PQ, "arib-std-b67": HLG}
ORDINARY = ("unknown", "bt709", "smpte170m", "bt470bg")  # Primaries that are shown as they are.
EXACT = "scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgba"  # ffmpeg's way without shortcuts.
DEEP = "zscale=filter=bilinear:matrix=gbr:range=pc,format=gbrp16le"  # By zimg; light and primaries stay as coded.

Picture = NDArray[np.float64]  # (height, width, 3), 0 to 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What ffmpeg tells of all frames of a video in its log."""

    starts_s: Sequence[Fraction]  # when each comes on show, in seconds from the first; ascending
    primaries: str
    transfer: str


def examine(path: Path, name: str) -> dict[str, Any]:
    """What becomes of a file, and how far its frames are from the witness's."""
    found: dict[str, Any] = {"file": name}
    try:
        info = probe(path)
    except MediaError as error:
        return found | {"what": "", "fate": "refused", "words": words_of(error, path)}
    end_s, broken = readable(info)
    problem = "; ".join(words for words in (info.problem, broken) if words)
    found["what"] = describe(info)
    found["fate"] = "in part" if problem else "read"
    found["words"] = "; ".join([*info.treatment, *([problem] if problem else [])])
    times_s = spread_over(end_s, PICTURES - 1)
    return found | {"checked": len(times_s), "apart": round(compare(info, times_s), 2)}


def words_of(error: MediaError, path: Path) -> str:
    """What is wrong, without the file's name."""
    return str(error).removeprefix(f"{path.name}: ")


def describe(info: VideoInfo) -> str:
    """Codec, size, length and rate in a line."""
    size = f"{info.codec}, {info.width} x {info.height}"
    uneven = ", uneven" if info.variable_rate else ""
    return f"{size}, {info.duration_s:.1f} s at {round(info.average_hz, 2):g} Hz{uneven}"


def readable(info: VideoInfo) -> tuple[float, str]:
    """How far a video can be read, in seconds, and what breaks it there; "" where nothing does."""
    last_s, step_s = 0.0, 1 / info.average_hz
    try:
        for time_s, _ in stream_frames(info.path, info.average_hz, long_side_px=16):
            last_s = time_s
    except MediaError as error:
        return last_s + step_s, words_of(error, info.path)
    return info.duration_s, ""


def compare(info: VideoInfo, times_s: Sequence[float]) -> float:
    """The mean difference of the worst of these frames.

    Raises:
        SystemExit: A frame is not the one that ffmpeg shows at that time.
    """
    name = info.path.name
    shuffled = random.Random(name).sample(times_s, len(times_s))
    clip = read_frames(info.path, shuffled)
    shown = timetable(info)
    numbers = [bisect_right(shown.starts_s, time_s + SLACK_S) - 1 for time_s in shuffled]
    for asked_s, start_s, number in zip(shuffled, clip.time_s.tolist(), numbers, strict=True):
        if abs(start_s - shown.starts_s[number]) > SLACK_S:
            raise SystemExit(
                f"{name}: at {asked_s:.4f} s came the frame of {start_s:.4f} s, but ffmpeg shows that of "
                f"{float(shown.starts_s[number]):.4f} s"
            )
    around = {number + step for number in numbers for step in (-1, 0, 1)}
    pictures = decoded(info, shown, sorted(around & set(range(len(shown.starts_s)))))
    return max(distance(name, clip, row, number, pictures) for row, number in enumerate(numbers))


def distance(name: str, clip: Clip, row: int, number: int, pictures: dict[int, Picture]) -> float:
    """How far a frame is from the witness's of that number, which must be nearer than its neighbours."""
    ours = clip.frames[row].numpy()
    mean = apart(ours, pictures[number])[0]
    for other in (number - 1, number + 1):
        if other in pictures and apart(ours, pictures[other])[0] < mean - NEARER:
            raise SystemExit(f"{name}: what came for ffmpeg's frame {number} looks more like its frame {other}")
    return mean


def timetable(info: VideoInfo) -> Shown:
    """When ffmpeg shows each frame, and what it says of their colours."""
    log = ffmpeg(info, "showinfo", "null").stderr.decode(errors="replace")
    base = re.search(r"config in time_base: (\d+/\d+)", log)
    ticks = [int(tick) for tick in re.findall(r"\] n: *\d+ pts: *(-?\d+) ", log)]
    colours = re.search(r"color_primaries:(\S+) color_trc:(\S+)", log)
    if base is None or colours is None or not ticks:
        raise SystemExit(f"{info.path.name}: ffmpeg shows nothing of it, but it was read:\n{log[-2000:]}")
    starts_s = [(tick - ticks[0]) * Fraction(base[1]) for tick in ticks]
    return Shown(starts_s=starts_s, primaries=colours[1], transfer=colours[2])


def decoded(info: VideoInfo, shown: Shown, numbers: Sequence[int]) -> dict[int, Picture]:
    """ffmpeg's frames of these numbers, upright, with square pixels and an SDR screen's colours."""
    filters = ["select=" + "+".join(rf"eq(n\,{number})" for number in numbers)]
    interlaced = any(words.startswith("interlaced") for words in info.treatment)
    if interlaced:
        filters.append("field=top")
    if interlaced or any(words.endswith("made square") for words in info.treatment):
        filters.append(f"scale={info.width}:{info.height}")
    deep = shown.transfer in TRANSFERS
    if not deep and shown.primaries not in ORDINARY:
        raise SystemExit(f"{info.path.name}: there is no second way here to colours of {shown.primaries}")
    done = ffmpeg(info, ",".join([*filters, DEEP if deep else EXACT]), "rawvideo")
    shape = (3, info.height, info.width) if deep else (info.height, info.width, 4)
    stored = np.frombuffer(done.stdout, "<u2" if deep else "u1")
    if stored.size != len(numbers) * np.prod(shape):
        complaint = done.stderr.decode(errors="replace")[-2000:]
        raise SystemExit(f"{info.path.name}: ffmpeg gave other pictures than {len(numbers)} of {shape}:\n{complaint}")
    pictures = stored.reshape(-1, *shape)
    return {
        number: from_hdr(picture, shown) if deep else on_black(picture)
        for number, picture in zip(numbers, pictures, strict=True)
    }


def from_hdr(stored: NDArray[np.uint16], shown: Shown) -> Picture:
    """PQ or HLG, as planes of green, blue and red, tone-mapped by the textbook."""
    green, blue, red = stored / 65535
    coded = np.stack([red, green, blue], axis=-1)
    return 255 * np.clip(sdr(coded, TRANSFERS[shown.transfer], wide=shown.primaries == "bt2020"), 0, 1)


def on_black(stored: NDArray[np.uint8]) -> Picture:
    """Red, green and blue over black where they are transparent."""
    return stored[..., :3] * (stored[..., 3:] / 255)


def ffmpeg(info: VideoInfo, filters: str, kind: str) -> subprocess.CompletedProcess[bytes]:
    """Decode all of a video, turned as ffmpeg turns it; no frame is dropped or doubled."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-copyts", "-i", str(info.path), "-map", f"0:{info.stream}"]
    command += ["-fps_mode", "passthrough", "-vf", filters, "-f", kind, "-"]
    return subprocess.run(command, capture_output=True, check=False)  # Of a damaged file, what comes before counts.


def witness_version() -> str:
    """ffmpeg's own, without its builder's."""
    answer = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[2].partition("-")[0]


def table(files: Sequence[dict[str, Any]]) -> str:
    """The page's table."""
    rows = []
    for found in files:
        figures = [str(found["checked"]), f"{found['apart']:.1f}"] if "apart" in found else ["", ""]
        cells = [f"`{found['file']}`", found["what"], found["fate"], found["words"], *figures]
        rows.append(f"| {' | '.join(cells)} |\n")
    return HEAD + "".join(rows)


def main(data: Path, out: Path, page: Path) -> None:
    """Compare, and write the record and the page's table."""
    paths = [*(data / "human").rglob("*"), *(data / "robot").rglob("*.mp4")]
    names = sorted(path.relative_to(data).as_posix() for path in paths if path.is_file())
    files = []
    for name in names:
        files.append(examine(data / name, name))
        sys.stdout.write(f"{name}: {files[-1]['fate']} {files[-1].get('apart', '')}\n")
        sys.stdout.flush()
    fates = [found["fate"] for found in files]
    record = {
        "what": WHAT,
        "command": COMMAND,
        "commit": commit(),
        "hardware": hardware(),
        "versions": {"av": version("av"), "ffmpeg, the witness": witness_version()},
        "summary": {fate: fates.count(fate) for fate in FATES},
        "files": files,
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGINS)
    page.write_text(before + BEGINS + table(files) + ENDS + rest.partition(ENDS)[2], encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
