import pytest

from adapt.footage import reasons

ALL = [value for name, value in vars(reasons).items() if name.isupper()]


@pytest.mark.parametrize("reason", ALL)
def test_a_reason_is_a_fault_and_a_remedy(reason: str) -> None:
    fault, remedy = reason.split("; ")
    assert reasons.fault(reason) == fault
    assert len(remedy.split()) >= 3
    assert "(" not in reason


def test_windows_are_counted_without_what_was_found_in_each() -> None:
    one = reasons.with_details(reasons.COPY, "clip (1).mp4 shows the same from 3.2 s")
    assert one.endswith("(clip (1).mp4 shows the same from 3.2 s)")
    assert reasons.common(one) == reasons.COPY
    assert reasons.fault(one) == "a copy of other footage"


def test_a_reason_of_another_kind_is_its_own_fault() -> None:
    assert reasons.fault("gap between training and validation") == "gap between training and validation"
