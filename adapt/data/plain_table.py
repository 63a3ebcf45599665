"""What does a plain table of a robot's numbers hold, CSV or Parquet, and how are its columns called?

A header `action.shoulder` is the element "shoulder" of the column "action"; `action_0`, `action_1`, ... are elements
without names; a Parquet column of lists is a column as it is. One column is the clock, one may be the instruction.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import torch
from torch import Tensor

from adapt.data.episodes import Span
from adapt.data.lerobot_rows import read_matrix, read_parquet
from adapt.errors import DataError
from adapt.runs.documents import in_short, is_text

SUFFIXES = (".csv", ".parquet")
# Headers of a clock, and how many seconds one of its units is.
_CLOCKS = {"timestamp": 1.0, "time": 1.0, "time_s": 1.0, "timestamp_s": 1.0, "t": 1.0, "time_ms": 1e-3}
_CLOCKS |= {"timestamp_ms": 1e-3, "time_us": 1e-6, "timestamp_us": 1e-6, "time_ns": 1e-9, "timestamp_ns": 1e-9}
_TASKS = ("task", "instruction", "language_instruction")
_COMMANDS = "action"
_LONGEST_HEADER = 1_000_000
_NUMBERED = re.compile(r"(.*[^_.])[_.](\d{1,4})$")
_WHOLE = ("observation.state",)  # columns that have a dot in their own name
_MOST_ELEMENTS = 10_000  # of a column; no robot has a longer vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a table's headers stand for.

    Attributes:
        columns: By column, its elements in order: (header, element's name or "").
        clock: The header of the clock; "" where there is none.
        task: The header of the instruction; "" where there is none.
    """

    columns: Mapping[str, tuple[tuple[str, str], ...]]
    clock: str
    task: str


def tells_commands(path: Path) -> bool:
    """Whether a table has a column of commands, as only a robot's has; only its headers are read."""
    try:
        if path.suffix == ".parquet":
            names = pq.read_schema(path).names
        else:
            with path.open(encoding="utf-8", errors="replace") as file:
                names = [name.strip(' "') for name in file.readline(_LONGEST_HEADER).split(",")]
    except (OSError, pa.ArrowException, ValueError):
        return False
    return any(name.lower().startswith(_COMMANDS) for name in names)


def read_plain(path: Path) -> pa.Table:
    """Read a whole table.

    Raises:
        DataError: It cannot be read.
    """
    if path.suffix == ".parquet":
        return read_parquet(path, None, listed="the data set's folder")
    try:
        table = pa_csv.read_csv(path)
        _ = table.column_names  # Headers that are no UTF-8 are noticed only now.
        return table
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DataError(f"{path}: not a table that can be read as CSV ({in_short(error)}). Mend that row.") from error


def read_header(table: pa.Table, path: Path) -> Header:
    """Tell which headers belong together.

    Raises:
        DataError: A header is there twice.
    """
    names = table.column_names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path}: has the header '{twice[0]}' twice. Rename one of them.")
    clock = next((name for name in names if name in _CLOCKS), "")
    task = next((name for name in names if name in _TASKS and _is_text(table[name].type)), "")
    numbered: dict[str, list[tuple[int, str]]] = {}
    columns: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        kind = table[name].type
        if name in (clock, task) or not (_is_list(kind) or _is_number(kind)):
            continue
        if _is_list(kind):
            columns[name] = [(name, "")]
        elif (found := _NUMBERED.match(name)) and ("." not in found[1] or found[1] in _WHOLE):
            numbered.setdefault(found[1], []).append((int(found[2]), name))
        elif "." in name.strip("."):
            column, _, element = name.rpartition(".")
            columns.setdefault(column, []).append((name, element))
        else:
            columns[name] = [(name, "")]
    for stem, places in numbered.items():
        columns.setdefault(stem, []).extend((name, "") for _, name in sorted(places))
    return Header(columns={name: tuple(parts) for name, parts in columns.items()}, clock=clock, task=task)


def element_names(table: pa.Table, header: Header, path: Path) -> dict[str, tuple[str, ...]]:
    """By column, a name for each of its elements, "" where it has none.

    Raises:
        DataError: A column of lists has rows that differ in length.
    """
    found = {}
    for column, parts in header.columns.items():
        names = [name for _, name in parts]
        if len(parts) == 1 and _is_list(table[parts[0][0]].type):
            names = [""] * min(_MOST_ELEMENTS, read_matrix(table, parts[0][0], path).shape[1])
        found[column] = tuple(names)
    return found


def read_columns(table: pa.Table, header: Header, columns: Sequence[str], path: Path) -> dict[str, Tensor]:
    """Columns as numbers, in float64. Shapes (t, width).

    Raises:
        DataError: A column is missing, or a cell of it is empty or no number.
    """
    found = {}
    for column in columns:
        if column not in header.columns:
            raise DataError(f"{path.name}: has no column '{column}', which the first table has. Add it.")
        found[column] = torch.cat([read_matrix(table, name, path) for name, _ in header.columns[column]], dim=1)
    return found


def read_plain_clock(table: pa.Table, header: Header, path: Path) -> Tensor | None:
    """Seconds from the first row; None where the table has no clock. Shape (t,).

    Raises:
        DataError: Time does not go on from one row to the next.
    """
    if not header.clock or table.num_rows == 0:
        return None
    stamped = _stamps(table, header.clock, path)
    clock = (stamped - stamped[0]) * _CLOCKS[header.clock]
    backwards = ~(clock.diff() > 0)  # so that NaN is found as well
    if bool(backwards.any()):
        row = int(backwards.nonzero()[0]) + 1
        raise DataError(
            f"{path.name}: '{header.clock}' goes from {float(clock[row - 1]):.4f} to {float(clock[row]):.4f} s at row "
            f"{row}; time has to increase. Sort the rows, or take the doubled one out."
        )
    return clock


def _stamps(table: pa.Table, name: str, path: Path) -> Tensor:
    """Whole numbers of nanoseconds since 1970 are beyond what a float tells apart: the first is taken off before."""
    values = table[name]
    if pa.types.is_signed_integer(values.type) and not values.null_count:
        whole = torch.tensor(values.combine_chunks().cast(pa.int64()).to_numpy(zero_copy_only=False).copy())
        return (whole - whole[0]).double()
    return read_matrix(table, name, path)[:, 0]


def read_plain_spans(table: pa.Table, header: Header, clock: Tensor, otherwise: str) -> tuple[Span, ...]:
    """Cut an episode where its instruction changes; without a column of instructions, one holds throughout."""
    told = table[header.task].to_pylist() if header.task else [otherwise] * table.num_rows
    words = [word if isinstance(word, str) and is_text(word) and word.strip() else otherwise for word in told]
    words = words[: len(clock)]
    firsts = [place for place, word in enumerate(words) if place == 0 or words[place - 1] != word]
    return tuple(
        Span(instruction=words[first], start_s=float(clock[first]), end_s=float(clock[after - 1]))
        for first, after in zip(firsts, [*firsts[1:], len(words)], strict=True)
    )


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
