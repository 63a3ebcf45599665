"""The main job: videos or play data in, a bundle out. Runs each stage that is not done yet, in order."""

import importlib
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adapt.errors import RunError
from adapt.runs.manifest import MANIFEST
from adapt.runs.stage import read_manifest
from pipelines.engines import Workers
from pipelines.job import Job, save_job
from pipelines.schema import AdaptConfig
from pipelines.stages import SPREAD, STAGES
from pipelines.terminal import Terminal, shown

_PROBLEMS = 8  # lines of what could not be used; the rest is in the manifest
_SUMMARY = 110  # characters of what a stage says of itself; the rest is in its manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has come to.

    Attributes:
        run: The run's folder.
        results: The folder of each stage's result, by stage.
        worked: The stages that really ran; the others were done before.
    """

    run: Path
    results: Mapping[str, Path]
    worked: tuple[str, ...]


def run(
    job: Job, *, stop_after: str | None = None, terminal: Terminal | None = None, workers: Workers | None = None
) -> Outcome:
    """Bring a run up to date: every stage whose inputs have changed, or that is not done, is run.

    Args:
        job: What the run is to do; written into its folder before anything is done.
        stop_after: The last stage to run; None for all of them.
        terminal: Where progress goes; quiet by default.
        workers: Who else reads and encodes; this process alone by default.

    Returns:
        What was made, and what was done before.

    Raises:
        AdaptError: The replay data cannot be trained with, and nothing was done; or a stage could not do its work, and
            what is finished is kept.
    """
    terminal = terminal or Terminal(quiet=True)
    _require_replay(job, stop_after)
    save_job(job)
    results: dict[str, Path] = {}
    worked = []
    for stage in STAGES:
        results[stage], new = carry_out(job.run_folder, stage, partial(run_one, job, stage, workers), terminal)
        if new:
            worked.append(stage)
        if stage == stop_after:
            break
    return Outcome(run=job.run_folder, results=results, worked=tuple(worked))


def _require_replay(job: Job, stop_after: str | None) -> None:
    """Refuse replay data that cannot be trained with now, not when videos have been read for hours.

    What ships with a base is not asked for by a run that ends before it is needed.
    """
    needed = stop_after is None or STAGES.index(stop_after) >= STAGES.index("finetune")
    if needed or job.replay != "base":
        from pipelines.replay import require_replay  # Torch takes seconds to load.

        require_replay(job)


def carry_out(run: Path, stage: str, work: Callable[[], Path], terminal: Terminal) -> tuple[Path, bool]:
    """Do a stage and tell how it went.

    Args:
        run: The run's folder.
        stage: Its name.
        work: Does it, or finds that it is done; returns the folder of its result.
        terminal: Where progress goes.

    Returns:
        The folder of its result, and whether anything was done.
    """
    terminal.say(f"{stage:9} ...", style="dim")
    before = _noted(run, stage)
    result = work()
    noted = _noted(run, stage)
    worked = noted != before
    seconds = f"done in {noted.get('seconds', 0):.1f} s" if worked else "done before"
    terminal.say(f"{stage:9} {seconds}{_summary(result)}")
    for line in _problems(result) if worked else ():
        terminal.say(f"{'':9} {line}", style="dim")
    return result, worked


def run_one(job: Job, stage: str, workers: Workers | None = None) -> Path:
    """Run one stage of a job, or find that it is done.

    Args:
        job: The job.
        stage: One of `STAGES`.
        workers: Who else works, in `SPREAD` stages.

    Returns:
        The folder of the stage's result.

    Raises:
        AdaptError: The stage could not do its work.
    """
    # Only the stage at hand is loaded, so that a run with nothing left to do is over at once.
    module = importlib.import_module(f"pipelines.{stage}")
    helped = workers is not None and workers.are_asked and stage in SPREAD
    path = module.run(job, workers=workers) if helped else module.run(job)
    if not isinstance(path, Path):
        raise RunError(f"{stage} in {job.run}: gave {path!r} instead of a folder; this is a fault of the program")
    return path


def next_commands(outcome: Outcome, job: Job) -> list[str]:
    """What to type next, ready to be copied."""
    folder = shlex.quote(shown(outcome.run))
    if "bundle" not in outcome.results:
        done = list(outcome.results)[-1]
        return [f"wam-adapt {STAGES[STAGES.index(done) + 1]} --run {folder}"]
    bundle = shlex.quote(shown(outcome.results["bundle"]))
    base = f" --base {shlex.quote(job.recipe.base)}" if job.recipe.base != AdaptConfig().base else ""
    return [
        f"wam-adapt predict --bundle {bundle} --out {shlex.quote(shown(outcome.run / 'seen'))}{base}",
        f"wam-adapt publish --run {folder} --repo YOUR-NAME/{_repository(outcome.run.name)}",
    ]


def _repository(name: str) -> str:
    """A run's name as the Hub takes it: letters of ASCII, digits, '.', '_' and '-'."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "adapted"


def _noted(run_folder: Path, stage: str) -> dict[str, Any]:
    try:
        noted = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))["stages"][stage]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(noted)


def _summary(result: Path) -> str:
    """What the stage itself says of its result, in one line, if it does."""
    summary = str(read_manifest(result)["facts"].get("summary", ""))
    short = summary if len(summary) <= _SUMMARY else summary[: _SUMMARY - 4].rsplit(" ", 1)[0] + " ..."
    return f": {short}" if short else ""


def _problems(result: Path) -> list[str]:
    """What the stage could not use and why: files that failed, and windows left out, counted by reason."""
    facts: dict[str, Any] = read_manifest(result)["facts"]
    failed = [": ".join(str(part) for part in problem.values()) for problem in facts.get("problems", [])]
    left_out = [
        f"{count} window{'' if count == 1 else 's'} left out: {reason}"
        for reason, count in facts.get("rejections", {}).items()
    ]
    more = len(failed) - _PROBLEMS
    rest = [f"... and {more} more, all in {shown(result / MANIFEST)}"] if more > 0 else []
    return [*failed[:_PROBLEMS], *rest, *left_out]
