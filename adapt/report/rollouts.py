"""What did each policy do? The same few episodes of all of them, row by row, small enough to travel inside the page."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from adapt.evaluate.rollout_sheet import GAP_PX, Scene, Strip, Take
from adapt.report.facts import Pictures
from adapt.report.numbers import count
from adapt.report.svg import tag

MOST_BYTES = 900_000  # of all pictures together; in the page they take a third more
_QUALITIES = (80, 65, 50, 35, 20)
_OPEN_TAKES = 9  # about two screens of them; scenes beyond are behind a fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One policy in one scene."""

    who: str
    word: str
    tone: str  # class of the word's colour
    picture: Markup | None
    foreseen: str  # what the lower row is; empty for no such row
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One scene."""

    number: int
    instruction: str
    moments: Sequence[str]
    takes: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """All of them, ready for the template."""

    caption: str
    open: Sequence[Card]
    folded: Sequence[Card]
    more: str  # what is behind the fold
    films: Sequence[tuple[str, str]]
    missing: Sequence[str]


def gallery(pictures: Pictures) -> Gallery:
    """Lay pictures out for the page; equal pictures give equal bytes."""
    quality = _quality([take.strip for scene in pictures.scenes for take in scene.takes if take.strip is not None])
    cards = [_card(number, scene, quality) for number, scene in enumerate(pictures.scenes, start=1)]
    shown = max(1, _OPEN_TAKES // max(1, *(len(card.takes) for card in cards)))
    folded = cards[shown:]
    return Gallery(
        caption=_caption(pictures),
        open=cards[:shown],
        folded=folded,
        more=f"{len(folded)} more: {'; '.join(card.instruction for card in folded)}",
        films=list(pictures.films.items()),
        missing=pictures.missing,
    )


def _caption(pictures: Pictures) -> str:
    scenes = len(pictures.scenes)
    which = "All episodes" if scenes == pictures.episodes else f"The first {count(scenes, 'episode')}"
    foreseen = {take.foreseen for scene in pictures.scenes for take in scene.takes if _foresees(take)}
    lower = {"imagined": "what the model had imagined of that moment when it last looked"}
    words = "; ".join(f"{name}: {lower.get(name, 'the future that it was shown instead')}" for name in sorted(foreseen))
    return (
        f"{which} of {pictures.episodes}, not chosen ones: they are those that every trial begins with, in the same "
        "scenes and under the same instructions for all. Of each arm its first training acts. Upper rows: what "
        f"happened.{f' Lower rows, {words}.' if words else ''}"
    )


def _card(number: int, scene: Scene, quality: int) -> Card:
    return Card(
        number=number,
        instruction=scene.instruction,
        moments=[f"{time_s:.1f}\N{NO-BREAK SPACE}s" for time_s in scene.times_s],
        takes=[_row(take, scene, quality) for take in scene.takes],
    )


def _row(take: Take, scene: Scene, quality: int) -> Row:
    word = "done" if take.success else "not done"
    return Row(
        who=take.who,
        word=word,
        tone="v-better" if take.success else "v-worse",
        picture=None if take.strip is None else _img(take.strip, quality, f"{take.who}, {scene.instruction}: {word}"),
        foreseen=take.foreseen if _foresees(take) else "",
        note=take.note,
    )


def _foresees(take: Take) -> bool:
    return take.strip is not None and len(take.strip.cells) > 1


def _img(strip: Strip, quality: int, label: str) -> Markup:
    picture = _joined(strip)
    data = base64.b64encode(_webp(picture, quality)).decode("ascii")
    uri = f"data:image/webp;base64,{data}"
    return tag("img", src=uri, alt=label, width=picture.width, height=picture.height)


def _quality(strips: Sequence[Strip]) -> int:
    """The best at which all of them together are small enough; the least where none is."""
    pictures = [_joined(strip) for strip in strips]
    for quality in _QUALITIES:
        if sum(len(_webp(picture, quality)) for picture in pictures) <= MOST_BYTES:
            return quality
    return _QUALITIES[-1]


def _joined(strip: Strip) -> Any:
    """All cells as one picture; between them one sees the paper, whatever its colour."""
    from PIL import Image

    rows, columns, side = strip.cells.shape[:3]
    step = side + GAP_PX
    picture = Image.new("RGBA", (columns * step - GAP_PX, rows * step - GAP_PX))
    for row in range(rows):
        for column in range(columns):
            picture.paste(Image.fromarray(strip.cells[row, column].numpy()), (column * step, row * step))
    return picture


def _webp(picture: Any, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()
