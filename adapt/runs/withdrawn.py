"""Was this run made with a video that has been taken back? RUN/withdrawn.json says which, and what must not go out.

A video is named by its digest alone: what is written here must not tell more of a person than they have left.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from adapt.errors import RunError
from adapt.runs.atomic import write_atomic
from adapt.runs.documents import in_short, parse_object
from adapt.runs.lock import hold
from adapt.runs.results import read_result
from adapt.runs.stage import find_current

NAME, FORMAT = "withdrawn.json", 1
_PATIENCE_S = 60.0
_SHOWN = 12  # digits of a digest in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A video that was taken back after this run had used it.

    Attributes:
        video: Its digest.
        on: The day, as ISO 8601 has it.
        trained: By the key of each training that saw it, all videos that it saw: what listed them is gone, and one
            of the others may be taken back later.
    """

    video: str
    on: str
    trained: Mapping[str, Sequence[str]]

    @property
    def words(self) -> str:
        """The video and the day, for a message."""
        return f"a video that was withdrawn on {self.on} (sha256 {self.video[:_SHOWN]})"


def note_withdrawn(run: Path, video: str, trained: Mapping[str, Collection[str]]) -> None:
    """Mark a run; what was marked before stays marked.

    Args:
        run: The run's folder.
        video: Digest of the video.
        trained: By the key of each of the run's trainings that saw it, the videos that it is known to have seen.

    Raises:
        OSError: The run's folder cannot be written.
        RunError: Another process keeps noting, or what is noted there is damaged.
    """
    with hold(run, "withdrawn", f"noting a withdrawal in {run}", patience_s=_PATIENCE_S):
        there = {one.video: one for one in read_withdrawn(run)}
        day = datetime.now(tz=UTC).date().isoformat()
        mark = there.get(video, Withdrawal(video=video, on=day, trained={}))
        seen = {key: sorted({video, *saw, *mark.trained.get(key, ())}) for key, saw in trained.items()}
        there[video] = replace(mark, trained={**mark.trained, **seen})
        rows = [asdict(one) for one in there.values()]
        write_atomic(run / NAME, json.dumps({"format": FORMAT, "videos": rows}, indent=2) + "\n")


def read_withdrawn(run: Path) -> list[Withdrawal]:
    """Videos that were taken back after a run had used them.

    Raises:
        RunError: What is noted there is damaged.
    """
    path = run / NAME
    if not path.is_file():
        return []
    try:
        rows = parse_object(path.read_text(encoding="utf-8"))["videos"]
        return [
            Withdrawal(
                video=str(row["video"]),
                on=str(row["on"]),
                trained={key: [str(video) for video in saw] for key, saw in row["trained"].items()},
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is damaged ({in_short(error)}), and says which videos must not be published; give "
            "`wam-adapt withdraw` again for each of them, after moving it away"
        ) from error


def find_reason(run: Path) -> str:
    """Why nothing of a run may be published now: what it holds was made with a video that was taken back, and how.

    Args:
        run: The run's folder.

    Returns:
        The reason in words that follow the run's name; "" where there is none.

    Raises:
        RunError: What is noted there is damaged.
    """
    marks = read_withdrawn(run)
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
