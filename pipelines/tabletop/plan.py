"""What does a study on the tabletop consist of? Data sets, policies to be trained or planted, trials, tables of them.

Policies of an arm differ in their seed, arms in what stands in the new data's place, and in nothing else: steps,
batches, adapters, rates, replay and the episodes acted in are the same for all (`pipelines.study_plan` says how).
What does not depend on a condition is trained, and acts, once for all conditions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate.closed_loop_record import PLAY, SWEEP, VIDEO
from adapt.evaluate.closed_loop_study import Pairs, Setting
from adapt.evaluate.study_settings import NEW, REPLAY, SHUFFLED
from adapt.runs.fingerprint import fingerprint
from pipelines.strict import build, settings, to_plain, unknown_key
from pipelines.tabletop.settings import TabletopConfig, TrialConfig, read_condition
from pipelines.values import read_value

HAND, GRIPPER, ARM = "hand", "gripper", "arm"
HELD_OUT, SEEN = "held-out", "seen"
HUMAN_DATA, PLAY_DATA = "human", "play"  # kinds of jobs
SCRATCH = "scratch"
_VIDEO_TRAINING: Mapping[str, tuple[str, str]] = {  # of an arm: whose video of which tasks, and what is made of it
    arms.CONTROL: ("human", REPLAY),
    arms.ADAPTED: ("human", NEW),
    arms.SHUFFLED: ("human", SHUFFLED),
    arms.WRONG: ("wrong", NEW),
    arms.ROBOT_VIDEO: ("robot", NEW),
    arms.OTHER_ROBOT_VIDEO: ("other_robot", NEW),
}
_FILMED = {"human": HAND, "wrong": HAND, "robot": GRIPPER, "other_robot": ARM}
_REMEMBER = (arms.BASE, arms.CONTROL, arms.ADAPTED)  # arms that also act in tasks the base knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set to be recorded.

    Attributes:
        name: What it is called: "human", "wrong", "robot", "other_robot", "labelled" or "play".
        kind: Of the job that reads it: "human" for video without actions, "play" for recordings with.
        body: Who is seen: "hand", "gripper" or "arm".
        tasks: Which are done; empty for play without a task.
        minutes: How long; 0 where `count` says how many instead.
        count: How many demonstrations; 0 where `minutes` says how long.
        sessions: Sessions the videos are spread over.
        seed: Of its scenes.
        gap: Knobs between human and robot, by name.
    """

    name: str
    kind: str
    body: str
    tasks: str
    minutes: float
    count: int
    sessions: int
    seed: int
    gap: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A set of episodes that a policy acts in; all policies in the same ones."""

    head: str
    tasks: str
    body: str
    episodes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unit:
    """A policy: trained from a seed, or planted; the smallest piece of work that is done whole.

    Attributes:
        arm: Which arm it belongs to.
        seed: Of its training; 0 where nothing is trained.
        training: What stands in the new data's place, "scratch" for training from nothing, empty for none.
        source: The new data; None where nothing is trained.
        config: The plan, under the unit's condition.
        trials: What it acts in.
    """

    arm: str
    seed: int
    training: str
    source: Source | None
    config: TabletopConfig
    trials: tuple[Trial, ...]

    @property
    def name(self) -> str:
        """For folders and lines of progress: "adapted-0"."""
        return f"{self.arm}-{self.seed}"

    @property
    def data(self) -> str:
        """Equal for units that train on the same recordings, cut and encoded in the same way."""
        config = self.config
        source = None if self.source is None else asdict(self.source)
        parts = [asdict(part) for part in (config.windows, config.hands, config.lora, config.train)]
        return "data-" + fingerprint([source, config.base, parts])[:16]

    @property
    def identity(self) -> str:
        """Equal for units that are one and the same work, whatever they are tried in."""
        config, trials = self.config, self.config.trials
        trained = (config.lora, config.train, config.windows, config.hands) if self.training else ()
        parts = [asdict(part) for part in (*trained, *((config.scratch,) if self.training == SCRATCH else ()))]
        acting = [trials.first_seed, trials.steps, trials.executed, trials.video_steps]
        source = None if self.source is None else asdict(self.source)
        return fingerprint([self.arm, self.seed, self.training, source, config.base, parts, acting])[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a table compares: differences of two arms' success, and shares of one's that another keeps."""

    gains: Pairs = ()
    kept: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """One table of the record: which units act in which trial, by arm and in order of their seeds."""

    setting: Setting
    trial: Trial
    rows: Mapping[str, tuple[Unit, ...]]
    compared: Compared


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """A study before anything is recorded."""

    config: TabletopConfig
    tables: tuple[TablePlan, ...]

    @property
    def units(self) -> tuple[Unit, ...]:
        """Every policy once, with all it acts in; all arms of a seed before the next seed."""
        found: dict[str, Unit] = {}
        for table in self.tables:
            for unit in (unit for row in table.rows.values() for unit in row):
                known = found.get(unit.identity, unit)
                found[unit.identity] = replace(known, trials=tuple(dict.fromkeys((*known.trials, table.trial))))
        return tuple(sorted(found.values(), key=lambda unit: unit.seed))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every data set once."""
        return tuple(dict.fromkeys(unit.source for unit in self.units if unit.source is not None))


def make_plan(config: TabletopConfig) -> StudyPlan:
    """The study that a recipe describes; its first table is the one that makes the verdict."""
    tables = {VIDEO: _video_tables, PLAY: _play_tables, SWEEP: _sweep_tables}[config.claim](config)
    return StudyPlan(config=config, tables=tuple(tables))


def plan_fingerprint(config: TabletopConfig) -> str:
    """Names a plan: equal plans have equal ones, and nothing in a plan can change without it."""
    return fingerprint({"version": 1, **to_plain(config)})[:16]


def with_value(config: TabletopConfig, key: str, text: str) -> TabletopConfig:
    """The plan with one key changed, and no sweep any more to be made of it.

    Raises:
        RecipeError: There is no such key, or it does not take the value.
    """
    known = {setting.key: setting.kind for setting in settings(TabletopConfig)}
    if key not in known:
        raise unknown_key(key, TabletopConfig, "sweep.key")
    tree: dict[str, Any] = to_plain(config)
    *sections, name = key.split(".")
    inner = tree
    for section in sections:
        inner = inner[section]
    inner[name] = read_value(known[key], text)
    return build(TabletopConfig, tree, lambda _: f"sweep of {key}")


def _video_tables(config: TabletopConfig) -> Iterator[TablePlan]:
    trials = config.trials
    for place, head in enumerate(config.heads):
        chosen = [arm for arm in config.arms if not place or arm in config.heads_of]
        if chosen:
            trial = Trial(head=head, tasks=trials.tasks, body=GRIPPER, episodes=trials.episodes)
            yield _table(config, trial, chosen, Compared(gains=arms.VIDEO_GAINS))
    remembered = [arm for arm in config.arms if arm in _REMEMBER]
    if trials.seen_episodes and remembered and trials.tasks != SEEN:
        trial = Trial(head=config.heads[0], tasks=SEEN, body=GRIPPER, episodes=trials.seen_episodes)
        yield _table(config, trial, remembered, Compared(kept=arms.KEPT))


def _play_tables(config: TabletopConfig) -> Iterator[TablePlan]:
    trials = config.trials
    for condition in config.conditions:
        trial = Trial(head=config.heads[0], tasks=trials.tasks, body=ARM, episodes=trials.episodes)
        yield _table(config, trial, config.arms, Compared(gains=arms.PLAY_GAINS), condition=condition)
        if condition == config.conditions[0] and trials.seen_episodes and arms.ADAPTED in config.arms:
            trial = Trial(head=config.heads[0], tasks=SEEN, body=GRIPPER, episodes=trials.seen_episodes)
            yield _table(config, trial, (arms.BASE, arms.ADAPTED), Compared(kept=arms.KEPT), condition=condition)


def _sweep_tables(config: TabletopConfig) -> Iterator[TablePlan]:
    key = config.sweep.key
    # Training without the new data does not hang on what the new data is.
    shared = key.partition(".")[0] in ("gap", "recording")
    first = with_value(config, key, config.sweep.values[0])
    for value in config.sweep.values:
        under = with_value(config, key, value)
        trial = Trial(head=config.heads[0], tasks=config.trials.tasks, body=GRIPPER, episodes=config.trials.episodes)
        instead = {arms.CONTROL: first} if shared else {}
        condition = f"{key} {value}"
        yield _table(under, trial, config.arms, Compared(gains=arms.SWEEP_GAINS), condition=condition, instead=instead)


def _table(
    config: TabletopConfig,
    trial: Trial,
    chosen: Sequence[str],
    compared: Compared,
    *,
    condition: str = "",
    instead: Mapping[str, TabletopConfig] | None = None,
) -> TablePlan:
    by_arm = {arm: (instead or {}).get(arm, config) for arm in chosen}
    return TablePlan(
        setting=Setting(condition=condition, head=trial.head, tasks=trial.tasks, body=trial.body),
        trial=trial,
        rows={arm: _units(under, arm, condition, trial) for arm, under in by_arm.items()},
        compared=compared,
    )


def _units(config: TabletopConfig, arm: str, condition: str, trial: Trial) -> tuple[Unit, ...]:
    training, source = _training(config, arm, condition)
    seeds = range(config.seeds) if training else (0,)
    return tuple(
        Unit(arm=arm, seed=seed, training=training, source=source, config=config, trials=(trial,)) for seed in seeds
    )


def _training(config: TabletopConfig, arm: str, condition: str) -> tuple[str, Source | None]:
    if arm in arms.UNTRAINED:
        return "", None
    if config.claim == PLAY:
        return (SCRATCH if arm == arms.SCRATCH else NEW), _play_source(config, condition)
    name, training = _VIDEO_TRAINING[arm]
    return training, _video_source(config, name)


def _video_source(config: TabletopConfig, name: str) -> Source:
    recording = config.recording
    return Source(
        name=name,
        kind=HUMAN_DATA,
        body=_FILMED[name],
        tasks=HELD_OUT,
        minutes=0.0 if recording.demonstrations else recording.minutes,
        count=recording.demonstrations,
        sessions=recording.sessions,
        seed=recording.seed,
        gap=tuple(asdict(config.gap).items()) if _FILMED[name] == HAND else (),
    )


def _play_source(config: TabletopConfig, condition: str) -> Source:
    kind, minutes = read_condition(condition)
    return Source(
        name=kind,
        kind=PLAY_DATA,
        body=ARM,
        tasks=SEEN if kind == "labelled" else "",
        minutes=minutes,
        count=0,
        sessions=1,
        seed=config.recording.seed,
    )


def trial_inputs(config: TrialConfig, trial: Trial) -> dict[str, Any]:
    """All that decides which episodes a trial is of."""
    return {
        "tasks": trial.tasks,
        "body": trial.body,
        "episodes": trial.episodes,
        "first_seed": config.first_seed,
        "steps": config.steps,
        "executed": config.executed,
        "video_steps": config.video_steps,
    }
