"""Simulated studies in closed loop: arms that succeed with known probabilities, in episodes of unequal difficulty."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate.closed_loop_record import PLAY, SWEEP, VIDEO, ClosedLoopRecord, Made, Table, Tried
from adapt.evaluate.closed_loop_study import Acted, Setting, make_table
from adapt.evaluate.closed_loop_words import conclude
from adapt.evaluate.resampling import Bootstrap

BOOTSTRAP = Bootstrap(resamples=60)
EPISODES, SEEDS = 252, 5
UNTRAINED = {arms.BASE: 0.03, arms.ORACLE: 0.9, arms.STILL: 0.0, arms.RANDOM: 0.004, arms.EXPERT: 1.0}
TAUGHT = {
    **UNTRAINED,
    arms.CONTROL: 0.02,
    arms.ADAPTED: 0.45,
    arms.WRONG: 0.01,
    arms.SHUFFLED: 0.02,
    arms.ROBOT_VIDEO: 0.9,
    arms.OTHER_ROBOT_VIDEO: 0.2,
}
PLAYED = {arms.HOLD_LAST: 0.0, arms.SCRATCH: 0.2, arms.ADAPTED: 0.5, arms.RANDOM: 0.0, arms.EXPERT: 1.0}
PAIRS = {VIDEO: arms.VIDEO_GAINS, PLAY: arms.PLAY_GAINS, SWEEP: arms.SWEEP_GAINS}


def acted(
    share: float, *, seeds: int = SEEDS, episodes: int = EPISODES, seed: int = 0, as_shown: float | None = None
) -> Acted:
    """Episodes of an arm; the same ones are hard for every arm."""
    hard = np.random.default_rng(1).random(episodes)
    draw = np.random.default_rng([seed, int(share * 1e6)])
    chance = np.clip(share + 0.6 * share * (1 - share) * (hard - 0.5), 0, 1)
    success = (draw.random((seeds, episodes)) < chance).astype(np.float64)
    shown = None if as_shown is None else (draw.random((seeds, episodes)) < as_shown).astype(np.float64)
    return Acted(success=success, progress=np.maximum(success, 0.3), as_shown=shown)


def table(
    shares: Mapping[str, float],
    *,
    claim: str = VIDEO,
    setting: Setting | None = None,
    seeds: int = SEEDS,
    episodes: int = EPISODES,
    kept: bool = False,
) -> Table:
    """One table of arms with these success rates."""
    rows = {
        arm: acted(
            share,
            seeds=1 if arm in arms.UNTRAINED else seeds,
            episodes=episodes,
            seed=number,
            as_shown=0.8 if arm == arms.WRONG else None,
        )
        for number, (arm, share) in enumerate(shares.items())
    }
    setting = setting or Setting(head="inverse_dynamics", tasks="held-out", body="gripper")
    return make_table(setting, rows, BOOTSTRAP, pairs=PAIRS[claim], kept=arms.KEPT if kept else ())


def record(
    claim: str, tables: Sequence[Table], *, tried: Sequence[Tried] = (), plan: str | None = None
) -> ClosedLoopRecord:
    """A whole record of these tables."""
    conclusion = conclude(claim, tables, target=0.3)
    seeds = max(arm.seeds for arm in tables[0].arms)
    return ClosedLoopRecord(
        claim=claim,
        plan=plan or claim,
        fingerprint="0123456789abcdef",
        base="tiny",
        base_revision="1",
        seeds=tuple(range(seeds)),
        episodes=tables[0].arms[0].episodes,
        target=0.3,
        data={"human": {"body": "hand", "minutes": 15.0, "kept_minutes": 14.0}},
        settings={"claim": claim, "judging": {"confidence": 0.95}},
        tables=tuple(tables),
        verdict=conclusion.verdict,
        summary=conclusion.summary,
        findings=conclusion.findings,
        tried=tuple(tried),
        made=Made(command="wam-adapt sim study", commit="abc1234", minutes=12.5, hardware={"cores": 2}),
    )


@cache
def video_record(**shares: float) -> ClosedLoopRecord:
    """The first claim's record; shares of arms that differ from `TAUGHT`."""
    first = table({**TAUGHT, **shares})
    joint = table(
        {name: {**TAUGHT, **shares}[name] / 2 for name in (arms.BASE, arms.CONTROL, arms.ADAPTED, arms.WRONG)},
        setting=Setting(head="joint", tasks="held-out", body="gripper"),
    )
    seen = table(
        {arms.BASE: 0.95, arms.CONTROL: 0.94, arms.ADAPTED: 0.93},
        setting=Setting(head="inverse_dynamics", tasks="seen", body="gripper"),
        kept=True,
    )
    return record(VIDEO, [first, joint, replace(seen, gains=())])


@cache
def play_record(**shares: float) -> ClosedLoopRecord:
    """The second claim's record."""

    def setting(condition: str, body: str = "arm") -> Setting:
        return Setting(condition=condition, head="inverse_dynamics", tasks="seen", body=body)

    first = table({**PLAYED, **shares}, claim=PLAY, setting=setting("labelled 30"))
    kept = table({arms.BASE: 0.9, arms.ADAPTED: 0.88}, claim=PLAY, setting=setting("labelled 30", "gripper"), kept=True)
    less = table({**PLAYED, arms.ADAPTED: 0.3}, claim=PLAY, setting=setting("labelled 5"))
    return record(PLAY, [first, replace(kept, gains=()), less])


@cache
def sweep_record() -> ClosedLoopRecord:
    """A curve along which transfer ends."""
    tables = [
        table(
            {arms.CONTROL: 0.02, arms.ADAPTED: share},
            claim=SWEEP,
            setting=Setting(condition=f"gap.timing {value}", head="inverse_dynamics", tasks="held-out", body="gripper"),
        )
        for value, share in ((0.0, 0.45), (0.5, 0.2), (1.0, 0.02))
    ]
    return record(SWEEP, tables, plan="gap_timing")
