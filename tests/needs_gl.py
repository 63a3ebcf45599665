"""A mark for tests that draw: they are skipped, saying so, where nothing can be drawn."""

import pytest

from adapt.errors import SimulatorError
from adapt.sim.camera import Camera


def _why_not() -> str:
    """Why no camera can be opened here; empty when one can."""
    try:
        Camera(8).close()
    except SimulatorError as refused:
        return f"needs MuJoCo and OpenGL without a screen: {refused}"
    return ""


_REASON = _why_not()
needs_gl = pytest.mark.skipif(bool(_REASON), reason=_REASON or "it can draw")
