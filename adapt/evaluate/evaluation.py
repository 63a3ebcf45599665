"""Did adapting help? Everything measured on held-out windows, put together into one record."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from adapt.evaluate.actions import Body, no_actions, score_actions
from adapt.evaluate.held_out import HeldOut, Imagined
from adapt.evaluate.record import ZERO_SHOT, Evaluation, Measure, Verdict
from adapt.evaluate.retention import no_retention, score_retention
from adapt.evaluate.settings import EvaluateConfig
from adapt.evaluate.summary import robot_effect, summarise
from adapt.evaluate.tables import ADAPTED
from adapt.evaluate.verdict import Bootstrap
from adapt.evaluate.video import Codec, score_video
from adapt.types import BaseGeometry, Sample

NO_LABELS = "human video carries no action labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged, in words and numbers that do not depend on the models."""

    kind: str  # "human" or "play"
    embodiment: str  # of the held-out windows
    base: str
    base_revision: str
    held_out: int  # held-out windows there are, judged or not
    same_session: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """Some windows, and what the adapted model and the base made of them."""

    held_out: Sequence[HeldOut]
    adapted: Sequence[Imagined]
    base: Sequence[Imagined]

    @property
    def futures(self) -> Mapping[str, Sequence[Imagined]]:
        """The answers by contender."""
        return {ADAPTED: self.adapted, ZERO_SHOT: self.base}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """Windows of the base's own data, and what both models made of them; actions normalised."""

    samples: Sequence[Sample]
    adapted: Sequence[Imagined]
    base: Sequence[Imagined]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tools:
    """What judging needs besides windows and answers."""

    codec: Codec
    geometry: BaseGeometry
    body: Body | None  # None where the held-out windows have no actions
    base_knows_body: bool = False


def evaluate(
    subject: Subject, trial: Trial, replayed: Replayed | str, tools: Tools, config: EvaluateConfig
) -> Evaluation:
    """Judge an adapted model.

    Args:
        subject: What is judged.
        trial: Held-out windows and both models' answers.
        replayed: The base's own data likewise, or the reason why there is none.
        tools: Codec, geometry and, where actions can be judged, the body.
        config: How to judge.
    """
    bootstrap = Bootstrap(resamples=config.resamples, confidence=config.confidence, seed=config.seed)
    video = score_video(trial.held_out, trial.futures, tools.codec, tools.geometry, bootstrap)
    measures, verdicts = [*video.measures], [*video.verdicts]
    for more_measures, more_verdicts in (
        _actions(trial, tools, bootstrap),
        _retention(replayed, tools, bootstrap),
    ):
        measures += more_measures
        verdicts += more_verdicts
    return Evaluation(
        kind=subject.kind,
        body=subject.embodiment,
        base=subject.base,
        base_revision=subject.base_revision,
        windows=len(trial.held_out),
        held_out=subject.held_out,
        sessions=len({item.window.session for item in trial.held_out}),
        same_session=subject.same_session,
        settings=asdict(config),
        measures=tuple(measures),
        verdicts=tuple(verdicts),
        summary=summarise(measures, verdicts, same_session=subject.same_session),
        robot_effect=robot_effect(subject.kind),
        worst=video.worst,
    )


def _actions(trial: Trial, tools: Tools, bootstrap: Bootstrap) -> tuple[Sequence[Measure], Sequence[Verdict]]:
    if tools.body is None:
        return [no_actions(NO_LABELS)], []
    labelled = [place for place, item in enumerate(trial.held_out) if item.window.actions is not None]
    if not labelled:
        return [no_actions("no held-out window has action labels")], []
    futures = {ADAPTED: [trial.adapted[place] for place in labelled]}
    note = ""
    if tools.base_knows_body:
        futures[ZERO_SHOT] = [trial.base[place] for place in labelled]
    else:
        note = f"{ZERO_SHOT} not applicable: the base has never met {tools.body.spec.name}"
    windows = [trial.held_out[place] for place in labelled]
    return score_actions(windows, futures, tools.body, bootstrap, note=note)


def _retention(
    replayed: Replayed | str, tools: Tools, bootstrap: Bootstrap
) -> tuple[Sequence[Measure], Sequence[Verdict]]:
    if isinstance(replayed, str):
        return [no_retention(replayed)], []
    futures = {ADAPTED: replayed.adapted, ZERO_SHOT: replayed.base}
    return score_retention(replayed.samples, futures, tools.geometry, bootstrap, note=replayed.note)
