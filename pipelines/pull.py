"""Pull: a repository of the Hub in, a checked bundle in a folder out."""

from pathlib import Path

from adapt.hub.pull import pull
from pipelines.answer import Report


def run(reference: str, out: Path) -> Report:
    """Fetch a bundle from the Hub.

    Args:
        reference: "owner/name", or "owner/name@revision" with a commit, tag or branch.
        out: The folder to make; the same bundle in it already is left as it is.

    Returns:
        Where it is, and the commit it is of.

    Raises:
        HubError: The Hub refused or cannot be reached, or `out` holds something else.
        BundleError: What came is damaged.
    """
    pulled = pull(reference, out)
    pinned = f"{pulled.repo_id}@{pulled.commit}"
    words = [
        f"{'was here already' if pulled.reused else 'pulled and checked'}: {pulled.folder}",
        f"from    {pulled.endpoint}/{pulled.repo_id}",
        f"commit  {pulled.commit}",
    ]
    if not reference.endswith(pulled.commit):
        words.append(f"to get exactly this again: wam-adapt pull {pinned} --out DIR")
    facts = {"folder": str(pulled.folder), "repo": pulled.repo_id, "commit": pulled.commit, "reused": pulled.reused}
    return Report("\n".join(words), **facts)
