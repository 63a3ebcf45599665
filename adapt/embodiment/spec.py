"""Which cameras and which axes does a body have, in which units, and where are they in its data?

A body is described by one YAML file:

    name: arm                       # as the file is called
    prompt: "A video shows that a robot {instruction}"
    cameras:
      - {name: main, column: observation.images.top, slot: full}
    actions:
      - {names: [shoulder, elbow], unit: rad, column: action, start: 0, relative: true}
      - {name: grip, unit: share, column: action, index: 2, gripper: true}
    state:
      - {names: [shoulder, elbow], unit: rad, column: observation.state, start: 0}
    limits:                         # may be left out; `adapt.embodiment.limits` tells more
      - {names: [shoulder, elbow], low: -2.6, high: 2.6, speed: 1.5, acceleration: 6.0}

    rate_hz: 50                     # rows a second; only where the data do not say it, as HDF5 files do not

The same reader takes the JSON of `to_json`, in which every axis is written out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from adapt.embodiment.entries import (
    nearest,
    take_items,
    take_mapping,
    take_rate,
    take_switch,
    take_text,
    take_texts,
    take_whole,
)
from adapt.embodiment.limits import LIMITS, Limit, check_axes, read_limits
from adapt.embodiment.questions import OPEN, find_questions
from adapt.errors import EmbodimentError
from adapt.runs.documents import LARGEST_YAML, brief, in_short, parse_yaml
from adapt.types import Canvas

INSTRUCTION = "{instruction}"
BODY_KEYS = ("name", "prompt", "cameras", "actions", "state", "rate_hz")
CAMERA_KEYS = ("name", "column", "slot")
_NAMED = 4  # questions, before the rest are only hinted at
_MOST_SLOTS = 10_000  # No base has a longer vector of actions.
_AXIS_PLACES = ("name", "names", "unit", "column", "index", "start", "base_slot", "base_slots")
_AXIS_SWITCHES = ("relative", "gripper", "increment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One camera of a body: its name, its column in the data, and the canvas slot it fills."""

    name: str
    column: str
    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One number of a body's action or state, and where it is found.

    Args:
        name: What a reader calls it; a state axis of the same name is what a relative action is relative to.
        unit: "rad", "deg", "m", "share" (of a range, 0 to 1), ...; "unknown" where the data does not tell.
        column: Column of the data that holds it.
        index: Place in that column's vector.
        base_slot: Place in the base's own action vector; None where the base has no fixed places.
        relative: Trained as the distance from the state at the chunk's start (actions only).
        gripper: Opens and closes: scaled by its whole range, held rather than interpolated between rows.
        increment: A displacement per row, which adds up over time (actions only).
    """

    name: str
    unit: str
    column: str
    index: int
    base_slot: int | None = None
    relative: bool = False
    gripper: bool = False
    increment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Embodiment:
    """A body: a robot, or the human hand, which has no axes.

    Args:
        name: As its file is called.
        prompt: With a place for the instruction.
        cameras: At least one.
        actions: In the order in which a model gives them.
        state: In the order in which a model takes them.
        rate_hz: Rows a second of its data, where these do not say; None where they do.
    """

    name: str
    prompt: str
    cameras: tuple[Camera, ...]
    actions: tuple[Axis, ...]
    state: tuple[Axis, ...]
    limits: tuple[Limit, ...] = ()
    rate_hz: float | None = None

    @property
    def action_names(self) -> tuple[str, ...]:
        """Names of the action axes, in order."""
        return tuple(axis.name for axis in self.actions)

    @property
    def action_units(self) -> tuple[str, ...]:
        """Units of the action axes, in order."""
        return tuple(axis.unit for axis in self.actions)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the state axes, in order."""
        return tuple(axis.name for axis in self.state)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the data that hold its axes, sorted."""
        return tuple(sorted({axis.column for axis in (*self.actions, *self.state)}))

    def prompt_for(self, instruction: str) -> str:
        """Put the instruction into the prompt's place for it."""
        return self.prompt.replace(INSTRUCTION, instruction)

    def to_json(self) -> dict[str, Any]:
        """Spell the body out as plain JSON, one entry per axis; `from_json` reads it back."""
        return {
            "name": self.name,
            "prompt": self.prompt,
            "cameras": [asdict(camera) for camera in self.cameras],
            "actions": [asdict(axis) for axis in self.actions],
            "state": [asdict(axis) for axis in self.state],
            # Left out where there are none, so that such a body is read by every version, and known by the same bytes.
            **({LIMITS: [limit.to_json() for limit in self.limits]} if self.limits else {}),
            **({} if self.rate_hz is None else {"rate_hz": self.rate_hz}),
        }

    @classmethod
    def from_json(cls, value: object, *, source: str) -> "Embodiment":
        """Read a body from JSON or parsed YAML; `source` names the file in messages.

        Raises:
            EmbodimentError: A key is unknown, missing or of the wrong kind, or the parts contradict each other.
        """
        if asked := list(islice(find_questions(value), _NAMED + 1)):
            more = ", ..." if len(asked) > _NAMED else ""
            raise EmbodimentError(
                f"{source}: not answered yet: {', '.join(asked[:_NAMED])}{more}. Write the answer in place of each "
                f"'{OPEN}'; what it could be is told beside it."
            )
        return _check(_read_body(value, source), source)


def load_embodiment(name_or_path: str, folders: Sequence[Path]) -> Embodiment:
    """Find a body by name in the folders, or read the YAML file at a path.

    Args:
        name_or_path: A name such as "g1_inspire", or a path that ends in .yaml or .yml.
        folders: Where named bodies are looked for; the first that has it wins.

    Raises:
        EmbodimentError: There is no such body (the nearest names are told), or its file is wrong.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        return _read_yaml(Path(name_or_path).expanduser())
    known = list_embodiments(folders)
    if name_or_path not in known:
        places = ", ".join(str(folder) for folder in folders) or "no folder"
        raise EmbodimentError(
            f"embodiment '{name_or_path}': not found in {places}.{nearest(name_or_path, known)} "
            f"Choose one of {', '.join(known) or 'none'}, or give the path of a .yaml file."
        )
    body = _read_yaml(known[name_or_path])
    if body.name != name_or_path:
        raise EmbodimentError(
            f"{known[name_or_path]}: its name is '{body.name}', but the file is called '{name_or_path}'. Rename one."
        )
    return body


def list_embodiments(folders: Sequence[Path]) -> dict[str, Path]:
    """Name and file of every body in the folders, sorted by name."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def check_slots(spec: Embodiment, canvas: Canvas) -> None:
    """Refuse a body whose cameras ask for slots that the base's canvas does not have.

    Raises:
        EmbodimentError: A slot is unknown to the canvas.
    """
    for camera in spec.cameras:
        if camera.slot not in canvas.slots:
            raise EmbodimentError(
                f"embodiment '{spec.name}': camera '{camera.name}' wants the slot '{camera.slot}', but this base's "
                f"canvas has {', '.join(sorted(canvas.slots))}.{nearest(camera.slot, canvas.slots)} Name one of these."
            )


def _read_yaml(path: Path) -> Embodiment:
    try:
        with path.open(encoding="utf-8") as file:
            value = parse_yaml(file.read(LARGEST_YAML + 1))
    except OSError as error:
        raise EmbodimentError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except ValueError as error:
        raise EmbodimentError(f"{path}: not valid YAML: {in_short(error)}. Mend that line.") from error
    return Embodiment.from_json(value, source=str(path))


def _read_body(value: object, source: str) -> Embodiment:
    entry = take_mapping(value, (*BODY_KEYS, LIMITS), source)
    return Embodiment(
        name=take_text(entry, "name", source),
        prompt=take_text(entry, "prompt", source),
        cameras=tuple(_read_camera(item, where) for item, where in take_items(entry, "cameras", source)),
        actions=_read_vector(entry, "actions", source),
        state=_read_vector(entry, "state", source),
        limits=read_limits(entry, source) if LIMITS in entry else (),
        rate_hz=take_rate(entry, "rate_hz", source),
    )


def _read_camera(value: object, where: str) -> Camera:
    entry = take_mapping(value, CAMERA_KEYS, where)
    return Camera(**{key: take_text(entry, key, where) for key in CAMERA_KEYS})


def _read_vector(entry: Mapping[str, object], key: str, source: str) -> tuple[Axis, ...]:
    return tuple(axis for item, where in take_items(entry, key, source) for axis in _read_axes(item, where))


def _read_axes(value: object, where: str) -> list[Axis]:
    """Read one axis (`name`, `index`), or a run of neighbours (`names`, `start`)."""
    entry = take_mapping(value, (*_AXIS_PLACES, *_AXIS_SWITCHES), where)
    many = "names" in entry
    names = take_texts(entry, "names", where) if many else [take_text(entry, "name", where)]
    first = take_whole(entry, "start" if many else "index", where)
    slots = _base_slots(entry, len(names), where, many=many)
    shared: dict[str, Any] = {
        "unit": take_text(entry, "unit", where),
        "column": take_text(entry, "column", where),
        **{key: take_switch(entry, key, where) for key in _AXIS_SWITCHES},
    }
    _refuse_mixture(entry, where, many=many)
    return [
        Axis(name=name, index=first + place, base_slot=slot, **shared)
        for place, (name, slot) in enumerate(zip(names, slots, strict=True))
    ]


def _refuse_mixture(entry: Mapping[str, object], where: str, *, many: bool) -> None:
    odd = sorted({"name", "index", "base_slot"} & entry.keys() if many else {"start", "base_slots"} & entry.keys())
    if odd:
        kind = "a run of axes ('names') takes 'start' and 'base_slots'" if many else "one axis ('name') takes 'index'"
        raise EmbodimentError(f"{where}: found '{odd[0]}', but {kind}. Rename that key.")


def _base_slots(entry: Mapping[str, object], count: int, where: str, *, many: bool) -> list[int | None]:
    if not many:
        return [None if entry.get("base_slot") is None else take_whole(entry, "base_slot", where)]
    slots = entry.get("base_slots")
    if slots is None:
        return [None] * count
    if (
        not isinstance(slots, list)
        or len(slots) != count
        or not all(type(slot) is int and 0 <= slot <= _MOST_SLOTS for slot in slots)
    ):
        raise EmbodimentError(
            f"{where}: 'base_slots' is {brief(slots)}; give a list of {count} whole numbers, one per name."
        )
    return list(slots)


def _check(body: Embodiment, source: str) -> Embodiment:
    if INSTRUCTION not in body.prompt:
        raise EmbodimentError(
            f"{source}: prompt is {brief(body.prompt)}; it must hold {INSTRUCTION}, where the task is put. Add it."
        )
    if not body.cameras:
        raise EmbodimentError(f"{source}: cameras is empty; name at least one camera and the canvas slot it fills.")
    for kind, names in (
        ("camera", [camera.name for camera in body.cameras]),
        ("camera slot", [camera.slot for camera in body.cameras]),
        ("action axis", [axis.name for axis in body.actions]),
        ("action place", [f"{axis.column}[{axis.index}]" for axis in body.actions]),
        ("state axis", [axis.name for axis in body.state]),
        ("state place", [f"{axis.column}[{axis.index}]" for axis in body.state]),
    ):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise EmbodimentError(f"{source}: the {kind} '{twice[0]}' is given twice. Take one of them out.")
    check_axes(body.limits, body.action_names, source)
    _check_commands(body, source)
    _check_relative(body, source)
    return body


def _check_commands(body: Embodiment, source: str) -> None:
    """Refuse actions that are the state: who is told to be where he is does not learn to move."""
    places = {(axis.column, axis.index): axis.name for axis in body.state}
    for axis in body.actions:
        if (axis.column, axis.index) in places:
            raise EmbodimentError(
                f"{source}: action axis '{axis.name}' is read from {axis.column}[{axis.index}], as is the state axis "
                f"'{places[axis.column, axis.index]}'; a command is not the state. Name the column of the commands."
            )


def _check_relative(body: Embodiment, source: str) -> None:
    for axis in body.state:
        if axis.relative or axis.increment:
            raise EmbodimentError(
                f"{source}: state axis '{axis.name}' is relative or an increment; only actions can be. Set it to false."
            )
    units = {axis.name: axis.unit for axis in body.state}
    for axis in body.actions:
        if axis.increment and (axis.relative or axis.gripper):
            raise EmbodimentError(
                f"{source}: action axis '{axis.name}' is an increment, so it cannot be relative or a gripper as well. "
                "Drop one of them."
            )
        if axis.relative and units.get(axis.name) != axis.unit:
            found = f"has the unit '{units[axis.name]}'" if axis.name in units else "does not exist"
            raise EmbodimentError(
                f"{source}: action axis '{axis.name}' ('{axis.unit}') is relative, but the state axis of that name "
                f"{found}.{nearest(axis.name, units)} Name and unit must agree, or set relative to false."
            )
