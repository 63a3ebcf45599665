"""Tables of paired differences, for tests of intervals."""

from collections.abc import Sequence

import numpy as np

from adapt.evaluate.bootstrap import Paired


def paired(rows: Sequence[Sequence[float]], sessions: str | Sequence[str] = "") -> Paired:
    """Differences by seed and window; `sessions` names one a window ("aabb"), all of one where empty."""
    values = np.array(rows, dtype=np.float64)
    names = tuple(sessions) or ("a",) * values.shape[1]
    return Paired(values=values, sessions=names, seeds=tuple(range(len(values))))
