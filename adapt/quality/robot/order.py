"""Are the columns in order? An action axis must be followed by the state of its own name, and not by another's."""

from collections.abc import Sequence

from adapt.embodiment.spec import Embodiment
from adapt.quality.robot.correlate import Following, added, changes, following
from adapt.quality.robot.findings import Finding, listed
from adapt.quality.robot.rows import Channel, EpisodeRows, channels, counterpart, spread

_LONGEST_S = 0.8  # within which a state answers
_FOLLOWS = 0.8  # correlation of the changes
# Of what the named state leaves unexplained of the command's changes, the other state may leave this share.
_UNEXPLAINED = 0.25
_UNEXPLAINED_ALONE = 0.1  # where a single episode is judged
_MOST_EPISODES = 200  # evenly over the set; more tell nothing new of what all share

Swap = tuple[Channel, Channel, float, float]  # command, the state that follows it, how well, how well its own does


def examine_order(spec: Embodiment, episodes: Sequence[EpisodeRows]) -> list[Finding]:
    """Ask which state follows which command, over all episodes and in each.

    Grippers are passed over: they act in pairs, and seldom.

    Args:
        spec: The body.
        episodes: At least one.

    Returns:
        Kind "order".
    """
    every = [c for c in channels(spec) if not c.axis.gripper and spread(c, episodes) > c.noise]
    lead = [c for c in every if c.kind == "action"]
    follow = [c for c in every if c.kind == "state"]
    if not lead or len(follow) < 2:
        return []
    looked = list(episodes[:: -(-len(episodes) // _MOST_EPISODES)])
    parts = [_sums(lead, follow, episode) for episode in looked]
    common = _swapped(lead, follow, added(parts), _UNEXPLAINED)
    if common:
        return [_told(common, f"over {len(looked)} episodes", ())]
    alone = [(e.index, _swapped(lead, follow, part, _UNEXPLAINED_ALONE)) for e, part in zip(looked, parts, strict=True)]
    odd = [(index, swaps) for index, swaps in alone if len(swaps) > 1]
    if not odd:
        return []
    places = [index for index, _ in odd]
    return [_told(odd[0][1], f"in {len(odd)} of {len(looked)} episodes ({listed(places)})", tuple(places))]


def _sums(lead: Sequence[Channel], follow: Sequence[Channel], episode: EpisodeRows) -> Following:
    lags = range(round(_LONGEST_S * episode.rate_hz) + 1)
    return following(changes(lead, episode), changes(follow, episode), lags)


def _swapped(lead: Sequence[Channel], follow: Sequence[Channel], sums: Following, most: float) -> list[Swap]:
    best = sums.correlations().max(axis=0)
    found: list[Swap] = []
    for row, command in enumerate(lead):
        own = counterpart(command, follow)
        if own is None:
            continue
        place = follow.index(own)
        other = int(best[row].argmax())
        mine, better = float(best[row, place]), float(best[row, other])
        if other != place and better >= _FOLLOWS and 1 - better**2 < most * (1 - max(0.0, mine) ** 2):
            found.append((command, follow[other], better, mine))
    return found


def _told(swaps: Sequence[Swap], where: str, episodes: tuple[int, ...]) -> Finding:
    pairs = "; ".join(
        f"'{command.axis.name}' is followed by the state of '{state.axis.name}' (correlation {better:.2f}, its own "
        f"{mine:.2f})"
        for command, state, better, mine in swaps
    )
    column = swaps[0][0].axis.column
    return Finding(
        kind="order",
        subject=f"columns '{column}' and '{swaps[0][1].axis.column}'",
        found=f"{where}, their axes are not in one order: {pairs}",
        remedy="Mend 'start' and 'index' in the spec, or the order in the data"
        + (" of these episodes" if episodes else ""),
        gravity="wrong",
        episodes=episodes,
    )
