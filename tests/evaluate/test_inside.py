"""Told spreads are found honest where they are, and found out where they are not."""

import pytest
import torch

from adapt.evaluate.bootstrap import Bootstrap
from adapt.evaluate.inside import ShareInside, share_inside

FAST = Bootstrap(resamples=500)


def told(spread_told: float, *, windows: int = 24, sessions: int = 6, together: float = 0.0) -> ShareInside:
    """Errors of spread 1 and what a head says of them; `together` is the share that steps of a session have alike."""
    generator = torch.Generator().manual_seed(0)
    alike = torch.randn(sessions, 1, 1, generator=generator)
    own = torch.randn(windows, 16, 3, generator=generator)
    places = [place % sessions for place in range(windows)]
    true = list(together**0.5 * alike[places] + (1 - together) ** 0.5 * own)
    mean, spread = [torch.zeros(16, 3)] * windows, [torch.full((16, 3), spread_told)] * windows
    found = share_inside(true, mean, spread, [f"session {place}" for place in places], FAST)
    assert found is not None
    return found


def test_an_honest_spread_is_found_honest() -> None:
    found = told(1.0)
    assert found.honest
    assert found.inside == pytest.approx(0.9, abs=0.03)
    assert found.stretch == pytest.approx(1.0, abs=0.05)


def test_a_head_twice_too_sure_is_found_out_and_by_how_much() -> None:
    found = told(0.5)
    assert not found.honest
    assert found.high < 0.7
    assert found.stretch == pytest.approx(2.0, abs=0.1)


def test_a_head_too_unsure_is_found_out() -> None:
    found = told(1.5)
    assert not found.honest
    assert found.low > 0.9


def test_steps_that_go_wrong_together_are_no_news_of_their_own() -> None:
    alone, together = told(1.0), told(1.0, together=0.9)
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_limits_stay_between_none_and_all_and_do_not_vanish_where_all_agree() -> None:
    never, always = told(0.0), told(100.0)
    assert (never.inside, never.low) == (0.0, 0.0)
    assert (always.inside, always.high) == (1.0, 1.0)
    assert always.low == pytest.approx(0.025 ** (1 / 6))
    assert never.high == pytest.approx(1 - 0.025 ** (1 / 6))


def test_values_that_are_not_known_do_not_count() -> None:
    true = [torch.tensor([[0.0, float("nan")], [5.0, 0.5]])] * 2
    one = [torch.ones(2, 2)] * 2
    found = share_inside(
        [*true, torch.full((2, 2), float("nan"))], [*one, one[0]], [*one, one[0]], ["a", "a", "b"], FAST
    )
    assert found is not None
    assert (found.inside, found.windows, found.sessions) == (pytest.approx(2 / 3), 2, 1)


def test_nothing_known_gives_no_share() -> None:
    nothing = [torch.full((2, 2), float("nan"))]
    assert share_inside(nothing, nothing, [torch.ones(2, 2)], ["a"], FAST) is None
    assert share_inside([], [], [], [], FAST) is None


def test_a_negative_spread_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        share_inside([torch.zeros(1, 1)], [torch.zeros(1, 1)], [-torch.ones(1, 1)], ["a"], FAST)
