"""Where did the judged model come from? Words for a person who wants to make it again, or to doubt it."""

from collections.abc import Iterator, Mapping

from adapt.report.facts import Provenance, ReportFacts
from adapt.report.measured import Table
from adapt.report.numbers import count

Rows = list[tuple[str, str]]


def origin_rows(facts: ReportFacts) -> Rows:
    """Base, data, what was held out: as many as are known."""
    subject = facts.evaluation or facts.study
    assert subject is not None
    rows = [("base", f"{subject.base}, revision {subject.base_revision}"), ("body", subject.body)]
    if facts.provenance is not None:
        rows += _taught(facts.provenance)
    else:
        rows.append(("data", "not recorded in this report"))
    return rows


def origin_tables(facts: ReportFacts) -> list[Table]:
    """Settings, versions and keys, for those who open the fold."""
    subject = facts.evaluation or facts.study
    assert subject is not None
    tables = [_table("How it was judged", "setting", subject.settings)]
    if (origin := facts.provenance) is not None:
        tables.append(_table("Recipe", "setting", origin.recipe))
        tables.append(_table("Versions", "of", origin.versions))
        tables.append(_table("Stages of the run", "stage", origin.stages))
    return [table for table in tables if table.rows]


def _taught(origin: Provenance) -> Rows:
    windows = origin.windows
    left_out = count(windows.get("rejected", 0), "window")
    rows = [
        ("data", origin.source),
        ("trained with", f"{count(windows.get('train', 0), 'window')}, {_minutes(origin.training_minutes)}"),
        ("held out", count(windows.get("validation", 0), "window")),
        ("recording sessions", str(origin.sessions)),
        ("left out", f"{left_out}: {_counted(origin.rejections)}" if origin.rejections else left_out),
        ("action labels", _counted(origin.labels) or "none"),
        ("replay", origin.replay),
    ]
    return [*rows, ("what was trained", origin.trained)] if origin.trained else rows


def _table(title: str, what: str, values: Mapping[str, object]) -> Table:
    return Table(title=title, head=(what, "value"), rows=[(name, _plain(value)) for name, value in _flat(values)])


def _flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Settings inside settings, by their dotted names."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return "none" if value is None else str(value)


def _minutes(minutes: float) -> str:
    return f"{minutes * 60:.0f} seconds" if minutes < 1 else f"{minutes:.1f} minutes"


def _counted(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} ({amount})" for reason, amount in sorted(amounts.items()))
