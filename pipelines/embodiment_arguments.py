"""Which words do the verbs of a robot's spec take? Only argparse."""

import argparse

from pipelines.parsers import Verbs, add_verb

_BASE = "tiny"


def add_embodiment(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add `embodiment init` and `embodiment check`."""
    embodiment = add_verb(
        verbs, "embodiment", "describe a robot to this package, and hold that against its data", shared
    )
    what = embodiment.add_subparsers(title="what to do", metavar="WHAT", required=True)
    init = add_verb(what, "init", "draft the spec of a robot from a data set of it", shared)
    init.add_argument("source", metavar="DATASET", help=_DATASET)
    init.add_argument("--out", metavar="FILE.yaml", help="the spec's file (default: NAME-OF-DATA.yaml in this folder)")
    init.add_argument("--rate", type=float, metavar="HZ", help="rows a second, where the data do not say")
    init.set_defaults(verb="embodiment_init")
    check = add_verb(what, "check", "refuse a spec that is not of these data, with what to do about it", shared)
    check.add_argument("spec", metavar="SPEC", help="a name from recipes/embodiment, or the path of a YAML file")
    check.add_argument("source", metavar="DATASET", help=_DATASET)
    check.add_argument("--task", metavar="TEXT", help="the instruction, for all episodes that have none of their own")
    check.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="CHECK",
        help="a check, by the name in brackets after its refusal, that shall not refuse; may be given more than once",
    )
    check.set_defaults(verb="embodiment_check")
    for one in (init, check):
        one.add_argument("--base", metavar="BASE", default=_BASE, help=f"the base model (default: {_BASE})")


_DATASET = "a local data set: LeRobot, ALOHA's or robomimic's HDF5, or folders of a table and videos"
