"""Draw: the tabletop's episodes as 5 Hz frames and 10 Hz numbers, one file a kind."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapt.runs.fingerprint import Json
from adapt.sim.experts import Episode, perform, play, seen_tasks
from adapt.sim.hand import hand
from adapt.sim.scene import ALL_TASKS, Body, gripper, render
from pipelines.pretrain_settings import DrawConfig

SIZE = 64
STEPS_PER_FRAME = 2  # 10 Hz control, 5 Hz video
EXPERT_STEPS, PLAY_STEPS = 49, 161
# Each kind draws its seeds from a range of its own; trials and demos use others.
_SEEDS = {"robot": 1_000_000, "human": 2_000_000, "play": 3_000_000}


def draw(scratch: Path, config: DrawConfig, seed: int) -> dict[str, Json]:
    """Draw everything into `scratch`: NAME_frames.npy (n t 64 64 3), NAME_actions.npy, NAME_state.npy, NAME.txt."""
    counts = {"robot": config.robot_episodes, "human": config.human_episodes, "play": config.play_episodes}
    for kind, count in counts.items():
        first = _SEEDS[kind] + 10_000_000 * seed
        tasks = seen_tasks(ALL_TASKS)
        if kind == "play":
            episodes = [play(first + index, steps=PLAY_STEPS) for index in range(count)]
        else:
            episodes = [perform(tasks[index % len(tasks)], first + index, steps=EXPERT_STEPS) for index in range(count)]
        _write(scratch, kind, episodes, hand if kind == "human" else gripper)
    return {"minutes": {kind: _minutes(kind, count) for kind, count in counts.items()}}


def _write(scratch: Path, kind: str, episodes: Sequence[Episode], body: Body) -> None:
    shown = len(episodes[0].states[::STEPS_PER_FRAME])
    frames: NDArray[np.uint8] = np.lib.format.open_memmap(
        scratch / f"{kind}_frames.npy", "w+", np.uint8, (len(episodes), shown, SIZE, SIZE, 3)
    )
    for row, episode in enumerate(episodes):
        for column, state in enumerate(episode.states[::STEPS_PER_FRAME]):
            frames[row, column] = render(state, body, SIZE)
    frames.flush()  # type: ignore[attr-defined]
    np.save(scratch / f"{kind}_actions.npy", np.stack([episode.actions for episode in episodes]))
    np.save(scratch / f"{kind}_state.npy", np.stack([episode.proprioception for episode in episodes]))
    (scratch / f"{kind}.txt").write_text("".join(f"{episode.instruction}\n" for episode in episodes))


def _minutes(kind: str, count: int) -> float:
    steps = PLAY_STEPS if kind == "play" else EXPERT_STEPS
    return round(count * (steps - 1) / 600, 1)
