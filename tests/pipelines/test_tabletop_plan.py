"""A plan's arms differ in one thing, act in the same episodes, and nothing is trained twice."""

from functools import cache

import pytest

from adapt.errors import RecipeError
from adapt.evaluate import closed_loop_arms as arms
from pipelines.recipes import compose_as, recipe_names
from pipelines.tabletop.plan import StudyPlan, Unit, make_plan, plan_fingerprint, with_value
from pipelines.tabletop.settings import TabletopConfig

PLANS = recipe_names("tabletop")


@cache
def planned(name: str, *overrides: str) -> StudyPlan:
    return make_plan(compose_as(TabletopConfig, name, overrides, folder="tabletop").config)


def units(plan: StudyPlan, arm: str) -> list[Unit]:
    return [unit for unit in plan.units if unit.arm == arm]


@pytest.mark.parametrize("name", PLANS)
def test_a_shipped_plan_is_large_enough_for_its_verdict_and_asks_every_task_as_often(name: str) -> None:
    plan = planned(name)
    assert plan.config.seeds >= 5
    assert plan.config.trials.episodes >= 250
    assert plan.config.trials.episodes % {"held-out": 12, "seen": 42}[plan.config.trials.tasks] == 0
    for table in plan.tables:
        for arm, row in table.rows.items():
            assert len(row) == (1 if arm in arms.UNTRAINED else plan.config.seeds)


@pytest.mark.parametrize("name", PLANS)
def test_nothing_is_done_twice_and_all_that_a_table_needs_is_done(name: str) -> None:
    plan = planned(name)
    assert len({unit.identity for unit in plan.units}) == len(plan.units)
    done = {(unit.identity, trial) for unit in plan.units for trial in unit.trials}
    for table in plan.tables:
        assert {(unit.identity, table.trial) for row in table.rows.values() for unit in row} <= done


@pytest.mark.parametrize("name", PLANS)
def test_arms_of_a_table_differ_in_their_data_alone(name: str) -> None:
    plan = planned(name)
    swept = plan.config.sweep.key.partition(".")[0]
    for table in plan.tables:
        chosen = [unit for row in table.rows.values() for unit in row]
        for unit in chosen:
            first = chosen[0].config
            for part in ("train", "lora", "windows", "hands", "trials", "base"):
                assert part == swept or getattr(unit.config, part) == getattr(first, part)
        seeds = [[unit.seed for unit in row] for arm, row in table.rows.items() if arm not in arms.UNTRAINED]
        assert all(row == seeds[0] for row in seeds)


def test_the_first_claim_has_every_arm_and_the_controls_it_promises() -> None:
    plan = planned("video")
    assert plan.config.arms == list(arms.VIDEO_ARMS)
    first = plan.tables[0]
    assert (first.trial.head, first.trial.tasks) == ("inverse_dynamics", "held-out")
    assert first.compared.gains[0] == (arms.ADAPTED, arms.CONTROL)
    kinds = {arm: (row[0].source.name if row[0].source else "", row[0].training) for arm, row in first.rows.items()}
    assert kinds[arms.CONTROL] == ("human", "replay")
    assert kinds[arms.ADAPTED] == ("human", "new")
    assert kinds[arms.SHUFFLED] == ("human", "shuffled")
    assert kinds[arms.WRONG] == ("wrong", "new")
    assert kinds[arms.ROBOT_VIDEO] == ("robot", "new")
    assert kinds[arms.OTHER_ROBOT_VIDEO] == ("other_robot", "new")
    assert kinds[arms.ORACLE] == ("", "")
    heads = {table.trial.head for table in plan.tables if arms.ADAPTED in table.rows}
    assert heads == {"inverse_dynamics", "joint", "both"}
    assert {unit.source.minutes for unit in plan.units if unit.source} == {20.0}


def test_the_second_claim_has_every_length_of_both_kinds_and_looks_at_what_was_kept() -> None:
    plan = planned("play")
    conditions = {table.setting.condition for table in plan.tables}
    assert conditions == {f"{kind} {minutes}" for kind in ("labelled", "play") for minutes in (5, 10, 30)}
    assert plan.tables[0].compared.gains[0] == (arms.ADAPTED, arms.SCRATCH)
    (kept,) = [table for table in plan.tables if table.compared.kept]
    assert (kept.trial.body, kept.trial.tasks) == ("gripper", "seen")
    assert kept.setting.condition == plan.tables[0].setting.condition
    assert {unit.source.body for unit in plan.units if unit.source} == {"arm"}
    assert {unit.source.tasks for unit in plan.units if unit.source} == {"seen", ""}
    # Policies that are not trained hang on no condition.
    assert len(units(plan, arms.HOLD_LAST)) == 1


def test_a_curve_shares_the_control_that_does_not_hang_on_it() -> None:
    plan = planned("gap_timing")
    assert len(units(plan, arms.CONTROL)) == plan.config.seeds
    assert len(units(plan, arms.ADAPTED)) == plan.config.seeds * len(plan.config.sweep.values)
    gaps = [dict(unit.source.gap)["timing"] for unit in units(plan, arms.ADAPTED) if unit.source and not unit.seed]
    assert gaps == [0.0, 0.25, 0.5, 1.0]
    assert {unit.source.count for unit in plan.units if unit.source} == {276}


def test_curves_of_one_gap_and_another_share_what_is_the_same() -> None:
    one, other = planned("gap_timing"), planned("gap_path")
    shared = {unit.identity for unit in one.units} & {unit.identity for unit in other.units}
    assert len(shared) == 2 * one.config.seeds


def test_another_base_is_another_control() -> None:
    plan = planned("diversity", "sweep.values=tiny,elsewhere")
    assert len(units(plan, arms.CONTROL)) == 2 * plan.config.seeds


def test_all_arms_of_a_seed_come_before_the_next_seed() -> None:
    seeds = [unit.seed for unit in planned("video").units]
    assert seeds == sorted(seeds)


def test_a_plan_is_named_by_everything_in_it() -> None:
    config = planned("video").config
    names = {plan_fingerprint(config)}
    for key, value in (("seeds", "6"), ("trials.first_seed", "1"), ("judging.confidence", "0.9"), ("train.steps", "2")):
        names.add(plan_fingerprint(with_value(config, key, value)))
    assert len(names) == 5
    assert plan_fingerprint(planned("video").config) in names


@pytest.mark.parametrize(
    "overrides",
    [
        ["claim=videos"],
        ["arms=adapted,scratch"],
        ["heads=third"],
        ["heads_of=adopted"],
        ["sweep.key=gap.looks"],
        ["sweep.key=gap.looks", "sweep.values=0.5"],
        ["conditions=play 30"],
        ["claim=play", "arms=adapted,scratch"],
        ["claim=play", "arms=adapted,scratch", "conditions=work 30"],
        ["claim=play", "arms=adapted,scratch", "conditions=play much"],
        ["trials.tasks=some"],
        ["trials.episodes=0"],
        ["recording.minutes=0"],
        ["gap.path=2"],
        ["scratch.steps=0"],
        ["seeds=0"],
    ],
)
def test_an_impossible_plan_is_refused(overrides: list[str]) -> None:
    with pytest.raises(RecipeError):
        planned("video", *overrides)


@pytest.mark.parametrize(("key", "value"), [("gap.speed", "1"), ("gap.timing", "2")])
def test_a_sweep_over_what_is_not_there_is_refused(key: str, value: str) -> None:
    with pytest.raises(RecipeError):
        with_value(planned("video").config, key, value)
