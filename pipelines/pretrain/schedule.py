"""How fast should a step learn?"""

import math


def one_cycle(step: int, steps: int, highest: float) -> float:
    """Learning rate: up in a straight line over the first 4%, then down along a cosine to a fiftieth."""
    rise = max(1, steps // 25)
    if step < rise:
        return highest * (step + 1) / rise
    share = (step - rise) / max(1, steps - rise)
    return highest * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
