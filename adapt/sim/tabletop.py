"""What happens on the tabletop? Blocks under MuJoCo's physics, and one tool that grasps, moves and releases them.

The tool is kinematic: it goes where it is told, no faster than it can. When its fingers close round a block within
reach, the block is welded to it; the weld ends when they open. Fingers do not collide: only a held block pushes others.
A tool whose block is stopped by another block or by the table's edge stalls instead of forcing it.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapt.sim.engine import load_mujoco
from adapt.sim.grasp import Grasp, free_grasp
from adapt.sim.state import (
    BLOCK_HALF_M,
    COLOURS,
    CONTROL_HZ,
    GRIP_STEP,
    HELD_GRIP,
    RELEASE_GRIP,
    STEP_M,
    TABLE_HALF_M,
    TOOL_HIGH_M,
    TOOL_LIMIT_M,
    TOOL_LOW_M,
    TURN_STEP_RAD,
    SceneState,
)
from adapt.sim.tasks import ZONE_HALF_M, Task

STEP_S = 0.005
REACH_M = (0.045, 0.04)  # a block closer than this to the grasp point, horizontally and vertically, is grasped
APART_M = 0.13  # between the centres of blocks after a reset

_SUBSTEPS = round(1 / CONTROL_HZ / STEP_S)
_STALL_M = 0.0095  # how far a held block may lag before the tool waits for it

# Contacts are harder than welds: a block that is pressed against something stays out of it, and the tool waits.
_BLOCK = """
    <body name="{name}" pos="0 0 {half}">
      <freejoint/>
      <geom type="box" size="{half} {half} {half}" density="400"/>
    </body>"""
_WELD = '<weld body1="tool" body2="{name}" active="false" solref="0.012 1" solimp="0.8 0.9 0.001"/>'
_WALL = '<geom type="plane" size="1 1 0.1" pos="{x} {y} 0" zaxis="{a} {b} 0" friction="0.1 0.005 0.0001"/>'
_MODEL = """
<mujoco>
  <size memory="1M"/>
  <option timestep="{step}" integrator="implicitfast" cone="elliptic"/>
  <default>
    <geom solref="0.01 1" solimp="0.97 0.995 0.001" friction="0.7 0.005 0.0001"/>
  </default>
  <worldbody>
    <geom type="plane" size="1 1 0.1"/>
    {walls}
    <body name="tool" mocap="true" pos="0 0 0.1"/>{blocks}
  </worldbody>
  <equality>{welds}</equality>
</mujoco>
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """Everything that `Tabletop.restore` needs to go on from here, to the bit."""

    physics: NDArray[np.float64]
    state: SceneState
    grasp: Grasp


class Tabletop:
    """The world: blocks, table, tool. A context manager; the same seed and commands give the same bytes.

    Raises:
        SimulatorError: MuJoCo is not installed or does not load.
    """

    def __init__(self) -> None:
        self._mujoco = mujoco = load_mujoco()
        self._model: Any = mujoco.MjModel.from_xml_string(_model())
        self._data: Any = mujoco.MjData(self._model)
        self._everything = mujoco.mjtState.mjSTATE_INTEGRATION.value
        self._grasp = free_grasp()
        self.state = self.reset(0)

    def reset(self, seed: int, task: Task | None = None) -> SceneState:
        """A random tabletop: blocks apart from each other, the tool open above the near half.

        Args:
            seed: Same seed and task, same tabletop.
            task: Whose zone shall be empty at the start; any tabletop when None.
        """
        rng = np.random.default_rng(seed)
        blocks = _scattered(rng, task)
        tool = rng.uniform((-0.15, -0.24, 0.09), (0.15, 0.09, 0.14))
        self._mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:] = blocks.ravel()
        self._grasp = free_grasp()
        self.state = SceneState(blocks=blocks, tool=tool, highest=np.zeros(len(COLOURS)))
        self._show_tool(tool, 0.0)
        return self.state

    def step(self, command: NDArray[np.float64]) -> SceneState:
        """One control step of 0.1 s.

        Args:
            command: Wanted tool x, y, z (m), yaw (rad) and grip (0 open .. 1 closed). Shape (5,).

        Returns:
            The state after it: the tool has moved towards the command no faster than it can, and has grasped or
            released a block.
        """
        before = self.state
        tool, yaw = self._reached(before, command)
        grip = before.grip + float(np.clip(np.clip(command[4], 0, 1) - before.grip, -GRIP_STEP, GRIP_STEP))
        if before.held >= 0 and grip < RELEASE_GRIP:
            self._release()
        if self._grasp.held >= 0:
            grip = min(grip, HELD_GRIP)
        tool = self._move(before, tool, yaw)
        if self._grasp.held < 0 and grip >= HELD_GRIP > before.grip:
            grip = self._close_round(tool, yaw, grip)
        blocks = self._blocks()
        self.state = SceneState(
            blocks=blocks,
            tool=tool,
            yaw=yaw,
            grip=grip,
            held=self._grasp.held,
            highest=np.maximum(before.highest, blocks[:, 2] - BLOCK_HALF_M),
            time_s=before.time_s + 1 / CONTROL_HZ,
        )
        return self.state

    def snapshot(self) -> Snapshot:
        """All there is, to be given to `restore`."""
        physics = np.empty(self._mujoco.mj_stateSize(self._model, self._everything))
        self._mujoco.mj_getState(self._model, self._data, physics, self._everything)
        return Snapshot(physics=physics, state=self.state, grasp=self._grasp)

    def restore(self, snapshot: Snapshot) -> SceneState:
        """Go back to a snapshot of any tabletop; what follows is then the same to the bit."""
        self._mujoco.mj_setState(self._model, self._data, snapshot.physics, self._everything)
        self._grasp = snapshot.grasp
        self.state = snapshot.state
        return self.state

    def close(self) -> None:
        """Let go of the physics; the tabletop cannot be used afterwards."""
        self._data = self._model = None

    def __enter__(self) -> "Tabletop":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reached(self, before: SceneState, command: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Where the tool gets in one step towards a command: its grasp point and yaw."""
        lowest = max(TOOL_LOW_M, self._grasp.lowest_m)
        wanted = np.clip(command[:3], (-TOOL_LIMIT_M, -TOOL_LIMIT_M, lowest), (TOOL_LIMIT_M, TOOL_LIMIT_M, TOOL_HIGH_M))
        move = wanted - before.tool
        move[:2] *= min(1.0, STEP_M / max(float(np.hypot(move[0], move[1])), 1e-9))
        move[2] = np.clip(move[2], -STEP_M, STEP_M)
        turn = float(np.clip(command[3] - before.yaw, -TURN_STEP_RAD, TURN_STEP_RAD))
        return before.tool + move, before.yaw + turn

    def _move(self, before: SceneState, tool: NDArray[np.float64], yaw: float) -> NDArray[np.float64]:
        """Let the physics run while the tool goes there; where it really got when its block held it back."""
        at, pace = before.tool.copy(), (tool - before.tool) / _SUBSTEPS
        grasp = self._grasp
        settled = grasp.settled()
        for substep in range(1, _SUBSTEPS + 1):
            share = substep / _SUBSTEPS
            at = at + pace
            if grasp.held >= 0:
                at = self._stalled(at, grasp)
                if settled is not grasp:
                    self._grasp = grasp.towards(settled, share)
                self._weld()
            self._show_tool(at, before.yaw + share * (yaw - before.yaw))
            self._mujoco.mj_step(self._model, self._data)
        return at

    def _stalled(self, at: NDArray[np.float64], grasp: Grasp) -> NDArray[np.float64]:
        """The grasp point, pulled back when the held block lags far behind it."""
        block = self._data.qpos[7 * grasp.held : 7 * grasp.held + 3]
        lag = at + self._turned(self._grasp.offset) - block
        far = float(np.linalg.norm(lag))
        return at if far <= _STALL_M else np.asarray(at - lag * (1 - _STALL_M / far))

    def _turned(self, offset: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty(3)
        self._mujoco.mju_rotVecQuat(out, offset, self._data.mocap_quat[0])
        return out

    def _close_round(self, tool: NDArray[np.float64], yaw: float, grip: float) -> float:
        """Weld the nearest block within reach, if any; the grip that the fingers are stopped at."""
        blocks = self._blocks()
        across = np.linalg.norm(blocks[:, :2] - tool[:2], axis=1)
        within = (across < REACH_M[0]) & (np.abs(blocks[:, 2] - tool[2]) < REACH_M[1])
        if not within.any():
            return grip
        held = int(np.where(within, across, np.inf).argmin())
        self._grasp = Grasp.of(held, blocks[held], tool, yaw)
        self._weld()
        self._data.eq_active[held] = 1
        return HELD_GRIP

    def _release(self) -> None:
        self._data.eq_active[:] = 0
        self._grasp = free_grasp()

    def _weld(self) -> None:
        """Tell the physics where the held block sits in the grasp; a weld's data live in the model."""
        if self._grasp.held >= 0:
            weld = self._model.eq_data[self._grasp.held]
            weld[3:6], weld[6:10] = self._grasp.offset, self._grasp.turn

    def _show_tool(self, tool: NDArray[np.float64], yaw: float) -> None:
        self._data.mocap_pos[0] = tool
        self._data.mocap_quat[0] = (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))

    def _blocks(self) -> NDArray[np.float64]:
        return np.array(self._data.qpos, np.float64).reshape(len(COLOURS), 7)


def _model() -> str:
    walls = "".join(
        _WALL.format(x=-a * TABLE_HALF_M, y=-b * TABLE_HALF_M, a=a, b=b) for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )
    return _MODEL.format(
        step=STEP_S,
        walls=walls,
        blocks="".join(_BLOCK.format(name=name, half=BLOCK_HALF_M) for name in COLOURS),
        welds="".join(_WELD.format(name=name) for name in COLOURS),
    )


def _scattered(rng: np.random.Generator, task: Task | None) -> NDArray[np.float64]:
    """Blocks apart from each other, slightly turned, and none in the task's zone. Shape (3, 7)."""
    places: list[NDArray[np.float64]] = []
    while len(places) < len(COLOURS):
        place = rng.uniform((-0.255, -0.235), (0.255, 0.25))
        apart = all(float(np.linalg.norm(place - other)) > APART_M for other in places)
        clear = task is None or bool((np.abs(place - task.goal) > np.array(ZONE_HALF_M) + BLOCK_HALF_M).any())
        if apart and clear:
            places.append(place)
    yaws = rng.uniform(-0.2, 0.2, len(COLOURS))
    flat = np.stack([*np.stack(places).T, np.full(len(COLOURS), BLOCK_HALF_M)], axis=1)
    nothing = np.zeros(len(COLOURS))
    return np.concatenate([flat, np.stack([np.cos(yaws / 2), nothing, nothing, np.sin(yaws / 2)], axis=1)], axis=1)
