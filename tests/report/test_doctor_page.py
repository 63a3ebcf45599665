"""The doctor's page: whole, silent, offline, readable on a desktop and on a phone; and no name can break out of it."""

import io
import json
import re
from pathlib import Path

import pytest
from headless_browser import Tab
from PIL import Image

from adapt.quality.files import FileReport, Stretch
from adapt.quality.findings import HINT, LOST, PART, Finding
from adapt.quality.goals import HeldOut, film_next, task_reports
from adapt.quality.thumbnails import Thumbnail, Thumbnails
from adapt.quality.videos import VideosReport
from adapt.report.doctor_page import OPEN_FILES, DoctorFacts, render_doctor_page, write_doctor_page

NAUGHTY = '<script>alert("x")</script>.mp4'


def file(name: str, *stretches: Stretch, findings: tuple[Finding, ...] = (), task: str = "pour water") -> FileReport:
    return FileReport(
        name=name,
        digest="d",
        instruction=task,
        session=name,
        info=None,
        train_s=sum((stretch.seconds for stretch in stretches if stretch.code == "kept"), 0.0),
        validation_s=0.0,
        stretches=stretches,
        hands=(0, 1, 1, 2, 2, 0),
        looks_hz=5.0,
        findings=findings,
    )


def facts(*more: FileReport) -> DoctorFacts:
    kept = Stretch(start_s=0.0, end_s=6.4, code="kept")
    dark = Stretch(start_s=6.4, end_s=9.6, code="dark", reason="too dark; put more light on the hands (12%)")
    finding = Finding(
        code="dark", weight=PART, found="too dark: 3.2 s", remedy="put more light on the hands", seconds=3.2
    )
    hint = Finding(code="rotated", weight=HINT, found="stored turned by 90 degrees", remedy="nothing need be done")
    files = (
        file("a.mp4", kept, dark, findings=(finding, hint)),
        file(NAUGHTY, Stretch(start_s=0.0, end_s=5.0, code="no_hand", reason="no hand is seen; film the hands")),
        file("a_name_that_is_as_long_as_cameras_make_them_20261121T120000_000123_GX010042.mp4", kept, task=""),
        *more,
    )
    held_out = HeldOut(windows=3, sessions=1, same_session=True)
    tasks = tuple(task_reports(files, 0.2))
    other = Finding(code="recording", weight=LOST, found=".vrs recordings are not read", remedy="export them")
    report = VideosReport(
        files=files,
        others=(("b.vrs", other),),
        tasks=tasks,
        held_out=held_out,
        steps=tuple(film_next(files, tasks, held_out)),
    )
    buffer = io.BytesIO()
    Image.new("RGB", (320, 180), (90, 120, 60)).save(buffer, format="JPEG")
    picture = Thumbnail(jpeg=buffer.getvalue(), time_s=3.2, width=320, height=180)
    return DoctorFacts(
        title="videos",
        headline="13 s of 21 s in 3 videos can be used",
        report=report,
        thumbnails=Thumbnails(by_file={"a.mp4": picture}, hidden="Faces are made unrecognisable."),
        commands=[
            ("To train", "wam-adapt adapt human videos --task 'pour water' --out runs/videos"),
            ("Again", "again"),
        ],
        record={"format": 1, "files": [NAUGHTY]},
    )


def test_the_page_says_what_was_found_and_what_to_do() -> None:
    page = render_doctor_page(facts())
    for words in (
        "13 s of 21 s in 3 videos can be used",
        "wam-adapt adapt human videos --task &#39;pour water&#39; --out runs/videos",
        "Too dark: 3.2 s.",
        "Put more light on the hands.",
        "0:06.4 to 0:09.6: too dark; put more light on the hands (12%)",
        "hands were seen in 67% of the looks",
        "Faces are made unrecognisable.",
        ".vrs recordings are not read; export them",
        "same_session",
    ):
        assert words in page, words
    assert page.count("<img ") == 1
    assert page == render_doctor_page(facts())


def test_every_video_a_step_names_can_be_gone_to() -> None:
    page = render_doctor_page(facts())
    links = set(re.findall(r'href="#([\w-]+)"', page))
    ids = set(re.findall(r'id="([\w-]+)"', page))
    assert links <= ids
    assert any(link.startswith("video-") for link in links)


def test_names_cannot_break_out_of_the_page_and_programs_read_the_record() -> None:
    page = render_doctor_page(facts())
    assert "<script>alert" not in page
    (record,) = re.findall(r'<script type="application/json" id="doctor-record">(.*?)</script>', page, re.DOTALL)
    assert json.loads(record) == {"format": 1, "files": [NAUGHTY]}


def test_many_videos_are_folded_away() -> None:
    more = [file(f"{n}.mp4", Stretch(start_s=0.0, end_s=5.0, code="kept")) for n in range(OPEN_FILES)]
    assert "3 more videos, which lose less" in render_doctor_page(facts(*more))
    assert "more videos, which" not in render_doctor_page(facts())


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_the_page_is_silent_offline_and_fits(tab: Tab, tmp_path: Path, size: tuple[int, int], *, dark: bool) -> None:
    width, height = size
    page = write_doctor_page(tmp_path / "doctor.html", facts())
    tab.open(page, width=width, height=height, dark=dark)
    assert tab.complaints() == []
    assert [url for url in tab.requests() if not url.startswith("data:")] == [page.as_uri()]
    assert tab.tell("document.documentElement.scrollWidth") <= width
    # What to do next is on the first screen, and the timeline is as wide as its card.
    assert tab.tell("document.querySelector('.summary').getBoundingClientRect().bottom") <= height
    band = "document.querySelector('.video svg.timeline').getBoundingClientRect().width"
    assert tab.tell(band) > (500 if width > 1000 else 300)
    assert tab.tell("document.querySelector('.video img').naturalWidth") == 320
    # Kept and left out are told apart without colour.
    tall = "[...document.querySelectorAll('#video-1 svg.timeline rect')].map(r => r.getBoundingClientRect().height)"
    assert len(set(map(round, tab.tell(tall.replace("#video-1", ".whole"))))) == 2
