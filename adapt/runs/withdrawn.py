"""Was this run made with a video that has been taken back? RUN/withdrawn.json says which, and what must not go out.

The cache's folder is marked in the same way, so that no other run takes the video again. A video is named by its digest
alone: what is written here must not tell more of a person than they have left.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from adapt.runs.lock import hold
from adapt.runs.noted import Notes
from adapt.runs.results import JOB, read_result
from adapt.runs.stage import find_current

NAME = "withdrawn.json"
_PATIENCE_S = 60.0
_SHOWN = 12  # digits of a digest in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A video that was taken back.

    Attributes:
        video: Its digest.
        on: The day, as ISO 8601 has it.
        trained: By the key of each training of the run that saw it, all videos that it saw: what listed them is gone,
            and one of the others may be taken back later.
        back: The day on which it was given again; "" while it is withdrawn.
    """

    video: str
    on: str
    trained: Mapping[str, Sequence[str]]
    back: str = ""

    @property
    def words(self) -> str:
        """The video and the day, for a message."""
        return f"a video that was withdrawn on {self.on} (sha256 {self.video[:_SHOWN]})"


_NOTES = Notes(
    name=NAME,
    rows="videos",
    kind=Withdrawal,
    remedy="it says which videos must not be used or published: give `wam-adapt withdraw` again for each of them, "
    "after moving it away",
)


def note_withdrawn(folder: Path, video: str, trained: Mapping[str, Collection[str]]) -> None:
    """Mark a run, or the cache; what was marked before stays marked.

    Args:
        folder: The run's folder, or the cache's.
        video: Digest of the video.
        trained: By the key of each of the run's trainings that saw it, the videos that it is known to have seen.

    Raises:
        OSError: The folder cannot be written.
        RunError: Another process keeps noting, or what is noted there is damaged.
    """
    fresh = Withdrawal(video=video, on=_today(), trained={})

    def mark(there: Withdrawal | None) -> Withdrawal:
        """What is to be noted, given what is there: withdrawn today, unless it is so already."""
        before = fresh if there is None else replace(there, on=fresh.on, back="") if there.back else there
        seen = {key: sorted({video, *saw, *before.trained.get(key, ())}) for key, saw in trained.items()}
        return replace(before, trained={**before.trained, **seen})

    _change(folder, video, mark)


def note_given_back(folder: Path, video: str) -> None:
    """Note in a marked folder that the person has given the video again; which trainings saw it stays known.

    Raises:
        OSError: The folder cannot be written.
        RunError: Another process keeps noting, or what is noted there is damaged.
    """
    _change(folder, video, lambda there: None if there is None else replace(there, back=there.back or _today()))


def read_withdrawn(folder: Path) -> list[Withdrawal]:
    """Videos that were taken back after a run had used them, those that were given again among them.

    Args:
        folder: The run's folder, or the cache's.

    Raises:
        RunError: What is noted there is damaged, or another version noted it.
    """
    return _NOTES.read(folder)


def find_withdrawn(run: Path, cache: Path) -> dict[str, Withdrawal]:
    """Videos that a run must not take, by digest, as far as it is known here that they were taken back.

    That is what is marked in the run, in the runs beside it, and in the cache: a cache may be deleted, and runs may
    have been moved from where their cache is.

    Args:
        run: The run's folder, which need not exist yet.
        cache: The cache's folder.

    Raises:
        RunError: What is noted in one of these is damaged.
    """
    # Others may keep files of that name; what is no run is none of ours.
    beside = sorted(path.parent for path in run.parent.glob(f"*/{NAME}") if (path.parent / JOB).is_file())
    marks = [mark for folder in (cache, run, *beside) for mark in read_withdrawn(folder)]
    return {mark.video: mark for mark in marks if not mark.back}


def _change(folder: Path, video: str, change: Callable[[Withdrawal | None], Withdrawal | None]) -> None:
    with hold(folder, "withdrawn", f"noting a withdrawal in {folder}", patience_s=_PATIENCE_S):
        there = {one.video: one for one in read_withdrawn(folder)}
        changed = change(there.get(video))
        if changed is not None and changed != there.get(video):
            _NOTES.write(folder, list({**there, video: changed}.values()))


def _today() -> str:
    return datetime.now(tz=UTC).date().isoformat()


def find_reason(run: Path) -> str:
    """Why nothing of a run may be published now: what it holds was made with a video that was taken back, and how.

    Args:
        run: The run's folder.

    Returns:
        The reason in words that follow the run's name; "" where there is none.

    Raises:
        RunError: What is noted there is damaged.
    """
    marks = [mark for mark in read_withdrawn(run) if not mark.back]
    if not marks:
        return ""
    bundle = find_current(run, "bundle")
    result = None if bundle is None else read_result(bundle)
    if result is None:
        finetune = find_current(run, "finetune")
        trained = next((mark for mark in marks if finetune is not None and finetune.name in mark.trained), None)
        return "" if trained is None else f"its adapters were trained with {trained.words}"
    ingest = read_result(run / "ingest" / str(result.manifest["inputs"].get("ingest", "")))
    listed = set() if ingest is None else ingest.names
    for mark in marks:
        if result.names & {mark.video, *mark.trained}:
            return f"its adapters were trained with {mark.words}"
        if mark.video in listed:
            return f"its data has {mark.words} in it again"
    return ""
