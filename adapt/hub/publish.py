"""How does a bundle get to the Hub, and how do we know it arrived?

`plan_publication` looks at the bundle only and touches no network; `publish` sends what the plan lists as one commit,
then downloads that commit and proves it equal.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import HubError
from adapt.hub.client import Hub, find_endpoint, open_hub, parse_reference
from adapt.hub.front_matter import check_front_matter
from adapt.hub.refusals import Errand, in_our_words
from adapt.hub.remote import RemoteFile, digest, download, drop_notes, is_bundle_name, list_remote
from adapt.hub.wording import one_line
from adapt.policy.bundle import Bundle, read_bundle
from adapt.policy.bundle_files import list_files

Prove = Callable[[Path], None]  # loads a bundle and reproduces its golden output, or raises
Told = Callable[["Receipt"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file that will go to the Hub."""

    name: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What would go where."""

    folder: Path
    repo_id: str
    endpoint: str
    public: bool
    message: str  # of the commit
    files: tuple[PlannedFile, ...]

    @property
    def total_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def visibility(self) -> str:
        """Who can see it."""
        return "public" if self.public else "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where a commit is on the Hub."""

    url: str
    commit: str


def plan_publication(folder: Path, repo_id: str, *, public: bool = False, endpoint: str | None = None) -> Publication:
    """Check a bundle and list what publishing it would send; touches no network.

    Args:
        folder: The bundle.
        repo_id: Where to, as "owner/name".
        public: Let everybody see it; otherwise only members of the owner do.
        endpoint: The Hub's address; None takes HF_ENDPOINT, else the public one.

    Returns:
        The plan.

    Raises:
        HubError: The repository's name or the endpoint is not acceptable.
        BundleError: The bundle is damaged, or holds a file that is not on its list.
        CardError: The card's front matter would be refused.
    """
    reference = parse_reference(repo_id)
    if reference.revision is not None:
        raise HubError(f"repository {repo_id!r}: publishing goes to the newest state. Leave out '@' and what follows.")
    bundle = read_bundle(folder)
    check_front_matter(bundle.card)
    return Publication(
        folder=folder,
        repo_id=reference.repo_id,
        endpoint=find_endpoint(endpoint),
        public=public,
        message=_message(bundle),
        files=tuple(
            PlannedFile(name=name, size=(folder / name).stat().st_size, sha256=digest(folder / name))
            for name in list_files(folder)
        ),
    )


def publish(plan: Publication, *, prove: Prove, token: str | None = None, committed: Told = lambda _: None) -> Receipt:
    """Send what the plan lists as one commit, then verify that commit by downloading it.

    Sending the same again changes nothing, and an interrupted upload goes on where it stopped.

    Args:
        plan: What goes where.
        prove: Loads a bundle and reproduces its golden output; called on the bundle here and on what came back.
        token: None takes the one this machine is logged in with.
        committed: Told of the commit as soon as it is there, before it is verified: it stays there if that fails.

    Returns:
        Where it is, downloaded again and proven equal.

    Raises:
        HubError: The Hub refused, somebody else pushed meanwhile, or what came back is not what was sent.
        BundleError: The bundle does not reproduce its golden output.
    """
    prove(plan.folder)
    hub = open_hub(plan.endpoint, token)
    with in_our_words(Errand(doing=f"publish to {plan.repo_id}", repo_id=plan.repo_id, hub=hub)):
        parent, present = _open_repository(plan, hub)
        commit = _commit(plan, hub, parent, present)
    receipt = Receipt(url=f"{plan.endpoint}/{plan.repo_id}", commit=commit)
    committed(receipt)
    with in_our_words(Errand(doing=f"verify {plan.repo_id}@{commit}", repo_id=plan.repo_id, hub=hub)):
        _verify(plan, hub, commit, prove)
    return receipt


def _open_repository(plan: Publication, hub: Hub) -> tuple[str | None, tuple[RemoteFile, ...]]:
    """Make the repository if it is not there; return its newest commit and that commit's files."""
    hub.api.create_repo(plan.repo_id, private=not plan.public, exist_ok=True)
    info = hub.api.model_info(plan.repo_id)
    if info.private is not None and info.private == plan.public:
        found = "private" if info.private else "public"
        raise HubError(
            f"{plan.repo_id} is {found} already, and this would publish it {plan.visibility}. Change its visibility "
            f"at {plan.endpoint}/{plan.repo_id}/settings, or {'leave out' if plan.public else 'add'} --public."
        )
    if info.sha is None:
        return None, ()
    present = list_remote(hub, plan.repo_id, info.sha)
    foreign = [file.name for file in present if not is_bundle_name(file.name)]
    if foreign:
        raise HubError(
            f"{plan.repo_id} holds {foreign[0]!r:.80}, which no bundle does, so something else lives there. "
            "Publish to another name, or remove it first."
        )
    return info.sha, present


def _commit(plan: Publication, hub: Hub, parent: str | None, present: Sequence[RemoteFile]) -> str:
    """One commit on top of `parent`, or none at all; afterwards the repository holds the plan's files only."""
    try:
        return _send(plan, hub, parent, present)
    except ConnectionError as error:
        # Hubs of one's own often lack Xet storage, and the client does not fall back by itself. Nothing was committed.
        if "404" not in str(error) or "xet-write-token" not in str(error):
            raise
        return _send(plan, hub, parent, present, with_xet=False)


def _send(
    plan: Publication, hub: Hub, parent: str | None, present: Sequence[RemoteFile], *, with_xet: bool = True
) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    sent = {file.name for file in plan.files}
    with ExitStack() as opened:
        # What is given as an open file goes by LFS.
        paths = {name: plan.folder / name for name in sorted(sent)}
        contents = paths if with_xet else {n: opened.enter_context(path.open("rb")) for n, path in paths.items()}
        operations = [CommitOperationAdd(name, content) for name, content in contents.items()]
        operations += [CommitOperationDelete(file.name) for file in present if file.name not in sent]
        info = hub.api.create_commit(
            plan.repo_id, operations, commit_message=plan.message, parent_commit=parent, revision="main"
        )
    return str(info.oid)


def _verify(plan: Publication, hub: Hub, commit: str, prove: Prove) -> None:
    with tempfile.TemporaryDirectory(prefix="wam-adapt-verify-") as scratch:
        back = Path(scratch)
        listed = list_remote(hub, plan.repo_id, commit)
        odd = {file.name for file in plan.files} ^ {file.name for file in listed}
        if odd:
            raise HubError(
                f"{plan.repo_id}@{commit} does not list what was sent ({min(odd)}). Do not use it; publish again."
            )
        download(hub, plan.repo_id, commit, listed, back)
        drop_notes(back)
        for file in plan.files:
            if digest(back / file.name) != file.sha256:
                raise HubError(
                    f"{plan.repo_id}@{commit}: {file.name} came back with other bytes than were sent. "
                    "Publish again; do not use this commit."
                )
        prove(back)


def _message(bundle: Bundle) -> str:
    taught = "human video" if bundle.kind == "human" else "robot play"
    return one_line(f"Adapter for {bundle.base.repo}, taught with {taught}: {', '.join(bundle.instructions)}")[:200]
