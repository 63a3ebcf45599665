"""Did adapting help? Everything measured on held-out windows, put together into one record."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from adapt.evaluate.actions import Body, no_actions, score_actions
from adapt.evaluate.blaming import find_blame
from adapt.evaluate.by_window import by_window, held_out_errors
from adapt.evaluate.drift import Drift
from adapt.evaluate.held_out import Codec, HeldOut, Imagined
from adapt.evaluate.record import ZERO_SHOT, Evaluation, WindowErrors
from adapt.evaluate.retention import RetentionScore, no_retention, score_retention
from adapt.evaluate.rungs import Labelled, calibration_of, rungs_of
from adapt.evaluate.settings import EvaluateConfig
from adapt.evaluate.summary import robot_effect, summarise
from adapt.evaluate.tables import ADAPTED
from adapt.evaluate.verdict import Bootstrap
from adapt.evaluate.video import score_video
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
    drift: Drift | None = None

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
    sessions: Sequence[str] | None = None  # of the samples; None where all are of one
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
    acted = _actions(trial, tools, bootstrap)
    kept = _retention(replayed, tools, bootstrap)
    measures, verdicts = [*video.measures], [*video.verdicts]
    for score, absent in (
        (acted if isinstance(acted, str) else acted.score, no_actions),
        (kept, no_retention),
    ):
        measures += [absent(score)] if isinstance(score, str) else score.measures
        verdicts += [] if isinstance(score, str) else score.verdicts
    labelled = None if isinstance(acted, str) else acted
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
        blame=find_blame(rungs_of(trial.held_out, video, labelled), bootstrap),
        drift=trial.drift,
        calibration=None if labelled is None else calibration_of(labelled, bootstrap),
        by_window=(
            *held_out_errors(trial.held_out, video, labelled),
            *([] if isinstance(replayed, str) or isinstance(kept, str) else _replay_errors(replayed, kept)),
        ),
    )


def _actions(trial: Trial, tools: Tools, bootstrap: Bootstrap) -> Labelled | str:
    """How actions were scored, or why they were not."""
    if tools.body is None:
        return NO_LABELS
    places = [place for place, item in enumerate(trial.held_out) if item.window.actions is not None]
    if not places:
        return "no held-out window has action labels"
    futures = {ADAPTED: [trial.adapted[place] for place in places]}
    note = ""
    if tools.base_knows_body:
        futures[ZERO_SHOT] = [trial.base[place] for place in places]
    else:
        note = f"{ZERO_SHOT} not applicable: the base has never met {tools.body.spec.name}"
    windows = [trial.held_out[place] for place in places]
    score = score_actions(windows, futures, tools.body, bootstrap, note=note)
    return Labelled(places=places, windows=windows, answers=futures[ADAPTED], score=score, body=tools.body)


def _retention(replayed: Replayed | str, tools: Tools, bootstrap: Bootstrap) -> RetentionScore | str:
    """How what was forgotten was scored, or why it was not."""
    if isinstance(replayed, str):
        return replayed
    futures = {ADAPTED: replayed.adapted, ZERO_SHOT: replayed.base}
    return score_retention(
        replayed.samples, futures, tools.geometry, bootstrap, sessions=replayed.sessions, note=replayed.note
    )


def _replay_errors(replayed: Replayed, kept: RetentionScore) -> tuple[WindowErrors, ...]:
    sessions = replayed.sessions or [""] * len(replayed.samples)
    names = [(sample.window_id, session) for sample, session in zip(replayed.samples, sessions, strict=True)]
    return by_window(names, kept.errors)
