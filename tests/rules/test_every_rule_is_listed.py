"""The list of rules for readers names every test there is, and each of these plants its mistakes."""

import re
from pathlib import Path

HERE = Path(__file__).parent
LISTED = re.findall(
    r"^\| \[(\d+)\]\(#\1\) \| .+ \| `(test_rule_\d\d_\w+\.py)` \|$",
    (HERE.parents[1] / "docs" / "rules.md").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)


def test_the_list_names_eleven_rules_and_their_tests_in_order() -> None:
    assert [int(number) for number, _ in LISTED] == list(range(1, 12))
    assert [file for _, file in LISTED] == sorted(path.name for path in HERE.glob("test_rule_*.py"))
    assert all(file.startswith(f"test_rule_{int(number):02}_") for number, file in LISTED)


def test_every_rule_has_a_planted_violation_that_its_check_must_notice() -> None:
    for _, file in LISTED:
        text = (HERE / file).read_text(encoding="utf-8")
        assert "def test_planted_" in text, file
        assert "pytest.raises(AssertionError, match=" in text, file
