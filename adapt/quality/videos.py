"""What is a folder of human videos worth? Ingest's own judgement, file by file and task by task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import fsum
from typing import Any

from adapt.data.human_windows import HumanRules, SeenVideo, examine_human_videos
from adapt.data.splits import assign_splits
from adapt.data.video_folder import VideoFolder
from adapt.errors import MediaError
from adapt.quality import faults
from adapt.quality.container import container_findings
from adapt.quality.files import FileReport, report_file
from adapt.quality.findings import HINT, LOST, Finding, from_words
from adapt.quality.goals import FilmedTask, HeldOut, Step, film_next, task_reports
from adapt.runs.cache import Cache
from adapt.types import Window
from adapt.video.probe import VideoInfo, probe

Tell = Callable[[float, str], None]  # share done in [0, 1], what is being read


@dataclass(frozen=True, slots=True, kw_only=True)
class VideosReport:
    """All that is known of a folder of human videos before anything is trained.

    Attributes:
        files: Every video, in order of name.
        others: (file, finding) of what is no video, or was not looked at.
        tasks: What there is of each task.
        held_out: What there is to judge by.
        steps: What to do next, the most rewarding first.
    """

    files: tuple[FileReport, ...]
    others: tuple[tuple[str, Finding], ...]
    tasks: tuple[FilmedTask, ...]
    held_out: HeldOut
    steps: tuple[Step, ...]

    @property
    def usable_s(self) -> float:
        """Seconds of kept windows."""
        return fsum(file.usable_s for file in self.files)

    @property
    def seconds(self) -> float:
        """Seconds of video."""
        return fsum(file.duration_s for file in self.files)

    @property
    def is_usable(self) -> bool:
        """Whether an adaptation could begin with what there is."""
        return self.usable_s > 0

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "usable": self.is_usable,
            "minutes": round(self.seconds / 60, 3),
            "usable_minutes": round(self.usable_s / 60, 3),
            "train_minutes": round(fsum(file.train_s for file in self.files) / 60, 3),
            "validation_minutes": round(fsum(file.validation_s for file in self.files) / 60, 3),
            "held_out_windows": self.held_out.windows,
            "held_out_sessions": self.held_out.sessions,
            "same_session": self.held_out.same_session,
            "tasks": [task.to_json() for task in self.tasks],
            "files": [file.to_json() for file in self.files],
            "others": [{"file": name, **finding.to_json()} for name, finding in self.others],
            "film_next": [step.to_json() for step in self.steps],
        }


def examine_videos(
    told: VideoFolder | None,
    everything: VideoFolder,
    rules: HumanRules,
    cache: Cache,
    *,
    progress: Tell = lambda _share, _name: None,
) -> VideosReport:
    """Judge a folder as `adapt.data.human_windows.read_human_videos` does, and tell what that means.

    What is measured goes into the cache under the same keys, so that ingest measures nothing again.

    Args:
        told: The folder as ingest takes it; None where no video has an instruction.
        everything: The same with an instruction for every video, to tell what the untold ones would be worth.
        rules: As ingest has them.
        cache: Where measurements are kept.
        progress: Told the share done in [0, 1], and the name of the video being read.

    Raises:
        DataError: The hand model cannot be had.
        EmbodimentError: The body has not exactly one camera, or the canvas lacks its slot.
    """
    seen = examine_human_videos(told, rules, cache, progress=progress) if told is not None else []
    names = {video.item.name for video in seen}
    untold = [item.name for item in everything.videos if item.name not in names]
    could_be = examine_human_videos(everything, rules, cache, progress=progress) if untold else []
    could_be = [video for video in could_be if video.item.name not in names]
    windows, same_session = assign_splits(
        [window for video in seen for window in video.windows], rules.windows.validation_share
    )
    said = _said(told if told is not None else everything, untold)
    reports = _reports(seen, windows, rules, said, told=True)
    reports += _reports(could_be, [window for video in could_be for window in video.windows], rules, said, told=False)
    files = tuple(sorted(reports, key=lambda file: file.name))
    others = tuple(
        (name, finding)
        for name, findings in sorted(said.items())
        for finding in findings
        if name not in names and name not in untold
    )
    held_out = _held_out(windows, same_session=same_session)
    tasks = tuple(task_reports(files, rules.windows.validation_share))
    return VideosReport(
        files=files, others=others, tasks=tasks, held_out=held_out, steps=tuple(film_next(files, tasks, held_out))
    )


def _said(folder: VideoFolder, untold: Sequence[str]) -> dict[str, list[Finding]]:
    """What the folder's reader says, by file."""
    found: dict[str, list[Finding]] = {}
    for name, words in folder.problems:
        code = faults.folder_code(words)
        found.setdefault(name, []).append(from_words(code, LOST if code != "bad_text" else HINT, words))
    for name in untold:  # Where no video at all has an instruction, nobody has said so yet.
        if not any(finding.code == faults.UNTOLD for finding in found.get(name, ())):
            found.setdefault(name, []).append(from_words(faults.UNTOLD, LOST, _NO_INSTRUCTION))
    return found


_NO_INSTRUCTION = 'no instruction; give one for all with --task "...", or put a .txt with it beside the video'


def _reports(
    videos: Sequence[SeenVideo],
    windows: Sequence[Window],
    rules: HumanRules,
    said: Mapping[str, Sequence[Finding]],
    *,
    told: bool,
) -> list[FileReport]:
    """One report a video, from the windows of all in their order."""
    coming = iter(windows)
    geometry = rules.geometry
    slot = geometry.canvas.slots[rules.body.cameras[0].slot]
    reports = []
    for video in videos:
        info = _probe(video)
        known = () if info is None else container_findings(info, video_hz=geometry.video_hz, slot=slot)
        reports.append(
            report_file(
                video,
                list(islice(coming, len(video.windows))),
                info,
                rules=rules,
                told=told,
                more=[*known, *said.get(video.item.name, ())],
            )
        )
    return reports


def _probe(video: SeenVideo) -> VideoInfo | None:
    try:
        return probe(video.item.path)
    except MediaError:
        return None  # Ingest has said so, with the reason.


def _held_out(windows: Sequence[Window], *, same_session: bool) -> HeldOut:
    held_out = [window for window in windows if window.split == "validation"]
    sessions = {window.session for window in held_out}
    return HeldOut(windows=len(held_out), sessions=len(sessions), same_session=same_session)
