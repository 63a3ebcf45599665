"""The robot goes on moving while the next chunk is computed; what comes late is cut, blended or dropped."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serve_builder import LIMITS, robot

from adapt.errors import ServeError
from adapt.serve.bounds import Bounds, bounds_of
from adapt.serve.client import Chunk
from adapt.serve.guard import Guard, Motion
from adapt.serve.playback import Playback
from adapt.serve.player import Player

FREE = bounds_of(robot(), ())
TIED = bounds_of(robot(), LIMITS)


def playback(bounds: Bounds = FREE, blend_steps: int = 0) -> Playback:
    return Playback(Guard(bounds, 10.0), Motion.at_rest(np.array([0.0, 0.1, 0.0])), blend_steps=blend_steps)


def ramp(first: float, count: int = 8) -> np.ndarray:
    """Shoulder goes up by 1 a row, the grip closes at the second row."""
    return np.stack([first + np.arange(count), np.full(count, 0.1), (np.arange(count) > 0).astype(float)], axis=1)


def played(player: Playback, count: int) -> np.ndarray:
    return np.array([player.next().action for _ in range(count)])


def test_a_chunk_that_comes_in_time_is_played_from_its_first_row() -> None:
    player = playback()
    assert player.offer(ramp(1.0), 0, player.motion)
    assert np.array_equal(played(player, 8), ramp(1.0))
    assert player.next().hold


def test_rows_whose_time_has_gone_by_are_left_out() -> None:
    """Asked at step 4, answered at step 6: two rows are late, and the rest follows in its own time."""
    player = playback()
    player.offer(ramp(0.0), 0, player.motion)
    played(player, 4)
    begun = player.motion
    played(player, 2)
    assert player.offer(ramp(100.0), 4, begun)
    assert played(player, 6)[:, 0].tolist() == [102.0, 103.0, 104.0, 105.0, 106.0, 107.0]


def test_the_old_chunk_fades_into_the_new_one_but_a_grip_changes_over_at_once() -> None:
    player = playback(blend_steps=3)
    player.offer(ramp(0.0), 0, player.motion)
    played(player, 4)
    fresh = ramp(104.0)
    fresh[:, 2] = 0.0
    player.offer(fresh, 4, player.motion)
    got = played(player, 4)
    np.testing.assert_allclose(got[:, 0] - np.arange(4, 8), [25.0, 50.0, 75.0, 100.0])
    assert got[:, 2].tolist() == [0.0] * 4


def test_a_chunk_that_comes_after_its_time_is_dropped() -> None:
    player = playback()
    player.offer(ramp(0.0), 0, player.motion)
    played(player, 8)
    played(player, 3)
    assert not player.offer(ramp(100.0), 0, player.motion)
    assert (player.dropped, player.remaining) == (1, 0)
    assert not player.offer(np.full((8, 3), np.nan), player.step, player.motion)


def test_with_nothing_to_play_the_body_is_brought_to_a_stop_within_its_limits() -> None:
    player = playback(TIED)
    player.offer(np.tile([1.0, 0.1, 0.0], (8, 1)), 0, player.motion)
    moving = np.append(0.0, played(player, 8)[:, 0])
    stopping = np.append(moving[-2:], played(player, 6)[:, 0])
    speed = np.diff(stopping) * 10
    assert speed[0] > 0.5
    assert np.abs(np.diff(speed)).max() <= 0.4
    assert abs(speed[-1]) < 1e-6


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    chunks=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(-3, 3), st.booleans()), min_size=1, max_size=5
    )
)
def test_whatever_comes_whenever_what_leaves_keeps_the_limits(chunks: list[tuple[int, int, float, bool]]) -> None:
    """Blending two chunks that keep them need not; so the guard stands behind it."""
    player, rows = playback(TIED, blend_steps=3), []
    for wait, late, height, broken in chunks:
        step, begun = player.step, player.motion
        rows += [player.next().action for _ in range(late)]
        chunk = np.tile([height, height / 10, 0.0], (8, 1))
        chunk[3] = np.nan if broken else chunk[3]
        player.offer(chunk, step, begun)
        rows += [player.next().action for _ in range(wait)]
    path = np.array([[0.0, 0.1, 0.0], *rows])
    speed = np.diff(path, axis=0) * 10
    assert np.isfinite(path).all()
    assert (np.abs(path[:, 0]) <= 1.0).all()
    assert ((path[:, 1] >= 0) & (path[:, 1] <= 0.3)).all()
    assert (np.abs(speed[:, :2]) <= [1.0, 0.5]).all()
    assert (np.abs(np.diff(np.append(0.0, speed[:, 0]))) * 10 <= 4.0).all()


class Server:
    """Answers when it is let, with what it is told; stands for a client and what is behind it."""

    rate_hz = 10.0

    def __init__(self, bounds: Bounds = FREE) -> None:
        self.bounds = bounds
        self.asked: list[Mapping[str, Any]] = []
        self.let = threading.Event()
        self.let.set()
        self.answer: Any = lambda _: chunk(ramp(0.0))

    def infer(self, observation: Mapping[str, Any]) -> Chunk:
        self.asked.append(observation)
        assert self.let.wait(60)
        found = self.answer(observation)
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Chunk)
        return found


def chunk(actions: np.ndarray, *, hold: bool = False, reason: str = "") -> Chunk:
    return Chunk(actions=actions, hold=hold, reason=reason, limited=(), timing_ms={})


def seen() -> Mapping[str, Any]:
    return {"state": np.array([0.0, 0.1]), "prompt": "wave"}


def settle(player: Player) -> None:
    """Wait until the answer has come, so that the next step takes it."""
    deadline = time.monotonic() + 60
    while player._asked is not None and not player._asked.chunk.done():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_the_next_chunk_is_asked_for_while_the_current_one_plays() -> None:
    server = Server()
    server.let.clear()
    player = Player(server, ahead_steps=3, blend_steps=0)
    assert player.act(seen).hold  # The first answer has not come yet.
    server.let.set()
    settle(player)
    commands = [player.act(seen) for _ in range(4)]
    assert [command.hold for command in commands] == [False] * 4
    assert [command.action[0] for command in commands] == [1.0, 2.0, 3.0, 4.0]
    assert len(server.asked) == 1
    player.act(seen)
    settle(player)
    assert len(server.asked) == 2
    assert server.asked[1]["executed"] == 5
    assert "executed" not in server.asked[0]
    player.close()


def test_a_control_step_never_waits_for_the_server() -> None:
    server = Server()
    server.let.clear()
    player = Player(server)
    assert all(player.act(seen).hold for _ in range(50))
    assert player._asked is not None
    assert not player._asked.chunk.done()  # Who waited would have been answered, or have failed.
    assert len(server.asked) <= 1
    server.let.set()
    settle(player)
    player.act(seen)
    assert player.dropped == 1  # Its eight steps were over long ago.
    player.close()


def test_when_the_server_says_hold_or_fails_the_robot_stops_and_asks_again_later() -> None:
    server = Server()
    player = Player(server, ahead_steps=7)
    player.act(seen)
    settle(player)
    server.answer = lambda _: ServeError("ws://robot: the connection was lost. Ask again.")
    player.act(seen)
    settle(player)
    for _ in range(3):
        player.act(seen)
    assert "connection was lost" in player.trouble
    assert len(server.asked) == 2
    server.answer = lambda _: chunk(ramp(0.0), hold=True, reason="the model was late")
    while len(server.asked) < 3:
        player.act(seen)
    assert "executed" not in server.asked[2]
    settle(player)
    assert player.act(seen).hold
    assert player.trouble == "the model was late"
    player.close()


def test_a_robot_beyond_its_limits_is_not_moved() -> None:
    player = Player(Server(TIED))
    with pytest.raises(ServeError, match=r"'lift' is at 0\.9"):
        player.act(lambda: {"state": np.array([0.0, 0.9])})
    with pytest.raises(ServeError, match="state: is missing"):
        player.act(lambda: {"prompt": "wave"})
    with pytest.raises(ServeError, match="state: has 1 numbers"):
        player.act(lambda: {"state": np.zeros(1)})
    player.close()
