"""Is this what the body sees and feels? What a caller has at hand becomes an `Observation`, or a clear refusal."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.embodiment.spec import Embodiment
from adapt.errors import DataError
from adapt.types import Observation

FIELDS = ("images", "state")


def as_observation(value: object, body: Embodiment) -> Observation:
    """Check an observation against the body, and bring it into its one form.

    Args:
        value: An `Observation`; or a mapping {"images": ..., "state": ...}, where "images" maps each camera's name to
            a picture, or is one picture for a body with one camera, and "state" holds numbers in physical units in
            the body's order, or maps each state axis to its number; or, for a body with one camera, one picture.
            A picture is a uint8 array or tensor of shape (height, width, 3), or a PIL image.
        body: The body that acts.

    Raises:
        DataError: Something is missing, unknown or of the wrong kind; the message names the field.
    """
    images: object
    if isinstance(value, Observation):
        images, state = value.images, value.state
    elif isinstance(value, Mapping):
        _refuse_unknown(value, FIELDS, "observation")
        if "images" not in value:
            raise DataError(f"observation: the field 'images' is missing; it found {sorted(value)}. {_cameras(body)}")
        images, state = value["images"], value.get("state")
    else:
        images, state = value, None
    return Observation(images=_read_images(images, body), state=_read_state(state, body))


def _read_images(value: object, body: Embodiment) -> dict[str, UInt8[Tensor, "_h _w 3"]]:
    names = [camera.name for camera in body.cameras]
    if not isinstance(value, Mapping):
        if len(names) != 1:
            raise DataError(f"observation.images: found one picture ({_kind(value)}). {_cameras(body)}")
        value = {names[0]: value}
    _refuse_unknown(value, names, "observation.images")
    for name in names:
        if name not in value:
            raise DataError(f"observation.images: the camera '{name}' is missing. {_cameras(body)}")
    return {name: _read_image(value[name], f"observation.images.{name}") for name in names}


def _read_image(value: Any, where: str) -> UInt8[Tensor, "h w 3"]:
    if hasattr(value, "convert"):  # A PIL image, of any mode.
        value = np.array(value.convert("RGB"))
    if isinstance(value, np.ndarray):
        # A copy: torch shares memory and cannot hold negative strides, which a flipped picture has.
        value = torch.from_numpy(value.copy()) if value.dtype.kind in "uifb" else value
    if not isinstance(value, Tensor):
        raise DataError(
            f"{where}: found {_kind(value)}. Give a uint8 array or tensor (height, width, 3), or a PIL image."
        )
    if value.dtype != torch.uint8:
        raise DataError(f"{where}: found numbers of the kind {value.dtype}. Give uint8, 0 to 255.")
    if value.ndim != 3 or value.shape[-1] != 3 or 0 in value.shape:
        remedy = "move its first axis to the end" if value.ndim == 3 and value.shape[0] == 3 else "give one RGB picture"
        raise DataError(f"{where}: found the shape {tuple(value.shape)}, not (height, width, 3); {remedy}.")
    return value.detach().cpu()


def _read_state(value: Any, body: Embodiment) -> Float[Tensor, " s"] | None:
    names = body.state_names
    if value is None:
        needed = [axis.name for axis in body.actions if axis.relative]
        if needed:
            raise DataError(
                f"observation.state: is missing, but the action '{needed[0]}' of {body.name} is relative to it. "
                f"Give {len(names)} numbers: {', '.join(names)}."
            )
        return None
    if isinstance(value, Mapping):
        _refuse_unknown(value, names, "observation.state")
        missing = [name for name in names if name not in value]
        if missing:
            raise DataError(f"observation.state: the axis '{missing[0]}' is missing. Give all of {', '.join(names)}.")
        value = [value[name] for name in names]
    try:
        state = torch.as_tensor(value, dtype=torch.float32).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"observation.state: found {_kind(value)}. Give {len(names)} numbers.") from error
    if state.shape != (len(names),):
        raise DataError(
            f"observation.state: found the shape {tuple(state.shape)}; {body.name} has {len(names)} state axes"
            f"{': ' + ', '.join(names) if names else ', so leave the state out'}."
        )
    if not bool(state.isfinite().all()):
        bad = names[int((~state.isfinite()).nonzero()[0, 0])]
        raise DataError(f"observation.state: '{bad}' is not a finite number. Check the sensor before acting on it.")
    return state if names else None


def _refuse_unknown(value: Mapping[Any, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in value:
        if key not in names:
            match = difflib.get_close_matches(str(key), names, n=1)
            hint = f" Did you mean '{match[0]}'?" if match else ""
            raise DataError(f"{where}: unknown field '{key}'.{hint} Give only: {', '.join(names) or 'none'}.")


def _cameras(body: Embodiment) -> str:
    names = ", ".join(camera.name for camera in body.cameras)
    return f"{body.name} has the cameras {names}. Give one picture of each, by name."


def _kind(value: object) -> str:
    return type(value).__name__
