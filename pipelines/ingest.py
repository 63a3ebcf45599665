"""Ingest: videos or play data in, a table of training windows out."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.data.clip_table import CLIP_TABLE, read_clip_table, write_clip_table
from adapt.data.splits import assign_splits
from adapt.data.video_folder import read_video_folder
from adapt.data.windows import PREPROCESS_VERSION
from adapt.embodiment.spec import Embodiment, load_embodiment
from adapt.errors import DataError
from adapt.footage import reasons
from adapt.footage.settings import FOOTAGE_VERSION, TOLD_ONLY
from adapt.hands.model_file import HAND_MODEL
from adapt.runs.cache import Cache
from adapt.runs.stage import require_current, run_stage
from adapt.types import BaseGeometry, Window
from pipelines.engines import Workers
from pipelines.job import Job
from pipelines.left_out import leave_out, refuse_withdrawn
from pipelines.recipes import recipes_folder
from pipelines.schema import AdaptConfig
from pipelines.stages import VERSIONS

if TYPE_CHECKING:
    from adapt.data.human_windows import HumanRules

VERSION = VERSIONS["ingest"]
Tell = Callable[[float, str], None]  # share done in [0, 1], what is being read
Found = tuple[list[Window], list[tuple[str, str]]]  # windows, (file, reason) of what gave none


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be read, and what decides the result."""

    key: Mapping[str, Any]  # digests and settings of this kind of source
    read: Callable[[Tell], Found]


def run(job: Job, workers: Workers | None = None) -> Path:
    """List the windows of the job's source, and split them; done before, it returns at once.

    Args:
        job: Names the source, the body, the base and the recipe.
        workers: Who else looks through videos; this process alone by default. Play data is read by this process.

    Returns:
        RUN/ingest/KEY, with the clip table and a manifest of counts, reasons and problems.

    Raises:
        DataError: The source cannot be read, or gives no window to train on.
        EmbodimentError: The body does not fit the source or the base.
    """
    cache = Cache.default()
    geometry = base_geometry(job.recipe.base)
    body = load_embodiment(job.embodiment, [recipes_folder() / "embodiment"])
    plan = (
        _plan_human(job, body, geometry, cache, workers)
        if job.kind == "human"
        else _plan_play(job, body, geometry, cache)
    )
    inputs = {
        "kind": job.kind,
        "versions": [VERSION, PREPROCESS_VERSION],
        "source": dict(plan.key),
        "embodiment": body.to_json(),
        "geometry": asdict(geometry),
        "windows": asdict(job.recipe.windows),
    }

    def work(folder: Path) -> Mapping[str, Any]:
        """Cut windows, split them and write the clip table; the facts are counts, reasons and problems."""
        with progress_bar("ingest") as tell:
            windows, problems = plan.read(tell)
        windows, same_session = assign_splits(windows, job.recipe.windows.validation_share)
        write_clip_table(folder / CLIP_TABLE, windows, root=_root(job))
        return _facts(windows, problems, geometry, same_session=same_session)

    return run_stage(job.run_folder, "ingest", inputs, work).path


def read_windows(job: Job) -> list[Window]:
    """The windows that this run's ingest listed, rejected ones too, with videos where the job's source is now.

    Raises:
        RunError: Ingest has not been run.
    """
    return read_clip_table(require_current(job.run_folder, "ingest") / CLIP_TABLE, root=_root(job))


def base_geometry(base: str) -> BaseGeometry:
    """What a base fixes for its data; its weights are not loaded."""
    from adapt.models.bases import read_geometry

    return read_geometry(base)


def human_rules(recipe: AdaptConfig, body: Embodiment, geometry: BaseGeometry) -> "HumanRules":
    """What decides which windows of human videos are kept, as a recipe has it."""
    from adapt.data.human_windows import HumanRules

    return HumanRules(body=body, geometry=geometry, windows=recipe.windows, hands=recipe.hands, footage=recipe.footage)


def _plan_human(job: Job, body: Embodiment, geometry: BaseGeometry, cache: Cache, workers: Workers | None) -> Plan:
    folder = leave_out(read_video_folder(job.source_path, job.task), job.run_folder, cache)

    def read(tell: Tell) -> Found:
        """Windows of the videos, looked at ahead where there are workers."""
        from adapt.data.human_windows import read_human_videos  # MediaPipe and PyAV: only when needed

        if workers is not None and workers.are_asked:
            from pipelines.ahead import look_ahead

            look_ahead([item.path for item in folder.videos], job.recipe.hands, cache, workers, tell=tell)
        return read_human_videos(folder, human_rules(job.recipe, body, geometry), cache, progress=tell)

    footage = {name: value for name, value in asdict(job.recipe.footage).items() if name not in TOLD_ONLY}
    key = {
        "videos": [
            [item.name, _digest(item.path, cache.file_digest), item.instruction, item.session] for item in folder.videos
        ],
        "problems": [list(problem) for problem in folder.problems],
        "hands": asdict(job.recipe.hands),
        "hand_model": HAND_MODEL,
        "footage": {"version": FOOTAGE_VERSION, **footage},
    }
    return Plan(key=key, read=read)


def _plan_play(job: Job, body: Embodiment, geometry: BaseGeometry, cache: Cache) -> Plan:
    from adapt.data.play_windows import read_play_dataset
    from adapt.data.sources import open_source

    root, digest = job.source_path, refuse_withdrawn(job.run_folder, cache)
    source = open_source(root, rate_hz=body.rate_hz, task=job.task or "")

    def read(tell: Tell) -> Found:
        """Windows of the episodes."""

        def count(done: int, of: int) -> None:
            """Tell how much is done after so many episodes."""
            tell(done / of, f"{done} of {of} episodes")

        return read_play_dataset(source, body, geometry, job.recipe.windows, digest=digest, progress=count)

    files = source.files([camera.column for camera in body.cameras])
    key: dict[str, Any] = {"files": [[path.relative_to(root).as_posix(), _digest(path, digest)] for path in files]}
    # Kept out where there is none, so that runs of data sets that tell their tasks go on as they are.
    return Plan(key={**key, "task": job.task} if job.task else key, read=read)


def _digest(path: Path, digest: Callable[[Path], str]) -> str:
    """The file's digest; what cannot be read is told apart from everything that can."""
    try:
        return digest(path)
    except DataError as error:
        return f"unreadable: {error}"


def _root(job: Job) -> Path:
    """The folder relative to which the table names its videos."""
    source = job.source_path.absolute()
    return source.parent if source.is_file() else source


def _facts(
    windows: Sequence[Window], problems: Sequence[tuple[str, str]], geometry: BaseGeometry, *, same_session: bool
) -> dict[str, Any]:
    kept = [window for window in windows if window.split != "rejected"]
    rejected = [window for window in windows if window.split == "rejected"]
    splits = Counter(window.split for window in windows)
    videos = len({ref.digest for window in windows for ref in window.videos})
    told = f"{_count(videos, 'video')}: {_count(len(kept), 'window')} ({_minutes(kept, geometry):.1f} min) kept"
    told += f", {len(rejected)} rejected{_by_fault(rejected)}"
    if not splits["validation"]:
        told += "; too few windows of one session to hold any out for validation"
    if problems:
        told += f"; {_count(len(problems), 'file')} with problems: {problems[0][0]}"
        told += ", ..." if len(problems) > 1 else ""
    return {
        "summary": told,
        "videos": videos,
        "sessions": len({window.session for window in kept}),
        "same_session": same_session,
        "kept_windows": len(kept),
        "kept_minutes": _minutes(kept, geometry),
        "rejected_windows": len(rejected),
        "rejected_minutes": _minutes(rejected, geometry),
        "rejections": dict(sorted(Counter(reasons.common(window.rejection) for window in rejected).items())),
        "train_windows": splits["train"],
        "validation_windows": splits["validation"],
        "problems": [{"file": file, "reason": reason} for file, reason in problems],
    }


def _by_fault(rejected: Sequence[Window]) -> str:
    """What was wrong, commonest first, in brackets; "" where nothing was."""
    faults = sorted(Counter(reasons.fault(window.rejection) for window in rejected).items())
    told = ", ".join(f"{count} x {fault}" for fault, count in sorted(faults, key=lambda item: -item[1]))
    return f" ({told})" if told else ""


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def _minutes(windows: Sequence[Window], geometry: BaseGeometry) -> float:
    return round(sum(geometry.window_s(window.chunks) for window in windows) / 60, 3)


@contextmanager
def progress_bar(name: str) -> Iterator[Tell]:
    """A progress bar on standard error, where that is a terminal.

    Args:
        name: Of what goes on.
    """
    if not sys.stderr.isatty():
        yield lambda _share, _what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(name), BarColumn(), TextColumn("{task.percentage:3.0f}%"), TimeRemainingColumn())
    # Drawn from this thread only: while MediaPipe loads, the error stream is closed to all others.
    with Progress(
        *columns, TextColumn("{task.description}"), console=Console(stderr=True), auto_refresh=False, transient=True
    ) as progress:
        task = progress.add_task("", total=1.0)

        def tell(share: float, what: str) -> None:
            """Show what share is done, and of what."""
            progress.update(task, completed=share, description=what, refresh=True)

        yield tell
