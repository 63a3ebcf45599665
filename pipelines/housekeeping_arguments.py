"""Which words do `status`, `cache` and `withdraw` take? Only argparse."""

import argparse

from pipelines.parsers import Verbs, add_verb
from pipelines.sizes import read_age_s, read_bytes

_CACHE_EXAMPLES = """\
examples:
  wam-adapt cache du
  wam-adapt cache prune --keep 20GB                 tells what would go; with --confirm it goes

The cache is the folder in WAM_ADAPT_CACHE, else ~/.cache/wam-adapt. What a run misses in it, the run makes again."""

_PRUNE_EXAMPLES = """\
examples:
  wam-adapt cache prune --keep 20GB --confirm
  wam-adapt cache prune --older-than 30d --confirm

What a live process counts on stays, and so do fetched models."""

_WITHDRAW_EXAMPLES = """\
examples:
  wam-adapt withdraw videos/anna_03.mp4             tells where it is; with --confirm what is local is removed
  wam-adapt withdraw anna_03.mp4 --runs runs old    its file is gone already: the name it had, or its sha256
  wam-adapt withdraw videos/anna_03.mp4 --undo      the person gives it again

From then on `adapt` leaves the video out, under whatever name its bytes come back. Weights cannot be untaught:
`publish` refuses a run whose adapters were trained with it until they are trained again. What was published is named,
with its commit; to take that down is for you to do."""


def add_housekeeping(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verbs that look after what others have made."""
    status = add_verb(verbs, "status", "how far a run has come, and what goes on with it", shared)
    status.add_argument("run", metavar="RUN", help="the run's folder; of a pretraining or a study on the tabletop too")
    status.set_defaults(verb="status")
    _add_cache(verbs, shared)
    withdraw = add_verb(
        verbs,
        "withdraw",
        "a person takes back their video: find what is made of it, remove what is local",
        shared,
        examples=_WITHDRAW_EXAMPLES,
    )
    withdraw.add_argument("video", metavar="VIDEO", help="its file; or, where that is gone, its name or its sha256")
    withdraw.add_argument(
        "--runs", nargs="+", default=["runs"], metavar="DIR", help="runs, or folders of runs, to look through (runs)"
    )
    withdraw.add_argument("--undo", action="store_true", help="the person gives it again: runs may take it")
    withdraw.add_argument("--confirm", action="store_true", help="do it; without, only tell what would be done")
    withdraw.set_defaults(verb="withdraw")


def _add_cache(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    cache = add_verb(
        verbs,
        "cache",
        "what all runs share: what it holds, whether it is sound, make room",
        shared,
        examples=_CACHE_EXAMPLES,
    )
    what = cache.add_subparsers(title="what to do", metavar="WHAT", required=True)
    add_verb(what, "du", "where it is, and how much of what it holds", shared).set_defaults(verb="cache_du")
    verify = add_verb(what, "verify", "read all of it, and find what is broken (exit status 1 if anything is)", shared)
    verify.add_argument("--remove", action="store_true", help="remove what is broken; it is made again when needed")
    verify.set_defaults(verb="cache_verify", stopped="the same command begins anew")
    prune = add_verb(what, "prune", "make room: what was used longest ago goes first", shared, examples=_PRUNE_EXAMPLES)
    prune.add_argument("--keep", type=read_bytes, metavar="SIZE", help="how much may stay: 20GB, 500MB, 0")
    prune.add_argument(
        "--older-than", type=read_age_s, metavar="AGE", help="what was not used for so long goes: 30d, 12h, 2w"
    )
    prune.add_argument("--confirm", action="store_true", help="remove; without, only tell what would go")
    prune.set_defaults(verb="cache_prune", wrong_usage=prune.error)
