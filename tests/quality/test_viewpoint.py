"""Who is opposite is told, with numbers and times, and costs nothing."""

import pytest

from adapt.hands.quality import HandConfig
from adapt.quality.findings import HINT
from adapt.quality.viewpoint import view_findings

BELOW, ABOVE = (0.95,), (-0.95,)
CONFIG = HandConfig()


def test_a_first_persons_video_gets_no_word() -> None:
    assert view_findings([BELOW] * 100, 5.0, CONFIG) == []
    assert view_findings([], 5.0, CONFIG) == []


def test_where_most_arms_come_from_above_the_camera_is_somebody_elses() -> None:
    (finding,) = view_findings([ABOVE] * 12 + [BELOW] * 12, 5.0, CONFIG)
    assert (finding.code, finding.weight, finding.seconds) == ("third_person", HINT, 0.0)
    assert "12 of 24 hands come in from the top" in finding.found
    assert "upside down" in finding.found
    assert "head or chest" in finding.remedy


def test_somebody_elses_hands_are_told_with_when_they_are_there() -> None:
    looks = [BELOW] * 10 + [(0.95, -0.95)] * 5 + [()] * 5 + [BELOW] * 5 + [ABOVE] * 2
    (finding,) = view_findings(looks, 5.0, CONFIG)
    assert (finding.code, finding.weight, finding.seconds) == ("others_hands", HINT, 0.0)
    assert "7 of 27 hands" in finding.found
    assert finding.found.endswith("from 0:02.0 to 0:03.0, 0:05.0 to 0:05.4")


@pytest.mark.parametrize(("share", "codes"), [(0.25, []), (0.24, ["others_hands"]), (1.0, [])])
def test_the_recipe_says_from_which_share_on(share: float, codes: list[str]) -> None:
    looks = [ABOVE] * 5 + [BELOW] * 15
    config = HandConfig(max_opposite_share=share)
    assert [finding.code for finding in view_findings(looks, 5.0, config)] == codes
