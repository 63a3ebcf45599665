"""Serve from within a program that goes on: a server on a thread of its own, for notebooks, simulators and tests."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import ServeError
from adapt.serve.answering import Service
from adapt.serve.server import PolicyServer
from adapt.serve.settings import Acts, ServeSettings
from adapt.serve.shadow import Shadow

_START_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


@contextmanager
def serving(policy: Acts, settings: ServeSettings | None = None, *, shadow: Path | None = None) -> Iterator[Address]:
    """A policy that is served as long as the block runs.

    Args:
        policy: Acts; called on a thread of the server's.
        settings: How it is served; by default on any free port of this machine alone.
        shadow: File for shadow mode; None to command.

    Raises:
        ServeError: The address is taken, or the settings do not fit the policy.
    """
    settings = settings or ServeSettings(port=0)
    service = Service(policy, settings, None if shadow is None else Shadow(shadow, policy.body.action_names))
    started = threading.Event()
    told: dict[str, object] = {}

    async def run() -> None:
        stop = asyncio.Event()
        told["loop"], told["stop"] = asyncio.get_running_loop(), stop

        def ready(port: int) -> None:
            told["port"] = port
            started.set()

        await PolicyServer(service).run(stop, ready)

    def work() -> None:
        try:
            asyncio.run(run())
        except ServeError as error:
            told["error"] = error
        finally:
            started.set()

    thread = threading.Thread(target=work, name="wam-adapt-serve", daemon=True)
    thread.start()
    try:
        if not started.wait(_START_S) or "port" not in told:
            error = told.get("error")
            raise error if isinstance(error, ServeError) else ServeError("server: did not start. See the log.")
        port = told["port"]
        assert isinstance(port, int)
        yield Address(host=settings.host, port=port)
    finally:
        loop, stop = told.get("loop"), told.get("stop")
        if thread.is_alive() and isinstance(loop, asyncio.AbstractEventLoop) and isinstance(stop, asyncio.Event):
            loop.call_soon_threadsafe(stop.set)
        thread.join(settings.grace_s + _START_S)
        service.close()
