"""What does it look like? What happened in an episode beside what was imagined, as a film and on one sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

_PANEL_PX = 320  # side of a picture in a film
_CELL_PX = 128  # and on a sheet
_GAP_PX = 8
_HEAD_PX, _FOOT_PX = 58, 30
_SIDE_PX = 150  # for words at the left of a sheet
_PAPER, _INK, _FAINT, _GOOD, _BAD = (255, 255, 255), (25, 25, 28), (110, 110, 116), (20, 120, 60), (170, 40, 40)
_LAST_LOOK = 5  # how often a film's last picture is shown, so that the end can be read


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """One moment of an episode."""

    time_s: float
    ahead_s: float  # how long before it the policy looked last
    real: UInt8[Tensor, "h w 3"]
    foreseen: UInt8[Tensor, "h2 w2 3"] | None  # this moment as it was expected at that look; None for no expectation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rollout:
    """An episode to be shown, moments in order of time."""

    instruction: str
    success: bool
    shots: tuple[Shot, ...]
    foreseen: str = "imagined"  # what the other pictures are, in a word


def draw_rollout(rollout: Rollout) -> UInt8[Tensor, "t h w 3"]:
    """The frames of a film: the scene, beside it the foreseen one, and words that say which is which."""
    frames = [_draw_shot(rollout, shot, last=shot is rollout.shots[-1]) for shot in rollout.shots]
    return torch.stack([*frames, *frames[-1:] * _LAST_LOOK])


def draw_sheet(rollouts: Sequence[Rollout], *, columns: int = 11) -> UInt8[Tensor, "_h _w 3"]:
    """All episodes on one picture: for each a row of what happened and, below it, one of what was foreseen.

    Args:
        rollouts: At least one.
        columns: Moments of each that are shown, about evenly apart, first and last among them. Where something is
            foreseen the others are the last ones before the policy looks again, when it is hardest to be right.
    """
    rows = [_draw_rows(rollout, columns) for rollout in rollouts]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, _GAP_PX), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return torch.from_numpy(np.concatenate(padded))


def pick_shots(shots: Sequence[Shot], columns: int) -> list[Shot]:
    """So many moments at most, as `draw_sheet` shows them."""
    kept = list(shots)
    if any(shot.foreseen is not None for shot in shots):
        pairs = zip(shots, [*shots[1:], None], strict=True)
        kept = [shot for shot, then in pairs if shot is shots[0] or then is None or then.ahead_s <= shot.ahead_s]
    picked = np.unique(np.linspace(0, len(kept) - 1, min(columns, len(kept))).round().astype(int))
    return [kept[index] for index in picked]


def _draw_shot(rollout: Rollout, shot: Shot, *, last: bool) -> UInt8[Tensor, "h w 3"]:
    panels = [("what happened", shot.real)]
    if shot.foreseen is not None:
        ahead = f"{rollout.foreseen} {shot.ahead_s:.1f} s ahead" if shot.ahead_s > 0 else "as the model sees it"
        panels.append((ahead, shot.foreseen))
    width = len(panels) * (_PANEL_PX + _GAP_PX) + _GAP_PX
    picture, pen = _paper(width, _HEAD_PX + _PANEL_PX + _FOOT_PX)
    pen.text((_GAP_PX, 6), rollout.instruction, fill=_INK, font=_font(20))
    for place, (title, panel) in enumerate(panels):
        left = _GAP_PX + place * (_PANEL_PX + _GAP_PX)
        pen.text((left, 34), title, fill=_FAINT, font=_font(16))
        picture.paste(_scaled(panel, _PANEL_PX), (left, _HEAD_PX))
    end = _HEAD_PX + _PANEL_PX + 6
    pen.text((_GAP_PX, end), f"{shot.time_s:.1f} s", fill=_FAINT, font=_font(16))
    if last:
        word, colour = _verdict(rollout)
        pen.text((_GAP_PX + 70, end), word, fill=colour, font=_font(16))
    return torch.from_numpy(np.array(picture))


def _draw_rows(rollout: Rollout, columns: int) -> NDArray[np.uint8]:
    """One episode on a sheet."""
    shots = pick_shots(rollout.shots, columns)
    foresees = any(shot.foreseen is not None for shot in shots)
    rows = 2 if foresees else 1
    picture, pen = _paper(_SIDE_PX + len(shots) * (_CELL_PX + 4), 46 + rows * (_CELL_PX + 4))
    word, colour = _verdict(rollout)
    pen.text((6, 4), rollout.instruction, fill=_INK, font=_font(18))
    pen.text((_SIDE_PX + 260, 5), word, fill=colour, font=_font(16))
    for row, title in enumerate(("what happened", rollout.foreseen)[:rows]):
        pen.text((6, 46 + row * (_CELL_PX + 4) + _CELL_PX // 2 - 8), title, fill=_FAINT, font=_font(16))
    for column, shot in enumerate(shots):
        left = _SIDE_PX + column * (_CELL_PX + 4)
        pen.text((left, 27), _moment(shot, told=foresees), fill=_FAINT, font=_font(13))
        for row, panel in enumerate((shot.real, shot.foreseen)):
            if panel is not None:
                picture.paste(_scaled(panel, _CELL_PX), (left, 46 + row * (_CELL_PX + 4)))
    return np.array(picture)


def _moment(shot: Shot, *, told: bool) -> str:
    return f"{shot.time_s:.1f} s" + (f" ({shot.ahead_s:.1f} s ahead)" if told and shot.ahead_s > 0 else "")


def _verdict(rollout: Rollout) -> tuple[str, tuple[int, int, int]]:
    return ("done", _GOOD) if rollout.success else ("not done", _BAD)


def _paper(width: int, height: int) -> tuple[Any, Any]:
    """An empty picture, and what writes on it."""
    from PIL import Image, ImageDraw

    # Even sides, as video wants them.
    picture = Image.new("RGB", (width + width % 2, height + height % 2), _PAPER)
    return picture, ImageDraw.Draw(picture)


def _scaled(panel: UInt8[Tensor, "h w 3"], side: int) -> Any:
    """Enlarged so that pixels stay pixels, shrunk so that none is lost."""
    from PIL import Image

    picture = Image.fromarray(panel.numpy())
    grows = picture.width <= side
    return picture.resize((side, side), Image.Resampling.NEAREST if grows else Image.Resampling.BOX)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
