"""How well does one thing's motion follow another's, some rows later? Sums that add up over episodes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from adapt.quality.robot.rows import Channel, EpisodeRows

_PACE_S = 0.1  # Changes are taken over this time, or one row.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Following:
    """Sums of products of what leads and what follows, for every lag; of one episode, or of several added up."""

    products: Float[np.ndarray, "lags a s"]
    lead: Float[np.ndarray, " a"]  # squares
    follow: Float[np.ndarray, " s"]

    def correlations(self) -> Float[np.ndarray, "lags a s"]:
        """In [-1, 1]; 0 for what does not change."""
        size = np.sqrt(self.lead[:, None] * self.follow[None, :])
        return np.asarray(np.where(size > 0, self.products / np.where(size > 0, size, 1.0), 0.0))


def added(parts: Sequence[Following]) -> Following:
    """The sums of several episodes; at least one."""
    return Following(
        products=np.sum([part.products for part in parts], axis=0),
        lead=np.sum([part.lead for part in parts], axis=0),
        follow=np.sum([part.follow for part in parts], axis=0),
    )


def changes(of: Sequence[Channel], episode: EpisodeRows) -> Float[np.ndarray, "t c"]:
    """Change of each path around every row, over about 0.1 s; as long as the episode."""
    width = max(1, round(_PACE_S * episode.rate_hz))
    paths = np.stack([channel.path(episode) for channel in of], axis=1) if of else np.zeros((episode.length, 0))
    padded = np.pad(paths, ((width, 0), (0, 0)), mode="edge")
    return np.asarray(padded[width:] - padded[:-width])


def following(lead: Float[np.ndarray, "t a"], follow: Float[np.ndarray, "t s"], lags: Sequence[int]) -> Following:
    """Compare what leads at row t with what follows at row t + lag."""
    length = len(lead)
    products = np.zeros((len(lags), lead.shape[1], follow.shape[1]))
    for place, lag in enumerate(lags):
        first, last = max(0, -lag), min(length, length - lag)
        if last > first:
            products[place] = lead[first:last].T @ follow[first + lag : last + lag]
    return Following(products=products, lead=(lead**2).sum(axis=0), follow=(follow**2).sum(axis=0))
