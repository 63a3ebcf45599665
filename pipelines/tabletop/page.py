"""What does the page of a study on the tabletop say? Read from its record; the page itself is `adapt.report`'s."""

from pathlib import Path

from adapt.evaluate.closed_loop_record import ClosedLoopRecord
from adapt.report.facts import Pictures, ReportFacts
from adapt.report.page import NAME, write_report


def write_page(folder: Path, record: ClosedLoopRecord, pictures: Pictures | None = None) -> Path:
    """Write report.html into a study's folder, with pictures of the arms where there are any; the page."""
    return write_report(folder / NAME, ReportFacts(evaluation=None, closed_loop=record, pictures=pictures))
