"""Under which names do a robot's pictures and numbers arrive? Ours by default; any client's by a file.

What is always understood, for a body with the camera `main` and the state axes x, y:

    {"images": {"main": picture}, "state": [0.1, 0.2], "prompt": "pour"}         as openpi's ALOHA
    {"observation/main": picture, "observation/state": [0.1, 0.2], "prompt": "pour"}      flat
    {"observation.images.main": picture, "observation.state": [...], "prompt": "pour"}    the columns of its data

Other names are told by a YAML file:

    images: {observation/exterior_image_0_left: left, observation/wrist_image_left: wrist}     # wire name: camera
    state:                                                                                     # wire name: state axes
      observation/joint_position: [j1, j2, j3, j4, j5, j6, j7]
      observation/gripper_position: [gripper]
    roboarena: {action_space: joint_position, image_resolution: [224, 224]}     # only to be evaluated by RoboArena
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapt.embodiment.entries import nearest, take_mapping, take_text, take_texts
from adapt.embodiment.spec import Embodiment
from adapt.errors import EmbodimentError
from adapt.runs.documents import LARGEST_YAML, brief, in_short, is_text, parse_yaml

ACTION_SPACES = {"joint_position": 8, "joint_velocity": 8, "cartesian_position": 7, "cartesian_velocity": 7}
ROBOARENA_STATE = tuple(f"observation/{name}_position" for name in ("joint", "cartesian", "gripper"))
ROBOARENA_IMAGES = tuple(
    f"observation/{place}_{side}"
    for place in ("exterior_image_0", "exterior_image_1", "wrist_image")
    for side in ("left", "right")
)
_KEYS = ("images", "state", "roboarena")
_MOST_SIDE_PX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class RoboArena:
    """What RoboArena's evaluators ask a server about.

    Attributes:
        action_space: What the actions are, one of `ACTION_SPACES`.
        image_resolution: Height and width its client shrinks pictures to; None to send them as they are.
    """

    action_space: str
    image_resolution: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Names on the wire besides the usual ones.

    Attributes:
        images: Camera of the body, by wire name.
        state: State axes of the body that an array holds, by wire name.
        roboarena: How RoboArena is answered; None where it is not.
    """

    images: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roboarena: RoboArena | None = None

    @property
    def ignored(self) -> frozenset[str]:
        """What a client sends whether it is needed or not."""
        return frozenset((*ROBOARENA_STATE, *ROBOARENA_IMAGES)) if self.roboarena else frozenset()

    def roboarena_config(self) -> dict[str, Any] | None:
        """The six entries with which RoboArena's client begins, no more and no fewer; None where it is not served."""
        if self.roboarena is None:
            return None
        size = self.roboarena.image_resolution
        return {
            "image_resolution": None if size is None else list(size),
            "needs_wrist_camera": any("wrist" in name for name in self.images),
            "n_external_cameras": len({name.rsplit("_", 1)[0] for name in self.images if "exterior" in name}),
            "needs_stereo_camera": any(name.endswith("_right") for name in self.images),
            "needs_session_id": True,
            "action_space": self.roboarena.action_space,
        }


def load_keys(path: Path, body: Embodiment) -> Keys:
    """Read a file of names, and check it against the body.

    Raises:
        EmbodimentError: It cannot be read, a name is unknown, or the body does not fit RoboArena.
    """
    try:
        with path.open(encoding="utf-8") as file:
            value = parse_yaml(file.read(LARGEST_YAML + 1))
    except OSError as error:
        raise EmbodimentError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except ValueError as error:
        raise EmbodimentError(f"{path}: not valid YAML: {in_short(error)}. Mend that line.") from error
    return read_keys(value, body, source=str(path))


def read_keys(value: object, body: Embodiment, *, source: str) -> Keys:
    """As `load_keys`, of a file that has been parsed."""
    entry = take_mapping(value, _KEYS, source)
    images = _part(entry, "images", source)
    state = _part(entry, "state", source)
    keys = Keys(
        images={name: take_text(images, name, f"{source}: images") for name in images},
        state={name: tuple(take_texts(state, name, f"{source}: state")) for name in state},
        roboarena=None if entry.get("roboarena") is None else _read_roboarena(entry["roboarena"], source),
    )
    _check_known("camera", list(keys.images.values()), [camera.name for camera in body.cameras], source)
    _check_known("state axis", [axis for axes in keys.state.values() for axis in axes], body.state_names, source)
    if keys.roboarena is not None:
        _check_roboarena(keys, keys.roboarena, body, source)
    return keys


def _part(entry: Mapping[str, object], key: str, source: str) -> Mapping[str, object]:
    value = entry.get(key) or {}
    if not isinstance(value, Mapping) or not all(is_text(name) and name for name in value):
        raise EmbodimentError(f"{source}: '{key}' is {brief(value)}; give names on the wire, each with what it holds.")
    return value


def _read_roboarena(value: object, source: str) -> RoboArena:
    where = f"{source}: roboarena"
    entry = take_mapping(value, ("action_space", "image_resolution"), where)
    space, size = take_text(entry, "action_space", where), entry.get("image_resolution")
    if space not in ACTION_SPACES:
        raise EmbodimentError(f"{where}: 'action_space' is {brief(space)}; take one of {', '.join(ACTION_SPACES)}.")
    if size is not None and not (
        isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and 1 <= side <= _MOST_SIDE_PX for side in size)
    ):
        raise EmbodimentError(f"{where}: 'image_resolution' is {brief(size)}; give [height, width], or leave it out.")
    return RoboArena(action_space=space, image_resolution=None if size is None else (size[0], size[1]))


def _check_known(kind: str, named: list[str], known: "list[str] | tuple[str, ...]", source: str) -> None:
    for name in named:
        if name not in known:
            raise EmbodimentError(
                f"{source}: the body has no {kind} '{name}'.{nearest(name, known)} Name some of "
                f"{', '.join(known) or 'none'}."
            )
        if named.count(name) > 1:
            raise EmbodimentError(f"{source}: the {kind} '{name}' is named twice. Take one of them out.")


def _check_roboarena(keys: Keys, told: RoboArena, body: Embodiment, source: str) -> None:
    wanted = ACTION_SPACES[told.action_space]
    if len(body.actions) != wanted:
        raise EmbodimentError(
            f"{source}: roboarena: {told.action_space} has {wanted} action axes, but {body.name} has "
            f"{len(body.actions)}. Serve a body that was trained with DROID's axes."
        )
    for name in (*keys.images, *keys.state):
        if name not in (*ROBOARENA_IMAGES, *ROBOARENA_STATE):
            raise EmbodimentError(
                f"{source}: RoboArena sends no '{name}'.{nearest(name, (*ROBOARENA_IMAGES, *ROBOARENA_STATE))} "
                f"Use its own names: {', '.join((*ROBOARENA_IMAGES[::2], *ROBOARENA_STATE))}."
            )
