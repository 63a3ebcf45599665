"""Episodes run side by side as each would alone; what is decided is carried out, and looked at again in time."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from adapt.errors import RecipeError
from adapt.evaluate.closed_loop import Outcome, Pace, Start, decision_seeds, run_episodes
from adapt.policy.many import Plans
from adapt.types import Observation


class Walk:
    """A point on a line that moves by what it is told, and shall get beyond the number it is asked for."""

    def __init__(self, instruction: str, seed: int) -> None:
        self.instruction, self.seed = instruction, seed
        self.place = float(seed)
        self.moves: list[float] = []
        self.closed = False

    @property
    def holding(self) -> bool:
        return False

    def observe(self) -> Observation:
        return Observation(images={}, state=torch.tensor([self.place]))

    def step(self, action: Tensor) -> None:
        self.moves.append(float(action))
        self.place += float(action)

    def outcome(self) -> Outcome:
        far = self.place - self.seed
        return Outcome(success=far >= float(self.instruction), progress=min(1.0, far / 100), done=f"{far:g}")

    def close(self) -> None:
        self.closed = True


class Line:
    """Remembers the walks that were begun."""

    def __init__(self) -> None:
        self.walks: list[Walk] = []

    def begin(self, instruction: str, seed: int) -> Walk:
        if seed < 0:
            raise ValueError("no such place")
        self.walks.append(Walk(instruction, seed))
        return self.walks[-1]


class CountingUp:
    """Plans 1, 2, 3, 4, and notes what was seen at each decision."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, list[float]]] = []

    def __call__(self, episodes: Sequence[Walk], decision: int) -> Plans:
        self.asked.append((decision, [episode.place for episode in episodes]))
        actions = torch.arange(1.0, 5.0).view(1, 4, 1).expand(len(episodes), 4, 1)
        return Plans(actions=actions, frames=torch.zeros(len(episodes), 0, 0, 0, 0))


STARTS = [Start(instruction=str(goal), seed=seed) for goal, seed in ((10, 0), (12, 40), (9, 7), (99, 1), (11, 20))]


def test_the_first_of_each_plan_are_carried_out_before_looking_again() -> None:
    world, chooser = Line(), CountingUp()
    run_episodes(world, chooser, STARTS[:1], Pace(steps=7, executed=3))
    assert world.walks[0].moves == [1, 2, 3, 1, 2, 3, 1]
    assert chooser.asked == [(0, [0.0]), (1, [6.0]), (2, [12.0])]


def test_records_tell_how_each_episode_ended_in_order() -> None:
    records = run_episodes(Line(), CountingUp(), STARTS, Pace(steps=6, executed=4, together=2))
    assert [record.seed for record in records] == [0, 40, 7, 1, 20]
    # 1 + 2 + 3 + 4 and 1 + 2 again.
    assert [record.done for record in records] == ["13"] * 5
    assert [record.success for record in records] == [True, True, True, False, True]
    assert {record.steps for record in records} == {6}
    assert records[0].progress == pytest.approx(0.13)


@pytest.mark.parametrize("together", [1, 2, 64])
def test_how_many_run_together_changes_nothing(together: int) -> None:
    alone = run_episodes(Line(), CountingUp(), STARTS, Pace(steps=8, executed=4, together=5))
    assert run_episodes(Line(), CountingUp(), STARTS, Pace(steps=8, executed=4, together=together)) == alone


def test_every_step_is_told_once_and_every_episode_closed() -> None:
    told: list[int] = []
    world = Line()
    run_episodes(world, CountingUp(), STARTS, Pace(steps=6, executed=4, together=2), tell=told.append)
    assert sum(told) == 5 * 6
    assert all(walk.closed for walk in world.walks)


def test_episodes_are_closed_when_another_cannot_begin() -> None:
    world = Line()
    with pytest.raises(ValueError, match="no such place"):
        run_episodes(world, CountingUp(), [*STARTS[:2], Start(instruction="1", seed=-1)], Pace(steps=4, executed=4))
    assert len(world.walks) == 2
    assert all(walk.closed for walk in world.walks)


def test_a_watcher_sees_beginnings_decisions_and_steps() -> None:
    class Watching:
        def __init__(self) -> None:
            self.seen: list[tuple[str, int, int]] = []

        def decided(self, first: int, episodes: Sequence[Walk], plans: Plans) -> None:
            assert len(plans.actions) == len(episodes)
            self.seen.append(("decided", first, len(episodes[0].moves)))

        def stepped(self, first: int, episodes: Sequence[Walk], step: int) -> None:
            assert all(len(episode.moves) == step for episode in episodes)
            self.seen.append(("stepped", first, step))

    watcher = Watching()
    run_episodes(Line(), CountingUp(), STARTS[:3], Pace(steps=3, executed=2, together=2), watcher=watcher)
    one = [("stepped", 0), ("decided", 0), ("stepped", 1), ("stepped", 2), ("decided", 2), ("stepped", 3)]
    assert watcher.seen == [(what, first, step) for first in (0, 2) for what, step in one]


def test_a_plan_that_is_too_short_is_refused() -> None:
    with pytest.raises(RecipeError, match="executed is 5, but a plan has 4 steps"):
        run_episodes(Line(), CountingUp(), STARTS, Pace(steps=10, executed=5))
    for wrong in ({"steps": 0}, {"executed": 0}, {"together": -1}):
        with pytest.raises(RecipeError, match="at least 1"):
            Pace(**wrong)


def test_seeds_of_decisions_differ_but_hang_on_the_episode_alone() -> None:
    walks = [Walk("1", seed) for seed in range(20)]
    seeds = decision_seeds(walks, 0) + decision_seeds(walks, 1)
    assert len(set(seeds)) == 40
    assert decision_seeds(walks[7:8], 1) == seeds[27:28]
