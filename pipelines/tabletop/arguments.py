"""Which words does `wam-adapt sim study` take? Only argparse."""

import argparse

from pipelines.parsers import Verbs, add_verb

_EXAMPLES = """\
examples:
  wam-adapt sim study video --out runs/tabletop --jobs 2
  wam-adapt sim study play --out runs/tabletop --record docs/results/tabletop.json
  wam-adapt sim study video --out runs/tabletop --arms control,adapted   these arms now, the others later
  wam-adapt sim study video --out runs/small --set seeds=1 trials.episodes=12

Stopped or killed, the same command goes on. A plan that changes after its first results is refused.
Needs the extra: pip install 'wam-adapt[sim]'"""


def add_study(kinds: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb `study` to the group `sim`."""
    study = add_verb(
        kinds, "study", "carry a planned study out: train its arms, let them act, compare", shared, examples=_EXAMPLES
    )
    study.add_argument(
        "plan", metavar="PLAN", help="a plan in recipes/tabletop: video, play, a sweep; or the path of a YAML file"
    )
    study.add_argument("--out", required=True, metavar="FOLDER", help="for all that is made; plans share what they can")
    study.add_argument("--jobs", type=int, default=1, metavar="N", help="processes, each with one thread (1)")
    study.add_argument(
        "--arms", type=_names, metavar="A,B", help="only these now; the verdict waits until all have acted"
    )
    study.add_argument(
        "--anew", metavar="REASON", help="give up the plan there was, though it has results; both are recorded"
    )
    study.add_argument(
        "--record", metavar="FILE", help="put the figures into this file too, for example docs/results/tabletop.json"
    )
    study.add_argument(
        "--set",
        dest="overrides",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="change keys of the plan, which makes it another plan",
    )
    study.set_defaults(verb="tabletop")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


_names.__name__ = "list of arms"
