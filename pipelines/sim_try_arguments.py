"""Which words does `wam-adapt sim try` take? Only argparse."""

import argparse

from pipelines.parsers import Verbs, add_verb

_EXAMPLES = """\
examples:
  wam-adapt sim try tiny --tasks seen --episodes 250 --out tried
  wam-adapt sim try runs/pour/bundle/KEY --tasks held-out --head both
  wam-adapt sim try tiny --future true            shown what the expert would bring about: is the head to blame?
  wam-adapt sim try --policy expert --tasks all   what must succeed; 'still' and 'random' must not

Needs the extra: pip install 'wam-adapt[sim]'"""


def add_try(kinds: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb `try` to the group `sim`."""
    trial = add_verb(
        kinds, "try", "let a model do tasks on the tabletop, and count how many it does", shared, examples=_EXAMPLES
    )
    trial.add_argument(
        "model", nargs="?", metavar="MODEL", help="tiny, the folder of a base, or of a bundle; or give --policy"
    )
    trial.add_argument(
        "--policy",
        choices=("expert", "still", "random"),
        help="instead of a model: the script that knows everything, holding still, or moving at random",
    )
    trial.add_argument(
        "--tasks",
        nargs="+",
        default=["seen"],
        metavar="TASKS",
        help="seen, held-out, all, or instructions in quotes, of which each is done in turn (seen); "
        "'wam-adapt sim tasks' lists them",
    )
    trial.add_argument("--episodes", type=int, default=50, metavar="N", help="how many, of 8 s each (50)")
    trial.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same scenes; another, others (0)")
    trial.add_argument("--body", metavar="ROBOT", help="gripper or arm (default: the model's own)")
    trial.add_argument(
        "--head",
        choices=("inverse_dynamics", "joint", "both"),
        default="inverse_dynamics",
        help="which head's actions are carried out; both: joint until something is held, then inverse dynamics "
        "(inverse_dynamics)",
    )
    trial.add_argument(
        "--future",
        choices=("imagined", "true"),
        default="imagined",
        help="what the actions are read from: what the model imagines, or what the expert would bring about from here",
    )
    trial.add_argument(
        "--executed", type=int, default=8, metavar="K", help="control steps of each plan before looking again (8)"
    )
    trial.add_argument(
        "--steps", type=int, default=80, metavar="K", help="control steps of an episode, 0.1 s each (80)"
    )
    trial.add_argument("--film", type=int, default=4, metavar="N", help="how many episodes are filmed, with --out (4)")
    trial.add_argument("--out", metavar="FOLDER", help="folder for the record, a film and a sheet of pictures")
    trial.add_argument("--base", metavar="DIR", help="the base's folder, where it does not ship with this package")
    trial.set_defaults(verb="sim_try")
