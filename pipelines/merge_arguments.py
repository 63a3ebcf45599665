"""Which words does `merge` take? Only argparse."""

import argparse

from pipelines.parsers import Verbs, add_verb

_EXAMPLES = """\
examples:
  wam-adapt merge --bundle models/pour --out bases/pour
      a base that every verb takes: predict --bundle bases/pour, adapt play DATA --base bases/pour
  wam-adapt merge --bundle models/pour --base bases/wan-1.3b --format diffusers --out merged
      what diffusers loads: WanTransformer3DModel.from_pretrained("merged"); in a pipeline's folder, the pipeline
  wam-adapt merge --bundle yam-lora --trained-on GEAR-Dreams/DreamZero-AgiBot@COMMIT --base bases/agibot --out yam
      what a LoRA run of DreamZero's saved, which says neither its base nor its commit

The base must be the one that the adapter was trained on: its fingerprint, or repository and commit, are compared. Room
on the disk is made sure of first. The folder appears when it is whole and answers as base and adapter did."""


def add_merge(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb that makes whole weights of base and adapter."""
    merge = add_verb(
        verbs,
        "merge",
        "fold a bundle's adapter into its base: whole weights that the base's own code serves",
        shared,
        examples=_EXAMPLES,
    )
    merge.add_argument(
        "--bundle", required=True, metavar="DIR", help="a bundle's folder, or what a LoRA run of DreamZero's saved"
    )
    merge.add_argument("--out", required=True, metavar="DIR", help="the folder to make")
    merge.add_argument("--base", metavar="DIR", help="the base's folder, where it does not ship with this package")
    merge.add_argument(
        "--format",
        choices=("base", "diffusers", "wan", "dreamzero"),
        help="'base' for this package's own, which every verb takes (default: the base's own)",
    )
    merge.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        help="what the weights are stored as (default: as the base's; in this package's own format float32)",
    )
    merge.add_argument(
        "--trained-on",
        metavar="REPO@COMMIT",
        help="the base of what a LoRA run of DreamZero's saved; a bundle says it itself",
    )
    merge.set_defaults(verb="merge", stopped="nothing was written; the same command begins anew")
