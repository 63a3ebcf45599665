"""Does a body's spec fit this data set? Told before anything is trained, column by column."""

from adapt.data.episodes import EpisodeSource
from adapt.embodiment.entries import nearest
from adapt.embodiment.spec import Axis, Camera, Embodiment
from adapt.errors import EmbodimentError


def check_body(spec: Embodiment, source: EpisodeSource) -> None:
    """Refuse a spec that names what the data set does not have, or has elsewhere.

    Where the data names its elements, an axis that carries the name of one must stand at its place: slices that are
    off by one train without complaint.

    Raises:
        EmbodimentError: A camera or column is missing, an index lies outside its column, or an axis of the data's own
            naming is at another index.
    """
    for camera in spec.cameras:
        _check_camera(camera, spec, source)
    for kind, axes in (("action", spec.actions), ("state", spec.state)):
        for axis in axes:
            _check_axis(axis, f"embodiment '{spec.name}': {kind} axis '{axis.name}'", source)


def _check_camera(camera: Camera, spec: Embodiment, source: EpisodeSource) -> None:
    if camera.column not in source.cameras:
        raise EmbodimentError(
            f"embodiment '{spec.name}': camera '{camera.name}' wants the video column '{camera.column}', but "
            f"{source.where} has {_listed(source.cameras)}.{nearest(camera.column, source.cameras)} "
            "Name an existing column in the spec."
        )


def _check_axis(axis: Axis, subject: str, source: EpisodeSource) -> None:
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
