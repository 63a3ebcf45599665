"""How does what the doctor found become one page that a person opens, offline, in any browser?"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from adapt.quality import faults
from adapt.quality.files import FileReport, Stretch
from adapt.quality.filming import RULES
from adapt.quality.goals import minutes, sentence
from adapt.quality.tasks import TaskReport
from adapt.quality.thumbnails import Thumbnail, Thumbnails
from adapt.quality.times import clock
from adapt.quality.videos import VideosReport
from adapt.report.bands import WIDE, as_one, band, progress, timeline, wanted
from adapt.report.page import TEMPLATES, as_data, asset, policy_of
from adapt.report.svg import tag
from adapt.runs.atomic import write_atomic

NAME = "doctor.html"
OPEN_FILES = 40  # the rest is behind a fold
# Classes of colours by kind; what is kept also stands taller than the rest, so that colour never tells alone.
_TONES = {
    faults.KEPT: "kept",
    faults.UNTOLD: "untold",
    faults.REST: "rest",
    faults.UNREAD: "rest",
    "gap": "rest",
    "no_hand": "hands",
    "few_hands": "hands",
    "copy": "copied",
    "same_bytes": "copied",
    "still": "still",
    "short_shots": "still",
}
_OF_PICTURE = "picture"
_LEGEND = {
    "kept": "kept",
    "untold": "good, but nobody says what is done",
    "hands": "no or too few hands",
    "picture": "picture: dark, bright, blurred, turning too fast, bars, panels",
    "still": "still, or cut too often",
    "copied": "shown by another video",
    "rest": "too short for a window, held apart, or unreadable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFacts:
    """What the page says.

    Attributes:
        title: What was examined, for the head of the page.
        headline: What it comes to, in one line.
        report: The examination.
        thumbnails: One picture of each video.
        commands: (what for, command) of what to type next.
        record: doctor.json, for programs that find the page alone.
    """

    title: str
    headline: str
    report: VideosReport
    thumbnails: Thumbnails
    commands: Sequence[tuple[str, str]]
    record: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One video on the page."""

    id: str
    file: FileReport
    told: str  # how much of it can be used
    about: str  # its size, rate and codec
    parts: Sequence[tuple[str, str]]  # (class of its colour, words) of each kind of seconds
    timeline: Markup | None
    hands: Markup | None
    end: str  # its length, as players show it
    picture: str  # data:image/jpeg;base64,...; "" where there is none
    picture_size: tuple[int, int]
    picture_at: str


def write_doctor_page(path: Path, facts: DoctorFacts) -> Path:
    """Write a self-contained HTML page: no other file, no network, no script. Equal facts give equal bytes.

    Args:
        path: File to write; replaced if it exists.
        facts: What the page says.

    Returns:
        `path`.
    """
    write_atomic(path, render_doctor_page(facts))
    return path


def render_doctor_page(facts: DoctorFacts) -> str:
    """The page as text; arguments as above."""
    style = Markup(asset("report.css") + asset("doctor.css"))
    report = facts.report
    cards = [_card(number, file, facts.thumbnails) for number, file in enumerate(worst_first(report.files), start=1)]
    words: dict[str, Any] = {
        "facts": facts,
        "report": report,
        "style": style,
        "policy": policy_of(style, ""),
        "cards": cards,
        "open_files": OPEN_FILES,
        "links": {card.file.name: card.id for card in cards},
        "tasks": [(task, progress(task.usable_s, task.missing_s), _wanted(task)) for task in report.tasks],
        "whole": _timeline(_together(report.files), "All videos together, by what becomes of them"),
        "legend": _legend(report.files),
        "minutes": minutes,
        "sentence": sentence,
        "rules": RULES,
        "record": as_data(facts.record),
    }
    return TEMPLATES.get_template("doctor.html.j2").render(words).strip() + "\n"


def worst_first(files: Sequence[FileReport]) -> list[FileReport]:
    """The videos of which most is lost come first; the order in which they are shown."""
    return sorted(files, key=lambda file: (round(file.usable_s - file.duration_s, 3), file.name))


def _card(number: int, file: FileReport, thumbnails: Thumbnails) -> Card:
    picture: Thumbnail | None = thumbnails.by_file.get(file.name)
    seconds = file.seconds_by_code()
    return Card(
        id=f"video-{number}",
        file=file,
        told=f"{file.usable_s:.1f} s of {file.duration_s:.1f} s can be used",
        about=_about(file),
        parts=[(_tone(code), f"{faults.name_of(code)} {part_s:.1f} s") for code, part_s in seconds.items()],
        timeline=_timeline(file.stretches, f"{file.name}: kept and rejected seconds") if file.stretches else None,
        hands=_hands(file),
        end=clock(file.duration_s),
        picture="" if picture is None else f"data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode('ascii')}",
        picture_size=(0, 0) if picture is None else (picture.width, picture.height),
        picture_at="" if picture is None else clock(picture.time_s),
    )


def _about(file: FileReport) -> str:
    if file.info is None:
        return ""
    info = file.info
    told = [f"{info.width} x {info.height} px", f"{info.average_hz:.3g} Hz", info.codec]
    return ", ".join([*told, *([f"session {file.session}"] if file.session != file.name else [])])


def _timeline(stretches: Sequence[Stretch], label: str) -> Markup:
    return timeline(stretches, label, tone=_tone, name=faults.name_of, tall=("kept", "untold"))


def _hands(file: FileReport) -> Markup | None:
    """How many hands were seen, moment by moment: nothing, one step high, or two."""
    if not file.hands:
        return None
    blocks, at = [], 0
    for count, looks in groupby(file.hands):
        length = len(list(looks))
        tall = 10 * min(count, 2)
        place = {"x": WIDE * at / len(file.hands), "width": WIDE * length / len(file.hands)}
        if count:
            blocks.append(tag("rect", y=20 - tall, height=tall, **place))
        at += length
    seen = sum(count > 0 for count in file.hands) / len(file.hands)
    return band(blocks, 20, f"hands were seen in {seen:.0%} of the looks", "seen")


def _together(files: Sequence[FileReport]) -> list[Stretch]:
    """All seconds of all videos by kind, what is kept first, as one band."""
    parts = (part for file in files for part in file.seconds_by_code().items())
    found = [
        replace(stretch, reason=f"{minutes(stretch.seconds)} {faults.name_of(stretch.code)}")
        for stretch in as_one(parts, order=list(_LEGEND), tone=_tone)
    ]
    return found or [Stretch(start_s=0.0, end_s=1.0, code=faults.REST, reason="no video can be read")]


def _legend(files: Sequence[FileReport]) -> list[tuple[str, str]]:
    """The colours that are on the page, with what they stand for."""
    there = {_tone(stretch.code) for file in files for stretch in file.stretches}
    return [(tone, words) for tone, words in _LEGEND.items() if tone in there]


def _tone(code: str) -> str:
    return _TONES.get(code, _OF_PICTURE)


def _wanted(task: TaskReport) -> str:
    return wanted(task.missing_s, task.missing_sessions, "session")
