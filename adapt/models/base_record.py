"""What does a base's base.json say? Read without trusting it: whatever is no description of a base is refused."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.errors import CheckpointError
from adapt.models.codec import CodecConfig
from adapt.models.text import TextConfig
from adapt.models.world_action import WorldActionConfig
from adapt.runs.documents import brief, in_short, parse_object
from adapt.runs.typed import find_misfit
from adapt.types import BaseGeometry

FORMAT = 1
ANEW = "Fetch or build the base again."
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseIdentity:
    """Which base this is."""

    name: str  # of the packaged base, or a repository id
    revision: str  # full commit sha on the Hub; the packaged base's version
    licence: str
    fingerprint: str = ""  # of codec, text encoder and transformer, by tensor; the heads travel with an adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseDescription:
    """Everything base.json says, each part of the kind it should be."""

    folder: Path
    identity: BaseIdentity
    geometry: BaseGeometry
    codec: CodecConfig
    text: TextConfig
    model: WorldActionConfig
    embodiments: Mapping[str, Embodiment]
    statistics: Mapping[str, BodyStatistics]
    fingerprints: Mapping[str, str]  # of the tensors in each file


def read_record(folder: Path) -> dict[str, Any]:
    """What base.json says, as it says it; of the format that this version reads.

    Args:
        folder: Of a base.

    Raises:
        CheckpointError: It is not there, damaged, or of another format.
    """
    path = folder / "base.json"
    try:
        record = parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not JSON ({in_short(error)}). {ANEW}") from error
    form = record.get("format")
    if type(form) is not int or form != FORMAT:
        raise CheckpointError(f"{path}: format {brief(form)}; this version reads {FORMAT}. Update wam-adapt.")
    return record


def read_description(folder: Path) -> BaseDescription:
    """What base.json says, checked; no weights are looked at.

    Args:
        folder: Of a base.

    Raises:
        CheckpointError: It is not there, damaged, of another format, or does not describe a base.
        EmbodimentError: One of its bodies, or their statistics, is not sound.
    """
    record = read_record(folder)
    source = str(folder / "base.json")
    with describing(folder):
        return BaseDescription(
            folder=folder,
            identity=_sound(BaseIdentity(**record["identity"]), "identity"),
            geometry=_sound(BaseGeometry.from_json(record["geometry"]), "geometry"),
            codec=_sound(CodecConfig.from_json(record["codec"]), "codec"),
            text=_sound(TextConfig.from_json(record["text"]), "text"),
            model=_sound(WorldActionConfig.from_json(record["model"]), "model"),
            embodiments={k: Embodiment.from_json(v, source=source) for k, v in record["embodiments"].items()},
            statistics={k: BodyStatistics.from_json(v, source=source) for k, v in record["statistics"].items()},
            fingerprints=dict(record["fingerprints"]),
        )


@contextmanager
def describing(folder: Path) -> Iterator[None]:
    """Turn what is raised inside over a description that is none into a CheckpointError.

    Args:
        folder: Of the base.

    Yields:
        Nothing.

    Raises:
        CheckpointError: Something was raised; what says so.
    """
    try:
        yield
    # Torch and the libraries of codec and text encoder refuse sizes in their own ways; Python, what has no such key.
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, AssertionError) as error:
        raise CheckpointError(
            f"{folder / 'base.json'}: does not describe a base ({in_short(error)}). {ANEW}"
        ) from error


def _sound(value: T, where: str) -> T:
    if problem := find_misfit(value, type(value), where):
        raise ValueError(problem)
    return value
