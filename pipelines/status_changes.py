"""What has changed since a stage was done? Its manifest against the job, and against the data as it lies there now."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from adapt import __version__
from adapt.data.video_folder import read_video_folder
from adapt.data.windows import PREPROCESS_VERSION
from adapt.errors import DataError
from adapt.footage.settings import FOOTAGE_VERSION
from adapt.runs.cache import Cache
from adapt.runs.fingerprint import canonical
from adapt.runs.withdrawn import find_withdrawn
from pipelines.again import flat
from pipelines.job import Job
from pipelines.left_out import leave_out
from pipelines.stages import VERSIONS
from pipelines.strict import to_plain

_OTHERWISE = "made by another version of wam-adapt, which does it otherwise"
_NAMED = 3  # of several files or settings; the others are counted


def find_changes(stage: str, inputs: Mapping[str, Any], job: Job | None) -> list[str]:
    """Why a stage's result is not what its job would give now.

    Compared is what the manifest and the job both say. Videos are not read: one whose bytes were changed under its
    old name is seen only where its digest is remembered.

    Args:
        stage: Its name.
        inputs: Those that its manifest records.
        job: What the run is to do now; None where nothing is known of that.

    Returns:
        The changes in words; none where none can be seen.
    """
    look = _LOOKS.get(stage, _nothing_more)
    if job is None:
        return []
    try:
        return [*_version(stage, inputs), *look(inputs, job)]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []  # A manifest of another version has other inputs; the stage itself will tell.


def _version(stage: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    recorded = inputs.get("versions", inputs.get("version"))
    if recorded not in (None, VERSIONS[stage], [VERSIONS[stage], PREPROCESS_VERSION]):
        yield _OTHERWISE


def _nothing_more(_inputs: Mapping[str, Any], _job: Job) -> Iterator[str]:
    return iter(())


def _ingest(inputs: Mapping[str, Any], job: Job) -> Iterator[str]:
    yield from _settings("windows", inputs["windows"], job.recipe.windows)
    source = inputs["source"]
    if source.get("footage", {}).get("version", FOOTAGE_VERSION) != FOOTAGE_VERSION:
        yield _OTHERWISE
    for section in ("hands", "footage"):
        if section in source:
            yield from _settings(section, source[section], getattr(job.recipe, section))
    if not job.source_path.exists():
        return
    if job.kind == "human":
        yield from _videos(source["videos"], job)
    else:
        yield from _files({job.source_path / name: digest for name, digest in source["files"]}, _taken_back(job))


def _finetune(inputs: Mapping[str, Any], job: Job) -> Iterator[str]:
    yield from _settings("lora", inputs["lora"], job.recipe.lora)
    yield from _settings("train", inputs["train"], job.recipe.train)
    if inputs["seed"] != job.recipe.seed:
        yield f"seed {inputs['seed']} -> {job.recipe.seed}"
    replay = job.replay if job.replay in ("base", "none") else "folder"
    if inputs["replay"][0] != replay:
        yield f"replay {inputs['replay'][0]} -> {replay}"


def _evaluate(inputs: Mapping[str, Any], job: Job) -> Iterator[str]:
    yield from _settings("evaluate", inputs["evaluate"], job.recipe.evaluate)


def _bundle(inputs: Mapping[str, Any], job: Job) -> Iterator[str]:
    recorded = dict(flat(yaml.safe_load(inputs["recipe"])))
    yield from _told(recorded, dict(flat({**to_plain(job.recipe), "base": recorded["base"]})))
    if inputs["wam_adapt"] != __version__:
        yield f"wam-adapt {inputs['wam_adapt']} -> {__version__}"


_LOOKS = {"ingest": _ingest, "finetune": _finetune, "evaluate": _evaluate, "bundle": _bundle}


def _settings(section: str, recorded: Mapping[str, Any], config: Any) -> Iterator[str]:
    """Keys of a section of the recipe that have another value now; only those that decided the result are recorded."""
    wanted: Mapping[str, Any] = json.loads(canonical(asdict(config)))
    before = {f"{section}.{name}": value for name, value in flat(recorded)}
    yield from _told(before, {f"{section}.{name}": value for name, value in flat(wanted)})


def _told(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    changed = [name for name in before if name in now and before[name] != now[name]]
    yield from (f"{name} {before[name]} -> {now[name]}" for name in changed[:_NAMED])
    if len(changed) > _NAMED:
        yield f"and {len(changed) - _NAMED} more settings"


def _videos(recorded: Sequence[Sequence[str]], job: Job) -> Iterator[str]:
    try:
        folder = read_video_folder(job.source_path, job.task)
        folder = leave_out(folder, job.run_folder, Cache.default(), digest=Cache.default().known_digest)
    except DataError as error:
        yield f"its data cannot be used now: {error}"
        return
    before = {name: (digest, instruction, session) for name, digest, instruction, session in recorded}
    now = {video.name: video for video in folder.videos}
    yield from _named("added", [name for name in now if name not in before])
    yield from _named("gone", [name for name in before if name not in now])
    stay = {name: video for name, video in now.items() if name in before}
    yield from _named("with other words", [name for name in stay if stay[name].instruction != before[name][1]])
    yield from _named("of another session", [name for name in stay if stay[name].session != before[name][2]])
    yield from _files({video.path: before[name][0] for name, video in stay.items()})


def _files(recorded: Mapping[Path, str], taken_back: Collection[str] = ()) -> Iterator[str]:
    """Files that are gone, have other bytes, or are in the result though they were withdrawn.

    Args:
        recorded: Their digests; of what was left out as withdrawn, the reason.
        taken_back: Digests of what was withdrawn.
    """
    cache = Cache.default()
    yield from _named("gone", [path.name for path in recorded if not path.exists()])
    known = {path: cache.known_digest(path) for path in recorded}
    withdrawn = [path for path in recorded if known[path] in taken_back]
    yield from _named("withdrawn", [path.name for path in withdrawn if known[path] == recorded[path]])
    changed = [path for path, digest in recorded.items() if known[path] not in (None, digest)]
    yield from _named("changed", [path.name for path in changed if path not in withdrawn])


def _taken_back(job: Job) -> Collection[str]:
    return find_withdrawn(job.run_folder, Cache.default().root)


def _named(what: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        files = "1 file" if len(names) == 1 else f"{len(names)} files"
        more = ", ..." if len(names) > _NAMED else ""
        yield f"{files} {what}: {', '.join(names[:_NAMED])}{more}"
