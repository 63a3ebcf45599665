"""How is a policy served? Everything a server can be told, in one place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from adapt.embodiment.limits import Limit
from adapt.embodiment.spec import Embodiment
from adapt.errors import ServeError
from adapt.serve.guard import Inside
from adapt.serve.keys import Keys
from adapt.types import ActionChunk, BaseGeometry

PROTOCOL = 1  # of what `/session` tells; raised when an older client would misunderstand it
PORT = 8000

_CHUNKS_WAITED = 2.0  # what a robot waits for an answer, in chunks, unless told otherwise


@runtime_checkable
class Acts(Protocol):
    """What can be served: a `Policy`, or anything that acts as one."""

    @property
    def body(self) -> Embodiment:
        """Who acts."""
        ...

    @property
    def geometry(self) -> BaseGeometry:
        """Rates and chunk length."""
        ...

    def act(self, observation: object, instruction: str, *, seed: int = 0) -> ActionChunk:
        """The next actions, absolute, in the body's own units."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """How a policy is served.

    Args:
        host: Address to listen on; "127.0.0.1" for this machine alone, "0.0.0.0" for everybody who can reach it.
        port: Port; 0 for any that is free.
        api_key: What clients have to send as `Authorization: Api-Key KEY`; None to let everybody in.
        deadline_s: Longest time to an answer. After it the robot is told to hold. 0 waits for as long as it takes; None
            for two chunks.
        executed: Actions of each chunk that are sent; None for all.
        prompt: What to do where a client does not tell; None to refuse it then.
        seed: Another one, other noise in what is imagined.
        clients: Connections at once; more are refused.
        largest_frame_bytes: A connection that sends a larger one is closed.
        send_s: Longest time to get rid of an answer; a client that does not read is then cut off.
        ping_s: How often a connection is probed; it is cut off when it does not answer for three times as long.
        grace_s: How long answers that are being computed may take once the server is told to stop.
        limits: Of the body's action axes, those of its spec unless told otherwise; None for the spec's.
        inside: Whether poses lie in the workspace; for bodies that are told joints. See `Guard`.
        keys: Names on the wire besides the usual ones.

    Raises:
        ServeError: A number makes no sense.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    api_key: str | None = None
    deadline_s: float | None = None
    executed: int | None = None
    prompt: str | None = None
    seed: int = 0
    clients: int = 16
    largest_frame_bytes: int = 32 * 2**20
    send_s: float = 10.0
    ping_s: float = 20.0
    grace_s: float = 10.0
    limits: Sequence[Limit] | None = None
    inside: Inside | None = None
    keys: Keys = field(default_factory=Keys)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ServeError(f"port is {self.port}; give 0 to 65535.")
        if self.api_key is not None and not self.api_key.strip():
            raise ServeError("api_key is empty, so anybody could guess it. Give one, or leave it out.")
        if self.deadline_s is not None and not (math.isfinite(self.deadline_s) and self.deadline_s >= 0):
            raise ServeError(f"deadline_s is {self.deadline_s}; give seconds, or 0 to wait for as long as it takes.")
        for name in ("executed", "clients", "largest_frame_bytes", "send_s", "ping_s", "grace_s"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ServeError(f"{name} is {value}; give a number above 0.")

    def wait_s(self, geometry: BaseGeometry) -> float | None:
        """How long a robot waits for an answer; None for as long as it takes."""
        if self.deadline_s is None:
            return _CHUNKS_WAITED * geometry.chunk_s
        return self.deadline_s or None

    def check_fits(self, geometry: BaseGeometry) -> None:
        """Refuse settings that this model cannot keep.

        Raises:
            ServeError: More actions are to be sent than a chunk has.
        """
        if self.executed is not None and self.executed > geometry.action_steps:
            raise ServeError(
                f"executed is {self.executed}, but a chunk of this model has {geometry.action_steps} actions. "
                "Give at most that."
            )
