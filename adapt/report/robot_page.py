"""How does what the doctor found in a robot's data become one page that a person opens, offline, in any browser?"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from adapt.quality import faults
from adapt.quality.files import Stretch
from adapt.quality.goals import minutes, sentence
from adapt.quality.robot.episodes import DOUBTED, NAMES, NOT_FINITE, EpisodeReport
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.gaps import find_gaps, still_axes
from adapt.quality.robot.pictures import CameraPicture
from adapt.quality.robot.report import RobotReport
from adapt.quality.times import clock
from adapt.report.bands import WIDE, as_one, band, progress, timeline, wanted
from adapt.report.page import TEMPLATES, as_data, asset, policy_of
from adapt.report.robot_plots import AxisPlots, axis_plots, lag_rows
from adapt.report.svg import tag
from adapt.runs.atomic import write_atomic

OPEN_EPISODES, OPEN_AXES, OPEN_NOTES = 24, 16, 4  # the rest is behind a fold
OPEN_OTHERS = 20  # the rest is in the record
NAMED_EPISODES = 8  # of a step
_TONES = {faults.KEPT: "kept", DOUBTED: "doubted", NOT_FINITE: "picture"}
_LEGEND = {
    "kept": "kept",
    "doubted": "would be kept, but something is wrong with it",
    "picture": "NaN or infinity",
    "rest": "too short for a window, or held apart",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotFacts:
    """What the page says.

    Attributes:
        title: What was examined, for the head of the page.
        headline: What it comes to, in one line.
        report: The examination.
        pictures: Of each camera.
        hidden: What was done so that nobody is seen in them, in words.
        commands: (what for, command) of what to type next.
        record: doctor.json, for programs that find the page alone.
    """

    title: str
    headline: str
    report: RobotReport
    pictures: Sequence[CameraPicture]
    hidden: str
    commands: Sequence[tuple[str, str]]
    record: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One episode on the page."""

    id: str
    episode: EpisodeReport
    told: str  # how much of it can be used
    timeline: Markup | None
    motion: Markup | None
    end: str  # its length, as players show it


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture on the page."""

    camera: str
    words: str
    odd: bool
    source: str  # data:image/jpeg;base64,...
    size: tuple[int, int]


def write_robot_page(path: Path, facts: RobotFacts) -> Path:
    """Write a self-contained HTML page: no other file, no network, no script. Equal facts give equal bytes.

    Args:
        path: File to write; replaced if it exists.
        facts: What the page says.

    Returns:
        `path`.
    """
    write_atomic(path, render_robot_page(facts))
    return path


def render_robot_page(facts: RobotFacts) -> str:
    """The page as text; arguments as above."""
    style = Markup(asset("report.css") + asset("doctor.css") + asset("robot.css"))
    report = facts.report
    axes, still = _axes(report)
    cards = [_card(episode) for episode in worst_first(report.episodes)]
    words: dict[str, Any] = {
        "facts": facts,
        "report": report,
        "style": style,
        "policy": policy_of(style, ""),
        "whole": _timeline(_together(report.episodes), "All episodes together, by what becomes of them"),
        "legend": _legend(report.episodes),
        "serious": [finding for finding in report.findings if finding.gravity != "note"],
        "notes": [finding for finding in report.findings if finding.gravity == "note"],
        "alike": _alike,
        "tasks": [
            (task, progress(task.usable_s, task.missing_s), wanted(task.missing_s, task.missing_sessions, "episode"))
            for task in report.tasks
        ],
        "shots": _shots(facts.pictures),
        "lags": lag_rows(report.examination),
        "idle": _idle(report),
        "axes": axes,
        "still": still,
        "cards": cards,
        "links": {card.episode.index: card.id for card in cards},
        "open_episodes": OPEN_EPISODES,
        "open_axes": OPEN_AXES,
        "open_notes": OPEN_NOTES,
        "open_others": OPEN_OTHERS,
        "named": NAMED_EPISODES,
        "minutes": minutes,
        "sentence": sentence,
        "record": as_data(facts.record),
    }
    return TEMPLATES.get_template("robot.html.j2").render(words).strip() + "\n"


def worst_first(episodes: Sequence[EpisodeReport]) -> list[EpisodeReport]:
    """Episodes with something wrong first, then those of which most is lost; the order in which they are shown."""
    return sorted(episodes, key=lambda each: (-len(each.doubts), round(each.usable_s - each.seconds, 3), each.index))


def _alike(findings: Sequence[Finding]) -> list[tuple[Finding, list[Finding]]]:
    """Findings of one kind and remedy under the first of them: a fault of ten axes is told once."""
    found: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        found.setdefault((finding.gravity, finding.kind, finding.remedy), []).append(finding)
    return [(some[0], some) for some in found.values()]


def _card(episode: EpisodeReport) -> Card:
    doubted = ", ".join(episode.doubts)
    told = f"{episode.usable_s:.1f} s of {episode.seconds:.1f} s can be used"
    return Card(
        id=f"episode-{episode.index}",
        episode=episode,
        told=f"{told}; wrong: {doubted}" if doubted else told,
        timeline=_timeline(episode.stretches, f"{episode.name}: kept and left out") if episode.stretches else None,
        motion=_motion(episode),
        end=clock(episode.seconds),
    )


def _timeline(stretches: Sequence[Stretch], label: str) -> Markup:
    return timeline(stretches, label, tone=_tone, name=_name, tall=("kept", "doubted"))


def _tone(code: str) -> str:
    return _TONES.get(code, "rest")


def _name(code: str) -> str:
    return NAMES.get(code, code.replace("_", " "))


def _together(episodes: Sequence[EpisodeReport]) -> list[Stretch]:
    """All seconds of all episodes by kind, what is kept first, as one band."""
    parts = (part for episode in episodes for part in episode.seconds_by_code().items())
    found = [
        replace(stretch, reason=f"{minutes(stretch.seconds)} {_name(stretch.code)}")
        for stretch in as_one(parts, order=list(_LEGEND), tone=_tone)
    ]
    return found or [Stretch(start_s=0.0, end_s=1.0, code=faults.REST, reason="no episode can be read")]


def _legend(episodes: Sequence[EpisodeReport]) -> list[tuple[str, str]]:
    """The colours that are on the page, with what they stand for."""
    there = {_tone(stretch.code) for episode in episodes for stretch in episode.stretches}
    return [(tone, words) for tone, words in _LEGEND.items() if tone in there]


def _motion(episode: EpisodeReport) -> Markup | None:
    """When the robot moves."""
    if not episode.seconds:
        return None
    edges = [0.0, *(end for rest in episode.rests for end in rest), episode.seconds]
    blocks = [
        tag("rect", x=WIDE * first / episode.seconds, y=0, width=WIDE * (last - first) / episode.seconds, height=20)
        for first, last in zip(edges[::2], edges[1::2], strict=True)
        if last > first
    ]
    share = 1 - episode.idle_s / episode.seconds
    return band(blocks, 20, f"the robot moves for {share:.0%} of the time", "seen")


def _idle(report: RobotReport) -> str:
    if not report.examination.episodes:
        return "No episode could be looked at."
    long = [each for each in report.examination.idle if each.stretches]
    longest = max((last - first for each in long for first, last in each.stretches), default=0.0)
    told = f"The robot rests for {report.idle_share:.0%} of the time"
    if not long:
        return f"{told}, never for 3 s on end."
    return f"{told}; in {len(long)} of {report.examination.episodes} episodes for 3 s or more, at most {longest:.1f} s."


def _axes(report: RobotReport) -> tuple[list[AxisPlots], str]:
    """Plots of the axes that move; and the names of those that do not, in words."""
    coverage, spec = report.examination.coverage, report.rules.spec
    still = [axis.name for axis in still_axes(coverage, spec)]
    plots = axis_plots(coverage, find_gaps(coverage, spec))
    shown = [plot for plot in plots if plot.name not in still]
    return shown or plots, ", ".join(still) if shown else ""


def _shots(pictures: Sequence[CameraPicture]) -> list[Shot]:
    return [
        Shot(
            camera=picture.camera,
            words=f"episode {picture.episode}, at {clock(picture.thumbnail.time_s)}"
            + (f": {picture.why}" if picture.why else ""),
            odd=bool(picture.why),
            source=f"data:image/jpeg;base64,{base64.b64encode(picture.thumbnail.jpeg).decode('ascii')}",
            size=(picture.thumbnail.width, picture.thumbnail.height),
        )
        for picture in pictures
    ]
