"""How does a spec begin that nobody has written yet? Drafted from the data, with evidence, and questions where it ends.

What is known is written; what could be one thing or another is written as "?", with what it could be beside it. A spec
with a "?" in it is refused wherever it is used.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapt.data.check_body import CopiedActions
from adapt.data.episodes import Episode, EpisodeSource
from adapt.embodiment.questions import OPEN
from adapt.embodiment.spec import Axis, Embodiment
from adapt.errors import EmbodimentError
from adapt.quality.robot.evidence import Reach, Unit, reaches, unit_of
from adapt.quality.robot.guess import guess_body
from adapt.quality.robot.lag import Lag, command_lag
from adapt.quality.robot.rows import EpisodeRows, read_rows

_WIDEST = 120  # columns of a line
_BARE = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)  # what YAML takes for a text without quotes
_NOT_TEXTS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_AS_FAR = 2.0  # times; another unit would be further off
_LOOKED_AT = 24  # episodes, evenly over the set
_COMMAND = " (command)"  # ends the name of a command that no state follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A spec that is not finished.

    Attributes:
        text: The YAML, with comments.
        questions: What it asks, each with what the answer could be.
        body: The body as guessed, every axis in it.
        left_out: Names of axes that never change, neither told nor felt.
    """

    text: str
    questions: tuple[str, ...]
    body: Embodiment
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Neighbours of one column that are alike."""

    axes: tuple[Axis, ...]
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a draft is of, besides the numbers.

    Attributes:
        name: What the body is called, as its file is.
        slots: Of the base's canvas.
        rate_hz: What a user said of the rate, where the data say nothing; None where they do.
        absent: Cameras that the data list and have no picture of.
    """

    name: str
    slots: Sequence[str]
    rate_hz: float | None = None
    absent: Sequence[str] = ()


def draft_spec(source: EpisodeSource, episodes: Sequence[Episode], about: About) -> Draft:
    """Draft a spec of a data set.

    Args:
        source: The data set.
        episodes: Those that can be read, of which some are looked at.
        about: What else is known.

    Raises:
        DataError: There is neither a column of actions nor one of states.
    """
    looked = list(episodes[:: max(1, -(-len(episodes) // _LOOKED_AT))])
    cameras = [camera for camera in source.cameras if camera not in about.absent]
    body = guess_body(source, looked, cameras, about.slots, about.name)
    rows, _ = read_rows(source, looked, body)
    found = reaches(body, rows)
    still = {axis.name for axis in _still(body, found)} if rows else set()
    kept = replace(
        body,
        actions=tuple(axis for axis in body.actions if axis.name not in still),
        state=tuple(axis for axis in body.state if axis.name not in still),
    )
    if not kept.actions and not kept.state:
        kept, still = body, set()
    lag = command_lag(kept, rows) if rows else None
    runs = {
        kind: [_with_unit(run, source, found) for run in _runs(axes)]
        for kind, axes in (("actions", kept.actions), ("state", kept.state))
    }
    runs["actions"] = [_relative(_as_state(run, runs["state"], found), runs["state"]) for run in runs["actions"]]
    asked = [
        f"{kind}: unit of {_names(run.axes)}: {run.unit.why}"
        for kind, each in runs.items()
        for run in each
        if run.unit.unit == OPEN
    ]
    lines = [
        *_head(source, about, looked, episodes),
        *_evidence(kept, rows, lag, sorted(still)),
        f"name: {_plain(about.name)}",
        f"prompt: {_plain(body.prompt)}",
        *([] if about.rate_hz is None else [f"rate_hz: {about.rate_hz:g}  # as you said; the data do not say"]),
        *_cameras(body, about),
    ]
    for kind, each in runs.items():
        lines += [f"{kind}:" if each else f"{kind}: []", *(line for run in each for line in _entry(run))]
    return Draft(text="\n".join(lines) + "\n", questions=tuple(asked), body=kept, left_out=tuple(sorted(still)))


def _still(body: Embodiment, found: dict[tuple[str, int], Reach]) -> list[Axis]:
    """Axes that change neither as a command nor as a state."""
    moving = {axis.name for axis in (*body.actions, *body.state) if not found[axis.column, axis.index].is_constant}
    return [axis for axis in (*body.actions, *body.state) if axis.name not in moving]


def _runs(axes: Sequence[Axis]) -> list[tuple[Axis, ...]]:
    """Neighbours that are alike, in order; arms and what opens and closes apart."""
    found: list[list[Axis]] = []
    for axis in axes:
        last = found[-1][-1] if found else None
        alike = last is not None and (last.column, last.gripper, last.increment) == (
            axis.column,
            axis.gripper,
            axis.increment,
        )
        if alike and last is not None and axis.index == last.index + 1 and _stem(last) == _stem(axis):
            found[-1].append(axis)
        else:
            found.append([axis])
    return [tuple(run) for run in found]


def _stem(axis: Axis) -> str:
    """Kind of a guessed unit, so that metres and radians do not share a run."""
    return axis.unit if not axis.gripper else ""


def _with_unit(axes: tuple[Axis, ...], source: EpisodeSource, found: dict[tuple[str, int], Reach]) -> _Run:
    given = [source.vectors[axis.column][axis.index] for axis in axes]
    # A column's own name tells as well: "action.joint_position", "obs/robot0_eef_pos".
    names = [f"{axis.column} {axis.name.removesuffix(_COMMAND)}" for axis in axes]
    named = any(given) or any(source.groups.get(axis.column) for axis in axes)
    words = [axis.name if named else name for axis, name in zip(axes, names, strict=True)]
    unit = unit_of(axes, words, [found[axis.column, axis.index] for axis in axes])
    return _Run(axes=tuple(replace(axis, unit=unit.unit) for axis in axes), unit=unit)


def _as_state(run: _Run, state: Sequence[_Run], found: dict[tuple[str, int], Reach]) -> _Run:
    """A command whose own column does not tell its unit has that of the state it leads to, if it reaches as far."""
    felt = {axis.name: axis for each in state for axis in each.axes}
    units = {felt[axis.name].unit if axis.name in felt else OPEN for axis in run.axes}
    if run.unit.unit != OPEN or len(units) != 1 or OPEN in units:
        return run
    if any(axis.increment or axis.gripper for axis in run.axes):
        return run
    told = max(found[axis.column, axis.index].furthest for axis in run.axes)
    done = max(found[felt[axis.name].column, felt[axis.name].index].furthest for axis in run.axes)
    if not done / _AS_FAR <= told <= done * _AS_FAR:
        return run
    unit = Unit(unit=units.pop(), why=f"as its state, which reaches as far ({told:.3g} and {done:.3g})")
    return _Run(axes=tuple(replace(axis, unit=unit.unit) for axis in run.axes), unit=unit)


def _relative(run: _Run, state: Sequence[_Run]) -> _Run:
    """Places that a state of their names follows are trained relative to where the robot is."""
    units = {axis.name: axis.unit for each in state for axis in each.axes}
    follows = all(units.get(axis.name) == axis.unit for axis in run.axes)
    plain = not any(axis.gripper or axis.increment for axis in run.axes)
    if not (follows and plain):
        return run
    return replace(run, axes=tuple(replace(axis, relative=True) for axis in run.axes))


def _head(source: EpisodeSource, about: About, looked: Sequence[Episode], episodes: Sequence[Episode]) -> list[str]:
    del about
    rows = sum(episode.length for episode in looked)
    return [
        f"# Drafted by `wam-adapt embodiment init` from {_comment(source.where)}:",
        f"# {len(looked)} of {len(episodes)} episodes, {rows} rows at {source.rate_hz:g} Hz.",
        f'# Answer every "{OPEN}", look at what is told beside each line, then: wam-adapt embodiment check',
        "#",
    ]


def _evidence(body: Embodiment, rows: Sequence[EpisodeRows], lag: Lag | None, still: Sequence[str]) -> list[str]:
    """What the numbers say of all axes together, as comments."""
    lines = []
    if lag is not None and body.actions and body.state:
        lines.append(f"# - the state follows its command: {_comment(lag.words)}")
    if any(axis.increment for axis in body.actions):
        lines.append("# - increment: true where commands add up to the state, rather than being the place to go to")
    if any(axis.gripper for axis in body.actions):
        lines.append("# - gripper: true by name, or for commands that switch between two ends")
    if still:
        lines.append(f"# - left out, since they never change: {_comment(', '.join(still))}")
    if told := _copied(body, rows):
        lines.append(f"# - WRONG: {_comment(told)}")
    alone = [axis.name for axis in body.actions if axis.name not in set(body.state_names)]
    if alone and body.state:
        lines.append(f"# - no state follows: {_comment(', '.join(alone))}")
    return [*lines, "#"] if lines else []


def _copied(body: Embodiment, rows: Sequence[EpisodeRows]) -> str:
    """Whether commands are nothing but the state."""
    copied = CopiedActions(body)
    for episode in rows:
        copied.see_rows(episode.actions, episode.state)
    try:
        copied.refuse("the data")
    except EmbodimentError as error:
        return str(error)
    return ""


def _cameras(body: Embodiment, about: About) -> list[str]:
    taken: set[str] = set()
    lines = ["cameras:"]
    for camera in body.cameras:
        entry = f"{{name: {_plain(camera.name)}, column: {_plain(camera.column)}, slot: {_plain(camera.slot)}}}"
        lines.append(f"  - {entry}" if camera.slot not in taken else f"  # no slot is left for: {entry}")
        taken.add(camera.slot)
    absent = [f"  # listed by the data, but there is no picture of it: {_comment(camera)}" for camera in about.absent]
    return [*lines, *absent] if body.cameras else ["cameras: []", *absent]


def _entry(run: _Run) -> list[str]:
    """One run of axes as YAML, with its evidence before it."""
    first = run.axes[0]
    asked = run.unit.unit == OPEN
    lines = [f"  # {'QUESTION: unit? ' if asked else ''}{_comment(run.unit.why)}"]
    names = [_plain(axis.name) for axis in run.axes]
    many = len(names) > 1
    in_one = f"  - names: [{', '.join(names)}]" if many else f"  - name: {names[0]}"
    lines += [in_one] if len(in_one) <= _WIDEST else ["  - names:", *(f"      - {name}" for name in names)]
    lines.append(f"    unit: {_plain(run.unit.unit)}")
    lines.append(f"    column: {_plain(first.column)}")
    lines.append(f"    {'start' if many else 'index'}: {first.index}")
    lines += [f"    {key}: true" for key in ("relative", "gripper", "increment") if getattr(first, key)]
    return lines


def _names(axes: Sequence[Axis]) -> str:
    if len(axes) == 1:
        return f"'{axes[0].name}'"
    return f"'{axes[0].name}' to '{axes[-1].name}'"


def _plain(text: str) -> str:
    """A text as YAML has it: bare, or JSON's way of writing one, with all escaped that YAML would not take."""
    if _BARE.fullmatch(text) and text.lower() not in _NOT_TEXTS:
        return text
    written = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in written)


def _comment(text: str) -> str:
    """A text that stays on its line of comments."""
    return "".join(each if each.isprintable() else " " for each in text)
