"""How fast does each step learn? A linear rise, then half a cosine down to nothing."""

from math import cos, pi


def rate_share(step: int, *, steps: int, warmup_share: float) -> float:
    """Share of the peak learning rate at a step, counted from 0.

    The first step has more than 0 and the last more than 0 too, so that no step is wasted.

    Args:
        step: Number of the step, from 0.
        steps: All steps.
        warmup_share: Share of the steps over which the rate rises.

    Returns:
        A number in (0, 1].
    """
    warmup = int(steps * warmup_share)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + cos(pi * (step - warmup) / max(steps - warmup, 1)))
