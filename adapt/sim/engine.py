"""The only door to MuJoCo: its import, and a place to draw without a screen.

MuJoCo is an extra, imported when a tabletop or a camera is made, so that the rest of `adapt.sim` works without it.
Drawing goes through EGL, or OSMesa where there is no EGL; `MUJOCO_GL=osmesa` asks for the latter.
"""

import ctypes
import os
from types import ModuleType
from typing import Protocol, runtime_checkable

from adapt.errors import SimulatorError

_EGL = ("libEGL.so.1", "libEGL.so")
_OSMESA = ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")


@runtime_checkable
class GLContext(Protocol):
    """Where OpenGL draws."""

    def make_current(self) -> None:
        """Draw here from now on."""

    def free(self) -> None:
        """Give everything back."""


def load_mujoco() -> ModuleType:
    """The module `mujoco`.

    Raises:
        SimulatorError: It is not installed, or cannot be loaded on this machine.
    """
    try:
        import mujoco
    except ModuleNotFoundError as missing:
        raise SimulatorError(
            f"tabletop: needs MuJoCo, and the module {missing.name} is not installed. "
            "Install the extra: pip install 'wam-adapt[sim]'"
        ) from missing
    except (ImportError, AttributeError, OSError, RuntimeError) as broken:
        # With MUJOCO_GL=osmesa and no such library PyOpenGL fails with an AttributeError.
        raise SimulatorError(
            f"tabletop: needs MuJoCo, which does not load with MUJOCO_GL={os.environ.get('MUJOCO_GL', '')!r}: "
            f"{broken}. Unset MUJOCO_GL, or install what it asks for: apt install libegl1 libgl1-mesa-dri (egl), "
            "apt install libosmesa6 (osmesa)"
        ) from broken
    module: ModuleType = mujoco
    return module


def open_context() -> GLContext:
    """A fresh OpenGL context without a screen, made current.

    Raises:
        SimulatorError: Neither EGL nor OSMesa works here; the message names the packages that bring them.
    """
    load_mujoco()
    # Software drawing in this thread alone: processes share a machine better than threads do, and a fork stays sound.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        context = _osmesa() if _wants_osmesa() else _egl()
        context.make_current()
    except (ImportError, AttributeError, OSError, RuntimeError) as broken:
        raise SimulatorError(
            f"tabletop: its camera cannot draw on this machine: {broken}. It draws without a screen through EGL "
            "(Debian, Ubuntu: apt install libegl1 libgl1-mesa-dri) or OSMesa (apt install libosmesa6, and set "
            "MUJOCO_GL=osmesa)"
        ) from broken
    return context


def _wants_osmesa() -> bool:
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    if asked in ("egl", "osmesa"):
        return asked == "osmesa"
    return not _loads(_EGL) and _loads(_OSMESA)


def _loads(names: tuple[str, ...]) -> bool:
    """Whether one of these shared libraries is there."""
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _egl() -> GLContext:
    if not _loads(_EGL):
        raise OSError(f"no {_EGL[0]}")
    from mujoco import egl

    context: GLContext = egl.GLContext(1, 1)
    return context


def _osmesa() -> GLContext:
    if not _loads(_OSMESA):
        raise OSError(f"no {_OSMESA[0]}")
    from mujoco import osmesa

    context: GLContext = osmesa.GLContext(1024, 1024)
    return context
