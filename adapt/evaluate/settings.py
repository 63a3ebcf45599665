"""How an adapted model is judged: the settings, free of heavy imports."""

from dataclasses import dataclass

from adapt.errors import RecipeError

LEAST_RESAMPLES = 200


@dataclass(slots=True, kw_only=True)
class EvaluateConfig:
    """Judging an adapted model on windows it was not trained on.

    Args:
        max_windows: Held-out windows judged, spread evenly over all of them; more narrows the intervals.
        replay_windows: Windows of the base's own replay data on which forgetting is measured; 0 to skip it.
        video_steps: Solver steps for imagining a chunk of video.
        resamples: Bootstrap resamples behind each interval.
        confidence: Share of resampled differences the interval covers.
        pictures: Held-out windows drawn as picture strips for the card, from the worst imagined to the best.
        shown: Held-out windows shown in the report, the worst imagined first.
        drift_recordings: Recordings over which a long rollout is followed that nothing corrects; 0 to skip it.
        drift_chunks: Longest such rollout, in chunks; longer than a window of the base where recordings allow.
        spread_draws: Samples behind the spread of the actions a flow head tells; 0 for no spread.
        seed: Seed of the noise the imagined futures start from, and of the bootstrap.
    """

    max_windows: int = 24
    replay_windows: int = 8
    video_steps: int = 8
    resamples: int = 2000
    confidence: float = 0.95
    pictures: int = 3
    shown: int = 6
    drift_recordings: int = 4
    drift_chunks: int = 8
    spread_draws: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that judge nothing."""
        for name, least in (
            ("max_windows", 1),
            ("replay_windows", 0),
            ("video_steps", 1),
            ("resamples", LEAST_RESAMPLES),
            ("pictures", 0),
            ("shown", 0),
            ("drift_recordings", 0),
            ("drift_chunks", 1),
            ("spread_draws", 0),
        ):
            value = getattr(self, name)
            if value < least:
                raise RecipeError(
                    f"evaluate.{name} is {value}; it must be at least {least}. "
                    "Leave it out to take the default shown by `wam-adapt config show`."
                )
        if self.spread_draws == 1:
            raise RecipeError(
                "evaluate.spread_draws is 1; one sample has no spread. Choose 2 or more (default 8), or 0 for none."
            )
        if not 0.5 <= self.confidence < 1:
            raise RecipeError(
                f"evaluate.confidence is {self.confidence}; an interval covers a share from 0.5 to just below 1. "
                "Give such a share; 0.95 is usual."
            )
