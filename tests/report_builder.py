"""Made-up facts for reports: a judged play run, one of human video, a study, and films of a moving square."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from adapt.evaluate.blame import Blame
from adapt.evaluate.calibration import Calibration
from adapt.evaluate.drift import Drift
from adapt.evaluate.record import (
    BETTER,
    CODEC_CEILING,
    COPY_LAST,
    HOLD_LAST,
    MEAN,
    NO_GAIN,
    TRUE_FUTURE,
    WORSE,
    ZERO_SHOT,
    Evaluation,
    Measure,
    Verdict,
    WindowErrors,
)
from adapt.evaluate.shown import Shown, Traces
from adapt.evaluate.study_record import Arm, ArmMeasure, Contrast, Finding, StudyRecord
from adapt.report.facts import Curves, Provenance, ReportFacts

AXES = (("shoulder", "rad"), ("elbow", "rad"), ("wrist", "rad"), ("gripper", "1"))
TASK = "put the red block into the bowl"


def film(*, frames: int = 9, size: int = 16, late: int = 0, pale: int = 0) -> Tensor:
    """A square that moves to the right, `late` frames behind; the rest is a soft ground."""
    ground = torch.linspace(40, 110, size).to(torch.uint8).view(1, size, 1, 1)
    video = ground.expand(frames, size, size, 3).clone()
    for frame in range(frames):
        left = max(0, frame - late) * (size - 5) // max(1, frames - 1)
        video[frame, size // 3 : size // 3 + 5, left : left + 5] = torch.tensor([230 - pale, 90 + pale, 60 + pale])
    return video


def traces(*, steps: int = 16, spread: bool = True) -> Traces:
    """Smooth curves, told with a growing error; the last axis never moves."""
    time = torch.arange(steps) / 10
    true = torch.stack([torch.sin(time * (1 + axis)) for axis in range(len(AXES))], dim=1)
    true[:, -1] = 0.5
    return Traces(
        names=tuple(name for name, _ in AXES),
        units=tuple(unit for _, unit in AXES),
        rate_hz=10.0,
        true=true,
        told={"imagined": true + 0.1 * time[:, None], "true future": true + 0.03},
        spread=torch.full_like(true, 0.05) + 0.05 * time[:, None] if spread else None,
    )


def scene(number: int = 1, *, of: int = 4, labels: bool = True, frames: int = 9, task: str = TASK) -> Shown:
    """One window as a person looks at it."""
    return Shown(
        window_id=f"window{number}",
        session=f"morning_{number}",
        instruction=task,
        start_s=1.6 * number,
        rank=number,
        of=of,
        error={"adapted": 0.4 / number, "base": 0.5 / number},
        frames={
            "true": film(frames=frames),
            "adapted": film(frames=frames, late=1, pale=20),
            "base": film(frames=frames, late=3, pale=60),
        },
        video_hz=5.0,
        traces=traces() if labels else None,
    )


def play_evaluation() -> Evaluation:
    """Video better than the base but not than a frozen picture, actions better, something forgotten."""
    measures = (
        _measure("video.motion_error", "imagined video, where something moves", 0.0333, {ZERO_SHOT: 0.0347}, 0.02),
        _measure(
            "video.frame_error",
            "imagined video, whole frames",
            0.00798,
            {ZERO_SHOT: 0.0105, COPY_LAST: 0.0101, CODEC_CEILING: 0.00325},
            0.006,
        ),
        _measure("video.latent_error", "imagined video, latents", 0.789, {ZERO_SHOT: 1.07, COPY_LAST: 1.04}, 0.6),
        _measure(
            "actions.overall",
            "action error, all axes, as a share of each axis's range",
            0.0512,
            {HOLD_LAST: 0.0911, MEAN: 0.187, TRUE_FUTURE: 0.0322},
            0.05,
            by_step={"adapted": (0.02, 0.04, 0.06, 0.08), HOLD_LAST: (0.03, 0.07, 0.11, 0.16)},
            note=f"{ZERO_SHOT} not applicable: the base has never met arm",
        ),
        *(
            _measure(
                f"actions.{name}", f"action error, {name}", 0.01 * place, {HOLD_LAST: 0.02 * place}, 0.0, unit=unit
            )
            for place, (name, unit) in enumerate(AXES, start=1)
        ),
        _measure("retention.latent_error", "imagined video of the base's own data", 0.203, {ZERO_SHOT: 0.189}, 0.0),
    )
    verdicts = (
        _verdict("video.frame_error", ZERO_SHOT, (-0.0025, -0.0036, -0.0014), BETTER, 0.0009),
        _verdict("video.frame_error", COPY_LAST, (-0.0021, -0.0049, 0.0004), NO_GAIN, 0.0031),
        _verdict("video.motion_error", ZERO_SHOT, (-0.0014, -0.0052, 0.0026), NO_GAIN, 0.0047),
        _verdict("actions.overall", HOLD_LAST, (-0.0399, -0.0501, -0.0288), BETTER, 0.0121),
        _verdict("actions.overall", MEAN, (-0.136, -0.16, -0.11), BETTER, 0.03),
        _verdict("retention.latent_error", ZERO_SHOT, (0.014, 0.003, 0.025), WORSE, 0.011),
    )
    return Evaluation(
        kind="play",
        body="toy_arm",
        base="tiny",
        base_revision="0f3c",
        windows=24,
        held_out=60,
        sessions=4,
        same_session=False,
        settings={"max_windows": 24, "confidence": 0.95, "seed": 0},
        measures=measures,
        verdicts=verdicts,
        summary=(
            "Imagined video (whole frames): better than the unadapted base, no measurable gain over copy last frame "
            "(24 windows). Actions (first chunk, open loop): better than hold last and mean of training (24 windows)."
        ),
        robot_effect="not measured: actions were compared with recorded ones; no robot moved for it, real or simulated",
        worst=("window1", "window2"),
        blame=Blame(
            at_fault="picture",
            reason="Read from the true future, actions are 37 % better than read from the imagined one: the video "
            "model's picture of what comes next is what holds the actions back.",
            measure="actions.overall",
            ladder={"hold last": 0.0911, "imagined": 0.0512, "codec round trip": 0.0341, "true future": 0.0322},
            windows=24,
            worst=("window2",),
        ),
        drift=Drift(
            chunk_s=1.6,
            contenders={"adapted": (0.6, 0.8, 1.0, 1.1, 1.3), "base": (0.8, 1.0, 1.2, 1.3, 1.5)},
            actions={"adapted": (0.05, 0.08, 0.1, 0.12, 0.15)},
            rollouts=(6, 6, 6, 4, 2),
            window_chunks=4,
            note="Six recordings, from their first frame on.",
        ),
        calibration=Calibration(
            wanted=0.9, inside=0.84, low=0.79, high=0.88, windows=24, sessions=4, by_axis={"shoulder": 0.81}
        ),
        by_window=(
            WindowErrors(
                window_id="window1", session="morning_1", errors={"video.latent_error": {"adapted": 0.4, "base": 0.5}}
            ),
        ),
    )


def fullest_evaluation() -> Evaluation:
    """As many comparisons and as many words as a first screen can come to have."""
    play = play_evaluation()
    kept = _measure("retention.action_error", "action error on the base's own data", 0.238, {ZERO_SHOT: 0.171}, 0.0)
    measures = [
        replace(item, note="", baselines={ZERO_SHOT: 0.06, **item.baselines}) if item.id == "actions.overall" else item
        for item in play.measures
    ]
    more = (
        _verdict("actions.overall", ZERO_SHOT, (-0.0088, -0.02, 0.004), NO_GAIN, 0.02),
        _verdict("retention.action_error", ZERO_SHOT, (0.067, 0.015, 0.134), WORSE, 0.088),
    )
    return replace(
        play,
        same_session=True,
        measures=(*measures, kept),
        verdicts=(*play.verdicts, *more),
        summary=play.summary + " On the base's own data it became worse (latent error). Training and held-out windows "
        "come from one recording session, which flatters the result.",
        blame=replace(play.blame, reason=play.blame.reason + " The codec costs 6 % of it, the action head the rest."),
    )


def human_evaluation() -> Evaluation:
    """One session, no labels, nothing forgotten measured."""
    play = play_evaluation()
    video = tuple(item for item in play.measures if item.group == "video")
    none = Measure(
        id="actions.overall",
        group="actions",
        name="action error, all axes, as a share of each axis's range",
        unit="",
        note="not applicable: human video carries no action labels",
    )
    kept = Measure(
        id="retention.latent_error",
        group="retention",
        name="imagined video of the base's own data, latents",
        unit="",
        note="not measured: there is no replay data",
    )
    return replace(
        play,
        kind="human",
        body="human_hand",
        sessions=1,
        same_session=True,
        measures=(*video, none, kept),
        verdicts=tuple(item for item in play.verdicts if item.measure.startswith("video.")),
        robot_effect="not measured: human video only; for these figures no robot moved, real or simulated",
        blame=Blame(at_fault="cannot tell", reason="Without action labels the action head is not judged."),
        drift=None,
        calibration=None,
    )


def curves() -> Curves:
    """Losses that fall."""
    steps = range(10, 101, 10)
    return Curves(
        training=[{"step": step, "video": 1 / math.sqrt(step), "action": 2 / step} for step in steps],
        validation=[{"step": step, "video": 1.2 / math.sqrt(step + 1)} for step in (0, 50, 100)],
        best_step=100,
    )


def provenance(*, instructions: Sequence[str] = (TASK,)) -> Provenance:
    """Where such a run came from."""
    return Provenance(
        source="arm_play",
        instructions=tuple(instructions),
        training_minutes=31.4,
        windows={"train": 420, "validation": 60, "rejected": 3},
        sessions=9,
        rejections={"video and table disagree": 3},
        labels={"robot": 480},
        replay="the episodes that ship with the base, 50% of the windows of every step",
        trained="120 tensors of adapters, 65 of action heads; 37.5% of the model",
        recipe={"train.steps": 100, "lora.rank": 16, "train.shift": None},
        versions={"wam-adapt": "0.1", "torch": "2.13.0"},
        stages={"encode": "abc", "finetune": "def"},
    )


def play_facts(*, windows: int = 4) -> ReportFacts:
    """Everything an evaluation's report can have."""
    return ReportFacts(
        evaluation=play_evaluation(),
        shown=[scene(number, of=windows) for number in range(1, windows + 1)],
        curves=curves(),
        provenance=provenance(),
    )


def human_facts() -> ReportFacts:
    """Without labels, drift or provenance."""
    return ReportFacts(evaluation=human_evaluation(), shown=[scene(labels=False, of=1)])


def study_record() -> StudyRecord:
    """Five arms, three seeds; the new data taught something."""
    arms = {"base": 0.1, "replay": 0.095, "new": 0.071, "wrong": 0.082, "shuffled": 0.093}
    by_seed = {
        name: tuple(value + 0.002 * seed for seed in (-1, 0, 1)) for name, value in arms.items() if name != "base"
    }
    contrasts = [
        Contrast(
            measure="video.frame_error",
            arm=arm,
            against=against,
            difference=difference,
            low=difference - 0.006,
            high=difference + 0.006,
            detectable=0.008,
            windows=48,
            sessions=6,
            seeds=3,
            clustered_by="session and seed",
            verdict=BETTER if difference < -0.006 else NO_GAIN,
        )
        for arm, against, difference in (
            ("new", "replay", -0.024),
            ("new", "wrong", -0.011),
            ("new", "shuffled", -0.022),
            ("new", "base", -0.029),
            ("new", COPY_LAST, -0.002),
            ("replay", "base", -0.005),
        )
    ]
    return StudyRecord(
        kind="play",
        body="toy_arm",
        base="tiny",
        base_revision="0f3c",
        replay="base",
        steps=60,
        batch_size=8,
        seeds=(0, 1, 2),
        windows=48,
        held_out=60,
        sessions=6,
        same_session=False,
        settings={"evaluate": {"confidence": 0.9}, "study": {"windows": 48}},
        arms=tuple(
            Arm(
                name=name,
                about=f"what {name} is",
                seeds=(0, 1, 2),
                trained=name != "base",
                windows=None if name == "base" else {"new": 420, "replay": 200},
            )
            for name in arms
        ),
        wrong_instructions={TASK: "wipe the table"},
        measures=(
            ArmMeasure(
                id="video.frame_error",
                group="video",
                name="imagined video, whole frames",
                unit="",
                windows=48,
                sessions=6,
                arms=arms,
                by_seed=by_seed,
                references={COPY_LAST: 0.073},
            ),
        ),
        contrasts=tuple(contrasts),
        findings=(Finding(measure="video.frame_error", code="taught", words="The new data taught it."),),
        curves={
            f"{arm}-{seed}": ({"step": 10.0, "video": 0.5 + seed}, {"step": 20.0, "video": 0.4})
            for arm in ("new", "replay")
            for seed in (0, 1)
        },
        verdict="taught",
        summary="The new data taught the model something that more training on old data did not.",
        robot_effect="not measured: for these figures no robot moved, real or simulated",
    )


def _measure(
    id_: str,
    name: str,
    value: float,
    baselines: dict[str, float],
    growth: float,
    *,
    unit: str = "",
    by_step: dict[str, tuple[float, ...]] | None = None,
    note: str = "",
) -> Measure:
    return Measure(
        id=id_,
        group=id_.partition(".")[0],
        name=name,
        unit=unit,
        windows=24,
        value=value,
        baselines=baselines,
        by_chunk=tuple(value + growth * chunk for chunk in range(4)) if growth else (),
        by_step=by_step or {},
        note=note,
    )


def _verdict(
    measure: str, against: str, values: tuple[float, float, float], verdict: str, detectable: float
) -> Verdict:
    difference, low, high = values
    return Verdict(
        measure=measure,
        against=against,
        difference=difference,
        low=low,
        high=high,
        windows=24,
        verdict=verdict,
        sessions=4,
        detectable=detectable,
        clustered_by="session",
    )
