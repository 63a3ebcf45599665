"""What of this run has been published? RUN/published.json: repositories, commits, and whose videos were in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.runs.lock import hold
from adapt.runs.noted import Notes

_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A bundle that was sent to the Hub.

    Attributes:
        repo: "owner/name".
        commit: Of what was sent.
        url: The repository's page.
        visibility: "public" or "private", as it was then.
        on: When, as ISO 8601 has it.
        bundle: The key of the bundle.
        made_from: Keys of the stages it was made from, by stage.
        videos: Digests of the videos whose windows were in its training and validation data.
    """

    repo: str
    commit: str
    url: str
    visibility: str
    on: str
    bundle: str
    made_from: Mapping[str, str]
    videos: Sequence[str]

    @property
    def names(self) -> set[str]:
        """Keys and digests by which it is found."""
        return {self.bundle, *self.made_from.values(), *self.videos}


_NOTES = Notes(
    name="published.json",
    rows="publications",
    kind=Published,
    remedy="move it away, and look on the Hub for what was published of this run",
)


def note_published(run: Path, publication: Published) -> None:
    """Remember a publication; the same commit of the same repository once.

    Raises:
        OSError: The run's folder cannot be written.
        RunError: Another process keeps noting, or what is noted there is damaged.
    """
    with hold(run, "published", f"noting what was published of {run}", patience_s=_PATIENCE_S):
        there = [one for one in read_published(run) if (one.url, one.commit) != (publication.url, publication.commit)]
        _NOTES.write(run, [*there, publication])


def read_published(run: Path) -> list[Published]:
    """What was published of a run, in the order in which it was.

    Raises:
        RunError: What is noted there is damaged, or another version noted it.
    """
    return _NOTES.read(run)
