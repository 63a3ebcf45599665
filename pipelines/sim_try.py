"""Try a model on the tabletop: how many episodes succeed, and a film of what happened beside what was imagined."""

import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from adapt.errors import DataError, EmbodimentError, RecipeError
from adapt.evaluate.closed_loop import Acting, Chooser, Pace, run_episodes
from adapt.evaluate.pictures import to_png
from adapt.evaluate.rollout_film import draw_rollout, draw_sheet
from adapt.evaluate.trials import Share, Trials
from adapt.evaluate.trials import to_json as record_json
from adapt.models.bases import TINY, TINY_GEOMETRY, read_identity
from adapt.models.world_action import INVERSE_DYNAMICS
from adapt.policy.bundle_files import SUMS
from adapt.policy.opening import open_policy
from adapt.policy.policy import Policy
from adapt.runs.atomic import write_atomic
from adapt.runs.cache import hash_file
from adapt.sim.body import Body
from adapt.sim.choices import ROBOTS, choose_body, choose_tasks
from adapt.sim.filming import Filming
from adapt.sim.planted import PLANTED, TrueFuture
from adapt.sim.tasks import ALL_TASKS
from adapt.sim.trials import TabletopEpisode, TabletopWorld, trial_starts
from adapt.video.writer import write_video
from pipelines.bar import bar

if TYPE_CHECKING:
    from rich.console import RenderableType

RECORD, FILM, SHEET = "trials.json", "rollouts.mp4", "rollouts.png"
IMAGINED, TRUE = "imagined", "true"
FUTURES = (IMAGINED, TRUE)

_PLANTED_BODY = "gripper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be done, how often, and how.

    Attributes:
        tasks: Sets ("seen", "held-out", "all") and instructions, of which each is done in turn.
        episodes: How many.
        seed: Decides the scenes; every model meets the same ones.
        body: The robot; None for the model's own, and the gripper for a planted policy.
        head: Whose actions are carried out.
        future: What the inverse-dynamics head reads actions from: "imagined", or "true" for what the scripted expert
            would bring about from where things are.
        pace: How long episodes last and how often is decided.
    """

    tasks: tuple[str, ...] = ("seen",)
    episodes: int = 50
    seed: int = 0
    body: str | None = None
    head: str = INVERSE_DYNAMICS
    future: str = IMAGINED
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise RecipeError(f"episodes is {self.episodes}; give at least 1, else nothing can be told.")
        if self.seed < 0:
            raise RecipeError(f"seed is {self.seed}; give 0 or more.")
        if self.future not in FUTURES:
            raise RecipeError(f"future '{self.future}': take one of {', '.join(FUTURES)}.")
        if self.future == TRUE and self.head != INVERSE_DYNAMICS:
            raise RecipeError(
                f"future 'true': only {INVERSE_DYNAMICS} reads a future; the head is '{self.head}'. "
                "Choose that head, or another future."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One trial as a user asks for it.

    Attributes:
        model: "tiny", the folder of a base or of a bundle; None for a planted policy.
        policy: Which planted policy; None for a model.
        trial: What is to be done.
        films: How many episodes are filmed, where there is a folder to put the film into.
        out: Folder for record, film and pictures; None writes nothing.
        base: Folder of the base that a bundle names, where that does not ship with this package.
    """

    model: str | None
    policy: str | None
    trial: Trial
    films: int = 4
    out: Path | None = None
    base: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it, and which files tell it."""

    trials: Trials
    written: tuple[Path, ...]


def question(arguments: Namespace) -> Question:
    """What the words of the command line ask for."""

    def place(text: str | None) -> Path | None:
        """A path that was typed, absolute; None where none was."""
        return None if text is None else Path(text).expanduser().absolute()

    model = arguments.model
    trial = Trial(
        tasks=tuple(arguments.tasks),
        episodes=arguments.episodes,
        seed=arguments.seed,
        body=arguments.body,
        head=arguments.head,
        future=arguments.future,
        pace=Pace(steps=arguments.steps, executed=arguments.executed),
    )
    return Question(
        model=model if model in (None, TINY) else str(place(model)),
        policy=arguments.policy,
        trial=trial,
        films=arguments.film,
        out=place(arguments.out),
        base=place(arguments.base),
    )


def run(asked: Question) -> Answer:
    """Open the model, run its episodes, and write down what came of them.

    Raises:
        BundleError: The bundle is not sound, or belongs to another base.
        CheckpointError: There is neither a base nor a bundle of that name.
        DataError: The folder cannot be made.
        EmbodimentError: The model does not know the body.
        RecipeError: Not one of model and policy is given, or the trial asks for something impossible.
        SimulatorError: There is no such task or robot, or this machine cannot draw.
    """
    if (asked.model is None) == (asked.policy is None):
        raise RecipeError("sim try: give a model (tiny, a base's or a bundle's folder), or --policy, and not both.")
    if asked.out is not None:
        _make(asked.out)
    actor = _open(asked)
    filming = None
    if asked.out is not None and asked.films > 0:
        geometry = TINY_GEOMETRY if isinstance(actor, str) else actor.geometry
        filming = Filming(min(asked.films, asked.trial.episodes), geometry)
    with bar("acting", asked.trial.episodes * asked.trial.pace.steps) as tell:
        trials = measure(actor, asked.trial, subject=_subject(asked), filming=filming, tell=tell)
    written = () if asked.out is None else _write(asked.out, trials, actor, filming)
    return Answer(trials=trials, written=written)


def measure(
    actor: Policy | str,
    trial: Trial,
    *,
    subject: Mapping[str, str] | None = None,
    filming: Filming | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Trials:
    """Run a trial's episodes; writes nothing.

    Args:
        actor: A model with its body, or the name of a planted policy.
        trial: What is to be done.
        subject: Who acts, for the record.
        filming: Watches the first few episodes.
        tell: Is told how many more control steps have been taken, over all episodes.

    Raises:
        EmbodimentError: The model's body cannot act, or is not one of the tabletop's.
        RecipeError: The head is not there.
        SimulatorError: There is no such task or robot, or this machine cannot draw.
    """
    starts = trial_starts(choose_tasks(trial.tasks), trial.episodes, trial.seed)
    chooser, body, settings = _chooser(actor, trial)
    with TabletopWorld(body) as world:
        episodes = run_episodes(world, chooser, starts, trial.pace, watcher=filming, tell=tell)
    name = actor if isinstance(actor, str) else "model"
    return Trials(
        subject=subject or {"kind": "planted" if isinstance(actor, str) else "model", "name": name},
        body=str(body.name),
        settings={
            "tasks": list(trial.tasks),
            "seed": trial.seed,
            "steps": trial.pace.steps,
            "executed": trial.pace.executed,
            **settings,
        },
        episodes=episodes,
    )


def to_json(answer: Answer) -> dict[str, Any]:
    """The record for machines, without its single episodes, and the files."""
    record = record_json(answer.trials)
    return {name: value for name, value in record.items() if name != "episodes"} | {
        "files": [str(path) for path in answer.written]
    }


def table(answer: Answer) -> "RenderableType":
    """The answer for people: one row a task, and one for all of them."""
    from rich import box
    from rich.table import Table

    trials, whole = answer.trials, answer.trials.success
    view = Table(
        title=f"{trials.subject['name']} as {trials.body}: {whole.successes} of {whole.episodes} episodes done",
        caption="\n".join(str(path) for path in answer.written) or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    view.add_column("task")
    for heading in ("done", "share", "95 % sure", "progress"):
        view.add_column(heading, justify="right")
    places = {task.instruction: place for place, task in enumerate(ALL_TASKS)}
    for result in sorted(trials.by_task, key=lambda result: places[result.instruction]):
        view.add_row(result.instruction, *_figures(result.success, result.progress))
    view.add_section()
    view.add_row("all", *_figures(whole, trials.progress))
    return view


def _figures(share: Share, progress: float) -> tuple[str, ...]:
    done = f"{share.successes}/{share.episodes}"
    return done, f"{share.share:.2f}", f"{share.low:.2f} to {share.high:.2f}", f"{progress:.2f}"


def _open(asked: Question) -> Policy | str:
    """The model, or the name of the planted policy."""
    if asked.model is None:
        return str(asked.policy)
    body = None if asked.trial.body is None else choose_body(asked.trial.body).name
    bases = {} if asked.base is None else {read_identity(str(asked.base))[0].name: asked.base}
    return open_policy(asked.model, body, bases=bases)


def _chooser(actor: Policy | str, trial: Trial) -> tuple[Chooser[TabletopEpisode], Body, dict[str, Any]]:
    """Who decides, for which body, and what the record says of it."""
    if isinstance(actor, str):
        return PLANTED[actor], choose_body(trial.body or _PLANTED_BODY), {}
    bodies = tuple(robot().name for robot in ROBOTS.values())
    if actor.body.name not in bodies:
        raise EmbodimentError(
            f"embodiment '{actor.body.name}': the model acts with a body that the tabletop does not have; it has "
            f"{', '.join(bodies)}. Take a model that was trained or adapted with one of these."
        )
    body = choose_body(actor.body.name)
    if (body.action_names, body.state_names) != (actor.body.action_names, actor.body.state_names):
        raise EmbodimentError(
            f"embodiment '{actor.body.name}': the model's axes are {', '.join(actor.body.action_names)}, the "
            f"tabletop's {', '.join(body.action_names)}. Use a model that was trained with this version's recordings."
        )
    crowd = actor.for_many(trial.head)
    chooser = TrueFuture(crowd) if trial.future == TRUE else Acting(crowd)
    return chooser, body, {"head": trial.head, "future": trial.future, "video_steps": actor.video_steps}


def _subject(asked: Question) -> dict[str, str]:
    """Who acts, and what tells it apart from others of that name."""
    if asked.model is None:
        return {"kind": "planted", "name": str(asked.policy)}
    sums = Path(asked.model) / SUMS
    if asked.model != TINY and sums.exists():
        return {"kind": "bundle", "name": Path(asked.model).name, "fingerprint": hash_file(sums)}
    identity = read_identity(asked.model)[0]
    return {
        "kind": "base",
        "name": identity.name,
        "revision": identity.revision,
        "fingerprint": identity.fingerprint,
    }


def _write(out: Path, trials: Trials, actor: Policy | str, filming: Filming | None) -> tuple[Path, ...]:
    write_atomic(out / RECORD, json.dumps(record_json(trials), indent=2, ensure_ascii=False) + "\n")
    if filming is None:
        return (out / RECORD,)
    decode = actor.decode if isinstance(actor, Policy) else None
    foreseen = "shown" if trials.settings.get("future") == TRUE else "imagined"
    rollouts = filming.rollouts(trials.episodes, decode, foreseen=foreseen)
    frames = torch.cat([draw_rollout(rollout) for rollout in rollouts])
    write_video(out / FILM, frames, filming.rate_hz)
    write_atomic(out / SHEET, to_png(draw_sheet(rollouts)))
    return out / RECORD, out / FILM, out / SHEET


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out {out}: cannot be made a folder ({error.strerror}). Name another.") from error
