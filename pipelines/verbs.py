"""What does each verb do? Turns words into a job, runs the pipeline, and shows what came of it."""

import importlib
from argparse import Namespace
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.asked import image_of, make_job, place, workers_of
from pipelines.stages import STAGES
from pipelines.terminal import Terminal, shown

if TYPE_CHECKING:
    from pipelines.adapt_all import Outcome
    from pipelines.engines import Workers
    from pipelines.job import Job


def adapt(arguments: Namespace, terminal: Terminal) -> None:
    """The main job: every stage that is not done yet."""
    _bring_up_to_date(make_job(arguments), terminal, stop_after=arguments.stop_after, workers=workers_of(arguments))


def run_stage(arguments: Namespace, terminal: Terminal) -> None:
    """One stage of a run that `adapt` has begun."""
    from pipelines.adapt_all import run_one
    from pipelines.job import load_job

    path = run_one(load_job(place(arguments.run)), arguments.stage, workers_of(arguments))
    terminal.show(shown(path))
    _show_report(path, terminal)
    terminal.give({"stage": arguments.stage, "result": path})


def study(arguments: Namespace, terminal: Terminal) -> None:
    """Several trainings that tell what the new data taught."""
    from pipelines import adapt_all, study_table
    from pipelines import study as pipeline
    from pipelines.job import load_job
    from pipelines.replay import require_replay

    if bool(arguments.kind) == bool(arguments.run):
        arguments.wrong_usage("give --run RUN for a run that has been encoded, or new data: human VIDEOS, play DATASET")
    job = make_job(arguments) if arguments.kind else load_job(place(arguments.run))
    job = pipeline.configure(job, seeds=arguments.seeds, arms=arguments.arms)
    if arguments.kind:
        require_replay(job)
        adapt_all.run(job, stop_after="encode", terminal=terminal, workers=workers_of(arguments))
    folder = pipeline.run(job, terminal=terminal)
    record = pipeline.read(folder)
    terminal.show(study_table.show(record))
    terminal.show(f"study: {shown(folder)}")
    _show_report(folder, terminal)
    terminal.give({"run": job.run, "result": folder, "verdict": record.verdict, "summary": record.summary})


def doctor(arguments: Namespace, terminal: Terminal) -> None:
    """What data are worth; a program is told by the exit status whether an adaptation could begin."""
    from pipelines.doctor_kinds import examine

    told = examine(arguments, workers_of(arguments))
    terminal.show(told.words)
    terminal.give(told.record)
    if not told.is_usable:
        raise SystemExit(1)


def plan(arguments: Namespace, terminal: Terminal) -> None:
    """What an adaptation would take."""
    from pipelines import plan as pipeline

    found = pipeline.run(arguments)
    terminal.show(pipeline.table(found))
    terminal.show(pipeline.words(found))
    terminal.give(pipeline.to_json(found))


def publish(arguments: Namespace, terminal: Terminal) -> None:
    """Send a run's bundle to the Hub, or tell what would be sent."""
    answer = _pipeline("publish").run(
        place(arguments.run), arguments.repo, confirm=arguments.confirm, public=arguments.public
    )
    _report(answer, terminal)


def pull(arguments: Namespace, terminal: Terminal) -> None:
    """Fetch a bundle from the Hub."""
    _report(_pipeline("pull").run(arguments.reference, place(arguments.out)), terminal)


def predict(arguments: Namespace, terminal: Terminal) -> None:
    """Imagine what follows an image."""
    from pipelines import predict as pipeline

    question = pipeline.Question(
        bundle=place(arguments.bundle),
        images=[image_of(text) for text in arguments.image],
        task=arguments.task,
        state=place(arguments.state) if arguments.state else None,
        out=place(arguments.out) if arguments.out else None,
        seed=arguments.seed,
        base=place(arguments.base) if arguments.base else None,
    )
    answer = pipeline.run(question)
    terminal.show(pipeline.table(answer))
    for path in answer.written:
        terminal.show(shown(path))
    terminal.give(pipeline.to_json(answer))


def merge(arguments: Namespace, terminal: Terminal) -> None:
    """Fold a bundle's adapter into whole weights."""
    from pipelines import merge as pipeline

    order = pipeline.Order(
        bundle=place(arguments.bundle),
        out=place(arguments.out),
        base=place(arguments.base) if arguments.base else None,
        kind=arguments.format,
        dtype=arguments.dtype,
        trained_on=arguments.trained_on,
    )
    _report(pipeline.run(order), terminal)


def serve(arguments: Namespace, terminal: Terminal) -> None:
    """Answer robots until told to stop."""
    from pipelines import serve as pipeline

    _report(pipeline.run(pipeline.question(arguments), terminal.say), terminal)


def config_show(arguments: Namespace, terminal: Terminal) -> None:
    """Show each key of a recipe."""
    from pipelines import config_show as pipeline

    rows = pipeline.run(arguments.recipe, arguments.overrides)
    terminal.show(pipeline.as_text(rows))
    terminal.give([asdict(row) for row in rows])


def config_validate(arguments: Namespace, terminal: Terminal) -> None:
    """Check a recipe."""
    from pipelines import config_show as pipeline

    rows = pipeline.run(arguments.recipe, arguments.overrides)
    terminal.show(f"{arguments.recipe}: good, {len(rows)} keys")
    terminal.give({"recipe": arguments.recipe, "good": True, "keys": len(rows)})


def sim_record(arguments: Namespace, terminal: Terminal) -> None:
    """Record on the tabletop."""
    from pipelines import sim_record as pipeline

    answer = pipeline.run(pipeline.question(arguments))
    terminal.show(pipeline.table(answer))
    terminal.give(pipeline.to_json(answer))


def sim_try(arguments: Namespace, terminal: Terminal) -> None:
    """Let a model act on the tabletop."""
    from pipelines import sim_try as pipeline

    answer = pipeline.run(pipeline.question(arguments))
    terminal.show(pipeline.table(answer))
    terminal.give(pipeline.to_json(answer))


def tabletop(arguments: Namespace, terminal: Terminal) -> None:
    """Carry out a study on the tabletop."""
    from pipelines.tabletop import study as pipeline

    answer = pipeline.run(pipeline.question(arguments), terminal)
    terminal.show(pipeline.table(answer))
    terminal.give(pipeline.to_json(answer))


def sim_tasks(_arguments: Namespace, terminal: Terminal) -> None:
    """List what can be asked for on the tabletop."""
    from pipelines import sim_tasks as pipeline

    rows = pipeline.run()
    terminal.show(pipeline.table(rows))
    terminal.show(pipeline.summary(rows))
    terminal.give([asdict(row) for row in rows])


def embodiment_init(arguments: Namespace, terminal: Terminal) -> None:
    """Draft a robot's spec."""
    from pipelines import embodiment_init as pipeline

    out = place(arguments.out) if arguments.out else None
    drafted = pipeline.run(
        pipeline.Question(source=place(arguments.source), out=out, rate_hz=arguments.rate, base=arguments.base)
    )
    terminal.show(pipeline.tell(drafted))
    terminal.give(pipeline.to_json(drafted))


def embodiment_check(arguments: Namespace, terminal: Terminal) -> None:
    """Hold a robot's spec against its data; a program is told by the exit status."""
    from pipelines import embodiment_check as pipeline

    checked = pipeline.run(
        pipeline.Question(
            spec=arguments.spec,
            source=place(arguments.source),
            task=arguments.task or "",
            base=arguments.base,
            allowed=arguments.allow,
        )
    )
    terminal.show(pipeline.tell(checked))
    terminal.give(pipeline.to_json(checked))
    if not checked.is_good:
        raise SystemExit(1)


def demo(arguments: Namespace, terminal: Terminal) -> None:
    """The main job on what ships with the package, and both models acting in the simulator."""
    from pipelines import adapt_all
    from pipelines.job import load_job

    # The demo puts its data and its job in place; then it is a run like any other, until its models act.
    job = load_job(_pipeline("demo").run(place(arguments.out)))
    outcome = adapt_all.run(job, terminal=terminal)
    _show_scorecard(outcome, terminal)
    acting = _pipeline("demo_act")
    folder, new = adapt_all.carry_out(job.run_folder, acting.STAGE, partial(acting.run, job), terminal)
    terminal.show(acting.table(folder))
    for path in acting.films(folder):
        terminal.show(shown(path))
    results = {**outcome.results, acting.STAGE: folder}
    worked = (*outcome.worked, acting.STAGE) if new else outcome.worked
    _show_end(replace(outcome, results=results, worked=worked), job, terminal)


def status(arguments: Namespace, terminal: Terminal) -> None:
    """How far a run has come."""
    from pipelines import status as pipeline
    from pipelines import status_words

    found = pipeline.run(place(arguments.run))
    terminal.show(status_words.show(found))
    terminal.show(status_words.tell(found))
    terminal.give(status_words.to_json(found))


def cache_du(_arguments: Namespace, terminal: Terminal) -> None:
    """What the cache holds."""
    from pipelines import cache_du as pipeline

    contents = pipeline.run()
    terminal.show(pipeline.show(contents))
    terminal.give(pipeline.to_json(contents))


def cache_verify(arguments: Namespace, terminal: Terminal) -> None:
    """Whether the cache is sound; a program is told by the exit status."""
    from pipelines import cache_verbs

    answer = cache_verbs.verify(remove_broken=arguments.remove)
    _report(answer, terminal)
    if not answer["good"]:
        raise SystemExit(1)


def cache_prune(arguments: Namespace, terminal: Terminal) -> None:
    """Make room in the cache."""
    from pipelines import cache_verbs

    if arguments.keep is None and arguments.older_than is None:
        arguments.wrong_usage("say how much may stay: --keep 20GB, or --older-than 30d, or both")
    answer = cache_verbs.prune(keep_bytes=arguments.keep, older_than_s=arguments.older_than, confirm=arguments.confirm)
    _report(answer, terminal)


def withdraw(arguments: Namespace, terminal: Terminal) -> None:
    """A person takes back their video."""
    roots = [place(root) for root in arguments.runs]
    pipeline = _pipeline("withdraw_back" if arguments.undo else "withdraw")
    _report(pipeline.run(arguments.video, roots, confirm=arguments.confirm), terminal)


def pretrain(arguments: Namespace, terminal: Terminal) -> None:
    """Train a base model from nothing."""
    from pipelines.pretrain.settings import PretrainConfig
    from pipelines.recipes import compose_as

    composed = compose_as(PretrainConfig, arguments.recipe, arguments.overrides, folder="pretrain")
    _report(_pipeline("pretrain.make").run(composed.config, place(arguments.out)), terminal)


def _bring_up_to_date(
    job: "Job", terminal: Terminal, *, stop_after: str | None = None, workers: "Workers | None" = None
) -> None:
    from pipelines import adapt_all

    outcome = adapt_all.run(job, stop_after=stop_after, terminal=terminal, workers=workers)
    _show_scorecard(outcome, terminal)
    _show_end(outcome, job, terminal)


def _show_scorecard(outcome: "Outcome", terminal: Terminal) -> None:
    if "evaluate" in outcome.results:
        from pipelines import scorecard

        terminal.show(scorecard.show(scorecard.read(outcome.results["evaluate"])))
        _show_report(outcome.results["evaluate"], terminal)


def _show_end(outcome: "Outcome", job: "Job", terminal: Terminal) -> None:
    """Where the result is, and what to type next."""
    from pipelines import adapt_all

    commands = adapt_all.next_commands(outcome, job)
    last = [stage for stage in STAGES if stage in outcome.results][-1]
    terminal.show(f"{last}: {shown(outcome.results[last])}")
    terminal.show("next:\n" + "\n".join(f"  {command}" for command in commands))
    results = {stage: str(path) for stage, path in outcome.results.items()}
    terminal.give({"run": outcome.run, "results": results, "worked": outcome.worked, "next": commands})


def _pipeline(name: str) -> Any:
    return importlib.import_module(f"pipelines.{name}")


def _show_report(folder: Path, terminal: Terminal) -> None:
    """Tell where a stage's page for people is, if it has one."""
    page = folder / "report.html"
    if page.is_file():
        terminal.show(f"report: {shown(page)}")


def _report(answer: Any, terminal: Terminal) -> None:
    """Show what a pipeline returned: a path, or a value with its own words."""
    terminal.show(shown(answer) if isinstance(answer, Path) else str(answer))
    terminal.give({"result": answer} if isinstance(answer, Path) else answer)
