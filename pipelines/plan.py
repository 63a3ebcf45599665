"""Plan: a base, some minutes of data and a machine in; memory, hours, disk and the way to train out."""

from argparse import Namespace
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from adapt.models.lora import LoraConfig
from pipelines.schema import AdaptConfig, compose
from pipelines.sizes import counted, in_bytes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapt.train.plan.ladder import Rung
    from adapt.train.plan.plan import Plan

_GB = 1e9
_PARTS = ("frozen", "trained", "gradients", "optimiser", "activations")


def run(arguments: Namespace) -> "Plan":
    """Make the plan that the words of the command line ask for.

    Raises:
        CheckpointError: There is no such base.
        RecipeError: A recipe, a setting, the minutes or the GPU are none.
    """
    recipe = compose(arguments.recipe or arguments.data, arguments.overrides)
    from adapt.train.plan.cards import UTILISATION, read_machine, this_machine
    from adapt.train.plan.plan import Asked, make_plan
    from adapt.train.plan.subjects import find_subject

    subject = find_subject(arguments.base)
    share = arguments.utilisation or UTILISATION
    if arguments.gpu is None:
        machine = this_machine(small=subject.trains)
    else:
        machine = read_machine(arguments.gpu, tflops=arguments.tflops, utilisation=share)
    asked = Asked(
        subject=subject,
        minutes=arguments.minutes,
        data=arguments.data,
        machine=machine,
        train=recipe.train,
        lora=_lora(recipe, arguments.rank),
        windows=recipe.windows,
        price_per_h=arguments.price,
    )
    return make_plan(asked, measure=not arguments.no_measure)


def _lora(recipe: AdaptConfig, rank: int | None) -> LoraConfig:
    """The recipe's adapters, of another rank if asked; the gain keeps its proportion to the rank."""
    config = recipe.lora
    return config if rank is None else replace(config, rank=rank, alpha=config.alpha * rank / config.rank)


def table(plan: "Plan") -> "RenderableType":
    """The memory ladder for people, a rung a row."""
    from rich import box
    from rich.table import Table

    asked = plan.asked
    card = asked.machine.card
    view = Table(
        title=f"{asked.subject.name} on {asked.machine} ({card.memory_gib} GB): what of its memory is taken, in GB",
        caption="\n".join(_caption(plan)),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    view.add_column("way to train")
    for heading in ("frozen", "adapters, heads", "gradients", "AdamW", "activations", "in all"):
        view.add_column(heading, justify="right")
    view.add_column("fits")
    for rung in plan.rungs:
        figures = [_gb(getattr(rung, part)) for part in _PARTS]
        view.add_row(_name(rung), *figures, _gb(rung.total), "yes" if rung.fits(asked.machine) else "no")
    return view


def words(plan: "Plan") -> str:
    """The rest of it for people: what goes through, what to take, hours, disk, price."""
    asked, found = plan.asked, plan.again
    geometry = asked.subject.geometry
    canvas = geometry.canvas
    told = [
        f"a window   {counted(found.tokens, 'token')}: {counted(plan.shape.chunks, 'chunk')} of {geometry.chunk_s:g} s "
        f"on {canvas.height} x {canvas.width} px; {_times(plan)}",
        f"trained    {_millions(found.adapter_parameters)} parameters in adapters of rank {asked.lora.rank}"
        + (f", {_millions(found.head_parameters)} in heads" if found.head_parameters else ", no heads"),
        f"take       {_advice(plan)}",
        f"hours      {_hours(plan)}",
        f"disk       {_disk(plan)}",
    ]
    if plan.cost is not None:
        told.append(f"price      {plan.cost:,.2f} at {asked.price_per_h:g} an hour")
    if not asked.subject.trains:
        told.append("not yet    these are sizes: no command of this version trains on a published base (docs/bases.md)")
    return "\n".join(told)


def to_json(plan: "Plan") -> dict[str, Any]:
    """All of it for machines; bytes, seconds, hours."""
    asked, machine = plan.asked, plan.asked.machine
    return {
        "base": asked.subject.name,
        "repository": asked.subject.repository,
        "licence": asked.subject.licence,
        "trains": asked.subject.trains,
        "data": {"kind": asked.data, "minutes": asked.minutes, "windows": plan.windows, "tokens": plan.again.tokens},
        "machine": {**asdict(machine), "room": machine.room},
        "adapters": {"rank": asked.lora.rank, "parameters": plan.again.adapter_parameters},
        "heads": {"parameters": plan.again.head_parameters},
        "rungs": [{**asdict(rung), "total": rung.total, "fits": rung.fits(machine)} for rung in plan.rungs],
        "chosen": None if plan.chosen is None else plan.chosen.name,
        "settings": list(plan.settings),
        "flops_per_window": {"plain": plan.plain.flops, "checkpointing": plan.again.flops},
        "steps": asked.train.steps,
        "batch_size": asked.train.batch_size,
        "hours": plan.hours,
        "measured": None if plan.measured is None else asdict(plan.measured),
        "disk": dict(plan.disk),
        "cost": plan.cost,
    }


def _caption(plan: "Plan") -> list[str]:
    machine = plan.asked.machine
    told = [
        f"counted on: {_gb(machine.room)} GB of it. Latents and prompts are encoded before: no encoder is there.",
    ]
    if any(rung.planned for rung in plan.rungs):
        told.append("(planned): a size only, this version cannot do it yet")
    return told


def _name(rung: "Rung") -> str:
    kept = f", {_gb(rung.in_memory)} GB there" if rung.in_memory else ""
    return f"{rung.name}{kept}{' (planned)' if rung.planned else ''}"


def _times(plan: "Plan") -> str:
    train = plan.asked.train
    share = 1.0 - train.replay_share
    seen = train.steps * train.batch_size * share / plan.windows
    return f"{counted(plan.windows, 'window')} in {plan.asked.minutes:g} min, each seen {seen:.0f} times"


def _advice(plan: "Plan") -> str:
    if plan.chosen is None:
        least = min(plan.rungs, key=lambda rung: rung.total)
        return f"a larger card, or several: the least is {_gb(least.total)} GB ({least.name})"
    named = f"{plan.chosen.name}{' (planned)' if plan.chosen.planned else ''}"
    return named + (f": --set {' '.join(plan.settings)}" if plan.settings else "")


def _hours(plan: "Plan") -> str:
    train, machine = plan.asked.train, plan.asked.machine
    step_s = 3600 * plan.hours / train.steps
    head = f"{_short(plan.hours)}: {train.steps:,} steps of {train.batch_size} windows, {step_s:.3g} s each"
    measured = plan.measured
    if measured is not None and machine.card.name == measured.device:
        return f"{head}, as measured in three steps here, which held {in_bytes(measured.peak)}"
    told = (
        f"{head}, an estimate from {_tera(plan.rung.flops)} TFLOP a window at {machine.utilisation:.0%} of "
        f"{machine.card.tflops:g} TFLOP/s"
    )
    if measured is not None:
        told += f"; three steps on {measured.device}: {measured.step_s:.3g} s each, {in_bytes(measured.peak)}"
    return told


def _disk(plan: "Plan") -> str:
    parts = [f"{in_bytes(nbytes)} {what}" for what, nbytes in plan.disk.items()]
    subject = plan.asked.subject
    if not subject.here:
        parts[0] += " (twice that where it is published in single precision)"
    return ", ".join(parts)


def _short(hours: float) -> str:
    if hours < 1 / 60:
        return f"{3600 * hours:.0f} s"
    return f"{60 * hours:.0f} min" if hours < 1 else f"{hours:.1f} h"


def _tera(flops: int) -> str:
    amount = flops / 1e12
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f} M"


def _gb(nbytes: float) -> str:
    amount = nbytes / _GB
    return f"{amount:.3f}" if amount < 0.1 else f"{amount:.1f}"
