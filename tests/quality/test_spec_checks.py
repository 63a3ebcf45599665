"""Mistakes planted in specs and data: each refused in words that name its remedy, and by its own check alone."""

from pathlib import Path

import pytest
from planted_specs import CANVAS, CONTRADICTIONS, MISTAKES, Case, clean_case

from adapt.data import films
from adapt.data.films import FilmInfo
from adapt.embodiment.spec import Embodiment
from adapt.errors import EmbodimentError
from adapt.quality.robot import lag, spec_checks
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.spec_checks import CHECKS, check_spec


@pytest.fixture(scope="module")
def clean() -> Case:
    return clean_case()


@pytest.fixture(autouse=True)
def no_film_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "RESAMPLES", 30)  # The interval's width is tested where the lag is.
    monkeypatch.setattr(spec_checks, "look_at", lambda _film: FilmInfo(frames=160, duration_s=16.0, rate_hz=10.0))


def refused(case: Case, *, without: tuple[str, ...] = ()) -> list[Finding]:
    return list(check_spec(case.source, case.body, CANVAS, without=without).refusals)


def test_a_spec_that_is_right_is_not_refused(clean):
    found = check_spec(clean.source, clean.body, CANVAS)
    assert found.refusals == ()
    assert found.episodes == 4
    assert found.lag is not None
    assert found.lag.seconds == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_with_its_remedy_and_by_its_own_check(clean, name):
    mistake = MISTAKES[name]
    case = mistake.plant(clean)
    found = refused(case)
    own = [finding for finding in found if finding.text.endswith(f"[{mistake.check}]")]
    assert own, [finding.text for finding in found]
    text = " ".join(finding.text for finding in own)
    assert [words for words in mistake.says if words not in text] == [], text
    assert refused(case, without=(mistake.check,)) == []


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_spec_against_itself_is_refused_when_it_is_read(clean, name):
    plant, says = CONTRADICTIONS[name]
    with pytest.raises(EmbodimentError) as caught:
        _ = plant(clean).body
    assert [words for words in says if words not in str(caught.value)] == []


def test_there_are_twenty_mistakes_and_more_and_no_check_is_without_one():
    assert len(MISTAKES) + len(CONTRADICTIONS) >= 30
    assert {mistake.check for mistake in MISTAKES.values()} == set(CHECKS)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (FilmInfo(frames=160, duration_s=16.0, rate_hz=15.0), "at 10.00 and 15.00 frames a second"),
        (FilmInfo(frames=140, duration_s=14.0, rate_hz=10.0), "have 160 and 140 frames"),
    ],
)
def test_cameras_that_differ_from_each_other_are_refused(clean, monkeypatch, other, words):
    usual = FilmInfo(frames=160, duration_s=16.0, rate_hz=10.0)
    monkeypatch.setattr(lag, "RESAMPLES", 30)  # The interval's width is tested where the lag is.
    monkeypatch.setattr(spec_checks, "look_at", lambda film: other if "side" in film.path.name else usual)
    (finding,) = refused(clean)
    assert words in finding.text
    assert "observation.images.front" in finding.subject
    assert refused(clean, without=("cameras",)) == []


def test_one_bad_episode_of_many_is_a_remark(clean):
    broken = clean.source.rows[0] | {"action": clean.source.rows[0]["action"] * float("nan")}
    case = Case(spec=clean.spec, source=type(clean.source)(rows=[broken, *clean.source.rows[1:]]))
    found = check_spec(case.source, case.body, CANVAS)
    assert found.refusals == ()
    assert ["NaN" in remark.found for remark in found.remarks] == [True]


def test_a_spec_without_axes_can_be_checked(clean):
    body = Embodiment.from_json({**clean.spec, "actions": [], "state": []}, source="arm.yaml")
    assert check_spec(clean.source, body, CANVAS).refusals == ()


def test_films_are_counted_by_their_own_door():
    assert spec_checks.__dict__["look_at"] is not films.look_at  # the fixture holds
    assert films.Film(path=Path("a.mp4")).shown("d") == "d"
