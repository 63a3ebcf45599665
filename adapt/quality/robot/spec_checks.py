"""Is this spec one of these data? Everything that trains without complaint and teaches something else, refused before.

Each check is by itself, so that each can be passed over by name, and be tried without the others.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np

from adapt.data.check_body import CopiedActions, check_axis, check_camera, check_rate
from adapt.data.episodes import Episode, EpisodeSource
from adapt.data.films import FilmInfo, look_at
from adapt.embodiment.spec import Embodiment, check_slots
from adapt.errors import AdaptError, EmbodimentError
from adapt.quality.robot.channels import examine_channels
from adapt.quality.robot.commands import examine_commands, examine_switches
from adapt.quality.robot.findings import Finding, listed
from adapt.quality.robot.lag import Lag, command_lag
from adapt.quality.robot.latency import examine_commands_lag
from adapt.quality.robot.order import examine_order
from adapt.quality.robot.rows import CONSTANT, EpisodeRows, read_rows
from adapt.quality.robot.units import examine_units
from adapt.types import Canvas

_RATES_APART = 0.02  # share
_FRAMES_APART = 2
_LOOKED_AT = 8  # episodes, whose films are opened, and whose uncovered elements are read
_EMPTY_WORDS = frozenset(("", "none", "null", "n/a", "na", "todo", "tbd", "valid", "test", "dummy", "task", "unknown"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What the checks look at.

    Attributes:
        source: The data set.
        spec: The body.
        canvas: Of the base.
        episodes: Those that can be read.
        problems: (file or session, reason) of those that cannot.
        rows: Their numbers; () where the spec names columns that are not there.
        lag: How much later the state is than its command.
    """

    source: EpisodeSource
    spec: Embodiment
    canvas: Canvas
    episodes: Sequence[Episode]
    problems: Sequence[tuple[str, str]]
    rows: Sequence[EpisodeRows]
    lag: Lag | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecCheck:
    """What came of all checks.

    Attributes:
        refusals: Why the spec is not one of these data.
        remarks: What is odd, and stops nobody.
        episodes: How many episodes can be read.
        lag: How much later the state is than its command; None where no row was read.
    """

    refusals: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    episodes: int
    lag: Lag | None


def check_spec(source: EpisodeSource, spec: Embodiment, canvas: Canvas, *, without: Sequence[str] = ()) -> SpecCheck:
    """Hold a spec against every row of a data set; videos are counted, not decoded.

    Args:
        source: The data set.
        spec: The body.
        canvas: Of the base.
        without: Names of checks that are passed over.

    Raises:
        DataError: The data set cannot be read at all.
    """
    seen = _look(source, spec, canvas)
    found = [finding for name, check in CHECKS.items() if name not in without for finding in _named(name, check(seen))]
    return SpecCheck(
        refusals=tuple(finding for finding in found if finding.gravity == "wrong"),
        remarks=tuple(finding for finding in found if finding.gravity != "wrong"),
        episodes=len(seen.episodes),
        lag=seen.lag,
    )


def _look(source: EpisodeSource, spec: Embodiment, canvas: Canvas) -> Seen:
    cameras = [camera.column for camera in spec.cameras if camera.column in source.cameras]
    episodes, problems = source.episodes(cameras)
    fits = not any(_misnamed(spec, source))
    # Rows of episodes whose videos are at fault tell as much of the spec.
    numbered = episodes or source.episodes([])[0]
    rows, unread = read_rows(source, numbered, spec) if fits else ([], [])
    return Seen(
        source=source,
        spec=spec,
        canvas=canvas,
        episodes=episodes,
        problems=[*problems, *unread],
        rows=rows,
        lag=command_lag(spec, rows) if rows else None,
    )


def _named(name: str, found: Sequence[Finding]) -> list[Finding]:
    return [replace(finding, remedy=f"{finding.remedy} [{name}]") for finding in found]


def _names(seen: Seen) -> list[Finding]:
    return list(_misnamed(seen.spec, seen.source))


def _misnamed(spec: Embodiment, source: EpisodeSource) -> Iterator[Finding]:
    """Columns, cameras and indices that the data do not have, or have elsewhere."""
    for camera in spec.cameras:
        yield from _caught("names", partial(check_camera, camera, spec, source))
    for kind, axes in (("action", spec.actions), ("state", spec.state)):
        for axis in axes:
            subject = f"embodiment '{spec.name}': {kind} axis '{axis.name}'"
            yield from _caught("names", partial(check_axis, axis, subject, source))


def _rate(seen: Seen) -> list[Finding]:
    return _caught("rate", partial(check_rate, seen.spec, seen.source))


def _slots(seen: Seen) -> list[Finding]:
    return _caught("slots", partial(check_slots, seen.spec, seen.canvas))


def _copied(seen: Seen) -> list[Finding]:
    copied = CopiedActions(seen.spec)
    for episode in seen.rows:
        copied.see_rows(episode.actions, episode.state)
    return _caught("copied", partial(copied.refuse, seen.source.where))


def _caught(kind: str, check: Callable[[], None]) -> list[Finding]:
    try:
        check()
    except EmbodimentError as error:
        subject, _, rest = str(error).rstrip(".").partition(": ")
        found, _, remedy = rest.rpartition(". ")
        return [Finding(kind=kind, subject=subject, found=found, remedy=remedy, gravity="wrong")]
    return []


def _readable(seen: Seen) -> list[Finding]:
    """Episodes that cannot be read: all of them is a fault of the whole, some are left out by ingest."""
    left = [(name, reason) for name, reason in seen.problems if "NaN or infinity" not in reason]
    if not left:
        return []
    (name, reason), more = left[0], len(left) - 1
    found, _, remedy = reason.rstrip(".").rpartition(". ")
    also = f"; {more} other episodes cannot be read either" if more else ""
    return [
        Finding(
            kind="episodes",
            subject=f"'{name}'",
            found=(found or reason) + also,
            remedy=remedy if found else "Mend it",
            gravity="suspect" if seen.episodes else "wrong",
        )
    ]


def _finite(seen: Seen) -> list[Finding]:
    bad = [name for name, reason in seen.problems if "NaN or infinity" in reason]
    if not bad:
        return []
    return [
        Finding(
            kind="not finite",
            subject=f"{len(bad)} episodes of '{seen.source.where}', first '{bad[0]}'",
            found="their actions or state hold NaN or infinity; wanted are numbers",
            remedy="Look where they come from, and record or convert these episodes again",
            gravity="suspect" if seen.rows else "wrong",
        )
    ]


def _cameras(seen: Seen) -> list[Finding]:
    """Cameras that are one and the same, or that differ in rate or length."""
    found: list[Finding] = []
    for one, other in combinations(seen.spec.cameras, 2):
        if one.column == other.column:
            found.append(
                Finding(
                    kind="cameras",
                    subject=f"cameras '{one.name}' and '{other.name}'",
                    found=f"both are the column '{one.column}'; wanted is one column each",
                    remedy="Name each camera's own column, or take one of the two out",
                    gravity="wrong",
                )
            )
    for episode in seen.episodes[:_LOOKED_AT]:
        films = {column: _looked(episode, column) for column in episode.videos}
        for (one_column, one_film), (other_column, other_film) in combinations(films.items(), 2):
            if one_film is None or other_film is None:
                continue
            words = _differ(one_film, other_film, shared=episode.videos[one_column].from_s > 0)
            if words:
                return [
                    *found,
                    Finding(
                        kind="cameras",
                        subject=f"cameras '{one_column}' and '{other_column}'",
                        found=f"in {episode.session} {words}; wanted is the same of both",
                        remedy="Encode one of them again at the rate and to the length of the other",
                        gravity="wrong",
                        episodes=(episode.index,),
                    ),
                ]
    return found


def _looked(episode: Episode, column: str) -> FilmInfo | None:
    try:
        return look_at(episode.videos[column])
    except AdaptError:
        return None  # The reader has said so.


def _differ(one: FilmInfo, other: FilmInfo, *, shared: bool) -> str:
    if abs(one.rate_hz / other.rate_hz - 1) > _RATES_APART:
        return f"they run at {one.rate_hz:.2f} and {other.rate_hz:.2f} frames a second"
    if not shared and abs(one.frames - other.frames) > _FRAMES_APART:
        return f"they have {one.frames} and {other.frames} frames"
    return ""


def _widths(seen: Seen) -> list[Finding]:
    """Columns whose rows are wider or narrower than the data set's own description says."""
    found = []
    for column in seen.spec.columns if seen.rows else ():
        promised = len(seen.source.vectors[column])
        table = seen.source.table(_episode(seen), [column])
        if (width := table.columns[column].shape[1]) != promised:
            found.append(
                Finding(
                    kind="widths",
                    subject=f"column '{column}'",
                    found=f"has {width} elements a row; the data set's own description wants {promised}",
                    remedy="Mend the description, or convert the data set again",
                    gravity="wrong",
                )
            )
    return found


def _covered(seen: Seen) -> list[Finding]:
    """Elements of a command or state column that move and are in no axis: dimensions that do not add up."""
    axes = (*seen.spec.actions, *seen.spec.state)
    named = {(axis.column, axis.index) for axis in axes}
    found = []
    for column in seen.spec.columns if seen.rows else ():
        indices = [index for index in range(len(seen.source.vectors[column])) if (column, index) not in named]
        moving = _moving(seen, column, indices)
        if not moving:
            continue
        count = len(seen.source.vectors[column])
        names = [seen.source.vectors[column][index] for index in moving]
        told = ", ".join(f"[{index}]{f' {name}' if name else ''}" for index, name in zip(moving, names, strict=True))
        found.append(
            Finding(
                kind="coverage",
                subject=f"column '{column}'",
                found=f"has {count} elements, of which the spec names {count - len(indices)}; {told} "
                f"move{'s' if len(moving) == 1 else ''} and {'is' if len(moving) == 1 else 'are'} in no axis",
                remedy="Count the names against the column and add what is missing; or leave it out knowingly with "
                "--allow coverage",
                gravity="wrong" if column in {axis.column for axis in seen.spec.actions} else "suspect",
            )
        )
    return found


def _moving(seen: Seen, column: str, indices: Sequence[int]) -> list[int]:
    if not indices:
        return []
    tables = []
    read = {rows.index for rows in seen.rows}
    for episode in [each for each in seen.episodes if each.index in read][:_LOOKED_AT]:
        values = seen.source.table(episode, [column]).columns[column].numpy()
        tables.append(values)
    if not tables:
        return []
    whole = np.concatenate(tables)
    return [index for index in indices if index < whole.shape[1] and float(np.ptp(whole[:, index])) > CONSTANT]


def _episode(seen: Seen) -> Episode:
    first = seen.rows[0].index
    return next((each for each in seen.episodes if each.index == first), None) or next(
        each for each in seen.source.episodes([])[0] if each.index == first
    )


def _lag(seen: Seen) -> list[Finding]:
    return examine_commands_lag(seen.lag, seen.rows[0].rate_hz) if seen.lag is not None else []


def _units(seen: Seen) -> list[Finding]:
    """Whatever its weight elsewhere: a spec is where a unit is mended."""
    return [replace(finding, gravity="wrong") for finding in examine_units(seen.spec, seen.rows)] if seen.rows else []


def _order(seen: Seen) -> list[Finding]:
    return examine_order(seen.spec, seen.rows) if seen.rows else []


def _commands(seen: Seen) -> list[Finding]:
    return examine_commands(seen.spec, seen.rows) if seen.rows else []


def _grippers(seen: Seen) -> list[Finding]:
    return examine_switches(seen.spec, seen.rows) if seen.rows else []


def _constant(seen: Seen) -> list[Finding]:
    """Commands that never change while their state moves."""
    found = examine_channels(seen.spec, seen.rows) if seen.rows else []
    return [finding for finding in found if finding.kind == "constant"]


def _instructions(seen: Seen) -> list[Finding]:
    told = [(episode.index, span.instruction) for episode in seen.episodes for span in episode.spans]
    empty = sorted({index for index, words in told if words.strip().lower() in _EMPTY_WORDS})
    if not empty:
        return []
    words = next(words for _, words in told if words.strip().lower() in _EMPTY_WORDS)
    every = len(empty) == len({index for index, _ in told})
    return [
        Finding(
            kind="instructions",
            subject=f"'{seen.source.where}'",
            found=f"the instruction of {len(empty)} episodes ({listed(empty)}) is '{words}'; wanted is what was done",
            remedy="Write it into the data set, or give --task where all did the same (or just play)",
            gravity="wrong" if every else "suspect",
            episodes=tuple(empty),
        )
    ]


CHECKS: Mapping[str, Callable[[Seen], list[Finding]]] = {
    "names": _names,
    "rate": _rate,
    "slots": _slots,
    "episodes": _readable,
    "finite": _finite,
    "cameras": _cameras,
    "widths": _widths,
    "coverage": _covered,
    "copied": _copied,
    "units": _units,
    "lag": _lag,
    "order": _order,
    "commands": _commands,
    "grippers": _grippers,
    "constant": _constant,
    "instructions": _instructions,
}
