"""The page in a real browser: silent, offline, fits the screen, its films play. Skips where no Chromium is found."""

from pathlib import Path

import pytest
import torch
from closed_loop_builder import video_record
from headless_browser import Tab
from report_builder import fullest_evaluation, human_facts, play_facts, provenance, scene, study_record

from adapt.evaluate.rollout_sheet import CELL_PX, Scene, Strip, Take
from adapt.report.facts import Pictures, ReportFacts
from adapt.report.page import write_report

DESKTOP, PHONE = (1280, 800), (390, 844)
SHEET = "Number(document.querySelector('svg.film image').getAttribute('x'))"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    facts = {
        "play": play_facts(windows=5),
        "fullest": ReportFacts(evaluation=fullest_evaluation(), shown=[scene()], study=study_record()),
        "human": human_facts(),
        "study": ReportFacts(evaluation=None, study=study_record(), provenance=provenance()),
    }
    return {name: write_report(folder / f"{name}.html", item) for name, item in facts.items()}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["play", "fullest", "human", "study"])
def test_the_page_is_silent_offline_and_fits(tab: Tab, pages: dict[str, Path], name: str, size: tuple[int, int]):
    width, height = size
    tab.open(pages[name], width=width, height=height)
    assert tab.complaints() == []
    assert [url for url in tab.requests() if not url.startswith("data:")] == [pages[name].as_uri()]
    assert tab.tell("document.documentElement.scrollWidth") <= width
    assert tab.tell("document.querySelector('#verdict').getBoundingClientRect().bottom") <= height
    # Open folds hold tables and curves that must fit as well.
    tab.tell("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert tab.tell("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_policies_side_by_side_are_seen_and_fit(tab: Tab, tmp_path: Path, size: tuple[int, int]):
    width, height = size
    times = tuple(0.8 * moment for moment in range(11))
    strip = Strip(times_s=times, cells=torch.full((2, 11, CELL_PX, CELL_PX, 3), 90, dtype=torch.uint8))
    arms = ("unadapted base", "another robot's video", "true future, base's head")
    takes = tuple(Take(who=arm, success=True, strip=strip) for arm in arms)
    pictures = Pictures(
        scenes=[Scene(instruction="put the red block far left", takes=takes)] * 4,
        episodes=252,
        films=dict.fromkeys(arms, "pictures/a/k/rollouts.mp4"),
    )
    facts = ReportFacts(evaluation=None, closed_loop=video_record(), pictures=pictures)
    page = write_report(tmp_path / "report.html", facts)
    tab.open(page, width=width, height=height)
    tab.tell("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert tab.complaints() == []
    assert [url for url in tab.requests() if not url.startswith("data:")] == [page.as_uri()]
    assert tab.tell("document.documentElement.scrollWidth") <= width
    assert tab.tell("[...document.images].filter(image => image.naturalWidth > 0).length") == 12
    # A moment stands above its pictures.
    middle = "(box => (box.left + box.right) / 2)({}.getBoundingClientRect())"
    moment = tab.tell(middle.format("document.querySelectorAll('.moments > :last-child > span')[5]"))
    assert moment == pytest.approx(tab.tell(middle.format("document.images[0]")), abs=1)


def test_a_film_plays_stops_steps_and_is_scrubbed(tab: Tab, pages: dict[str, Path]):
    tab.open(pages["play"], width=1280, height=800)
    assert tab.tell(SHEET) == -8 * 16
    button = "document.querySelector('.player .play')"
    tab.tell(f"{button}.click()")
    assert tab.tell(f"{button}.textContent") == "Pause"
    assert tab.tell(SHEET) == 0
    assert tab.tell(f"new Promise(done => setTimeout(() => done({SHEET}), 500))") < 0
    tab.tell(f"{button}.click()")
    assert tab.tell(f"{button}.textContent") == "Play"
    slider = "document.querySelector('.player input')"
    tab.tell(f"{slider}.value = 3; {slider}.dispatchEvent(new Event('input'))")
    assert tab.tell(SHEET) == -3 * 16
    assert tab.tell("document.querySelector('.player output').textContent") == "0.6 s, 4 of 9"
    back, forth = (f"document.querySelectorAll('.player button')[{place}].click()" for place in (0, 2))
    tab.tell(back)
    assert tab.tell(SHEET) == -2 * 16
    tab.tell(forth)
    assert tab.tell(SHEET) == -3 * 16


def test_a_film_is_worked_by_keyboard_and_moves_the_cursor_of_its_curves(tab: Tab, pages: dict[str, Path]):
    tab.open(pages["play"], width=1280, height=800)
    cursor = "Number(document.querySelector('.scene line.cursor').getAttribute('x1'))"
    at_end = tab.tell(cursor)
    tab.tell("document.querySelector('.player input').focus()")
    tab.press("ArrowLeft", 37)
    tab.press("ArrowLeft", 37)
    assert tab.tell(SHEET) == -6 * 16
    assert tab.tell(cursor) < at_end


def test_every_control_is_reached_by_tab(tab: Tab, pages: dict[str, Path]):
    tab.open(pages["play"], width=1280, height=800)
    reached = set()
    for _ in range(60):
        tab.press("Tab", 9)
        name = "(document.activeElement.className || document.activeElement.tagName) + ''"
        reached.add(tab.tell(name))
    assert {"play", "INPUT", "SUMMARY", "A"} <= reached


def test_the_page_reads_without_scripts(tab: Tab, pages: dict[str, Path]):
    tab.open(pages["play"], width=1280, height=800, scripts=False)
    assert tab.complaints() == []
    text = pages["play"].read_text(encoding="utf-8")
    assert "<noscript>" in text
    shown = "[...document.querySelectorAll('.player')].some(player => player.offsetHeight > 0)"
    assert tab.tell(shown) is False
    assert tab.tell(SHEET) == -8 * 16


def test_dark_is_dark(tab: Tab, pages: dict[str, Path]):
    paper = "getComputedStyle(document.body).backgroundColor"
    shades = []
    for dark in (False, True):
        tab.open(pages["human"], width=390, height=844, dark=dark)
        red = tab.tell(paper)
        shades.append(int(red[4:].split(",")[0]))
    assert shades[0] > 200
    assert shades[1] < 60
