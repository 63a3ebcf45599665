"""Shared vocabulary: the axis letters and value objects every layer speaks.

Axis letters, identical in every annotation, docstring and test:
    b batch    t video frames    l latent frames    c channels
    h, w height, width (px or latent cells, as stated)
    m chunks in a window    k action steps    d action axes    s state axes
    n text tokens    e text width    j hand joints (21)

A window of m chunks has t = 1 + frames_per_chunk * m video frames, l = 1 + latent_frames_per_chunk * m latent
frames and k = action_steps * m action steps. Its first frame is the present; chunk i is predicted from frames up
to 1 + frames_per_chunk * i.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jaxtyping import Bool, Float, UInt8
from torch import Tensor

MOST_PX = 65_536  # No canvas, latent or chunk is larger; what says so is damaged.


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A rectangle of the canvas that one camera view fills, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The frame a base was trained on, and the named places for camera views.

    Raises:
        ValueError: It has no size, one beyond reason, or a slot that lies outside it.
    """

    height: int
    width: int
    slots: Mapping[str, Slot]

    def __post_init__(self) -> None:
        if not (1 <= self.height <= MOST_PX and 1 <= self.width <= MOST_PX):
            raise ValueError(f"a canvas of {self.height} x {self.width} px; give 1 to {MOST_PX}")
        for name, slot in self.slots.items():
            across = 0 <= slot.left < slot.left + slot.width <= self.width
            if not (across and 0 <= slot.top < slot.top + slot.height <= self.height):
                raise ValueError(f"slot '{name}' lies outside the canvas of {self.height} x {self.width} px: {slot}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseGeometry:
    """What a base fixes for its data: rates, chunk length, canvas and latent shape.

    Defaults are DreamZero's (arXiv 2602.15922, App. C): video at 5 Hz, chunks of 1.6 s, at most 4 chunks, two
    latent frames a chunk.

    Raises:
        ValueError: A number is not above 0, or is beyond reason.
    """

    canvas: Canvas
    latent_channels: int
    latent_height: int
    latent_width: int
    action_steps: int  # per chunk
    video_hz: float = 5.0
    frames_per_chunk: int = 8
    latent_frames_per_chunk: int = 2
    max_chunks: int = 4

    def __post_init__(self) -> None:
        sizes = (self.latent_channels, self.latent_height, self.latent_width, self.action_steps)
        counts = (self.frames_per_chunk, self.latent_frames_per_chunk, self.max_chunks)
        if not all(1 <= number <= MOST_PX for number in (*sizes, *counts)) or not 0 < self.video_hz <= MOST_PX:
            raise ValueError(f"a geometry whose numbers are not above 0, or beyond reason: {self}")

    @property
    def chunk_s(self) -> float:
        """Seconds in a chunk."""
        return self.frames_per_chunk / self.video_hz

    @property
    def action_hz(self) -> float:
        """Action steps per second."""
        return self.action_steps / self.chunk_s

    def frames(self, chunks: int) -> int:
        """Video frames in a window of so many chunks."""
        return 1 + self.frames_per_chunk * chunks

    def latent_frames(self, chunks: int) -> int:
        """Latent frames in a window of so many chunks."""
        return 1 + self.latent_frames_per_chunk * chunks

    def window_s(self, chunks: int) -> float:
        """Seconds from the first to the last frame of a window."""
        return self.frames_per_chunk * chunks / self.video_hz

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "BaseGeometry":
        """Read what `to_json` wrote."""
        canvas = value["canvas"]
        slots = {name: Slot(**slot) for name, slot in canvas["slots"].items()}
        return cls(**{**value, "canvas": Canvas(height=canvas["height"], width=canvas["width"], slots=slots)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """Decoded RGB frames, upright, and the time at which each was captured."""

    frames: UInt8[Tensor, "t h w 3"]
    time_s: Float[Tensor, " t"]  # seconds on the source's own clock, its first frame at 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandTrack:
    """One hand through a clip; rows where `seen` is False are meaningless."""

    landmarks: Float[Tensor, "t 21 3"]  # x, y as shares of width, height; z relative to the wrist
    world_m: Float[Tensor, "t 21 3"]  # metres, origin at the hand's centre
    seen: Bool[Tensor, " t"]
    score: Float[Tensor, " t"]  # handedness score in [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRef:
    """One camera's video of a window: where it is and what its bytes are."""

    camera: str
    path: str
    digest: str  # sha256 of the file's bytes, hex
    from_s: float = 0.0  # on the file's own clock, where that of the window begins: one file may hold many episodes
    array: str = ""  # which array of pictures, where the file is an HDF5 file; "" for a video
    array_hz: float = 0.0  # its pictures a second; 0 for a video, which has a clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one training sample is cut from; one row of the clip table.

    Rejected windows keep their row: `rejection` says why in words, and `split` is "rejected".
    """

    window_id: str
    videos: tuple[VideoRef, ...]
    start_s: float
    chunks: int
    instruction: str
    session: str
    split: str  # "train", "validation" or "rejected"
    embodiment: str
    rejection: str = ""
    provenance: str = ""  # of its actions: "robot", "hand_retarget", "idm"; empty where there are none
    confidence: float | None = None  # that its actions are what was done, in [0, 1]; None counts as 1 for a robot's own
    weight: float | None = None  # what its actions count in the losses, 0 or more; None counts as 1 for a robot's own
    quality: Mapping[str, float] = field(default_factory=dict)
    actions: Float[Tensor, "k d"] | None = None  # physical units, absolute, at the base's action rate
    state: Float[Tensor, "m s"] | None = None  # physical units, at the start of each chunk


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One window as the model sees it: latents, text, and normalised actions where there are any."""

    window_id: str
    embodiment: str
    latents: Float[Tensor, "l c h w"]
    text: Float[Tensor, "n e"]
    actions: Float[Tensor, "k d"] | None = None  # normalised; relative axes already relative
    action_valid: Bool[Tensor, "k d"] | None = None
    state: Float[Tensor, "m s"] | None = None  # normalised
    provenance: str = ""
    weight: float = 1.0  # of its actions in the losses: the window's weight times its confidence
    image_features: Float[Tensor, "i v"] | None = None  # of its first picture, for bases that look at one
    image_channels: Float[Tensor, "l c2 h w"] | None = None  # beside its latents, for bases that take more channels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """What a robot sees and feels now."""

    images: Mapping[str, UInt8[Tensor, "h w 3"]]  # by camera name
    state: Float[Tensor, " s"] | None = None  # physical units


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionChunk:
    """Actions to execute, in the body's own units, evenly spaced in time."""

    values: Float[Tensor, "k d"]
    names: tuple[str, ...]
    units: tuple[str, ...]
    rate_hz: float
    spread: Float[Tensor, "k d"] | None = None  # one standard deviation, same units; None where not asked or not known


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """An imagined future and the actions read from it."""

    frames: UInt8[Tensor, "t h w 3"] | None  # None where only actions were asked for
    latents: Float[Tensor, "l c h2 w2"]  # the imagined latent frames, without the present; in latent cells
    actions: ActionChunk | None  # None where the body has no action axes
