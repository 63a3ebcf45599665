"""What does delay cost a closed loop, and what does asking ahead save? Episodes on the tabletop, in control steps.

    MUJOCO_GL=egl python tests/studies/delayed.py docs/results/delayed.json --episodes 250

Run by hand. The same scenes for every way of asking: called without delay, as `wam-adapt sim try` does; an answer that
is so many control steps (100 ms each) late, while the robot waits; and the same asked for ahead, so that the robot goes
on moving, with the old chunk fading into the new one as `adapt.serve.playback` has it. Steps are simulated, so a slow
machine gives the same figures.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import commit, hardware

from adapt.evaluate.closed_loop import Start, decision_seeds
from adapt.evaluate.trials import EpisodeRecord, share_of
from adapt.policy.many import Crowd
from adapt.policy.opening import open_policy
from adapt.serve.bounds import Bounds, bounds_of
from adapt.serve.guard import Guard, Motion
from adapt.serve.playback import Playback
from adapt.sim.choices import choose_body, choose_tasks
from adapt.sim.state import CONTROL_HZ
from adapt.sim.trials import TabletopEpisode, TabletopWorld, trial_starts

STEPS, TOGETHER = 80, 64
# By name: how late answers are, in control steps, and whether they are asked for ahead.
WAYS = {
    "called": (0, False),
    "waiting, 1 late": (1, False),
    "ahead, 1 late": (1, True),
    "waiting, 2 late": (2, False),
    "ahead, 2 late": (2, True),
}


def run(
    crowd: Crowd, bounds: Bounds, world: TabletopWorld, starts: Sequence[Start], way: tuple[int, bool]
) -> list[EpisodeRecord]:
    """Episodes that go in step with each other, so that one pass of the model answers all of them."""
    late, ahead = way
    episodes = [world.begin(start.instruction, start.seed) for start in starts]
    guard = Guard(bounds, CONTROL_HZ)
    players = [
        Playback(guard, Motion.at_rest(each.body.proprioception(each.state)), blend_steps=2 if ahead else 0)
        for each in episodes
    ]
    asked: tuple[int, np.ndarray, list[Motion]] | None = None
    decision = 0
    for step in range(STEPS):
        if asked is None and players[0].remaining <= (late if ahead else 0):
            told = answers(crowd, episodes, decision)
            asked, decision = (step, told, [player.motion for player in players]), decision + 1
        if asked is not None and step - asked[0] >= late:
            for player, rows, motion in zip(players, asked[1], asked[2], strict=True):
                # Who waits begins with the first row; who went on moving leaves out what is over.
                player.offer(rows, asked[0] if ahead else step, motion)
            asked = None
        for episode, player in zip(episodes, players, strict=True):
            episode.step(torch.from_numpy(player.next().action))
    ends = [episode.outcome() for episode in episodes]
    for episode in episodes:
        episode.close()
    return [
        EpisodeRecord(
            instruction=start.instruction, seed=start.seed, success=end.success, progress=end.progress, steps=STEPS
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def answers(crowd: Crowd, episodes: Sequence[TabletopEpisode], decision: int) -> np.ndarray:
    """Chunks of shape (b, k, d), of what is seen now."""
    plans = crowd.act(
        [episode.observe() for episode in episodes],
        [episode.instruction for episode in episodes],
        seeds=decision_seeds(episodes, decision),
    )
    return plans.actions.double().numpy()


def main(target: Path | None, model: str, tasks: Sequence[str], episodes: int) -> None:
    """Run every way, and write down how many episodes each did."""
    policy = open_policy(model)
    crowd, bounds = policy.for_many(), bounds_of(policy.body, ())
    starts = trial_starts(choose_tasks(tasks), episodes, 0)
    found: dict[str, Any] = {}
    with TabletopWorld(choose_body(policy.body.name)) as world:
        for name, way in WAYS.items():
            records: list[EpisodeRecord] = []
            for first in range(0, len(starts), TOGETHER):
                records += run(crowd, bounds, world, starts[first : first + TOGETHER], way)
            found[name] = asdict(share_of(records))
            sys.stderr.write(f"{name}: {found[name]}\n")
    record = {
        "what": "episodes done on the tabletop by way of asking; late: control steps of 0.1 s from question to answer",
        "command": f"python tests/studies/delayed.py docs/results/delayed.json --episodes {episodes}",
        "commit": commit(),
        "hardware": hardware(),
        "model": model,
        "tasks": list(tasks),
        "ways": found,
    }
    text = json.dumps(record, indent=2) + "\n"
    if target is None:
        sys.stdout.write(text)
    else:
        target.write_text(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="?", type=Path)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--tasks", nargs="+", default=["seen"])
    parser.add_argument("--episodes", type=int, default=250)
    given = parser.parse_args()
    main(given.target, given.model, given.tasks, given.episodes)
