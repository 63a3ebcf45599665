"""How does a robot ask? A client for `wam-adapt serve`, light enough for the robot's own computer: no model is loaded.

In short:

with Client("192.168.1.2", 8000) as client:
    chunk = client.infer({"images": {"main": picture}, "state": state, "prompt": "pour the water"})
    for action in chunk.actions:
        robot.step(action)
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapt.errors import ServeError
from adapt.runs.documents import brief, in_short
from adapt.serve.bounds import Bounds, bounds_from_json
from adapt.serve.wire import pack, unpack

try:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import ClientConnection, connect
except ModuleNotFoundError as missing:
    raise ServeError(
        f"client: the module {missing.name} is not installed. Install the extra: pip install 'wam-adapt[serve]'"
    ) from missing

PROTOCOL = 1
_PATH = "/session"
_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunk:
    """What a server answers.

    Attributes:
        actions: To be carried out one after another, `rate_hz` a second. Shape (k, d).
        hold: Whether the robot is told to stop and stay.
        reason: Why; empty where it is not.
        limited: Axes on which a limit changed what the model said.
        timing_ms: How long what took, as the server says, and `round_trip_ms` as seen from here.
    """

    actions: NDArray[np.float64]
    hold: bool
    reason: str
    limited: tuple[str, ...]
    timing_ms: Mapping[str, float]


class Client:
    """One robot's connection to a server. It connects when first asked, and again after a connection was lost.

    A new connection is a new session: the server then begins where the body says it is, at rest.

    Args:
        host: Name or address.
        port: Port.
        api_key: Sent as `Authorization: Api-Key KEY`; None for a server without one.
        timeout_s: Longest wait for an answer; more than the server's deadline.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 8000, *, api_key: str | None = None, timeout_s: float = 60.0
    ) -> None:
        self._address = f"ws://{host}:{port}{_PATH}"
        self._headers = {} if api_key is None else {"Authorization": f"Api-Key {api_key}"}
        self._timeout_s = timeout_s
        self._connection: ClientConnection | None = None
        self._open = ExitStack()
        self._metadata: dict[str, Any] = {}

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the server tells of its policy: body, cameras, axes, rate, limits.

        Raises:
            ServeError: It cannot be reached, or is none of ours.
        """
        self._connected()
        return self._metadata

    @property
    def bounds(self) -> Bounds:
        """The limits that the server keeps."""
        return bounds_from_json(self.metadata.get("limits"))

    @property
    def rate_hz(self) -> float:
        """Actions a second."""
        return float(self.metadata["rate_hz"])

    def infer(self, observation: Mapping[str, Any]) -> Chunk:
        """The next actions.

        Args:
            observation: `images` by camera, uint8 (height, width, 3); `state`, numbers in the body's order; `prompt`.
                `executed`: how many of the last answer's actions were carried out, where not all were. `seed`: of the
                noise. `operator_actions`: what somebody else did since the last request, for shadow mode.

        Raises:
            ServeError: The server refuses the observation (its message names the field), or cannot be reached.
        """
        begun_s = time.monotonic()
        reply = self._exchange(pack(dict(observation)))
        if isinstance(reply, str):
            raise ServeError(reply)
        value = unpack(reply)
        if not isinstance(value, dict) or not isinstance(value.get("actions"), np.ndarray):
            raise ServeError(f"{self._address}: answered {brief(value)}. Use client and server of one version.")
        return Chunk(
            actions=value["actions"].astype(np.float64),
            hold=bool(value.get("hold", False)),
            reason=str(value.get("reason", "")),
            limited=tuple(str(name) for name in value.get("limited", ())),
            timing_ms={**value.get("server_timing", {}), "round_trip_ms": 1e3 * (time.monotonic() - begun_s)},
        )

    def reset(self) -> None:
        """Begin a new episode.

        Raises:
            ServeError: The server cannot be reached.
        """
        reply = self._exchange(pack({"endpoint": "reset"}))
        if reply != "reset successful":
            raise ServeError(f"{self._address}: answered {brief(reply)} to a reset. Connect anew.")

    def close(self) -> None:
        """Hang up."""
        self._connection = None
        self._open.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self) -> ClientConnection:
        if self._connection is not None:
            return self._connection
        try:
            connecting = connect(
                self._address,
                compression=None,
                max_size=None,
                additional_headers=self._headers,
                open_timeout=self._timeout_s,
                close_timeout=_CLOSE_S,
            )
            connection = self._open.enter_context(connecting)
            told = unpack(_bytes(connection.recv(timeout=self._timeout_s)))
        except (OSError, WebSocketException) as error:
            self.close()
            raise ServeError(
                f"{self._address}: cannot be reached ({in_short(error)}). Start it there with wam-adapt serve."
            ) from error
        if not isinstance(told, dict) or told.get("protocol") != PROTOCOL:
            self.close()
            raise ServeError(f"{self._address}: tells of itself {brief(told)}. Use client and server of one version.")
        self._metadata, self._connection = told, connection
        return connection

    def _exchange(self, frame: bytes) -> bytes | str:
        connection = self._connected()
        try:
            connection.send(frame)
            return connection.recv(timeout=self._timeout_s)
        except (OSError, WebSocketException) as error:
            # An answer that comes after all must not be taken for that to the next question.
            self.close()
            raise ServeError(f"{self._address}: the connection was lost ({in_short(error)}). Ask again.") from error


def _bytes(frame: bytes | str) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame
