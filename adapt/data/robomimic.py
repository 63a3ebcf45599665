"""How are robomimic's files read? One HDF5 file: `data/demo_N/actions`, and `data/demo_N/obs/NAME` for what was seen.

robosuite's own demonstrations are laid out so, but without `obs`; LIBERO's and RoboCasa's too, with an instruction.

Source:
    robomimic, docs/datasets/overview.md; the language attributes as LIBERO and RoboCasa write them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapt.data.hdf5 import Hdf5Source, Place, attribute_text, no_rate
from adapt.data.hdf5_file import SUFFIXES, open_hdf5
from adapt.errors import DataError
from adapt.runs.documents import is_text, parse_object

ROWS, _DATA = "actions", "data"
_DEMO = re.compile(r"demo_(\d{1,9})$")
_MOST_HZ = 100_000.0


def find_robomimic(root: Path) -> Path | None:
    """The file, if it is laid out so; of a folder, the only HDF5 file in it."""
    paths = [root] if root.is_file() else sorted(path for path in root.glob("*") if path.suffix in SUFFIXES)
    if len(paths) != 1:
        return None
    try:
        with open_hdf5(paths[0]) as file:
            data = file.get(_DATA)
            demos = [name for name in data if _DEMO.match(name)] if hasattr(data, "keys") else []
            return paths[0] if demos else None
    except DataError:
        return None


def open_robomimic(path: Path, rate_hz: float | None, task: str) -> Hdf5Source:
    """Open such a file.

    Args:
        path: The file.
        rate_hz: Rows a second, where the simulator's settings in the file do not tell its control rate.
        task: The instruction of episodes that have none of their own; "" for none.

    Raises:
        DataError: There is no rate, or the file cannot be opened.
    """
    with open_hdf5(path) as file:
        data = file[_DATA]
        told = _control_hz(data.attrs) or rate_hz
        common = _instruction(data.attrs) or task
        demos = sorted((int(found[1]), name) for name in data if (found := _DEMO.match(name)))
        places = [
            Place(
                index=number,
                path=path,
                group=f"{_DATA}/{name}/",
                instruction=_instruction(data[name].attrs) or common,
            )
            for number, name in demos
        ]
    if told is None:
        raise no_rate(path)
    return Hdf5Source(path, places, told, ROWS)


def _control_hz(attributes: Mapping[str, Any]) -> float | None:
    for key, inner in (("env_args", "env_kwargs"), ("env_info", None)):
        settings = _object(attributes.get(key))
        found = settings.get(inner) if inner else settings
        rate = found.get("control_freq") if isinstance(found, dict) else None
        if isinstance(rate, int | float) and not isinstance(rate, bool) and 0 < rate <= _MOST_HZ:
            return float(rate)
    return None


def _instruction(attributes: Mapping[str, Any]) -> str:
    """What LIBERO (`problem_info`) or RoboCasa (`ep_meta`) tell; "" where nobody does."""
    for key, inner in (("ep_meta", "lang"), ("problem_info", "language_instruction")):
        told = _object(attributes.get(key)).get(inner)
        words = " ".join(part for part in told if isinstance(part, str)) if isinstance(told, list) else told
        if isinstance(words, str) and is_text(words) and words.strip(' "'):
            return words.strip(' "')
    return ""


def _object(value: Any) -> dict[str, Any]:
    try:
        return parse_object(attribute_text(value) or "{}")
    except ValueError:
        return {}
