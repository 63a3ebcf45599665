"""Stretches of rows, and what lies beside them."""

import numpy as np


def beside(mask: np.ndarray) -> np.ndarray:
    """Places next to those of a mask."""
    beside = np.zeros_like(mask)
    beside[1:] |= mask[:-1]
    beside[:-1] |= mask[1:]
    return beside


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First place and the place after the last of every unbroken stretch of a mask."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
