"""Serve a bundle: robots connect, send what they see and feel, and get chunks of actions within their limits."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from adapt.embodiment.limits import check_axes, load_limits
from adapt.errors import ServeError
from adapt.models.bases import TINY, read_identity
from adapt.policy.opening import open_policy
from adapt.serve.answering import Service
from adapt.serve.keys import Keys, load_keys
from adapt.serve.server import PolicyServer
from adapt.serve.settings import Acts, ServeSettings
from adapt.serve.shadow import Shadow
from adapt.types import Observation
from pipelines.answer import Report
from pipelines.asked import place

log = logging.getLogger(__name__)

KEY = "WAM_ADAPT_API_KEY"
_HERE = ("127.0.0.1", "localhost", "::1")
_WARM_PX = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be served, and how.

    Attributes:
        model: "tiny", the folder of a base or of a bundle.
        settings: How it is served; limits and keys are read later, since they are checked against the body.
        body: Name of the body; None for the bundle's own.
        base: Folder of the base that a bundle names, where that does not ship with this package.
        limits: File of limits; None for those of the body.
        keys: File of names on the wire; None for the usual ones.
        shadow: File for shadow mode; None to command.
    """

    model: str
    settings: ServeSettings
    body: str | None = None
    base: Path | None = None
    limits: Path | None = None
    keys: Path | None = None
    shadow: Path | None = None


def question(arguments: Namespace) -> Question:
    """What the words of the command line ask for.

    Raises:
        ServeError: A number makes no sense, or the key's file cannot be read.
    """

    def file(text: str | None) -> Path | None:
        return None if text is None else place(text)

    settings = ServeSettings(
        host=arguments.host,
        port=arguments.port,
        api_key=_read_key(file(arguments.api_key_file)),
        deadline_s=None if arguments.deadline_ms is None else arguments.deadline_ms / 1e3,
        executed=arguments.executed,
        prompt=arguments.task,
        seed=arguments.seed,
        clients=arguments.clients,
    )
    return Question(
        model=arguments.bundle if arguments.bundle == TINY else str(place(arguments.bundle)),
        settings=settings,
        body=arguments.embodiment,
        base=file(arguments.base),
        limits=file(arguments.limits),
        keys=file(arguments.keys),
        shadow=file(arguments.shadow),
    )


def run(asked: Question, say: Callable[[str], None] = lambda _: None) -> Report:
    """Open the model, try it once, and serve it until SIGINT or SIGTERM.

    Args:
        asked: What is to be served.
        say: Is told, in words, when robots can connect.

    Raises:
        AdaptError: The bundle, the limits or the names are not sound, or the address is taken.
    """
    bases = {} if asked.base is None else {read_identity(str(asked.base))[0].name: asked.base}
    policy = open_policy(asked.model, asked.body, bases=bases)
    service = open_service(policy, asked)
    try:
        _warn(service, _warm_up(policy))
        asyncio.run(_serve(service, say))
    finally:
        service.close()
    counts = service.counts
    told = ", ".join(f"{counts[name]} {name}" for name in ("answers", "holds", "refusals", "connections"))
    return Report(f"stopped: {told}", **counts)


def open_service(policy: Acts, asked: Question) -> Service:
    """A policy with its limits and names, ready to be served.

    Raises:
        AdaptError: They do not fit the body.
    """
    body, given = policy.body, asked.settings
    limits = body.limits
    if asked.limits is not None:
        limits = load_limits(asked.limits)
        check_axes(limits, body.action_names, str(asked.limits))
    keys = Keys() if asked.keys is None else load_keys(asked.keys, body)
    settings = ServeSettings(
        **{name: getattr(given, name) for name in given.__dataclass_fields__ if name not in ("limits", "keys")},
        limits=limits,
        keys=keys,
    )
    shadow = None if asked.shadow is None else Shadow(asked.shadow, body.action_names)
    return Service(policy, settings, shadow)


def _read_key(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get(KEY) or None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ServeError(
            f"--api-key-file {path}: cannot be read ({error}). Write the key into its first line."
        ) from error
    if not lines or not lines[0].strip():
        raise ServeError(f"--api-key-file {path}: its first line is empty. Write the key into it.")
    return lines[0].strip()


def _warm_up(policy: Acts) -> float:
    """Seconds that an answer takes once everything is loaded."""
    body = policy.body
    picture = torch.zeros(_WARM_PX, _WARM_PX, 3, dtype=torch.uint8)
    seen = Observation(
        images={camera.name: picture for camera in body.cameras},
        state=torch.zeros(len(body.state)) if body.state else None,
    )
    for _ in range(2):
        begun_s = time.monotonic()
        policy.act(seen, "")
        taken_s = time.monotonic() - begun_s
    return taken_s


def _warn(service: Service, taken_s: float) -> None:
    settings, free = service.settings, service.guard.bounds.unlimited
    log.info("an answer takes %.0f ms", 1e3 * taken_s)
    if service.wait_s is not None and taken_s > service.wait_s:
        log.warning(
            "an answer takes %.0f ms, and robots are told to hold after %.0f: raise --deadline-ms",
            1e3 * taken_s,
            1e3 * service.wait_s,
        )
    if free:
        log.warning("nothing limits %s: what the model says goes to the robot; give --limits FILE", ", ".join(free))
    if settings.api_key is None and settings.host not in _HERE:
        log.warning("everybody who reaches %s can ask this server; give --api-key-file FILE", settings.host)


async def _serve(service: Service, say: Callable[[str], None]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def ask_to_stop(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)  # The second one ends it at once.

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(
            ValueError, RuntimeError, NotImplementedError
        ):  # Not on the main thread, or on Windows.
            loop.add_signal_handler(number, ask_to_stop, number)
    settings, body = service.settings, service.policy.body
    mode = "in shadow, commanding nothing" if service.shadow is not None else f"{service.steps} actions a chunk"

    def ready(port: int) -> None:
        say(f"serving {body.name} on ws://{settings.host}:{port} ({mode}); Ctrl-C stops it")

    await PolicyServer(service).run(stop, ready)
