"""The curve from HDR to SDR against the standards' own figures, and what it promises."""

import numpy as np
import pytest
from decode_witness import rolled_off

from adapt.video.tone import hlg_decode, pq_decode, pq_encode, roll_off, to_sdr


def grey(signal: float, transfer: str) -> int:
    """What a grey of a coded value in [0, 1] is shown as."""
    values = np.full((1, 1, 3), round(65535 * signal), np.uint16)
    red, green, blue = to_sdr(values, transfer=transfer, gamut="BT.2020").ravel().tolist()
    assert max(red, green, blue) - min(red, green, blue) <= 1
    return green


def test_pq_is_that_of_the_standard() -> None:
    # BT.2408, table 1: 203 nits at 58 %, 1000 at 75 %; 10 000 is full signal.
    assert pq_encode(np.array([203.0, 1000.0, 10_000.0])) == pytest.approx([0.58, 0.75, 1.0], abs=0.005)
    nits = np.array([0.01, 1.0, 48.0, 203.0, 999.0])
    assert pq_decode(pq_encode(nits)) == pytest.approx(nits, rel=1e-9)


def test_hlg_is_that_of_the_standard() -> None:
    # BT.2100: half the signal is a twelfth of the light; BT.2408: paper white is at 75 %, a quarter of it and more.
    assert hlg_decode(np.array([0.0, 0.5, 0.75, 1.0])) == pytest.approx([0, 1 / 12, 0.265, 1], abs=1e-3)


def test_both_ways_of_hdr_give_paper_white_the_same_shade() -> None:
    assert grey(0.58, "PQ") == pytest.approx(grey(0.75, "HLG"), abs=2)
    assert grey(0.38, "HLG") == pytest.approx(grey(float(pq_encode(np.array(26.0))), "PQ"), abs=3)


def test_the_curve_leaves_shades_alone_keeps_order_and_ends_at_white() -> None:
    light = np.linspace(1e-4, 1000 / 203, 4000)
    bent = roll_off(light)
    assert bent[light < 0.43] == pytest.approx(light[light < 0.43], rel=1e-6)
    assert (np.diff(bent) > 0).all()
    assert bent[-1] == pytest.approx(1.0, abs=1e-6)
    assert bent == pytest.approx(rolled_off(203 * light) / 203, abs=1e-6)


def test_what_is_brighter_than_the_peak_is_white_and_black_is_black() -> None:
    assert (grey(0.0, "PQ"), grey(0.0, "HLG"), grey(0.9, "PQ"), grey(1.0, "HLG")) == (0, 0, 255, 255)


def test_highlights_keep_their_hue() -> None:
    lamp = np.array([[[0.75, 0.65, 0.55]]])  # An orange lamp, in PQ.
    light = pq_decode(lamp) / 203
    shown = to_sdr((65535 * lamp).astype(np.uint16), transfer="PQ", gamut="BT.709").ravel() / 255
    assert shown[0] == pytest.approx(1.0, abs=0.01)
    assert (shown[1:] / shown[0]) ** 2.4 == pytest.approx(light.ravel()[1:] / light.ravel()[0], rel=0.05)


def test_p3_is_only_turned_into_other_numbers() -> None:
    white_and_grey = np.array([[[65535] * 3, [30000] * 3]], np.uint16)
    shown = to_sdr(white_and_grey, transfer="SDR", gamut="P3")
    assert shown.tolist() == [[[255] * 3, [117] * 3]]
