"""How do robots reach a policy? A websocket server that openpi's client and RoboArena's take for their own.

Source:
    The order of frames is openpi's (Black et al. 2024, arXiv:2410.24164): metadata first, then an answer to each
    request; RoboArena (Atreya et al. 2025, arXiv:2506.18123) adds `endpoint` and `reset`. Theirs answer an error with a
    traceback and hang up; here the text says which field is wrong, and the connection is kept.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable
from http import HTTPStatus

from adapt.errors import ServeError
from adapt.serve.answering import Conversation, Service
from adapt.serve.wire import pack

try:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed
    from websockets.frames import CloseCode
    from websockets.http11 import Request, Response
except ModuleNotFoundError as missing:
    raise ServeError(
        f"serve: the module {missing.name} is not installed. Install the extra: pip install 'wam-adapt[serve]'"
    ) from missing

log = logging.getLogger(__name__)

HEALTH, SESSION = "/healthz", "/session"

_CLOSE_S = 2.0
_QUEUED_FRAMES = 2  # of one connection: it is to wait for its answer before it asks again


class PolicyServer:
    """Serves one policy to many robots.

    Args:
        service: The policy, its limits and its settings.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open = 0
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    async def run(self, stop: asyncio.Event, ready: Callable[[int], None] = lambda _: None) -> None:
        """Serve until told to stop; then finish the answers that are under way, and hang up.

        Args:
            stop: Set by whoever wants it to end.
            ready: Is told the port once robots can connect.

        Raises:
            ServeError: The address is taken, or not one of this machine's.
        """
        settings = self._service.settings
        try:
            server = await serve(
                self._serve_connection,
                settings.host,
                settings.port,
                compression=None,
                max_size=settings.largest_frame_bytes,
                max_queue=_QUEUED_FRAMES,
                ping_interval=settings.ping_s,
                ping_timeout=3 * settings.ping_s,
                close_timeout=_CLOSE_S,
                process_request=self._admit,
            )
        except OSError as error:
            raise ServeError(
                f"{settings.host}:{settings.port}: cannot be listened on ({error.strerror or error}). Choose another "
                "--port or --host."
            ) from error
        try:
            ready(next(iter(server.sockets)).getsockname()[1])
            await stop.wait()
            self._stopping = True
            await self._finish(settings.grace_s)
        finally:
            server.close()
            await server.wait_closed()

    async def _finish(self, grace_s: float) -> None:
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("stopped before %d answers were ready", self._answering)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no websocket, and refuse who may not come in; None lets the handshake go on."""
        if request.path == HEALTH:
            if self._stopping:
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "stopping\n")
            return connection.respond(HTTPStatus.OK, "OK\n")
        key = self._service.settings.api_key
        if key is not None and not _knows(request, key):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "send the header Authorization: Api-Key KEY\n")
        if self._stopping or self._open >= self._service.settings.clients:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "stopping, or full; try again later\n")
        return None

    async def _serve_connection(self, connection: ServerConnection) -> None:
        self._service.counts["connections"] += 1
        number = self._service.counts["connections"]
        path = connection.request.path if connection.request is not None else "/"
        if self._open >= self._service.settings.clients:  # Several that were admitted at the same time.
            await connection.close(CloseCode.TRY_AGAIN_LATER, "full; try again later")
            return
        self._open += 1
        log.info("connection %d from %s: open", number, connection.remote_address)
        try:
            await self._converse(connection, Conversation(self._service, number), path)
        except ConnectionClosed as closed:
            log.info("connection %d: closed (%s)", number, closed)
        except TimeoutError:
            log.warning("connection %d: does not read its answers; cut off", number)
            connection.transport.abort()
        finally:
            self._open -= 1

    async def _converse(self, connection: ServerConnection, conversation: Conversation, path: str) -> None:
        service, config = self._service, self._service.settings.keys.roboarena_config()
        # RoboArena's client takes its six entries and no others; ours asks for more under another path.
        told = service.metadata() if config is None or path == SESSION else config
        await self._send(connection, pack(told))
        while True:
            frame = await connection.recv()
            self._begin_answer()
            try:
                await self._send(connection, await conversation.answer(frame))
            finally:
                self._end_answer()
            if self._stopping:
                await connection.close(CloseCode.GOING_AWAY, "stopping")

    async def _send(self, connection: ServerConnection, frame: bytes | str) -> None:
        async with asyncio.timeout(self._service.settings.send_s):
            await connection.send(frame)

    def _begin_answer(self) -> None:
        self._answering += 1
        self._idle.clear()

    def _end_answer(self) -> None:
        self._answering -= 1
        if self._answering == 0:
            self._idle.set()


def _knows(request: Request, key: str) -> bool:
    """Whether the key was sent, found out in a time that does not tell how much of it was right."""
    values = request.headers.get_all("Authorization")
    return len(values) == 1 and hmac.compare_digest(values[0].encode(), f"Api-Key {key}".encode())
