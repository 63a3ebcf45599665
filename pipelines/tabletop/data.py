"""How is a study's data made? Recorded on the tabletop, then through the very stages that users' data goes through.

OUT/data/NAME/KEY/set/      what was recorded: a folder of videos, or a LeRobot data set
OUT/runs/NAME-KEY/          a run of `wam-adapt adapt`: ingest with its filter of hands, encode; trainings come beside
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from adapt.embodiment.spec import load_embodiment
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import Cache
from adapt.runs.fingerprint import fingerprint
from adapt.runs.stage import find_current, read_manifest, run_stage
from pipelines import encode, ingest
from pipelines.job import Job, save_job
from pipelines.recipes import recipes_folder
from pipelines.schema import AdaptConfig
from pipelines.strict import to_plain
from pipelines.tabletop.plan import ARM, GRIPPER, HAND, HUMAN_DATA, Source
from pipelines.tabletop.settings import TabletopConfig

if TYPE_CHECKING:
    from adapt.sim.tasks import Task

VERSION = 3  # Raise by hand when the same source would be recorded otherwise.
SET = "set"
BODIES: Mapping[str, str] = {HAND: "human_hand", GRIPPER: "tabletop_gripper", ARM: "tabletop_arm"}
METADATA = "metadata.jsonl"


def prepare(out: Path, source: Source, config: TabletopConfig, cache: Cache | None = None) -> Job:
    """Record a source and bring its run up to where trainings begin, as far as that is not done.

    Args:
        out: The study's folder.
        source: What to record.
        config: The plan; its settings of windows, hands, adapters and training become the run's recipe.
        cache: Remembers latents and digests.

    Returns:
        The run.
    """
    recorded = record(out, source)
    recipe = AdaptConfig(
        base=config.base,
        windows=config.windows,
        # Only a hand can be found by what finds hands.
        hands=config.hands if source.body == HAND else replace(config.hands, min_hands_share=0.0),
        lora=config.lora,
        train=config.train,
    )
    # A run for each recipe, so that two processes never pull one to and fro.
    key = fingerprint([read_manifest(recorded)["key"], to_plain(recipe)])
    run = out / "runs" / f"{source.name}-{key[:8]}"
    run.mkdir(parents=True, exist_ok=True)
    job = Job(
        kind=source.kind,
        source=str(recorded / SET),
        run=str(run),
        embodiment=_embodiment(run, source),
        recipe=recipe,
    )
    save_job(job)
    ingest.run(job)
    encode.run(job, cache)
    return job


def record(out: Path, source: Source) -> Path:
    """Record a source, unless that is done; the folder it is in."""

    def work(folder: Path) -> Mapping[str, Any]:
        """Record what the source says; leaves a set or a folder of videos."""
        from adapt.sim.recording import record_human, record_robot, record_videos

        takes = _takes(source)
        if source.kind != HUMAN_DATA:
            recorded = record_robot(folder / SET, _body(source), takes)
        elif source.body == HAND:
            recorded = record_human(folder / SET, takes, sessions=source.sessions)
        else:
            recorded = record_videos(folder / SET, _body(source), takes, sessions=source.sessions)
        if source.name == "wrong":
            relabel(folder / SET, {task.instruction: asked_instead(task) for task in takes.tasks})
        told = f"{recorded.episodes} episodes, {recorded.minutes:.1f} min"
        return {"summary": told, "episodes": recorded.episodes, "minutes": round(recorded.minutes, 3)}

    inputs = {**asdict(source), "gap": [list(item) for item in source.gap], "version": VERSION}
    return run_stage(out / "data", source.name, inputs, work).path


def facts(job: Job, source: Source) -> dict[str, Any]:
    """What was recorded, and what of it the stages kept: for the study's record."""
    found = find_current(job.run_folder, "ingest")
    assert found is not None  # Since `prepare` ran it.
    kept = read_manifest(found)["facts"]
    names = ("kept_windows", "kept_minutes", "rejected_windows", "rejections", "train_windows", "validation_windows")
    recorded = read_manifest(Path(job.source).parent)["facts"]
    told = {"gap": dict(source.gap), "minutes": recorded["minutes"], "episodes": recorded["episodes"]}
    return {**asdict(source), **told, **{name: kept[name] for name in names}}


def shown_instead(task: "Task") -> "Task":
    """The task that the wrong video shows where this one is asked for: the same block and verb, the opposite zone."""
    return replace(task, row=2 - task.row, column=2 - task.column)


def asked_instead(task: "Task") -> str:
    """The words under which the wrong video shows a task; the other way round."""
    return shown_instead(task).instruction


def relabel(folder: Path, words: Mapping[str, str]) -> None:
    """Put other words under the videos of a folder.

    Args:
        folder: With metadata.jsonl beside its videos.
        words: What is said in place of what; every instruction there is must be among them.
    """
    path = folder / METADATA
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for row in rows:
        for name in ("text", "instruction", "task"):
            if name in row:
                row[name] = words[row[name]]
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _takes(source: Source) -> Any:
    from adapt.sim.choices import TASK_SETS
    from adapt.sim.gap import Gap
    from adapt.sim.takes import Takes

    tasks = TASK_SETS[source.tasks] if source.tasks else ()
    if source.name == "wrong":
        tasks = tuple(shown_instead(task) for task in tasks)
    return Takes(
        tasks=tasks,
        minutes=source.minutes or None,
        count=source.count or None,
        seed=source.seed,
        gap=Gap(**dict(source.gap)),
    )


def _body(source: Source) -> Any:
    from adapt.sim.choices import choose_body

    return choose_body(source.body)


def _embodiment(run: Path, source: Source) -> str:
    """The body's name; for a robot that is only seen, the path of a spec like its own that has no axes.

    With axes, a robot that the heads have never met would be given fresh ones and other rates than its controls have.
    """
    name = BODIES[source.body]
    if source.body == HAND or source.kind != HUMAN_DATA:
        return name
    spec = load_embodiment(name, [recipes_folder() / "embodiment"]).to_json()
    seen = {**spec, "name": f"{name}_seen", "actions": [], "state": []}
    path, text = run / "seen.yaml", yaml.safe_dump(seen, sort_keys=False)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomic(path, text)
    return str(path)
