"""Who works on which windows of a step? Shared out over processes, and over the parts each goes through them in."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from adapt.types import Sample, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What all processes know of one place in a step's batch, without reading its latents."""

    window_id: str
    chunks: int
    acts: bool  # whether the window has actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One process's share of a step's batch.

    Attributes:
        samples: Its samples, in the order they have in the batch.
        places: Where in the batch they stand.
        batch: All places of the batch.
    """

    samples: Sequence[Sample]
    places: Sequence[int]
    batch: Sequence[Place]

    @classmethod
    def whole(cls, samples: Sequence[Sample], latent_frames_per_chunk: int) -> "Share":
        """All of a batch."""
        batch = [
            Place(
                window_id=sample.window_id,
                chunks=(len(sample.latents) - 1) // latent_frames_per_chunk,
                acts=sample.actions is not None,
            )
            for sample in samples
        ]
        return cls(samples=samples, places=range(len(batch)), batch=batch)


def place_of(window: Window) -> Place:
    """What is known of a window before it is read."""
    return Place(window_id=window.window_id, chunks=window.chunks, acts=window.actions is not None)


def deal(batch: Sequence[Place], hands: int) -> list[list[int]]:
    """Share the places of a batch out over so many hands, about as many chunks to each.

    All places of one window go to the same hand. What is drawn for a window hangs on its id and on how often it was
    there before (`adapt.models.seeding.row_seeds`), so each place draws the same numbers however the batch is dealt.

    Args:
        batch: The batch.
        hands: Processes, or parts.

    Returns:
        For each hand its places, in the batch's order. A hand may be empty.
    """
    windows: dict[str, list[int]] = {}
    for number, place in enumerate(batch):
        windows.setdefault(place.window_id, []).append(number)
    dealt: list[list[int]] = [[] for _ in range(hands)]
    loads = [0.0] * hands
    # Long ones first: the short ones then even out what is left. Ties go by the batch's order, and to the first hand.
    for places in sorted(windows.values(), key=lambda places: (-batch[places[0]].chunks, places[0])):
        hand = loads.index(min(loads, default=inf))
        dealt[hand] += places
        loads[hand] += sum(batch[place].chunks for place in places)
    return [sorted(places) for places in dealt]
