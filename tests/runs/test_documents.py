import json

import pytest

from adapt.runs.documents import DEEPEST, brief, in_short, is_text, parse_json, parse_object, parse_yaml


def test_json_is_read_as_python_reads_it():
    value = {"a": [1, 2.5, None, True, "x"], "b": {"c": {}}}
    assert parse_json(json.dumps(value)) == value
    assert parse_json(b"[1]") == [1]


def test_json_may_have_so_many_levels_and_no_more():
    assert parse_json("[" * DEEPEST + "]" * DEEPEST)
    for levels in (DEEPEST + 1, 100_000):
        with pytest.raises(ValueError, match="levels"):
            parse_json("[" * levels + "]" * levels)


@pytest.mark.parametrize("text", ["[]", "5", "null", '"x"'])
def test_what_is_no_object_is_told_with_what_it_is(text):
    with pytest.raises(ValueError, match="where an object belongs"):
        parse_object(text)


def test_yaml_takes_aliases_and_merges_that_a_reader_can_follow():
    text = "base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\nagain: *base\n"
    assert parse_yaml(text) == {"base": {"a": 1, "b": 2}, "more": {"a": 1, "b": 3}, "again": {"a": 1, "b": 2}}


@pytest.mark.parametrize("text", ["a: &a [*a]", "[" * 400, "x: !!bool y", "a: 2001-99-99", "a: {"])
def test_yaml_that_means_harm_is_one_kind_of_error_of_one_line(text):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse_yaml(text)


def test_yaml_that_multiplies_is_refused_before_it_has():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(ValueError, match="stands for more than"):
        parse_yaml("\n".join(lines))


def test_a_text_is_what_files_and_paths_can_hold():
    assert is_text("caf\u00e9 \u30b3\u30c3\u30d7")
    assert not any(map(is_text, ["\ud800", "a\0b", b"a", None, 5]))


def test_a_value_is_shown_short_whatever_it_is():
    assert brief("pour") == "'pour'"
    assert brief([1, None]) == "[1, None]"
    assert brief(10**30) == str(10**30)
    for large in ("x" * 10_000, list(range(10_000)), {"a": {"b": {"c": {"d": {"e": 1}}}}}, 1 << 100_000):
        assert len(brief(large)) < 250


def test_an_error_is_told_in_one_short_line():
    assert in_short(ValueError("two\n  lines")) == "two lines"
    assert in_short(KeyError("codec")) == "KeyError 'codec'"
    assert in_short(AssertionError()) == "AssertionError"
    assert len(in_short(ValueError("x" * 10_000))) < 300
