"""What reaches a policy server: frames from anybody, and files of names on the wire."""

import json
from pathlib import Path

import numpy as np
import yaml
from fuzz.hostile import altered, damaged, fuzz, refused_or_read
from hypothesis import given
from hypothesis import strategies as st
from serve_builder import robot
from serve_droid import KEYS, arm_of_droid

from adapt.serve.keys import Keys, load_keys
from adapt.serve.requests import as_message, endpoint_of, read_request, session_of
from adapt.serve.wire import pack, unpack

BODY = robot()
ASKED = {
    "images": {"main": [[[0, 0, 0]]]},
    "state": [0.0, 0.1],
    "prompt": "wave",
    "seed": 3,
    "executed": 2,
    "session_id": "a",
    "endpoint": "infer",
    "operator_actions": [[0.0, 0.1, 0.0]],
}
PICTURE = np.zeros((2, 2, 3), np.uint8)
FRAME = pack({**ASKED, "images": {"main": PICTURE}, "state": np.array([0.0, 0.1])})


def read(frame: bytes) -> object:
    message = as_message(unpack(frame))
    endpoint_of(message)
    session_of(message)
    return read_request(message, BODY, Keys(), None)


@fuzz(60)
@given(frame=st.one_of(damaged(FRAME), st.binary(max_size=200)))
def test_a_frame(folder: Path, frame: bytes) -> None:
    refused_or_read(lambda: read(frame), folder)


@fuzz(60)
@given(value=altered(ASKED))
def test_a_message(folder: Path, value: object) -> None:
    """What is no message cannot be packed either; what can is read, or refused by name."""

    def there_and_back() -> object:
        return read(pack(value))

    refused_or_read(there_and_back, folder)


@fuzz(60)
@given(
    data=st.one_of(altered(KEYS).map(lambda value: yaml.safe_dump(value).encode()), damaged(json.dumps(KEYS).encode()))
)
def test_names_on_the_wire(folder: Path, data: bytes) -> None:
    path = folder / "keys.yaml"
    path.write_bytes(data)
    found = refused_or_read(lambda: load_keys(path, arm_of_droid()), folder)
    if found is not None and found.roboarena is not None:
        assert len(found.roboarena_config() or {}) == 6
