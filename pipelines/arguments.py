"""Which words does the command line take? Only argparse: `wam-adapt --help` must answer at once."""

import argparse
import sys
from collections.abc import Sequence

from pipelines.embodiment_arguments import add_embodiment
from pipelines.housekeeping_arguments import add_housekeeping
from pipelines.merge_arguments import add_merge
from pipelines.parsers import Verbs, add_verb
from pipelines.plan_arguments import add_plan
from pipelines.serve_arguments import add_serve
from pipelines.sim_arguments import add_sim
from pipelines.stages import SPREAD, STAGES

_EXAMPLES = """\
examples:
  wam-adapt adapt human VIDEOS --task "pour water into the cup" --out runs/pour
  wam-adapt adapt play DATASET --embodiment g1_inspire --out runs/arm
  wam-adapt publish --run runs/pour --repo ORG/NAME       tells what it would do; with --confirm it does it
  wam-adapt pull ORG/NAME --out models/pour
  wam-adapt predict --bundle models/pour --image frame.png --task "pour water into the cup"

Stopped, or killed? Give the same command again: it goes on from where it was.
Exit status: 0 good, 1 failed, 2 wrong usage."""

_STAGE_HELP = (
    "cut the videos or episodes of a run into windows",
    "turn the windows of a run into latents",
    "train the adapters and the heads of a run",
    "judge the adapted model of a run on windows it has not seen",
    "put together what goes to the Hub",
)


class _Version(argparse.Action):
    """Prints the version; loads it only then."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_ignored: object) -> None:
        from adapt import __version__

        sys.stdout.write(f"wam-adapt {__version__}\n")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The parser of every verb. `verb` in what it returns names a function of `pipelines.verbs`."""
    shared = _shared()
    parser = argparse.ArgumentParser(
        prog="wam-adapt",
        description="Adapt a World-Action Model with human videos or robot play data, and publish it to the Hub.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_adapt(verbs, shared)
    for stage, summary in zip(STAGES, _STAGE_HELP, strict=True):
        one = add_verb(verbs, stage, f"one stage alone: {summary}", shared)
        one.add_argument("--run", required=True, metavar="RUN", help="the run's folder, as given to --out")
        one.set_defaults(verb="run_stage", stage=stage)
        if stage in SPREAD:
            _add_workers(one)
    _add_doctor(verbs, shared)
    add_plan(verbs, shared)
    add_embodiment(verbs, shared)
    _add_study(verbs, shared)
    _add_hub(verbs, shared)
    _add_predict(verbs, shared)
    add_merge(verbs, shared)
    add_serve(verbs, shared)
    _add_config(verbs, shared)
    add_sim(verbs, shared)
    add_housekeeping(verbs, shared)
    _add_makers(verbs, shared)
    return parser


def _shared() -> argparse.ArgumentParser:
    # These may stand before the verb or after it. Without SUPPRESS the verb's parser would overwrite with its
    # default what stood before.
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--json", action="store_true", help="one JSON value on standard output, for machines")
    shared.add_argument("--quiet", action="store_true", help="no progress")
    shared.add_argument("--debug", action="store_true", help="tracebacks, and what libraries have to say")
    return shared


def _add_adapt(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    adapt = add_verb(verbs, "adapt", "the main job: from videos or play data to a bundle", shared)
    kinds = adapt.add_subparsers(title="kinds of data", metavar="KIND", required=True)
    for kind in _add_kinds(kinds, shared, "adapt", "adapt to"):
        kind.add_argument("--stop-after", choices=STAGES, metavar="STAGE", help=f"one of: {', '.join(STAGES)}")


def _add_doctor(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    doctor = add_verb(
        verbs,
        "doctor",
        "what human videos or a robot's data are worth, and what to film or record next, before anything is trained",
        shared,
    )
    doctor.add_argument("source", metavar="DATA", help="a folder of videos, one video, or a robot's local data set")
    doctor.add_argument(
        "--task", metavar="TEXT", help="the instruction, for all videos that have none of their own in the folder"
    )
    doctor.add_argument(
        "--out", metavar="DIR", help="where doctor.html and doctor.json go (default: doctor/NAME-OF-DATA)"
    )
    doctor.add_argument(
        "--embodiment",
        metavar="BODY",
        help=_BODY + " (default: human_hand; of a robot's data, what they say of themselves)",
    )
    doctor.add_argument("--base", metavar="BASE", help="the base model (default: the recipe's, tiny)")
    _add_workers(doctor)
    _add_recipe(doctor, default=None)
    doctor.set_defaults(verb="doctor")


def _add_study(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    study = add_verb(verbs, "study", "find out what the data taught, by trainings that differ in nothing else", shared)
    study.add_argument("--run", metavar="RUN", help="a run that has been encoded; or name new data, as for adapt:")
    kinds = study.add_subparsers(title="kinds of new data", metavar="KIND")
    study.set_defaults(verb="study", kind=None, seeds=None, arms=None, wrong_usage=study.error)
    for parser in (study, *_add_kinds(kinds, shared, "study", "find out what is taught by")):
        # Without SUPPRESS the kind's parser would overwrite with its default what stood before.
        parser.add_argument(
            "--seeds", type=int, metavar="N", default=argparse.SUPPRESS, help="trainings of each arm (the recipe's: 3)"
        )
        parser.add_argument(
            "--arms",
            type=lambda text: [part.strip() for part in text.split(",") if part.strip()],
            metavar="NAMES",
            default=argparse.SUPPRESS,
            help="which to compare, with commas: base,replay,new,wrong,shuffled (the recipe's: all)",
        )


def _add_kinds(kinds: Verbs, shared: argparse.ArgumentParser, verb: str, purpose: str) -> list[argparse.ArgumentParser]:
    """The two kinds of data a run can begin with, and what is asked about them."""
    human = add_verb(kinds, "human", f"{purpose} human videos, which need no action labels", shared)
    human.add_argument("source", metavar="VIDEOS", help="a folder of videos, or one video")
    human.add_argument("--embodiment", metavar="BODY", default="human_hand", help=_BODY + " (default: human_hand)")
    play = add_verb(kinds, "play", f"{purpose} a robot's play data, a local data set", shared)
    play.add_argument(
        "source",
        metavar="DATASET",
        help="the data set: LeRobot, ALOHA's or robomimic's HDF5, or folders of a table and videos",
    )
    play.add_argument("--embodiment", metavar="BODY", required=True, help=_BODY)
    for kind, name in ((human, "human"), (play, "play")):
        kind.set_defaults(verb=verb, kind=name)
        kind.add_argument(
            "--task", metavar="TEXT", help="the instruction, for all that have none of their own in the folder"
        )
        kind.add_argument("--out", required=True, metavar="RUN", help="the run's folder; made, or gone on with")
        kind.add_argument("--base", metavar="BASE", help="the base model (default: the recipe's, tiny)")
        kind.add_argument(
            "--replay",
            metavar="WHAT",
            default="base",
            help="what the base already knows, mixed in against forgetting: 'base' for what ships with it "
            "(the default), 'none', or the folder of an encode stage",
        )
        _add_workers(kind)
        _add_recipe(kind, default=name)
    return [human, play]


_BODY = "whose hands or arms the data shows: a name from recipes/embodiment, or the path of a YAML file"


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=_count,
        metavar="N",
        default=1,
        help="processes that read and encode (default: 1, which uses the cores with threads)",
    )
    parser.add_argument(
        "--engine",
        choices=("here", "ray"),
        default="here",
        help="who reads and encodes: this machine (the default), or a Ray cluster (extra: scale)",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of processes; give 1 or more")
    return int(text)


def _add_recipe(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    told = default or "human or play, after the data"
    parser.add_argument(
        "--recipe", metavar="NAME", default=default, help=f"a shipped recipe, or a path like ./mine.yaml ({told})"
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        dest="overrides",
        nargs="+",
        action="extend",
        default=[],
        help="other settings than the recipe's: train.steps=500, lora=attention; see `wam-adapt config show`",
    )


def _add_hub(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    publish = add_verb(verbs, "publish", "send a run's bundle to the Hub, and prove it arrived", shared)
    publish.add_argument("--run", required=True, metavar="RUN", help="the run's folder")
    publish.add_argument("--repo", required=True, metavar="ORG/NAME", help="where to")
    publish.add_argument("--confirm", action="store_true", help="do it; without, only tell what would be done")
    publish.add_argument("--public", action="store_true", help="for everyone to see (default: private)")
    publish.set_defaults(verb="publish")
    pull = add_verb(verbs, "pull", "fetch a bundle from the Hub, and check it", shared)
    pull.add_argument("reference", metavar="ORG/NAME[@REV]", help="which one; REV is a branch, tag or commit")
    pull.add_argument("--out", required=True, metavar="DIR", help="the folder it goes to")
    pull.set_defaults(verb="pull")


def _add_predict(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    predict = add_verb(verbs, "predict", "imagine what follows an image, and the actions that bring it about", shared)
    predict.add_argument(
        "--bundle", required=True, metavar="DIR", help="a bundle's folder, pulled or made here, or a merged base's"
    )
    predict.add_argument(
        "--image",
        default=[],
        action="append",
        metavar="FRAME",
        help="what the camera sees now: an image file; for a body with several cameras once for each, as CAMERA=FILE "
        "(default: the picture and state that the bundle was tried on)",
    )
    predict.add_argument("--task", metavar="TEXT", help="the instruction (default: what the bundle was taught)")
    predict.add_argument("--state", metavar="FILE.json", help="the body's state now: a list, or numbers by axis name")
    predict.add_argument("--out", metavar="DIR", help="where the imagined video and the actions go")
    predict.add_argument("--base", metavar="DIR", help="the base's folder, where it does not ship with this package")
    predict.add_argument("--seed", type=int, default=0, metavar="N", help="another imagined future (default: 0)")
    predict.set_defaults(verb="predict")


def _add_config(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    config = add_verb(verbs, "config", "look into a recipe: every key, its value and where that comes from", shared)
    what = config.add_subparsers(title="what to do", metavar="WHAT", required=True)
    for name, summary in (("show", "each key with its value, type, origin and meaning"), ("validate", "only check")):
        one = add_verb(what, name, summary, shared)
        _add_recipe(one, default="human")
        one.set_defaults(verb=f"config_{name}")


def _add_makers(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    demo = add_verb(
        verbs, "demo", "the main job on a simulated hand, then base and adapted model act (extra: sim)", shared
    )
    demo.add_argument("--out", required=True, metavar="RUN", help="the folder it goes to")
    demo.set_defaults(verb="demo")
    pretrain = add_verb(verbs, "pretrain", "train a base model from nothing on scenes drawn here", shared)
    pretrain.add_argument("--out", required=True, metavar="DIR", help="the folder it goes to")
    _add_recipe(pretrain, default="tiny")
    pretrain.set_defaults(verb="pretrain")
