"""The one door to the Hub: which endpoint, which repository, and with which token.

The Hub's library reads its environment once, when it is imported; we read it when asked, and pass it on.
"""

import ipaddress
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adapt.errors import HubError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

DEFAULT_ENDPOINT = "https://huggingface.co"

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPO_ID = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoReference:
    """A repository of the Hub, and which state of it."""

    repo_id: str  # "owner/name"
    revision: str | None = None  # a commit, tag or branch; None is the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A connection: the client, where it leads, and the token it shows (never printed)."""

    endpoint: str
    token: str | None = field(repr=False)

    @property
    def api(self) -> "HfApi":
        """The Hub's own client, bound to this endpoint and token."""
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=self.shown_token, library_name="wam-adapt")

    @property
    def shown_token(self) -> Any:
        """The token as the client takes it: False keeps it from looking for one itself."""
        return self.token or False


def open_hub(endpoint: str | None = None, token: str | None = None) -> Hub:
    """Decide where the Hub is and with which token to go there; sends nothing.

    Args:
        endpoint: Address of the Hub; None takes HF_ENDPOINT, else the public one.
        token: None takes the one this machine is logged in with (HF_TOKEN or `hf auth login`), if any.

    Returns:
        The connection.

    Raises:
        HubError: The address is neither https nor on this machine.
    """
    from huggingface_hub import get_token

    return Hub(endpoint=find_endpoint(endpoint), token=token or get_token())


def find_endpoint(endpoint: str | None = None) -> str:
    """The Hub's address, without a slash at its end; sends nothing.

    Args:
        endpoint: An address; None takes HF_ENDPOINT, else the public one.

    Returns:
        The address.

    Raises:
        HubError: It is neither https nor on this machine: a token would travel in the open.
    """
    address = (endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    parts = urlsplit(address)
    if parts.username or parts.password:
        raise HubError("HF_ENDPOINT: holds a user name or password; write it as https://HOST and log in with a token.")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))):
        raise HubError(
            f"HF_ENDPOINT: is {address!r:.100}; a token may only travel by https. Set it to https://HOST, or unset it."
        )
    return address


def parse_reference(text: str) -> RepoReference:
    """Read "owner/name" or "owner/name@revision".

    Raises:
        HubError: It is neither.
    """
    repo_id, at, revision = text.partition("@")
    if not _REPO_ID.fullmatch(repo_id) or ".." in repo_id or "--" in repo_id:
        raise HubError(f"repository {text!r:.100}: should be written OWNER/NAME, such as my-lab/pour. Mend it.")
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise HubError(f"repository {text!r:.100}: what follows '@' is no commit, tag or branch. Mend it.")
    return RepoReference(repo_id=repo_id, revision=revision or None)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
