"""The study of real hands counts as it says, and its labels are whole."""

from collections import Counter
from pathlib import Path

import pytest
from studies.real_hands import (
    Found,
    Judged,
    Label,
    check_clips,
    cut_by_others,
    judged,
    overlap,
    paired,
    rate,
    rates,
    read_labels,
)

from adapt.errors import DataError
from adapt.runs.cache import Cache

LABELS = Path(__file__).parent / "real_hands.jsonl"
LEFT, RIGHT = (0.1, 0.4, 0.4, 0.8), (0.6, 0.4, 0.9, 0.8)


def label(side: str, box: tuple[float, float, float, float], *marks: str, owner: str = "wearer") -> Label:
    return Label(side=side, owner=owner, box=box, marks=frozenset(marks))


def test_overlap_is_what_both_cover_of_what_either_does() -> None:
    assert overlap(LEFT, LEFT) == pytest.approx(1.0)
    assert overlap(LEFT, RIGHT) == 0.0
    assert overlap((0.0, 0.0, 0.2, 0.1), (0.1, 0.0, 0.3, 0.1)) == pytest.approx(1 / 3)
    assert overlap((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5)) == 0.0


def test_each_label_has_at_most_one_finding_and_the_nearer_one() -> None:
    labels = [label("left", LEFT), label("right", RIGHT)]
    found = [Found(side="right", box=(0.62, 0.42, 0.9, 0.8)), Found(side="left", box=(0.55, 0.3, 0.9, 0.8))]
    assert paired(labels, found) == [(1, 0)]
    assert paired(labels, []) == paired([], found) == []
    beside = Found(side="left", box=(0.25, 0.4, 0.55, 0.8))  # a third of both
    assert paired(labels[:1], [beside]) == [(0, 0)]
    assert paired(labels[:1], [beside], 0.34) == []
    assert paired(labels[:1], [Found(side="left", box=(0.35, 0.4, 0.65, 0.8))]) == []


def test_rates_count_hands_and_not_frames() -> None:
    labels = [label("left", LEFT), label("right", RIGHT, "hidden"), label("right", (0, 0, 0.1, 0.1), owner="other")]
    found = [Found(side="right", box=LEFT, wearer=True), Found(side="right", box=(0.4, 0.0, 0.5, 0.1), wearer=False)]
    told = rates(
        [Judged(labels=labels, found=found, pairs=paired(labels, found)), Judged(labels=[], found=[], pairs=[])]
    )
    assert (told["frames"], told["hands"]) == (2, 3)
    assert (told["frame_with_plain_hand_has_one"]["n"], told["frame_with_plain_hand_has_one"]["share"]) == (1, 1.0)
    assert (told["frame_without_hand_has_none"]["n"], told["frame_without_hand_has_none"]["share"]) == (1, 1.0)
    assert (told["recall"]["n"], told["recall"]["share"]) == (3, 0.333)
    assert (told["recall_plain"]["n"], told["recall_plain"]["share"]) == (2, 0.5)
    assert (told["recall_plain_wearer"]["n"], told["recall_plain_wearer"]["share"]) == (1, 1.0)
    assert (told["precision"]["n"], told["precision"]["share"]) == (2, 0.5)
    assert (told["side"]["n"], told["side"]["share"]) == (1, 0.0)
    assert (told["wearer"]["n"], told["wearer"]["share"]) == (1, 1.0)


def test_intervals_are_wilsons() -> None:
    assert rate([True] * 8 + [False] * 2) == {"n": 10, "share": 0.8, "low": 0.49, "high": 0.943}
    assert rate([]) == {"n": 0, "share": None}


def test_only_frames_that_were_looked_at_are_judged() -> None:
    labels = {0.0: [label("left", LEFT)], 0.1: [], 0.4: [label("left", LEFT)], 0.8: []}
    frames = judged(labels, [0.0, 0.2, 0.4], [[], [], [Found(side="left", box=LEFT)]])
    assert [frame.pairs for frame in frames] == [[], [(0, 0)]]


def test_a_cut_is_made_without_the_clip_it_judges() -> None:
    views = {"a": (0.0, "first person"), "b": (0.1, "first person"), "c": (0.5, "third person")}
    assert cut_by_others(views, "a") == pytest.approx(0.3)
    assert cut_by_others(views | {"d": (0.2, "third person")}, "d") == pytest.approx(0.3)


def test_labels_are_of_so_many_frames_with_every_hand_told_in_full() -> None:
    header, clips = read_labels(LABELS)
    frames = [hands for clip in clips.values() for hands in clip.values()]
    assert len(frames) >= 200
    assert clips.keys() == header["clips"].keys()
    hands = [hand for frame in frames for hand in frame]
    assert {hand.side for hand in hands} <= {"left", "right", "unclear"}
    assert {hand.owner for hand in hands} <= {"wearer", "other", "unclear"}
    assert set().union(*(hand.marks for hand in hands)) <= {"hidden", "cut", "blurred", "small", "gloved"}
    for hand in hands:
        left, top, right, bottom = hand.box
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
    assert Counter(hand.owner for hand in hands)["wearer"] > 200
    for name, about in header["clips"].items():
        steps = [time_s / about["every_s"] for time_s in clips[name]]
        assert steps == pytest.approx(list(range(len(steps))), abs=0.01)


def test_a_clip_that_is_not_the_labelled_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"another")
    with pytest.raises(DataError, match="is not the clip that was labelled"):
        check_clips(tmp_path, {"a.mp4": {"sha256": "0" * 64}}, Cache(tmp_path / "cache"))
    with pytest.raises(DataError, match="give the folder that holds it"):
        check_clips(tmp_path, {"b.mp4": {"sha256": "0" * 64}}, Cache(tmp_path / "cache"))
