"""Which windows is a run judged on, and with what? Held-out ones with their pictures, and some of the base's own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapt.data.encoded import Encoded
from adapt.data.samples import WindowDataset
from adapt.data.window_frames import read_windows as read_frames_of
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics
from adapt.errors import DataError
from adapt.evaluate.held_out import Codec, HeldOut, follows, join, previous_action, spread
from adapt.models.adapters import Adapter, load_adapter
from adapt.models.bases import Base, load_heads
from adapt.models.checkpoint import read_tensors
from adapt.policy.acting import Actor
from adapt.runs.cache import Cache
from adapt.train.files import ADAPTER, HEADS
from adapt.types import Sample, VideoRef, Window
from pipelines.ingest import read_windows
from pipelines.job import Job
from pipelines.replay import find_replay


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySample:
    """Some windows of the base's own data; or, in `problem`, why there are none."""

    samples: Sequence[Sample] = ()
    sessions: Sequence[str] = ()  # recording session of each
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


def find_held_out(job: Job, encoded: Encoded, cache: Cache, *, most: int | None = None) -> tuple[list[HeldOut], int]:
    """The held-out windows to be judged, and how many there are.

    Args:
        job: The run.
        encoded: Its encoded data.
        cache: Remembers digests.
        most: Windows judged; what the recipe says by default.
    """
    dataset = WindowDataset(encoded, "validation")
    places = spread(range(len(dataset)), job.recipe.evaluate.max_windows if most is None else most)
    return _read(job, encoded, dataset, places, cache), len(dataset)


def find_recordings(job: Job, encoded: Encoded, cache: Cache, codec: Codec) -> list[HeldOut]:
    """Long stretches of held-out recordings: windows that follow upon each other, joined.

    Args:
        job: The run; its recipe says how many and how long.
        encoded: Its encoded data.
        cache: Remembers digests.
        codec: Gives the picture of a window whose video cannot be read any more.
    """
    most, chunks = job.recipe.evaluate.drift_recordings, job.recipe.evaluate.drift_chunks
    dataset = WindowDataset(encoded, "validation")
    chains, length = choose_chains(dataset.windows, chunk_s=encoded.geometry.chunk_s, most=most, most_chunks=chunks)
    recordings = []
    for chain in chains:
        parts = [
            item if item.frames is not None else replace(item, frames=codec.decode(item.sample.latents[None])[0])
            for item in _read(job, encoded, dataset, chain, cache)
        ]
        recordings.append(join(parts, encoded.geometry, length))
    return recordings


def find_replayed(job: Job, cache: Cache, *, most: int | None = None) -> ReplaySample:
    """Windows of the replay data, those that training did not see where there are any; `most` as above."""
    most = job.recipe.evaluate.replay_windows if most is None else most
    if job.replay == "none" or most == 0:
        return ReplaySample(problem="no replay data" if job.replay == "none" else "switched off in the recipe")
    folder = find_replay(job, cache).folder
    assert folder is not None  # Since there is replay data.
    dataset, note = WindowDataset(folder, "validation"), ""
    if not len(dataset):
        dataset, note = WindowDataset(folder, None), "measured on replay windows that training saw too"
    places = spread(range(len(dataset)), most)
    return ReplaySample(
        samples=[dataset[place] for place in places],
        sessions=[dataset.windows[place].session for place in places],
        note=note,
    )


def choose_chains(
    windows: Sequence[Window], *, chunk_s: float, most: int, most_chunks: int
) -> tuple[list[list[int]], int]:
    """Which windows make up the recordings over which long rollouts are followed.

    All are followed equally far, so that an error further ahead is of the same recordings; as far as shows most chunks
    in total.

    Args:
        windows: Held-out ones.
        chunk_s: Seconds in a chunk.
        most: Recordings.
        most_chunks: Of each.

    Returns:
        Places of the windows of each recording, and the chunks to follow.
    """
    chains = _chains(windows, chunk_s, most_chunks)
    lengths = [min(most_chunks, sum(windows[place].chunks for place in chain)) for chain in chains]
    length = max(lengths, key=lambda own: (own * min(most, sum(other >= own for other in lengths)), own), default=0)
    long = [chain for chain, own in zip(chains, lengths, strict=True) if own >= length]
    return (spread(long, most) if most else []), length


def _chains(windows: Sequence[Window], chunk_s: float, most_chunks: int) -> list[list[int]]:
    """Places of windows that follow upon each other, from a window that follows none on; no longer than needed."""
    of_recording: dict[tuple[VideoRef, ...], list[int]] = {}
    for place, window in enumerate(windows):
        of_recording.setdefault(window.videos, []).append(place)
    next_of = {
        place: later
        for places in of_recording.values()
        for place in places
        for later in places
        if follows(windows[later], windows[place], chunk_s)
    }
    chains = []
    for place in sorted(set(range(len(windows))) - set(next_of.values())):
        chain = [place]
        while chain[-1] in next_of and sum(windows[own].chunks for own in chain) < most_chunks:
            chain.append(next_of[chain[-1]])
        chains.append(chain)
    return chains


def _read(job: Job, encoded: Encoded, dataset: WindowDataset, places: Sequence[int], cache: Cache) -> list[HeldOut]:
    # The encoded table names videos relative to the source; ingest knows where that is now.
    found = {window.window_id: window for window in read_windows(job)}
    windows = [found.get(dataset.windows[place].window_id, dataset.windows[place]) for place in places]
    readings = read_frames_of(windows, shown_body(encoded), encoded.geometry, cache)
    return [
        HeldOut(
            window=dataset.windows[place],
            sample=dataset[place],
            frames=reading.frames,
            previous=previous_action(dataset.windows[place], encoded.windows, encoded.geometry.chunk_s),
        )
        for place, reading in zip(places, readings, strict=True)
    ]
