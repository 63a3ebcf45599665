"""Sheets of frames to label hands on by eye, and the frames' numbers, before any detector has seen them.

    python tests/studies/label_sheets.py FOLDER OUT ego/pour.mp4=0.2 third_person/cups.mp4=0.4

For each clip a frame every so many seconds, from 0 on: multiples of 0.2 s are where ingest looks. OUT gets sheets
with a grid of tenths, and `frames.jsonl`, one line a frame; `real_hands.py` says what a label holds. Sheets
show people: they stay on the machine.
"""

import argparse
import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from torch import Tensor

from adapt.video.opening import open_video
from adapt.video.reader import stream_frames

SHEET_PX = (1440, 1080)  # width, height at most
_SLACK_S = 1e-3


def frames_of(path: Path, step_s: float) -> Iterator[tuple[int, float, Tensor]]:
    """(number in the file, time, picture) of a frame every so many seconds."""
    starts = _starts_s(path)
    for time_s, picture in stream_frames(path, 1 / step_s):
        yield bisect_right(starts, time_s + _SLACK_S) - 1, round(time_s, 3), picture


def _starts_s(path: Path) -> list[float]:
    """When each frame comes on show, seconds after the first."""
    with open_video(path) as (container, stream):
        base = stream.time_base
        assert base is not None
        times = sorted(float(frame.pts * base) for frame in container.decode(stream) if frame.pts is not None)
    return [time_s - times[0] for time_s in times]


def cell(picture: Tensor, words: str, width_px: int) -> Image.Image:
    """One frame with its number and a grid of tenths."""
    image = Image.fromarray(picture.numpy())
    frame = image.resize((width_px, round(width_px * image.height / image.width)))
    draw = ImageDraw.Draw(frame, "RGBA")
    for tenth in range(1, 10):
        x, y = tenth * frame.width / 10, tenth * frame.height / 10
        shade = (255, 255, 0, 150 if tenth == 5 else 60)
        draw.line((x, 0, x, frame.height), fill=shade)
        draw.line((0, y, frame.width, y), fill=shade)
        for place in ((x - 3, frame.height - 11), (1, y - 5)):
            draw.text(place, str(tenth), fill=(255, 255, 0, 255))
    draw.rectangle((0, 0, 85, 13), fill=(0, 0, 0, 255))
    draw.text((3, 0), words, fill=(255, 255, 255, 255), font_size=11)
    return frame


def write_sheets(folder: Path, clip: str, step_s: float, width_px: int, out: Path) -> list[dict[str, Any]]:
    """Draw a clip's sheets; what is to be labelled, without labels."""
    path = folder / clip
    digest, lines, cells = hashlib.sha256(path.read_bytes()).hexdigest(), [], []
    for number, time_s, picture in frames_of(path, step_s):
        lines.append({"clip": clip, "sha256": digest, "frame": number, "time_s": time_s})
        cells.append(cell(picture, f"#{number}  {time_s:.1f} s", width_px))
    columns, rows = (max(1, most // size) for most, size in zip(SHEET_PX, cells[0].size, strict=True))
    for sheet, first in zip(count(), range(0, len(cells), columns * rows), strict=False):
        drawn = Image.new("RGB", (columns * width_px, rows * cells[0].height))
        for place, each in enumerate(cells[first : first + columns * rows]):
            drawn.paste(each, (place % columns * each.width, place // columns * each.height))
        drawn.save(out / f"{Path(clip).stem}_{sheet:02d}.png")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", nargs="+", help="CLIP=SECONDS between frames")
    parser.add_argument("--width", type=int, default=480, help="of one frame on a sheet, px")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    lines = []
    for clip, _, step in (each.rpartition("=") for each in given.clips):
        lines += write_sheets(given.folder, clip, float(step), given.width, given.out)
    (given.out / "frames.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
