"""How do the rows of one LeRobot episode become numbers, times and instructions?

Rows and frames are paired by their order. Time runs from the first row, since some data sets stamp it with the end of
its step (0.05 s at 20 Hz) while the first frame is at 0. What an episode is asked to do comes from its rows'
`task_index`: the list in `episodes.jsonl` may also hold labels that are no instruction ("valid").
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from adapt.data.episodes import Span
from adapt.errors import DataError
from adapt.runs.documents import brief, is_text

INFO, EPISODES, TASKS = "meta/info.json", "meta/episodes.jsonl", "meta/tasks.jsonl"
TOLERANCE_ROWS = 2  # Encoders and recorders drop a frame at an end now and then.
_LFS = b"version https://git-lfs.github.com/spec/"


def is_pointer(path: Path) -> bool:
    """Whether a file is what Git leaves in place of a large one that was not fetched."""
    try:
        with path.open("rb") as file:
            return file.read(len(_LFS)) == _LFS
    except OSError:
        return False


def read_parquet(path: Path, columns: Sequence[str] | None, *, listed: str = EPISODES) -> pa.Table:
    """Read those of the columns that the file has.

    Args:
        path: The file.
        columns: Those that are wanted; None for all.
        listed: Where its episodes are listed, for messages.

    Raises:
        DataError: The file is missing or is not parquet.
    """
    try:
        present = pq.read_schema(path).names
        wanted = present if columns is None else [column for column in dict.fromkeys(columns) if column in present]
        return pq.read_table(path, columns=wanted)
    except FileNotFoundError as error:
        raise DataError(f"{path}: this file is missing. Put it there, or take the episode out of {listed}.") from error
    # Arrow passes on what its own readers raise, UnicodeDecodeError (a ValueError) and OverflowError among it.
    except (OSError, pa.ArrowException, ValueError, ArithmeticError) as error:
        if is_pointer(path):
            raise DataError(
                f"{path}: a Git LFS pointer, not the rows themselves. Run `git lfs pull` in the data set's folder."
            ) from error
        detail = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path}: not a readable parquet file ({detail}). Download it again.") from error


def read_clock(table: pa.Table, rate_hz: float, path: Path) -> Tensor:
    """Seconds from the first row; from the rate alone where rows carry no time stamps. Shape (t,).

    Raises:
        DataError: Time stamps leave the promised rate by more than `TOLERANCE_ROWS`: the video beside them would
            show something else.
    """
    even = torch.arange(table.num_rows, dtype=torch.float64) / rate_hz
    if "timestamp" not in table.column_names:
        return even
    stamped = read_matrix(table, "timestamp", path)[:, 0]
    clock = stamped - stamped[:1]
    adrift = ~((clock - even).abs() <= TOLERANCE_ROWS / rate_hz)  # so that NaN is adrift as well
    if bool(adrift.any()):
        row = int(adrift.nonzero()[0])
        raise DataError(
            f"{path.name}: row {row} is stamped {float(clock[row]):.3f} s after the first, but at {rate_hz:g} Hz it "
            f"belongs at {float(even[row]):.3f} s, where the video shows it. Mend the stamps or the rate in {INFO}."
        )
    return clock


def agree(first: str, wanted: int, second: str, found: int) -> None:
    """Refuse two counts of one episode's rows that are too far apart.

    Args:
        first: Who says the first, in words that its number follows.
        wanted: The first count.
        second: As `first`.
        found: The second count.

    Raises:
        DataError: They differ by more than `TOLERANCE_ROWS`.
    """
    if abs(wanted - found) > TOLERANCE_ROWS:
        raise DataError(
            f"{first} {wanted} rows, but {second} {found}: more than {TOLERANCE_ROWS} apart. Record the episode again, "
            "or leave it out."
        )


def read_matrix(table: pa.Table, column: str, path: Path) -> Tensor:
    """One column as float64, a row per row. Shape (t, width).

    Raises:
        DataError: The column is missing, or its rows are empty or differ in length.
    """
    if column not in table.column_names:
        raise DataError(f"{path.name}: has no column '{column}', which {INFO} promises. Restore the file.")
    if table.column_names.count(column) > 1:
        raise DataError(f"{path.name}: has the column '{column}' twice. Restore the file.")
    values = table[column].combine_chunks()
    if isinstance(values, pa.ChunkedArray):  # an empty table has no chunk to combine
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], pa.float64())
    nested = pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type)
    flat = values.flatten() if nested else values
    rows = table.num_rows
    lengths = set(values.value_lengths().unique().to_pylist()) if nested else {1}
    if values.null_count or flat.null_count or len(lengths) > 1 or 0 in lengths:
        raise DataError(
            f"{path.name}: column '{column}' has rows that are empty or differ in length. Restore the file."
        )
    if not _is_numeric(flat.type):
        raise DataError(f"{path.name}: column '{column}' holds {flat.type}, wanted numbers. Restore the file.")
    numbers = torch.tensor(flat.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=torch.float64)
    return numbers.reshape(rows, -1) if rows else numbers.reshape(0, 1)


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def read_spans(
    table: pa.Table,
    clock: Tensor,
    row: Mapping[str, Any],
    tasks: Mapping[int, str],
    path: Path,
    told_in: tuple[str, str] = (EPISODES, TASKS),
) -> tuple[Span, ...]:
    """Cut an episode where its instruction changes.

    Args:
        table: The episode's rows.
        clock: Time of each row, in seconds.
        row: What is listed of the episode.
        tasks: Instructions by `task_index`.
        path: The parquet file, for messages.
        told_in: Where episodes and instructions are listed, for messages.

    Raises:
        DataError: A row's task is not listed, or there is no telling which task the rows belong to.
    """
    if "task_index" not in table.column_names:
        named = row.get("tasks")
        if not isinstance(named, list) or len(named) != 1 or not is_text(named[0]):
            raise DataError(
                f"{path.name}: has no 'task_index', and {told_in[0]} lists {brief(named)}; name one task there."
            )
        return (Span(instruction=named[0], start_s=0.0, end_s=float(clock[-1])),) if len(clock) else ()
    labels = read_matrix(table, "task_index", path)[:, 0].long().tolist()
    firsts = [place for place, label in enumerate(labels) if place == 0 or labels[place - 1] != label]
    spans = []
    for first, after in zip(firsts, [*firsts[1:], len(labels)], strict=True):
        if labels[first] not in tasks:
            raise DataError(
                f"{path.name}: row {first} has task_index {labels[first]}, which {told_in[1]} does not list. Add it."
            )
        start_s, end_s = float(clock[first]), float(clock[after - 1])
        spans.append(Span(instruction=tasks[labels[first]], start_s=start_s, end_s=end_s))
    return tuple(spans)
