"""Codec, picture or action head: which of them keeps the adapted model from doing better? From errors to `Blame`.

Actions are read from better and better pictures of the same windows: imagined, true after the codec's round trip, true.
Where the error falls is what was wrong before. Everything is compared in pairs, window by window, and a part is at
fault only where an interval says that it loses something and the loss is a large share of what there is to lose.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from adapt.evaluate.blame import (
    ACTION_HEAD,
    CANNOT_TELL,
    CODEC,
    IMAGINED,
    JOINT,
    NOTHING,
    PICTURE,
    ROUND_TRIP,
    TRUE_FUTURE,
    Blame,
)
from adapt.evaluate.bootstrap import Bootstrap, Interval, differences, paired_interval
from adapt.evaluate.record import CODEC_CEILING, COPY_LAST, HOLD_LAST, MEAN, TOO_FEW
from adapt.evaluate.verdict import LEAST_WINDOWS, word

ACTIONS, PIXELS = "actions.overall", "video.motion_error"
NO_HEAD = "Action head: not applicable: no labels"

# Less than this share of what standing still costs, saved while looking at what really happened, is no reading.
HEAD_LEAST = 0.2
# A rung is at fault when it loses this share of what reading the true future gains: most of it still arrives below.
MATERIAL = 1 / 3
# A rung is cleared only where its interval leaves out that it loses this share: without that, windows are too few.
MOST = 2 / 3
# Of the square error of a frozen frame where something moves. Half is lenient: a shape imagined sharply but one step
# aside costs twice, once where it is and once where it should be.
PIXEL_MATERIAL = 1 / 2
# A head trained by the statistics at hand answers within -1..1, so it cannot be further off than about one range.
OUT_OF_RANGE = 1.0
# Actions that go up and down with the true ones this closely and are still no good have the wrong size or offset.
FOLLOWS = 0.7
# And told this many times smaller or larger they are of another scale: a weak head, however unsure, shrinks what it
# tells by about the correlation at most. Too small a scale looks like standing still, which no error gives away.
OTHER_SCALE = 3.0
WORST, AXES = 5, 3  # windows and axes named


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How actions read from the true future go along with the true ones: median over axes, size and offset aside."""

    correlation: float
    size: float  # deviation of the told actions / of the true ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """Errors of the same windows read from better and better pictures; NaN where a window has none."""

    windows: Sequence[str]  # ids
    sessions: Sequence[str]
    pixels: Mapping[str, Sequence[float]]  # where something moves: COPY_LAST, CODEC_CEILING (if known), IMAGINED
    actions: Mapping[
        str, Sequence[float]
    ]  # HOLD_LAST, MEAN, TRUE_FUTURE, ROUND_TRIP, IMAGINED, JOINT; empty: no labels
    following: Following | None = None
    axes: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # error read from the true future, and still


def find_blame(rungs: Rungs, bootstrap: Bootstrap) -> Blame:
    """Decide which part is at fault.

    Args:
        rungs: Errors of every rung on every window.
        bootstrap: How to resample for the intervals.
    """
    pictures = _Table(rungs, rungs.pixels, bootstrap, PIXELS)
    table = _Table(rungs, rungs.actions, bootstrap, ACTIONS) if rungs.actions else pictures
    if not table.judged:
        return Blame(
            at_fault=CANNOT_TELL, reason="No held-out window has anything to judge by: none, or nothing moves."
        )
    blind = _blind_codec(pictures)
    if blind:
        # Its latents may be as blind as its pictures, and then nothing that is read from them can be right.
        return pictures.blame(CODEC, blind, pictures.loss(CODEC_CEILING))
    doubt = _doubtful_codec(pictures)
    found = _from_actions(table, rungs.following) if rungs.actions else _from_pixels(pictures)
    unread = found.at_fault == ACTION_HEAD and not _other_scale(rungs.following)
    if doubt and (unread or not rungs.actions):
        # A head cannot read what a codec does not show it, and no picture can be better than the codec's.
        return pictures.blame(CANNOT_TELL, doubt, pictures.loss(CODEC_CEILING))
    return found


def follow(true: Float[Tensor, "n d"], told: Float[Tensor, "n d"]) -> Following | None:
    """Compare actions as the model is trained on them (relative axes relative), axis by axis.

    Args:
        true: Steps of many windows; a step with a NaN is left out.
        told: Read from the true future.

    Returns:
        Medians over the axes that move; None where none does.
    """
    keep = (true.isfinite() & told.isfinite()).all(dim=1)
    off_true, off_told = (part[keep].double() - part[keep].double().mean(dim=0) for part in (true, told))
    deviation, told_deviation = off_true.square().mean(dim=0).sqrt(), off_told.square().mean(dim=0).sqrt()
    moves = deviation > 0
    if not bool(moves.any()):
        return None
    shared = (off_true * off_told).mean(dim=0) / (deviation * told_deviation).clamp(min=1e-12)
    return Following(
        correlation=float(shared[moves].median()), size=float((told_deviation / deviation)[moves].median())
    )


class _Table:
    """Rungs of one kind, and the comparisons that decisions are made of."""

    def __init__(self, rungs: Rungs, rows: Mapping[str, Sequence[float]], bootstrap: Bootstrap, measure: str) -> None:
        self.rungs = rungs
        self.rows = rows
        self.bootstrap = bootstrap
        self.measure = measure
        judged = [row for name, row in rows.items() if name != JOINT]
        self.judged = [place for place in range(len(rungs.windows)) if all(math.isfinite(row[place]) for row in judged)]
        self.means = {name: _mean([row[place] for place in self.judged]) for name, row in rows.items()}

    def loss(self, rung: str, better: str = "", share: float = 1.0) -> list[float]:
        """By window: the error of a rung, less `share` of a better one's; of nothing's where `better` is empty."""
        other = self.rows[better] if better else [0.0] * len(self.rungs.windows)
        return [one - share * two for one, two in zip(self.rows[rung], other, strict=True)]

    def interval(self, values: Sequence[float]) -> Interval | None:
        """Of the mean of values by window; None where there are too few of them."""
        paired = differences(values, [0.0] * len(values), self.rungs.sessions)
        found = None if paired is None else paired_interval(paired, self.bootstrap)
        return None if found is None or word(found) == TOO_FEW else found

    def blame(self, at_fault: str, reason: str, by: Sequence[float]) -> Blame:
        """The answer, the windows ordered by `by`."""
        order = sorted(self.judged, key=lambda place: -by[place])
        return Blame(
            at_fault=at_fault,
            reason=reason,
            measure=self.measure,
            ladder={name: mean for name, mean in self.means.items() if math.isfinite(mean)},
            windows=len(self.judged),
            worst=tuple(self.rungs.windows[place] for place in order[:WORST]),
        )

    def too_few(self, what: str, figures: str) -> Blame:
        """It cannot be told, for want of windows."""
        count = len(self.judged)
        wanted = f", of {LEAST_WINDOWS} at least" if count < LEAST_WINDOWS else ""
        reason = f"{what} cannot be told from {count} held-out window{'' if count == 1 else 's'}{wanted}: {figures}."
        return self.blame(CANNOT_TELL, reason, self.loss(IMAGINED))


def _blind_codec(table: _Table) -> str:
    """Why the codec is at fault by its own picture of the truth; empty where it is not, or cannot be judged."""
    if CODEC_CEILING not in table.rows:
        return ""
    found = table.interval(table.loss(CODEC_CEILING, COPY_LAST, PIXEL_MATERIAL))
    if found is None or found.low <= 0:
        return ""
    share = table.means[CODEC_CEILING] / table.means[COPY_LAST]
    return (
        f"Where something moves, its own picture of the truth is {share:.0%} as wrong as a frozen frame. "
        "Nothing that is imagined or read through it can be better."
    )


def _doubtful_codec(table: _Table) -> str:
    """Why the codec may be at fault though windows are too few to say so; empty where its picture is good enough."""
    if CODEC_CEILING not in table.rows or not table.means[CODEC_CEILING] >= PIXEL_MATERIAL * table.means[COPY_LAST]:
        return ""
    share = table.means[CODEC_CEILING] / table.means[COPY_LAST]
    return (
        f"Where something moves, the codec's own picture of the truth is {share:.0%} as wrong as a frozen frame, and "
        f"{len(table.judged)} held-out windows do not tell whether that is too much. Until the codec is cleared, "
        "nothing that is imagined or read through it can be blamed."
    )


def _from_pixels(table: _Table) -> Blame:
    """Codec or picture, where no action tells more."""
    least = CODEC_CEILING if CODEC_CEILING in table.rows else ""
    gap = table.means[COPY_LAST] - (table.means[least] if least else 0.0)
    loss = table.loss(IMAGINED, least)
    seen = f"codec {_kept(table, CODEC_CEILING)}, " if least else ""
    shown = f"of what moves, {seen}imagined picture {_kept(table, IMAGINED)} is right (a frozen frame: 0%)"
    interval = table.interval(loss)
    if interval is None or not gap > 0:
        return table.too_few("Which part is at fault", f"{shown}. {NO_HEAD}")
    if interval.low > 0 and interval.mean >= PIXEL_MATERIAL * gap:
        return table.blame(PICTURE, f"{_sentence(shown)} {NO_HEAD}.", loss)
    if interval.high < gap:
        return table.blame(NOTHING, f"{_sentence(shown)} {NO_HEAD}.", loss)
    return table.too_few("Whether the picture is at fault", f"{shown}. {NO_HEAD}")


def _kept(table: _Table, rung: str) -> str:
    return f"{max(0.0, 1 - table.means[rung] / table.means[COPY_LAST]):.0%}"


def _from_actions(table: _Table, following: Following | None) -> Blame:
    """Action head, codec or picture, by what is read from the true future, its round trip and the imagined one."""
    still = min((HOLD_LAST, MEAN), key=lambda name: table.means.get(name, math.inf))
    beaten = table.interval(table.loss(TRUE_FUTURE, still))
    short = table.interval(table.loss(TRUE_FUTURE, still, 1 - HEAD_LEAST))
    if beaten is None or short is None:
        return table.too_few("Which part is at fault", _figure(table, IMAGINED, TRUE_FUTURE, still))
    if short.low > 0 or _other_scale(following):
        reason = _sentence(_figure(table, TRUE_FUTURE, still)) + _axes(table.rungs.axes)
        reason += _suspect(table, following) + _joint(table, still)
        return table.blame(ACTION_HEAD, reason, table.loss(TRUE_FUTURE))
    if beaten.high >= 0:
        return table.too_few("Whether the action head can read at all", _figure(table, TRUE_FUTURE, still))
    gain = table.means[still] - table.means[TRUE_FUTURE]
    rungs = {PICTURE: IMAGINED} | ({CODEC: ROUND_TRIP} if ROUND_TRIP in table.rows else {})
    lost = {part: table.interval(table.loss(rung, TRUE_FUTURE)) for part, rung in rungs.items()}
    known = {part: interval for part, interval in lost.items() if interval is not None}
    faults = {part: i.mean for part, i in known.items() if i.low > 0 and i.mean >= MATERIAL * gain}
    if faults:
        # The decoder stands beside the imagined latents, not before them, so the larger loss is the one to mend first.
        part = max(faults, key=lambda name: (faults[name], name == CODEC))
        return table.blame(part, _lost(table, rungs[part], still), table.loss(rungs[part], TRUE_FUTURE))
    cleared = all(i.mean < MATERIAL * gain and i.high < MOST * gain for i in known.values())
    if not cleared or len(known) < len(rungs):
        return table.too_few("Whether codec or picture is at fault", _figure(table, IMAGINED, TRUE_FUTURE, still))
    return table.blame(NOTHING, _sentence(_figure(table, IMAGINED, TRUE_FUTURE, still)), table.loss(IMAGINED))


_SOURCE = {
    IMAGINED: "read from the imagined future",
    TRUE_FUTURE: "read from the true future",
    ROUND_TRIP: "read from the codec's round trip of the true future",
    HOLD_LAST: "holding still",
    MEAN: "the mean action",
}


def _figure(table: _Table, first: str, *others: str) -> str:
    """For example "read from the true future, actions are off by 31% of the range (holding still: 28%)"."""
    beside = ", ".join(f"{_SOURCE[name]}: {table.means[name]:.1%}" for name in others)
    return f"{_SOURCE[first]}, actions are off by {table.means[first]:.1%} of the range ({beside})"


def _lost(table: _Table, rung: str, still: str) -> str:
    gain = table.means[still] - table.means[TRUE_FUTURE]
    share = (table.means[rung] - table.means[TRUE_FUTURE]) / gain
    told = "all" if share >= 1 else f"{share:.0%}"
    return _sentence(f"{_figure(table, rung, TRUE_FUTURE, still)}: {told} of what the head can read is lost")


def _axes(axes: Mapping[str, tuple[float, float]]) -> str:
    """Where the head fails, if it does not fail everywhere alike: on one axis it can be a matter of that axis alone."""
    worse = sorted((name for name, (read, still) in axes.items() if read > still), key=lambda name: -axes[name][0])
    if not worse or len(worse) == len(axes):
        return ""
    named = ", ".join(worse[:AXES]) + (f" and {len(worse) - AXES} more" if len(worse) > AXES else "")
    return f" It loses to holding still on {len(worse)} of {len(axes)} axes: {named}."


def _suspect(table: _Table, following: Following | None) -> str:
    """Whether the numbers look like those of another body's statistics."""
    if following is not None and following.correlation >= FOLLOWS:
        return (
            f" They go along with the true ones (correlation {following.correlation:.2f}) at {following.size:.2g} "
            "times their size: suspect the statistics, or units, of another body."
        )
    if table.means[TRUE_FUTURE] > OUT_OF_RANGE:
        return " That is more than their whole range: suspect the statistics, or units, of another body."
    return ""


def _other_scale(following: Following | None) -> bool:
    """Whether the actions are right but for their size."""
    if following is None or following.correlation < FOLLOWS:
        return False
    return not 1 / OTHER_SCALE <= following.size <= OTHER_SCALE


def _joint(table: _Table, still: str) -> str:
    if JOINT not in table.rows:
        return ""
    found = table.interval(table.loss(JOINT, still))
    return "" if found is None or found.high >= 0 else f" The joint head can do it: {table.means[JOINT]:.1%}."


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
