"""One tabletop and one camera for all tests of the simulator: making them costs more than using them."""

from collections.abc import Iterator

import pytest

from adapt.sim.camera import Camera
from adapt.sim.tabletop import Tabletop


@pytest.fixture(scope="session")
def tabletop() -> Iterator[Tabletop]:
    """A tabletop; every test resets it."""
    with Tabletop() as opened:
        yield opened


@pytest.fixture(scope="session")
def camera() -> Iterator[Camera]:
    """A camera of 64 px; its tests are marked `needs_gl`."""
    with Camera(64) as opened:
        yield opened
