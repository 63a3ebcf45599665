"""Does a body's spec fit this data set? Told before anything is trained, column by column."""

import numpy as np
from jaxtyping import Float

from adapt.data.episodes import EpisodeSource, EpisodeTable
from adapt.embodiment.entries import nearest
from adapt.embodiment.spec import Axis, Camera, Embodiment
from adapt.errors import EmbodimentError

_RATE_OFF = 1e-3  # share


def check_body(spec: Embodiment, source: EpisodeSource) -> None:
    """Refuse a spec that names what the data set does not have, or has elsewhere.

    Where the data names its elements, an axis that carries the name of one must stand at its place: slices that are
    off by one train without complaint.

    Raises:
        EmbodimentError: The rate is another than the data's, a camera or column is missing, an index lies outside its
            column, or an axis of the data's own naming is at another index.
    """
    check_rate(spec, source)
    for camera in spec.cameras:
        check_camera(camera, spec, source)
    for kind, axes in (("action", spec.actions), ("state", spec.state)):
        for axis in axes:
            check_axis(axis, f"embodiment '{spec.name}': {kind} axis '{axis.name}'", source)


class CopiedActions:
    """Finds action axes that are nothing but the state, which train without complaint and teach nothing.

    An axis counts as copied where it equals the state axis of its name in every row of every episode, and moves.
    Grippers are passed over: many robots report the last command as a gripper's state.

    Args:
        spec: The body.
    """

    def __init__(self, spec: Embodiment) -> None:
        self._spec = spec
        states = {axis.name: axis for axis in spec.state}
        self._pairs = [
            (axis, states[axis.name])
            for axis in spec.actions
            if axis.name in states and not axis.gripper and not axis.increment
        ]
        self._moved: set[str] = set()
        self._apart: set[str] = set()

    def see(self, table: EpisodeTable) -> None:
        """Look at one episode's rows."""
        for action, state in self._pairs:
            told, done = (table.columns[axis.column][:, axis.index] for axis in (action, state))
            self._look(action, told.numpy(), done.numpy())

    def see_rows(self, actions: Float[np.ndarray, "t a"], state: Float[np.ndarray, "t s"]) -> None:
        """As `see`, of rows whose columns are in the order of the spec's axes."""
        told_at, done_at = (
            {axis.name: place for place, axis in enumerate(axes)} for axes in (self._spec.actions, self._spec.state)
        )
        for action, felt in self._pairs:
            self._look(action, actions[:, told_at[action.name]], state[:, done_at[felt.name]])

    def _look(self, action: Axis, told: np.ndarray, done: np.ndarray) -> None:
        if not bool((told == done).all()):
            self._apart.add(action.name)
        if bool((done != done[0]).any()):
            self._moved.add(action.name)

    def refuse(self, where: str) -> None:
        """Refuse axes that were copied in all episodes seen.

        Raises:
            EmbodimentError: There are some; the first is named.
        """
        for action, state in self._pairs:
            if action.name in self._moved - self._apart:
                raise EmbodimentError(
                    f"embodiment '{self._spec.name}': in every row of {where} the action axis '{action.name}' "
                    f"({action.column}[{action.index}]) equals its state ({state.column}[{state.index}]); a command is "
                    "not the state. Name the column of the commands, or record them."
                )


def check_rate(spec: Embodiment, source: EpisodeSource) -> None:
    """Refuse a spec whose rate the data contradict.

    Raises:
        EmbodimentError: They differ.
    """
    if spec.rate_hz is not None and abs(spec.rate_hz / source.rate_hz - 1) > _RATE_OFF:
        raise EmbodimentError(
            f"embodiment '{spec.name}': rate_hz is {spec.rate_hz:g}, but {source.where} says {source.rate_hz:g} rows a "
            "second itself. Take rate_hz out of the spec, or mend the data set."
        )


def check_camera(camera: Camera, spec: Embodiment, source: EpisodeSource) -> None:
    """Refuse a camera that the data set does not have.

    Raises:
        EmbodimentError: It has none of that column.
    """
    if camera.column not in source.cameras:
        raise EmbodimentError(
            f"embodiment '{spec.name}': camera '{camera.name}' wants the video column '{camera.column}', but "
            f"{source.where} has {_listed(source.cameras)}.{nearest(camera.column, source.cameras)} "
            "Name an existing column in the spec."
        )


def check_axis(axis: Axis, subject: str, source: EpisodeSource) -> None:
    """Refuse an axis that the data set does not have, or has elsewhere.

    Args:
        axis: The axis.
        subject: What it is called in the message.
        source: The data set.

    Raises:
        EmbodimentError: Its column is missing, its index lies outside, or its name stands at another index.
    """
    if axis.column not in source.vectors:
        raise EmbodimentError(
            f"{subject} wants the column '{axis.column}', but {source.where} has {_listed(tuple(source.vectors))}."
            f"{nearest(axis.column, source.vectors)} Name an existing column in the spec."
        )
    names = source.vectors[axis.column]
    if axis.index >= len(names):
        raise EmbodimentError(
            f"{subject} wants index {axis.index} of '{axis.column}', but that column of {source.where} has "
            f"{len(names)} elements, 0 to {len(names) - 1}.{nearest(axis.name, filter(None, names))} "
            "Mend 'start' or 'index' in the spec."
        )
    if axis.name in names and names[axis.index] != axis.name:
        raise EmbodimentError(
            f"{subject} wants index {axis.index} of '{axis.column}', but {source.where} calls that element "
            f"'{names[axis.index]}' and has '{axis.name}' at index {names.index(axis.name)}. Mend 'start' or 'index'."
        )


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(f"'{column}'" for column in columns) or "none"
