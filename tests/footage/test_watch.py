import json
import time

import numpy as np
import pytest
import torch
from footage_builder import Scene, film, watch

from adapt.footage.watch import Watched, Watcher


def test_what_was_watched_is_read_as_it_was_written() -> None:
    watched = watch(film(Scene()))
    text = json.dumps(watched.to_json())
    again = Watched.from_json(json.loads(text))
    assert np.array_equal(again.thumbs, watched.thumbs)
    assert again.thumb_hz == watched.thumb_hz == 2.5
    assert again.looks == watched.looks
    assert len(text) < 1500 * len(watched.looks)


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(ValueError, match="not a record"):
        Watched.from_json({"looks": [], "thumbs": "!", "thumb_hz": 2.5})


@pytest.mark.parametrize(("rate_hz", "looks", "thumbs"), [(5.0, 25, 13), (5.0, 24, 12), (2.0, 10, 10), (30.0, 31, 3)])
def test_thumbnails_come_at_one_rate_whatever_that_of_the_looks(rate_hz: float, looks: int, thumbs: int) -> None:
    watched = watch(film(Scene(looks=looks, size=(64, 64))), rate_hz)
    assert watched.thumbs.shape == (thumbs, 32, 32)
    assert watched.thumb_hz == pytest.approx(2.5 if rate_hz >= 5 else 2.0)


def test_a_thumbnail_is_smoothed_over_its_neighbours_in_time() -> None:
    frames = torch.zeros(5, 32, 32, 3, dtype=torch.uint8)
    frames[2] = 200
    assert watch(frames).thumbs[:, 0, 0].tolist() == [0, 100, 0]


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (50, 50), (31, 640)], ids=str)
def test_the_smallest_pictures_can_be_watched(size: tuple[int, int]) -> None:
    watched = watch(torch.full((4, *size, 3), 90, dtype=torch.uint8))
    assert len(watched.looks) == 4


def test_nothing_watched_is_nothing_seen() -> None:
    assert Watcher(5.0).watched().thumbs.shape == (0, 32, 32)


def test_a_look_costs_less_than_finding_a_hand_does() -> None:
    """MediaPipe takes 12 ms and more a frame; measured 3.5 ms, and held to three times that on a busy machine."""
    frames = film(Scene(size=(360, 640), looks=12))
    watch(frames[:2])
    started = time.process_time()
    watch(frames)
    assert (time.process_time() - started) / len(frames) < 10.5e-3
