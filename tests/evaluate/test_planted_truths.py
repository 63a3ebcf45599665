"""Done to the shipped base, each known fault gets its verdict and its blame, in the record and in the words of it."""

import io
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from planted_builder import (
    VIDEO_STEPS,
    Blind,
    Coarse,
    FirstChunks,
    Remembering,
    ask,
    encoded_by,
    filmed,
    judge,
    model,
    of_another_body,
    overfitted,
    perturbed,
    replay,
    scaled_back_by,
    times_its_size,
    toward_truth,
    unlabelled,
    untrained,
)
from rich.console import Console

from adapt.embodiment.statistics import BodyStatistics
from adapt.evaluate.blame import ACTION_HEAD, CODEC, IMAGINED, NOTHING, PICTURE, TRUE_FUTURE
from adapt.evaluate.held_out import HeldOut, Imagined
from adapt.evaluate.imagining import Draw
from adapt.evaluate.record import BETTER, HOLD_LAST, NO_GAIN, WORSE, ZERO_SHOT, Evaluation, Verdict
from adapt.evaluate.verdict import in_words
from adapt.models.bases import load_base
from pipelines import scorecard

MOTION, FRAME, LATENT, ACTIONS = "video.motion_error", "video.frame_error", "video.latent_error", "actions.overall"
VIDEO = (MOTION, FRAME, LATENT)
MILLIMETRES = of_another_body([-80.0, -60.0, -60.0, 0.0], [80.0, 60.0, 60.0, 1.0])
METRES = of_another_body([-0.05, -0.05, -0.05, 0.0], [0.05, 0.05, 0.05, 0.08])
JOINTS = of_another_body([-2.5, -1.2, -1.2, -2.0], [2.5, 1.9, 1.2, 0.5])


@pytest.fixture(scope="module")
def codec() -> Remembering:
    return Remembering(load_base("tiny", parts=("codec",)).codec)


@pytest.fixture(scope="module")
def items(codec: Remembering) -> list[HeldOut]:
    return filmed(FirstChunks(replay(), "validation"), codec)


@pytest.fixture(scope="module")
def base(items: list[HeldOut]) -> list[Imagined]:
    return ask(model(), items)


@pytest.fixture(scope="module")
def other_noise(items: list[HeldOut]) -> list[Imagined]:
    """The base's answers, imagined from noise of another seed."""
    return ask(model(), items, Draw(video_steps=VIDEO_STEPS, seed=1))


@pytest.fixture(scope="module")
def broken_picture(items: list[HeldOut]) -> list[Imagined]:
    made = model()
    return ask(perturbed(made, made.dit.proj_out, kept=0.0), items)


def against_base(found: Evaluation, measure: str) -> Verdict:
    return next(item for item in found.verdicts if (item.measure, item.against) == (measure, ZERO_SHOT))


def words(found: Evaluation, measures: Sequence[str] = (*VIDEO, ACTIONS)) -> list[str]:
    return [against_base(found, measure).verdict for measure in measures]


def shown(found: Evaluation) -> str:
    """What a user reads in the terminal, line ends aside."""
    console = Console(file=io.StringIO(), width=80)
    console.print(scorecard.show(found))
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"[\s│]+", " ", console.file.getvalue())


def test_a_broken_action_head_makes_actions_worse_and_is_at_fault(
    items: list[HeldOut], base: list[Imagined], codec: Remembering
) -> None:
    made = model()
    found = judge(items, ask(perturbed(made, made.inverse_dynamics, kept=0.0), items), base, codec)
    assert words(found) == [NO_GAIN, NO_GAIN, NO_GAIN, WORSE]
    assert against_base(found, LATENT).difference == 0.0
    assert found.blame.at_fault == ACTION_HEAD
    assert "statistics" not in found.blame.reason
    assert "Actions (first chunk, open loop): worse than the unadapted base" in found.summary
    assert "At fault: action head. Read from the true future" in shown(found)


def test_a_broken_video_model_makes_video_worse_and_the_picture_is_at_fault(
    items: list[HeldOut], base: list[Imagined], broken_picture: list[Imagined], codec: Remembering
) -> None:
    found = judge(items, broken_picture, base, codec)
    assert words(found) == [WORSE] * 4
    assert found.blame.at_fault == PICTURE
    untouched = judge(items, base, base, codec).blame.ladder
    assert found.blame.ladder[TRUE_FUTURE] == untouched[TRUE_FUTURE]
    assert found.blame.ladder[HOLD_LAST] > untouched[IMAGINED]
    assert found.blame.ladder[IMAGINED] > 2 * untouched[IMAGINED]
    assert "Imagined video (whole frames): worse than the unadapted base and copy last frame" in found.summary
    assert "At fault: picture. Read from the imagined future" in shown(found)


@pytest.mark.parametrize("statistics", [MILLIMETRES, JOINTS, METRES], ids=["mm", "joints", "metres"])
def test_actions_scaled_by_another_bodys_statistics_are_the_action_heads_fault_and_the_statistics_are_suspected(
    items: list[HeldOut], base: list[Imagined], codec: Remembering, statistics: BodyStatistics
) -> None:
    told = scaled_back_by(statistics, model(), items, base)
    for taken in (None, statistics):  # The stage judges by the statistics that it acts by.
        found = judge(items, told, base, codec, taken)
        assert words(found, VIDEO) == [NO_GAIN] * 3
        assert words(found, [ACTIONS]) == [WORSE]
        assert found.blame.at_fault == ACTION_HEAD
        told_size = re.search(r"at (\S+) times their size: suspect the statistics, or units,", found.blame.reason)
        assert told_size is not None
        assert float(told_size[1]) == pytest.approx(times_its_size(statistics), rel=0.3)
        assert "suspect the statistics, or units, of another body" in shown(found)


def test_an_overfitted_model_is_better_on_what_it_saw_and_worse_on_what_it_did_not(
    items: list[HeldOut], base: list[Imagined], codec: Remembering
) -> None:
    few = FirstChunks(replay(), "train", most=24)  # In some of them nothing moves, and motion takes eight to judge.
    trained = overfitted(few, steps=250, rate=2e-2)
    saw = filmed(few, codec)
    memory = judge(saw, ask(trained, saw), ask(model(), saw), codec)
    assert words(memory, VIDEO) == [BETTER] * 3
    found = judge(items, ask(trained, items), base, codec)
    assert words(found, [LATENT, ACTIONS]) == [WORSE, WORSE]
    assert BETTER not in words(found)
    assert "worse than the unadapted base" in found.summary
    assert "all axes, share of range" in shown(found)


def test_an_untrained_adapter_differs_by_nothing_and_is_never_better(
    items: list[HeldOut], base: list[Imagined], codec: Remembering
) -> None:
    found = judge(items, ask(untrained(), items), base, codec)
    for measure in (*VIDEO, ACTIONS):
        verdict = against_base(found, measure)
        assert (verdict.verdict, verdict.difference, verdict.low, verdict.high) == (NO_GAIN, 0.0, 0.0, 0.0)
        assert verdict.detectable == 0.0
        assert "a gain above 0 would have been seen" in in_words(verdict, "")
    assert "better than the unadapted base" not in found.summary
    assert found.summary.count("no measurable gain over the unadapted base") == 3


def test_the_base_itself_with_other_noise_is_not_better_and_what_would_have_shown_is_said(
    items: list[HeldOut], base: list[Imagined], other_noise: list[Imagined], codec: Remembering
) -> None:
    found = judge(items, other_noise, base, codec)
    assert words(found) == [NO_GAIN] * 4
    assert all((against_base(found, measure).detectable or 0.0) > 0 for measure in (*VIDEO, ACTIONS))
    told = shown(found)
    assert re.search(r"no measurable gain over the unadapted base \(1?\d% would have shown\)", told)
    assert "better than the unadapted base" not in told


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_model_that_is_better_by_a_known_amount_is_called_better_by_that(
    items: list[HeldOut], base: list[Imagined], codec: Remembering, share: float
) -> None:
    asked = model()
    known = 1 - (1 - share) ** 2
    found = judge(items, toward_truth(asked, items, base, share), base, codec)
    assert words(found) == [BETTER] * 4
    verdict, before = against_base(found, LATENT), found.measure(LATENT).baselines[ZERO_SHOT]
    assert verdict.difference == pytest.approx(-known * before, rel=1e-4)
    assert verdict.low < -known * before < verdict.high < 0
    if share > 0.5:  # Else it is still what holds the base back, too.
        assert found.blame.at_fault == NOTHING
    assert "better than the unadapted base" in found.summary
    assert f"At fault: {found.blame.at_fault}." in shown(found)


def test_a_known_gain_is_found_through_noise_that_is_not_the_bases_own(
    items: list[HeldOut], base: list[Imagined], other_noise: list[Imagined], codec: Remembering
) -> None:
    found = judge(items, toward_truth(model(), items, other_noise, 0.2), base, codec)
    verdict = against_base(found, LATENT)
    assert verdict.verdict == BETTER
    assert verdict.low < -(1 - 0.8**2) * found.measure(LATENT).baselines[ZERO_SHOT] < verdict.high


def test_a_gain_in_two_of_six_recording_sessions_is_no_gain_though_as_many_windows_apart_would_show_one(
    items: list[HeldOut], base: list[Imagined], other_noise: list[Imagined], codec: Remembering
) -> None:
    better = toward_truth(model(), items, base, 0.9)
    mixed = [better[place] if place % 6 < 2 else answer for place, answer in enumerate(other_noise)]
    recorded = [
        replace(item, window=replace(item.window, session=f"session {place % 6}")) for place, item in enumerate(items)
    ]
    verdict = against_base(judge(recorded, mixed, base, codec), LATENT)
    assert (verdict.verdict, verdict.sessions, verdict.clustered_by) == (NO_GAIN, 6, "session")
    assert against_base(judge(items, mixed, base, codec), LATENT).verdict == BETTER


@pytest.mark.parametrize("size", [None, 16], ids=["blind", "coarse"])
def test_a_broken_codec_is_at_fault_with_labels_and_without(
    items: list[HeldOut], codec: Remembering, size: int | None
) -> None:
    broken = Remembering(Blind() if size is None else Coarse(codec, size))
    through = encoded_by(items[::2], broken)  # Half of them suffice, and a codec takes most of the time.
    told = ask(model(), through)
    for given in (through, unlabelled(through)):
        found = judge(given, told, told, broken)
        assert words(found, VIDEO) == [NO_GAIN] * 3
        assert found.blame.at_fault == CODEC
        share = re.search(r"its own picture of the truth is (\d+)% as wrong as a frozen frame", found.blame.reason)
        assert share is not None
        assert int(share[1]) >= 75
        assert "At fault: codec." in shown(found)
        assert "worse than copy last frame" in found.summary


def test_of_human_video_a_broken_picture_is_at_fault_and_the_head_is_not_judged(
    items: list[HeldOut], base: list[Imagined], broken_picture: list[Imagined], codec: Remembering
) -> None:
    human = unlabelled(items)
    found = judge(human, broken_picture, base, codec)
    assert words(found, VIDEO) == [WORSE] * 3
    assert found.blame.at_fault == PICTURE
    assert "Action head: not applicable" in shown(found)
    assert "Actions (first chunk, open loop): not applicable: human video carries no action labels" in found.summary
    assert found.robot_effect.startswith("not measured: human video only")
    mended = toward_truth(model(), items, base, 0.9)
    assert judge(human, mended, base, codec).blame.at_fault == NOTHING
