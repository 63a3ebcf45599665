"""The page as a whole: what it says is what the records say, from nowhere but itself, whatever users wrote."""

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report_builder import human_facts, play_evaluation, play_facts, provenance, scene, study_record

from adapt.evaluate.record import TOO_FEW, ZERO_SHOT, to_json
from adapt.evaluate.study_record import to_json as study_to_json
from adapt.report.facts import ReportFacts
from adapt.report.page import render_report, write_report

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"quotes\" 'too' {{ 7 * 7 }}"
_VOID = {"meta", "link", "br", "input", "img", "hr"}


class Page(HTMLParser):
    """What a browser would find: elements in order, their words, whether all are closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.scripts: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[self.elements[-1][1].get("id") or "code"] = data
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def said(self) -> str:
        """All its words, with plain spaces."""
        return " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())

    def values(self, tag: str, name: str) -> list[str]:
        """An attribute's values, over all elements of a kind."""
        return [attributes[name] or "" for kind, attributes in self.elements if kind == tag and name in attributes]


def study_facts() -> ReportFacts:
    return ReportFacts(evaluation=None, study=study_record(), provenance=provenance())


EVERY = {"play": play_facts, "human": human_facts, "study": study_facts}


@pytest.fixture(scope="module", params=EVERY)
def facts(request: pytest.FixtureRequest) -> ReportFacts:
    return EVERY[request.param]()


@pytest.fixture(scope="module")
def page(facts: ReportFacts) -> Page:
    return Page(render_report(facts))


def test_every_element_is_closed_and_every_id_is_its_own(page: Page):
    assert page.open == []
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert [name for name, number in ids.items() if number > 1] == []
    inner = [link[1:] for link in page.values("a", "href") if (link or "").startswith("#")]
    assert set(inner) <= ids.keys()


def test_nothing_comes_from_elsewhere(page: Page):
    loaded = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "xlink:href")
    ]
    assert all((value or "").startswith(("data:", "#")) for value in loaded)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not any("style" in attributes for _, attributes in page.elements)


def test_the_policy_allows_this_page_and_nothing_else(page: Page):
    policy = next(
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy
    assert "*" not in policy


def test_the_drawings_say_what_they_show(page: Page):
    drawings = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert drawings
    labelled = [item for item in drawings if item.get("class") not in ("swatch", "sign")]
    assert all(item.get("aria-label") for item in labelled)


def test_the_figures_are_those_of_the_record(facts: ReportFacts, page: Page):
    recorded: set[float] = set()
    if facts.evaluation is not None:
        recorded |= numbers(to_json(facts.evaluation))
    if facts.study is not None:
        recorded |= numbers(study_to_json(facts.study))
    for item in facts.shown:
        recorded |= {float(f"{value:.6g}") for value in item.error.values()}
    shown = [float(value) for value in page.values("data", "value")]
    assert set(shown) <= recorded
    if facts.evaluation is not None:
        measured = [item.value for item in facts.evaluation.measures if item.value is not None]
        assert {float(f"{value:.6g}") for value in measured} <= set(shown)
        verdicts = facts.evaluation.verdicts
        assert {float(f"{getattr(v, part):.6g}") for v in verdicts for part in ("difference", "low", "high")} <= set(
            shown
        )


def test_the_records_are_in_the_page_as_they_are_on_disk(facts: ReportFacts, page: Page):
    if facts.evaluation is not None:
        assert json.loads(page.scripts["evaluation"]) == json.loads(json.dumps(to_json(facts.evaluation)))
    if facts.study is not None:
        assert json.loads(page.scripts["study-record"]) == json.loads(json.dumps(study_to_json(facts.study)))


def test_equal_facts_give_equal_bytes(tmp_path: Path):
    one = write_report(tmp_path / "one.html", play_facts())
    two = write_report(tmp_path / "two.html", play_facts())
    assert one.read_bytes() == two.read_bytes()


def test_what_users_wrote_stays_words():
    evaluation = replace(play_evaluation(), body=HOSTILE, summary=HOSTILE, base=HOSTILE, settings={HOSTILE: HOSTILE})
    hostile = ReportFacts(
        evaluation=evaluation,
        shown=[replace(scene(task=HOSTILE), session=HOSTILE)],
        provenance=provenance(instructions=[HOSTILE]),
        study=replace(study_record(), wrong_instructions={HOSTILE: HOSTILE}),
    )
    text = render_report(hostile)
    page = Page(text)
    assert page.open == []
    assert page.said.count(" ".join(HOSTILE.split())) > 5
    assert sorted(page.scripts) == ["code", "evaluation", "study-record"]
    assert "alert" not in page.scripts["code"]
    assert [tag for tag, _ in page.elements if tag == "img"] == []
    assert json.loads(page.scripts["evaluation"])["body"] == HOSTILE
    assert text.count("<script") == text.count("</script") == 3


def test_the_first_screen_has_answer_fault_robot_and_what_it_rests_on():
    said = Page(render_report(play_facts())).said
    first = said[: said.index("What it imagined")]
    for words in (
        "Did adapting help? In part",
        "vs unadapted base better, \N{MINUS SIGN}24 %",
        "no measurable gain",
        "worse",
        "detects \N{GREATER-THAN OR EQUAL TO} 8.6 %",
        "Picture. Read from the true future",
        "Robot effect not measured: actions were compared with recorded ones",
        "24 held-out windows of 60 from 4 recording sessions. Intervals resample by session",
    ):
        assert words in first


def test_human_video_has_honest_words_instead_of_holes():
    said = Page(render_report(human_facts())).said
    first = said[: said.index("What it imagined")]
    assert "Actions, first chunk not applicable: human video carries no action labels" in first
    assert "not measured: there is no replay data" in first
    assert "Robot effect not measured: human video only; for these figures no robot moved, real or simulated" in first
    assert "same_session Trained and judged on one recording session" in first
    assert "No action curves: this window carries no action labels." in said
    assert "There is no ladder of errors to show." in said
    assert "data not recorded in this report" in said


def test_only_a_shared_session_is_stamped():
    assert "same_session" not in Page(render_report(play_facts())).said


def test_what_is_missing_is_said():
    evaluation = play_evaluation()
    short = [replace(item, by_chunk=(), by_step={}) for item in evaluation.measures]
    bare = replace(evaluation, measures=tuple(short), drift=None)
    said = Page(render_report(ReportFacts(evaluation=bare))).said
    assert "No films: no held-out window was asked for, or none could be decoded." in said
    assert "there is no horizon to look along" in said
    unread = replace(scene(), frames={})
    assert (
        "frames of this window could not be read"
        in Page(render_report(ReportFacts(evaluation=bare, shown=[unread]))).said
    )


def test_one_window_is_told_without_an_interval():
    evaluation = play_evaluation()
    few = [replace(item, verdict=TOO_FEW, windows=1, detectable=None) for item in evaluation.verdicts]
    page = Page(render_report(ReportFacts(evaluation=replace(evaluation, verdicts=tuple(few), windows=1))))
    assert "Did adapting help? Too little was held out to tell" in page.said
    first = page.said[: page.said.index("What it imagined")]
    assert "% to" not in first
    assert "detects" not in first


def test_a_study_leads_with_what_the_new_data_taught():
    said = Page(render_report(study_facts())).said
    assert "Did the new data help? Your recordings taught it something" in said
    for words in (
        "vs replay only better",
        "vs wrong instructions",
        "vs shuffled in time",
        "put the red block",
        "3 trainings",
    ):
        assert words in said


def test_a_report_of_nothing_is_refused():
    with pytest.raises(ValueError, match="neither"):
        render_report(ReportFacts(evaluation=None))


def test_no_path_of_the_machine_is_told(facts: ReportFacts):
    assert not re.search(r"(?<![\w:/])/(home|root|work|tmp|usr|Users)/", render_report(facts))


def test_films_behind_the_fold_are_all_there():
    page = Page(render_report(play_facts(windows=5)))
    films = [attributes for tag, attributes in page.elements if tag == "svg" and "data-who" in attributes]
    assert len(films) == 5 * 3
    assert "2 more windows, up to the best imagined" in page.said


def test_a_reference_without_error_is_compared_in_figures():
    evaluation = play_evaluation()
    measures = [replace(item, baselines={**item.baselines, ZERO_SHOT: 0.0}) for item in evaluation.measures]
    first = Page(render_report(ReportFacts(evaluation=replace(evaluation, measures=tuple(measures))))).said
    assert "vs unadapted base better, \N{MINUS SIGN}0.00250" in first


def numbers(value: Any) -> set[float]:
    """Every number in a plain tree."""
    if isinstance(value, dict):
        return set().union(*(numbers(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(numbers(item) for item in value))
    return {float(value)} if isinstance(value, int | float) and not isinstance(value, bool) else set()
