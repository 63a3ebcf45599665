"""Which training windows does a robot's play data give?

`pipelines/ingest.py` calls, with `play_files` telling every file that is read (for the stage's key):

    windows, problems = read_play_dataset(root, spec, geometry, config.windows, digest=cache.file_digest)
    windows, same_session = assign_splits(windows, config.windows.validation_share)

An episode is a recording session: it is never split between training and validation.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from adapt.data.check_body import CopiedActions, check_body
from adapt.data.episodes import Episode, EpisodeSource, EpisodeTable, Span
from adapt.data.films import Film
from adapt.data.sources import open_source
from adapt.data.window_id import window_id
from adapt.data.windows import WindowConfig, cut
from adapt.embodiment.resample import resample
from adapt.embodiment.spec import Axis, Embodiment, check_slots
from adapt.errors import AdaptError, DataError
from adapt.types import BaseGeometry, VideoRef, Window

PROVENANCE = "robot"
Problem = tuple[str, str]  # file, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPlay:
    """What a data set gave.

    Attributes:
        episodes: Those that can be read, in order; each may have given windows or none.
        windows: In order of episode and time, rejected ones too.
        problems: (file or session, reason) of every episode that gave none.
        copied: Tells whether its actions are nothing but the state.
    """

    episodes: tuple[Episode, ...]
    windows: tuple[Window, ...]
    problems: tuple[Problem, ...]
    copied: CopiedActions


def read_play_dataset(
    source: EpisodeSource | Path,
    spec: Embodiment,
    geometry: BaseGeometry,
    config: WindowConfig,
    *,
    digest: Callable[[Path], str],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Window], list[Problem]]:
    """Cut every episode of a data set into windows with actions and state.

    Args:
        source: The data set, or its folder or file.
        spec: The robot.
        geometry: The base's canvas, rates and chunk length.
        config: Longest and shortest window.
        digest: Sha256 of a file's bytes, in hex; such as `Cache.file_digest`.
        progress: Called after each episode with how many are done, and of how many.

    Returns:
        Windows in order of episode and time, all marked "train" until they are split; windows with numbers that are
        not finite are there too, rejected. And (file, reason) for every episode that gave none.

    Raises:
        DataError: There is no data set that can be read, or no episode of it gives a window.
        EmbodimentError: The spec does not fit the data set, the base's canvas lacks a slot it wants, or the actions
            are nothing but the state.
    """
    source = open_source(source, rate_hz=spec.rate_hz) if isinstance(source, Path) else source
    seen = examine_play_dataset(source, spec, geometry, config, digest=digest, progress=progress)
    if not any(window.split != "rejected" for window in seen.windows):
        raise DataError(_nothing_left(source.where, seen.windows, seen.problems))
    seen.copied.refuse(source.where)
    return list(seen.windows), list(seen.problems)


def examine_play_dataset(
    source: EpisodeSource,
    spec: Embodiment,
    geometry: BaseGeometry,
    config: WindowConfig,
    *,
    digest: Callable[[Path], str],
    progress: Callable[[int, int], None] | None = None,
) -> SeenPlay:
    """What `read_play_dataset` finds; that nothing can be kept, or that actions are copies, is no error here.

    Arguments and other errors are as there.
    """
    check_slots(spec, geometry.canvas)
    check_body(spec, source)
    episodes, problems = source.episodes([camera.column for camera in spec.cameras])
    config = replace(config, max_chunks=min(config.max_chunks, geometry.max_chunks))
    copied = CopiedActions(spec)
    cutter = _Cutter(source=source, spec=spec, geometry=geometry, config=config, digest=digest, copied=copied)
    windows: list[Window] = []
    for done, episode in enumerate(episodes, start=1):
        try:
            windows += cutter.windows(episode)
        except AdaptError as error:
            problems.append((episode.session, str(error)))
        if progress is not None:
            progress(done, len(episodes))
    return SeenPlay(episodes=tuple(episodes), windows=tuple(windows), problems=tuple(problems), copied=copied)


def play_files(root: Path, spec: Embodiment) -> list[Path]:
    """Every file that `read_play_dataset` reads, sorted, whether it exists or not.

    Raises:
        DataError: There is no data set that can be read.
    """
    return open_source(root, rate_hz=spec.rate_hz).files([camera.column for camera in spec.cameras])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cutter:
    """Cuts one episode after another into windows of one base."""

    source: EpisodeSource
    spec: Embodiment
    geometry: BaseGeometry
    config: WindowConfig
    digest: Callable[[Path], str]
    copied: CopiedActions

    def windows(self, episode: Episode) -> list[Window]:
        """Windows of one episode; no window reaches from one instruction into the next."""
        table = self.source.table(episode, self.spec.columns)
        videos = tuple(self._video(episode, camera.name, camera.column) for camera in self.spec.cameras)
        cuts = [(span, *window) for span in episode.spans for window in self._cut(span)]
        if not cuts:
            longest_s = max((span.end_s - span.start_s for span in episode.spans), default=0.0)
            raise DataError(
                f"{episode.session} of {self.source.where} has {longest_s:.2f} s under one instruction; the shortest "
                f"window needs {self.geometry.window_s(self.config.min_chunks):.2f} s. Record longer episodes."
            )
        self.copied.see(table)
        return [self._window(episode, span, videos, table, start_s, chunks) for span, start_s, chunks in cuts]

    def _cut(self, span: Span) -> list[tuple[float, int]]:
        found = cut(span.end_s - span.start_s, chunk_s=self.geometry.chunk_s, config=self.config)
        return [(span.start_s + start_s, chunks) for start_s, chunks in found]

    def _window(
        self,
        episode: Episode,
        span: Span,
        videos: tuple[VideoRef, ...],
        table: EpisodeTable,
        start_s: float,
        chunks: int,
    ) -> Window:
        geometry, spec = self.geometry, self.spec
        step_s = 1 / geometry.action_hz
        steps_s = start_s + torch.arange(chunks * geometry.action_steps, dtype=torch.float64) * step_s
        chunks_s = start_s + torch.arange(chunks, dtype=torch.float64) * geometry.chunk_s
        actions = _read(table, spec.actions, steps_s, step_s)
        state = _read(table, spec.state, chunks_s, geometry.chunk_s)
        slots = {camera.name: camera.slot for camera in spec.cameras}
        rejection = _not_finite(actions, spec.actions, "action") or _not_finite(state, spec.state, "state")
        return Window(
            window_id=window_id(
                {slots[video.camera]: Film.of(video).shown(video.digest) for video in videos},
                start_s=start_s,
                chunks=chunks,
                geometry=geometry,
            ),
            videos=videos,
            start_s=start_s,
            chunks=chunks,
            instruction=span.instruction,
            session=episode.session,
            split="rejected" if rejection else "train",
            embodiment=spec.name,
            rejection=rejection,
            provenance=PROVENANCE if actions is not None else "",
            actions=actions,
            state=state,
        )

    def _video(self, episode: Episode, camera: str, column: str) -> VideoRef:
        film = episode.videos[column]
        return VideoRef(
            camera=camera,
            path=str(film.path.absolute()),
            digest=self.digest(film.path),
            from_s=film.from_s,
            array=film.array,
            array_hz=film.array_hz,
        )


def _read(
    table: EpisodeTable, axes: Sequence[Axis], at_s: Float[Tensor, " k"], step_s: float
) -> Float[Tensor, "k d"] | None:
    """The axes' values at these times, in float32; None where there are no axes."""
    if not axes:
        return None
    rows = torch.stack([table.columns[axis.column][:, axis.index] for axis in axes], dim=1)
    return resample(table.time_s, rows, at_s, axes, step_s=step_s).float()


def _not_finite(values: Tensor | None, axes: Sequence[Axis], kind: str) -> str:
    if values is None or bool(values.isfinite().all()):
        return ""
    place = int((~values.isfinite().all(dim=0)).nonzero()[0])
    return f"{kind} axis '{axes[place].name}' holds NaN or infinity"


def _nothing_left(where: str, windows: Sequence[Window], problems: Sequence[Problem]) -> str:
    reasons = Counter([window.rejection for window in windows] + [reason for _, reason in problems])
    told = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3))
    return f"{where}: no episode gives a window to train on. Reasons: {told or 'it lists no episodes'}"
