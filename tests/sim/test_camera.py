"""Pictures show what there is, the same every time; machines that cannot draw say what they lack."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
from needs_gl import needs_gl
from numpy.typing import NDArray

from adapt.errors import SimulatorError
from adapt.sim import camera as camera_module
from adapt.sim import engine
from adapt.sim.camera import EYE_M, HALF_VIEW, LOOK_AT_M, Camera
from adapt.sim.gripper import TIP, Gripper
from adapt.sim.look import SceneLook
from adapt.sim.shapes import Box, Capsule, Cylinder, Ellipsoid, Solid, point, yaw_turn
from adapt.sim.state import BLOCK_HALF_M, HELD_GRIP, SceneState

PURE = ((1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0))


def scene(green: tuple[float, float] = (0.1, 0.05), *, up: float = 0.0, grip: float = 0.0) -> SceneState:
    """Green below the tool, both raised by `up`; red far left, blue near right."""
    blocks = np.tile([0.0, 0.0, BLOCK_HALF_M, 1.0, 0, 0, 0], (3, 1))
    blocks[:, :2] = (-0.18, 0.186), green, (0.2, -0.2)
    blocks[1, 2] += up
    held = 1 if grip else -1
    return SceneState(blocks=blocks, tool=np.array([*green, 0.02 + up]), grip=grip, held=held, highest=np.zeros(3))


def where(picture: NDArray[np.uint8], channel: int) -> NDArray[np.float64]:
    """Middle of the pixels in which one channel outshines the others: right, down, in shares of the picture."""
    wide = picture.astype(int)
    others = np.delete(wide, channel, axis=2).max(axis=2)
    ys, xs = np.nonzero(wide[..., channel] > others + 60)
    return np.array([xs.mean() + 0.5, ys.mean() + 0.5]) / len(picture)


def projected(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a pinhole camera with the documented eye, aim and view sees a place, in shares of the picture."""
    eye = np.array(EYE_M)
    ahead = (np.array(LOOK_AT_M) - eye) / np.linalg.norm(np.array(LOOK_AT_M) - eye)
    right = np.array([1.0, 0, 0])
    way = place - eye
    plane = np.array([way @ right, -way @ np.cross(right, ahead)]) / (way @ ahead) / HALF_VIEW
    return np.asarray((plane + 1) / 2)


@needs_gl
@pytest.mark.parametrize("size", [64, 128, 320])
def test_blocks_are_seen_where_a_pinhole_camera_sees_them_at_every_size(size: int) -> None:
    state = scene()
    with Camera(size) as camera:
        picture = camera.picture(state, [])

    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    for channel in range(3):
        assert where(picture, channel) == pytest.approx(projected(state.blocks[channel, :3]), abs=0.02)


@needs_gl
def test_the_same_state_gives_the_same_pixels_in_any_camera_and_order(camera: Camera) -> None:
    state, solids = scene(), Gripper().solids(scene())
    first = camera.picture(state, solids)
    with Camera(64) as other, Camera(128) as large:
        large.picture(state, [])
        camera.picture(scene((-0.1, -0.1)), [])
        assert np.array_equal(other.picture(state, solids), first)
        assert np.array_equal(camera.picture(state, solids), first)
        assert not np.array_equal(camera.picture(scene((0.11, 0.05)), solids), first)


@needs_gl
@pytest.mark.parametrize("up", [0.0, 0.08])
def test_height_shows_in_the_picture_and_in_the_shadow_on_the_table(camera: Camera, up: float) -> None:
    state = replace(scene(), tool=np.array([-0.05, -0.1, BLOCK_HALF_M + up]))
    lit, shaded = (camera.picture(state, [], SceneLook(shadow=dark)).astype(float) for dark in (0.0, 0.5))
    lost = (lit - shaded).sum(axis=2)
    thrown = projected(np.array([-0.05 + 0.35 * up, -0.1 + 0.25 * up, 0.0])) * 64
    ys, xs = np.mgrid[0:64, 0:64] + 0.5
    lost[np.hypot(xs - thrown[0], ys - thrown[1]) > 9] = 0

    assert lost.max() > 60
    assert [(lost * xs).sum() / lost.sum(), (lost * ys).sum() / lost.sum()] == pytest.approx(thrown, abs=0.7)
    low, high = (camera.picture(scene(up=z, grip=HELD_GRIP), []) for z in (0.0, 0.08))
    assert (where(low, 1) - where(high, 1))[1] * 64 > 3


@needs_gl
def test_the_opening_of_the_fingers_spans_pixels_of_difference(camera: Camera) -> None:
    """At 64 px the tips are 14 px apart when open, 7 round a block, 2 when closed."""

    def apart(grip: float) -> float:
        state = replace(scene((0.0, 0.0)), tool=np.array([0.0, 0.0, 0.12]), grip=grip, held=-1)
        wide = camera.picture(state, Gripper().solids(state)).astype(int)
        yellow = (wide[..., 0] > wide[..., 2] + 70) & (wide[..., 1] > wide[..., 2] + 70)
        return float(np.ptp(np.nonzero(yellow)[1]))

    assert TIP[0] > TIP[2]
    assert apart(0.0) > apart(HELD_GRIP) + 5 > apart(1.0) + 8


@needs_gl
@pytest.mark.parametrize("place", [(-0.18, -0.156), (0.18, -0.156), (0.0, 0.015), (-0.18, 0.186), (0.18, 0.186)])
def test_the_gripper_does_not_hide_the_block_it_holds(camera: Camera, place: tuple[float, float]) -> None:
    for up in (0.0, 0.08):
        state = scene(place, up=up, grip=HELD_GRIP)
        bare, held = (camera.picture(state, solids).astype(int) for solids in ([], Gripper().solids(state)))
        green = bare[..., 1] > bare[..., [0, 2]].max(axis=2) + 60
        still = held[..., 1] > held[..., [0, 2]].max(axis=2) + 60
        assert (green & still).sum() > 0.75 * green.sum()


@needs_gl
def test_every_kind_of_solid_is_drawn_in_its_place_and_size(camera: Camera) -> None:
    bare = camera.picture(scene(), []).astype(int)
    at, up = point(-0.1, -0.05, 0.1), point(0, 0, 0.03)
    kinds: list[Solid] = [
        Capsule(a=at - up, b=at + up, radius=0.02, colour=(1.0, 0.0, 1.0, 1.0)),
        Cylinder(a=at - up, b=at + up, radius=0.02, colour=(1.0, 0.0, 1.0, 1.0)),
        Box(centre=at, half=point(0.02, 0.02, 0.03), colour=(1.0, 0.0, 1.0, 1.0), turn=yaw_turn(0.5)),
        Ellipsoid(centre=at, half=point(0.02, 0.02, 0.03), colour=(1.0, 0.0, 1.0, 1.0)),
    ]
    for solid in kinds:
        drawn = camera.picture(scene(), [solid]).astype(int)
        ys, xs = np.nonzero(np.abs(drawn - bare).sum(axis=2) > 60)
        middle = np.array([(xs.min() + xs.max() + 1) / 2, (ys.min() + ys.max() + 1) / 2]) / 64
        assert middle == pytest.approx(projected(at), abs=0.025)
        assert 10 < len(xs) < 80


@needs_gl
def test_paint_and_light_are_the_looks_own_and_leave_no_trace(camera: Camera) -> None:
    usual = camera.picture(scene(), [])
    painted = camera.picture(scene(), [], SceneLook(table=(0.9, 0.6, 0.3, 1.0), blocks=PURE))
    dark = camera.picture(scene(), [], SceneLook(light=0.5))

    assert painted[40, 32, 0] > painted[40, 32, 2] + 60
    assert dark.mean() < 0.7 * usual.mean()
    assert np.array_equal(camera.picture(scene(), []), usual)


@needs_gl
def test_too_many_solids_and_a_closed_camera_are_refused(camera: Camera) -> None:
    ball = Ellipsoid(centre=point(0, 0, 0.1), half=point(0.01, 0.01, 0.01), colour=(1.0, 1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="the most that one picture can hold"):
        camera.picture(scene(), [ball] * 500)
    closed = Camera(16)
    closed.close()
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        closed.picture(scene(), [])


@needs_gl
@pytest.mark.filterwarnings("ignore:This process")
def test_a_camera_still_draws_in_a_forked_process_in_a_context_of_its_own(camera: Camera) -> None:
    here = camera.picture(scene(), [])
    inherited.append(camera)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        there, opened = pool.apply_async(draw_inherited).get(timeout=60)
    inherited.clear()

    assert np.array_equal(here, there)
    assert opened == 1
    assert np.array_equal(camera.picture(scene(), []), here)


inherited: list[Camera] = []


def draw_inherited() -> tuple[NDArray[np.uint8], int]:
    """In a child: what the parent's camera draws, and how many contexts it opened for that."""
    opened = []
    real = camera_module.open_context
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(camera_module, "open_context", lambda: opened.append(1) or real())
        return inherited[0].picture(scene(), []), len(opened)


def test_a_machine_without_opengl_is_told_which_packages_bring_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_loads", lambda _: False)
    for wanted in ("egl", "osmesa", ""):
        monkeypatch.setenv("MUJOCO_GL", wanted)
        with pytest.raises(SimulatorError, match=r"apt install libegl1 libgl1-mesa-dri.*libosmesa6"):
            engine.open_context()
