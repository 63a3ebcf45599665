"""A robot's data in memory with a spec that fits them, and thirty ways to get one or the other wrong.

Numbers and pictures are `robot_builder`'s; nothing is decoded. Each mistake names the check that has to find it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from robot_builder import AXES, RATE_HZ, Play, clean_play, column, every_row, late_commands, reordered, with_column

from adapt.data.episodes import Episode, EpisodeTable, Span
from adapt.data.films import Film
from adapt.embodiment.spec import Embodiment
from adapt.errors import DataError
from adapt.types import Canvas, Slot

_SECONDS = 12.0
CANVAS = Canvas(
    height=64,
    width=64,
    slots={name: Slot(top=0, left=0, height=32, width=32) for name in ("front", "side")},
)


@dataclass(frozen=True, kw_only=True, eq=False)
class MemorySource:
    """An `EpisodeSource` in memory; its films are never opened."""

    rows: Sequence[Mapping[str, np.ndarray]]
    names: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"action": AXES, "observation.state": AXES}  # type: ignore[arg-type]
    )
    cameras: tuple[str, ...] = ("observation.images.front", "observation.images.side")
    instruction: str = "put the cup down"
    rate_hz: float = RATE_HZ
    broken: Mapping[str, str] = field(default_factory=dict)  # by camera, why its videos cannot be read
    where: str = "the set"
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def vectors(self) -> Mapping[str, tuple[str, ...]]:
        return self.names

    def files(self, cameras: Sequence[str]) -> list[Path]:
        return [Path(f"{camera}.mp4") for camera in cameras]

    def episodes(self, cameras: Sequence[str]) -> tuple[list[Episode], list[tuple[str, str]]]:
        for camera in cameras:
            if camera in self.broken:
                return [], [(f"episode {index}", self.broken[camera]) for index in range(len(self.rows))]
        return [self._episode(index, cameras) for index in range(len(self.rows))], []

    def table(self, episode: Episode, columns: Sequence[str]) -> EpisodeTable:
        rows = self.rows[episode.index]
        if missing := [name for name in columns if name not in rows]:
            raise DataError(f"episode {episode.index}: has no column '{missing[0]}'. Restore the file.")
        clock = torch.arange(episode.length, dtype=torch.float64) / self.rate_hz
        return EpisodeTable(time_s=clock, columns={name: torch.from_numpy(rows[name]) for name in columns})

    def _episode(self, index: int, cameras: Sequence[str]) -> Episode:
        length = len(self.rows[index]["action"])
        return Episode(
            index=index,
            session=f"episode {index}",
            length=length,
            rate_hz=self.rate_hz,
            spans=(Span(instruction=self.instruction, start_s=0.0, end_s=(length - 1) / self.rate_hz),),
            videos={camera: Film(path=Path(f"{camera}.mp4")) for camera in cameras},
        )


@dataclass(frozen=True, kw_only=True)
class Case:
    """A spec and its data."""

    spec: Mapping[str, Any]
    source: MemorySource

    @property
    def body(self) -> Embodiment:
        return Embodiment.from_json(self.spec, source="arm.yaml")


@cache
def _play() -> Play:
    return clean_play(seconds=_SECONDS)


def clean_case() -> Case:
    return Case(spec=spec(), source=source_of(_play()))


def source_of(play: Play, **changes: Any) -> MemorySource:
    rows = [{"action": rows.actions, "observation.state": rows.state} for rows in play.rows]
    return MemorySource(rows=rows, **changes)


def spec() -> dict[str, Any]:
    def axes(column: str, *, relative: bool) -> list[dict[str, Any]]:
        switch = {"relative": True} if relative else {}
        return [
            {"names": ["shoulder", "elbow", "wrist"], "unit": "rad", "column": column, "start": 0, **switch},
            {"name": "lift", "unit": "m", "column": column, "index": 3, **switch},
            {"name": "grip", "unit": "share", "column": column, "index": 4, "gripper": True},
        ]

    return {
        "name": "arm",
        "prompt": "A robot: {instruction}",
        "cameras": [{"name": name, "column": f"observation.images.{name}", "slot": name} for name in ("front", "side")],
        "actions": axes("action", relative=True),
        "state": axes("observation.state", relative=False),
    }


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One way to get it wrong.

    Attributes:
        check: Which check has to find it.
        plant: Makes it, in a clean case.
        says: What its message has to hold: the column, what was found, what was wanted, the remedy.
    """

    check: str
    plant: Callable[[Case], Case]
    says: tuple[str, ...]


def in_spec(**changes: Any) -> Callable[[Case], Case]:
    return lambda case: replace(case, spec={**case.spec, **changes})


def in_axis(kind: str, place: int, **changes: Any) -> Callable[[Case], Case]:
    """Change one entry of the actions or the state; None takes a key out."""

    def plant(case: Case) -> Case:
        entries = [dict(entry) for entry in case.spec[kind]]
        merged = {**entries[place], **changes}
        entries[place] = {key: value for key, value in merged.items() if value is not None}
        return replace(case, spec={**case.spec, kind: entries})

    return plant


def in_camera(**changes: Any) -> Callable[[Case], Case]:
    return lambda case: replace(
        case, spec={**case.spec, "cameras": [{**case.spec["cameras"][0], **changes}, case.spec["cameras"][1]]}
    )


def in_data(**changes: Any) -> Callable[[Case], Case]:
    return lambda case: replace(case, source=replace(case.source, **changes))


def in_rows(change: Callable[[Play], Play]) -> Callable[[Case], Case]:
    return lambda case: replace(case, source=source_of(change(_play())))


def in_turn(*plants: Callable[[Case], Case]) -> Callable[[Case], Case]:
    def plant(case: Case) -> Case:
        for each in plants:
            case = each(case)
        return case

    return plant


def unnamed(case: Case) -> Case:
    """Data that name no element."""
    return in_data(names={name: ("",) * len(names) for name, names in case.source.names.items()})(case)


def scaled(kinds: Sequence[str], places: Sequence[int], factor: float) -> Callable[[Play], Play]:
    def change(rows: Any) -> Any:
        for kind in kinds:
            for place in places:
                rows = with_column(rows, kind, place, factor * column(rows, kind, place))
        return rows

    return lambda play: every_row(play, change)


def as_displacements(play: Play) -> Play:
    """Commands of the four joints as the way from each row to the next."""

    def change(rows: Any) -> Any:
        for place in range(4):
            way = np.diff(column(rows, "state", place), append=column(rows, "state", place)[-1:])
            rows = with_column(rows, "action", place, way)
        return rows

    return every_row(play, change)


def copied(play: Play) -> Play:
    return every_row(play, lambda rows: replace(rows, actions=rows.state.copy()))


def with_more(case: Case) -> Case:
    """A sixth element that moves, which nobody told the spec of."""
    rows = [
        {**each, "action": np.column_stack([each["action"], np.sin(np.arange(len(each["action"])) / 9)])}
        for each in case.source.rows
    ]
    return in_data(rows=rows, names={**case.source.names, "action": (*AXES, "finger")})(case)


def too_wide(case: Case) -> Case:
    """Rows that are wider than the description promises."""
    rows = [{**each, "action": np.column_stack([each["action"], each["action"][:, 0]])} for each in case.source.rows]
    return in_data(rows=rows)(case)


def not_finite(case: Case) -> Case:
    rows = [{**each, "action": np.where(np.arange(5) == 2, np.nan, each["action"])} for each in case.source.rows]
    return in_data(rows=rows)(case)


MISTAKES: Mapping[str, Mistake] = {
    "a column misspelt": Mistake(
        check="names",
        plant=in_axis("actions", 0, column="actoin"),
        says=("'actoin'", "'action'", "Did you mean", "Name an existing column"),
    ),
    "a camera misspelt": Mistake(
        check="names",
        plant=in_camera(column="observation.images.frnt"),
        says=("'observation.images.frnt'", "'observation.images.front'", "Name an existing column"),
    ),
    "an index beyond the column": Mistake(
        check="names", plant=in_axis("actions", 2, index=9), says=("index 9", "'action'", "5 elements", "Mend")
    ),
    "slices off by one, where the data name their elements": Mistake(
        check="names",
        plant=in_turn(in_axis("state", 0, start=1), in_axis("state", 1, index=0)),
        says=("index 1", "'observation.state'", "at index 0", "Mend 'start'"),
    ),
    "a rate that the data contradict": Mistake(
        check="rate", plant=in_spec(rate_hz=30), says=("rate_hz is 30", "10 rows a second", "Take rate_hz out")
    ),
    "a slot that the base does not have": Mistake(
        check="slots", plant=in_camera(slot="full"), says=("'full'", "front, side", "Name one of these")
    ),
    "a camera of another rate than the rows": Mistake(
        check="episodes",
        plant=in_data(
            broken={
                "observation.images.side": "side.mp4 lasts 8.00 s, but 160 rows at 10 Hz last 16.00 s. Encode the "
                "video again at the rate of the rows."
            }
        ),
        says=("side.mp4", "8.00 s", "16.00 s", "Encode the video again"),
    ),
    "one camera under two names": Mistake(
        check="cameras",
        plant=in_camera(column="observation.images.side"),
        says=("'front' and 'side'", "'observation.images.side'", "one column each"),
    ),
    "numbers that are none": Mistake(
        check="finite", plant=not_finite, says=("'the set'", "NaN", "wanted are numbers", "convert")
    ),
    "rows wider than described": Mistake(
        check="widths", plant=too_wide, says=("'action'", "6 elements", "wants 5", "Mend the description")
    ),
    "an element that moves and has no axis": Mistake(
        check="coverage", plant=with_more, says=("'action'", "6 elements", "names 5", "[5] finger", "--allow coverage")
    ),
    "a joint forgotten": Mistake(
        check="coverage",
        plant=in_turn(
            unnamed,
            in_axis("actions", 0, names=["shoulder", "elbow"]),
            in_axis("state", 0, names=["shoulder", "elbow"]),
        ),
        says=("'action'", "5 elements", "names 4", "[2]", "Count the names"),
    ),
    "commands that are the state": Mistake(
        check="copied",
        plant=in_rows(copied),
        says=("'shoulder'", "action[0]", "observation.state[0]", "Name the column of the commands"),
    ),
    "degrees where radians are claimed": Mistake(
        check="units",
        plant=in_rows(scaled(("action", "state"), (0, 1, 2), 180 / np.pi)),
        says=("action[0]", "too far for 'rad'", "looks like degrees", "Write the unit of the data"),
    ),
    "radians where degrees are claimed": Mistake(
        check="units",
        plant=in_turn(in_axis("actions", 0, unit="deg"), in_axis("state", 0, unit="deg")),
        says=("'action'", "in 'deg'", "looks like radians", "Write 'rad'"),
    ),
    "millimetres where metres are claimed": Mistake(
        check="units",
        plant=in_rows(scaled(("action", "state"), (3,), 1000.0)),
        says=("action[3]", "too far for 'm'", "looks like millimetres"),
    ),
    "per cent where a share is claimed": Mistake(
        check="units",
        plant=in_rows(scaled(("action", "state"), (4,), 100.0)),
        says=("action[4]", "too far for 'share'", "looks like per cent"),
    ),
    "a command in degrees beside a state in radians": Mistake(
        check="units",
        plant=in_rows(scaled(("action",), (0, 1, 2), 180 / np.pi)),
        says=("action[0]", "looks like degrees"),
    ),
    "a state before its command": Mistake(
        check="lag",
        plant=in_rows(lambda play: late_commands(play, 4)),
        says=("action columns", "before its command", "shift one"),
    ),
    "two commands exchanged": Mistake(
        check="order",
        plant=in_rows(lambda play: reordered(play, (1, 0, 2, 3, 4), range(len(play.rows)))),
        says=("'shoulder'", "'elbow'"),
    ),
    "displacements called places": Mistake(
        check="commands",
        plant=in_rows(as_displacements),
        says=("action[0]", "added up row by row", "increment: true", "Write that into the spec"),
    ),
    "places called displacements": Mistake(
        check="commands",
        plant=in_axis("actions", 0, increment=True, relative=None),
        says=("action[0]", "the place the state goes to", "increment: false"),
    ),
    "a gripper that is not called one": Mistake(
        check="grippers",
        plant=in_axis("actions", 2, gripper=None),
        says=("action[4]", "as a switch", "gripper: true"),
    ),
    "a command that is not recorded": Mistake(
        check="constant",
        plant=in_rows(
            lambda play: every_row(play, lambda rows: with_column(rows, "action", 1, np.full(rows.length, 0.1)))
        ),
        says=("action[1]", "0.1 in every row", "Check that its column is recorded"),
    ),
    "no instruction anywhere": Mistake(
        check="instructions",
        plant=in_data(instruction=""),
        says=("'the set'", "is ''", "wanted is what was done", "--task"),
    ),
    "a label in place of an instruction": Mistake(
        check="instructions", plant=in_data(instruction="valid"), says=("is 'valid'", "--task")
    ),
}

# What a spec says against itself is refused when it is read; here with what its message has to hold.
CONTRADICTIONS: Mapping[str, tuple[Callable[[Case], Case], tuple[str, ...]]] = {
    "overlapping slices": (
        in_axis("actions", 1, index=2),
        ("action place 'action[2]'", "given twice", "Take one of them out"),
    ),
    "commands read from the state's column": (
        in_axis("actions", 0, column="observation.state"),
        ("'shoulder'", "observation.state[0]", "Name the column of the commands"),
    ),
    "relative to a state in another unit": (
        in_axis("state", 0, unit="deg"),
        ("'shoulder'", "'rad'", "'deg'", "must agree"),
    ),
    "two cameras in one slot": (in_camera(slot="side"), ("camera slot 'side'", "given twice")),
    "a prompt without a place for the instruction": (
        in_spec(prompt="A robot moves"),
        ("'A robot moves'", "{instruction}", "Add it"),
    ),
    "a question that nobody answered": (
        in_axis("actions", 0, unit="?"),
        ("not answered yet: actions[0].unit (shoulder to wrist)", "Write the answer in place of each '?'"),
    ),
    "an axis name given twice": (
        in_axis("actions", 0, names=["shoulder", "elbow", "elbow"]),
        ("action axis 'elbow'", "given twice"),
    ),
}
