"""What is published of the studies in closed loop? One file, a part a study, each figure under a name of its own.

`r1` is what video alone taught, `r2` what play taught a new robot, `sweeps` are curves by the name of their plan.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapt.errors import DataError
from adapt.evaluate.closed_loop_arms import ADAPTED, BASE, MAIN_GAIN
from adapt.evaluate.closed_loop_record import PLAY, VIDEO, ArmRate, ClosedLoopRecord, Gain, Share, Table
from adapt.evaluate.plain import rounded
from adapt.evaluate.schema import find_problem, read_schema
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import parse_json

FORMAT = 1
SCHEMA = "tabletop_schema.json"
PARTS: Mapping[str, str] = {VIDEO: "r1", PLAY: "r2"}
_ABOUT = (
    "closed-loop success on the simulated tabletop: share of episodes, each with its 95 % interval over trainings and "
    "episodes; n different episodes, the same in all arms, acted in by every training (seeds)"
)


def publish(path: Path, record: ClosedLoopRecord) -> dict[str, Any]:
    """Put a study's figures into the file, in the place of an earlier one of the same plan; the rest stays.

    Args:
        path: Such as docs/results/tabletop.json; made where it is not there.
        record: The study, with every arm and seed of its plan.

    Returns:
        What the file then holds.

    Raises:
        DataError: What is there is no such file.
    """
    value = read(path) if path.is_file() else {}
    part = as_part(record)
    if record.claim in PARTS:
        value[PARTS[record.claim]] = part
    else:
        value["sweeps"] = {**value.get("sweeps", {}), record.plan: part}
    value = _with_head(value)
    check(value, str(path))
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    return value


def read(path: Path) -> dict[str, Any]:
    """The file's value.

    Raises:
        DataError: It cannot be read, or breaks the schema.
    """
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); name another file with --record.") from error
    check(value, str(path))
    return dict(value)


def check(value: Mapping[str, Any], where: str) -> None:
    """Refuse what is not such a file.

    Raises:
        DataError: The first field that breaks the schema.
    """
    if problem := find_problem(value, read_schema(SCHEMA), where):
        raise DataError(f"{problem}. Name another file with --record, or let the studies write it anew.")


def as_part(record: ClosedLoopRecord) -> dict[str, Any]:
    """One study as the file has it."""
    first, gain = record.first, record.main_gain()
    kept = _retention(record.tables)
    value: dict[str, Any] = {
        "plan": record.plan,
        "fingerprint": record.fingerprint,
        "base_model": record.base,
        "base_revision": record.base_revision,
        "verdict": record.verdict,
        "summary": record.summary,
        "findings": list(record.findings),
        "head": first.head,
        "tasks": first.tasks,
        "body": first.body,
        "condition": first.condition,
        "n": record.episodes,
        "seeds": list(record.seeds),
        "trials": record.trial_count,
        "target_gain": record.target,
        "target_reached": gain is not None and gain.mid >= record.target and gain.low > 0,
        "command": record.made.command,
        "commit": record.made.commit,
        "minutes": record.made.minutes,
        "hardware": dict(record.made.hardware),
        "data": dict(record.data),
        **_arms(first),
        **{_gain_name(item): _gain(item) for item in first.gains},
        "tables": [_table(table) for table in record.tables[1:]],
        "tried": [
            {
                "fingerprint": item.fingerprint,
                "why": item.why,
                "changed": list(item.changed),
                "finished": item.finished,
                "verdict": item.verdict,
                "found": dict(item.found),
            }
            for item in record.tried
        ],
    }
    if record.claim == PLAY:
        value |= {"retention": None if kept is None else kept.mid, "retention_interval": _share(kept)}
    return dict(rounded(value))


def _retention(tables: Sequence[Table]) -> Share | None:
    """What the arm in question keeps of the base's tasks, under the condition that the study was made for."""
    for table in tables:
        for share in table.shares:
            if (share.arm, share.of) == (ADAPTED, BASE) and table.condition == tables[0].condition:
                return share
    return None


def _with_head(value: Mapping[str, Any]) -> dict[str, Any]:
    """The file with what holds for all of it at its top."""
    parts = [value[name] for name in ("r1", "r2") if name in value]
    everything = [*parts, *value.get("sweeps", {}).values()]
    leading = everything[0]
    head = {
        "format": FORMAT,
        "what": _ABOUT,
        "n": leading["n"],
        "seeds": leading["seeds"],
        "command": leading["command"],
        "commit": leading["commit"],
        "minutes": round(sum(part["minutes"] for part in everything), 1),
        "trials": sum(part["trials"] for part in everything),
    }
    order = ("r1", "r2", "sweeps")
    return {**head, **{name: value[name] for name in order if name in value}}


def _arms(table: Table) -> dict[str, Any]:
    return {arm.name: _arm(arm) for arm in table.arms}


def _arm(arm: ArmRate) -> dict[str, Any]:
    return {
        "success": arm.success,
        "low": arm.low,
        "high": arm.high,
        "progress": arm.progress,
        "by_seed": list(arm.by_seed),
        "n": arm.episodes,
        "seeds": arm.seeds,
        "as_shown": arm.as_shown,
    }


def _gain_name(gain: Gain) -> str:
    """Of the arm in question "gain_over_control", of others "shuffled_gain_over_control"."""
    return f"gain_over_{gain.against}" if gain.arm == ADAPTED else f"{gain.arm}_gain_over_{gain.against}"


def _gain(gain: Gain) -> dict[str, Any]:
    return {
        "low": gain.low,
        "mid": gain.mid,
        "high": gain.high,
        "detectable": gain.detectable,
        "verdict": gain.verdict,
    }


def _share(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else {"low": share.low, "mid": share.mid, "high": share.high}


def _table(table: Table) -> dict[str, Any]:
    return {
        "condition": table.condition,
        "head": table.head,
        "tasks": table.tasks,
        "body": table.body,
        "arms": _arms(table),
        "gains": {_gain_name(item): _gain(item) for item in table.gains},
        "kept": {f"{share.arm}_of_{share.of}": _share(share) for share in table.shares},
    }


def main_gain_name(claim: str) -> str:
    """The key of the gain that a study of a kind is made for: "gain_over_control"."""
    return f"gain_over_{MAIN_GAIN[claim][1]}"
