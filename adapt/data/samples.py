"""Which windows make up a training step, and what does the model see of each?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from math import ceil, floor, inf
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adapt.data.encoded import Encoded, read_encoded
from adapt.embodiment.resample import to_relative
from adapt.embodiment.statistics import normalise
from adapt.errors import DataError
from adapt.runs.fingerprint import fingerprint
from adapt.types import Sample, Window

ROBOT = "robot"  # provenance of actions that a robot was recorded carrying out
_DUST = 1e-9  # Rounding of shares such as 1/3.


class WindowDataset:
    """Windows of one split as samples: latents, text, and actions scaled for the model.

    Args:
        encoded: A folder of encoded data, or what `read_encoded` gave.
        split: "train" or "validation"; None takes both.

    Raises:
        DataError: The folder is damaged; a window's body has no statistics for the actions it carries; or it is not
            said where its actions come from and how far they are to be believed.
    """

    def __init__(self, encoded: Path | Encoded, split: str | None) -> None:
        self.encoded = read_encoded(encoded) if isinstance(encoded, Path) else encoded
        self.windows = tuple(window for window in self.encoded.windows if split is None or window.split == split)
        for window in self.windows:
            if window.actions is not None and not self._has_figures(window.embodiment):
                raise DataError(
                    f"window {window.window_id}: body '{window.embodiment}' has actions but statistics.json does not "
                    "know its action axes; encode again."
                )
            label_weight(window)

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Sample:
        """One window as the model sees it."""
        window = self.windows[index]
        actions, valid, state = self._scaled(window)
        prompt = self.encoded.embodiments[window.embodiment].prompt_for(window.instruction)
        return Sample(
            window_id=window.window_id,
            embodiment=window.embodiment,
            latents=self.encoded.latents.read(window.window_id).float(),
            text=self.encoded.prompts[prompt].float(),
            actions=actions,
            action_valid=valid,
            state=state,
            provenance=window.provenance,
            weight=label_weight(window),
        )

    def _has_figures(self, embodiment: str) -> bool:
        figures = self.encoded.statistics.get(embodiment)
        return figures is not None and figures.actions is not None

    def _scaled(
        self, window: Window
    ) -> tuple[Float[Tensor, "k d"] | None, Bool[Tensor, "k d"] | None, Float[Tensor, "m s"] | None]:
        """Actions, which of them are real, and state; numbers that are not finite become 0 and are marked."""
        if window.actions is None:
            return None, None, None
        figures = self.encoded.statistics[window.embodiment]
        body = self.encoded.embodiments[window.embodiment]
        relative = to_relative(window.actions, window.state, body, action_steps=self.encoded.geometry.action_steps)
        assert figures.actions is not None  # Checked in __init__.
        scaled = normalise(relative, figures.actions).float()
        valid = torch.isfinite(scaled)
        state = None
        if window.state is not None and figures.state is not None:
            state = torch.nan_to_num(normalise(window.state, figures.state).float(), nan=0.0, posinf=0.0, neginf=0.0)
        return scaled.where(valid, torch.zeros(())), valid, state


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Data sets mixed in fixed shares; what a step sees depends on `seed` and the step's number, on nothing else.

    Each batch holds the whole-number part of each share; a place that is left over is drawn by lot in proportion to
    what the shares still lack, so that the shares hold on average. Within a data set the order is a fresh shuffle an
    epoch.

    Args:
        datasets: The data sets; none may be empty.
        shares: Their shares, which sum to 1.
        seed: Decides the shuffles and the lots.
        batch_size: Samples in a batch.
    """

    datasets: Sequence[WindowDataset]
    shares: Sequence[float]
    seed: int
    batch_size: int

    def __post_init__(self) -> None:
        if not self.datasets or len(self.datasets) != len(self.shares) or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"{len(self.datasets)} data sets need as many shares that sum to 1; got {self.shares}")
        if empty := [number for number, dataset in enumerate(self.datasets) if not len(dataset)]:
            raise ValueError(f"data set {empty[0]} is empty")

    def plan(self, step: int) -> list[tuple[int, int]]:
        """Which samples make up a step: (data set, index in it), data set by data set."""
        return [
            (number, self._pick(number, step, place))
            for number, places in enumerate(self._places(step))
            for place in range(places)
        ]

    def windows(self, step: int) -> list[Window]:
        """What the samples of a step are made of; nothing is read."""
        return [self.datasets[number].windows[index] for number, index in self.plan(step)]

    def batch(self, step: int, places: Sequence[int] | None = None) -> list[Sample]:
        """The samples of a step, or of some places in its plan; only these are read."""
        plan = self.plan(step)
        chosen = plan if places is None else [plan[place] for place in places]
        return [self.datasets[number][index] for number, index in chosen]

    def _places(self, step: int) -> list[int]:
        wanted = [share * self.batch_size for share in self.shares]
        whole = [int(want + _DUST) for want in wanted]
        # Systematic sampling: one draw shifts a ruler of unit marks along what is lacking.
        mark = float(torch.rand((), generator=generator(self.seed, "places", step), dtype=torch.float64))
        ends = list(accumulate((want - place for want, place in zip(wanted, whole, strict=True)), initial=mark))
        extra = [floor(end + _DUST) - floor(start + _DUST) for start, end in pairwise(ends)]
        return [place + more for place, more in zip(whole, extra, strict=True)]

    def _pick(self, number: int, step: int, place: int) -> int:
        # Counting places at their upper bound keeps this a function of the step alone; a place not taken is skipped.
        most = ceil(self.shares[number] * self.batch_size - _DUST)
        epoch, rest = divmod(step * most + place, len(self.datasets[number]))
        return _order(self.seed, number, epoch, len(self.datasets[number]))[rest]


def label_weight(window: Window) -> float:
    """What a window's actions count in the losses: its weight times its confidence.

    A robot's own recording counts in full where nothing else is said. Labels that were made afterwards must say both:
    that they are less than a recording is what is known of them, and silence would count them as one.

    Raises:
        DataError: The actions have no provenance; or one that is not a robot, and no confidence or weight; or these
            are out of range.
    """
    if window.actions is None:
        return 1.0
    if not window.provenance:
        raise DataError(
            f"window {window.window_id}: has actions, but not where they come from. Say so in the clip table's "
            "provenance column: robot, hand_retarget or idm."
        )
    weight = 1.0
    for name, highest in (("confidence", 1.0), ("weight", inf)):
        value = getattr(window, name)
        if value is None and window.provenance != ROBOT:
            raise DataError(
                f"window {window.window_id}: its actions come from '{window.provenance}', but their {name} is not "
                f"given. Fill the clip table's {name} column; 1 counts like a robot's own recording."
            )
        if value is not None and not 0.0 <= value <= highest:
            raise DataError(
                f"window {window.window_id}: the {name} of its actions is {value}; give "
                f"{'a share from 0 to 1' if highest == 1.0 else 'a number from 0 on'}."
            )
        weight *= 1.0 if value is None else value
    return weight


def generator(*seeds: int | str) -> torch.Generator:
    """A random generator that depends on these values and nothing else."""
    return torch.Generator().manual_seed(int(fingerprint(list(seeds))[:16], 16) >> 1)


@lru_cache(maxsize=16)
def _order(seed: int, number: int, epoch: int, length: int) -> tuple[int, ...]:
    return tuple(torch.randperm(length, generator=generator(seed, "order", number, epoch)).tolist())
