"""Smoothing takes the jitter and leaves the motion: measured on motions that are known."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adapt.geometry.rotations import from_vector, geodesic_rad, to_vector
from adapt.geometry.smoothing import CUTOFF_HZ, smooth_positions, smooth_rotations

HZ = 30.0


def reaches(seconds: float = 0.5, count: int = 20) -> tuple[Tensor, Tensor]:
    """Reaches of 30 cm that end at rest, forth and back (minimum jerk, Flash and Hogan 1985); times and shares."""
    time = torch.arange(int(count * HZ), dtype=torch.float64) / HZ
    u = ((time % 1.0) / seconds).clamp(max=1.0)
    way = 10 * u**3 - 15 * u**4 + 6 * u**5
    return time, torch.where((time.long() % 2) == 0, way, 1 - way)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def lag_frames(smooth: Tensor, true: Tensor) -> float:
    """The shift, in tenths of a frame, at which the speeds agree best."""
    speed, wanted = smooth.diff(), true.diff()
    places = torch.arange(len(wanted), dtype=torch.float64)
    shifts = [step / 10 for step in range(-30, 31)]

    def shifted(by: float) -> Tensor:
        at = (places + by).clamp(0, len(wanted) - 1)
        low = at.floor().long().clamp(max=len(wanted) - 2)
        return speed[low] + (at - low) * (speed[low + 1] - speed[low])

    return max(shifts, key=lambda by: float((shifted(by) * wanted).sum()))


@pytest.mark.parametrize("seed", range(5))
def test_positions_lose_half_their_jitter_no_time_and_little_of_their_peak_speed(seed: int) -> None:
    time, way = reaches()
    true = torch.stack((0.3 * way, 0.1 * way, torch.full_like(way, 0.5)), dim=1)
    raw = true + 0.004 * noise(len(time), 3, seed=seed)
    smooth = smooth_positions(raw, time)
    at_rest = (time % 1.0) > 0.6
    assert (smooth - true)[at_rest].square().mean() <= 0.5**2 * (raw - true)[at_rest].square().mean()
    assert (smooth - true).diff(dim=0).square().mean() <= 0.3**2 * (raw - true).diff(dim=0).square().mean()
    assert abs(lag_frames(smooth[:, 0], true[:, 0])) <= 0.2
    clean = smooth_positions(true, time)
    peak, kept = true.diff(dim=0).norm(dim=1).max(), clean.diff(dim=0).norm(dim=1).max()
    assert 0.9 * peak <= kept <= 1.02 * peak


@pytest.mark.parametrize("seed", range(3))
def test_rotations_lose_half_their_jitter_no_time_and_little_of_their_peak_speed(seed: int) -> None:
    time, way = reaches()
    axis = torch.tensor([0.6, -0.64, 0.48], dtype=torch.float64)
    true = from_vector(2.0 * way[:, None] * axis)
    raw = from_vector(0.05 * noise(len(time), 3, seed=seed)) @ true
    smooth = smooth_rotations(raw, time)
    assert geodesic_rad(smooth, true).square().mean() <= 0.55**2 * geodesic_rad(raw, true).square().mean()
    at_rest = (time % 1.0) > 0.6
    assert (
        geodesic_rad(smooth, true)[at_rest].square().mean() <= 0.5**2 * geodesic_rad(raw, true)[at_rest].square().mean()
    )
    clean = smooth_rotations(true, time)
    assert abs(lag_frames(to_vector(clean) @ axis, 2.0 * way)) <= 0.2
    peak, kept = (geodesic_rad(turn[1:], turn[:-1]).max() for turn in (true, clean))
    assert 0.9 * peak <= kept <= 1.02 * peak


def test_half_of_a_motion_at_the_cutoff_is_kept_and_all_of_a_slow_one() -> None:
    time = torch.arange(600, dtype=torch.float64) / HZ
    for hz, share in ((CUTOFF_HZ, 0.5), (0.5, 1.0), (10.0, 0.015)):
        wave = torch.sin(2 * math.pi * hz * time)[:, None]
        middle = slice(200, 400)
        kept = smooth_positions(wave, time)[middle].std() / wave[middle].std()
        assert float(kept) == pytest.approx(share, abs=0.01)


def test_what_is_not_believed_is_bridged_and_never_looked_at() -> None:
    time, way = reaches(seconds=1.0)
    wave = way[:, None].clone()
    weight = torch.ones_like(time)
    weight[40:46] = 0
    spoilt = wave.clone()
    spoilt[40:46] = torch.nan
    assert (smooth_positions(spoilt, time, weight) - wave)[40:46].abs().max() < 0.03
    turns = from_vector(way[:, None] * torch.tensor([0.0, 0, 1.5]).double())
    broken = turns.clone()
    broken[40:46] = torch.nan
    found = smooth_rotations(broken, time, weight)
    assert geodesic_rad(found, turns)[40:46].max() < 0.05


def test_less_believed_rows_pull_less() -> None:
    time = torch.arange(30, dtype=torch.float64) / HZ
    bump = torch.zeros(30, 1, dtype=torch.float64)
    bump[15] = 1.0
    doubtful = torch.ones(30, dtype=torch.float64)
    doubtful[15] = 0.1
    assert smooth_positions(bump, time, doubtful)[15] < 0.3 * smooth_positions(bump, time)[15]


TRIPLES = st.tuples(*[st.floats(-1.5, 1.5, allow_nan=False)] * 3)


@settings(deadline=None, max_examples=20)
@given(TRIPLES, TRIPLES)
def test_smooth_rotations_do_not_hang_on_the_choice_of_axes(left: tuple[float, ...], right: tuple[float, ...]) -> None:
    time, way = reaches(count=2)
    raw = from_vector(way[:, None] * torch.tensor([1.0, 0.5, 0]).double() + 0.05 * noise(len(time), 3))
    before, after = (from_vector(torch.tensor(turn, dtype=torch.float64)) for turn in (left, right))
    torch.testing.assert_close(
        smooth_rotations(before @ raw @ after, time), before @ smooth_rotations(raw, time) @ after, atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_few_rows_are_left_as_they_are(rows: int) -> None:
    time, values = torch.arange(rows) / HZ, noise(rows, 2)
    torch.testing.assert_close(smooth_positions(values, time), values)
    turns = from_vector(noise(rows, 3) * 0.1)
    torch.testing.assert_close(smooth_rotations(turns, time), turns, atol=1e-7, rtol=0)


def test_what_cannot_be_smoothed_is_refused() -> None:
    values = torch.zeros(6, 1)
    with pytest.raises(ValueError, match="must increase"):
        smooth_positions(values, torch.zeros(6))
    for weight in (torch.zeros(6), torch.full((6,), torch.nan), torch.full((6,), -1.0)):
        with pytest.raises(ValueError, match="not all 0"):
            smooth_positions(values, torch.arange(6) / HZ, weight)
