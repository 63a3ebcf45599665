"""Doctor: human videos in; out what they are worth, file by file, and what to film next. Nothing is trained."""

import json
import shlex
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapt import __version__
from adapt.data.video_folder import VideoFolder, read_video_folder
from adapt.embodiment.spec import load_embodiment
from adapt.errors import AdaptError, DataError, RunError
from adapt.quality.goals import minutes
from adapt.quality.thumbnails import Thumbnails, make_thumbnails
from adapt.quality.videos import VideosReport, examine_videos
from adapt.report.doctor_page import NAME, DoctorFacts, worst_first, write_doctor_page
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import Cache
from pipelines.asked import make_job, place
from pipelines.engines import Workers
from pipelines.ingest import base_geometry, human_rules, progress_bar
from pipelines.job import Job, load_job
from pipelines.left_out import leave_out
from pipelines.recipes import recipes_folder
from pipelines.terminal import shown

FORMAT = 1  # of doctor.json; raise by hand when a key changes its meaning
RECORD = "doctor.json"
_MOST_PICTURES = 200  # A page of thousands would be slow to open; those that lose most are shown.
_PURPOSES = ("To train with what there is", "After filming or mending, examine again")
HUMAN_HAND = "human_hand"
_ANY_TASK = "?"  # stands for what nobody has said yet; is never shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What shall be examined, and as for which adaptation.

    Attributes:
        job: The adaptation that would follow; `job.run` is its folder.
        out: Where the page and the record go.
        options: What the user gave that the next command must have, too.
    """

    job: Job
    out: Path
    options: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What came of it.

    Attributes:
        question: What was asked.
        report: What the videos are worth.
        written: The files that were written.
        next: What to type next.
    """

    question: Question
    report: VideosReport
    written: tuple[Path, ...]
    next: tuple[str, ...]


def question(arguments: Namespace) -> Question:
    """What the words of the command ask.

    Raises:
        DataError: The videos are not there.
        RecipeError: A setting is unknown or impossible.
        RunError: The folder for the results is a file.
    """
    source = place(arguments.source)
    out, beside = where_to(source, arguments.out)
    run = free_run(beside / "runs" / source.resolve().stem, source, "human")
    given = {"recipe": arguments.recipe or "human", "embodiment": arguments.embodiment or HUMAN_HAND}
    asked = Namespace(**{**vars(arguments), **given, "kind": "human", "out": str(run), "replay": "base"})
    return Question(job=make_job(asked), out=out, options=options_of(asked))


def where_to(source: Path, out: str | None) -> tuple[Path, Path]:
    """Where the results go, and the folder in which runs are proposed.

    Args:
        source: What is examined.
        out: What the user says of it.

    Raises:
        RunError: The folder for the results is a file.
    """
    # Whoever stands among the data wants the results beside them, where no later run takes them for data.
    beside = source.resolve().parent if Path.cwd().is_relative_to(source.resolve()) else Path.cwd()
    folder = place(out) if out else beside / "doctor" / source.resolve().stem
    if folder.is_file():
        raise RunError(f"--out {folder} is a file; name a folder, which is made if need be")
    return folder, beside


def run(question: Question, workers: Workers | None = None) -> Checkup:
    """Look at every video that was not looked at before, and write `doctor.json` and `doctor.html`.

    Args:
        question: What is asked.
        workers: Who else looks through videos; this process alone by default.

    Raises:
        DataError: The folder is missing or holds no video, the hand model cannot be had, or all was withdrawn.
        EmbodimentError: The body does not fit human videos, or the base.
    """
    job, cache = question.job, Cache.default()
    body = load_embodiment(job.embodiment, [recipes_folder() / "embodiment"])
    rules = human_rules(job.recipe, body, base_geometry(job.recipe.base))
    everything = leave_out(read_video_folder(job.source_path, job.task or _ANY_TASK), job.run_folder, cache)
    told = _told(job, cache)
    with progress_bar("doctor") as tell:
        if workers is not None and workers.are_asked:
            from pipelines.ahead import look_ahead

            look_ahead([item.path for item in everything.videos], rules.hands, cache, workers, tell=tell)
        report = examine_videos(told, everything, rules, cache, progress=tell)
        thumbnails = make_thumbnails(
            everything.videos, worst_first(report.files)[:_MOST_PICTURES], rules.hands, cache, progress=tell
        )
    checkup = Checkup(question=question, report=report, written=(), next=_next(question, report))
    return replace(checkup, written=_write(checkup, thumbnails))


def to_json(checkup: Checkup) -> dict[str, Any]:
    """What doctor.json says; docs/doctor.md tells what each key means."""
    job = checkup.question.job
    return {
        "format": FORMAT,
        "kind": "human_videos",
        "version": __version__,
        "source": job.source,
        "base": job.recipe.base,
        "embodiment": job.embodiment,
        **checkup.report.to_json(),
        "next": list(checkup.next),
    }


def _told(job: Job, cache: Cache) -> VideoFolder | None:
    """The folder as ingest takes it; None where it would refuse it for want of an instruction."""
    try:
        folder = read_video_folder(job.source_path, job.task)
    except DataError:
        return None  # With some task it can be read, as was seen before: so that is all it lacks.
    return leave_out(folder, job.run_folder, cache)


def headline(report: VideosReport) -> str:
    """What it comes to, in one line."""
    count = len(report.files)
    of = f"{minutes(report.seconds)} in {count} video{'' if count == 1 else 's'}"
    if not report.is_usable:
        return f"nothing of {of} can be used yet"
    return f"{minutes(report.usable_s)} of {of} can be used"


def _write(checkup: Checkup, thumbnails: Thumbnails) -> tuple[Path, ...]:
    out, answer = checkup.question.out, to_json(checkup)
    line = headline(checkup.report)
    facts = DoctorFacts(
        title=checkup.question.job.source_path.name,
        headline=line[0].upper() + line[1:],
        report=checkup.report,
        thumbnails=thumbnails,
        commands=list(zip(_PURPOSES[-len(checkup.next) :], checkup.next, strict=True)),
        record=answer,
    )
    return write_results(out, answer, lambda page: write_doctor_page(page, facts))


def write_results(out: Path, record: Mapping[str, Any], write_page: Callable[[Path], object]) -> tuple[Path, Path]:
    """Write the page and the record into a folder.

    Args:
        out: The folder; made if need be.
        record: What doctor.json says.
        write_page: Writes the page at a path.

    Raises:
        RunError: They cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomic(out / RECORD, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        write_page(out / NAME)
    except OSError as error:
        raise RunError(f"--out {out} cannot be written ({error.strerror}); name another folder") from error
    return out / NAME, out / RECORD


def _next(question: Question, report: VideosReport) -> tuple[str, ...]:
    """The adaptation, where there is something to learn from; and this examination again."""
    job = question.job
    source = shlex.quote(shown(job.source_path))
    task = f" --task {shlex.quote(job.task)}" if job.task else ""
    lacking = any(not file.instruction for file in report.files)
    if lacking and not task:
        task = ' --task "SAY WHAT IS DONE"'
    options = "".join(f" {shlex.quote(option)}" for option in question.options)
    again = f"wam-adapt doctor {source}{task} --out {shlex.quote(shown(question.out))}{options}"
    if not report.is_usable:
        return (again,)
    return (f"wam-adapt adapt human {source}{task} --out {shlex.quote(shown(job.run_folder))}{options}", again)


def options_of(arguments: Namespace) -> tuple[str, ...]:
    """What was asked beside the usual, as it is given to `adapt`, too; of a robot its body is always told."""
    usual = {"human": HUMAN_HAND, "play": ""}[arguments.kind]
    given: list[str] = []
    if arguments.recipe != arguments.kind:
        given += ["--recipe", arguments.recipe]
    if arguments.base:
        given += ["--base", arguments.base]
    if arguments.embodiment != usual:
        given += ["--embodiment", arguments.embodiment]
    return (*given, "--set", *arguments.overrides) if arguments.overrides else tuple(given)


def free_run(run: Path, source: Path, kind: str) -> Path:
    """A name for the run's folder: one that nobody has taken, or that of the run that learns from this data."""
    number, free = 2, run
    while free.exists() and not _learns_from(free, source, kind):
        free, number = run.with_name(f"{run.name}-{number}"), number + 1
    return free


def _learns_from(run: Path, source: Path, kind: str) -> bool:
    try:
        job = load_job(run)
    except AdaptError:
        return False
    return job.kind == kind and job.source_path == source
