"""What do the base and the adapted model make of the same windows? First the base is asked, then it is adapted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.data.encoded import Encoded
from adapt.embodiment.statistics import measure_body
from adapt.evaluate.actions import Body
from adapt.evaluate.drifting import LongAnswer, encoder, measure_drift, roll_out
from adapt.evaluate.evaluation import Replayed, Tools, Trial
from adapt.evaluate.frame_memory import FrameMemory
from adapt.evaluate.held_out import HeldOut, Imagined, with_round_trip
from adapt.evaluate.imagining import Draw, Rungs, imagine_held_out, imagine_samples
from adapt.evaluate.record import ZERO_SHOT
from adapt.evaluate.tables import ADAPTED
from adapt.models.bases import Base
from adapt.policy.acting import Actor
from pipelines.evaluate_windows import ReplaySample, adapt_from, shown_body
from pipelines.job import Job

Done = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What both models are asked about."""

    held_out: Sequence[HeldOut]
    recordings: Sequence[HeldOut]  # long ones, for drift
    replay: ReplaySample

    @property
    def windows(self) -> int:
        """How many there are, counted for a progress bar."""
        return len(self.held_out) + len(self.recordings) + len(self.replay.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    held_out: list[Imagined]
    recordings: list[LongAnswer]
    replay: list[Imagined]


def ask_both(
    job: Job, base: Base, finetune: Path, encoded: Encoded, material: Material, done: Done
) -> tuple[Trial, Replayed | str, Tools]:
    """Both models' answers: first the base's, then, with the adapter and the trained heads put on it, the adapted.

    Args:
        job: The run.
        base: Will be adapted.
        finetune: The stage's folder.
        encoded: Of the run.
        material: What to ask about.
        done: Told how many more windows were imagined.
    """
    recipe, spec = job.recipe, shown_body(encoded)
    draw = Draw(video_steps=recipe.evaluate.video_steps, seed=recipe.evaluate.seed)
    figures = encoded.statistics.get(spec.name)
    known = base.statistics.get(spec.name)
    knows = known is not None and spec.name in base.model.bodies
    acts = figures is not None and figures.actions is not None
    codec = FrameMemory(base.codec)
    held_out = [with_round_trip(item, codec) for item in material.held_out] if acts else material.held_out

    def ask(actor: Actor | None, rungs: Rungs | None) -> _Answers:
        """What the model, as it is now, answers about windows, recordings and replay."""
        return _Answers(
            held_out=imagine_held_out(base.model, held_out, actor, draw, done, rungs=rungs),
            recordings=roll_out(base.model, material.recordings, actor, draw, codec, done),
            replay=imagine_samples(base.model, material.replay.samples, draw, done),
        )

    before = ask(Actor(spec=spec, statistics=known) if known is not None and knows else None, None)
    adapt_from(base, finetune)
    # Of a body the base did not know, a joint head that was not trained says nothing.
    rungs = Rungs(spread_draws=recipe.evaluate.spread_draws, joint=knows or recipe.train.joint_head)
    after = ask(Actor(spec=spec, statistics=figures) if figures is not None and acts else None, rungs)
    body = _body(encoded, base)
    rollouts = {ADAPTED: after.recordings, ZERO_SHOT: before.recordings}
    drift = measure_drift(material.recordings, rollouts, encoder(base.model, codec), base.geometry, body)
    replayed = Replayed(
        samples=material.replay.samples,
        base=before.replay,
        adapted=after.replay,
        sessions=material.replay.sessions,
        note=material.replay.note,
    )
    return (
        Trial(held_out=held_out, base=before.held_out, adapted=after.held_out, drift=drift),
        material.replay.problem or replayed,
        Tools(codec=codec, geometry=base.geometry, body=body, base_knows_body=knows),
    )


def _body(encoded: Encoded, base: Base) -> Body | None:
    """The body whose actions are judged; its mean is that of this run's training windows, also for a body of the base.

    The statistics may be the base's own: then their mean is that of other data, and a model could beat it by knowing
    this data's.
    """
    spec, steps = shown_body(encoded), base.geometry.action_steps
    figures = encoded.statistics.get(spec.name)
    if figures is None or figures.actions is None:
        return None
    trained = [
        window
        for window in encoded.windows
        if window.split == "train" and window.embodiment == spec.name and window.actions is not None
    ]
    own = measure_body(trained, spec, action_steps=steps).actions if trained else None
    return Body(
        spec=spec,
        statistics=figures.actions,
        action_steps=steps,
        mean=None if own is None else own.mean.float(),
    )
