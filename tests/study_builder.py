"""Synthetic studies for tests: tables of errors in which each arm is better or worse by a known amount."""

from collections.abc import Mapping, Sequence

import numpy as np

from adapt.evaluate import actions, retention, video
from adapt.evaluate.bootstrap import Bootstrap
from adapt.evaluate.record import COPY_LAST
from adapt.evaluate.study import Table, conduct
from adapt.evaluate.study_record import Arm, StudyRecord
from adapt.evaluate.study_settings import ABOUT, ARMS, BASE
from adapt.evaluate.tables import Label

SEEDS, SESSIONS, PER_SESSION = 4, 12, 4
LABELS = {
    video.LATENT: Label(id=video.LATENT, group="video", name="imagined video"),
    actions.OVERALL: Label(id=actions.OVERALL, group="actions", name="actions"),
    retention.LATENT: Label(id=retention.LATENT, group="retention", name="imagined video of the base's own data"),
}


def table(
    measure: str, means: Mapping[str, float], *, references: Mapping[str, float] | None = None, seeds: int = SEEDS
) -> Table:
    """Errors around these means, by arm: windows differ much, arms on the same window little."""
    draw = np.random.default_rng(0)
    sessions = [f"session {n // PER_SESSION}" for n in range(SESSIONS * PER_SESSION)]
    windows = draw.normal(0.0, 0.2, len(sessions))
    arms = {
        name: [
            (mean + windows + draw.normal(0, 0.01) + draw.normal(0, 0.02, len(sessions))).tolist() for _ in range(seeds)
        ]
        for name, mean in means.items()
    }
    rows = {name: (mean + windows).tolist() for name, mean in (references or {}).items()}
    return Table(label=LABELS[measure], arms=arms, references=rows, sessions=sessions)


def frame(*, kind: str = "human", arms: Sequence[str] = ARMS, seeds: int = SEEDS) -> StudyRecord:
    """What is known of a study before anything was measured."""
    return StudyRecord(
        kind=kind,
        body="human_hand",
        base="tiny",
        base_revision="1",
        replay="base",
        steps=300,
        batch_size=8,
        seeds=tuple(range(seeds)),
        windows=SESSIONS * PER_SESSION,
        held_out=SESSIONS * PER_SESSION,
        sessions=SESSIONS,
        same_session=False,
        settings={"evaluate": {"confidence": 0.95}},
        arms=tuple(
            Arm(
                name=name,
                about=ABOUT[name],
                seeds=tuple(range(seeds)) if name in arms else (),
                trained=name != BASE,
                problem="" if name in arms else "not applicable: the test leaves it out",
                windows=None if name == BASE else {"new": 20, "replay": 30},
            )
            for name in ARMS
        ),
        wrong_instructions={"pour": "push red"},
        measures=(),
        contrasts=(),
        findings=(),
        curves={"new-0": ({"step": 10, "video": 0.5},)},
        verdict="",
        summary="",
        robot_effect="not measured: human video only",
    )


def study(
    means: Mapping[str, float],
    *more: Table,
    measure: str = video.LATENT,
    kind: str = "human",
    frozen: float | None = None,
    seeds: int = SEEDS,
) -> StudyRecord:
    """A whole study of one measure, with `more` tables behind it."""
    references = {} if frozen is None else {COPY_LAST: frozen}
    tables = [table(measure, means, references=references, seeds=seeds), *more]
    return conduct(frame(kind=kind, arms=tuple(means), seeds=seeds), tables, Bootstrap(resamples=400))
