"""What is a robot like of which nobody says anything? Columns, names and cameras of its data, and no unit.

With that the examination can tell what needs no unit; and a draft of a spec can be written, for somebody to mend.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from adapt.data.episodes import Episode, EpisodeSource
from adapt.embodiment.spec import INSTRUCTION, Axis, Camera, Embodiment
from adapt.errors import AdaptError, DataError
from adapt.quality.robot.rows import GUESS
from adapt.runs.documents import is_text

UNKNOWN = "unknown"  # unit
_PLACE = re.compile(r"(^|_|\b)(x|y|z|lift|height|pos|position)(_|\b|$)", re.IGNORECASE)
_MOST_RAD = 4 * np.pi  # what no joint of a column in radians goes beyond
_ACTION, _STATE = "action", "observation.state"  # columns, and what begins with them and a dot
# What other formats call them; the first that is there holds.
_ACTIONS = (_ACTION, "actions")
_STATES = (_STATE, "observations/qpos", "state", "qpos")
# Robomimic has a column for each part of what the robot feels; these are what a robot knows of itself.
_FELT = (
    re.compile(r"obs/robot\d+_(joint_pos|gripper_qpos)$"),
    re.compile(r"obs/robot\d+_(eef_pos|eef_quat|gripper_qpos)$"),
)
_BARE = re.compile(r"^(\D*?)[_ ]?\d+$")  # a name that only counts
_GRIPPER = re.compile(r"grip|claw|jaw|finger|thumb|pinky|hand(?!le)", re.IGNORECASE)
_WORKS = 0.05  # of the widest motion among the commands; what moves less tells nothing
_FOLLOWS = 0.5  # correlation of a command that is a place with the state it leads to
_ADDS_UP = 0.9  # of the sum of displacements with that state
_AT_END, _SWITCHED = 0.02, 0.9  # of its range; share of the rows in which a switch is at either end
_LOOKED_AT = 8  # episodes


def guess_body(
    source: EpisodeSource, episodes: Sequence[Episode], cameras: Sequence[str], slots: Sequence[str], name: str
) -> Embodiment:
    """A body with every axis and camera of a data set, as far as the data itself tells.

    Action and state axes are held to belong together where they carry one name, or stand at one place of columns of
    one width. What the numbers show to be displacements is taken for increments; what is called a gripper, hand or
    finger, for one.

    Args:
        source: The data set.
        episodes: Those that can be read; their numbers are looked at.
        cameras: Columns of videos that are there.
        slots: Of the base's canvas; cameras beyond their number share the last.
        name: What the body is called.

    Raises:
        DataError: There is neither a column of actions nor one of states.
    """
    actions, state = _axes(source, _action_columns(source)), _axes(source, _state_columns(source))
    if not actions and not state:
        listed = ", ".join(f"'{column}'" for column in source.vectors) or "none"
        raise DataError(
            f"{source.where}: has no column '{_ACTION}' or '{_STATE}'; its columns of numbers are {listed}. Give "
            "--embodiment with a spec that names those of this robot."
        )
    if len(actions) == len(state) and not {axis.name for axis in actions} & {axis.name for axis in state}:
        actions = [replace(axis, name=twin.name) for axis, twin in zip(actions, state, strict=True)]
    places = cameras_in(cameras, slots)
    body = Embodiment(
        name=name,
        prompt=f"A single view video shows that a robot {INSTRUCTION}",
        cameras=tuple(Camera(name=_short(column), column=column, slot=slot) for column, slot in places),
        actions=tuple(actions),
        state=tuple(state),
    )
    return _told_apart(body, source, episodes)


def cameras_in(columns: Sequence[str], slots: Sequence[str]) -> list[tuple[str, str]]:
    """Columns with a slot for each: one camera fills the canvas, several its parts; the last is shared if need be."""
    if not slots:
        return []
    whole, parts = next((slot for slot in slots if slot == "full"), slots[0]), [s for s in slots if s != "full"]
    if len(columns) <= 1 or not parts:
        return [(column, whole) for column in columns]
    return [(column, parts[min(place, len(parts) - 1)]) for place, column in enumerate(columns)]


def draft(body: Embodiment, source: EpisodeSource) -> str:
    """A spec in YAML that can be read as it is, with what somebody must look at said beside it."""
    taken: set[str] = set()
    cameras: list[str] = []
    left: list[str] = []
    for camera in body.cameras:
        entry = f"{{name: {_plain(camera.name)}, column: {_plain(camera.column)}, slot: {_plain(camera.slot)}}}"
        (left if camera.slot in taken else cameras).append(entry)
        taken.add(camera.slot)
    lines = [
        f"# Drafted by wam-adapt doctor from what {_plain(source.where)} says of itself. Mend before training:",
        "# - unit: rad, deg, m or share (of a range, 0 to 1), as the numbers are; these are guesses",
        "# - gripper: true was set by names, and for commands that switch between two ends",
        "# - increment: true was set where the commands add up to the state",
        "# - relative: true for joints that are commanded as places, to train them relative to where they are",
        "# - slot: which part of the base's picture a camera fills",
        f"name: {_plain(body.name)}",
        f"prompt: {_plain(body.prompt)}",
        "cameras:",
        *(f"  - {entry}" for entry in cameras),
        *(f"  # no slot is left for: {entry}" for entry in left),
    ]
    for key, axes in (("actions", body.actions), ("state", body.state)):
        lines += [f"{key}:" if axes else f"{key}: []", *(f"  - {_entry(axis)}" for axis in axes)]
    return "\n".join(lines) + "\n"


def _entry(axis: Axis) -> str:
    switches = "".join(f", {key}: true" for key in ("gripper", "increment") if getattr(axis, key))
    place = f"column: {_plain(axis.column)}, index: {axis.index}"
    unit = _plain(axis.unit.removesuffix(GUESS))
    return f"{{name: {_plain(axis.name)}, unit: {unit}, {place}{switches}}}" + "  # guessed" * axis.unit.endswith(GUESS)


def _plain(text: str) -> str:
    """A text as YAML has it inside braces: JSON's way of writing one, with all escaped that YAML would not take."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in written)


def _action_columns(source: EpisodeSource) -> list[str]:
    """Where commands are: one column of all of them, or one for each part of the body."""
    whole = [column for column in _ACTIONS if column in source.vectors][:1]
    return whole or [column for column in source.vectors if column.startswith(f"{_ACTION}.")]


def _state_columns(source: EpisodeSource) -> list[str]:
    """Where the state is, likewise; of robomimic's, joints where they are told, else where the hand is."""
    if whole := [column for column in _STATES if column in source.vectors][:1]:
        return whole
    for felt in _FELT:
        if any(felt.match(column) and "gripper" not in column for column in source.vectors):
            return [column for column in source.vectors if felt.match(column)]
    return [column for column in source.vectors if column.startswith(f"{_STATE}.")]


def _given(source: EpisodeSource, column: str) -> list[str]:
    """Names that the data give a column's elements; by their part of the body where they are only counted."""
    names = [name if is_text(name) else "" for name in source.vectors[column]]
    groups = source.groups.get(column, ())
    stems = {found[1] if (found := _BARE.match(name)) else name for name in names}
    if len(groups) != len(names) or (len(stems) > 1 and any(names)):
        return names
    counted: Counter[str] = Counter()
    for place, group in enumerate(groups):
        if group:
            names[place] = f"{group}_{counted[group]}" if groups.count(group) > 1 else group
            counted[group] += 1
    return names


def _axes(source: EpisodeSource, columns: Sequence[str]) -> list[Axis]:
    found: list[Axis] = []
    taken: set[str] = set()
    for column in columns:
        for index, given in enumerate(_given(source, column)):
            name = given or f"{_short(column)} {index}" if len(columns) > 1 else given or f"axis {index}"
            name = name if name not in taken else f"{name} ({column}[{index}])"
            taken.add(name)
            found.append(Axis(name=name, unit=UNKNOWN, column=column, index=index, gripper=bool(_GRIPPER.search(name))))
    return found


def _short(column: str) -> str:
    return re.split(r"[./]", column)[-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Levels:
    """Numbers of some episodes, each less its own mean, one after the other."""

    actions: np.ndarray  # (n, a)
    sums: np.ndarray  # likewise, added up from each episode's start
    state: np.ndarray  # (n, s)


def _told_apart(body: Embodiment, source: EpisodeSource, episodes: Sequence[Episode]) -> Embodiment:
    """With increments told from places, and commands that no state follows not held against one."""
    body = _with_units(_with_switches(body, source, episodes), source, episodes)
    seen = _levels(body, source, episodes)
    if seen is None:
        return body
    moves = np.ptp(seen.actions, axis=0)
    near, added = _correlations(seen.actions, seen.state), _correlations(seen.sums, seen.state)
    own = {axis.name: place for place, axis in enumerate(body.state)}
    actions = []
    for row, axis in enumerate(body.actions):
        place = own.get(axis.name)
        changes: Mapping[str, Any] = {}
        if place is not None and not axis.gripper:
            if added[row, place] > max(_ADDS_UP, near[row, place]):
                changes = {"increment": True}
            elif near[row].max() < _FOLLOWS and moves[row] > _WORKS * moves.max():
                changes = {"name": f"{axis.name} (command)"}
        actions.append(replace(axis, **changes))
    return replace(body, actions=tuple(actions))


def _levels(body: Embodiment, source: EpisodeSource, episodes: Sequence[Episode]) -> _Levels | None:
    if not body.actions or not body.state:
        return None
    parts = [
        tuple(values - values.mean(axis=0) for values in (told, told.cumsum(axis=0), done))
        for told, done in _numbers(body, source, episodes)
    ]
    if not parts:
        return None
    actions, sums, state = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _Levels(actions=actions, sums=sums, state=state)


def _with_switches(body: Embodiment, source: EpisodeSource, episodes: Sequence[Episode]) -> Embodiment:
    """Commands that are nearly always at one of their ends open and close something, whatever they are called."""
    told = [actions for actions, _ in _numbers(body, source, episodes)]
    if not told or not body.actions:
        return body
    values = np.concatenate(told)
    low, reach = values.min(axis=0), np.ptp(values, axis=0)
    places = (values - low) / np.where(reach > 0, reach, 1.0)
    switches = (np.minimum(places, 1 - places) < _AT_END).mean(axis=0) > _SWITCHED
    return replace(
        body,
        actions=tuple(
            replace(axis, gripper=axis.gripper or bool(switch and size > 0))
            for axis, switch, size in zip(body.actions, switches, reach, strict=True)
        ),
    )


def _with_units(body: Embodiment, source: EpisodeSource, episodes: Sequence[Episode]) -> Embodiment:
    """Guessed from names and sizes, column by column; grippers have none."""
    reach: dict[str, float] = {}
    for told, done in _numbers(body, source, episodes):
        for axes, values in ((body.actions, told), (body.state, done)):
            for axis, size in zip(axes, np.abs(values).max(axis=0), strict=True):
                if not axis.gripper:
                    reach[axis.column] = max(reach.get(axis.column, 0.0), float(size))

    def with_unit(axis: Axis) -> Axis:
        """An axis with the unit that its name and its column's reach suggest, marked as a guess."""
        if axis.gripper or not reach:
            return axis
        turns = "deg" if reach.get(axis.column, 0.0) > _MOST_RAD else "rad"
        return replace(axis, unit=("m" if _PLACE.search(axis.name) else turns) + GUESS)

    return replace(body, actions=tuple(map(with_unit, body.actions)), state=tuple(map(with_unit, body.state)))


def _numbers(
    body: Embodiment, source: EpisodeSource, episodes: Sequence[Episode]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Actions and state of some episodes, of those that can be read and are finite. Shapes (t, a) and (t, s)."""
    for episode in islice(episodes, _LOOKED_AT):
        try:
            table = source.table(episode, body.columns)
        except AdaptError:
            continue  # Whoever reads it for its own sake says why.
        if any(axis.index >= table.columns[axis.column].shape[1] for axis in (*body.actions, *body.state)):
            continue
        told, done = (
            np.stack([table.columns[axis.column][:, axis.index].numpy() for axis in axes], axis=1)
            if axes
            else np.zeros((len(table.time_s), 0))
            for axes in (body.actions, body.state)
        )
        if len(told) and np.isfinite(told).all() and np.isfinite(done).all():
            yield told, done


def _correlations(lead: np.ndarray, follow: np.ndarray) -> np.ndarray:
    """Of every column with every other, 0 for what does not change. Shape (a, s)."""
    size = np.sqrt((lead**2).sum(axis=0)[:, None] * (follow**2).sum(axis=0)[None, :])
    return np.asarray(np.where(size > 0, lead.T @ follow / np.where(size > 0, size, 1.0), 0.0))
