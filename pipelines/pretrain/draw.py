"""Draw: the tabletop's episodes as 10 Hz frames on the base's canvas and 10 Hz numbers, one file a kind."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from adapt.models.bases import TINY_GEOMETRY
from adapt.runs.fingerprint import Json
from adapt.sim.body import Body
from adapt.sim.camera import Camera
from adapt.sim.expert import Episode, Manner, perform, play
from adapt.sim.gripper import Gripper
from adapt.sim.human_hand import HumanHand
from adapt.sim.state import CONTROL_HZ
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import SEEN_TASKS, succeeded
from adapt.sim.trials import PICTURE_PX
from adapt.video.canvas import place
from pipelines.pretrain.settings import DrawConfig

KINDS = ("robot", "human", "play")
STEPS_PER_FRAME = round(CONTROL_HZ / TINY_GEOMETRY.video_hz)
EXPERT_STEPS, PLAY_STEPS = 57, 161
_APART = 0x7072  # between the seeds drawn from here and those of trials and recordings
_ATTEMPTS = 20
_ASTRAY_STEPS = (5, 36)  # how long things go wrong before the gripper's expert takes over
_STILL_M = 0.002  # less than this is no motion


def draw(scratch: Path, config: DrawConfig, seed: int, processes: int = 1) -> dict[str, Json]:
    """Draw everything into `scratch`, as many kinds at once as there are processes.

    NAME_frames.npy (n t 64 64 3), NAME_busy.npy (n), the control steps until nothing is wanted any more, and NAME.txt,
    one instruction an episode; NAME_actions.npy and NAME_state.npy too for what the gripper does.
    """
    counts = {"play": config.play_episodes, "robot": config.robot_episodes, "human": config.human_episodes}
    astray = {"play": 0.0, "robot": config.astray_share, "human": 0.0}
    works = [(scratch, kind, count, astray[kind], seed) for kind, count in counts.items()]  # the longest first
    if processes == 1:
        for work in works:
            _draw_kind(*work)
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            for begun in [pool.submit(_draw_kind, *work) for work in works]:
                begun.result()
    return {"minutes": {kind: _minutes(kind, counts[kind]) for kind in KINDS}}


def _draw_kind(scratch: Path, kind: str, count: int, astray_share: float, seed: int) -> None:
    body = HumanHand() if kind == "human" else Gripper()
    steps = PLAY_STEPS if kind == "play" else EXPERT_STEPS
    with Tabletop() as tabletop, Camera(PICTURE_PX) as camera:
        _write(scratch, kind, _episodes(tabletop, kind, count, astray_share, seed), (count, steps), (body, camera))


def _episodes(tabletop: Tabletop, kind: str, count: int, astray_share: float, seed: int) -> Iterator[Episode]:
    """Seen tasks in turn, or play; an episode in which the expert fails is done again on another tabletop."""
    for index in range(count):
        if kind == "play":
            yield play(tabletop, _seed(kind, seed, index, 0), steps=PLAY_STEPS)
            continue
        task = SEEN_TASKS[index % len(SEEN_TASKS)]
        for attempt in range(_ATTEMPTS):
            own = _seed(kind, seed, index, attempt)
            episode = perform(tabletop, task, own, manner=_manner(own, astray_share), steps=EXPERT_STEPS)
            if succeeded(episode.states[-1], task):
                break
        yield episode


def _manner(seed: int, astray_share: float) -> Manner:
    rng = np.random.default_rng((seed, _APART))
    steps = int(rng.integers(*_ASTRAY_STEPS)) if rng.random() < astray_share else 0
    return Manner(astray_steps=steps)


def _write(
    scratch: Path, kind: str, episodes: Iterator[Episode], size: tuple[int, int], seen: tuple[Body, Camera]
) -> None:
    (count, steps), (body, camera) = size, seen
    canvas = TINY_GEOMETRY.canvas
    shown = len(range(0, steps, STEPS_PER_FRAME))
    frames: NDArray[np.uint8] = np.lib.format.open_memmap(
        scratch / f"{kind}_frames.npy", "w+", np.uint8, (count, shown, canvas.height, canvas.width, 3)
    )
    actions, states, busy, said = [], [], [], []
    for row, episode in enumerate(episodes):
        pictures = np.stack([camera.picture(state, body.solids(state)) for state in episode.states[::STEPS_PER_FRAME]])
        frames[row] = place({"full": torch.from_numpy(pictures)}, canvas).numpy()
        said.append(f"{episode.instruction}\n")
        busy.append(_busy(episode))
        moments = list(zip(episode.commands, episode.states, strict=True))
        if body.action_names:
            actions.append(np.stack([body.action(command, state) for command, state in moments]))
            states.append(np.stack([body.proprioception(state) for state in episode.states]))
    frames.flush()  # type: ignore[attr-defined]
    np.save(scratch / f"{kind}_busy.npy", np.array(busy))
    (scratch / f"{kind}.txt").write_text("".join(said))
    if actions:
        np.save(scratch / f"{kind}_actions.npy", np.stack(actions))
        np.save(scratch / f"{kind}_state.npy", np.stack(states))


def _busy(episode: Episode) -> int:
    """Control steps until nothing is wanted of the tool any more; all of them for play."""
    # The tool is nudged even at rest, so its own motion does not tell.
    tools = np.stack([[*state.tool, state.grip] for state in episode.states])
    wanting = np.abs(episode.commands[:, [0, 1, 2, 4]] - tools).max(axis=1) > _STILL_M
    return int(np.flatnonzero(wanting)[-1]) + 1 if episode.task is not None and wanting.any() else len(tools)


def _seed(kind: str, seed: int, index: int, attempt: int) -> int:
    """63 bits of an episode's own."""
    parts = [_APART, KINDS.index(kind), seed, index, attempt]
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _minutes(kind: str, count: int) -> float:
    steps = PLAY_STEPS if kind == "play" else EXPERT_STEPS
    return round(count * (steps - 1) / CONTROL_HZ / 60, 1)
