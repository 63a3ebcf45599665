"""The tabletop as a Gymnasium environment, registered as "wam_adapt/Tabletop-v0" when this module is imported.

Gymnasium imports it by itself where the name says where to find it:

    env = gymnasium.make("adapt.sim.environment:wam_adapt/Tabletop-v0", body="tabletop_arm", tasks="seen")
    observation, info = env.reset(seed=7, options={"task": "put the red block far left"})
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapt.errors import SimulatorError
from adapt.sim.body import Body
from adapt.sim.camera import Camera
from adapt.sim.choices import choose_body, choose_tasks
from adapt.sim.state import CONTROL_HZ, SceneState
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import Task, progress, succeeded, task_of

try:
    import gymnasium
    from gymnasium import spaces
except ModuleNotFoundError as missing:
    raise SimulatorError(
        f"tabletop: as an environment it needs Gymnasium, and the module {missing.name} is not installed. "
        "Install the extra: pip install 'wam-adapt[sim]'"
    ) from missing

ID = "wam_adapt/Tabletop-v0"
STEPS = 80  # 8 s
RENDER_PX = 320

Observation = dict[str, NDArray[Any]]


class TabletopEnv(gymnasium.Env[Any, Any]):
    """One robot at one task after another; a step is 0.1 s.

    Observations hold `image`, uint8 (size, size, 3), and `state`, float32 (s,), what the robot feels. Actions are
    float32 (d,). State and action are in the robot's own units, named by `body.state_names` and `body.action_names`.
    An episode is only ever truncated, after `steps` steps, since a task counts as done only while it stays done. The
    reward is the progress made in the step, and adds up to the progress, which is 1 in the zone. `info` holds the
    `instruction`, whether the task is done now (`success`), and the `progress`.

    Args:
        body: "tabletop_gripper" or "tabletop_arm".
        tasks: Those that `reset` draws from: "seen", "held-out", "all", an instruction, or several of these.
        size: Side of the observed pictures, in pixels.
        steps: How long an episode lasts.
        render_mode: "rgb_array", or None.

    Raises:
        SimulatorError: The simulator or its drawing is not there; or a name is unknown.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": int(CONTROL_HZ)}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self,
        body: str = "tabletop_gripper",
        tasks: str | Sequence[str] = "all",
        size: int = 128,
        steps: int = STEPS,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise SimulatorError(f"render_mode is {render_mode!r}; give 'rgb_array' or None")
        self.render_mode = render_mode
        self.body: Body = choose_body(body)
        self.tasks = choose_tasks([tasks] if isinstance(tasks, str) else tasks)
        self._size = size
        self._steps = steps
        self._tabletop = Tabletop()
        self._cameras: dict[int, Camera] = {}
        self._task: Task | None = None
        self._start: SceneState | None = None
        self._done = 0
        self.action_space = _box(self.body.action_limits)
        self.observation_space = spaces.Dict(
            {"image": spaces.Box(0, 255, (size, size, 3), np.uint8), "state": _box(self.body.state_limits)}
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: The tabletop and the task, if `options` names none; the tabletop of a seed and a task is the one of
                `Tabletop.reset`. Without a seed, the next one of those that the last seed began.
            options: `task`: an instruction, one of `tasks` or not.

        Returns:
            The observation, and info.

        Raises:
            SimulatorError: There is no such task.
        """
        super().reset(seed=seed)
        drawn = self.tasks[int(self.np_random.integers(len(self.tasks)))]
        asked = (options or {}).get("task")
        self._task = drawn if asked is None else task_of(str(asked))
        scene = int(self.np_random.integers(2**63)) if seed is None else seed
        self._start = self._tabletop.reset(scene, self._task)
        self._done = 0
        return self._observe(), self._info()

    def step(self, action: NDArray[np.floating[Any]]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Act for 0.1 s.

        Args:
            action: In the robot's own units; beyond its limits means the nearest within them. Shape (d,).

        Returns:
            The observation, the reward, False, whether time is up, and info.

        Raises:
            SimulatorError: `reset` has not been called; or the action has another shape, or is not finite.
        """
        task, start = self._begun()
        given = np.asarray(action, np.float64)
        if given.shape != self.action_space.shape or not np.isfinite(given).all():
            raise SimulatorError(
                f"action {action!r}: wanted finite numbers for {', '.join(self.body.action_names)}; give these"
            )
        before = progress(self._tabletop.state, start, task)
        after = self._tabletop.step(self.body.command(given, self._tabletop.state))
        self._done += 1
        return self._observe(), progress(after, start, task) - before, False, self._done >= self._steps, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """The scene at 320 px. RGB, shape (320, 320, 3); None without a render mode."""
        return None if self.render_mode is None else self._picture(RENDER_PX)

    def close(self) -> None:
        """Give cameras and physics back; a closed environment stays closed."""
        for camera in self._cameras.values():
            camera.close()
        self._cameras.clear()
        self._tabletop.close()

    def _begun(self) -> tuple[Task, SceneState]:
        if self._task is None or self._start is None:
            raise SimulatorError("step: was called before reset, so there is no episode; call reset first")
        return self._task, self._start

    def _observe(self) -> Observation:
        felt = self.body.proprioception(self._tabletop.state).astype(np.float32)
        return {"image": self._picture(self._size), "state": felt}

    def _info(self) -> dict[str, Any]:
        task, start = self._begun()
        state = self._tabletop.state
        return {
            "instruction": task.instruction,
            "success": succeeded(state, task),
            "progress": progress(state, start, task),
        }

    def _picture(self, size: int) -> NDArray[np.uint8]:
        # Opened late, so that an environment that is made in one process can be used in another.
        if size not in self._cameras:
            self._cameras[size] = Camera(size)
        state = self._tabletop.state
        return self._cameras[size].picture(state, self.body.solids(state))


def _box(limits: Sequence[tuple[float, float]]) -> spaces.Box:
    low, high = np.array(limits, np.float64).T
    return spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)


if ID not in gymnasium.registry:
    gymnasium.register(id=ID, entry_point=f"{__name__}:TabletopEnv")
