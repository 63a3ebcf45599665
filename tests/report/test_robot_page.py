"""The doctor's page of robot data: whole, silent, offline, readable on a desktop and a phone; nothing breaks out."""

import json
import re
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
from headless_browser import Tab
from robot_builder import CAMERAS, clean_play, clipped, swapped
from robot_set import write_set, write_spec

from adapt.errors import DataError
from adapt.quality import thumbnails
from adapt.report import robot_page
from adapt.report.robot_page import OPEN_EPISODES, RobotFacts, render_robot_page, write_robot_page
from pipelines import doctor_robot

NAUGHTY = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> RobotFacts:
    """What the command gives the page, of a data set with faults and a bad name."""
    root = tmp_path_factory.mktemp("page")
    play = clipped(swapped(clean_play(4), 2, *CAMERAS), "action", 1, 0.9)
    write_set(root / "play", play, tasks=(NAUGHTY, "push the cup"))
    (root / "play/data/chunk-000/episode_000003.parquet").unlink()
    spec = json.loads(write_spec(root / "arm.yaml").read_text())
    for key in ("actions", "state"):
        spec[key][3]["name"] = "</svg>" + NAUGHTY
    (root / "arm.yaml").write_text(json.dumps(spec))
    taken: list[RobotFacts] = []

    def offline(_folder: Path) -> tuple[Path, ...]:
        raise DataError("the network: cannot be reached; try later")

    def keep(path: Path, facts: RobotFacts) -> Path:
        taken.append(facts)
        return write_robot_page(path, facts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAM_ADAPT_CACHE", str(root / "cache"))
        patch.setattr(thumbnails, "ensure_face_models", offline)
        patch.setattr(doctor_robot, "write_robot_page", keep)
        asked = {"source": str(root / "play"), "out": str(root / "out"), "embodiment": str(root / "arm.yaml")}
        nothing = {"task": None, "base": None, "recipe": None, "overrides": []}
        doctor_robot.run(doctor_robot.question(Namespace(**asked, **nothing)))
    return taken[0]


def test_the_page_says_what_was_found_and_what_to_do(facts: RobotFacts) -> None:
    page = render_robot_page(facts)
    for words in (
        "with something wrong",
        "wam-adapt adapt play",
        "cameras swapped",
        "each shows what the other shows in the rest",
        "Exchange their videos in these episodes.",
        "this file is missing",
        "from a command to the state",
        "coarsened throughout",
        "the robot moves for",
        "rows by value, from",
        "rows by speed, up to",
        "range in each of 3 episodes",
    ):
        assert words in page, words
    assert page.count("<img ") == 2 * 3
    assert page == render_robot_page(facts)


def test_every_episode_a_step_names_can_be_gone_to(facts: RobotFacts) -> None:
    page = render_robot_page(facts)
    links = set(re.findall(r'href="#([\w-]+)"', page))
    assert links <= set(re.findall(r'id="([\w-]+)"', page))
    assert "episode-2" in links


def test_names_cannot_break_out_of_the_page_and_programs_read_the_record(facts: RobotFacts) -> None:
    page = render_robot_page(facts)
    assert "<script>alert" not in page
    assert "</svg><script" not in page
    (record,) = re.findall(r'<script type="application/json" id="doctor-record">(.*?)</script>', page, re.DOTALL)
    assert json.loads(record) == facts.record


def test_many_episodes_and_axes_are_folded_away(facts: RobotFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "more episodes</summary>" not in render_robot_page(facts)
    first = facts.report.episodes[0]
    many = tuple(replace(first, index=number) for number in range(OPEN_EPISODES + 3))
    page = render_robot_page(replace(facts, report=replace(facts.report, episodes=many)))
    assert "3 more episodes</summary>" in page
    monkeypatch.setattr(robot_page, "OPEN_AXES", 2)
    assert "3 more axes</summary>" in render_robot_page(facts)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_the_page_is_silent_offline_and_fits(
    tab: Tab, tmp_path: Path, facts: RobotFacts, size: tuple[int, int], *, dark: bool
) -> None:
    width, height = size
    page = write_robot_page(tmp_path / "doctor.html", facts)
    tab.open(page, width=width, height=height, dark=dark)
    assert tab.complaints() == []
    assert [url for url in tab.requests() if not url.startswith("data:")] == [page.as_uri()]
    assert tab.tell("document.documentElement.scrollWidth") <= width
    # What to do first is on the first screen, and drawings are as wide as their place.
    assert tab.tell("document.querySelector('.summary').getBoundingClientRect().bottom") <= height
    for drawing in ("svg.bars", "svg.strips", ".episode svg.timeline", "svg.lag"):
        wide = tab.tell(f"document.querySelector('{drawing}').getBoundingClientRect().width")
        assert wide > (150 if width > 1000 else 100), drawing
    # State and command are told apart by shape, not only by colour.
    fill = "getComputedStyle(document.querySelector('svg.bars .told')).fill"
    assert tab.tell(fill) == "none"
