"""What every target stands on: a bound on memory, a folder of its own, and a count of what was tried."""

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz.hostile import ASKED, COUNTS

ROOM_BYTES = 4 * 2**30  # of addresses, beside what libraries hold already: more than any real input needs
GROWTH_BYTES = 600 * 2**20  # of memory in a whole test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nobody waits for a hundred thousand inputs in vain: each one has a time of its own."""
    for item in items:
        if ASKED and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(0))


def pytest_sessionfinish() -> None:
    """Leave the counts where whoever records them asked for them."""
    if place := os.environ.get("WAM_ADAPT_FUZZ_COUNTS"):
        Path(place).write_text(json.dumps(COUNTS))


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """Refuse memory that an input only claims to need; and see that little was in use at any time."""
    status = Path("/proc/self/status")
    if not status.is_file():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_held(status, "VmSize") + ROOM_BYTES, hard))
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far
    before = _held(status, "VmRSS")
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert _held(status, "VmHWM") - before < GROWTH_BYTES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The only folder in which anything may be written."""
    place = tmp_path / "here"
    place.mkdir()
    return place


def _held(status: Path, what: str) -> int:
    (line,) = [line for line in status.read_text().splitlines() if line.startswith(f"{what}:")]
    return 1024 * int(line.split()[1])
