"""When a study is judged one sees what its arms did: the same first episodes of all, filmed once, and as counted."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tabletop_builder import SMALL, asked, composed, files, run, toy

from adapt.evaluate import closed_loop_arms as arms
from adapt.evaluate.rollout_sheet import CELL_PX
from adapt.report.closed_loop import called
from adapt.report.page import NAME
from adapt.runs.stage import read_manifest
from pipelines.tabletop import guard, pictures, study
from pipelines.tabletop.plan import make_plan
from pipelines.tabletop.settings import TabletopConfig

WITH_A_MODEL = [arms.BASE, arms.CONTROL, arms.ADAPTED, arms.WRONG, arms.SHUFFLED]


def names(plan: str, *overrides: str) -> dict[str, str]:
    config = composed(TabletopConfig, plan, (*SMALL, *overrides)).config
    return {subject.name: subject.who for subject in pictures.subjects(make_plan(config))}


def test_every_arm_with_a_model_is_shown_with_its_first_training_in_the_trial_of_the_verdict() -> None:
    config = composed(TabletopConfig, "video", SMALL).config
    plan = make_plan(config)
    found = pictures.subjects(plan)
    assert [subject.name for subject in found] == [arm for arm in config.arms if arm not in arms.PLANTED]
    assert {subject.unit.seed for subject in found} == {0}
    assert {subject.trial for subject in found} == {plan.tables[0].trial}


def test_of_play_the_condition_of_the_verdict_is_shown_and_of_a_curve_every_point() -> None:
    assert list(names("play")) == [arms.SCRATCH, arms.ADAPTED]
    assert names("gap_timing", "sweep.values=0.0,1.0") == {
        "control": "replay only",
        "adapted-1": "adapted, gap.timing 0.0",
        "adapted-2": "adapted, gap.timing 1.0",
    }


def test_the_page_and_the_sheet_show_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = toy(monkeypatch, films=True)
    answer = run(asked(tmp_path))
    assert made.filmed == WITH_A_MODEL
    page = (answer.home / NAME).read_text()
    section = page[page.index('id="pictures"') :]
    assert section.count('src="data:image/webp;base64,') == 2 * len(WITH_A_MODEL)
    assert "The first 2 episodes of 120, not chosen ones" in section
    for arm in WITH_A_MODEL:
        assert section.count(f"<b>{called(arm)}</b>") == 2
        (film,) = re.findall(rf'href="([^"]*)">{called(arm)}</a>', section)
        assert (answer.home / film).stat().st_size > 0
    sheet = np.array(Image.open(answer.home / pictures.SHEET))
    colours, pixels = np.unique(sheet.reshape(-1, 3), axis=0, return_counts=True)
    # Two cells of one plain colour for each arm, scene and row.
    assert (pixels == 2 * CELL_PX**2).sum() == 2 * 2 * len(WITH_A_MODEL)
    assert {(200, 0), (0, 200)} <= {(colour[0] // 100 * 100, colour[2] // 100 * 100) for colour in colours}


def test_done_is_what_was_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch, films=True, base=1.0, control=0.0)
    answer = run(asked(tmp_path))
    section = (answer.home / NAME).read_text().partition('id="pictures"')[2]
    words = re.findall(r"<b>([^<]*)</b><span class=\"verdict [^\"]*\">([^<]*)<", section)
    assert words.count(("unadapted base", "done")) == words.count(("replay only", "not done")) == 2


def test_nothing_is_filmed_twice_and_what_is_missing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = toy(monkeypatch, films=True)
    home = run(asked(tmp_path)).home
    before, page, sheet = (
        files(home / pictures.FOLDER),
        *((home / name).read_bytes() for name in (NAME, pictures.SHEET)),
    )
    made.filmed.clear()
    run(asked(tmp_path))
    assert made.filmed == []
    assert files(home / pictures.FOLDER) == before
    (film,) = home.glob(f"{pictures.FOLDER}/{arms.ADAPTED}/*/{pictures.FILM}")
    film.unlink()
    run(asked(tmp_path))
    assert made.filmed == [arms.ADAPTED]
    assert (home / pictures.SHEET).read_bytes() != sheet  # The toy draws each film in a colour of its own.
    assert len((home / NAME).read_bytes()) == pytest.approx(len(page), rel=0.01)


def test_a_study_that_was_judged_before_it_could_film_is_filmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = toy(monkeypatch, films=True)
    monkeypatch.setattr(study, "_show", lambda *_: None)
    before = run(asked(tmp_path))
    assert not made.filmed
    monkeypatch.undo()
    again = toy(monkeypatch, films=True)
    after = run(asked(tmp_path))
    assert again.acted == again.trained == []
    assert again.filmed == WITH_A_MODEL
    assert before.record is not None
    assert after.record is not None
    assert before.record.tables == after.record.tables
    assert before.record.fingerprint == after.record.fingerprint


def test_pictures_change_neither_the_plan_nor_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(monkeypatch, films=True)
    answer = run(asked(tmp_path))
    written = guard.read_plan(answer.home)
    assert written is not None
    assert "pictures" not in (answer.home / study.RECORD).read_text()
    assert "pictures" not in json.dumps(written.plan)
    assert not any("pictures" in path.name for path in (tmp_path / "spent").iterdir())


def test_an_episode_that_ends_otherwise_when_filmed_is_not_shown_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipelines.terminal import Terminal

    made = toy(monkeypatch, films=True)
    made.films_otherwise = (arms.ADAPTED,)
    home = study.run(asked(tmp_path), Terminal()).home
    assert f"adapted: {pictures.OTHERWISE}" in capsys.readouterr().err
    section = (home / NAME).read_text().partition('id="pictures"')[2]
    assert section.count("src=") == 2 * len(WITH_A_MODEL) - 1
    assert section.count(pictures.OTHERWISE) == 1
    (folder,) = (home / pictures.FOLDER / arms.ADAPTED).glob("*/")
    facts = read_manifest(folder)["facts"]
    assert (facts["exact"], facts["again"], facts["as_counted"]) == (5, 6, [False, True])


def test_an_arm_that_cannot_be_filmed_costs_neither_the_verdict_nor_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = toy(monkeypatch, films=True)
    film = made.act_again

    def act_again(out: Path, subject: pictures.Subject) -> pictures.Filmed:
        if subject.name == arms.CONTROL:
            pictures._find_training(out, subject)  # The toy's trainings lie elsewhere.
        return film(out, subject)

    monkeypatch.setattr(pictures, "act_again", act_again)
    answer = run(asked(tmp_path))
    assert answer.record is not None
    assert "no pictures of 'replay only'" in caplog.text
    assert "the training of control-0" in caplog.text
    section = (answer.home / NAME).read_text().partition('id="pictures"')[2]
    assert "Not filmed: replay only." in section
    assert section.count("src=") == 2 * (len(WITH_A_MODEL) - 1)
