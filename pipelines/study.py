"""Study: several trainings that differ in nothing but their data tell what the new data taught. Resumable throughout.

RUN/study/trainings/, RUN/study/judgements/   one unit an arm and seed: `study_train`, `study_judge`
RUN/study/KEY/                                study.json and report.html: what all of them say together
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from adapt.errors import DataError
from adapt.evaluate import actions, retention, video
from adapt.evaluate.bootstrap import Bootstrap
from adapt.evaluate.record import NOT_APPLICABLE, NOT_MEASURED
from adapt.evaluate.study import FIRST, Table, conduct
from adapt.evaluate.study_record import Arm, StudyRecord, dump, from_json
from adapt.evaluate.study_settings import NEW, REPLAY, StudyConfig
from adapt.evaluate.summary import robot_effect
from adapt.evaluate.tables import Label
from adapt.models.bases import read_identity
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import Cache
from adapt.runs.documents import parse_object
from adapt.runs.stage import read_manifest, run_stage
from pipelines.job import Job
from pipelines.study_judge import MODEL, judge_all, read_errors
from pipelines.study_plan import Plan, make_plan
from pipelines.study_train import kept, train_all, unit_name
from pipelines.terminal import Terminal

VERSION = 1  # Raise by hand when the same inputs would give another record.
STUDY = "study.json"
_LABELS = (
    Label(id=video.LATENT, group="video", name="imagined video"),
    Label(id=video.MOTION, group="video", name="imagined video, where something moves"),
    Label(id=actions.OVERALL, group="actions", name="actions, first chunk, as a share of range"),
    Label(id=retention.LATENT, group="retention", name="imagined video of the base's own data"),
    Label(id=retention.ACTION, group="retention", name="actions on the base's own data, as a share of range"),
)
_NO_SOURCE = "a source video could not be read; compared with the codec's picture of it"


def configure(job: Job, *, seeds: int | None = None, arms: Sequence[str] | None = None) -> Job:
    """The job with another number of seeds, or other arms, than its recipe says.

    Raises:
        RecipeError: There is no such arm, or nothing to compare.
    """
    study = job.recipe.study
    changed = StudyConfig(
        seeds=study.seeds if seeds is None else seeds,
        arms=study.arms if arms is None else list(arms),
        windows=study.windows,
        replay_windows=study.replay_windows,
    )
    return replace(job, recipe=replace(job.recipe, study=changed))


def run(job: Job, *, terminal: Terminal | None = None, cache: Cache | None = None) -> Path:
    """Train every arm from every seed, judge all of them, and say what the new data taught.

    Args:
        job: The run; it has been encoded.
        terminal: Where progress goes; quiet by default.
        cache: Remembers digests; the user's own by default.

    Returns:
        RUN/study/KEY.

    Raises:
        RunError: The run has not been encoded.
        DataError: There are no held-out windows to judge by, or the replay data is not there.
    """
    terminal, memory = terminal or Terminal(quiet=True), cache or Cache.default()
    plan = make_plan(job, memory)
    _refuse_nothing_to_judge(plan)
    for arm in plan.arms:
        if arm.problem:
            terminal.say(f"{'study':9} without the arm '{arm.name}': {arm.problem}")
    try:
        trainings = train_all(plan, terminal)
        judgements = judge_all(plan, trainings, terminal, memory)
    except KeyboardInterrupt:
        terminal.say(f"\n{'study':9} {kept(plan)}")
        raise
    evaluation = job.recipe.evaluate
    inputs = {
        "judgements": {name: read_manifest(path)["key"] for name, path in judgements.items()},
        "arms": {arm.name: arm.problem for arm in plan.arms},
        "seeds": list(plan.seeds),
        "same_session": bool(read_manifest(plan.ingest)["facts"]["same_session"]),
        "intervals": [evaluation.resamples, evaluation.confidence, evaluation.seed],
        "version": VERSION,
    }

    def work(folder: Path) -> Mapping[str, Any]:
        """Put all judgements together; leaves the record and the report."""
        from pipelines.reporting import write_study_report

        accounts = {name: read_errors(path) for name, path in judgements.items()}
        bootstrap = Bootstrap(resamples=evaluation.resamples, confidence=evaluation.confidence, seed=evaluation.seed)
        record = conduct(_frame(plan, trainings, accounts), _tables(plan, accounts), bootstrap)
        write_atomic(folder / STUDY, dump(record))
        # From what was written, so that both hold the same numbers.
        write_study_report(folder, job, read(folder))
        return {"summary": record.summary, "verdict": record.verdict, "trainings": len(trainings)}

    return run_stage(job.run_folder, "study", inputs, work).path


def read(folder: Path) -> StudyRecord:
    """The record of a finished study.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = folder / STUDY
    try:
        value = parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Run `wam-adapt study` again.") from error
    return from_json(value)


def _refuse_nothing_to_judge(plan: Plan) -> None:
    held_out = read_manifest(plan.encode)["facts"]["validation_windows"]
    if not held_out:
        raise DataError(
            f"{plan.job.run}: no window is held out, so nothing can be judged; give more videos, or a larger share "
            "with --set windows.validation_share=0.3, then encode again"
        )


def _frame(plan: Plan, trainings: Mapping[str, Path], accounts: Mapping[str, dict[str, Any]]) -> StudyRecord:
    """What is known before anything is compared."""
    recipe = plan.job.recipe
    told = {name: json.loads((path / "training.json").read_text(encoding="utf-8")) for name, path in trainings.items()}
    judged = next(iter(accounts.values()))
    identity, _ = read_identity(recipe.base)
    return StudyRecord(
        kind=plan.job.kind,
        body=next(iter(plan.encoded.embodiments)),
        base=identity.name,
        base_revision=identity.revision,
        replay=plan.replay.origin,
        steps=recipe.train.steps,
        batch_size=recipe.train.batch_size,
        seeds=plan.seeds,
        windows=len(judged["windows"]),
        held_out=judged["held_out"],
        sessions=len(set(judged["sessions"])),
        same_session=bool(read_manifest(plan.ingest)["facts"]["same_session"]),
        settings={"study": asdict(recipe.study), "train": asdict(recipe.train), "evaluate": asdict(recipe.evaluate)},
        arms=tuple(
            Arm(
                name=arm.name,
                about=arm.about,
                seeds=() if arm.problem else plan.seeds,
                trained=arm.trained,
                problem=arm.problem and f"{NOT_APPLICABLE}: {arm.problem}",
                windows=_windows(arm.name, told.get(unit_name(arm.name, plan.seeds[0]))),
            )
            for arm in plan.arms
        ),
        wrong_instructions=plan.swap.instead_of,
        measures=(),
        contrasts=(),
        findings=(),
        curves={name: tuple(account["curve"]) for name, account in told.items()},
        verdict="",
        summary="",
        robot_effect=robot_effect(plan.job.kind),
    )


def _windows(arm: str, account: Mapping[str, Any] | None) -> Mapping[str, int] | None:
    """Training windows by where they come from."""
    if account is None:
        return None
    if arm == REPLAY:  # Which stands in the place of the new data and in its own.
        return {"replay": account["windows"]}
    return {"new": account["windows"], "replay": account["replay_windows"]}


def _tables(plan: Plan, accounts: Mapping[str, dict[str, Any]]) -> list[Table]:
    """Errors by measure, arm, seed and window."""
    judged = accounts[unit_name(NEW, plan.seeds[0])]
    tables = []
    # The measure that the verdict goes by comes first.
    for label in sorted(_LABELS, key=lambda label: label.id != FIRST[plan.job.kind][0]):
        arms = {
            arm.name: [accounts[unit_name(arm.name, seed)]["errors"][label.id][MODEL] for seed in plan.seeds]
            for arm in plan.made
            if MODEL in accounts[unit_name(arm.name, plan.seeds[0])]["errors"].get(label.id, {})
        }
        references = {name: row for name, row in judged["errors"].get(label.id, {}).items() if name != MODEL}
        sessions = judged["replay_sessions" if label.group == "retention" else "sessions"]
        if not arms and label.id == retention.ACTION:
            continue
        tables.append(
            Table(
                label=replace(label, note=_note(label, judged, set(arms), plan)),
                arms=arms,
                references=references if arms else {},
                sessions=sessions if arms else (),
            )
        )
    return tables


def _note(label: Label, judged: Mapping[str, Any], arms: set[str], plan: Plan) -> str:
    """What a reader has to know of a measure: why it, or an arm in it, is missing."""
    if label.group == "retention":
        return str(judged["replay_note"]) if arms else f"{NOT_MEASURED}: {judged['replay_note']}"
    if label.group == "video":
        return "" if judged["frames_known"] or label.id == video.LATENT else _NO_SOURCE
    if not arms:
        why = "human video carries no action labels" if plan.job.kind == "human" else "no held-out window has labels"
        return f"{NOT_APPLICABLE}: {why}"
    missing = [arm.name for arm in plan.made if arm.name not in arms]
    body = next(iter(plan.encoded.embodiments))
    return f"{' and '.join(missing)}: {NOT_APPLICABLE}, never met {body}" if missing else ""
