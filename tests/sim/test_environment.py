"""The tabletop as Gymnasium knows environments."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs_gl import needs_gl

gymnasium = pytest.importorskip("gymnasium", reason="needs the extra: pip install 'wam-adapt[sim]'")
from gymnasium.utils.env_checker import check_env  # noqa: E402

from adapt.errors import SimulatorError  # noqa: E402
from adapt.sim.environment import ID, STEPS, TabletopEnv  # noqa: E402
from adapt.sim.expert import Expert  # noqa: E402
from adapt.sim.state import SceneState  # noqa: E402
from adapt.sim.tabletop import Tabletop  # noqa: E402
from adapt.sim.tasks import HELD_OUT_TASKS, SEEN_TASKS, task_of  # noqa: E402

REPOSITORY = Path(__file__).parents[2]
BODIES = ("tabletop_gripper", "tabletop_arm")
FAR_LEFT = "put the red block far left"

pytestmark = needs_gl


@pytest.fixture(params=BODIES)
def env(request: pytest.FixtureRequest) -> Iterator[TabletopEnv]:
    env = TabletopEnv(body=request.param, size=64)
    yield env
    env.close()


@pytest.mark.parametrize("body", BODIES)
def test_gymnasium_s_own_checks_pass(body: str) -> None:
    made = gymnasium.make(ID, body=body, size=64, render_mode="rgb_array")
    assert isinstance(made.unwrapped, TabletopEnv)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(made.unwrapped)
    # A robot's own units are not [-1, 1], on purpose: that is what policies give.
    words = [str(warning.message) for warning in caught]
    assert [word for word in words if "normalized space" not in word] == []
    made.close()


def test_gymnasium_finds_it_by_the_name_alone() -> None:
    code = "import gymnasium; e = gymnasium.make('adapt.sim.environment:wam_adapt/Tabletop-v0', size=64); "
    code += "print(e.reset(seed=1)[0]['image'].shape)"
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "(64, 64, 3)\n"), result.stderr


def run(env: TabletopEnv, seed: int | None, steps: int = 12) -> list[bytes]:
    """All that comes out of random actions."""
    observation, info = env.reset(seed=seed)
    env.action_space.seed(0)
    told: list[Any] = [observation["image"].tobytes(), observation["state"].tobytes(), repr(info).encode()]
    for _ in range(steps):
        observation, reward, _, _, info = env.step(env.action_space.sample())
        told += [observation["image"].tobytes(), observation["state"].tobytes(), repr((reward, info)).encode()]
    return told


def test_seeds_are_exact(env: TabletopEnv) -> None:
    first, then = run(env, 7), run(env, None)
    assert first != then
    other = TabletopEnv(body=str(env.body.name), size=64)
    assert (run(other, 7), run(other, None)) == (first, then)
    assert run(other, 8) != first
    other.close()


def test_a_seed_and_a_task_are_the_tabletop_of_that_seed_and_task(env: TabletopEnv) -> None:
    observation, info = env.reset(seed=11, options={"task": FAR_LEFT})
    with Tabletop() as tabletop:
        state = tabletop.reset(11, task_of(FAR_LEFT))
    assert info == {"instruction": FAR_LEFT, "success": False, "progress": 0.0}
    assert np.array_equal(observation["state"], env.body.proprioception(state).astype(np.float32))


def test_the_expert_succeeds_and_its_rewards_add_up_to_the_progress(env: TabletopEnv) -> None:
    _, info = env.reset(seed=3, options={"task": FAR_LEFT})
    expert = Expert(task_of(FAR_LEFT), np.random.default_rng(0))
    rewards, truncated = 0.0, False
    for step in range(STEPS):
        assert not truncated, f"over after {step} steps"
        state: SceneState = env._tabletop.state
        action = env.body.action(expert(state), state).astype(np.float32)
        observation, reward, terminated, truncated, info = env.step(action)
        rewards += reward
        assert observation in env.observation_space
        assert not terminated
    assert truncated
    assert info["success"] is True
    assert info["progress"] == 1.0
    assert rewards == pytest.approx(1.0)


def test_whoever_does_nothing_gets_nothing(env: TabletopEnv) -> None:
    observation, _ = env.reset(seed=3)
    for _ in range(5):
        observation, reward, *_, info = env.step(observation["state"])
        assert abs(reward) < 1e-3
        assert not info["success"]


def test_actions_beyond_the_limits_are_the_nearest_within_them(env: TabletopEnv) -> None:
    low, high = np.array(env.body.action_limits, np.float32).T
    felt = []
    for action in (high, high + 100):
        env.reset(seed=5)
        felt.append([env.step(action)[0]["state"] for _ in range(4)])
    assert np.array_equal(*felt)
    env.reset(seed=5)
    assert not np.array_equal(env.step(low)[0]["state"], felt[0][0])


@pytest.mark.parametrize("action", [np.zeros(2), np.full(4, np.nan), np.full(5, np.inf)])
def test_an_action_that_is_none_is_refused(action: np.ndarray, env: TabletopEnv) -> None:
    env.reset(seed=0)
    with pytest.raises(SimulatorError, match="wanted finite numbers for"):
        env.step(action)


def test_tasks_are_drawn_from_those_that_are_named() -> None:
    for name, tasks in (("seen", SEEN_TASKS), ("held-out", HELD_OUT_TASKS)):
        env = TabletopEnv(tasks=name, size=64)
        env.reset(seed=0)
        drawn = {env.reset()[1]["instruction"] for _ in range(40)}
        assert drawn <= {task.instruction for task in tasks}
        assert len(drawn) > 5
        env.close()


def test_it_renders_larger_than_it_observes_and_only_when_asked() -> None:
    for mode in ("rgb_array", None):
        env = TabletopEnv(size=64, render_mode=mode)
        env.reset(seed=0)
        picture = env.render()
        assert (None if picture is None else (picture.shape, picture.dtype)) == (
            None if mode is None else ((320, 320, 3), np.uint8)
        )
        env.close()


@pytest.mark.parametrize("wrong", [{"body": "hand"}, {"tasks": "heldout"}, {"tasks": []}, {"render_mode": "human"}])
def test_what_it_does_not_know_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SimulatorError):
        TabletopEnv(**wrong)
    env = TabletopEnv(size=64)
    with pytest.raises(SimulatorError, match="call reset first"):
        env.step(np.zeros(4))
    env.close()
