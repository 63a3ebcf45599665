"""What did every contender score on every window? Tables by measure, turned over."""

import math
from collections.abc import Mapping, Sequence

import torch

from adapt.evaluate import retention
from adapt.evaluate.actions import OVERALL
from adapt.evaluate.held_out import HeldOut
from adapt.evaluate.record import WindowErrors
from adapt.evaluate.rungs import Labelled
from adapt.evaluate.tables import Errors, window_errors
from adapt.evaluate.video import VideoScore

# Of these the first chunk counts: it is what acting uses.
_FIRST_CHUNK = (OVERALL, retention.ACTION)


def held_out_errors(
    held_out: Sequence[HeldOut], video: VideoScore, labelled: Labelled | None
) -> tuple[WindowErrors, ...]:
    """The errors of held-out windows: of their video, and of their actions where they have any."""
    tables: dict[str, Mapping[str, Errors]] = dict(video.errors)
    if labelled is not None:
        row_of = {place: row for row, place in enumerate(labelled.places)}
        gap = torch.full((1,), math.nan)
        tables[OVERALL] = {
            name: [rows[row_of[place]] if place in row_of else gap for place in range(len(held_out))]
            for name, rows in labelled.score.errors.items()
        }
    return by_window([(item.window.window_id, item.window.session) for item in held_out], tables)


def by_window(names: Sequence[tuple[str, str]], tables: Mapping[str, Mapping[str, Errors]]) -> tuple[WindowErrors, ...]:
    """Turn tables over.

    Args:
        names: Id and session of each window.
        tables: By measure and contender, for each window one number a chunk.

    Returns:
        One record a window, one number a contender; what is not finite is left out.
    """
    values = {
        id_: {name: window_errors(rows, first_chunk=id_ in _FIRST_CHUNK) for name, rows in table.items()}
        for id_, table in tables.items()
    }
    found = []
    for place, (window_id, session) in enumerate(names):
        rows = {
            id_: {name: column[place] for name, column in table.items() if math.isfinite(column[place])}
            for id_, table in values.items()
        }
        errors = {id_: row for id_, row in rows.items() if row}
        found.append(WindowErrors(window_id=window_id, session=session, errors=errors))
    return tuple(found)
