"""A video is looked through once, whoever looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from run_builder import draw_video

from adapt.data import hand_looks
from adapt.data.hand_looks import HandLooks, look_at_video
from adapt.hands.quality import HandConfig
from adapt.runs.cache import Cache

NO_HANDS = HandConfig(min_hands_share=0.0)


def test_what_another_process_looks_through_meanwhile_is_not_looked_through_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, cache = draw_video(tmp_path / "a.mp4", seconds=1.0, seed=0), Cache(tmp_path / "cache")
    walk, walks, others = hand_looks._walk, [], []

    @contextmanager
    def after_the_other(_folder: Path, _key: str) -> Iterator[None]:
        if not others:
            others.append(None)
            others.append(look_at_video(video, NO_HANDS, cache))
        yield

    def noted(*arguments) -> HandLooks:
        walks.append(arguments[0])
        return walk(*arguments)

    monkeypatch.setattr(hand_looks, "in_turn", after_the_other)
    monkeypatch.setattr(hand_looks, "_walk", noted)
    assert look_at_video(video, NO_HANDS, cache).watched.to_json() == others[1].watched.to_json()
    assert walks == [video]
