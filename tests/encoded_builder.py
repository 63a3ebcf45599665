"""Small folders of encoded data for tests: latents drawn from a seed, no video or codec needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from adapt.data.encoded import EncodedParts, write_encoded
from adapt.embodiment.spec import Axis, Camera, Embodiment
from adapt.embodiment.statistics import BodyStatistics, measure_body
from adapt.types import BaseGeometry, Canvas, Slot, VideoRef, Window

ENCODERS = "0" * 64
GEOMETRY = BaseGeometry(
    canvas=Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)}),
    latent_channels=16,
    latent_height=8,
    latent_width=8,
    action_steps=16,
)


def hand() -> Embodiment:
    return Embodiment(
        name="human_hand",
        prompt="A human hand: {instruction}",
        cameras=(Camera(name="main", column="main", slot="full"),),
        actions=(),
        state=(),
    )


def arm(name: str = "arm", axes: int = 2) -> Embodiment:
    """An arm whose first axis is relative to its state."""
    return Embodiment(
        name=name,
        prompt="A robot: {instruction}",
        cameras=(Camera(name="main", column="main", slot="full"),),
        actions=tuple(
            Axis(name=f"joint{n}", unit="rad", column="action", index=n, relative=n == 0) for n in range(axes)
        ),
        state=tuple(Axis(name=f"joint{n}", unit="rad", column="state", index=n) for n in range(axes)),
    )


def window(number: int, body: Embodiment, *, chunks: int = 1, split: str = "train", seed: int = 0) -> Window:
    axes = len(body.actions)
    draw = torch.Generator().manual_seed(1000 * seed + number)
    return Window(
        window_id=f"{body.name}-{number:04d}",
        videos=(VideoRef(camera="main", path=f"/videos/{number}.mp4", digest=f"{number:064x}"),),
        start_s=0.0,
        chunks=chunks,
        instruction=f"task {number % 3}",
        session=f"session {number}",
        split=split,
        embodiment=body.name,
        provenance="robot" if axes else "",
        actions=torch.rand(16 * chunks, axes, generator=draw) if axes else None,
        state=torch.rand(chunks, axes, generator=draw) if axes else None,
    )


def write_folder(
    folder: Path,
    windows: Sequence[Window],
    bodies: Sequence[Embodiment],
    *,
    text_width: int = 64,
    encoders: str = ENCODERS,
    statistics: Mapping[str, BodyStatistics] | None = None,
) -> Path:
    """An encoded folder whose latents repeat a pattern per window, so that there is something to learn."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {body.name: body for body in bodies}
    prompts = {named[item.embodiment].prompt_for(item.instruction) for item in windows}
    draw = torch.Generator().manual_seed(7)
    pattern = torch.randn(1, 16, 8, 8, generator=draw)
    latents = [
        (
            item.window_id,
            pattern * (1 + torch.arange(GEOMETRY.latent_frames(item.chunks)).view(-1, 1, 1, 1) / 8)
            + 0.1 * torch.randn(GEOMETRY.latent_frames(item.chunks), 16, 8, 8, generator=draw),
        )
        for item in windows
    ]
    write_encoded(
        folder,
        latents,
        EncodedParts(
            windows=windows,
            prompts={p: torch.randn(len(p) + 1, text_width, generator=draw) for p in sorted(prompts)},
            encoders=encoders,
            geometry=GEOMETRY,
            statistics=statistics
            or {
                body.name: measure_body(
                    [w for w in windows if w.embodiment == body.name and w.split == "train"], body, action_steps=16
                )
                for body in bodies
                if body.actions
            },
            embodiments=named,
        ),
    )
    return folder
