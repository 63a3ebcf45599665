"""What was noted beside a run, one row after the other? A small JSON file, read as strictly as if a stranger wrote it.

RUN/NAME.json    {"format": 1, ROWS: [{...}, ...]}, each row with the fields of one dataclass and no others;
                 those with a default may be missing
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_type_hints

from adapt.errors import RunError
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import brief, in_short, parse_object
from adapt.runs.fingerprint import Json
from adapt.runs.typed import find_misfit

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes(Generic[T]):
    """One sort of note.

    Attributes:
        name: Of the file.
        rows: What its rows are called in it.
        kind: A dataclass whose fields, annotated as `adapt.runs.typed` knows them, are those of a row.
        remedy: What to do about a file that is damaged, as the end of a message.
        format: The only one that is read.
    """

    name: str
    rows: str
    kind: type[T]
    remedy: str
    format: int = 1

    def read(self, folder: Path) -> list[T]:
        """The rows in order; none where nothing was noted.

        Args:
            folder: Where the file lies, if there is one.

        Raises:
            RunError: It is damaged, or another version wrote it.
        """
        path = folder / self.name
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read ({in_short(error)}); {self.remedy}") from error
        try:
            rows = self._rows(parse_object(text), path)
            return [self._row(row, f"{self.rows}[{place}]") for place, row in enumerate(rows)]
        except ValueError as error:
            raise RunError(f"{path} is damaged ({in_short(error)}); {self.remedy}") from error

    def write(self, folder: Path, rows: Sequence[T]) -> None:
        """Put rows in the place of those that were noted; whoever reads them first holds a lock until then.

        Args:
            folder: An existing folder.
            rows: All of them.

        Raises:
            OSError: The folder cannot be written.
        """
        told = [dataclasses.asdict(row) for row in rows]  # type: ignore[call-overload]  # T is a dataclass.
        write_atomic(folder / self.name, json.dumps({"format": self.format, self.rows: told}, indent=2) + "\n")

    def _rows(self, document: dict[str, Json], path: Path) -> list[Any]:
        form = document.get("format")
        if type(form) is not int:
            raise ValueError(f"its format is {brief(form)}")
        if form != self.format:
            raise RunError(
                f"{path} has format {brief(form)}, this version reads {self.format}; use the version that wrote it"
            )
        rows = document.get(self.rows)
        if not isinstance(rows, list):
            raise ValueError(f"'{self.rows}' is {brief(rows)}, where a list belongs")
        return rows

    def _row(self, row: Json, where: str) -> T:
        fields = dataclasses.fields(self.kind)  # type: ignore[arg-type]
        needed = {item.name for item in fields if item.default is dataclasses.MISSING}
        if not isinstance(row, dict) or not needed <= set(row) <= {item.name for item in fields}:
            named = ", ".join(item.name for item in fields)
            raise ValueError(f"{where} is {brief(row)}, where an object of {named} belongs")
        kinds = get_type_hints(self.kind)
        for name, value in row.items():
            if misfit := find_misfit(value, kinds[name], f"{where}.{name}"):
                raise ValueError(misfit)
        return self.kind(**row)
