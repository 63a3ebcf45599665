"""What is one video worth? Its seconds by what becomes of them, and its findings, from what ingest itself found."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from adapt.data.human_windows import HumanRules, SeenVideo
from adapt.footage import reasons
from adapt.footage.settings import FootageConfig
from adapt.quality import faults
from adapt.quality.findings import HINT, LOST, PART, WEIGHTS, Finding, from_words
from adapt.quality.times import LEAST_S, told_spans
from adapt.quality.viewpoint import view_findings
from adapt.types import BaseGeometry, Window
from adapt.video.probe import VideoInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Seconds of a video, and what becomes of them."""

    start_s: float
    end_s: float
    code: str  # `faults.KEPT`, or why they are left out
    reason: str = ""  # in words; "" where they are kept

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_s - self.start_s

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        times = {"start_s": round(self.start_s, 3), "end_s": round(self.end_s, 3)}
        return {**times, "code": self.code, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One video, as ingest takes it.

    Attributes:
        name: Relative to the folder, with forward slashes.
        digest: SHA-256 of its bytes, hex; "" where they cannot be read.
        instruction: What is done in it; "" where nobody says.
        session: The sitting it was recorded in; files that share footage count as one.
        info: What its container tells; None where it cannot be opened, or was not.
        train_s: Seconds of kept windows to train on.
        validation_s: Seconds of kept windows held out.
        stretches: All its seconds, in order of time.
        hands: Hands in each look, at `looks_hz`; None where nobody looked for them.
        looks_hz: Looks a second.
        findings: What is wrong with it or out of the ordinary, the costliest first.
    """

    name: str
    digest: str
    instruction: str
    session: str
    info: VideoInfo | None
    train_s: float
    validation_s: float
    stretches: tuple[Stretch, ...]
    hands: tuple[int, ...] | None
    looks_hz: float
    findings: tuple[Finding, ...]

    @property
    def duration_s(self) -> float:
        """From its first frame's beginning to its last one's end, s."""
        return max((stretch.end_s for stretch in self.stretches), default=0.0)

    @property
    def usable_s(self) -> float:
        """Seconds of kept windows."""
        return self.train_s + self.validation_s

    def seconds_by_code(self) -> dict[str, float]:
        """Its seconds by what becomes of them, most first."""
        found: dict[str, float] = defaultdict(float)
        for stretch in self.stretches:
            found[stretch.code] += stretch.seconds
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "file": self.name,
            "sha256": self.digest,
            "instruction": self.instruction,
            "session": self.session,
            "seconds": round(self.duration_s, 3),
            "usable_seconds": round(self.usable_s, 3),
            "train_seconds": round(self.train_s, 3),
            "validation_seconds": round(self.validation_s, 3),
            "seconds_by_code": {code: round(seconds, 3) for code, seconds in self.seconds_by_code().items()},
            "container": _container(self.info),
            "timeline": [stretch.to_json() for stretch in self.stretches],
            "findings": [finding.to_json() for finding in self.findings],
        }


def report_file(
    video: SeenVideo,
    windows: Sequence[Window],
    info: VideoInfo | None,
    *,
    rules: HumanRules,
    told: bool = True,
    more: Sequence[Finding] = (),
) -> FileReport:
    """Put together what is known of one video.

    Args:
        video: What was seen of it.
        windows: Its windows after the split, in order of time.
        info: What its container tells, where it can be opened.
        rules: As ingest has them.
        told: Whether anybody says what is done in it; else none of it is used, and its windows tell what could be.
        more: Findings of the container and of the folder.
    """
    geometry = rules.geometry
    stretches = _stretches(video, windows, info, geometry, told=told)
    seen_from = view_findings(video.arms or (), rules.hands.detect_hz, rules.hands)
    return FileReport(
        name=video.item.name,
        digest=video.digest,
        instruction=video.item.instruction if told else "",
        session=windows[0].session if windows else video.item.session,
        info=info,
        train_s=split_s(windows, "train", geometry) if told else 0.0,
        validation_s=split_s(windows, "validation", geometry) if told else 0.0,
        stretches=stretches,
        hands=video.hands,
        looks_hz=rules.hands.detect_hz,
        findings=_sorted(
            [
                *more,
                *_of_video(video, stretches),
                *_of_windows(stretches),
                *seen_from,
                *_camera(windows, stretches, rules.footage),
            ]
        ),
    )


def _stretches(
    video: SeenVideo, windows: Sequence[Window], info: VideoInfo | None, geometry: BaseGeometry, *, told: bool
) -> tuple[Stretch, ...]:
    """The windows, and what lies between and after them."""
    whole = next((kind for kind, _ in video.problems if faults.VIDEO_CODES[kind] in ("same_bytes", "unreadable")), None)
    duration_s = info.duration_s if info is not None else video.readable_s
    if whole is not None:
        words = dict(video.problems)[whole]
        lost = Stretch(start_s=0.0, end_s=duration_s, code=faults.VIDEO_CODES[whole], reason=words)
        return (lost,) if duration_s > LEAST_S else ()

    def code_of(window: Window) -> str:
        """What becomes of a window, which nobody can use until somebody says what is done in it."""
        code = faults.window_code(window.rejection)
        return faults.UNTOLD if code == faults.KEPT and not told else code

    found = laid_out(windows, geometry, video.readable_s, code_of)
    at_s = found[-1].end_s if found else 0.0
    at_s = max(at_s, video.readable_s)
    if duration_s - at_s > 1 / 2 and any(faults.VIDEO_CODES[kind] == "truncated" for kind, _ in video.problems):
        found.append(Stretch(start_s=at_s, end_s=duration_s, code=faults.UNREAD, reason="cannot be decoded"))
    return tuple(found)


def laid_out(
    windows: Sequence[Window], geometry: BaseGeometry, end_s: float, code_of: Callable[[Window], str]
) -> list[Stretch]:
    """Windows in order of time, and what lies between and after them.

    Args:
        windows: Of one recording.
        geometry: Tells how long they are.
        end_s: Where the recording ends.
        code_of: What becomes of a window.
    """
    found: list[Stretch] = []
    at_s = 0.0
    for window in windows:
        last_s = window.start_s + geometry.window_s(window.chunks)
        found += _rest(at_s, window.start_s)
        found.append(Stretch(start_s=window.start_s, end_s=last_s, code=code_of(window), reason=window.rejection))
        at_s = last_s
    return found + _rest(at_s, end_s)


def split_s(windows: Sequence[Window], split: str, geometry: BaseGeometry) -> float:
    """Seconds of the windows of one split."""
    return fsum(geometry.window_s(window.chunks) for window in windows if window.split == split)


def _rest(start_s: float, end_s: float) -> list[Stretch]:
    if end_s - start_s < LEAST_S:
        return []
    return [Stretch(start_s=start_s, end_s=end_s, code=faults.REST, reason="too short for a window of its own")]


def _of_video(video: SeenVideo, stretches: Sequence[Stretch]) -> list[Finding]:
    """What is said of the video as a whole."""
    found = []
    for kind, words in video.problems:
        code = faults.VIDEO_CODES[kind]
        weight = {"narrow_bars": HINT, "truncated": PART}.get(code, LOST)
        lost_s = fsum(stretch.seconds for stretch in stretches if stretch.code in (code, faults.UNREAD))
        if code == "too_short":
            lost_s = fsum(stretch.seconds for stretch in stretches)
        found.append(from_words(code, weight, words, seconds=lost_s if weight != HINT else 0.0))
    return found


def _of_windows(stretches: Sequence[Stretch]) -> list[Finding]:
    """One finding for each reason for which windows are left out, with when and how much."""
    by_code: dict[str, list[Stretch]] = defaultdict(list)
    for stretch in stretches:
        if stretch.reason and stretch.code not in (*faults.VIDEO_CODES.values(), faults.REST, faults.UNREAD):
            by_code[stretch.code].append(stretch)
    nothing_kept = not any(stretch.code in (faults.KEPT, faults.UNTOLD) for stretch in stretches)
    weight = LOST if nothing_kept and len(by_code) == 1 else PART
    found = []
    for code, lost in by_code.items():
        seconds = fsum(stretch.seconds for stretch in lost)
        details = faults.details_of(lost[0].reason)
        when = told_spans([(stretch.start_s, stretch.end_s) for stretch in lost])
        words = f"{faults.name_of(code)}: {seconds:.1f} s, {when}"
        found.append(
            Finding(
                code=code,
                weight=HINT if code == "gap" else weight,
                found=f"{words} ({details})" if details else words,
                remedy=faults.remedy_of(lost[0].reason) or _GAP_REMEDY,
                seconds=seconds,
            )
        )
    return found


def _camera(windows: Sequence[Window], stretches: Sequence[Stretch], footage: FootageConfig) -> list[Finding]:
    """What is said of windows that are used although the camera moves strongly in them."""
    strong = {
        window.start_s: window.quality["camera_deg_s"]
        for window in windows
        if not window.rejection and window.quality.get("camera_deg_s", 0.0) > footage.strong_camera_deg_s
    }
    moved = [stretch for stretch in stretches if stretch.start_s in strong and stretch.code in _USED]
    if not moved:
        return []
    seconds = fsum(stretch.seconds for stretch in moved)
    fault, _, remedy = reasons.CAMERA.partition("; ")
    turns = (
        f"turning by up to {max(strong.values()):.0f} degrees a second through a lens of {footage.fov_deg:g} degrees"
    )
    found = f"{fault}: {seconds:.1f} s, {told_spans([(stretch.start_s, stretch.end_s) for stretch in moved])} ({turns})"
    return [Finding(code=faults.window_code(reasons.CAMERA), weight=HINT, found=found, remedy=remedy)]


_USED = (faults.KEPT, faults.UNTOLD)
_GAP_REMEDY = "film in several sessions, which are held out whole"


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    def rank(finding: Finding) -> tuple[bool, int, float, str]:
        """The lower, the sooner it is told: by what to do first, then weight, seconds lost, and code."""
        # What nobody says is mended in a second, and nothing else helps before that.
        return finding.code != faults.UNTOLD, WEIGHTS.index(finding.weight), -finding.seconds, finding.code

    return tuple(sorted(findings, key=rank))


def _container(info: VideoInfo | None) -> dict[str, Any] | None:
    if info is None:
        return None
    return {
        "codec": info.codec,
        "width_px": info.width,
        "height_px": info.height,
        "rate_hz": round(info.average_hz, 3),
        "variable_rate": info.variable_rate,
        "rotation_deg": info.rotation_deg,
        "mirrored": info.mirrored,
        "treatment": list(info.treatment),
    }
