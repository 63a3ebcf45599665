"""How well are hands found, told left from right, and the wearer's told from others', in real clips?

    python tests/studies/real_hands.py tests/studies/real_hands.jsonl FOLDER docs/results/real_hands.json

The first file holds labels made by eye (its first line says how; `label_sheets.py` draws what was looked at), FOLDER
the clips it names. Run by hand: minutes. Each clip is looked at as `ingest` does and as the library's tracks want it.
Any other footage is judged the same way with labels of its own, whose times must be multiples of 0.1 s.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import commit, hardware

from adapt.errors import DataError
from adapt.geometry.cameras import assumed_camera
from adapt.hands.landmarks import HandLandmarks, SeenHand
from adapt.hands.model_file import ensure_hand_model
from adapt.hands.quality import HandConfig
from adapt.hands.tracks import FollowedHand, follow_hands
from adapt.hands.view import View, arm_down, view_of
from adapt.quality.viewpoint import view_findings
from adapt.runs.cache import Cache
from adapt.video.reader import stream_frames

LEAST_OVERLAP = 0.3  # of two boxes that are one hand; fixed before anything was looked at. Labels are rough.
OVERLAPS = (0.1, LEAST_OVERLAP, 0.5)
LONG_SIDE_PX = 640  # as ingest has it
SURE = 1.96  # deviations to either side of a 95 % interval
THIRD = "third person"
Box = tuple[float, float, float, float]  # left, top, right, bottom; shares of width and height


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a clip is looked at."""

    name: str
    hz: float
    most: int


SETTINGS = (Setting(name="ingest", hz=5.0, most=2), Setting(name="library", hz=30.0, most=4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One hand that somebody saw."""

    side: str
    owner: str
    box: Box
    marks: frozenset[str]

    @property
    def is_plain(self) -> bool:
        """Without a glove, and at least half to be seen."""
        return not self.marks & {"hidden", "gloved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One hand that was found. `wearer` is None where nobody asked."""

    side: str
    box: Box
    wearer: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A frame's labels and what was found, paired: places of label and finding."""

    labels: Sequence[Label]
    found: Sequence[Found]
    pairs: Sequence[tuple[int, int]]


def read_labels(path: Path) -> tuple[dict[str, Any], dict[str, dict[float, list[Label]]]]:
    """Header, and the labels of each clip by time."""
    header, *lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    labels: dict[str, dict[float, list[Label]]] = {}
    for line in lines:
        hands = [
            Label(side=hand["side"], owner=hand["owner"], box=tuple(hand["box"]), marks=frozenset(hand["marks"]))
            for hand in line["hands"]
        ]
        labels.setdefault(line["clip"], {})[line["time_s"]] = hands
    return header, labels


def overlap(one: Box, other: Box) -> float:
    """Of two boxes: what both cover, as a share of what either does."""
    left, top, right, bottom = (
        max(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )
    both = max(0.0, right - left) * max(0.0, bottom - top)
    either = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - both
    return both / either if either > 0 else 0.0


def paired(labels: Sequence[Label], found: Sequence[Found], least: float = LEAST_OVERLAP) -> list[tuple[int, int]]:
    """Labels and findings that are one hand, so that they overlap most in all; none by less than the least."""
    if not labels or not found:
        return []
    shares = np.array([[overlap(label.box, hand.box) for hand in found] for label in labels])
    shares[shares < least] = 0.0
    rows, columns = linear_sum_assignment(-shares)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if shares[row, column] > 0]


def rate(outcomes: Iterable[bool]) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson 1927), as if frames were independent, which neighbours are not."""
    told = list(outcomes)
    if not told:
        return {"n": 0, "share": None}
    n, share = len(told), sum(told) / len(told)
    mid = (share + SURE**2 / (2 * n)) / (1 + SURE**2 / n)
    half = SURE / (1 + SURE**2 / n) * math.sqrt(share * (1 - share) / n + SURE**2 / (4 * n * n))
    return {
        "n": n,
        "share": round(share, 3),
        "low": round(max(0.0, mid - half), 3),
        "high": round(min(1.0, mid + half), 3),
    }


def rates(frames: Sequence[Judged]) -> dict[str, Any]:
    """All that is told of some frames."""
    both = [(frame.labels[a], frame.found[b]) for frame in frames for a, b in frame.pairs]
    return {
        "frames": len(frames),
        "hands": sum(len(frame.labels) for frame in frames),
        # What ingest goes by: whether any hand is there, whosesoever and wherever.
        "frame_with_plain_hand_has_one": rate(
            bool(frame.found) for frame in frames if any(label.is_plain for label in frame.labels)
        ),
        "frame_without_hand_has_none": rate(not frame.found for frame in frames if not frame.labels),
        "recall": rate(_found(frames, lambda _: True)),
        "recall_plain": rate(_found(frames, lambda label: label.is_plain)),
        "recall_plain_wearer": rate(_found(frames, lambda label: label.is_plain and label.owner == "wearer")),
        "recall_plain_wearer_large": rate(
            _found(frames, lambda label: label.is_plain and label.owner == "wearer" and "small" not in label.marks)
        ),
        "precision": rate(
            place in {b for _, b in frame.pairs} for frame in frames for place in range(len(frame.found))
        ),
        "side": rate(hand.side == label.side for label, hand in both if label.side != "unclear"),
        "wearer": rate(
            hand.wearer == (label.owner == "wearer")
            for label, hand in both
            if hand.wearer is not None and label.owner != "unclear"
        ),
    }


def by_overlap(frames: Sequence[Judged]) -> dict[str, Any]:
    """How far recall and precision hang on what overlap makes two boxes one hand."""
    found = {}
    for least in OVERLAPS:
        again = [
            Judged(labels=each.labels, found=each.found, pairs=paired(each.labels, each.found, least))
            for each in frames
        ]
        found[f"{least:g}"] = {key: rates(again)[key]["share"] for key in ("recall", "precision")}
    return found


def _found(frames: Sequence[Judged], wanted: Callable[[Label], bool]) -> Iterator[bool]:
    for frame in frames:
        known = {a for a, _ in frame.pairs}
        yield from (place in known for place, label in enumerate(frame.labels) if wanted(label))


def look_over(
    path: Path, setting: Setting, model: Path, *, turns: int = 0
) -> tuple[list[float], list[list[SeenHand]], tuple[int, int]]:
    """Times, detections, and (height, width) of a clip's pictures, turned by so many right angles."""
    times, looks, size = [], [], (1, 1)
    with HandLandmarks(model, most=setting.most) as landmarks:
        for time_s, frame in stream_frames(path, setting.hz, long_side_px=LONG_SIDE_PX):
            shown = torch.rot90(frame, turns).contiguous()
            times.append(time_s)
            looks.append(landmarks.look_at_all(shown, time_s))
            size = (shown.shape[0], shown.shape[1])
    return times, looks, size


def box_of(landmarks: Any) -> Box:
    """Around landmarks (21, 3), inside the picture."""
    low, high = landmarks[:, :2].amin(dim=0).clamp(0, 1), landmarks[:, :2].amax(dim=0).clamp(0, 1)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def in_looks(looks: Sequence[Sequence[SeenHand]]) -> list[list[Found]]:
    """What single looks tell."""
    return [[Found(side=hand.side, box=box_of(hand.landmarks)) for hand in look] for look in looks]


def in_tracks(hands: Sequence[FollowedHand], looks: int) -> list[list[Found]]:
    """What tracks tell, look by look."""
    return [
        [
            Found(side=hand.side, box=box_of(hand.track.landmarks[place]), wearer=hand.wearer >= 0.5)
            for hand in hands
            if bool(hand.known[place])
        ]
        for place in range(looks)
    ]


def judged(labels: dict[float, list[Label]], times: Sequence[float], found: Sequence[Sequence[Found]]) -> list[Judged]:
    """The labelled frames among those looked at."""
    frames = []
    for time_s, hands in labels.items():
        place = round(time_s * (len(times) - 1) / times[-1]) if len(times) > 1 else 0
        if place < len(times) and abs(times[place] - time_s) < 1e-3:
            frames.append(Judged(labels=hands, found=found[place], pairs=paired(hands, found[place])))
    return frames


def judge_clip(path: Path, labels: dict[float, list[Label]], model: Path) -> dict[str, list[Judged]]:
    """A clip's frames by how they were looked at."""
    frames: dict[str, list[Judged]] = {}
    for setting in SETTINGS:
        times, looks, (height, width) = look_over(path, setting, model)
        hands = follow_hands(looks, times, assumed_camera(float(width), float(height)))
        frames[f"{setting.name}, single looks"] = judged(labels, times, in_looks(looks))
        frames[f"{setting.name}, tracks"] = judged(labels, times, in_tracks(hands, len(looks)))
    return frames


def view_of_clip(path: Path, model: Path, *, turns: int = 0) -> View:
    """From where hands come in, as the doctor sees it."""
    _, looks, (height, width) = look_over(path, SETTINGS[0], model, turns=turns)
    return view_of([[arm_down(hand, width / height) for hand in look] for look in looks])


def told(view: View) -> dict[str, Any]:
    """What the doctor says."""
    arms = [[-1.0]] * view.from_top + [[1.0]] * (view.hands - view.from_top)
    codes = [finding.code for finding in view_findings(arms, SETTINGS[0].hz, HandConfig())]
    return {"hands": view.hands, "from_top": view.from_top, "share": round(view.share, 3), "says": codes}


def cut_by_others(views: dict[str, tuple[float, str]], left_out: str) -> float:
    """The share that parts the views of all clips but one best; of equally good ones the middle of the widest gap.

    Args:
        views: Share of hands from the top and view, by clip.
        left_out: The clip that may say nothing.
    """
    others = [view for name, view in views.items() if name != left_out]
    ends = sorted({0.0, 1.0, *(share for share, _ in others)})

    def merit(gap: tuple[float, float]) -> tuple[int, float]:
        cut = sum(gap) / 2
        return sum((share > cut) == (view == THIRD) for share, view in others), gap[1] - gap[0]

    return sum(max(pairwise(ends), key=merit)) / 2


def views_of(folder: Path, clips: dict[str, Any], model: Path) -> dict[str, Any]:
    """Whether the doctor can tell views from each other, with a cut that each clip had no say in."""
    upright = {name: view_of_clip(folder / name, model) for name in clips}
    shares = {name: (view.share, clips[name]["view"]) for name, view in upright.items()}
    found: dict[str, Any] = {}
    for name, view in upright.items():
        cut = cut_by_others(shares, name)
        found[name] = told(view) | {"view": clips[name]["view"], "cut_by_others": round(cut, 3)}
        found[name]["right_by_others"] = (view.share > cut) == (clips[name]["view"] == THIRD)
        for turns, word in ((2, "upside_down"), (1, "on_its_side"), (3, "on_its_other_side")):
            if clips[name]["view"] != THIRD:
                found[name][word] = told(view_of_clip(folder / name, model, turns=turns))
    return found


def check_clips(folder: Path, clips: dict[str, Any], cache: Cache) -> None:
    """See that the clips are those that were labelled.

    Raises:
        DataError: One is missing or another.
    """
    for name, about in clips.items():
        if not (folder / name).is_file() or cache.file_digest(folder / name) != about["sha256"]:
            raise DataError(f"'{folder / name}' is not the clip that was labelled; give the folder that holds it.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    cache = Cache.default()
    header, labels = read_labels(given.labels)
    check_clips(given.folder, header["clips"], cache)
    model = ensure_hand_model(cache.folder("models"))
    clips = {name: judge_clip(given.folder / name, frames, model) for name, frames in labels.items()}
    views = {name: about["view"] for name, about in header["clips"].items()}
    groups = {"all": list(clips)} | {
        view: [name for name in clips if views[name] == view] for view in set(views.values())
    }
    ways = list(next(iter(clips.values())))
    record = {
        "command": f"python tests/studies/real_hands.py {given.labels} FOLDER {given.out}",
        "commit": commit(),
        "hardware": hardware(),
        "mediapipe": version("mediapipe"),
        "labels": {"file": given.labels.name, "who": header["who"], "frames": sum(map(len, labels.values()))},
        "settings": {each.name: {"hz": each.hz, "most": each.most} for each in SETTINGS}
        | {"long_side_px": LONG_SIDE_PX, "least_overlap": LEAST_OVERLAP},
        "groups": {
            name: {way: rates([frame for clip in members for frame in clips[clip][way]]) for way in ways}
            for name, members in sorted(groups.items())
        },
        "views": views_of(given.folder, header["clips"], model),
        "clips": {
            name: {way: rates(frames) | {"by_overlap": by_overlap(frames)} for way, frames in judgements.items()}
            for name, judgements in clips.items()
        },
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
