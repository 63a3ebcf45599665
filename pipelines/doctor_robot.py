"""Doctor, of a robot: a data set in; out what it is worth, what is wrong with it, and what to record next."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapt import __version__
from adapt.data.check_body import check_body
from adapt.data.episodes import EpisodeSource
from adapt.data.play_windows import SeenPlay, examine_play_dataset
from adapt.data.sources import is_lerobot, open_source
from adapt.embodiment.spec import Embodiment, check_slots, list_embodiments, load_embodiment
from adapt.errors import AdaptError, RecipeError, RunError
from adapt.quality.findings import HINT, Finding
from adapt.quality.goals import minutes
from adapt.quality.robot.examine import examine_episodes
from adapt.quality.robot.goals import Step
from adapt.quality.robot.guess import draft, guess_body
from adapt.quality.robot.pictures import take_pictures
from adapt.quality.robot.report import PlayRules, RobotReport, report_robot
from adapt.report.robot_page import RobotFacts, write_robot_page
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import Cache
from adapt.types import BaseGeometry
from pipelines.asked import make_job, place
from pipelines.doctor import FORMAT, free_run, options_of, where_to, write_results
from pipelines.ingest import base_geometry, progress_bar
from pipelines.job import Job
from pipelines.left_out import refuse_withdrawn
from pipelines.recipes import recipes_folder
from pipelines.terminal import shown

DRAFT = "body.yaml"
_NO_BODY = ""  # stands for what nobody has said yet; is never shown
_GUESSED = "unnamed_robot"
_WATCHING = 0.95  # Share of the time that is spent on looking at videos; a guess for the progress bar.


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What shall be examined, and as for which adaptation.

    Attributes:
        job: The adaptation that would follow; `job.run` is its folder, and its body "" where nobody names one.
        out: Where the page and the record go.
        options: What the user gave that the next command must have, too, but for the body.
    """

    job: Job
    out: Path
    options: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What came of it.

    Attributes:
        question: What was asked.
        report: What the data set is worth.
        written: The files that were written.
        next: (what for, command) of what to type next.
    """

    question: Question
    report: RobotReport
    written: tuple[Path, ...]
    next: tuple[tuple[str, str], ...]


def question(arguments: Namespace) -> Question:
    """What the words of the command ask.

    Raises:
        RecipeError: A setting is unknown or impossible, or a task is told, which a data set tells itself.
        RunError: The folder for the results is a file.
    """
    source = place(arguments.source)
    if arguments.task is not None and is_lerobot(source):
        raise RecipeError(
            f"--task is for videos, but {source} is a robot's data set, whose meta/tasks.jsonl tells its tasks; leave "
            "--task out, or mend that file"
        )
    out, beside = where_to(source, arguments.out)
    run = free_run(beside / "runs" / source.resolve().stem, source, "play")
    given = {"recipe": arguments.recipe or "play", "embodiment": arguments.embodiment or _NO_BODY}
    asked = Namespace(**{**vars(arguments), **given, "kind": "play", "out": str(run), "replay": "base"})
    return Question(job=make_job(asked), out=out, options=options_of(Namespace(**{**vars(asked), "embodiment": ""})))


def run(question: Question) -> Checkup:
    """Look at every row, and at every video that was not looked at before; write `doctor.json` and `doctor.html`.

    Raises:
        DataError: The data set cannot be read at all.
        EmbodimentError: The body fits neither the data set nor the base.
    """
    job, cache = question.job, Cache.default()
    geometry = base_geometry(job.recipe.base)
    named = load_embodiment(job.embodiment, [recipes_folder() / "embodiment"]) if job.embodiment else None
    source = open_source(job.source_path, rate_hz=named.rate_hz if named else None, task=job.task or "")
    fitting = () if named else fitting_bodies(source, geometry)
    body = named or _guessed_body(source, geometry)
    rules = PlayRules(spec=body, guessed=not job.embodiment, geometry=geometry, windows=job.recipe.windows)
    with progress_bar("doctor") as tell:

        def count(done: int, of: int) -> None:
            """Tell how much is done after so many episodes were read."""
            tell(done / of * (1 - _WATCHING), f"{done} of {of} episodes read")

        def watched(done: int, of: int) -> None:
            """Tell how much is done after so many episodes' videos were watched."""
            tell(1 - _WATCHING + done / of * _WATCHING, f"{done} of {of} episodes watched")

        digest = refuse_withdrawn(job.run_folder, cache)
        seen = examine_play_dataset(source, body, geometry, job.recipe.windows, digest=digest, progress=count)
        examination = examine_episodes(source, _shown(seen), body, cache=cache, progress=watched)
        report = report_robot(seen, examination, rules, source.where)
        pictures, hidden = take_pictures(_shown(seen), body.cameras, report.findings, cache)
    report = replace(report, others=(*_absent(source, body), *report.others))
    if rules.guessed:
        report = replace(report, steps=(_describe(question, fitting), *report.steps))
    checkup = Checkup(question=question, report=report, written=(), next=_next(question, report, fitting))
    facts = RobotFacts(
        title=job.source_path.name,
        headline=_sentence(headline(report)),
        report=report,
        pictures=pictures,
        hidden=hidden,
        commands=checkup.next,
        record=to_json(checkup),
    )
    written = write_results(question.out, facts.record, lambda page: write_robot_page(page, facts))
    drafted = (_write_draft(question.out, body, source),) if rules.guessed else ()
    return replace(checkup, written=(*written, *drafted))


def to_json(checkup: Checkup) -> dict[str, Any]:
    """What doctor.json says; docs/doctor.md tells what each key means."""
    job = checkup.question.job
    return {
        "format": FORMAT,
        "kind": "robot_data",
        "version": __version__,
        "source": job.source,
        "base": job.recipe.base,
        "embodiment": job.embodiment or None,
        **checkup.report.to_json(),
        "next": [command for _, command in checkup.next],
    }


def headline(report: RobotReport) -> str:
    """What it comes to, in one line."""
    count = len(report.episodes)
    of = f"{minutes(report.seconds)} in {count} episode{'' if count == 1 else 's'}"
    if not report.is_usable:
        return f"nothing of {of} can be used yet"
    doubted = f", {_all_of(report)} with something wrong" if report.doubted_s else ""
    return f"{minutes(report.usable_s)} of {of} can be used{doubted}"


def _all_of(report: RobotReport) -> str:
    return "all" if report.doubted_s > report.usable_s - 0.5 else minutes(report.doubted_s)


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _shown(seen: SeenPlay) -> list[Any]:
    """Episodes that may be looked at: nobody looks at what was taken back."""
    withheld = {name for name, words in seen.problems if "was withdrawn" in words}
    return [episode for episode in seen.episodes if episode.session not in withheld]


def _guessed_body(source: EpisodeSource, geometry: BaseGeometry) -> Embodiment:
    """What the data say of themselves."""
    episodes, _ = source.episodes([])
    cameras = [camera for camera in source.cameras if _is_there(source, camera)]
    return guess_body(source, episodes, cameras, tuple(geometry.canvas.slots), _GUESSED)


def _is_there(source: EpisodeSource, camera: str) -> bool:
    """Whether there is a single picture of a camera."""
    only = {*source.files([camera])} - {*source.files([])}
    return not only or any(path.is_file() for path in only)


def _absent(source: EpisodeSource, body: Embodiment) -> list[tuple[str, Finding]]:
    """Cameras that the data set lists and has no video of."""
    seen = {camera.column for camera in body.cameras}
    return [
        (
            camera,
            Finding(
                code="no_videos",
                weight=HINT,
                found="meta/info.json lists this camera, but there is no video of it",
                remedy="Put the videos there, or take the camera out of that file",
            ),
        )
        for camera in source.cameras
        if camera not in seen and not _is_there(source, camera)
    ]


def fitting_bodies(source: EpisodeSource, geometry: BaseGeometry) -> tuple[str, ...]:
    """Bodies that this package knows and that fit the data set, by name.

    Args:
        source: The data set.
        geometry: Of the base, whose canvas has to have the bodies' slots.
    """
    folder = recipes_folder() / "embodiment"
    found = []
    for name in list_embodiments([folder]):
        try:
            body = load_embodiment(name, [folder])
            check_slots(body, geometry.canvas)
            check_body(body, source)
        except AdaptError:
            continue
        if body.actions and _covers(body, source):
            found.append(name)
    return tuple(found)


def _covers(body: Embodiment, source: EpisodeSource) -> bool:
    """Whether a body has the data's own names, or their groups': two arms of four joints are not one body for that."""
    named = {
        axis.name
        for axis in body.actions
        if axis.name in source.vectors[axis.column]
        or axis.name.rpartition("_")[0] in source.groups.get(axis.column, ())
    }
    return len(named) == len(body.actions)


def _describe(question: Question, fitting: Sequence[str]) -> Step:
    if fitting:
        return Step(
            kind="describe",
            what=f"Give --embodiment {fitting[0]}: that spec fits these columns, cameras and names.",
            why="Without a spec units, grippers and the cameras' places are guessed, and `adapt play` cannot begin.",
        )
    path = shown(question.out / DRAFT)
    return Step(
        kind="describe",
        what=f"Describe the robot: mend the draft {path} (units above all), then give it as --embodiment.",
        why="Without a spec units, grippers and the cameras' places are guessed, and `adapt play` cannot begin.",
    )


def _next(question: Question, report: RobotReport, fitting: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The adaptation, where there is something to learn from; and this examination again."""
    job = question.job
    source = shlex.quote(shown(job.source_path))
    body = job.embodiment or (fitting[0] if fitting else shown(question.out / DRAFT))
    body = shlex.quote(shown(Path(body)) if Path(body).is_absolute() else body)
    options = "".join(f" {shlex.quote(option)}" for option in question.options)
    again = f"wam-adapt doctor {source} --embodiment {body} --out {shlex.quote(shown(question.out))}{options}"
    run = f"wam-adapt adapt play {source} --embodiment {body} --out {shlex.quote(shown(job.run_folder))}{options}"
    if report.rules.guessed:
        return (("To examine it with units and cameras", again),)
    if not report.is_usable:
        return (("After mending or recording, examine again", again),)
    if report.doubted_s:  # Whoever copies the first command is to mend first.
        return (("After mending, examine again", again), ("To train all the same, wrong as it is", run))
    return (("To train with what there is", run), ("After recording more, examine again", again))


def _write_draft(out: Path, body: Embodiment, source: EpisodeSource) -> Path:
    """A spec to begin with; one that is there already may have been worked on, and stays."""
    path = out / DRAFT
    if not path.exists():
        try:
            write_atomic(path, draft(body, source))
        except OSError as error:
            raise RunError(f"--out {out} cannot be written ({error.strerror}); name another folder") from error
    return path
