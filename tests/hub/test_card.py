"""A card says what was recorded, says nothing else, and is not led astray by what users write."""

import re
from collections import Counter
from dataclasses import fields, replace
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from jinja2 import meta
from jinja2.sandbox import SandboxedEnvironment
from markdown_it import MarkdownIt
from toy_bundle import ARM, BASE, JOB, PICTURE, toy_evaluation, toy_records, toy_window

from adapt.errors import CardError
from adapt.evaluate.calibration import Calibration
from adapt.evaluate.record import to_json
from adapt.hub.card import ADAPTER_CARD, Picture, cards_folder, fill_template, render_card
from adapt.hub.facts import MOST_REASONS, RunRecords, collect_facts, count_windows
from adapt.hub.front_matter import check_front_matter, read_front_matter

NASTY = (
    '1. don\'t "spill" <https://x.y> <script>alert(1)</script>\n---\nlicense: mit\n---\n'
    "# [x](javascript:alert(1)) ![y](//z) `q` | a_b"
)


def card(**changes: Any) -> str:
    return render_card(collect_facts(toy_records(**changes)))


def windows_saying(instruction: str) -> tuple[Any, ...]:
    return (toy_window("w0", "train", instruction=instruction), toy_window("w1", "rejected", rejection=instruction))


def tags(page: str) -> Counter[str]:
    """How often each HTML tag is used."""
    return Counter(re.findall(r"<(\w+)", page))


def without(record: dict[str, Any], path: str) -> dict[str, Any]:
    """The nested record less one entry."""
    first, _, rest = path.partition(".")
    if not rest:
        return {key: value for key, value in record.items() if key != first}
    return {**record, first: without(record[first], rest)}


def test_card_counts_what_the_clip_table_holds():
    taught = count_windows(toy_records().windows, toy_records().geometry)
    assert taught.minutes == pytest.approx(2 * 1.6 / 60)
    assert taught.windows == {"train": 2, "validation": 1, "rejected": 1}
    assert (taught.sessions, taught.rejections, taught.provenance) == (3, {"no motion": 1}, {"robot": 3})
    text = card()
    assert "3 seconds from 3 recording sessions: 2 windows to train with, 1 held out" in text
    assert "1 x no motion" in text


def test_card_tells_which_windows_were_kept():
    assert "Kept: windows whose video and table agree. Left out: 1 window." in card()
    hands = {"min_hands_share": 0.5, "min_score": 0.25}
    human = {**JOB, "kind": "human", "recipe": {**JOB["recipe"], "hands": hands}}
    text = card(job=human)
    assert "a hand in at least 50% of the frames looked at, with a confidence of 0.25" in text
    assert "3 seconds of human video" in text
    assert "human-video" in read_front_matter(text)["tags"]
    for name in hands:
        with pytest.raises(CardError, match=name):
            card(job=without(human, f"recipe.hands.{name}"))


def test_card_counts_the_files_that_could_not_be_used():
    assert "Could not be used at all: 1 file." in card()
    with pytest.raises(CardError, match="wam-adapt ingest"):
        card(ingest={})


def test_card_of_a_human_video_says_whose_actions_it_gives():
    assert "Human video shows no robot" not in card()
    human = {**JOB, "kind": "human", "recipe": {**JOB["recipe"], "hands": {"min_hands_share": 0.5, "min_score": 0.5}}}
    assert "Human video shows no robot" in card(job=human)


def test_card_tells_longer_stretches_in_minutes():
    assert "13.6 minutes of robot play" in card(windows=[toy_window(f"w{i}", "train") for i in range(510)])


def test_card_counts_rare_reasons_together():
    kept = toy_window("w", "train")
    rejected = [toy_window(f"r{i}", "rejected", rejection=f"reason {i:02}") for i in range(MOST_REASONS + 3)]
    taught = count_windows([kept, *rejected], toy_records().geometry)
    assert len(taught.rejections) == MOST_REASONS + 1
    assert taught.rejections["other reasons"] == 3


def test_card_shows_measures_baselines_intervals_and_the_verdict():
    text = card()
    assert "| motion error | 0.25 | 0.5 | 0.125 | 2 | lower is better |" in text
    found = r"| motion error | copy last frame | \-0.25 \[-0.375, -0.125\] | 0.0625 |"
    assert f"{found} 2 | window within 2 sessions | better |" in text
    assert "Imagines this task better than copying the last frame." in text


def test_card_says_which_part_is_at_fault_and_whether_the_spread_of_the_actions_is_honest():
    assert "**at fault: picture.** Of what moves, half is right." in card()
    assert "interval that the action head tells" not in card()
    told = Calibration(wanted=0.9, inside=0.625, low=0.5, high=0.75, windows=9, sessions=3)
    text = card(evaluation=to_json(toy_evaluation(calibration=told)))
    assert "62% of the true actions lie inside the 90% interval that the action head tells" in text


def test_card_says_not_applicable_with_the_reason_where_there_is_no_value():
    assert "| grip (share) | not applicable | 0 | no labels in these windows |" in card()


def test_card_says_that_the_robot_effect_was_not_measured():
    assert "robot effect: not measured" in card()


def test_card_says_same_session_only_where_it_is_so():
    assert "Same session" not in card()
    assert "**Same session:**" in card(evaluation=to_json(toy_evaluation(same_session=True)))


def test_card_shows_its_pictures():
    text = render_card(collect_facts(toy_records(), [Picture(file=PICTURE, caption="seen [left]")]))
    assert rf"![seen \[left\]]({PICTURE})" in text


def test_card_refuses_a_picture_from_elsewhere():
    facts = collect_facts(toy_records(), [Picture(file="https://tracker/x.png", caption="x")])
    with pytest.raises(CardError, match=r"pictures/NAME\.png"):
        render_card(facts)


def test_card_names_the_axes_units_and_base():
    text = card()
    for line in ("| shoulder | rad |", "| grip | share |", "| base | lab/base |", f"| revision | {BASE.revision} |"):
        assert line in text


def test_usage_of_a_card_is_python_that_uses_the_models_own_cameras():
    text = card()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    compile(code, "card", "exec")
    assert "Observation(images={'main': picture}, state=state)" in code
    assert "policy.act(observation, 'wave')" in code


def test_usage_of_a_body_without_axes_predicts_instead_of_acting():
    text = card(embodiment=replace(ARM, actions=(), state=()))
    assert "imagined = policy.predict(observation, 'wave')" in text
    assert "policy.act" not in text
    assert "no action axes" in text


@pytest.mark.parametrize("path", ["kind", "replay", "recipe", "recipe.seed", "recipe.lora.rank", "recipe.lora.alpha",
                                  "recipe.train", "recipe.train.replay_share"])  # fmt: skip
def test_card_without_a_fact_of_the_job_is_refused_naming_it(path: str):
    with pytest.raises(CardError, match=path.rsplit(".", 1)[-1]):
        card(job=without(JOB, path))


@pytest.mark.parametrize("name", ["steps", "best_step"])
def test_card_without_a_fact_of_the_training_names_finetune(name: str):
    recorded = without({"steps": 300, "best_step": 250}, name)
    with pytest.raises(CardError, match=rf"'{name}', which stage 'finetune' records.*wam-adapt finetune"):
        card(finetune=recorded)


def test_card_tells_how_it_was_trained():
    wanted = "300 steps of training, the weights of step 250 kept; LoRA rank 16, alpha 32, seed 7."
    assert wanted in card()


def test_card_without_an_evaluation_names_evaluate():
    with pytest.raises(CardError, match="wam-adapt evaluate"):
        card(evaluation={})


@pytest.mark.parametrize("name", [f for f in to_json(toy_evaluation()) if f not in ("format", "worst")])
def test_card_without_a_part_of_the_evaluation_names_evaluate(name: str):
    with pytest.raises(CardError, match="wam-adapt evaluate"):
        card(evaluation=without(to_json(toy_evaluation()), name))


def test_card_without_a_kept_window_names_ingest():
    with pytest.raises(CardError, match="wam-adapt ingest"):
        card(windows=(toy_window("w", "rejected"),))


def test_card_without_the_bases_licence_is_refused():
    with pytest.raises(CardError, match="holds no licence"):
        card(base=replace(BASE, licence=""))


def test_every_word_of_the_template_is_needed(monkeypatch: pytest.MonkeyPatch):
    source = (cards_folder() / ADAPTER_CARD).read_text()
    needed = meta.find_undeclared_variables(SandboxedEnvironment().parse(source))
    assert len(needed) > 10
    for word in needed:
        with pytest.raises(CardError, match=word):
            fill_template(source, dict.fromkeys(needed - {word}, ""), ADAPTER_CARD)


def test_a_template_that_asks_a_fact_for_what_it_lacks_is_refused():
    with pytest.raises(CardError, match="cannot be filled"):
        fill_template("{{ base.colour }}", {"base": BASE}, "x.md.j2")


def test_every_record_is_read():
    assert {field.name for field in fields(RunRecords)} == {
        "job", "base", "embodiment", "windows", "geometry", "ingest", "finetune", "evaluation"
    }  # fmt: skip


def test_nasty_text_neither_breaks_the_front_matter_nor_becomes_markup():
    body = replace(ARM, name=NASTY)
    text = card(
        windows=windows_saying(NASTY),
        embodiment=body,
        evaluation=to_json(toy_evaluation(summary=NASTY, robot_effect=NASTY)),
    )
    values = read_front_matter(text)
    assert values["license"] == "apache-2.0"
    assert list(values) == list(read_front_matter(card()))
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text.split("---\n", 2)[2])
    plain = MarkdownIt("commonmark", {"html": True}).enable("table").render(card().split("---\n", 2)[2])
    assert not re.search(r"<(script|a|img)\b", page)
    assert tags(page) == tags(plain)


def test_instruction_in_the_usage_is_a_python_string_that_says_the_same():
    text = card(windows=windows_saying("vidéos/コップ, 'a' \"b\" \\ `c` <d> \U0001f600"))
    literal = re.search(r"policy\.act\(observation, (.*)\)\n", text)[1]
    assert literal.isascii()
    assert not set(literal) & set("<>&`")
    assert eval(literal) == "vidéos/コップ, 'a' \"b\" \\ `c` <d> \U0001f600"


def test_no_value_of_a_card_is_longer_than_a_paragraph():
    assert len(card(windows=windows_saying("x" * 10**6))) < 10_000


def test_replay_of_a_folder_is_named_without_telling_where_it_lay():
    text = card(job={**JOB, "replay": "/home/ana/secret/kitchen"})
    assert "kitchen" in text
    assert "secret" not in text
    assert "replay of what the base already knew: none" in card(job={**JOB, "replay": "none"}).lower()


def test_front_matter_is_what_the_hubs_own_library_reads():
    data = ModelCard(card()).data
    assert (data.license, data.library_name, data.pipeline_tag) == ("apache-2.0", "wam-adapt", "robotics")
    assert (data.base_model, data.to_dict()["base_model_relation"]) == ("lab/base", "adapter")
    assert {"robotics", "world-action-model", "lora", "robot-play", "arm"} <= set(data.tags)


def test_front_matter_does_not_link_to_a_base_that_is_not_on_the_hub():
    values = read_front_matter(card(base=replace(BASE, repo="tiny")))
    assert "base_model" not in values
    assert "base_model_relation" not in values


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"license": "made-up"}, "not a licence id"),
        ({"license": "other"}, "license_name"),
        ({"license": "other", "license_name": "nvidia-open", "license_link": "http://x"}, "https link"),
        ({"license": ["mit"]}, "should be a str"),
        ({"tags": ["Upper Case"]}, "tag"),
        ({"tags": "robotics"}, "should be a list"),
        ({"base_model": "../../etc"}, "base_model"),
        ({"base_model_relation": "finetune"}, "base_model_relation"),
        ({"widget": "x"}, "widget"),
        ({"library_name": None}, "library_name"),
    ],
)
def test_front_matter_that_the_hub_would_refuse_is_refused_offline(change: dict[str, Any], complaint: str):
    values = {**read_front_matter(card()), **change}
    with pytest.raises(CardError, match=complaint):
        check_front_matter(f"---\n{yaml.safe_dump(values)}---\nbody\n")


def test_a_card_without_front_matter_is_refused():
    with pytest.raises(CardError, match="front matter"):
        check_front_matter("# A card\n")
