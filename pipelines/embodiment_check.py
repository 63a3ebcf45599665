"""Embodiment check: a spec and a data set in; out whether the one is of the other, before anything is trained."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapt.data.sources import open_source
from adapt.embodiment.spec import Embodiment, load_embodiment
from adapt.errors import RecipeError
from adapt.quality.robot.findings import Finding
from adapt.quality.robot.lag import Lag
from adapt.quality.robot.spec_checks import CHECKS, check_spec
from pipelines.embodiment_init import sizes
from pipelines.ingest import base_geometry
from pipelines.recipes import recipes_folder
from pipelines.terminal import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What shall be checked.

    Attributes:
        spec: A shipped spec's name, or the path of a YAML file.
        source: The data set's folder or file.
        task: The instruction of episodes that have none; "" for none.
        base: Whose canvas the cameras are placed on.
        allowed: Names of checks that shall not refuse.
    """

    spec: str
    source: Path
    task: str
    base: str
    allowed: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of it.

    Attributes:
        body: The spec.
        refusals: Why the spec is not one of these data; () where it is.
        remarks: What is odd, and stops nobody.
        episodes: How many were read.
        lag: How much later the state is than its command; None where that was not measured.
        next: What to type next; "" where something is refused.
    """

    body: Embodiment
    refusals: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    episodes: int
    lag: Lag | None
    next: str

    @property
    def is_good(self) -> bool:
        """Whether an adaptation may begin."""
        return not self.refusals


def run(question: Question) -> Checked:
    """Hold the spec against every row of the data.

    Raises:
        EmbodimentError: The spec cannot be read, or contradicts itself.
        DataError: The data set cannot be read at all.
        RecipeError: A check that shall be passed over does not exist.
    """
    if unknown := [name for name in question.allowed if name not in CHECKS]:
        raise RecipeError(f"--allow {unknown[0]} is no check; name one of {', '.join(CHECKS)}")
    body = load_embodiment(question.spec, [recipes_folder() / "embodiment"])
    source = open_source(question.source, rate_hz=body.rate_hz, task=question.task)
    found = check_spec(source, body, base_geometry(question.base).canvas, without=question.allowed)
    return Checked(
        body=body,
        refusals=found.refusals,
        remarks=found.remarks,
        episodes=found.episodes,
        lag=found.lag,
        next="" if found.refusals else _next(question),
    )


def tell(checked: Checked) -> str:
    """What came of it, for people."""
    body = checked.body
    lines = [f"refused: {finding.text}" for finding in checked.refusals]
    lines += [f"note: {finding.text}" for finding in checked.remarks]
    if checked.lag is not None:
        lines.append(f"the state follows its command: {checked.lag.words}")
    if checked.refusals:
        count = len(checked.refusals)
        lines.append(f"{body.name}: {count} thing{'' if count == 1 else 's'} to mend before anything is trained")
    else:
        lines += [f"{body.name}: fits {checked.episodes} episodes ({sizes(body)})", "next:", f"  {checked.next}"]
    return "\n".join(lines)


def to_json(checked: Checked) -> dict[str, Any]:
    """As a JSON object."""
    return {
        "embodiment": checked.body.name,
        "good": checked.is_good,
        "episodes": checked.episodes,
        "refusals": [finding.to_json() for finding in checked.refusals],
        "remarks": [finding.to_json() for finding in checked.remarks],
        "command_to_state_s": None if checked.lag is None else checked.lag.seconds,
        "next": checked.next or None,
    }


def _next(question: Question) -> str:
    spec = shown(Path(question.spec)) if question.spec.endswith((".yaml", ".yml")) else question.spec
    source = shlex.quote(shown(question.source))
    task = f" --task {shlex.quote(question.task)}" if question.task else ""
    run = f"runs/{question.source.resolve().stem}"
    return f"wam-adapt adapt play {source} --embodiment {shlex.quote(spec)}{task} --out {shlex.quote(run)}"
