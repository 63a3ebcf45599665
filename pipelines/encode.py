"""Encode: the table of windows in; their latents, prompts and statistics out."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adapt.data.clip_table import CLIP_TABLE, read_clip_table
from adapt.data.encode_windows import encode_into, missing
from adapt.data.encoded import EncodedParts, write_encoded
from adapt.data.latent_store import LatentCache
from adapt.data.window_frames import WindowFrames
from adapt.data.window_frames import read_windows as read_frames_of
from adapt.data.windows import PREPROCESS_VERSION
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics, measure_body
from adapt.errors import DataError
from adapt.models.base_record import describing, read_record
from adapt.models.bases import Base, find_base, load_base
from adapt.runs.cache import Cache
from adapt.runs.fingerprint import fingerprint
from adapt.runs.stage import read_manifest, require_current, require_intact, run_stage
from adapt.types import Window
from pipelines.ahead import encode_ahead
from pipelines.bar import bar
from pipelines.engines import Workers
from pipelines.ingest import read_windows
from pipelines.job import Job
from pipelines.stages import VERSIONS

VERSION = VERSIONS["encode"]
_DTYPE = "bf16"


def run(job: Job, cache: Cache | None = None, workers: Workers | None = None) -> Path:
    """Encode the windows that ingest kept; `adapt.data.encoded` describes the stage's folder.

    Args:
        job: The run.
        cache: Shared latents and digests; the user's own by default.
        workers: Who else encodes; this process alone by default.

    Returns:
        RUN/encode/KEY.

    Raises:
        RunError: Ingest has not been run.
        DataError: No window could be encoded.
    """
    ingest = require_current(job.run_folder, "ingest")
    listed = read_manifest(ingest)
    body = Embodiment.from_json(listed["inputs"]["embodiment"], source=str(ingest / "manifest.json"))
    encoders = encoders_fingerprint(job.recipe.base)
    inputs = {
        "ingest": listed["key"],
        "encoders": encoders,
        "base": base_fingerprint(job.recipe.base),  # Its statistics are used where it knows the body.
        "dtype": _DTYPE,
        "versions": [VERSION, PREPROCESS_VERSION],
    }

    def work(folder: Path) -> Mapping[str, Any]:
        """Encode every window that was not rejected; leaves what `read_encoded` reads."""
        require_intact(ingest)
        base = load_base(job.recipe.base, parts=("codec", "text"))
        kept = [window for window in read_windows(job) if window.split != "rejected"]
        latents, problems = _encode(kept, body, (job.recipe.base, base), cache or Cache.default(), workers)
        # The table names videos relative to the source, so that it says the same wherever that lies.
        table = read_clip_table(ingest / CLIP_TABLE)
        windows = [w for w in table if w.split != "rejected" and w.window_id not in problems]
        _refuse_nothing_left(windows, problems)
        prompts = sorted({body.prompt_for(window.instruction) for window in windows})
        parts = EncodedParts(
            windows=windows,
            prompts=dict(zip(prompts, base.text.encode(prompts), strict=True)),
            encoders=encoders,
            geometry=base.geometry,
            statistics=_statistics(windows, body, base),
            embodiments={body.name: body},
        )
        write_encoded(folder, ((window.window_id, latents.read(window.window_id)) for window in windows), parts)
        return _facts(windows, problems)

    return run_stage(job.run_folder, "encode", inputs, work).path


def _encode(
    kept: Sequence[Window], body: Embodiment, named: tuple[str, Base], store: Cache, workers: Workers | None
) -> tuple[LatentCache, dict[str, str]]:
    """The cache, with latents of all windows in it but for those that cannot be read, and why these cannot."""
    name, base = named
    latents = LatentCache(store.folder("latents") / f"{base.codec.fingerprint[:16]}-{_DTYPE}")
    if workers is not None and workers.are_asked and (fresh := missing(kept, latents)):
        with workers.called() as engine, bar("encode", len(fresh)) as progress:
            encode_ahead(fresh, body, (name, base.codec.fingerprint), latents, engine, done=progress)

    def read(part: list[Window]) -> Iterator[WindowFrames]:
        """Frames of some windows."""
        return read_frames_of(part, body, base.geometry, store)

    with bar("encode", len(kept)) as progress:
        return latents, encode_into(latents, kept, read, base.codec.encode, done=progress)


def encoders_fingerprint(base: str) -> str:
    """Name what turns frames and prompts into numbers; the base's weights are not loaded."""
    folder = find_base(base)
    record = read_record(folder)
    with describing(folder):
        weights = {part: record["fingerprints"][part] for part in ("codec", "text")}
        return fingerprint({"weights": weights, "codec": record["codec"], "text": record["text"]})


def base_fingerprint(base: str) -> str:
    """Name everything a base's description says, its weights' fingerprints among it."""
    folder = find_base(base)
    with describing(folder):
        return fingerprint(read_record(folder))


def _statistics(windows: Sequence[Window], body: Embodiment, base: Base) -> dict[str, BodyStatistics]:
    """How the body's numbers are scaled: as the base's heads know them, else as the training windows show them."""
    if not body.actions:
        return {}
    if known := base.statistics.get(body.name):
        known.check_fits(body, where=f"base '{base.identity.name}'")
        return {body.name: known}
    training = [window for window in windows if window.split == "train"]
    return {body.name: measure_body(training, body, action_steps=base.geometry.action_steps)}


def _refuse_nothing_left(windows: Sequence[Window], problems: Mapping[str, str]) -> None:
    if any(window.split == "train" for window in windows):
        return
    reasons = sorted(set(problems.values()))
    raise DataError(
        f"encode: no training window could be read; {len(problems)} failed, the first: "
        f"{reasons[0] if reasons else 'ingest kept none'} Mend the files, then give the same command again."
    )


def _facts(windows: Sequence[Window], problems: Mapping[str, str]) -> dict[str, Any]:
    told = f"{len(windows)} windows encoded"
    if problems:
        told += f", {len(problems)} left out: {next(iter(problems.values()))}"
    return {
        "summary": told,
        "windows": len(windows),
        "train_windows": sum(window.split == "train" for window in windows),
        "validation_windows": sum(window.split == "validation" for window in windows),
        "problems": [{"window": window_id, "reason": reason} for window_id, reason in problems.items()],
    }
