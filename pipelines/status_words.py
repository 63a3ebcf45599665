"""How is a status told? As a few lines for people, as one value for machines."""

import time
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.sizes import counted, in_bytes
from pipelines.status_stages import BEGUN, DAMAGED, DONE, OPEN, STALE, WORKING, StageStatus, Status
from pipelines.terminal import shown

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {DONE: "green", STALE: "yellow", WORKING: "cyan", BEGUN: "yellow", DAMAGED: "red", OPEN: "dim"}
_FOUND = 90  # characters of what a stage says of its result
_KEY = 8  # digits of a key that are shown


def show(status: Status) -> "RenderableType":
    """What there is, for people; `tell` says the rest."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 2))
    head.add_row(Text(status.what, style="bold"), Text(shown(status.folder)))
    for name, told in status.about.items():
        head.add_row(name, Text(told))
    stages = Table.grid(padding=(0, 2))
    for stage in status.stages:
        style = _STYLES[stage.state]
        stages.add_row(stage.stage, Text(stage.state, style=style), Text(_when(stage)), Text(_told(stage)))
    return Group(head, Text(), stages)


def tell(status: Status) -> str:
    """What is to be known of it, and what goes on with it; whole lines, so that commands can be copied."""
    lines = [f"published {one.on[:10]} ({one.visibility}): {one.url} commit {one.commit}" for one in status.published]
    lines += status.notes
    if status.working is not None:
        lines.append(
            f"{status.working} is at work on it; stopped, it goes on from there when its command is given again"
        )
    elif status.next:
        lines += ["next:", *(f"  {command}" for command in status.next)]
    return "\n".join(["", *lines])


def to_json(status: Status) -> dict[str, Any]:
    """A status for machines."""
    return {
        "folder": str(status.folder),
        "what": status.what,
        "about": dict(status.about),
        "working": None if status.working is None else asdict(status.working),
        "stages": [asdict(stage) for stage in status.stages],
        "notes": list(status.notes),
        "published": [asdict(one) for one in status.published],
        "next": list(status.next),
    }


def _when(stage: StageStatus) -> str:
    """How long it took and when it was done; while it is worked on, for how long it has been."""
    if stage.holder is not None:
        since_s = stage.holder.since_s
        return "" if since_s is None else f"for {_minutes(max(0.0, time.time() - since_s))}"
    took = "" if stage.seconds is None else _minutes(stage.seconds)
    return ", ".join(part for part in (took, _day(stage.ended)) if part)


def _told(stage: StageStatus) -> str:
    """What it found, why it is not what it should be, and what names it."""
    holder = "" if stage.holder is None else str(stage.holder)
    found = stage.found if len(stage.found) <= _FOUND else f"{stage.found[: _FOUND - 4].rsplit(' ', 1)[0]} ..."
    told = "; ".join(part for part in (holder, stage.why, found) if part)
    names = [stage.key[:_KEY], in_bytes(stage.size)] if stage.key else []
    names += [f"{counted(stage.earlier, 'other result')} kept"] if stage.earlier else []
    return f"{told}  ({', '.join(names)})" if names else told


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _day(moment: str) -> str:
    """A moment in the user's own time; "" where there is none."""
    try:
        return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return ""
