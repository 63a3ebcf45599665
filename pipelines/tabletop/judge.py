"""What do all trials of a study say together? Episodes of every policy, lined up, and the record made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapt.errors import DataError
from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate.closed_loop_record import VIDEO, ClosedLoopRecord, Made, Table, Tried
from adapt.evaluate.closed_loop_study import Acted, make_table
from adapt.evaluate.closed_loop_words import conclude
from adapt.evaluate.resampling import Bootstrap
from adapt.models.bases import read_identity
from pipelines.strict import to_plain
from pipelines.tabletop.plan import HELD_OUT, StudyPlan, TablePlan, Unit
from pipelines.tabletop.work import find_trials

if TYPE_CHECKING:
    from adapt.evaluate.trials import Trials

# Arms of whom it is told how often they do what the wrong video shows.
_LOOKED_AT = (arms.BASE, arms.CONTROL, arms.ADAPTED, arms.WRONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is known of a study before its episodes are looked at."""

    name: str  # of its recipe
    fingerprint: str  # of plan and base
    tried: tuple[Tried, ...]  # earlier plans of this name
    made: Made
    data: Mapping[str, Any]  # what was recorded and kept


def judge(out: Path, plan: StudyPlan, frame: Frame) -> ClosedLoopRecord:
    """The record of a study whose trials are all done.

    Args:
        out: The study's folder.
        plan: The study.
        frame: What else its record holds.

    Raises:
        DataError: Trials are missing, or not of the same episodes.
    """
    config = plan.config
    judging = config.judging
    bootstrap = Bootstrap(resamples=judging.resamples, confidence=judging.confidence, seed=judging.seed)
    tables = tuple(_table(out, table, bootstrap, claim=config.claim) for table in plan.tables)
    conclusion = conclude(config.claim, tables, target=judging.target_gain)
    identity = read_identity(config.base)[0]
    return ClosedLoopRecord(
        claim=config.claim,
        plan=frame.name,
        fingerprint=frame.fingerprint,
        base=identity.name,
        base_revision=identity.revision,
        seeds=tuple(range(config.seeds)),
        episodes=config.trials.episodes,
        target=judging.target_gain,
        data=frame.data,
        settings=to_plain(config),
        tables=tables,
        verdict=conclusion.verdict,
        summary=conclusion.summary,
        findings=conclusion.findings,
        tried=frame.tried,
        made=frame.made,
    )


def _table(out: Path, table: TablePlan, bootstrap: Bootstrap, *, claim: str) -> Table:
    looked_at = _LOOKED_AT if claim == VIDEO and table.trial.tasks == HELD_OUT else ()
    rows = {arm: [_trials(out, unit, table) for unit in units] for arm, units in table.rows.items()}
    _require_same(rows.values())
    acted = {arm: line_up(trials, shown=arm in looked_at) for arm, trials in rows.items()}
    return make_table(table.setting, acted, bootstrap, pairs=table.compared.gains, kept=table.compared.kept)


def line_up(rows: "Sequence[Trials]", *, shown: bool = False) -> Acted:
    """The trials of an arm's trainings, one row each.

    Args:
        rows: In order of their seeds.
        shown: Tell as well where was done what the wrong video shows.
    """
    return Acted(
        success=np.array([[float(episode.success) for episode in trials.episodes] for trials in rows]),
        progress=np.array([[episode.progress for episode in trials.episodes] for trials in rows]),
        as_shown=np.array([[_as_shown(episode) for episode in trials.episodes] for trials in rows]) if shown else None,
    )


def _as_shown(episode: Any) -> float:
    from adapt.sim.tasks import task_of
    from pipelines.tabletop.data import shown_instead

    return float(episode.done == shown_instead(task_of(episode.instruction)).instruction)


def _trials(out: Path, unit: Unit, table: TablePlan) -> "Trials":
    found = find_trials(out, unit, table.trial)
    if found is None:
        raise DataError(f"{out}: {unit.name} has not acted yet; give the same `wam-adapt sim study` command again.")
    return found


def _require_same(rows: Any) -> None:
    """Nothing is paired that was not of the same scene and task."""
    episodes = {tuple((e.instruction, e.seed) for e in trials.episodes) for row in rows for trials in row}
    if len(episodes) > 1:
        raise DataError(
            "trials: the arms did not act in the same episodes, so they cannot be compared; delete the trials that "
            "other versions wrote, and give the same `wam-adapt sim study` command again."
        )
