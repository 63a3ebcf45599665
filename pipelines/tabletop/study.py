"""A study on the tabletop, from its plan to its verdict: recorded, trained, tried and judged, whatever is not done yet.

OUT/plans/NAME/plan.json     the plan, written down before anything is trained: `guard`
OUT/data, OUT/runs           recordings, and the runs that train on them: `data`
OUT/trials                   episodes: `work`
OUT/plans/NAME/record.json   what came of it, and report.html; only when every policy has acted in every episode
OUT/plans/NAME/rollouts.png  what the arms did in the first few episodes; on the page too: `pictures`
"""

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapt.errors import RecipeError
from adapt.evaluate import closed_loop_record, closed_loop_results
from adapt.evaluate.closed_loop_record import ClosedLoopRecord
from adapt.runs.atomic import write_atomic
from pipelines.recipes import compose_as
from pipelines.strict import build
from pipelines.study_train import Pace, counted
from pipelines.tabletop import guard
from pipelines.tabletop.made import made
from pipelines.tabletop.plan import Source, StudyPlan, Unit, make_plan
from pipelines.tabletop.pool import do_all
from pipelines.tabletop.settings import TabletopConfig
from pipelines.tabletop.work import do_unit, is_done, prepare_data, was_tried
from pipelines.terminal import Terminal

if TYPE_CHECKING:
    from rich.console import RenderableType

RECORD = "record.json"
FOLDER = "tabletop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for on the command line.

    Attributes:
        plan: Name of a shipped plan, or the path of a YAML file.
        out: Folder for everything.
        overrides: "key=value" for keys of the plan.
        jobs: Processes.
        arms: Those to be worked on now; None for all.
        anew: Why a plan that has results is given up; None where it is not.
        record: A file that the figures are put into as well.
    """

    plan: str
    out: Path
    overrides: tuple[str, ...] = ()
    jobs: int = 1
    arms: tuple[str, ...] | None = None
    anew: str | None = None
    record: Path | None = None

    @property
    def name(self) -> str:
        """The plan's name."""
        return Path(self.plan).stem

    @property
    def home(self) -> Path:
        """The plan's own folder."""
        return self.out / "plans" / self.name

    @property
    def command(self) -> str:
        """What makes the same again."""
        changed = "".join(f" --set {override}" for override in self.overrides)
        return f"wam-adapt sim study {self.name} --out OUT{changed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How far a study has come.

    Attributes:
        home: The plan's folder.
        record: What came of it; None while policies have still to act.
        left: Policies that have still to act, by arm.
    """

    home: Path
    record: ClosedLoopRecord | None
    left: dict[str, int]


def question(arguments: Namespace) -> Question:
    """What the words of the command line ask for."""

    def place(text: str) -> Path:
        """A path that was typed, absolute."""
        return Path(text).expanduser().absolute()

    return Question(
        plan=arguments.plan,
        out=place(arguments.out),
        overrides=tuple(arguments.overrides),
        jobs=arguments.jobs,
        arms=None if arguments.arms is None else tuple(arguments.arms),
        anew=arguments.anew,
        record=None if arguments.record is None else place(arguments.record),
    )


def run(asked: Question, terminal: Terminal | None = None) -> Answer:
    """Bring a study up to date, and judge it when all of it is done.

    Args:
        asked: Which, where, and how much of it now.
        terminal: Where progress goes; it tells what is done, never how well, so that nobody stops at a good moment.

    Returns:
        The record, or what is left to do.

    Raises:
        RecipeError: The plan asks for something impossible.
        RunError: Another plan of this name has results already; or another process works on the same.
        SimulatorError: The simulator is not there.
    """
    terminal = terminal or Terminal(quiet=True)
    config = compose_as(TabletopConfig, asked.plan, asked.overrides, folder=FOLDER).config
    plan = make_plan(config)
    _refuse_unknown(asked, plan)
    written = guard.write_plan(asked.home, config, standing(asked), anew=asked.anew)
    terminal.say(f"{'study':9} plan {asked.name}, {written.fingerprint}: {_described(plan)}")
    _work(asked, plan, terminal)
    left = missing(asked.out, plan)
    if left:
        return Answer(home=asked.home, record=None, left=left)
    record = _judge(asked, plan, written)
    _show(asked, plan, record, terminal)
    return Answer(home=asked.home, record=record, left={})


def standing(asked: Question) -> guard.Standing:
    """How far the study has come under the plan that is written down."""
    written = guard.read_plan(asked.home)
    if written is None:
        return guard.Standing(trials=0, of=0)
    plan = make_plan(build(TabletopConfig, written.plan, lambda _: str(asked.home / guard.NAME)))
    trials = [(unit, trial) for unit in plan.units if unit.training for trial in unit.trials]
    done = sum(was_tried(asked.out, unit, trial) for unit, trial in trials)
    record = read(asked.home)
    if record is None or record.fingerprint != written.fingerprint:
        return guard.Standing(trials=done, of=len(trials))
    found = {arm.name: arm.success for arm in record.first.arms}
    return guard.Standing(trials=done, of=len(trials), verdict=record.verdict, found=found)


def read(home: Path) -> ClosedLoopRecord | None:
    """The record of a study; None where there is none.

    Raises:
        DataError: It is damaged.
    """
    path = home / RECORD
    return closed_loop_record.parse(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else None


def missing(out: Path, plan: StudyPlan) -> dict[str, int]:
    """How many policies of each arm have still to act."""
    left: dict[str, int] = {}
    for unit in plan.units:
        if not is_done(out, unit):
            left[unit.arm] = left.get(unit.arm, 0) + 1
    return left


def table(answer: Answer) -> "RenderableType":
    """The answer as something rich can print."""
    from pipelines.tabletop import table

    return table.show(answer)


def to_json(answer: Answer) -> dict[str, Any]:
    """The answer for a machine."""
    part = None if answer.record is None else closed_loop_results.as_part(answer.record)
    return {"result": str(answer.home), "left": answer.left, "record": part}


def _work(asked: Question, plan: StudyPlan, terminal: Terminal) -> None:
    """Record, train and try what is not done yet."""
    wanted = [unit for unit in plan.units if asked.arms is None or unit.arm in asked.arms]
    units = [unit for unit in wanted if not is_done(asked.out, unit)]
    # Data comes before all else, each set once: two processes cannot make the same one.
    first = {unit.data: unit for unit in reversed(units) if unit.source is not None}
    _each(asked, list(first.values()), prepare_data, "data", terminal)
    _each(asked, units, do_unit, "policy", terminal)


def _each(
    asked: Question, units: Sequence[Unit], work: Callable[[Path, Unit], None], what: str, terminal: Terminal
) -> None:
    started = time.monotonic()
    for number, unit in enumerate(do_all(partial(work, asked.out), units, jobs=asked.jobs), start=1):
        left = Pace(known_s=(time.monotonic() - started) / number).left(len(units) - number)
        name = unit.source.name if what == "data" and unit.source is not None else unit.name
        terminal.say(
            f"{'study':9} {what} {number} of {len(units)}: {name}{left if number < len(units) else ''}", style="dim"
        )


def _judge(asked: Question, plan: StudyPlan, written: guard.Written) -> ClosedLoopRecord:
    """Put the record together; a study that is judged already keeps how it was made."""
    from pipelines.tabletop import judge

    record = judge.judge(
        asked.out,
        plan,
        judge.Frame(
            name=asked.name,
            fingerprint=written.fingerprint,
            tried=written.tried,
            made=made(asked.out, plan, asked.command),
            data=_data(asked.out, plan),
        ),
    )
    asked.home.mkdir(parents=True, exist_ok=True)
    write_atomic(asked.home / RECORD, closed_loop_record.dump(record))
    kept = read(asked.home)  # From what was written, so that all show the same numbers.
    assert kept is not None
    if asked.record is not None:
        closed_loop_results.publish(asked.record, kept)
    return kept


def _show(asked: Question, plan: StudyPlan, record: ClosedLoopRecord, terminal: Terminal) -> None:
    """Write the page, with pictures of what the arms did; a verdict stands without them."""
    from pipelines.tabletop import pictures
    from pipelines.tabletop.page import write_page

    found = pictures.subjects(plan)
    left = [subject for subject in found if pictures.find_filmed(asked.out, asked.home, subject) is None]
    if left:
        write_page(asked.home, record)  # Filming takes minutes, and may be killed.
    filming = do_all(partial(pictures.film_or_tell, asked.out, asked.home), left, jobs=asked.jobs)
    for number, subject in enumerate(filming, start=1):
        terminal.say(f"{'study':9} pictures {number} of {len(left)}: {subject.who}", style="dim")
    shown = pictures.gather(asked.out, asked.home, plan)
    if shown is not None:
        pictures.write_sheet(asked.home, shown)
        for who in shown.otherwise:
            terminal.say(f"{'study':9} {who}: {pictures.OTHERWISE}", style="yellow")
    write_page(asked.home, record, shown)


def _data(out: Path, plan: StudyPlan) -> dict[str, Any]:
    """What was recorded and what of it was kept, by name; a number behind names that several have."""
    from pipelines.tabletop.data import facts, prepare

    found: dict[str, Any] = {}
    told: set[Source] = set()
    for unit in plan.units:
        if unit.source is None or unit.source in told:
            continue
        told.add(unit.source)
        name, number = unit.source.name, 2
        while name in found:
            name, number = f"{unit.source.name} {number}", number + 1
        found[name] = facts(prepare(out, unit.source, unit.config), unit.source)
    return found


def _refuse_unknown(asked: Question, plan: StudyPlan) -> None:
    known = list(dict.fromkeys(unit.arm for unit in plan.units))
    if unknown := [arm for arm in asked.arms or () if arm not in known]:
        raise RecipeError(f"--arms: the plan has no arm '{unknown[0]}'; name some of: {', '.join(known)}.")


def _described(plan: StudyPlan) -> str:
    units = plan.units
    trainings = counted(sum(bool(unit.training) for unit in units), "training")
    episodes = sum(trial.episodes for unit in units for trial in unit.trials)
    return f"{trainings}, {episodes:,} episodes in all"
