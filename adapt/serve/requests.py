"""What does a robot ask? A message that anybody may have sent becomes a request, or a refusal that names the field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapt.embodiment.entries import nearest
from adapt.embodiment.spec import Embodiment
from adapt.errors import ServeError
from adapt.policy.observation import as_observation
from adapt.runs.documents import brief, is_text
from adapt.serve.keys import Keys
from adapt.types import Observation

INFER, RESET = "infer", "reset"
ENDPOINT, SESSION, PROMPT = "endpoint", "session_id", "prompt"
SEED, EXECUTED, OPERATOR = "seed", "executed", "operator_actions"
WHOLE = ("state", "observation/state")
ABOUT = (ENDPOINT, SESSION, PROMPT, SEED, EXECUTED, OPERATOR)

_LONGEST_PROMPT, _LONGEST_SESSION = 2_000, 200
_MOST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """One observation, and what is to be done.

    Attributes:
        observation: What the body sees and feels now.
        prompt: What to do.
        seed: Of the noise the future is imagined from; None for the session's next one.
        executed: How many actions of the last answer have been carried out; None for all of them.
        operator: What somebody else did since the last request, one row a step. Shape (n, d); None where not told.
    """

    observation: Observation
    prompt: str
    seed: int | None = None
    executed: int | None = None
    operator: NDArray[np.float64] | None = None


def as_message(value: object) -> Mapping[str, Any]:
    """A frame's value as a map with texts for keys.

    Raises:
        ServeError: It is something else.
    """
    if not isinstance(value, Mapping):
        raise ServeError(f"message: is {brief(value)}. Send a map of names and values.")
    odd = [key for key in value if not is_text(key)]
    if odd:
        raise ServeError(f"message: has the key {brief(odd[0])}. Use plain texts for names.")
    return value


def endpoint_of(message: Mapping[str, Any]) -> str:
    """Whether to infer or to reset; openpi's client says neither and means the first.

    Raises:
        ServeError: It is something else.
    """
    endpoint = _plain(message.get(ENDPOINT, INFER))
    if endpoint not in (INFER, RESET):
        raise ServeError(f"endpoint: is {brief(endpoint)}. Give '{INFER}' or '{RESET}', or leave it out.")
    return str(endpoint)


def session_of(message: Mapping[str, Any]) -> str:
    """Name of the session; empty where the connection is the session.

    Raises:
        ServeError: It is no name.
    """
    value = _plain(message.get(SESSION, ""))
    name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(name, str) or len(name) > _LONGEST_SESSION:
        raise ServeError(f"session_id: is {brief(value)}. Give a text of at most {_LONGEST_SESSION} characters.")
    return name


def read_request(message: Mapping[str, Any], body: Embodiment, keys: Keys, default_prompt: str | None) -> Request:
    """Check a message against the body.

    Args:
        message: As `as_message` gives it.
        body: Who acts.
        keys: Names besides the usual ones.
        default_prompt: What to do where the message does not tell; None for no such thing.

    Raises:
        AdaptError: Something is missing, unknown or of the wrong kind; the message names the field.
    """
    images, state = _sort(message, body, keys)
    return Request(
        observation=as_observation({"images": images, "state": state}, body),
        prompt=_read_prompt(message, default_prompt),
        seed=_read_whole(message, SEED, _MOST_SEED),
        executed=_read_whole(message, EXECUTED, 1_000_000),
        operator=_read_operator(message, body),
    )


def _sort(message: Mapping[str, Any], body: Embodiment, keys: Keys) -> tuple[Any, Any]:
    """Pictures by camera and the state, under whichever names they came."""
    usual = {name: camera.name for camera in body.cameras for name in (f"observation/{camera.name}", camera.column)}
    cameras, columns = {**usual, **keys.images}, {axis.column for axis in body.state}
    pictures: dict[str, Any] = {}
    axes: dict[str, float] = {}
    for name, value in message.items():
        if name in cameras:
            pictures[cameras[name]] = value
        elif name in keys.state:
            axes |= _read_axes(name, value, keys.state[name])
        elif name in columns:
            axes |= _read_column(name, value, body)
        elif name not in (*ABOUT, *WHOLE, "images") and name not in keys.ignored:
            known = dict.fromkeys((*cameras, *keys.state, *sorted(columns), *WHOLE, "images", *ABOUT))
            raise ServeError(
                f"observation: unknown field '{name[:80]}'.{nearest(name[:80], known)} Send some of {', '.join(known)}."
            )
    return _images(message, pictures), _state(message, axes)


def _images(message: Mapping[str, Any], found: dict[str, Any]) -> Any:
    """Those under "images", which may be one picture without a name, or those found under names of their own."""
    given = message.get("images")
    if given is None or not found:
        return found if given is None else given
    if not isinstance(given, Mapping):
        raise ServeError(f"images: came beside the picture of '{next(iter(found))}'. Send all pictures by name.")
    return {**given, **found}


def _state(message: Mapping[str, Any], axes: dict[str, float]) -> Any:
    """The whole state, or what its parts add up to."""
    whole = [message[name] for name in WHOLE if message.get(name) is not None]
    if len(whole) + bool(axes) > 1:
        raise ServeError(f"state: came under more than one name. Send it once, as {' or '.join(WHOLE)}, or in parts.")
    if whole and isinstance(whole[0], np.ndarray):
        return whole[0].copy()  # What came off the wire is read-only, which torch does not know.
    return whole[0] if whole else axes or None


def _read_axes(name: str, value: object, axes: tuple[str, ...]) -> dict[str, float]:
    numbers = np.atleast_1d(_numbers(name, value))
    if numbers.shape != (len(axes),):
        raise ServeError(f"{name}: has the shape {tuple(numbers.shape)}. Give {len(axes)} numbers: {', '.join(axes)}.")
    return dict(zip(axes, numbers.tolist(), strict=True))


def _read_column(name: str, value: object, body: Embodiment) -> dict[str, float]:
    numbers = np.atleast_1d(_numbers(name, value))
    axes = [axis for axis in body.state if axis.column == name]
    longest = 1 + max(axis.index for axis in axes)
    if numbers.ndim != 1 or len(numbers) < longest:
        raise ServeError(
            f"{name}: has the shape {tuple(numbers.shape)}. Give at least {longest} numbers, as in the data."
        )
    return {axis.name: float(numbers[axis.index]) for axis in axes}


def _numbers(name: str, value: object) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(value)
        if numbers.dtype.kind not in "iuf":
            raise TypeError(f"numbers of the kind {numbers.dtype}")
        return numbers.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ServeError(f"{name}: is {brief(value)} ({error}). Give an array of numbers.") from error


def _read_prompt(message: Mapping[str, Any], default: str | None) -> str:
    value = _plain(message.get(PROMPT))
    if value is None and default is not None:
        return default
    if not is_text(value) or not str(value).strip() or len(str(value)) > _LONGEST_PROMPT:
        raise ServeError(f"prompt: is {brief(value)}. Give what to do, in at most {_LONGEST_PROMPT} characters.")
    return str(value)


def _read_whole(message: Mapping[str, Any], name: str, most: int) -> int | None:
    value = _plain(message.get(name))
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ServeError(f"{name}: is {brief(value)}. Give a whole number from 0 to {most}, or leave it out.")
    return value


def _read_operator(message: Mapping[str, Any], body: Embodiment) -> NDArray[np.float64] | None:
    if message.get(OPERATOR) is None:
        return None
    rows = np.atleast_2d(_numbers(OPERATOR, message[OPERATOR]))
    if rows.ndim != 2 or rows.shape[1] != len(body.actions) or not np.isfinite(rows).all():
        raise ServeError(
            f"{OPERATOR}: has the shape {tuple(rows.shape)}, or holds what is not finite. Give one row a step of "
            f"{', '.join(body.action_names)}."
        )
    return rows


def _plain(value: object) -> object:
    """A number or text that may have come as a NumPy scalar, or as an array of one."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(())[()]
    return value.item() if isinstance(value, np.generic) else value
