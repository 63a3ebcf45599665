from itertools import pairwise

import pytest

from adapt.train.schedule import rate_share


def test_rate_rises_in_a_line_and_falls_as_a_cosine():
    shares = [rate_share(step, steps=10, warmup_share=0.2) for step in range(10)]
    assert shares[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert shares[6] == pytest.approx(0.5)  # half way down: step 2 + 8 / 2
    assert all(early > late for early, late in pairwise(shares[2:]))


def test_rate_is_never_zero_so_that_no_step_is_wasted():
    assert all(rate_share(step, steps=7, warmup_share=share) > 0 for share in (0.0, 0.5, 1.0) for step in range(7))
