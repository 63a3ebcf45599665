"""How does a robot go on moving while the next chunk is computed? A control loop asks once a step, and never waits.

In short:

player = Player(client)
while running:
    command = player.act(observe)      # `observe` is called only when something is to be asked
    robot.step(command.action)
    sleep until the next step is due
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from adapt.errors import ServeError
from adapt.serve.bounds import Bounds
from adapt.serve.client import Chunk
from adapt.serve.guard import Guard, Motion
from adapt.serve.playback import Command, Playback

Observe = Callable[[], Mapping[str, Any]]

_AGAIN_S = 0.5  # after a request that failed


@runtime_checkable
class Asks(Protocol):
    """A `Client`, or anything that answers like one."""

    @property
    def bounds(self) -> Bounds:
        """The body's limits."""
        ...

    @property
    def rate_hz(self) -> float:
        """Actions a second."""
        ...

    def infer(self, observation: Mapping[str, Any]) -> Chunk:
        """The next actions."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    step: int
    motion: Motion
    chunk: "Future[Chunk]"


class Player:
    """Asks for the next chunk while the current one plays, and says each step's command.

    Args:
        client: Answers; called on a thread of its own, one request at a time.
        ahead_steps: With so many commands left, the next chunk is asked for: what an answer takes, and some more.
        blend_steps: Over how many steps an old chunk fades into a new one.
        guard: The body's limits where the robot has narrower ones; None for those that the server tells.
    """

    def __init__(self, client: Asks, *, ahead_steps: int = 4, blend_steps: int = 4, guard: Guard | None = None) -> None:
        self._client, self._ahead, self._blend = client, ahead_steps, blend_steps
        self._guard = Guard(client.bounds, client.rate_hz) if guard is None else guard
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wam-adapt-client")
        self._playback: Playback | None = None
        self._asked: _Asked | None = None
        self._received: tuple[int, int] | None = None  # of the last chunk: the step it was asked for, and its length
        self._wait_until = 0
        self.trouble = ""

    @property
    def dropped(self) -> int:
        """Chunks that came too late to be played."""
        return 0 if self._playback is None else self._playback.dropped

    def act(self, observe: Observe) -> Command:
        """The command that is due now; a stop where there is none. Never waits for the server.

        Args:
            observe: What the robot sees and feels now, as for `Client.infer`.

        Raises:
            ServeError: The body's limits cannot be kept from where it is; the message names the axis.
        """
        playback = self._playback
        if playback is None:
            observation = observe()
            playback = self._playback = Playback(self._guard, self._begin(observation), blend_steps=self._blend)
            self._ask(playback, observation)
        self._take(playback)
        if self._asked is None and playback.remaining <= self._ahead and playback.step >= self._wait_until:
            self._ask(playback, observe())
        return playback.next()

    def close(self) -> None:
        """Ask for nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self, playback: Playback, observation: Mapping[str, Any]) -> None:
        question = dict(observation)
        if self._received is not None:
            asked, length = self._received
            question["executed"] = min(playback.step - asked, length)
        self._asked = _Asked(
            step=playback.step, motion=playback.motion, chunk=self._thread.submit(self._client.infer, question)
        )

    def _take(self, playback: Playback) -> None:
        """Take what has been answered, if it has."""
        if self._asked is None or not self._asked.chunk.done():
            return
        asked, self._asked = self._asked, None
        try:
            chunk = asked.chunk.result()
        except ServeError as error:
            # Whatever the server knew of this session is not to be relied upon.
            self.trouble, self._received = str(error), None
            self._wait_until = playback.step + max(1, round(_AGAIN_S * self._guard.rate_hz))
            return
        self.trouble, self._received = chunk.reason, (asked.step, len(chunk.actions))
        if chunk.hold:
            playback.stop()
            return
        playback.offer(chunk.actions, asked.step, asked.motion)

    def _begin(self, observation: Mapping[str, Any]) -> Motion:
        motion = Motion.at_rest(_felt(observation, self._guard.bounds))
        if reason := self._guard.refuses(motion):
            raise ServeError(f"limits: {reason}. Move the robot back by hand.")
        return motion


def _felt(observation: Mapping[str, Any], bounds: Bounds) -> NDArray[np.float64]:
    state = observation.get("state")
    if state is None:
        if bounds.needs_state:
            raise ServeError("state: is missing, but the body's limits are kept from where it is. Add it.")
        return np.zeros(len(bounds.names))
    told = np.append(np.asarray(state, np.float64).reshape(-1), 0.0)
    if bounds.felt.max(initial=-1) >= len(told) - 1:
        raise ServeError(f"state: has {len(told) - 1} numbers, fewer than the body feels. Give all of them.")
    return np.where(bounds.felt >= 0, told[bounds.felt], 0.0)
