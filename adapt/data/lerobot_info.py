"""What does `meta/info.json` say of a LeRobot data set, of any version?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapt.data.lerobot_rows import INFO, is_pointer
from adapt.errors import DataError
from adapt.runs.documents import brief, in_short, is_text, parse_json, parse_object

# Nothing else of Python's format strings: they can reach into objects, and pad to any length.
_PLACES = "episode_chunk|episode_index|chunk_index|file_index"
_PATTERN = re.compile(rf"(?:[^{{}}]|\{{(?:{_PLACES})(?::0?\d{{1,2}}d?)?\}}|\{{video_key\}})+")
_MOST_ELEMENTS = 10_000  # of a column; no robot has a longer vector
_MOST_HZ = 100_000.0
_MOST_WHOLE = 2**53  # of an episode, a row or a chunk; beyond it numbers are not told apart in float64
_NUMBERS = ("float", "int", "uint", "bool")
_MODALITY = "meta/modality.json"
_KINDS = {"state": "observation.state", "action": "action"}  # of modality.json, and the column each cuts by default
VERSIONS = ("v2.0", "v2.1", "v3.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A data set's description.

    Attributes:
        root: The data set's folder.
        info: What `meta/info.json` says.
        version: Of its layout; one of `VERSIONS`.
        rate_hz: Rows and frames a second.
        vectors: Columns of numbers, and a name for each of their elements ("" where the data gives none).
        groups: By column, the part of the body each element belongs to, as GR00T's `meta/modality.json` names them.
        cameras: Columns that are videos.
    """

    root: Path
    info: Mapping[str, Any]
    version: str
    rate_hz: float
    vectors: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]
    cameras: tuple[str, ...]

    def place(self, key: str, **numbers: int | str) -> Path:
        """The file that a pattern of the description leads to.

        Args:
            key: "data_path" or "video_path".
            numbers: What is put into the pattern.

        Raises:
            DataError: The pattern is none, or leads out of the data set's folder.
        """
        template = self.info.get(key)
        if not isinstance(template, str) or not is_text(template) or not _PATTERN.fullmatch(template):
            raise DataError(
                f"{self.root / INFO}: '{key}' is {brief(template)}; write a pattern there as "
                f"LeRobot {self.version} does."
            )
        try:
            place = template.format(**numbers)
        except (KeyError, ValueError) as error:
            raise DataError(
                f"{self.root / INFO}: '{key}' is {brief(template)}, which is not LeRobot {self.version}'s "
                f"({in_short(error)}). Mend it."
            ) from error
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise DataError(f"{self.root / INFO}: '{key}' leads to {place}; name a place inside the data set's folder.")
        return self.root / place


def describe(root: Path, versions: Sequence[str] = VERSIONS) -> Description:
    """Read a data set's description.

    Raises:
        DataError: The folder is not a LeRobot data set, or is one of another version.
    """
    info = _read_info(root, versions)
    features = info.get("features")
    sound = isinstance(features, dict) and all(isinstance(feature, dict) for feature in features.values())
    if not isinstance(features, dict) or not sound or not all(is_text(column) for column in features):
        raise DataError(f"{root / INFO}: 'features' is {brief(features)}; write a description per column there.")
    vectors = {
        column: names
        for column, feature in features.items()
        if (names := _element_names(feature, f"{root / INFO}: column '{column}'")) is not None
    }
    return Description(
        root=root,
        info=info,
        version=info["codebase_version"],
        rate_hz=_rate_hz(info, root),
        vectors=vectors,
        groups=_groups(root, vectors),
        cameras=tuple(column for column, feature in features.items() if feature.get("dtype") == "video"),
    )


def whole(row: Mapping[str, Any], key: str, name: str) -> int:
    """A whole number from 0.

    Raises:
        DataError: It is something else.
    """
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_WHOLE:
        raise DataError(f"{name}: '{key}' is {brief(value)}; write a whole number from 0 there.")
    return value


def text(row: Mapping[str, Any], key: str, name: str) -> str:
    """A text; "" where there is none.

    Raises:
        DataError: It is something else.
    """
    value = row.get(key, "")
    if not isinstance(value, str) or not is_text(value):
        raise DataError(f"{name}: '{key}' is {brief(value)}; write a text there.")
    return value


def _read_info(root: Path, versions: Sequence[str]) -> dict[str, Any]:
    path = root / INFO
    if not path.is_file():
        raise DataError(
            f"{root}: not a LeRobot data set, it has no {INFO}. Give the folder that holds 'meta' and 'data'."
        )
    try:
        info = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if is_pointer(path):
            raise DataError(
                f"{path}: a Git LFS pointer, not the file itself. Run `git lfs pull` in the data set's folder."
            ) from error
        raise DataError(f"{path}: not valid JSON ({in_short(error)}). Restore the file.") from error
    version = info.get("codebase_version") if isinstance(info, dict) else None
    if not isinstance(version, str) or version not in versions:
        raise DataError(
            f"{path}: codebase_version is {brief(version)}; {', '.join(versions)} are read. Take the data set's "
            f"revision '{versions[-1]}' if its repository has one (hf download REPO --repo-type dataset --revision "
            f"{versions[-1]}), or convert it with LeRobot's own converter."
        )
    assert isinstance(info, dict)
    return info


def _rate_hz(info: Mapping[str, Any], root: Path) -> float:
    rate = info.get("fps")
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate <= _MOST_HZ:
        raise DataError(f"{root / INFO}: 'fps' is {brief(rate)}; write the rows per second there, a number above 0.")
    return float(rate)


def _element_names(feature: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """A name for each element of a column of numbers; None for any other column.

    Raises:
        DataError: Its shape is no number of elements.
    """
    shape = feature.get("shape")
    if not str(feature.get("dtype")).startswith(_NUMBERS) or not isinstance(shape, list) or len(shape) != 1:
        return None
    names = feature.get("names")
    # Names come flat, in one inner list, or in a mapping from a group to its list.
    groups = list(names.values()) if isinstance(names, dict) else [names]
    parts = [part for group in groups if isinstance(group, list) for part in group]
    flat = [str(name) for part in parts for name in (part if isinstance(part, list) else [part])]
    width = shape[0]
    if type(width) is not int or not 0 <= width <= _MOST_ELEMENTS:
        raise DataError(f"{where} has the shape {brief(shape)}; wanted at most {_MOST_ELEMENTS} elements. Mend it.")
    return tuple(flat) if len(flat) == width else ("",) * width


def _groups(root: Path, vectors: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Parts of the body by `meta/modality.json`; {} where there is none, or it is not of this kind."""
    try:
        parts = parse_object((root / _MODALITY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found: dict[str, list[str]] = {}
    for kind, column in _KINDS.items():
        entries = parts.get(kind)
        for name, cut in entries.items() if isinstance(entries, dict) else ():
            if not isinstance(cut, dict) or not is_text(name):
                continue
            place = cut.get("original_key", column)
            start, end = cut.get("start"), cut.get("end")
            if not isinstance(place, str) or place not in vectors or type(start) is not int or type(end) is not int:
                continue
            named = found.setdefault(place, [""] * len(vectors[place]))
            if 0 <= start < end <= len(named):
                named[start:end] = [name] * (end - start)
    return {column: tuple(names) for column, names in found.items()}
