"""Cut the drawn episodes into windows, each encoded from its own first frame, and hold them as samples."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapt.data.clip_table import CLIP_TABLE, read_clip_table, write_clip_table
from adapt.data.latent_store import LatentStore, write_store
from adapt.embodiment.resample import to_relative
from adapt.embodiment.spec import Embodiment
from adapt.embodiment.statistics import BodyStatistics, measure_body, normalise
from adapt.models.bases import TINY_GEOMETRY
from adapt.models.codec import VideoCodec
from adapt.runs.fingerprint import Json, fingerprint
from adapt.types import Sample, VideoRef, Window
from pipelines.pretrain.draw import KINDS, STEPS_PER_FRAME
from pipelines.pretrain.settings import WindowPlan

GEOMETRY = TINY_GEOMETRY
GRIPPER, HAND = "tabletop_gripper", "human_hand"
_VALIDATION_SHARE = 0.06
_BODY = {"robot": GRIPPER, "play": GRIPPER, "human": HAND}
_ENCODED_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Windows in memory. Samples carry no text: the text encoder is still learning."""

    windows: Sequence[Window]
    samples: Sequence[Sample]
    prompts: Sequence[str]

    def select(self, split: str, kind: str, *, long: bool = False) -> list[int]:
        """Places of the windows of a split and a kind of episode: those of one chunk, or those of several."""
        return [
            place
            for place, window in enumerate(self.windows)
            if window.split == split and window.session.startswith(f"{kind}-") and (window.chunks > 1) == long
        ]


def cut_windows(scratch: Path, drawn: Path, codec: VideoCodec, plan: WindowPlan, seed: int) -> dict[str, Json]:
    """Choose and encode windows; writes latent shards and the clip table into `scratch`."""
    windows: list[Window] = []
    clips: list[tuple[str, int, int, int]] = []
    for kind in KINDS:
        for window, clip in _choose(drawn, kind, plan, seed):
            windows.append(window)
            clips.append(clip)
    frames = {kind: np.load(drawn / f"{kind}_frames.npy", mmap_mode="r") for kind in _BODY}
    write_store(scratch, _encode(windows, clips, frames, codec))
    write_clip_table(scratch / CLIP_TABLE, windows)
    return {kind: sum(clip[0] == kind for clip in clips) for kind in _BODY}


def load_training_set(folder: Path, bodies: dict[str, Embodiment]) -> tuple[TrainingSet, dict[str, BodyStatistics]]:
    """Read what `cut_windows` wrote, actions scaled by statistics of the training windows."""
    windows = read_clip_table(folder / CLIP_TABLE)
    train = [window for window in windows if window.split == "train" and window.embodiment == GRIPPER]
    figures = measure_body(train, bodies[GRIPPER], action_steps=GEOMETRY.action_steps)
    store = LatentStore(folder)
    samples = [_sample(window, store.read(window.window_id), bodies, figures) for window in windows]
    prompts = [bodies[window.embodiment].prompt_for(window.instruction) for window in windows]
    return TrainingSet(windows=windows, samples=samples, prompts=prompts), {GRIPPER: figures}


def _sample(window: Window, latents: Tensor, bodies: dict[str, Embodiment], figures: BodyStatistics) -> Sample:
    actions, state = None, None
    if window.actions is not None and window.state is not None:
        assert figures.actions is not None
        assert figures.state is not None
        body = bodies[window.embodiment]
        relative = to_relative(window.actions, window.state, body, action_steps=GEOMETRY.action_steps)
        actions = normalise(relative, figures.actions).float()
        state = normalise(window.state, figures.state).float()
    return Sample(
        window_id=window.window_id,
        embodiment=window.embodiment,
        latents=latents.float(),
        text=torch.zeros(1, 1),
        actions=actions,
        state=state,
        provenance=window.provenance,
    )


def _choose(drawn: Path, kind: str, plan: WindowPlan, seed: int) -> Iterator[tuple[Window, tuple[str, int, int, int]]]:
    """Windows of one kind of episode, each with (kind, episode, first control step, chunks)."""
    acting = kind != "human"
    actions, state = (np.load(drawn / f"{kind}_{name}.npy") if acting else None for name in ("actions", "state"))
    instructions = (drawn / f"{kind}.txt").read_text().splitlines()
    digest = hashlib.sha256((drawn / f"{kind}_frames.npy").read_bytes()).hexdigest()
    shown = np.load(drawn / f"{kind}_frames.npy", mmap_mode="r").shape[1]
    busy: NDArray[np.int64] = np.load(drawn / f"{kind}_busy.npy")
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    rows, per_chunk = 1 + STEPS_PER_FRAME * (shown - 1), GEOMETRY.action_steps
    longest = min((rows - 1) // per_chunk, GEOMETRY.max_chunks)
    for episode in range(len(instructions)):
        last = (rows - 1 - per_chunk) // STEPS_PER_FRAME
        count = plan.play_starts if kind == "play" else plan.starts
        moving = min(last + 1, max(1, int(busy[episode]) // STEPS_PER_FRAME))
        # Of the starts at which all is done already there would be as many as of the others.
        resting = rng.binomial(count, plan.resting_share) if moving <= last else 0
        starts = [
            *rng.choice(moving, size=min(count - resting, moving), replace=False),
            *(moving + rng.choice(last + 1 - moving, size=min(resting, last + 1 - moving), replace=False)),
        ]
        cuts = [(int(start) * STEPS_PER_FRAME, 1) for start in sorted(starts)]
        if rng.random() < plan.long_share:
            room = (rows - 1 - longest * per_chunk) // STEPS_PER_FRAME
            cuts.append((int(rng.integers(room + 1)) * STEPS_PER_FRAME, longest))
        held_out = episode >= min(len(instructions) * (1 - _VALIDATION_SHARE), len(instructions) - 1)
        for start, chunks in cuts:
            steps = slice(start, start + chunks * per_chunk)
            yield (
                Window(
                    window_id=fingerprint([digest, episode, start, chunks])[:16],
                    videos=(VideoRef(camera="main", path=f"drawn/{kind}/{episode:04d}", digest=digest),),
                    start_s=start / 10,
                    chunks=chunks,
                    instruction=instructions[episode],
                    session=f"{kind}-{episode:04d}",
                    split="validation" if held_out else "train",
                    embodiment=_BODY[kind],
                    provenance="robot" if acting else "",
                    actions=None if actions is None else torch.from_numpy(actions[episode, steps]).float(),
                    state=None if state is None else torch.from_numpy(state[episode, steps][::per_chunk]).float(),
                ),
                (kind, episode, start, chunks),
            )


def _encode(
    windows: Sequence[Window],
    clips: Sequence[tuple[str, int, int, int]],
    frames: dict[str, NDArray[np.uint8]],
    codec: VideoCodec,
) -> Iterator[tuple[str, Tensor]]:
    """Latents of every window, a few of equal length at once."""
    for chunks in sorted({clip[3] for clip in clips}):
        places = [place for place, clip in enumerate(clips) if clip[3] == chunks]
        for first in range(0, len(places), _ENCODED_AT_ONCE):
            batch = places[first : first + _ENCODED_AT_ONCE]
            shown = [_frames(clips[place], frames) for place in batch]
            latents = codec.encode(torch.from_numpy(np.stack(shown)))
            yield from ((windows[place].window_id, row) for place, row in zip(batch, latents, strict=True))


def _frames(clip: tuple[str, int, int, int], frames: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    kind, episode, start, chunks = clip
    first = start // STEPS_PER_FRAME
    return np.array(frames[kind][episode, first : first + GEOMETRY.frames(chunks)])
