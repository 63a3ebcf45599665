"""What does the Hub mean by that, and what can be done? Its errors, put into our words, never with a token."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapt.errors import AdaptError, HubError
from adapt.hub.client import Hub
from adapt.hub.wording import one_line
from adapt.runs.disk import is_full

_LOGIN = "Log in with `hf auth login`, or set HF_TOKEN."
# The Hub's client builds on httpx2 since its version 2, on httpx before.
_TRANSPORT = {("httpx", "TransportError"), ("httpx2", "TransportError")}
_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{8,}|Bearer \S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What was asked of the Hub, for the message if it refuses."""

    doing: str  # "publish to lab/pour"
    repo_id: str
    hub: Hub


@contextmanager
def in_our_words(errand: Errand) -> Iterator[None]:
    """Turn what the Hub's client raises inside the block into a HubError with a remedy.

    Args:
        errand: What the block does.

    Yields:
        Nothing.

    Raises:
        HubError: The Hub refused, could not be reached, or is none.
    """
    try:
        with _quiet_where_nobody_looks():
            yield
    except AdaptError:
        raise
    except Exception as error:
        meaning = _meaning(error, errand)
        if meaning is None:
            raise
        text = _TOKEN.sub("hf_***", f"{errand.doing}: {meaning}")
        raise HubError(text.replace(errand.hub.token, "hf_***") if errand.hub.token else text) from error


@contextmanager
def _quiet_where_nobody_looks() -> Iterator[None]:
    """No progress bars of the client into a pipe or a file."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _meaning(error: BaseException, errand: Errand) -> str | None:
    """What an error of the client, or one that caused it, says; None where it is not the Hub's."""
    if is_full(error):
        return "the disk is full. Free some space, then give the same command again."
    current: BaseException | None = error
    while current is not None:
        meaning = _known_class(current, errand) or _status(current, errand) or _broken_line(current, errand)
        if meaning:
            return meaning
        current = current.__cause__ or current.__context__
    return None


def _known_class(error: BaseException, errand: Errand) -> str | None:
    from huggingface_hub import errors

    repo, page = errand.repo_id, f"{errand.hub.endpoint}/{errand.repo_id}"
    hidden = f"the Hub shows your account no {repo}. Check the name, or ask its owner for access."
    if errand.hub.token is None:
        hidden = f"the Hub shows no {repo} without a login; private repositories are hidden. {_LOGIN}"
    # In this order: a gated repository's error is a kind of a missing one's.
    meanings: list[tuple[type[BaseException], str]] = [
        (errors.GatedRepoError, f"{repo} is gated and your account has no access. Ask for it at {page}. {_LOGIN}"),
        (errors.RepositoryNotFoundError, hidden),
        (errors.RevisionNotFoundError, f"{repo} has no such commit, tag or branch. See {page}/commits/main."),
        (errors.DisabledRepoError, f"the Hub has disabled {repo}. See {page} for why."),
        (errors.RemoteEntryNotFoundError, f"a file that {repo} lists is not there. Pull another commit of it."),
        (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE is set, so nothing may be sent. Unset it."),
        (
            errors.FileMetadataError,
            f"{errand.hub.endpoint} does not answer as a Hub does. Check HF_ENDPOINT and your proxy.",
        ),
    ]
    return next((text for kind, text in meanings if isinstance(error, kind)), None)


def _status(error: BaseException, errand: Errand) -> str | None:
    """What an HTTP status says, or the Hub's own words where none of ours fit."""
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(error, HfHubHTTPError):
        return None
    code = error.response.status_code
    remedies = {
        401: f"the Hub does not accept the token (401). {_LOGIN}",
        403: f"the token may not do that (403). Use one with write access to '{errand.repo_id.split('/')[0]}'.",
        404: f"{errand.hub.endpoint} does not know this request (404). Check HF_ENDPOINT and the repository's name.",
        409: f"{errand.repo_id} is being changed by somebody else (409). Give the same command again.",
        412: f"somebody pushed to {errand.repo_id} meanwhile (412); nothing was overwritten. "
        "Look at what they pushed, then give the same command again.",
        429: "the Hub asks for fewer requests (429). Wait a few minutes, then give the same command again.",
    }
    if code in remedies:
        return remedies[code]
    if code >= 500:
        return f"the Hub is in trouble ({code}). Nothing is lost: give the same command again later."
    said = one_line(error.server_message or "no reason given")
    return f"the Hub refused ({code}): {said}. Mend that, then give the same command again."


def _broken_line(error: BaseException, errand: Errand) -> str | None:
    """A connection that failed, or an answer that no Hub gives."""
    kinds = {(kind.__module__.split(".")[0], kind.__name__) for kind in type(error).__mro__}
    if isinstance(error, ConnectionError | TimeoutError) or kinds & _TRANSPORT:
        return f"cannot reach {errand.hub.endpoint} ({type(error).__name__}). Check the network, then try again."
    if isinstance(error, ValueError) and "README.md" in str(error):
        return f"the Hub refuses the card: {one_line(str(error))}. Mend the template in hub_cards/, bundle again."
    if ("json", "JSONDecodeError") in kinds or (isinstance(error, KeyError | ValueError) and "formatted" in str(error)):
        return f"{errand.hub.endpoint} does not answer as a Hub does. Check HF_ENDPOINT."
    return None
