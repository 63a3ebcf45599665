"""What the Hub's client raises becomes a letter; what is not the Hub's fault stays what it is."""

import errno
import json
import sys

import pytest
from huggingface_hub.errors import FileMetadataError
from huggingface_hub.utils import are_progress_bars_disabled

from adapt.errors import BundleError, HubError
from adapt.hub.client import Hub
from adapt.hub.refusals import Errand, in_our_words

ERRAND = Errand(
    doing="pull lab/pour", repo_id="lab/pour", hub=Hub(endpoint="https://hub.example.org", token="a secret word")
)


def told(error: Exception) -> str:
    with pytest.raises(HubError) as letter, in_our_words(ERRAND):
        raise error
    return str(letter.value)


@pytest.mark.parametrize("error", [KeyError("x"), ZeroDivisionError(), BundleError("damaged")])
def test_errors_that_are_not_the_hubs_pass_unchanged(error: Exception):
    with pytest.raises(type(error)) as passed, in_our_words(ERRAND):
        raise error
    assert passed.value is error


@pytest.mark.parametrize("error", [FileMetadataError("no header"), json.JSONDecodeError("x", "<html>", 0)])
def test_a_server_that_is_no_hub_is_called_so(error: Exception):
    assert "does not answer as a Hub does. Check HF_ENDPOINT" in told(error)


def test_a_full_disk_is_not_taken_for_a_network_fault():
    assert "disk is full" in told(OSError(errno.ENOSPC, "No space left on device"))


def test_the_cause_behind_a_wrapped_error_is_what_is_told():
    wrapped = RuntimeError("Error while uploading 'heads.safetensors'")
    wrapped.__cause__ = TimeoutError("timed out")
    assert told(wrapped).startswith("pull lab/pour: cannot reach https://hub.example.org (TimeoutError)")


def test_the_token_is_cut_out_of_whatever_is_told():
    assert "a secret word" not in told(ValueError("Invalid metadata in README.md: a secret word"))


def test_the_clients_progress_bars_stay_off_where_nobody_looks(monkeypatch: pytest.MonkeyPatch):
    # What the test session's environment has switched off for good may be switched on again here.
    bars = sys.modules["huggingface_hub.utils.tqdm"]
    monkeypatch.setattr(bars, "HF_HUB_DISABLE_PROGRESS_BARS", None)
    monkeypatch.setattr(bars, "progress_bar_states", {})
    with in_our_words(ERRAND):
        assert are_progress_bars_disabled()
    assert not are_progress_bars_disabled()
