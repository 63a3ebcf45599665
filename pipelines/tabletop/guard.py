"""Was the plan there before the results? It is written down before anything is trained, and kept to.

OUT/plans/NAME/plan.json   the plan, what names it, and every earlier one of its name under which episodes were run
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapt.errors import RunError
from adapt.evaluate.closed_loop_record import Tried
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import in_short, parse_object
from adapt.runs.fingerprint import fingerprint
from adapt.runs.typed import find_misfit
from pipelines.encode import base_fingerprint
from pipelines.strict import to_plain
from pipelines.tabletop.plan import plan_fingerprint
from pipelines.tabletop.settings import TabletopConfig

NAME = "plan.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A plan as it was written down."""

    fingerprint: str  # of plan and base
    plan: Mapping[str, Any]
    base: str  # fingerprint of the base's weights
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a study has come under the plan that is written down."""

    trials: int  # of trained policies that are done
    of: int
    verdict: str = ""
    found: Mapping[str, float] | None = None


def fingerprint_of(config: TabletopConfig) -> str:
    """Names a plan together with the weights it begins from."""
    return fingerprint([plan_fingerprint(config), base_fingerprint(config.base)])[:16]


def write_plan(home: Path, config: TabletopConfig, standing: Standing, *, anew: str | None) -> Written:
    """Write a plan down, or find that it is the one that is written down.

    Args:
        home: OUT/plans/NAME.
        config: The plan.
        standing: How far the one before has come.
        anew: Why the one before is given up; None where it is not.

    Returns:
        What stands there now.

    Raises:
        RunError: Another plan is written down, and episodes have been run under it.
    """
    path = home / NAME
    before = read_plan(home)
    name = fingerprint_of(config)
    if before is not None and before.fingerprint == name:
        return before
    plain, base = to_plain(config), base_fingerprint(config.base)
    tried = () if before is None else before.tried
    if before is not None and standing.trials:
        changed = differences(before.plan, plain)
        if before.base != base:
            changed.append("the base's weights")
        if anew is None:
            raise RunError(
                f"{path}: {standing.trials} trials of {standing.of} were run under another plan; changed: "
                f"{', '.join(changed)}. A plan is made before its results: go back to it, or begin anew and say why "
                "with --anew 'REASON', which is recorded with what had been found."
            )
        finished = "all" if standing.trials == standing.of else f"{standing.trials} of {standing.of} trials"
        given_up = Tried(
            fingerprint=before.fingerprint,
            why=anew,
            changed=tuple(changed),
            finished=finished,
            verdict=standing.verdict,
            found=standing.found or {},
        )
        tried = (*tried, given_up)
    written = Written(fingerprint=name, plan=plain, base=base, tried=tried)
    home.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps({"format": FORMAT, **asdict(written)}, indent=1, sort_keys=True) + "\n")
    return written


def read_plan(home: Path) -> Written | None:
    """What is written down; None where nothing is.

    Raises:
        RunError: It is damaged.
    """
    path = home / NAME
    if not path.is_file():
        return None
    try:
        value = parse_object(path.read_text(encoding="utf-8"))
        tried = tuple(Tried(**{**item, "changed": tuple(item["changed"])}) for item in value["tried"])
        written = Written(fingerprint=value["fingerprint"], plan=value["plan"], base=value["base"], tried=tried)
        if problem := find_misfit(written, Written, "the plan"):
            raise ValueError(problem)
        return written
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged ({in_short(error)}); put it back from a copy: it tells which plan was there before the "
            "results"
        ) from error


def differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The keys in which two plans differ, with both values."""
    found = []
    for key in sorted({*one, *other}):
        before, after = one.get(key), other.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix}{key} {_short(before)} -> {_short(after)}")
    return found


def _short(value: Any) -> str:
    return "nothing" if value is None else str(value)[:60]
