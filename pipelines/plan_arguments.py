"""Which words does `plan` take? Only argparse."""

import argparse

from pipelines.parsers import Verbs, add_verb

_EXAMPLES = """\
examples:
  wam-adapt plan --base wan2.1-i2v-14b-480p --minutes 12 --data human --gpu 24
  wam-adapt plan --base GEAR-Dreams/DreamZero-AgiBot --minutes 30 --data play --gpu 8x80 --price 20
  wam-adapt plan --base tiny --minutes 12

Nothing is fetched. Memory is counted operator by operator from the shapes of a training step; hours are an estimate,
but where a device is at hand: there three steps are trained, with weights of noise."""


def add_plan(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb that tells what a training would take."""
    plan = add_verb(
        verbs, "plan", "what an adaptation would take in memory, hours and disk, before anything is fetched", shared,
        examples=_EXAMPLES,
    )  # fmt: skip
    plan.add_argument("--base", required=True, metavar="BASE", help="tiny, a published base's name, or a folder")
    plan.add_argument("--minutes", required=True, type=_above_zero, metavar="M", help="of video or play data")
    plan.add_argument("--data", choices=("human", "play"), default="human", help="which kind (default: human)")
    plan.add_argument(
        "--gpu",
        metavar="GB",
        help="GB of its memory, or several as 8x80, or a name as h100 (default: what is here; else 24)",
    )
    plan.add_argument("--rank", type=_count, metavar="R", help="of the adapters (default: the recipe's)")
    plan.add_argument("--tflops", type=_above_zero, metavar="T", help="the card's speed in bfloat16, dense")
    plan.add_argument(
        "--utilisation", type=_above_zero, metavar="SHARE", help="of that speed that training reaches (default: 0.3)"
    )
    plan.add_argument("--price", type=_above_zero, metavar="P", help="of the machine, an hour; then costs are told")
    plan.add_argument("--no-measure", action="store_true", help="train no steps, even where a device is at hand")
    plan.add_argument(
        "--recipe", metavar="NAME", help="a shipped recipe, or a path like ./mine.yaml (default: that of the data)"
    )
    plan.add_argument(
        "--set", metavar="KEY=VALUE", dest="overrides", nargs="+", action="extend", default=[],
        help="other settings than the recipe's: train.steps=10000, train.batch_size=16",
    )  # fmt: skip
    plan.set_defaults(verb="plan")


def _above_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"'{text}' is no rank; give 1 to 4096")
    return int(text)
