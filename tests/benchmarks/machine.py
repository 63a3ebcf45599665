"""On what, and of what, was a benchmark made?"""

import os
import platform
import subprocess
from pathlib import Path


def hardware() -> dict[str, str | int | None]:
    """The processor's name, and how many cores there are."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {"cpu": next(names, platform.machine()), "cores": os.cpu_count()}


def commit() -> str:
    """The commit that was measured, or "uncommitted"."""
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else "uncommitted"
