"""What does the tabletop look like? A fixed camera above the near edge, drawing a state and a body's solids.

Everything is drawn from the state alone: the camera has no physics, and the same state and solids give the same
pixels. Instead of true shadows, soft dark discs lie on the table below blocks and tool; without them height could not
be seen.
"""

import atexit
import os
from types import TracebackType
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from adapt.sim.engine import GLContext, load_mujoco, open_context
from adapt.sim.look import SceneLook
from adapt.sim.shapes import Box, Capsule, Cylinder, Solid, point
from adapt.sim.state import BLOCK_HALF_M, TABLE_HALF_M, SceneState
from adapt.sim.tasks import COLUMN_X_M, ROW_Y_M, ZONE_HALF_M

EYE_M = (0.0, -0.69, 1.02)
LOOK_AT_M = (0.0, -0.036, 0.0)
HALF_VIEW = 0.3  # tangent of half the field of view

_CLOSED = -1  # in place of the process that owns the context
_MAX_SOLIDS = 400
_SMALL_PX = 160  # pictures up to this size are drawn twice as large and averaged
_LINE_HALF_M, _LINE_HIGH_M = 0.003, 0.0004
_SHADOW_RINGS = 5
_SHADOW_DRIFT = (0.35, 0.25)  # how far a shadow moves right and away for each metre of height

_MODEL = f"""
<mujoco>
  <visual>
    <global offwidth="{{side}}" offheight="{{side}}"/>
    <quality shadowsize="0" offsamples="0" numslices="20" numstacks="10" numquads="1"/>
    <headlight active="0"/>
    <map znear="0.3" zfar="4"/>
  </visual>
  <statistic extent="1" center="0 0 0"/>
  <worldbody>
    <light directional="true" castshadow="false" dir="0.42 0.55 -0.85"
           ambient="0.42 0.42 0.42" diffuse="0.62 0.62 0.62" specular="0.3 0.3 0.3"/>
    <camera name="main" pos="{EYE_M[0]} {EYE_M[1]} {EYE_M[2]}" xyaxes="{{axes}}"
            fovy="{2 * float(np.degrees(np.arctan(HALF_VIEW)))}"/>
  </worldbody>
</mujoco>
"""


_open_cameras: "WeakSet[Camera]" = WeakSet()
_abandoned: list[Any] = []  # of a parent process: freeing them in a child would reach into the parent's drawing


class Camera:
    """Draws square pictures; a context manager. Several may live in one process, whatever their sizes.

    Args:
        size: Side of the pictures, in pixels.

    Raises:
        SimulatorError: MuJoCo is not installed, or nothing can be drawn on this machine.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._zoom = 2 if size <= _SMALL_PX else 1
        self._mujoco = load_mujoco()
        self._owner = _CLOSED
        self._open()

    def picture(self, state: SceneState, solids: list[Solid], look: SceneLook | None = None) -> NDArray[np.uint8]:
        """Draw a state.

        Args:
            state: Where the blocks are, and the tool whose shadow is drawn.
            solids: The body.
            look: Paint and light; the default look when None.

        Returns:
            RGB. Shape (size, size, 3).

        Raises:
            ValueError: There are too many solids, or the camera is closed.
        """
        if self._owner == _CLOSED:
            raise ValueError("this camera is closed: make a new one")
        if self._owner != os.getpid():
            # A context does not survive a fork.
            _abandoned.append((self._context, self._renderer))
            self._open()
        self._context.make_current()
        look = look or SceneLook()
        self._scene.ngeom = 0
        for solid in (*_still(look), *_blocks(state, look), *solids, *_shadows(state, look)):
            self._add(solid)
        self._light(look.light)
        return self._drawn()

    def close(self) -> None:
        """Give the context back; the camera cannot be used afterwards."""
        if self._owner == os.getpid():
            self._context.make_current()
            self._renderer.free()
            self._context.free()
        self._owner = _CLOSED

    def __del__(self) -> None:
        if hasattr(self, "_owner"):
            self.close()

    def __enter__(self) -> "Camera":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        mujoco = self._mujoco
        side = self.size * self._zoom
        model = mujoco.MjModel.from_xml_string(_MODEL.format(side=side, axes=_axes()))
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        self._context: GLContext = open_context()
        if not _open_cameras:
            # Registered after the display's own ending, so that it runs before it.
            atexit.register(_close_all)
        _open_cameras.add(self)
        self._renderer: Any = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._renderer)
        self._scene: Any = mujoco.MjvScene(model, maxgeom=_MAX_SOLIDS)
        view = mujoco.MjvCamera()
        view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, view, everything, self._scene)
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "FOG", "HAZE"):
            self._scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = 0
        self._diffuse = np.array(self._scene.lights[0].diffuse), np.array(self._scene.lights[0].ambient)
        self._viewport = mujoco.MjrRect(0, 0, side, side)
        self._pixels = np.empty((side, side, 3), np.uint8)
        self._owner = os.getpid()

    def _light(self, strength: float) -> None:
        light = self._scene.lights[0]
        light.diffuse[:], light.ambient[:] = (strength * part for part in self._diffuse)

    def _drawn(self) -> NDArray[np.uint8]:
        mujoco = self._mujoco
        mujoco.mjr_render(self._viewport, self._scene, self._renderer)
        mujoco.mjr_readPixels(self._pixels, None, self._viewport, self._renderer)
        upright = self._pixels[::-1]
        if self._zoom == 1:
            return upright.copy()
        wide = upright.astype(np.uint16)
        summed = wide[0::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 0::2] + wide[1::2, 1::2]
        return ((summed + 2) >> 2).astype(np.uint8)

    def _add(self, solid: Solid) -> None:
        mujoco, scene = self._mujoco, self._scene
        if scene.ngeom >= scene.maxgeom:
            raise ValueError(f"{_MAX_SOLIDS} solids are the most that one picture can hold")
        geom = scene.geoms[scene.ngeom]
        paint = np.array(solid.colour, np.float32)
        kinds = mujoco.mjtGeom
        if isinstance(solid, Capsule | Cylinder):
            kind = kinds.mjGEOM_CAPSULE if isinstance(solid, Capsule) else kinds.mjGEOM_CYLINDER
            mujoco.mjv_initGeom(geom, kind, np.zeros(3), np.zeros(3), np.zeros(9), paint)
            mujoco.mjv_connector(geom, kind, solid.radius, solid.a, solid.b)
        else:
            kind = kinds.mjGEOM_BOX if isinstance(solid, Box) else kinds.mjGEOM_ELLIPSOID
            turn = np.empty(9)
            mujoco.mju_quat2Mat(turn, solid.turn)
            mujoco.mjv_initGeom(geom, kind, solid.half, solid.centre, turn, paint)
        geom.specular, geom.shininess = solid.gloss, 0.6
        scene.ngeom += 1


def _close_all() -> None:
    for camera in list(_open_cameras):
        camera.close()


def _axes() -> str:
    """The camera's right and up, as MuJoCo wants them."""
    forward = np.array(LOOK_AT_M) - np.array(EYE_M)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    up = np.cross(right, forward)
    return " ".join(str(float(v)) for v in (*(right / np.linalg.norm(right)), *(up / np.linalg.norm(up))))


def _still(look: SceneLook) -> list[Solid]:
    """Floor, table and zone lines."""
    half = TABLE_HALF_M
    solids: list[Solid] = [
        Box(centre=point(0, 0, -0.06), half=point(2.0, 2.0, 0.02), colour=look.floor),
        Box(centre=point(0, 0, -0.02), half=point(half, half, 0.02), colour=look.table),
    ]
    down, across = point(_LINE_HALF_M, half, _LINE_HIGH_M), point(half, _LINE_HALF_M, _LINE_HIGH_M)
    places = [(point(x + ZONE_HALF_M[0], 0, _LINE_HIGH_M), down) for x in COLUMN_X_M[:2]]
    places += [(point(0, y + ZONE_HALF_M[1], _LINE_HIGH_M), across) for y in ROW_Y_M[:2]]
    return solids + [Box(centre=centre, half=size, colour=look.line) for centre, size in places]


def _blocks(state: SceneState, look: SceneLook) -> list[Solid]:
    half = np.full(3, BLOCK_HALF_M)
    return [
        Box(centre=block[:3], half=half, turn=block[3:], colour=colour)
        for block, colour in zip(state.blocks, look.blocks, strict=True)
    ]


def _shadows(state: SceneState, look: SceneLook) -> list[Solid]:
    """Translucent discs on each other: darkest in the middle, wider and fainter the higher what throws them."""
    if look.shadow <= 0:
        return []
    solids: list[Solid] = []
    for place in (*state.blocks[:, :3], state.tool):
        height = max(float(place[2]) - BLOCK_HALF_M, 0.0)
        radius = 0.052 + 0.12 * height
        strength = look.shadow / (1 + 4 * height)
        x, y = float(place[0]) + _SHADOW_DRIFT[0] * height, float(place[1]) + _SHADOW_DRIFT[1] * height
        for ring in range(_SHADOW_RINGS):
            share = (ring + 1) / _SHADOW_RINGS
            low = 0.001 + 0.0004 * ring
            colour = (0.0, 0.0, 0.0, 1 - (1 - strength) ** (1 / _SHADOW_RINGS))
            solids.append(
                Cylinder(a=point(x, y, low), b=point(x, y, low + 0.0002), radius=radius * share, colour=colour)
            )
    return solids
