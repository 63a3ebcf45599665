"""What is said to a frame? Everything between the bytes that come in and the bytes that go out, without a network."""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapt import __version__
from adapt.errors import AdaptError, ServeError
from adapt.serve.bounds import bounds_of
from adapt.serve.guard import Guard
from adapt.serve.requests import INFER, Request, as_message, endpoint_of, read_request, session_of
from adapt.serve.session import Decision, Session
from adapt.serve.settings import PROTOCOL, Acts, ServeSettings
from adapt.serve.shadow import Shadow
from adapt.serve.thinking import Thinker, Thought
from adapt.serve.wire import pack, unpack
from adapt.types import ActionChunk

log = logging.getLogger(__name__)

RESET_DONE = "reset successful"  # the very words of RoboArena's server
LATE, SHADOW = "the model was late", "shadow mode: somebody else moves the robot"

_MOST_SESSIONS = 16  # of one connection; the one that was silent longest is forgotten


class Service:
    """A policy with its limits and its thread: what all connections share.

    Args:
        policy: Acts.
        settings: How it is served.
        shadow: Writes down what it would do, and nothing is commanded; None to command.

    Raises:
        ServeError: The settings or the limits do not fit the policy.
    """

    def __init__(self, policy: Acts, settings: ServeSettings, shadow: Shadow | None = None) -> None:
        settings.check_fits(policy.geometry)
        if not policy.body.actions:
            raise ServeError(
                f"body '{policy.body.name}': has no action axes, so there is nothing to serve. Take a robot."
            )
        limits = policy.body.limits if settings.limits is None else settings.limits
        self.policy, self.settings, self.shadow = policy, settings, shadow
        self.guard = Guard(bounds_of(policy.body, limits), policy.geometry.action_hz, settings.inside)
        self.steps = settings.executed or policy.geometry.action_steps
        self.wait_s = settings.wait_s(policy.geometry)
        self.thinker = Thinker(waiting=2 * settings.clients)
        self.counts: Counter[str] = Counter(answers=0, holds=0, refusals=0, connections=0)

    def metadata(self) -> dict[str, Any]:
        """What a client is told of the policy before it asks anything."""
        body, geometry = self.policy.body, self.policy.geometry
        return {
            "server": "wam-adapt",
            "version": __version__,
            "protocol": PROTOCOL,
            "body": body.name,
            "cameras": [camera.name for camera in body.cameras],
            "state": list(body.state_names),
            "actions": list(body.action_names),
            "action_units": list(body.action_units),
            "rate_hz": geometry.action_hz,
            "steps": self.steps,
            "deadline_ms": None if self.wait_s is None else 1e3 * self.wait_s,
            "shadow": self.shadow is not None,
            "limits": self.guard.bounds.to_json(),
        }

    async def think(self, request: Request, seed: int) -> Thought:
        """The model's chunk.

        Raises:
            TimeoutError: It is late.
            AdaptError: The model refuses the observation.
        """
        return await self.thinker.think(
            lambda: self.policy.act(request.observation, request.prompt, seed=seed), self.wait_s
        )

    def close(self) -> None:
        """Begin no more answers."""
        self.thinker.close()
        if self.shadow is not None:
            self.shadow.close()


class Conversation:
    """One connection: its sessions, and an answer to each of its frames.

    Args:
        service: The policy.
        number: Of the connection, for the log.
    """

    def __init__(self, service: Service, number: int) -> None:
        self._service = service
        self._number = number
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._total_ms: float | None = None

    async def answer(self, frame: bytes | str) -> bytes | str:
        """What to send back: bytes for an answer, a text for a reset that was done, or for a refusal that says why."""
        begun_s = time.monotonic()
        try:
            if isinstance(frame, str):
                raise ServeError("message: came as text, not in a binary frame. Send MessagePack.")
            message = as_message(unpack(frame))
            if endpoint_of(message) != INFER:
                return self._reset(message)
            told = await self._infer(message, begun_s)
        except AdaptError as error:
            self._service.counts["refusals"] += 1
            return str(error)
        except Exception as error:  # the connection is kept, whatever the model does
            self._service.counts["refusals"] += 1
            log.exception("connection %d: the model failed", self._number)
            return f"model: failed ({type(error).__name__}). See the log of the server, and reset."
        self._service.counts["answers"] += 1
        self._total_ms = 1e3 * (time.monotonic() - begun_s)
        return told

    def _reset(self, message: Mapping[str, Any]) -> str:
        name = session_of(message)
        if name:
            self._sessions.pop(name, None)
        else:
            self._sessions.clear()
        return RESET_DONE

    async def _infer(self, message: Mapping[str, Any], begun_s: float) -> bytes:
        service = self._service
        request = read_request(message, service.policy.body, service.settings.keys, service.settings.prompt)
        session = self._session(session_of(message))
        state = request.observation.state
        felt = None if state is None else np.asarray(state.double().numpy(), np.float64)
        start = session.start(felt, request.executed)
        seed = session.next_seed(request.prompt) if request.seed is None else request.seed
        thought = None
        try:
            thought = await service.think(request, seed)
        except TimeoutError:
            decision = session.hold(LATE, start, service.steps)
        else:
            decision = session.follow(_values(thought.value)[: service.steps], start)
        if service.shadow is not None:
            service.shadow.note(f"{self._number}/{session_of(message)}", request, felt, decision.answer)
            held = session.hold(SHADOW, start, service.steps)
            session.watch()
            return self._say(held, thought, session, begun_s)
        session.take(decision)
        return self._say(decision, thought, session, begun_s)

    def _say(self, decision: Decision, thought: Thought | None, session: Session, begun_s: float) -> bytes:
        answer = decision.answer
        self._service.counts["holds"] += answer.hold
        if not np.isfinite(answer.actions).all():
            raise ServeError(
                "actions: hold what is not a finite number, so they are not sent. Stop the robot, and reset."
            )
        waited_ms = 1e3 * (time.monotonic() - begun_s)
        # openpi's clients look for `infer_ms` in every answer.
        timing = {"infer_ms": waited_ms, "queue_ms": 0.0}
        if thought is not None:
            timing = {"infer_ms": thought.infer_ms, "queue_ms": thought.queue_ms}
        if self._total_ms is not None:
            timing["prev_total_ms"] = self._total_ms
        timing["total_ms"] = 1e3 * (time.monotonic() - begun_s)
        return pack(
            {
                "actions": np.ascontiguousarray(answer.actions),
                "hold": answer.hold,
                "reason": answer.reason,
                "limited": list(answer.limited),
                "decision": session.decisions - 1,
                "server_timing": timing,
            }
        )

    def _session(self, name: str) -> Session:
        if name not in self._sessions:
            if len(self._sessions) == _MOST_SESSIONS:
                self._sessions.popitem(last=False)
            self._sessions[name] = Session(self._service.guard, self._service.settings.seed)
        self._sessions.move_to_end(name)
        return self._sessions[name]


def _values(chunk: ActionChunk) -> NDArray[np.float64]:
    return np.asarray(chunk.values.double().cpu().numpy(), np.float64)
