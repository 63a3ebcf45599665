"""Where does each fact of a card come from? What was not recorded is an error that names the stage to run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeVar

from adapt import __version__
from adapt.embodiment.spec import Axis, Embodiment
from adapt.errors import CardError, DataError
from adapt.evaluate.record import Evaluation, from_json
from adapt.footage.reasons import fault
from adapt.hub.card import Body, CardFacts, Picture, TaughtWith, Training
from adapt.hub.front_matter import BaseFacts
from adapt.policy.bundle import BaseRecord
from adapt.types import BaseGeometry, Window

T = TypeVar("T", int, float, str)
MOST_REASONS = 8  # told apart in a card; the rest are counted together


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecords:
    """What the stages of one run left behind."""

    job: Mapping[str, Any]  # job.json
    base: BaseRecord
    embodiment: Embodiment  # the body that acts
    windows: Sequence[Window]  # the clip table that ingest made, rejected windows too
    geometry: BaseGeometry
    ingest: Mapping[str, Any]  # the `facts` of ingest's manifest: {"problems": [{"file": ..., "reason": ...}], ...}
    finetune: Mapping[str, Any]  # the `facts` of finetune's manifest: {"steps": 300, "best_step": 250, ...}
    evaluation: Mapping[str, Any]  # evaluation.json


def collect_facts(records: RunRecords, pictures: Sequence[Picture] = ()) -> CardFacts:
    """Read a card's facts out of what the stages of a run recorded.

    Args:
        records: What the stages left behind.
        pictures: Pictures that will lie beside the card, as pictures/NAME.png.

    Returns:
        The facts.

    Raises:
        CardError: A stage did not record what the card needs; the message names the fact and the stage.
    """
    return CardFacts(
        kind=_take(records.job, "kind", str, "adapt"),
        version=__version__,
        base=_base(records.base),
        body=_body(records.embodiment),
        data=count_windows(records.windows, records.geometry),
        filter=_filter(records.job),
        unused_files=_unused_files(records.ingest),
        training=_training(records.job, records.finetune),
        evaluation=_evaluation(records.evaluation),
        pictures=tuple(pictures),
    )


def count_windows(windows: Sequence[Window], geometry: BaseGeometry) -> TaughtWith:
    """Sum up a clip table.

    Args:
        windows: All of them, rejected ones too.
        geometry: Tells how long a window is.

    Returns:
        Minutes, sessions and counts.

    Raises:
        CardError: No window was kept.
    """
    kept = [window for window in windows if window.split != "rejected"]
    if not kept:
        raise CardError("clip table: holds no kept window, so nothing was taught. Run `wam-adapt ingest` again.")
    reasons = Counter(fault(window.rejection) for window in windows if window.split == "rejected").most_common()
    rejections = dict(reasons[:MOST_REASONS])
    if others := sum(number for _, number in reasons[MOST_REASONS:]):
        rejections["other reasons"] = others
    return TaughtWith(
        instructions=tuple(dict.fromkeys(window.instruction for window in kept)),
        minutes=sum(geometry.window_s(window.chunks) for window in kept if window.split == "train") / 60,
        windows=Counter(window.split for window in windows),
        sessions=len({window.session for window in kept}),
        rejections=rejections,
        provenance=Counter(window.provenance or "none (video only)" for window in kept),
    )


def _unused_files(ingest: Mapping[str, Any]) -> int:
    """Files of the footage that could not be used: unreadable, too short, without an instruction."""
    problems = ingest.get("problems")
    if not isinstance(problems, list):
        raise CardError("ingest: its manifest does not record 'problems'. Run `wam-adapt ingest` again.")
    return len(problems)


def _filter(job: Mapping[str, Any]) -> str:
    if _take(job, "kind", str, "adapt") == "play":
        return "windows whose video and table agree"
    hands = _section(_section(job, "recipe"), "hands")
    share = _take(hands, "min_hands_share", float, "adapt")
    score = _take(hands, "min_score", float, "adapt")
    return f"windows that show a hand in at least {share:.0%} of the frames looked at, with a confidence of {score:g}"


def _base(record: BaseRecord) -> BaseFacts:
    if not record.licence:
        raise CardError(
            f"base '{record.repo}': its record holds no licence, and an adapter carries its base's. "
            "State it in the base's base.json."
        )
    return BaseFacts(id=record.repo, revision=record.revision, fingerprint=record.fingerprint, license=record.licence)


def _body(body: Embodiment) -> Body:
    def named(axes: Sequence[Axis]) -> tuple[tuple[str, str], ...]:
        """Each axis by its name and unit."""
        return tuple((axis.name, axis.unit) for axis in axes)

    return Body(
        name=body.name,
        cameras=tuple(camera.name for camera in body.cameras),
        actions=named(body.actions),
        state=named(body.state),
    )


def _training(job: Mapping[str, Any], finetune: Mapping[str, Any]) -> Training:
    recipe = _section(job, "recipe")
    lora, train = _section(recipe, "lora"), _section(recipe, "train")
    return Training(
        steps=_take(finetune, "steps", int, "finetune"),
        best_step=_take(finetune, "best_step", int, "finetune"),
        seed=_take(recipe, "seed", int, "adapt"),
        rank=_take(lora, "rank", int, "adapt"),
        alpha=float(_take(lora, "alpha", float, "adapt")),
        replay=_replay(_take(job, "replay", str, "adapt"), _take(train, "replay_share", float, "adapt")),
    )


def _replay(source: str, share: float) -> str:
    if source == "none" or share == 0:
        return "none, so it may have forgotten what the base knew"
    # Of a folder only its last name: where it lay is nobody's business.
    origin = "the episodes that ship with the base" if source == "base" else f"'{PurePath(source).name}'"
    return f"{origin}, {share:.0%} of the windows of every step"


def _evaluation(recorded: Mapping[str, Any]) -> Evaluation:
    try:
        return from_json(recorded)
    except (DataError, KeyError, TypeError) as error:
        raise CardError(f"evaluation.json cannot be told in a card: {error} Run `wam-adapt evaluate` again.") from error


def _section(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = record.get(name)
    if not isinstance(section, Mapping):
        raise CardError(f"job.json: '{name}' is not recorded. Give the `wam-adapt adapt` command again.")
    return section


def _take(record: Mapping[str, Any], name: str, kind: type[T], stage: str) -> T:
    """One recorded fact of the right type; a whole number will do for a `float`."""
    value = record.get(name)
    allowed = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) or not isinstance(value, allowed):
        found = "missing" if name not in record else f"{value!r:.60}"
        raise CardError(
            f"the card needs '{name}', which stage '{stage}' records; it is {found}. Run `wam-adapt {stage}` again."
        )
    return kind(value)
