"""A bundle of toy size with a real card, for tests that move bundles about. Its tensors are made up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from adapt.embodiment.spec import Axis, Camera, Embodiment
from adapt.embodiment.statistics import BodyStatistics, measure
from adapt.evaluate.blame import Blame
from adapt.evaluate.record import Evaluation, Measure, Verdict, to_json
from adapt.hub.card import Picture, render_card
from adapt.hub.facts import RunRecords, collect_facts
from adapt.policy.bundle import BaseRecord, Bundle, write_bundle
from adapt.policy.golden import Golden
from adapt.types import BaseGeometry, Canvas, Observation, Slot, Window

ARM = Embodiment(
    name="arm",
    prompt="A video shows that a robot {instruction}",
    cameras=(Camera(name="main", column="observation.images.main", slot="full"),),
    actions=(
        Axis(name="shoulder", unit="rad", column="action", index=0, relative=True),
        Axis(name="grip", unit="share", column="action", index=1, gripper=True),
    ),
    state=(Axis(name="shoulder", unit="rad", column="observation.state", index=0),),
)
BASE = BaseRecord(repo="lab/base", revision="a" * 40, fingerprint="ab" * 32, licence="apache-2.0")
GEOMETRY = BaseGeometry(
    canvas=Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)}),
    latent_channels=1,
    latent_height=2,
    latent_width=2,
    action_steps=16,
)
PICTURE = "pictures/window_0.png"
JOB: dict[str, Any] = {
    "kind": "play",
    "replay": "base",
    "recipe": {"seed": 7, "lora": {"rank": 16, "alpha": 32}, "train": {"replay_share": 0.5}},
}


def toy_window(name: str, split: str, **changes: Any) -> Window:
    """A window of one chunk (1.6 s)."""
    window = Window(
        window_id=name,
        videos=(),
        start_s=0.0,
        chunks=1,
        instruction="wave",
        session=f"episode of {name}",
        split=split,
        embodiment="arm",
        rejection="no motion" if split == "rejected" else "",
        provenance="robot",
    )
    return replace(window, **changes)


def toy_evaluation(**changes: Any) -> Evaluation:
    """Two measures, one of which does not apply, and one verdict."""
    evaluation = Evaluation(
        kind="play",
        body="arm",
        base="lab/base",
        base_revision="a" * 40,
        windows=2,
        held_out=3,
        sessions=2,
        same_session=False,
        settings={},
        measures=(
            Measure(
                id="video.motion_error",
                group="video",
                name="motion error",
                unit="",
                windows=2,
                value=0.25,
                baselines={"copy last frame": 0.5, "codec ceiling": 0.125},
            ),
            Measure(id="actions.grip", group="actions", name="grip", unit="share", note="no labels in these windows"),
        ),
        verdicts=(
            Verdict(
                measure="video.motion_error",
                against="copy last frame",
                difference=-0.25,
                low=-0.375,
                high=-0.125,
                windows=2,
                verdict="better",
                sessions=2,
                detectable=0.0625,
                clustered_by="window within 2 sessions",
            ),
        ),
        blame=Blame(at_fault="picture", reason="Of what moves, half is right."),
        summary="Imagines this task better than copying the last frame.",
        robot_effect="not measured: no episode was run on a robot or in a simulator",
    )
    return replace(evaluation, **changes)


def toy_records(**changes: Any) -> RunRecords:
    """Three kept windows of 1.6 s and one rejected."""
    records = RunRecords(
        job=JOB,
        base=BASE,
        embodiment=ARM,
        windows=(
            toy_window("w0", "train"),
            toy_window("w1", "train"),
            toy_window("w2", "validation"),
            toy_window("w3", "rejected"),
        ),
        geometry=GEOMETRY,
        ingest={"problems": [{"file": "dark.mp4", "reason": "too short"}]},
        finetune={"steps": 300, "best_step": 250},
        evaluation=to_json(toy_evaluation()),
    )
    return replace(records, **changes)


def toy_bundle(**changes: Any) -> Bundle:
    """Everything a bundle holds."""
    instruction = "wave"
    card = render_card(collect_facts(toy_records(), [Picture(file=PICTURE, caption="seen, imagined, real")]))
    golden = Golden(
        observation=Observation(images={"main": torch.zeros(4, 6, 3, dtype=torch.uint8)}, state=torch.tensor([0.5])),
        instruction=instruction,
        seed=3,
        latents=torch.arange(8.0).view(2, 1, 2, 2),
        actions=torch.tensor([[0.5, 0.0]]),
        latent_tolerance=0.01,
        action_tolerance=torch.tensor([0.01, 0.005]),
    )
    bundle = Bundle(
        kind="play",
        instructions=(instruction,),
        base=BASE,
        adapter_config={"peft_type": "LORA", "base_model_name_or_path": BASE.repo, "revision": BASE.revision, "r": 2},
        adapter={"base_model.model.blocks.0.attn1.to_q.lora_A.weight": torch.ones(2, 3)},
        heads={"inverse_dynamics.null_state": torch.arange(4.0)},
        embodiment=ARM,
        statistics=BodyStatistics(
            actions=measure(torch.tensor([[-1.0, 0.0], [1.0, 1.0]]), ARM.actions),
            state=measure(torch.tensor([[-2.0], [2.0]]), ARM.state),
            source="data",
        ),
        golden=golden,
        recipe="base: lab/base\n",
        evaluation=to_json(toy_evaluation()),
        card=card,
        pictures={PICTURE: b"\x89PNG\r\n\x1a\n..."},
    )
    return replace(bundle, **changes)


def write_toy_bundle(folder: Path, **changes: Any) -> Path:
    """Write it to disk."""
    write_bundle(folder, toy_bundle(**changes))
    return folder
