import hashlib
from pathlib import Path

import pytest

from adapt.runs.fingerprint import canonical, fingerprint


def test_fingerprint_is_the_sha256_of_the_canonical_json():
    assert canonical({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    assert fingerprint({"b": [1, 2.5], "a": None}) == hashlib.sha256(b'{"a":null,"b":[1,2.5]}').hexdigest()


def test_fingerprint_does_not_hang_on_the_order_of_keys_or_on_tuple_and_list():
    assert fingerprint({"x": 1, "y": (1, 2)}) == fingerprint({"y": [1, 2], "x": 1})


def test_fingerprint_tells_a_truth_a_number_and_a_text_apart():
    assert len({fingerprint(value) for value in (1, 1.0, True, "1", None, [1])}) == 6


def test_fingerprint_keeps_every_digit_of_a_float():
    assert fingerprint(0.1 + 0.2) != fingerprint(0.3)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_fingerprint_refuses_what_json_cannot_say(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint({"loss": number})


def test_fingerprint_refuses_a_path_and_says_where_it_is():
    with pytest.raises(TypeError, match=r"value\['videos'\]\[0\] is a PosixPath.*digest of its content"):
        fingerprint({"videos": [Path("a.mp4")]})


def test_fingerprint_refuses_keys_that_json_would_silently_turn_into_text():
    with pytest.raises(TypeError, match="string keys"):
        fingerprint({1: "a"})
