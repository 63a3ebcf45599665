"""Publish: a run's bundle in, a commit on the Hub out, downloaded again and proven. Without `confirm` it only tells.

RUN/published.json   what was sent where, and whose videos were in it: `wam-adapt withdraw` reads it
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapt.data.shown_in import find_videos
from adapt.errors import AdaptError, RunError
from adapt.hub.publish import Publication, Receipt, plan_publication, publish
from adapt.runs.cache import Cache
from adapt.runs.published import Published, note_published
from adapt.runs.stage import read_manifest, require_current
from pipelines.again import adapt_command
from pipelines.answer import Report
from pipelines.job import Job, load_job
from pipelines.left_out import why_withheld

log = logging.getLogger(__name__)


def run(run_folder: Path, repo: str, *, confirm: bool = False, public: bool = False) -> Report:
    """Send a run's bundle to the Hub and verify it there, or tell what would be sent.

    Args:
        run_folder: The run's folder.
        repo: "owner/name" on the Hub.
        confirm: Do it; otherwise nothing is sent, not even a question.
        public: For everybody to see.

    Returns:
        What goes where, and after publishing the commit.

    Raises:
        RunError: The run has no bundle yet, or was made with a video that has been withdrawn.
        BundleError: The bundle is damaged or does not reproduce its golden output.
        HubError: The Hub refused, or what came back is not what was sent.
    """
    job = load_job(run_folder)
    _refuse_withdrawn(job)
    bundle = require_current(run_folder, "bundle")
    plan = plan_publication(bundle, repo, public=public)
    if not confirm:
        return Report(_describe(plan), published=False, **_facts(plan))
    receipt = publish(
        plan, prove=_prover(job.recipe.base), committed=lambda receipt: _note(run_folder, bundle, plan, receipt)
    )
    facts = {**_facts(plan), "published": True, "url": receipt.url, "commit": receipt.commit}
    return Report(_confirm(plan, receipt), **facts)


def _refuse_withdrawn(job: Job) -> None:
    """Weights cannot be untaught: what a withdrawn video is in does not go out."""
    if reason := why_withheld(job.run_folder, Cache.default()):
        raise RunError(
            f"{job.run} must not be published: {reason}; train it again, which leaves the video out: "
            f"{adapt_command(job)}"
        )


def _note(run: Path, bundle: Path, plan: Publication, receipt: Receipt) -> None:
    """Remember what was sent; it is there now, whether or not that can be written down."""
    made_from = {name: key for name, key in read_manifest(bundle)["inputs"].items() if (run / name).is_dir()}
    encode = run / "encode" / str(made_from.get("encode"))
    try:
        publication = Published(
            repo=plan.repo_id,
            commit=receipt.commit,
            url=receipt.url,
            visibility=plan.visibility,
            on=datetime.now(tz=UTC).isoformat(timespec="seconds"),
            bundle=bundle.name,
            made_from=made_from,
            videos=sorted(find_videos(encode)),
        )
        note_published(run, publication)
    except (OSError, AdaptError) as error:
        log.warning("published, but that cannot be noted in %s (%s): write the commit down yourself", run, error)


def _prover(base: str) -> Callable[[Path], None]:
    """Loads a bundle on the base of its run and has it reproduce its golden output."""
    from adapt.models.bases import find_base, read_identity
    from adapt.policy import load

    bases = {read_identity(base)[0].name: find_base(base)}
    return lambda folder: load(folder, bases=bases).verify_golden()


def _facts(plan: Publication) -> dict[str, Any]:
    return {
        "repo": plan.repo_id,
        "endpoint": plan.endpoint,
        "visibility": plan.visibility,
        "message": plan.message,
        "bytes": plan.total_bytes,
        "files": [{"name": file.name, "bytes": file.size, "sha256": file.sha256} for file in plan.files],
    }


def _describe(plan: Publication) -> str:
    lines = [
        "dry run: nothing was sent",
        f"to      {plan.endpoint}/{plan.repo_id} ({plan.visibility}; made if it is not there)",
        f"commit  {plan.message}",
        *(f"  {file.size:>12,} B  {file.name}" for file in plan.files),
        f"  {plan.total_bytes:>12,} B  in {len(plan.files)} files",
        "next: the same command with --confirm",
    ]
    return "\n".join(lines)


def _confirm(plan: Publication, receipt: Receipt) -> str:
    name = plan.repo_id.partition("/")[2]
    return "\n".join(
        [
            f"published {len(plan.files)} files ({plan.visibility}); downloaded again: equal, golden output reproduced",
            f"page    {receipt.url}",
            f"commit  {receipt.commit}",
            f"next: wam-adapt pull {plan.repo_id}@{receipt.commit} --out models/{name}",
        ]
    )
