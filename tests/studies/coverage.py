"""How often do intervals of "95 %" hold the truth, and find an effect of the size they call detectable?

    python tests/studies/coverage.py docs/results/coverage.json [--repetitions 2500]

Run by hand: five minutes of one core, the same figures every time. Beside each setting stands what the mistake that
verdicts are guarded against would have given: windows resampled as if each were news of its own.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import MISSING, asdict, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy

sys.path.insert(0, str(Path(__file__).parents[1]))

from studies.simulated import (
    DOMINATED,
    HEAVY,
    LOPSIDED,
    NORMAL,
    UNEQUAL,
    VERY_LOPSIDED,
    Found,
    Setting,
    share_interval,
    simulate,
)

from adapt.evaluate.bootstrap import Bootstrap
from adapt.evaluate.record import TOO_FEW, TOO_FEW_SEEDS

BOOTSTRAP = Bootstrap(resamples=500)
DEFAULTS = {field.name: field.default for field in fields(Setting)}
SHAPES = (NORMAL, HEAVY, LOPSIDED)
SESSIONS = {6: (1, 2, 4, 6), 8: (1, 4, 8), 12: (1, 2, 4, 10), 24: (1, 2, 3, 4, 5, 6, 10), 48: (1, 2, 4, 6, 10)}


def one_training() -> Iterator[Setting]:
    """One trained model judged, by windows, sessions, their correlation and the shape of what is drawn."""
    for windows, shape in product(SESSIONS, SHAPES):
        for sessions in SESSIONS[windows]:
            # Within the sessions at hand their own differences cancel, whatever they are.
            correlations = (0.3,) if sessions < 4 else (0.0, 0.8) if sessions == windows else (0.0, 0.3, 0.8)
            for correlation in correlations:
                yield Setting(windows=windows, sessions=sessions, correlation=correlation, shape=shape)


def several_trainings() -> Iterator[Setting]:
    """Several seeds, from no to large differences between trainings."""
    few = Setting(windows=24, sessions=6, correlation=0.3, noise=0.5, seeds=2)
    yield few
    yield replace(few, seed_spread=1.0)
    for (windows, sessions), seeds, spread in product(((24, 2), (24, 6)), (3, 5, 8), (0.0, 0.3, 1.0, 3.0)):
        for shape in (NORMAL, LOPSIDED):
            yield Setting(
                windows=windows,
                sessions=sessions,
                correlation=0.3,
                seeds=seeds,
                seed_spread=spread,
                noise=0.5,
                shape=shape,
            )


def awkward() -> Iterator[Setting]:
    """Sessions of unequal length, very lopsided differences, windows that are alike because they are near in time."""
    for (windows, sessions), sizes, correlation in product(
        ((24, 4), (24, 6), (48, 10)), (UNEQUAL, DOMINATED), (0.0, 0.8)
    ):
        for shape in (NORMAL, LOPSIDED):
            yield Setting(windows=windows, sessions=sessions, correlation=correlation, shape=shape, sizes=sizes)
    for windows, sessions in ((6, 1), (8, 1), (24, 1), (24, 2), (24, 4), (24, 6), (48, 10)):
        yield Setting(windows=windows, sessions=sessions, correlation=0.3, shape=VERY_LOPSIDED)
    for windows, sessions in ((8, 1), (24, 2), (48, 3)):
        yield Setting(windows=windows, sessions=sessions, correlation=0.3, drifting=True)


def row(setting: Setting, found: Found, repetitions: int) -> dict[str, Any]:
    """One setting as it stands in the record."""
    low, high = share_interval(found.covered, repetitions)
    refused = found.word if found.word in (TOO_FEW, TOO_FEW_SEEDS) else ""
    return {
        **{name: value for name, value in asdict(setting).items() if value != DEFAULTS.get(name)},
        "interval over": found.clustered_by,
        "verdict": f"refused: {refused}" if refused else "given",
        "covered": round(found.covered, 4),
        "covered, 95 % limits of the simulation": [round(low, 4), round(high, 4)],
        "false gains": round(found.false_gain, 4),
        "false losses": round(found.false_loss, 4),
        "covered if windows were resampled alone": round(found.covered_windows_alone, 4),
        "width, in spreads of the mean": round(found.width, 2),
        "detectable, in spreads of a window": round(found.detectable, 3),
        "found an effect of that size": round(found.power, 4),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The worst and the usual of all settings in which a verdict is given."""
    given = [item for item in rows if item["verdict"] == "given"]
    worst = min(given, key=lambda item: item["covered"])
    shares = {
        name: [item[name] for item in given] for name in ("covered", "false gains", "found an effect of that size")
    }
    alone = "covered if windows were resampled alone"
    return {
        "settings": len(rows),
        "settings in which a verdict is given": len(given),
        "covered, least": worst["covered"],
        "covered, median": float(np.median(shares["covered"])),
        "settings that covered less than 93 %": sum(share < 0.93 for share in shares["covered"]),
        "false gains, most": max(shares["false gains"]),
        "found an effect of the detectable size, least": min(shares["found an effect of that size"]),
        "found an effect of the detectable size, median": float(np.median(shares["found an effect of that size"])),
        "covered if windows were resampled alone, least": min(item[alone] for item in given),
    }


def main(target: Path, repetitions: int) -> None:
    """Simulate every setting and write it down."""
    started = time.process_time()
    rows = []
    for number, setting in enumerate([*one_training(), *several_trainings(), *awkward()]):
        found = simulate(setting, repetitions, BOOTSTRAP, number)
        rows.append(row(setting, found, repetitions))
        told = f"{number:4d} {found.covered:.3f} {found.power:.3f} {setting}"
        sys.stderr.write(told + "\n")
    record = {
        "what": "share of simulated repetitions in which the interval of a paired difference holds the truth, and in "
        "which an effect of the size called detectable is found; nominal 0.95 and 0.80",
        "command": f"python tests/studies/coverage.py {target} --repetitions {repetitions}",
        "commit": "the intervals are those of the commit that brings this file",
        "hardware": {"cores used": 1, "machine": platform.machine(), "cores": os.cpu_count()},
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
        "minutes of one core": round((time.process_time() - started) / 60, 1),
        "repetitions a setting": repetitions,
        "resamples an interval": BOOTSTRAP.resamples,
        "nominal": BOOTSTRAP.confidence,
        "unless a setting says otherwise": {
            name: value for name, value in DEFAULTS.items() if not isinstance(value, type(MISSING))
        },
        "summary": summary(rows),
        "settings": rows,
    }
    target.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--repetitions", type=int, default=2500)
    arguments = parser.parse_args()
    main(arguments.target, arguments.repetitions)
