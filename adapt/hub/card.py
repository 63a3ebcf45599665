"""What does a bundle's card say?

A card is rendered from `CardFacts` alone, and every fact is one that a stage recorded (`adapt.hub.facts` reads them).
Whatever a user or a file supplied (instructions, names, reasons) is escaped on its way into the page, so it can
neither break the front matter nor bring markup along.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError, meta

from adapt.errors import CardError
from adapt.evaluate.calibration import Calibration
from adapt.evaluate.record import TOO_FEW, Evaluation, Measure, Verdict
from adapt.hub.front_matter import BaseFacts, build_front_matter, check_front_matter
from adapt.hub.wording import Verbatim, count, duration, figure, plain, python_literal, table_head, table_row
from adapt.policy.bundle_files import PICTURE

ADAPTER_CARD = "adapter.md.j2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that lies beside the card in the bundle."""

    file: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtWith:
    """The windows a model was taught with, counted from the clip table."""

    instructions: tuple[str, ...]
    minutes: float  # of the windows it was trained with; those held out do not count
    windows: Mapping[str, int]  # by split: {"train": 80, "validation": 20, "rejected": 3}
    sessions: int
    rejections: Mapping[str, int]  # reason -> how many windows
    provenance: Mapping[str, int]  # of action labels: {"robot": 70, "none": 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the adapter was trained."""

    steps: int
    best_step: int  # whose weights were kept
    seed: int
    rank: int
    alpha: float
    replay: str  # what was mixed in, in words, or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What the model looks through and what it moves."""

    name: str
    cameras: tuple[str, ...]
    actions: tuple[tuple[str, str], ...]  # (axis, unit); empty for a body without action axes
    state: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """Everything a card claims. Nothing has a default: what was not recorded cannot be claimed."""

    kind: str  # "human" or "play"
    version: str  # of wam-adapt
    base: BaseFacts
    body: Body
    data: TaughtWith
    filter: str  # which windows were kept, in words
    unused_files: int  # files of the footage that could not be used
    training: Training
    evaluation: Evaluation
    pictures: tuple[Picture, ...]


def render_card(facts: CardFacts) -> str:
    """Write the README.md of a bundle: front matter and body.

    Args:
        facts: What the run recorded.

    Returns:
        The card, ending in a newline.

    Raises:
        CardError: The template claims something that is no fact, or the front matter is not what the Hub accepts.
    """
    for picture in facts.pictures:
        if not PICTURE.fullmatch(picture.file):
            raise CardError(f"picture {picture.file!r}: a bundle's pictures are called pictures/NAME.png. Rename it.")
    card = fill_template((cards_folder() / ADAPTER_CARD).read_text(encoding="utf-8"), _words(facts), ADAPTER_CARD)
    check_front_matter(card)
    return card


def fill_template(template: str, words: Mapping[str, object], name: str) -> str:
    """Fill a card template; every value but `Verbatim` ones is escaped.

    Args:
        template: Jinja2 source.
        words: What the template may say.
        name: The template's name, for messages.

    Returns:
        The filled text.

    Raises:
        CardError: The template names something that `words` does not hold.
    """
    environment = Environment(
        undefined=StrictUndefined, finalize=_escape, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    missing = meta.find_undeclared_variables(environment.parse(template)) - words.keys()
    if missing:
        raise CardError(
            f"{name} says {', '.join(sorted(missing))}, which no stage of this run records. "
            "Take it out of the template, or record it in a stage."
        )
    try:
        return environment.from_string(template).render(words)
    except TemplateError as error:
        raise CardError(f"{name} cannot be filled: {error}. Mend the template in hub_cards/.") from error


def cards_folder() -> Path:
    """Where the card templates are: beside this file in an installed package, else at the top of the repository."""
    installed = Path(__file__).parent / "_cards"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "hub_cards"


def _escape(value: object) -> str:
    return value if isinstance(value, Verbatim) else plain(str(value))


def _words(facts: CardFacts) -> dict[str, Any]:
    """The facts as the words a template puts together; numbers are formatted here."""
    data, evaluation = facts.data, facts.evaluation
    return {
        "front_matter": Verbatim(build_front_matter(facts.base, facts.kind, facts.body.name)),
        "title": data.instructions[0],
        "human_video": facts.kind == "human",
        "version": facts.version,
        "base": facts.base,
        "license": facts.base.license_name or facts.base.license,
        "body": facts.body,
        "instructions": data.instructions,
        "length": duration(data.minutes),
        "training_windows": count(data.windows.get("train", 0), "window"),
        "validation_windows": data.windows.get("validation", 0),
        "rejected": count(data.windows.get("rejected", 0), "window"),
        "sessions": count(data.sessions, "recording session"),
        "rejections": sorted(data.rejections.items(), key=lambda entry: (-entry[1], entry[0])),
        "provenance": sorted(data.provenance.items()),
        "filter": facts.filter,
        "unused_files": count(facts.unused_files, "file"),
        "training": facts.training,
        "alpha": figure(facts.training.alpha),
        "evaluation": evaluation,
        "held_out_sessions": count(evaluation.sessions, "recording session"),
        "tables": _tables(evaluation),
        "verdicts": _verdicts(evaluation),
        "at_fault": evaluation.blame.at_fault,
        "blame": evaluation.blame.reason,
        "calibration": evaluation.calibration and _calibration(evaluation.calibration),
        "pictures": facts.pictures,
        "usage": Verbatim(_usage(facts)),
    }


def _tables(evaluation: Evaluation) -> list[list[Verbatim]]:
    """One table for each group of measures, as lines of Markdown."""
    tables = []
    for group in dict.fromkeys(measure.group for measure in evaluation.measures):
        measures = [measure for measure in evaluation.measures if measure.group == group]
        references = list(dict.fromkeys(name for measure in measures for name in measure.baselines))
        heads = [group, "adapted", *references, "windows", ""]
        tables.append([*table_head(heads), *(_measure_row(measure, references) for measure in measures)])
    return tables


def _measure_row(measure: Measure, references: Sequence[str]) -> Verbatim:
    named = f"{measure.name} ({measure.unit})" if measure.unit else measure.name
    value = "not applicable" if measure.value is None else figure(measure.value)
    others = [figure(measure.baselines[name]) if name in measure.baselines else "" for name in references]
    remark = measure.note if measure.value is None else f"{measure.direction} is better"
    return table_row([named, value, *others, str(measure.windows), remark])


_VERDICT_HEADS = ("measure", "against", "difference", "smallest seen", "windows", "intervals by", "verdict")


def _verdicts(evaluation: Evaluation) -> list[Verbatim]:
    """Each verdict with its interval, as the lines of a table; empty where there is none."""
    if not evaluation.verdicts:
        return []
    names = {measure.id: measure.name for measure in evaluation.measures}
    rows = [
        table_row(
            [
                names.get(verdict.measure, verdict.measure),
                verdict.against,
                _interval(verdict),
                "" if verdict.detectable is None else figure(verdict.detectable),
                str(verdict.windows),
                verdict.clustered_by,
                verdict.verdict,
            ]
        )
        for verdict in evaluation.verdicts
    ]
    return [*table_head(_VERDICT_HEADS), *rows]


def _interval(verdict: Verdict) -> str:
    """The difference with its interval; without one where there are too few windows for it to mean anything."""
    if verdict.verdict == TOO_FEW:
        return figure(verdict.difference)
    return f"{figure(verdict.difference)} [{figure(verdict.low)}, {figure(verdict.high)}]"


def _calibration(found: Calibration) -> str:
    return (
        f"{found.inside:.0%} of the true actions lie inside the {found.wanted:.0%} interval that the action head tells "
        f"({found.low:.0%} to {found.high:.0%})"
    )


def _usage(facts: CardFacts) -> str:
    """Three lines of Python, with this model's own cameras and an instruction it was taught."""
    instruction = python_literal(facts.data.instructions[0])
    images = ", ".join(f"{python_literal(camera)}: picture" for camera in facts.body.cameras)
    state = ", state=state" if facts.body.state else ""
    answer = "chunk = policy.act" if facts.body.actions else "imagined = policy.predict"
    return (
        'policy = load("models/adapted")\n'
        f"observation = Observation(images={{{images}}}{state})\n"
        f"{answer}(observation, {instruction})"
    )
