"""What does it all come to, in a sentence or two that claim nothing the verdicts do not say?"""

from collections.abc import Sequence

from adapt.evaluate import actions, retention, video
from adapt.evaluate.record import BETTER, NO_GAIN, NOT_MEASURED, TOO_FEW, WORSE, ZERO_SHOT, Measure, Verdict

_REFERENCES = {ZERO_SHOT: "the unadapted base"}
_HEADLINES = (
    (video.FRAME, "Imagined video (whole frames)"),
    (video.MOTION, "Where something moves"),
    (actions.OVERALL, "Actions (first chunk, open loop)"),
)


def summarise(measures: Sequence[Measure], verdicts: Sequence[Verdict], *, same_session: bool) -> str:
    """The verdict in words: video, actions, what was forgotten, and how far to trust it."""
    sentences = []
    for id_, subject in _HEADLINES:
        measure = next((item for item in measures if item.id == id_), None)
        if measure is not None and measure.value is None:
            sentences.append(f"{subject}: {measure.note}.")
        elif measure is not None:
            sentences.append(f"{subject}: {_compare([v for v in verdicts if v.measure == id_], measure)}.")
    sentences += [
        f"On the base's own data it became worse ({verdict.measure.split('.')[1].replace('_', ' ')})."
        for verdict in verdicts
        if verdict.measure in (retention.LATENT, retention.ACTION) and verdict.verdict == WORSE
    ]
    if same_session:
        sentences.append("Training and held-out windows come from one recording session, which flatters the result.")
    return " ".join(sentences)


def robot_effect(kind: str) -> str:
    """What is known of the effect on a robot; nothing, until one has moved."""
    if kind == "human":
        return f"{NOT_MEASURED}: human video only; for these figures no robot moved, real or simulated"
    return f"{NOT_MEASURED}: actions were compared with recorded ones; no robot moved for it, real or simulated"


def _compare(verdicts: Sequence[Verdict], measure: Measure) -> str:
    """For example "better than the unadapted base and hold last, no measurable gain over mean; 24 windows"."""
    groups = ((BETTER, "better than"), (WORSE, "worse than"), (NO_GAIN, "no measurable gain over"))
    parts = []
    for word, phrase in groups:
        names = [
            _REFERENCES.get(item.against, item.against) + (_seen(item, measure) if word == NO_GAIN else "")
            for item in verdicts
            if item.verdict == word
        ]
        if names:
            parts.append(f"{phrase} {' and '.join(names)}")
    windows = max((item.windows for item in verdicts), default=0)
    if any(item.verdict == TOO_FEW for item in verdicts):
        return f"too few held-out windows to tell ({windows})"
    return f"{', '.join(parts) or 'nothing to compare with'} ({windows} windows)"


def _seen(verdict: Verdict, measure: Measure) -> str:
    """How small a gain would have been seen, as a share of the reference's error; empty where that cannot be told."""
    reference = measure.baselines.get(verdict.against, 0.0)
    if not verdict.detectable or not reference > 0:
        return ""
    return f" ({max(0.01, verdict.detectable / reference):.0%} would have shown)"
