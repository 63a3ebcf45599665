"""An error that a disk is to blame for is told as such, and of the folder that is meant only."""

import errno
import os
from pathlib import Path

import pytest

from adapt.runs.disk import letter_about


@pytest.mark.parametrize(
    ("place", "is_told"),
    [("/runs/a/encode/x", True), ("/runs/a", True), ("/runs/ab/x", False), ("/runs/ab", False), ("/cache", False)],
)
def test_only_what_lies_in_the_folder_is_told_as_its_fault(place: str, *, is_told: bool) -> None:
    closed = PermissionError(errno.EACCES, os.strerror(errno.EACCES), place)
    letter = letter_about(closed, "encode", Path("/runs/a"))
    assert (letter is not None) == is_told
    assert letter is None or f"encode: {place} cannot be written (Permission denied)" in str(letter)


def test_an_error_that_names_no_place_is_told_of_the_folder() -> None:
    letter = letter_about(PermissionError(errno.EROFS, "Read-only file system"), "encode", Path("/runs/a"))
    assert letter is not None
    assert "encode: /runs/a cannot be written" in str(letter)
