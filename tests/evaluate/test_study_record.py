"""`study.json`: an exact round trip, and a schema that refuses what is not a study."""

import json
from dataclasses import fields

import pytest
from study_builder import study, table

from adapt.errors import DataError, RecipeError
from adapt.evaluate import actions, retention
from adapt.evaluate.study_record import CODES, StudyRecord, dump, from_json, study_schema, to_json
from adapt.evaluate.study_settings import StudyConfig

MEANS = {"base": 1.0, "replay": 1.0, "new": 0.8, "wrong": 1.0, "shuffled": 1.0}


@pytest.fixture(scope="module")
def record() -> StudyRecord:
    return study(MEANS, table(actions.OVERALL, MEANS), table(retention.LATENT, MEANS), frozen=1.0)


def test_what_is_written_is_read_back(record):
    again = from_json(json.loads(dump(record)))
    assert dump(again) == dump(record)
    assert (again.summary, again.arms, again.findings) == (record.summary, record.arms, record.findings)


def test_the_schema_knows_every_field_and_every_verdict():
    names = {field.name for field in fields(StudyRecord)} | {"format"}
    assert set(study_schema()["properties"]) == set(study_schema()["required"]) == names
    assert set(study_schema()["properties"]["verdict"]["enum"]) == set(CODES)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": 2}, "format should be 1"),
        ({"verdict": "great"}, "verdict should be one of"),
        ({"more": 1}, "unknown field 'more'"),
        ({"seeds": ["a"]}, r"seeds\[0\] should be integer"),
        ({"replay": "somewhere"}, "replay should be one of"),
    ],
)
def test_what_is_not_a_study_is_refused_by_field(record, change, problem):
    with pytest.raises(DataError, match=problem):
        from_json({**to_json(record), **change})


def test_a_missing_field_is_named(record):
    whole = to_json(record)
    del whole["contrasts"]
    with pytest.raises(DataError, match="lacks 'contrasts'"):
        from_json(whole)


def test_arms_are_spelled_in_one_order():
    assert StudyConfig(arms=["wrong", "new", "base"]).arms == ["base", "new", "wrong"]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"arms": ["new", "old"]}, "there is no arm 'old'"),
        ({"arms": ["base", "replay"]}, "compares 'new' with at least one other"),
        ({"arms": ["new"]}, "compares 'new'"),
        ({"seeds": 0}, "study.seeds is 0"),
        ({"windows": 0}, "study.windows is 0"),
    ],
)
def test_a_study_that_compares_nothing_is_refused(setting, problem):
    with pytest.raises(RecipeError, match=problem):
        StudyConfig(**setting)
