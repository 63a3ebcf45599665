"""Studies on the tabletop in which nothing is recorded, trained or simulated: arms succeed with known probabilities."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from closed_loop_builder import PLAYED, TAUGHT

from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate.rollout_film import Rollout, Shot
from adapt.evaluate.trials import EpisodeRecord, Trials
from adapt.runs.stage import run_stage
from adapt.sim.choices import TASK_SETS
from pipelines.recipes import Composed, compose_as
from pipelines.tabletop import data, pictures, study, work
from pipelines.tabletop.data import shown_instead
from pipelines.tabletop.plan import Trial, Unit, with_value
from pipelines.tabletop.settings import TabletopConfig
from pipelines.tabletop.study import Question

SMALL = ("seeds=3", "trials.episodes=120", "trials.seen_episodes=42", "judging.resamples=60")
FEWER = {
    "video": ("arms=base,control,adapted,wrong,shuffled,still", "heads=inverse_dynamics,joint", "heads_of=adapted"),
    "play": ("conditions=labelled 30,play 5",),
    "gap_timing": ("sweep.values=0.0,1.0",),
    "gap_path": ("sweep.values=0.0,1.0",),
}


class Toy:
    """Stands in for all that takes time, and notes what was really done.

    Attributes:
        shares: Success by arm.
        trained: Units that were trained, in order.
        acted: Units and trials that were acted in.
        dies_after: Raises once so many trials were acted in; None never.
        filmed: Arms that were filmed, in order.
        films_otherwise: Arms that do otherwise in their first episode when they are filmed.
    """

    def __init__(self, shares: Mapping[str, float]) -> None:
        self.shares = {**TAUGHT, **PLAYED, arms.BASE: 0.9, **shares}
        self.trained: list[str] = []
        self.acted: list[tuple[str, Trial]] = []
        self.prepared: list[str] = []
        self.dies_after: int | None = None
        self.filmed: list[str] = []
        self.films_otherwise: tuple[str, ...] = ()

    def prepare(self, _out: Path, source: Any, _config: Any, _cache: Any = None) -> Any:
        self.prepared.append(source.name)
        return source

    def train(self, out: Path, unit: Unit, _cache: Any = None) -> Path | None:
        if unit.source is None:
            return None

        def work(folder: Path) -> Mapping[str, Any]:
            self.trained.append(unit.name)
            (folder / "weights").write_text(unit.identity)
            return {}

        return run_stage(out / "toy", unit.name, {"unit": unit.identity}, work).path

    def run_trial(self, _out: Path, unit: Unit, trial: Trial, _training: Path | None) -> Trials:
        if self.dies_after is not None and len(self.acted) >= self.dies_after:
            raise KeyboardInterrupt
        self.acted.append((unit.name, trial))
        tasks, name = TASK_SETS[trial.tasks], unit.identity
        records = [
            self._episode(unit.arm, f"{name} {trial.head} {trial.body} {number}", tasks[number % len(tasks)], number)
            for number in range(trial.episodes)
        ]
        return Trials(
            subject={"kind": "model", "name": unit.name}, body=trial.body, settings={}, episodes=tuple(records)
        )

    def act_again(self, out: Path, subject: pictures.Subject) -> pictures.Filmed:
        self.filmed.append(subject.name)
        trials = work.find_trials(out, subject.unit, subject.trial)
        assert trials is not None
        episodes = list(trials.episodes[:6])
        if subject.unit.arm in self.films_otherwise:
            episodes[0] = replace(episodes[0], success=not episodes[0].success)
        rollouts = tuple(
            Rollout(instruction=episode.instruction, success=episode.success, shots=_shots(len(self.filmed), number))
            for number, episode in enumerate(episodes[:2])
        )
        return pictures.Filmed(episodes=tuple(episodes), rollouts=rollouts, rate_hz=5.0)

    def _episode(self, arm: str, name: str, task: Any, number: int) -> EpisodeRecord:
        drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
        success = drawn < self.shares[arm]
        wrong = arm == arms.WRONG and not success
        done = task.instruction if success else shown_instead(task).instruction if wrong else ""
        return EpisodeRecord(
            instruction=task.instruction, seed=number, success=success, progress=float(success), steps=80, done=done
        )


def _shots(arm: int, episode: int) -> tuple[Shot, ...]:
    """Two moments, 0.8 s apart; reality is red and what was imagined blue, in a shade of each arm and episode."""
    red, blue = (
        torch.tensor(colour, dtype=torch.uint8).expand(side, side, 3).contiguous()
        for colour, side in (((200, 10 * arm, 10 * episode), 32), ((10 * arm, 10 * episode, 200), 16))
    )
    return tuple(Shot(time_s=time_s, ahead_s=time_s, real=red, foreseen=blue) for time_s in (0.0, 0.8))


@cache
def shipped(plan: str) -> Composed[TabletopConfig]:
    """A plan as it ships; Hydra takes its time."""
    return compose_as(TabletopConfig, plan, (), folder="tabletop")


def composed(_kind: type, plan: str, overrides: tuple[str, ...], **_: str) -> Composed[TabletopConfig]:
    """A plan with some of its keys changed."""
    config = shipped(plan).config
    for override in overrides:
        config = with_value(config, *override.split("=", 1))
    return Composed(config=config, origins={})


def toy(patch: pytest.MonkeyPatch, *, films: bool = False, **shares: float) -> Toy:
    """Put a toy in the place of everything that takes time; films take some, and are made only where asked for."""
    made = Toy(shares)
    for name in ("train", "run_trial", "prepare"):
        patch.setattr(work, name, getattr(made, name))
    patch.setattr(data, "prepare", made.prepare)
    patch.setattr(pictures, "act_again", made.act_again)
    if not films:
        patch.setattr(pictures, "subjects", lambda _: ())
    patch.setattr(study, "compose_as", composed)
    patch.setattr(os, "fsync", lambda _: None)
    patch.setattr(data, "facts", lambda _, source: {"body": source.body, "minutes": 1.0, "kept_minutes": 0.9})
    return made


def asked(out: Path, plan: str = "video", *overrides: str, **more: Any) -> Question:
    """A question of a small plan."""
    return replace(Question(plan=plan, out=out, overrides=(*SMALL, *FEWER[plan], *overrides)), **more)


def files(folder: Path) -> dict[Path, int]:
    """Every file with the time of its last change."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def run(question: Question) -> study.Answer:
    """Run it."""
    return study.run(question)
