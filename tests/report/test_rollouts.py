"""The page shows what policies did: the first episodes, said to be such, small enough to be sent, and as they ended."""

import base64
import io
import re
from collections.abc import Sequence

import pytest
import torch
from closed_loop_builder import video_record
from PIL import Image

from adapt.evaluate.rollout_sheet import CELL_PX, COLUMNS, GAP_PX, Scene, Strip, Take
from adapt.report import rollouts
from adapt.report.facts import Pictures, ReportFacts
from adapt.report.page import render_report

ARMS = ("unadapted base", "replay only", "adapted")


def strip(seed: int, *, rows: int = 2, columns: int = 3) -> Strip:
    """Noise, which no picture is harder to make small than."""
    drawn = torch.Generator().manual_seed(seed)
    cells = torch.randint(0, 256, (rows, columns, CELL_PX, CELL_PX, 3), generator=drawn, dtype=torch.uint8)
    return Strip(times_s=tuple(0.8 * column for column in range(columns)), cells=cells)


def scene(number: int, takes: Sequence[Take]) -> Scene:
    return Scene(instruction=f"slide the <b>block</b> {number}", takes=tuple(takes))


def pictures(scenes: int = 4, arms: Sequence[str] = ARMS, **shape: int) -> Pictures:
    every = [
        scene(number, [Take(who=arm, success=arm == "adapted", strip=strip(number, **shape)) for arm in arms])
        for number in range(1, scenes + 1)
    ]
    return Pictures(scenes=every, episodes=252, films={"adapted": "pictures/adapted/k/rollouts.mp4"})


def page_of(shown: Pictures | None) -> str:
    return render_report(ReportFacts(evaluation=None, closed_loop=video_record(), pictures=shown))


def section_of(page: str) -> str:
    return page[page.index('<section class="part" id="pictures">') : page.index('<section class="part" id="origin">')]


def test_every_policy_stands_in_every_scene_with_its_word_and_picture() -> None:
    section = section_of(page_of(pictures()))
    for number in range(1, 5):
        assert f"<h3>{number}. slide the &lt;b&gt;block&lt;/b&gt; {number}</h3>" in section
    told = re.findall(r'<b>([^<]*)</b><span class="verdict ([^"]*)">([^<]*)</span>', section)
    assert told == 4 * [
        ("unadapted base", "v-worse", "not done"),
        ("replay only", "v-worse", "not done"),
        ("adapted", "v-better", "done"),
    ]
    assert section.count(">imagined</span>") == 12
    assert section.count("<img ") == 12
    assert section.count("<span>0.8\N{NO-BREAK SPACE}s</span>") == 4


def test_it_says_that_these_are_the_first_ones_and_not_chosen() -> None:
    assert "The first 4 episodes of 252, not chosen ones" in section_of(page_of(pictures()))
    assert "what the model had imagined of that moment when it last looked" in section_of(page_of(pictures()))
    shown = Take(who="oracle", success=True, strip=strip(1), foreseen="shown")
    told = section_of(page_of(Pictures(scenes=[scene(1, [shown])], episodes=1)))
    assert "All episodes of 1" in told
    assert "shown: the future that it was shown instead" in told
    assert "imagined" not in told


def test_what_is_beyond_two_screens_is_behind_a_fold() -> None:
    few, many = section_of(page_of(pictures())), section_of(page_of(pictures(arms=[f"arm {n}" for n in range(8)])))
    assert few.partition("<details>")[0].count("<article") == 3
    assert many.partition("<details>")[0].count("<article") == 1
    assert many.count("<article") == 4
    assert "3 more: " in many


def test_a_picture_holds_the_cells_in_their_places_and_nothing_between_them() -> None:
    cells = torch.zeros(2, 3, CELL_PX, CELL_PX, 3, dtype=torch.uint8)
    for row in range(2):
        for column in range(3):
            cells[row, column] = torch.tensor([100 * row + 50, 80 * column, 30], dtype=torch.uint8)
    one = Take(who="adapted", success=True, strip=Strip(times_s=(0.0, 0.8, 1.6), cells=cells))
    section = section_of(page_of(Pictures(scenes=[scene(1, [one])], episodes=9)))
    (data,) = re.findall(r'src="data:image/webp;base64,([^"]*)"', section)
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    step = CELL_PX + GAP_PX
    assert image.size == (3 * step - GAP_PX, 2 * step - GAP_PX)
    for row in range(2):
        for column in range(3):
            pixel = image.getpixel((column * step + CELL_PX // 2, row * step + CELL_PX // 2))
            assert pixel == pytest.approx((100 * row + 50, 80 * column, 30, 255), abs=6)
    assert image.getpixel((CELL_PX, 5))[3] == image.getpixel((5, CELL_PX + 1))[3] == 0


def test_a_page_stays_small_enough_to_be_sent_however_much_there_is_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    most = pictures(scenes=1, columns=COLUMNS)
    whole = len(page_of(most)) - len(page_of(None))
    monkeypatch.setattr(rollouts, "MOST_BYTES", whole // 3)
    assert len(page_of(most)) - len(page_of(None)) < 0.6 * whole
    assert rollouts.MOST_BYTES * 4 / 3 < 1_200_000


def test_what_is_not_shown_is_told_and_why() -> None:
    gone = Take(who="adapted", success=True, strip=None, note="it ended otherwise")
    told = section_of(page_of(Pictures(scenes=[scene(1, [gone])], episodes=9, missing=("from nothing",))))
    assert "it ended otherwise" in told
    assert "Not filmed: from nothing." in told
    assert "<img" not in told


def test_films_beside_the_page_are_linked() -> None:
    assert '<a href="pictures/adapted/k/rollouts.mp4">adapted</a>' in section_of(page_of(pictures(scenes=1)))


def test_without_pictures_there_is_neither_a_section_nor_a_way_to_it() -> None:
    assert '"pictures"' not in page_of(None)
    assert "#pictures" not in page_of(None)
    assert '<a href="#pictures">Pictures</a>' in page_of(pictures(scenes=1))
    assert page_of(pictures(scenes=1)) == page_of(pictures(scenes=1))
