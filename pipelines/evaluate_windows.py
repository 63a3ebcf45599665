"""Which windows is a run judged on, and with what? Held-out ones with their pictures, and some of the base's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.data.encoded import Encoded
from adapt.data.samples import WindowDataset
from adapt.data.window_frames import read_windows as read_frames_of
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.errors import DataError
from adapt.evaluate.held_out import HeldOut, previous_action, spread
from adapt.models.adapters import Adapter, load_adapter
from adapt.models.bases import Base, load_heads
from adapt.models.checkpoint import read_tensors
from adapt.policy.acting import Actor
from adapt.runs.cache import Cache
from adapt.types import Sample
from pipelines.finetune import find_replay
from pipelines.ingest import read_windows
from pipelines.job import Job

# What `adapt.train.result` calls them; importing that would load Lightning, which takes seconds.
ADAPTER, HEADS = "adapter", "heads.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySample:
    """Some windows of the base's own data; or, in `problem`, why there are none."""

    samples: Sequence[Sample] = ()
    note: str = ""
    problem: str = ""


def adapt_from(base: Base, finetune: Path) -> Adapter:
    """Put what a finetune stage has trained on a base, which is changed; returns the adapter."""
    adapter = load_adapter(base.model.dit, finetune / ADAPTER)
    load_heads(base.model, read_tensors(finetune / HEADS))
    base.model.eval().requires_grad_(requires_grad=False)
    return adapter


def shown_body(encoded: Encoded) -> Embodiment:
    """The body that a run's data shows."""
    return next(iter(encoded.embodiments.values()))


def acting_body(job: Job, base: Base, encoded: Encoded, replay: Encoded | None) -> Actor:
    """The body that will act, and how its numbers are scaled.

    Robot play data teaches its own body. Human video shows no robot: there the body is the one whose actions the
    replay data holds, else the first that the base knows; the hand itself where there is none, which only imagines.
    """
    shown = shown_body(encoded)
    teachers: list[Encoded | Base] = [base] if replay is None else [replay, base]
    sources: list[Encoded | Base] = [encoded] if job.kind == "play" else teachers
    for source in sources:
        for name, spec in sorted(source.embodiments.items()):
            if spec.actions and name in base.model.bodies and name in source.statistics:
                return Actor(spec=spec, statistics=source.statistics[name])
    if job.kind == "play":
        raise DataError(f"embodiment '{shown.name}': was not trained to act. Run `wam-adapt finetune` again.")
    return Actor(spec=shown, statistics=BodyStatistics(actions=None, state=None, source="data"))


def find_held_out(job: Job, encoded: Encoded, cache: Cache) -> tuple[list[HeldOut], int]:
    """The held-out windows to be judged, and how many there are."""
    dataset = WindowDataset(encoded, "validation")
    places = spread(range(len(dataset)), job.recipe.evaluate.max_windows)
    # The encoded table names videos relative to the source; ingest knows where that is now.
    found = {window.window_id: window for window in read_windows(job)}
    windows = [found.get(dataset.windows[place].window_id, dataset.windows[place]) for place in places]
    readings = read_frames_of(windows, shown_body(encoded), encoded.geometry, cache)
    held_out = [
        HeldOut(
            window=dataset.windows[place],
            sample=dataset[place],
            frames=reading.frames,
            previous=previous_action(dataset.windows[place], encoded.windows, encoded.geometry.chunk_s),
        )
        for place, reading in zip(places, readings, strict=True)
    ]
    return held_out, len(dataset)


def find_replayed(job: Job, cache: Cache) -> ReplaySample:
    """Windows of the replay data, those that training did not see where there are any."""
    most = job.recipe.evaluate.replay_windows
    if job.replay == "none" or most == 0:
        return ReplaySample(problem="no replay data" if job.replay == "none" else "switched off in the recipe")
    folder = find_replay(job, cache).folder
    assert folder is not None  # Since there is replay data.
    dataset, note = WindowDataset(folder, "validation"), ""
    if not len(dataset):
        dataset, note = WindowDataset(folder, None), "measured on replay windows that training saw too"
    return ReplaySample(samples=[dataset[place] for place in spread(range(len(dataset)), most)], note=note)
