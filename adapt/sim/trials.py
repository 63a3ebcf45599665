"""How is the tabletop acted in? Its episodes, as `adapt.evaluate.closed_loop` runs them, for any body."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from adapt.evaluate.closed_loop import Outcome, Start
from adapt.sim.body import Body
from adapt.sim.camera import Camera
from adapt.sim.state import SceneState
from adapt.sim.tabletop import Tabletop
from adapt.sim.tasks import ALL_TASKS, Task, progress, succeeded, task_of
from adapt.types import Observation

PICTURE_PX = 128  # as robots' recordings are drawn, so that a model meets what it was trained on
VIEW = "main"  # the camera's name in the bodies' files

# Between the seeds of scenes to be acted in and those of anything that is recorded for training.
_APART = 0x7472

_MOVED_M = 0.02  # less is a touch in passing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rehearsal:
    """What would come of somebody's commands from here: n commands and the n + 1 states around them."""

    states: tuple[SceneState, ...]
    commands: tuple[NDArray[np.float64], ...]  # of the tool: x, y, z, yaw, grip


class TabletopEpisode:
    """One episode on a tabletop of its own.

    Args:
        world: Draws it.
        task: What is to be done.
        seed: Decides the scene.
    """

    def __init__(self, world: "TabletopWorld", task: Task, seed: int) -> None:
        self.task, self.body = task, world.body
        self._world, self._seed = world, seed
        self._tabletop = Tabletop()
        self._start = self._tabletop.reset(seed, task)

    @property
    def instruction(self) -> str:
        """What is to be done."""
        return self.task.instruction

    @property
    def seed(self) -> int:
        """What decided the scene it began with."""
        return self._seed

    @property
    def state(self) -> SceneState:
        """Everything there is to know: for those who may cheat."""
        return self._tabletop.state

    @property
    def holding(self) -> bool:
        """Whether a block stops the fingers from closing, which a gripper feels."""
        return self.state.held >= 0

    def observe(self) -> Observation:
        """What the body sees and feels now."""
        return self.seen_in(self.state)

    def seen_in(self, state: SceneState) -> Observation:
        """What the body would see and feel in a state."""
        picture = torch.from_numpy(self._world.picture(state, PICTURE_PX))
        return Observation(images={VIEW: picture}, state=torch.from_numpy(self.body.proprioception(state)).float())

    def picture(self, size: int) -> NDArray[np.uint8]:
        """The scene now. Shape (size, size, 3)."""
        return self._world.picture(self.state, size)

    def step(self, action: Float[Tensor, " d"]) -> None:
        """Act for 0.1 s: an absolute action in the body's own units."""
        self._tabletop.step(self.body.command(action.double().numpy(), self.state))

    def outcome(self) -> Outcome:
        """How things stand now; `done` tells of the block that was moved most."""
        return Outcome(
            success=succeeded(self.state, self.task),
            progress=round(progress(self.state, self._start, self.task), 6),  # Blocks at rest tremble by nanometres.
            done=self._done(),
        )

    def rehearse(self, commands: Callable[[SceneState], NDArray[np.float64]], steps: int) -> Rehearsal:
        """Try so many tool commands out; afterwards everything is as it was, to the bit.

        Args:
            commands: Says the command in each state.
            steps: Control steps.
        """
        before = self._tabletop.snapshot()
        states, given = [self.state], []
        for _ in range(steps):
            given.append(commands(self.state))
            states.append(self._tabletop.step(given[-1]))
        self._tabletop.restore(before)
        return Rehearsal(states=tuple(states), commands=tuple(given))

    def close(self) -> None:
        """Let go of the physics."""
        self._tabletop.close()

    def _done(self) -> str:
        ways = np.linalg.norm(self.state.blocks[:, :2] - self._start.blocks[:, :2], axis=1)
        colour = int(ways.argmax())
        if ways[colour] < _MOVED_M:
            return ""
        fulfilled = (task for task in ALL_TASKS if task.colour == colour and succeeded(self.state, task))
        return next((task.instruction for task in fulfilled), "")


class TabletopWorld:
    """Where episodes of one body take place; a context manager. Cameras are opened when something is first drawn.

    Args:
        body: Who acts.

    Raises:
        SimulatorError: MuJoCo is not installed; or, when drawing, this machine cannot draw.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self._cameras: dict[int, Camera] = {}

    def begin(self, instruction: str, seed: int) -> TabletopEpisode:
        """A new episode; the same seed and instruction begin in the same scene.

        Raises:
            SimulatorError: No task has this instruction.
        """
        return TabletopEpisode(self, task_of(instruction), seed)

    def picture(self, state: SceneState, size: int) -> NDArray[np.uint8]:
        """A scene with the body in it. Shape (size, size, 3)."""
        if size not in self._cameras:
            self._cameras[size] = Camera(size)
        return self._cameras[size].picture(state, self.body.solids(state))

    def close(self) -> None:
        """Close the cameras."""
        for camera in self._cameras.values():
            camera.close()
        self._cameras.clear()

    def __enter__(self) -> "TabletopWorld":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def trial_starts(tasks: Sequence[Task], episodes: int, seed: int) -> tuple[Start, ...]:
    """So many episodes, each in a scene of its own. Fewer episodes are the first of more.

    Every task is done once before any is done again, in an order that is shuffled anew each round.

    Args:
        tasks: What is to be done.
        episodes: How many.
        seed: Another one, other scenes: none is met under two seeds, nor in recordings of any seed.
    """
    return tuple(_start(tasks, seed, index) for index in range(episodes))


def _start(tasks: Sequence[Task], seed: int, index: int) -> Start:
    turn, place = divmod(index, len(tasks))
    order = np.random.default_rng([seed, turn, _APART]).permutation(len(tasks))
    drawn = np.random.SeedSequence([seed, index, _APART]).generate_state(1, np.uint64)[0]
    # 48 bits, which every reader of JSON takes for the whole number that it is.
    return Start(instruction=tasks[order[place]].instruction, seed=int(drawn >> np.uint64(16)))
