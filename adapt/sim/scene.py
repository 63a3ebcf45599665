"""What happens on the tabletop, and how does it look? Blocks, a tool that grasps and carries them, their picture.

Units are table units: the table spans [-1, 1] in x (right) and y (away from the camera). A tool at (x, y) closes on
the nearest block within reach, lifts it, carries it, and drops it when it opens. Blocks do not touch each other:
carried ones pass above.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adapt.sim.raycast import Array, Box, Capsule, Solid, camera, draw

CONTROL_HZ = 10.0
COLOURS = ("red", "green", "blue")
ROWS = ("near", "middle", "far")
COLUMNS = ("left", "centre", "right")
COLUMN_X = (-0.6, 0.0, 0.6)
ROW_Y = (-0.52, 0.05, 0.62)
ZONE_HALF = (0.3, 0.285)  # a block counts as placed within this of its zone's centre, in x and y

MAX_STEP = 0.1  # farthest the tool moves in one control step
GRIP_STEP = 0.34  # most the grip changes in one control step
LIFT_STEP = 0.5
REACH = 0.15
HELD_GRIP = 0.65  # a held block stops the fingers here
BLOCK_HALF = 0.105
HOVER = 0.16  # how high the tool floats when it is open
CARRY = 0.2  # how high a held block is lifted
TOOL_LIMIT = 1.05

_PAINT = {"red": (0.86, 0.16, 0.14), "green": (0.18, 0.66, 0.24), "blue": (0.16, 0.3, 0.9)}
_FLOOR, _TABLE, _LINE = (0.16, 0.17, 0.19), (0.4, 0.45, 0.47), (0.52, 0.57, 0.58)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneState:
    """Everything that can change on the tabletop."""

    blocks: NDArray[np.float64]  # 3 x 2: x, y of red, green, blue
    tool: NDArray[np.float64]  # x, y of the grasp point
    grip: float = 0.0  # 0 open .. 1 closed
    held: int = -1  # index of the held block, -1 for none
    lift: float = 0.0  # 0 on the table .. 1 carried


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Bring one block to one of nine zones."""

    colour: int
    row: int
    column: int

    @property
    def goal(self) -> NDArray[np.float64]:
        """Centre of the zone. Shape (2,)."""
        return np.array([COLUMN_X[self.column], ROW_Y[self.row]])

    @property
    def instruction(self) -> str:
        """The task in words, such as "put the red block far left"."""
        return f"put the {COLOURS[self.colour]} block {ROWS[self.row]} {COLUMNS[self.column]}"


ALL_TASKS = tuple(Task(colour=c, row=r, column=k) for c in range(3) for r in range(3) for k in range(3))


def step(state: SceneState, command: NDArray[np.float64]) -> SceneState:
    """One control step of 0.1 s.

    Args:
        state: Before.
        command: Wanted tool x, y (table units) and grip (0 open, 1 closed). Shape (3,).

    Returns:
        After: the tool has moved towards the command no faster than it can, and grasped or dropped a block.
    """
    move = np.clip(command[:2], -TOOL_LIMIT, TOOL_LIMIT) - state.tool
    length = float(np.linalg.norm(move))
    tool = state.tool + move * min(1.0, MAX_STEP / max(length, 1e-9))
    grip = state.grip + float(np.clip(np.clip(command[2], 0, 1) - state.grip, -GRIP_STEP, GRIP_STEP))
    held = state.held
    if held >= 0 and grip < 0.4:
        held = -1
    elif held < 0 and grip >= HELD_GRIP > state.grip:
        distance = np.linalg.norm(state.blocks - tool, axis=1)
        held = int(distance.argmin()) if distance.min() < REACH else -1
    blocks = state.blocks.copy()
    if held >= 0:
        grip = min(grip, HELD_GRIP)
        # The block slides into the middle of the grasp rather than jumping there.
        blocks[held] = tool + (blocks[held] - state.tool if state.held == held else blocks[held] - tool) * 0.5
    lift = float(np.clip(state.lift + (LIFT_STEP if held >= 0 else -LIFT_STEP), 0, 1))
    return replace(state, blocks=blocks, tool=tool, grip=grip, held=held, lift=lift)


def reset(rng: np.random.Generator, task: Task | None = None) -> SceneState:
    """A random tabletop: blocks apart from each other, and none already in the task's zone."""
    blocks: list[NDArray[np.float64]] = []
    while len(blocks) < len(COLOURS):
        place = rng.uniform((-0.85, -0.75), (0.85, 0.82))
        apart = all(np.linalg.norm(place - other) > 0.36 for other in blocks)
        clear = task is None or bool((np.abs(place - task.goal) > np.array(ZONE_HALF) + 0.02).any())
        if apart and clear:
            blocks.append(place)
    return SceneState(blocks=np.stack(blocks), tool=rng.uniform((-0.5, -0.8), (0.5, 0.3)))


def placed(state: SceneState, task: Task, *, released: bool = True) -> bool:
    """Whether the task's block lies in its zone; `released` asks that nothing still holds it."""
    inside = bool((np.abs(state.blocks[task.colour] - task.goal) <= np.array(ZONE_HALF)).all())
    return inside and not (released and state.held == task.colour)


def progress(state: SceneState, start: SceneState, task: Task) -> float:
    """Share of the way from where the block started to its zone's centre; 1 in the zone, 0 at best untouched."""
    if placed(state, task, released=False):
        return 1.0
    before = float(np.linalg.norm(start.blocks[task.colour] - task.goal))
    now = float(np.linalg.norm(state.blocks[task.colour] - task.goal))
    return float(np.clip(1 - now / before, 0, 1))


def proprioception(state: SceneState) -> NDArray[np.float64]:
    """What the body feels: tool x, y and grip. Shape (3,)."""
    return np.array([state.tool[0], state.tool[1], state.grip])


Body = Callable[[SceneState], list[Solid]]


def render(state: SceneState, body: Body, size: int) -> NDArray[np.uint8]:
    """Draw the scene.

    Args:
        state: What to draw.
        body: The solids of the tool, `gripper` or `adapt.sim.hand.hand`.
        size: Side of the square picture, in pixels; small ones are drawn twice as large and averaged down.

    Returns:
        RGB. Shape (size, size, 3).
    """
    double = size <= 128
    side = 2 * size if double else size
    picture = draw(_table(side, state), [*_block_solids(state), *body(state)])
    if double:
        picture = picture.reshape(size, 2, size, 2, 3).mean((1, 3))
    return (picture * 255 + 0.5).astype(np.uint8)


def tool_height(state: SceneState) -> float:
    """Height of the fingertips above where they rest on the table: floating when open, lifted when carrying."""
    return CARRY * state.lift if state.held >= 0 else max(HOVER * (1 - state.grip), CARRY * state.lift)


def gripper(state: SceneState) -> list[Solid]:
    """Body A: a grey two-finger gripper hanging from a short post."""
    x, y = state.tool
    z = tool_height(state)
    gap = 0.25 - 0.19 * state.grip
    metal, dark = (0.82, 0.84, 0.86), (0.22, 0.23, 0.26)
    solids: list[Solid] = []
    for side in (-1.0, 1.0):
        solids.append(_bar((x + side * gap, y, z + 0.06), (0.028, 0.05, 0.06), dark))
        solids.append(_bar((x + side * gap, y, z + 0.22), (0.028, 0.05, 0.1), metal))
    solids.append(_bar((x, y, z + 0.36), (0.28, 0.06, 0.045), metal))
    post = np.array([x, y, z + 0.4], np.float32)
    solids.append(Capsule(a=post, b=post + np.array([0, 0.1, 0.4], np.float32), radius=0.055, colour=dark, gloss=0.1))
    return solids


def _bar(
    centre: tuple[float, float, float], half: tuple[float, float, float], colour: tuple[float, float, float]
) -> Box:
    return Box(centre=np.array(centre, np.float32), half=np.array(half, np.float32), colour=colour)


def _block_solids(state: SceneState) -> list[Solid]:
    solids: list[Solid] = []
    for index, (name, (x, y)) in enumerate(zip(COLOURS, state.blocks, strict=True)):
        z = BLOCK_HALF + (CARRY * state.lift if index == state.held else 0.0)
        half = (BLOCK_HALF, BLOCK_HALF, BLOCK_HALF)
        solids.append(_bar((x, y, z), half, _PAINT[name]))
    return solids


def _table(side: int, state: SceneState) -> Array:
    """The bare table with its zone lines, floor around it, and soft shadows under blocks and tool."""
    spots = camera(side, side).table
    picture = _bare_table(side).copy()
    shadow = np.ones(picture.shape[:2], np.float32)
    for index, place in enumerate(state.blocks):
        raised = CARRY * state.lift if index == state.held else 0.0
        shadow *= _shadow(spots, place, 0.17, raised)
    shadow *= _shadow(spots, state.tool, 0.2, tool_height(state) + 0.1)
    return picture * shadow[..., None]


def _bare_table(side: int) -> Array:
    spots = camera(side, side).table
    x, y = spots[..., 0], spots[..., 1]
    on_table = (np.abs(x) <= 1) & (np.abs(y) <= 1)
    line = np.zeros_like(on_table)
    for at in (-0.3, 0.3):
        line |= np.abs(x - at) < 0.012
    for at in (-0.235, 0.335):
        line |= np.abs(y - at) < 0.012
    picture = np.where(on_table[..., None], np.array(_TABLE, np.float32), np.array(_FLOOR, np.float32))
    return np.where((line & on_table)[..., None], np.array(_LINE, np.float32), picture).astype(np.float32)


def _shadow(spots: Array, place: NDArray[np.float64], radius: float, height: float) -> Array:
    """Light left at each spot of the table under something at `place`, thrown away from the light."""
    centre = (place + np.array([0.54, 0.59]) * height).astype(np.float32)
    far = ((spots - centre) ** 2).sum(-1) / radius**2
    return np.asarray(1 - np.float32(0.45) * np.exp(-far * far), np.float32)
