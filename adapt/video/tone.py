"""How does a picture of high dynamic range, or of wider colours, look on an ordinary screen?

Light is followed through in nits of the display that HDR was graded for, at 203 nits for paper white (ITU-R BT.2408):
decode (PQ: SMPTE ST 2084; HLG: BT.2100 with the system gamma of a 1000 nit display), narrow the colours to BT.709 with
what lies outside cut off, roll highlights off with the curve of BT.2390, and encode for an SDR screen (BT.1886, 2.4).

What comes of it: shades up to 88 nits, 70 % of the signal, stay as they are, so faces and hands are as bright as an SDR
camera would have them; paper white comes to 90 % of the signal; the room above, up to 1000 nits, is left to highlights.
Without the step a model is shown PQ's or HLG's values as if they were SDR: grey, flat, washed out.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16

Transfer = Literal["SDR", "PQ", "HLG"]
Gamut = Literal["BT.709", "BT.2020", "P3"]

WHITE_NITS = 203.0  # BT.2408: HDR reference white, which SDR shows as its full signal.
PEAK_NITS = 1000.0  # What HLG is defined for and phones record; brighter light is shown as this bright.
SCREEN_GAMMA = 2.4  # BT.1886
_HLG_GAMMA = 1.2  # BT.2100, for a display of 1000 nits
_HLG_LUMA = (0.2627, 0.6780, 0.0593)
_STEPS = 1 << 14  # Of the tables; finer than half a step of 8 bits, dark shades included.

# To BT.709, in linear light; BT.2087 for BT.2020, for P3 from the primaries of SMPTE EG 432-1 with D65.
_TO_709: dict[Gamut, tuple[tuple[float, float, float], ...]] = {
    "BT.2020": (
        (1.660491, -0.587641, -0.072850),
        (-0.124550, 1.132900, -0.008349),
        (-0.018151, -0.100579, 1.118730),
    ),
    "P3": (
        (1.224940, -0.224940, 0.0),
        (-0.042057, 1.042057, 0.0),
        (-0.019638, -0.078636, 1.098274),
    ),
}


def to_sdr(rgb: UInt16[np.ndarray, "h w 3"], *, transfer: Transfer, gamut: Gamut) -> UInt8[np.ndarray, "h w 3"]:
    """Show values of one way of coding light as SDR's.

    Args:
        rgb: Coded values, full range over 16 bits.
        transfer: How they become light.
        gamut: Which colours they mean.

    Returns:
        Values for an SDR screen with BT.709's colours.
    """
    light = _decoding(transfer)[rgb]  # 1 is paper white
    if transfer == "HLG":
        light *= _system_gamma(light)[..., None]
    if gamut in _TO_709:
        light = light @ np.asarray(_TO_709[gamut], np.float32).T
    peak = 1.0 if transfer == "SDR" else PEAK_NITS / WHITE_NITS
    np.clip(light, 0.0, peak, out=light)
    if transfer != "SDR":
        brightest = np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2])
        light *= _dimming()[_place(brightest / np.float32(peak))][..., None]
    return np.asarray(_encoding()[_place(light)])


def roll_off(light: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """How bright SDR shows what HDR shows so bright; 1 is paper white, at most the peak goes in.

    Applied to the strongest of red, green and blue, and the others by the same factor, so hues stay.

    Source: ITU-R BT.2390-11, 5.4.1 (EETF), from 0 to `PEAK_NITS` onto 0 to `WHITE_NITS`, black left at 0.
    """
    top = float(pq_encode(np.asarray(PEAK_NITS)))
    coded = pq_encode(light * WHITE_NITS) / top
    highest = float(pq_encode(np.asarray(WHITE_NITS))) / top
    knee = 1.5 * highest - 0.5
    t = np.clip((coded - knee) / (1 - knee), 0.0, 1.0)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * highest
    return pq_decode(np.where(coded < knee, coded, bent) * top) / WHITE_NITS


def pq_decode(signal: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Light in nits of a PQ signal in [0, 1].

    Source: SMPTE ST 2084.
    """
    root = np.asarray(signal, np.float64) ** (32 / 2523)
    below = 2413 / 128 - 2392 / 128 * root
    return np.asarray(10_000 * (np.maximum(root - 3424 / 4096, 0) / below) ** (16384 / 2610))


def pq_encode(nits: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """PQ signal in [0, 1] of light in nits.

    Source: SMPTE ST 2084.
    """
    power = (np.asarray(nits, np.float64) / 10_000) ** (2610 / 16384)
    return np.asarray(((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


def hlg_decode(signal: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Light of the scene in [0, 1] of an HLG signal in [0, 1]; the display's gamma is still to come.

    Source: ITU-R BT.2100-2, table 5 (inverse of the OETF).
    """
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = (np.exp((np.maximum(signal, 0.5) - c) / a) + b) / 12
    return np.where(signal <= 0.5, np.asarray(signal, np.float64) ** 2 / 3, bright)


@lru_cache
def _decoding(transfer: Transfer) -> Float32[np.ndarray, " 65536"]:
    """Light of each 16 bit value, 1 being paper white; of HLG before the display's gamma."""
    signal = np.arange(65536) / 65535
    if transfer == "PQ":
        light = pq_decode(signal) / WHITE_NITS
    elif transfer == "HLG":
        light = hlg_decode(signal) * PEAK_NITS / WHITE_NITS
    else:
        light = signal**SCREEN_GAMMA
    return light.astype(np.float32)


def _system_gamma(light: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """What a 1000 nit display multiplies HLG's scene light by: more where the scene is bright."""
    luma = light @ np.asarray(_HLG_LUMA, np.float32) * np.float32(WHITE_NITS / PEAK_NITS)
    return luma ** np.float32(_HLG_GAMMA - 1)


@lru_cache
def _dimming() -> Float32[np.ndarray, " steps"]:
    """What the curve of highlights multiplies by, for each place of the brightest channel."""
    light = _light_at() * PEAK_NITS / WHITE_NITS
    light[0] = light[1]
    return (roll_off(light) / light).astype(np.float32)


@lru_cache
def _encoding() -> UInt8[np.ndarray, " steps"]:
    """The 8 bit value of each place."""
    return np.rint(255 * _light_at() ** (1 / SCREEN_GAMMA)).astype(np.uint8)


def _place(light: Float32[np.ndarray, "*n"]) -> UInt16[np.ndarray, "*n"]:
    """Where light in [0, 1] stands in the tables: by its root, which spends more places on dark shades."""
    return np.asarray(np.sqrt(np.minimum(light, 1.0)) * np.float32(_STEPS - 1) + np.float32(0.5)).astype(np.uint16)


def _light_at() -> Float[np.ndarray, " steps"]:
    """The light that each place of the tables stands for."""
    return (np.arange(_STEPS) / (_STEPS - 1)) ** 2
