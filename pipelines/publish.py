"""Publish: a run's bundle in, a commit on the Hub out, downloaded again and proven. Without `confirm` it only tells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapt.hub.publish import Publication, Receipt, plan_publication, publish
from adapt.runs.stage import require_current
from pipelines.job import load_job


class Report(dict[str, Any]):
    """What was, or would be, published: facts for machines, and words for people."""

    def __init__(self, words: str, **facts: Any) -> None:
        super().__init__(facts)
        self._words = words

    def __str__(self) -> str:
        return self._words


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
        RunError: The run has no bundle yet.
        BundleError: The bundle is damaged or does not reproduce its golden output.
        HubError: The Hub refused, or what came back is not what was sent.
    """
    job = load_job(run_folder)
    plan = plan_publication(require_current(run_folder, "bundle"), repo, public=public)
    if not confirm:
        return Report(_describe(plan), published=False, **_facts(plan))
    receipt = publish(plan, prove=_prover(job.recipe.base))
    facts = {**_facts(plan), "published": True, "url": receipt.url, "commit": receipt.commit}
    return Report(_confirm(plan, receipt), **facts)


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
