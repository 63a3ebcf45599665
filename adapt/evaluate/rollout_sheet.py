"""How do several policies act in the same scenes? For each a row of what happened, and one of what was foreseen."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from adapt.evaluate.rollout_film import Rollout, pick_shots

CELL_PX = 96  # side of a picture
COLUMNS = 11  # moments of an episode
GAP_PX = 2
_SIDE_PX = 190  # for words at the left
_NAME_LETTERS = 21  # of a policy's name on a line
_TOP_PX, _CAPTION_PX = 58, 36
_TAKE_GAP_PX, _SCENE_GAP_PX, _MARGIN_PX = 10, 26, 14
_PAPER, _INK, _FAINT, _GOOD, _BAD = (255, 255, 255), (25, 25, 28), (110, 110, 116), (20, 120, 60), (170, 40, 40)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """One policy in one scene, small.

    Attributes:
        times_s: Of its moments, from the beginning of the episode.
        cells: The first row is what happened; the second, where there is one, what was foreseen of that moment.
    """

    times_s: tuple[float, ...]
    cells: UInt8[Tensor, "r n s s 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Take:
    """How one policy did in a scene.

    Attributes:
        who: The policy, as a person calls it.
        success: Whether it did what it was told.
        strip: What it looked like; None where there is nothing to show.
        foreseen: What the second row is, in a word.
        note: Why there is nothing to show.
    """

    who: str
    success: bool
    strip: Strip | None
    foreseen: str = "imagined"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """An episode that all policies met, and how each did."""

    instruction: str
    takes: tuple[Take, ...]

    @property
    def times_s(self) -> tuple[float, ...]:
        """Of the moments shown; empty where they are not the same for all."""
        times = {take.strip.times_s for take in self.takes if take.strip is not None}
        return times.pop() if len(times) == 1 else ()


def cut_strip(rollout: Rollout, *, columns: int = COLUMNS) -> Strip:
    """An episode made small: those moments that `draw_sheet` would show.

    Args:
        rollout: The episode.
        columns: Moments at most.
    """
    shots = pick_shots(rollout.shots, columns)
    rows = [[_cell(shot.real) for shot in shots]]
    foreseen = [_cell(shot.foreseen) for shot in shots if shot.foreseen is not None]
    if len(foreseen) == len(shots):
        rows.append(foreseen)
    return Strip(times_s=tuple(shot.time_s for shot in shots), cells=torch.stack([torch.stack(row) for row in rows]))


def join_cells(strip: Strip) -> UInt8[Tensor, "h w 3"]:
    """All cells as one picture without gaps, to be kept in a file."""
    rows, columns, side = strip.cells.shape[:3]
    return strip.cells.permute(0, 2, 1, 3, 4).reshape(rows * side, columns * side, 3)


def part_cells(picture: UInt8[Tensor, "h w 3"], times_s: Sequence[float]) -> Strip:
    """The strip of which `join_cells` made a picture.

    Args:
        picture: One or two rows of square cells.
        times_s: Of its moments: as many as there are cells in a row.

    Raises:
        ValueError: The picture does not hold whole rows of so many cells.
    """
    height, width = picture.shape[:2]
    columns = len(times_s)
    side = width // max(1, columns)
    if not side or width != columns * side or height not in (side, 2 * side):
        raise ValueError(f"a picture of {width} by {height} pixels does not hold rows of {columns} square cells")
    cells = picture.reshape(height // side, side, columns, side, 3).permute(0, 2, 1, 3, 4)
    return Strip(times_s=tuple(times_s), cells=cells.contiguous())


def draw_scenes(scenes: Sequence[Scene], caption: str = "") -> UInt8[Tensor, "_h _w 3"]:
    """All scenes on one sheet, one below the other; in each a block of one or two rows for every policy.

    Args:
        scenes: At least one, with at least one take each.
        caption: One line above all.
    """
    from PIL import Image, ImageDraw

    most = max((len(take.strip.times_s) for scene in scenes for take in scene.takes if take.strip), default=COLUMNS)
    width = _SIDE_PX + most * (CELL_PX + GAP_PX) + 2 * _MARGIN_PX
    above = _CAPTION_PX if caption else 0
    height = 2 * _MARGIN_PX + above + sum(_height(scene) for scene in scenes)
    picture = Image.new("RGB", (width, height), _PAPER)
    pen, top = ImageDraw.Draw(picture), _MARGIN_PX + above
    pen.text((_MARGIN_PX, _MARGIN_PX), caption, fill=_FAINT, font=_font(16))
    for number, scene in enumerate(scenes, start=1):
        _draw_scene(picture, pen, top, number, scene)
        top += _height(scene)
    return torch.from_numpy(np.array(picture))


def _draw_scene(picture: Any, pen: Any, top: int, number: int, scene: Scene) -> None:
    from PIL import Image

    pen.text((_MARGIN_PX, top), f"{number}. {scene.instruction}", fill=_INK, font=_font(22))
    left = _MARGIN_PX + _SIDE_PX
    for column, time_s in enumerate(scene.times_s):
        pen.text((left + column * (CELL_PX + GAP_PX), top + 38), f"{time_s:.1f} s", fill=_FAINT, font=_font(13))
    top += _TOP_PX
    for take in scene.takes:
        word, colour = ("done", _GOOD) if take.success else ("not done", _BAD)
        lines = [*((line, _INK) for line in wrap(take.who, _NAME_LETTERS)[:3]), (word, colour)]
        for place, (line, fill) in enumerate(lines, start=-len(lines)):
            pen.text((_MARGIN_PX, top + CELL_PX // 2 + 11 * len(lines) + 22 * place), line, fill=fill, font=_font(16))
        if take.strip is None:
            pen.text((left, top + 26), take.note, fill=_FAINT, font=_font(14))
        else:
            if len(take.strip.cells) > 1:
                pen.text((_MARGIN_PX, top + CELL_PX + GAP_PX + 38), take.foreseen, fill=_FAINT, font=_font(16))
            for row, cells in enumerate(take.strip.cells):
                for column, cell in enumerate(cells):
                    corner = (left + column * (CELL_PX + GAP_PX), top + row * (CELL_PX + GAP_PX))
                    picture.paste(Image.fromarray(cell.numpy()), corner)
        top += _take_height(take)


def _height(scene: Scene) -> int:
    return _TOP_PX + sum(_take_height(take) for take in scene.takes) + _SCENE_GAP_PX


def _take_height(take: Take) -> int:
    rows = 1 if take.strip is None else len(take.strip.cells)
    return rows * (CELL_PX + GAP_PX) + _TAKE_GAP_PX


def _cell(panel: UInt8[Tensor, "h w 3"]) -> UInt8[Tensor, "s s 3"]:
    from PIL import Image

    picture = Image.fromarray(panel.numpy()).resize((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(picture))


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
