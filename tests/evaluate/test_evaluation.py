"""Planted models get the verdicts they deserve: perfect, identical to the base, worse, without labels."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from encoded_builder import arm, hand, window
from jaxtyping import Float, UInt8
from torch import Tensor

from adapt.embodiment.resample import to_relative
from adapt.embodiment.statistics import measure_body
from adapt.evaluate.actions import Body
from adapt.evaluate.blame import ACTION_HEAD, CODEC, NOTHING, PICTURE, Blame
from adapt.evaluate.evaluation import Replayed, Subject, Tools, Trial, evaluate
from adapt.evaluate.held_out import HeldOut, Imagined, previous_action, spread
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
    to_json,
)
from adapt.evaluate.schema import check_evaluation
from adapt.evaluate.settings import EvaluateConfig
from adapt.evaluate.shown import Gallery
from adapt.types import BaseGeometry, Canvas, Sample, Slot

GEOMETRY = BaseGeometry(
    canvas=Canvas(height=4, width=4, slots={"full": Slot(top=0, left=0, height=4, width=4)}),
    latent_channels=3,
    latent_height=4,
    latent_width=4,
    action_steps=16,
)
SUBJECT = Subject(kind="play", embodiment="arm", base="tiny", base_revision="1", held_out=8, same_session=False)
FAST = EvaluateConfig(resamples=300)


class GreyCodec:
    """A codec of 1:1 cells: a latent is the picture, and frames of a chunk repeat its latents.

    Like a causal video codec it encodes a first frame unlike later ones, by `FIRST`.
    """

    FIRST = 0.0

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b l c h w"]:
        latents = torch.cat([frames[:, :1], frames[:, 4::4]], dim=1).permute(0, 1, 4, 2, 3).float() / 255
        latents[:, 0] += self.FIRST
        return latents

    def decode(self, latents: Float[Tensor, "b l c h w"]) -> UInt8[Tensor, "b t h w 3"]:
        frames = latents.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 1, 3, 4, 2)
        return torch.cat([frames[:, :1], frames[:, 1:].repeat_interleave(4, dim=1)], dim=1)


def held_out(number: int, *, labels: bool = True) -> HeldOut:
    """A window of 2 chunks in which one column turns from black to grey at each latent frame."""
    generator = torch.Generator().manual_seed(number)
    latents = torch.zeros(5, 3, 4, 4)
    for frame in range(1, 5):
        latents[frame:, :, :, frame - 1] = 0.5 + 0.4 * torch.rand((), generator=generator)
    made = window(number, arm() if labels else hand(), chunks=2)
    return HeldOut(
        window=made,
        sample=Sample(window_id=made.window_id, embodiment=made.embodiment, latents=latents, text=torch.zeros(1, 2)),
        frames=GreyCodec().decode(latents[None])[0],
    )


def perfect(item: HeldOut) -> Imagined:
    return Imagined(
        latents=item.sample.latents[1:], actions=item.window.actions, actions_true_future=item.window.actions
    )


def frozen(item: HeldOut) -> Imagined:
    """What a model that has learnt nothing imagines: no motion; its actions are off by 1 rad."""
    off = None if item.window.actions is None else item.window.actions + 1.0
    return Imagined(latents=item.sample.latents[:1].expand(4, -1, -1, -1), actions=off, actions_true_future=off)


def tools(*, base_knows_body: bool = True, labels: bool = True) -> Tools:
    spec = arm()
    statistics = measure_body([window(number, spec) for number in range(8)], spec, action_steps=16).actions
    assert statistics is not None
    body = Body(spec=spec, statistics=statistics, action_steps=16) if labels else None
    return Tools(codec=GreyCodec(), geometry=GEOMETRY, body=body, base_knows_body=base_knows_body)


def judged(adapted: object, base: object, **how: bool) -> Evaluation:
    items = [held_out(number, labels=how.get("labels", True)) for number in range(8)]
    trial = Trial(held_out=items, adapted=[adapted(i) for i in items], base=[base(i) for i in items])  # type: ignore[operator]
    return evaluate(SUBJECT, trial, "no replay data", tools(**how), FAST)


def words(evaluation: Evaluation, measure: str) -> dict[str, str]:
    return {item.against: item.verdict for item in evaluation.verdicts if item.measure == measure}


def test_a_perfect_model_is_better_than_base_frozen_frame_and_standing_still() -> None:
    found = judged(perfect, frozen)
    for measure in ("video.frame_error", "video.latent_error"):
        assert words(found, measure) == {ZERO_SHOT: BETTER, COPY_LAST: BETTER}
    assert words(found, "video.motion_error") == {ZERO_SHOT: BETTER}
    assert words(found, "actions.overall") == {ZERO_SHOT: BETTER, HOLD_LAST: BETTER, MEAN: BETTER}
    assert "better than the unadapted base and copy last frame (8 windows)" in found.summary
    assert found.measure("video.motion_error").value == 0.0
    assert found.measure("actions.overall").value == 0.0


def test_a_model_identical_to_its_base_has_no_measurable_gain() -> None:
    found = judged(frozen, frozen)
    assert words(found, "video.motion_error") == {ZERO_SHOT: NO_GAIN}
    assert words(found, "video.frame_error") == {ZERO_SHOT: NO_GAIN, COPY_LAST: NO_GAIN}
    assert words(found, "actions.overall")[ZERO_SHOT] == NO_GAIN
    assert "no measurable gain over the unadapted base and copy last frame (8 windows)" in found.summary


def test_a_frozen_latent_future_is_a_still_video_encoded_not_the_first_latent_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = judged(frozen, frozen).measure("video.latent_error").baselines[COPY_LAST]
    monkeypatch.setattr(GreyCodec, "FIRST", 10.0)
    assert judged(frozen, frozen).measure("video.latent_error").baselines[COPY_LAST] == plain


def test_a_model_that_became_worse_is_called_worse() -> None:
    found = judged(frozen, perfect)
    assert words(found, "video.motion_error")[ZERO_SHOT] == WORSE
    assert words(found, "actions.overall")[ZERO_SHOT] == WORSE
    assert "worse than the unadapted base" in found.summary


def test_actions_that_lose_to_standing_still_are_called_so_whatever_the_video() -> None:
    def misread(item: HeldOut) -> Imagined:
        return replace(perfect(item), actions=frozen(item).actions)

    found = judged(misread, frozen)
    assert words(found, "video.motion_error")[ZERO_SHOT] == BETTER
    assert words(found, "actions.overall")[HOLD_LAST] == WORSE


def test_each_axis_has_its_error_in_its_unit_beside_every_reference() -> None:
    measure = judged(frozen, perfect).measure("actions.joint1")
    assert measure.unit == "rad"
    assert measure.value == pytest.approx(1.0)
    assert measure.baselines[ZERO_SHOT] == 0.0
    assert measure.baselines[TRUE_FUTURE] == pytest.approx(1.0)
    assert set(measure.baselines) == {ZERO_SHOT, HOLD_LAST, MEAN, TRUE_FUTURE}
    assert len(measure.by_chunk) == 2


def test_standing_still_holds_each_axis_at_its_state() -> None:
    item = held_out(0)
    assert item.window.actions is not None
    assert item.window.state is not None
    wanted = (item.window.actions[:16] - item.window.state[0]).abs().mean(dim=0)
    items = [item]
    trial = Trial(held_out=items, adapted=[perfect(item)], base=[perfect(item)])
    found = evaluate(SUBJECT, trial, "none", tools(), FAST)
    for axis in range(2):
        assert found.measure(f"actions.joint{axis}").baselines[HOLD_LAST] == pytest.approx(
            float(wanted[axis]), abs=1e-6
        )


def test_the_mean_action_of_a_relative_axis_starts_from_its_state() -> None:
    spec = arm()
    item = held_out(0)
    made = tools()
    assert made.body is not None
    assert item.window.actions is not None
    relative = to_relative(item.window.actions, item.window.state, spec, action_steps=16)[:16]
    wanted = (relative - made.body.statistics.mean).abs().mean(dim=0)
    trial = Trial(held_out=[item], adapted=[perfect(item)], base=[perfect(item)])
    found = evaluate(SUBJECT, trial, "none", made, FAST)
    assert found.measure("actions.joint0").baselines[MEAN] == pytest.approx(float(wanted[0]), abs=1e-5)


def test_the_codecs_ceiling_is_its_own_round_trip() -> None:
    item = held_out(0)
    assert item.frames is not None
    noisy = replace(item, frames=item.frames + 1)
    trial = Trial(held_out=[noisy], adapted=[perfect(noisy)], base=[frozen(noisy)])
    measure = evaluate(SUBJECT, trial, "none", tools(), FAST).measure("video.frame_error")
    assert measure.baselines[CODEC_CEILING] == pytest.approx((1 / 255) ** 2, rel=1e-4)
    assert measure.value == measure.baselines[CODEC_CEILING]


def test_without_the_source_video_the_codecs_picture_stands_in_and_that_is_said() -> None:
    item = replace(held_out(0), frames=None)
    trial = Trial(held_out=[item], adapted=[perfect(item)], base=[frozen(item)])
    measure = evaluate(SUBJECT, trial, "none", tools(), FAST).measure("video.frame_error")
    assert CODEC_CEILING not in measure.baselines
    assert "could not be read" in measure.note


def test_motion_that_is_only_imagined_is_measured_where_the_truth_rests() -> None:
    """In the truth the fourth column comes last of all; here it flashes up in the first of four latent frames."""

    def restless(item: HeldOut) -> Imagined:
        latents = item.sample.latents[1:].clone()
        latents[0, :, :, 3] = 0.5
        return replace(perfect(item), latents=latents)

    found = judged(restless, perfect)
    measure = found.measure("video.false_motion")
    # In the first latent frame's 4 of 16 frames, 4 of the 12 resting pixels are grey instead of black.
    assert measure.value == pytest.approx(4 / 16 * 4 / 12 * (128 / 255) ** 2, rel=0.01)
    assert measure.baselines == {ZERO_SHOT: 0.0, COPY_LAST: 0.0, CODEC_CEILING: 0.0}
    assert words(found, "video.false_motion") == {ZERO_SHOT: WORSE}
    assert found.measure("video.motion_error").value == 0.0


def test_only_windows_whose_video_can_be_read_count_for_the_codecs_ceiling() -> None:
    items = [held_out(0), replace(held_out(1), frames=None)]
    items[0] = replace(items[0], frames=held_out(0).frames + 1)  # type: ignore[operator]
    trial = Trial(held_out=items, adapted=[perfect(i) for i in items], base=[frozen(i) for i in items])
    found = evaluate(SUBJECT, trial, "none", tools(), FAST)
    assert found.measure("video.frame_error").baselines[CODEC_CEILING] == pytest.approx((1 / 255) ** 2, rel=1e-4)
    assert [CODEC_CEILING in row.errors["video.frame_error"] for row in found.by_window] == [True, False]


def test_a_still_window_has_no_motion_error_and_does_not_count() -> None:
    still = held_out(0)
    still = replace(
        still,
        sample=replace(still.sample, latents=torch.zeros(5, 3, 4, 4)),
        frames=torch.zeros(17, 4, 4, 3, dtype=torch.uint8),
    )
    items = [still, held_out(1)]
    trial = Trial(held_out=items, adapted=[perfect(i) for i in items], base=[frozen(i) for i in items])
    found = evaluate(SUBJECT, trial, "none", tools(), FAST)
    assert found.measure("video.motion_error").windows == 1
    assert found.measure("video.frame_error").windows == 2


def test_human_video_says_that_actions_do_not_apply_and_that_no_robot_moved() -> None:
    items = [held_out(number, labels=False) for number in range(8)]
    trial = Trial(held_out=items, adapted=[perfect(i) for i in items], base=[frozen(i) for i in items])
    found = evaluate(replace(SUBJECT, kind="human"), trial, "none", tools(labels=False), FAST)
    actions = found.measure("actions.overall")
    assert actions.value is None
    assert actions.note == "not applicable: human video carries no action labels"
    assert found.robot_effect.startswith("not measured: human video only")
    assert "not applicable" in found.summary


def test_a_body_the_base_never_met_has_no_zero_shot_error_and_says_why() -> None:
    overall = judged(perfect, frozen, base_knows_body=False).measure("actions.overall")
    assert ZERO_SHOT not in overall.baselines
    assert "the base has never met arm" in overall.note


def test_one_session_for_training_and_judging_is_stamped() -> None:
    trial = Trial(held_out=[held_out(0)], adapted=[perfect(held_out(0))], base=[frozen(held_out(0))])
    found = evaluate(replace(SUBJECT, same_session=True), trial, "none", tools(), FAST)
    assert found.same_session
    assert "one recording session" in found.summary


def test_forgetting_is_measured_on_the_bases_own_data() -> None:
    items = [held_out(number) for number in range(8)]
    samples = [
        replace(item.sample, actions=torch.zeros(32, 2), action_valid=torch.ones(32, 2, dtype=torch.bool))
        for item in items
    ]
    kept = [Imagined(latents=s.latents[1:], actions=torch.zeros(32, 2)) for s in samples]
    forgot = [Imagined(latents=s.latents[1:] + 1, actions=torch.ones(32, 2)) for s in samples]
    trial = Trial(held_out=items, adapted=[perfect(i) for i in items], base=[perfect(i) for i in items])
    found = evaluate(SUBJECT, trial, Replayed(samples=samples, adapted=forgot, base=kept), tools(), FAST)
    assert found.measure("retention.latent_error").value == pytest.approx(1.0)
    assert found.measure("retention.action_error").value == pytest.approx(0.5)  # 1 of a range of 2.
    assert words(found, "retention.latent_error") == {ZERO_SHOT: WORSE}
    assert "On the base's own data it became worse (latent error)" in found.summary


def test_without_replay_forgetting_is_not_measured_with_the_reason() -> None:
    assert judged(perfect, frozen).measure("retention.latent_error").note == "not measured: no replay data"


def test_without_a_held_out_window_nothing_is_claimed() -> None:
    found = evaluate(SUBJECT, Trial(held_out=[], adapted=[], base=[]), "none", tools(labels=False), FAST)
    assert found.verdicts == ()
    assert all(measure.value is None for measure in found.measures)
    assert "no held-out window" in found.summary


def test_every_evaluation_keeps_its_schema() -> None:
    check_evaluation(to_json(judged(perfect, frozen)))
    check_evaluation(to_json(judged(frozen, frozen, base_knows_body=False)))


def test_the_worst_imagined_window_comes_first() -> None:
    items = [held_out(number) for number in range(3)]
    answers = [perfect(items[0]), frozen(items[1]), perfect(items[2])]
    trial = Trial(held_out=items, adapted=answers, base=answers)
    assert evaluate(SUBJECT, trial, "none", tools(), FAST).worst[0] == items[1].window.window_id


@pytest.mark.parametrize(("most", "wanted"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (20, list(range(10)))])
def test_windows_are_chosen_evenly_over_all(most: int, wanted: list[int]) -> None:
    assert spread(range(10), most) == wanted


def test_the_last_command_before_a_window_is_found_in_the_one_that_ends_there() -> None:
    first = window(0, arm(), chunks=2)
    second = replace(window(0, arm(), seed=1), start_s=3.2)
    assert first.actions is not None
    found = previous_action(second, [first, second], chunk_s=1.6)
    assert found is not None
    assert torch.equal(found, first.actions[-1])
    assert previous_action(first, [first, second], chunk_s=1.6) is None


def told(item: HeldOut, source: float, *, round_trip: float | None = None, imagined: float | None = None) -> Imagined:
    """Actions off by so many ranges' worth of a random walk when read from each source; the picture is perfect."""
    assert item.window.actions is not None
    draw = torch.Generator().manual_seed(int(item.window.window_id[-4:]))

    def off(by: float) -> Tensor:
        assert item.window.actions is not None
        return item.window.actions + by * torch.randn(item.window.actions.shape, generator=draw)

    return Imagined(
        latents=item.sample.latents[1:],
        actions=off(source if imagined is None else imagined),
        actions_true_future=off(source),
        actions_round_trip=off(source if round_trip is None else round_trip),
    )


def blamed(answer: Callable[[HeldOut], Imagined], *, windows: int = 12) -> Blame:
    items = [held_out(number) for number in range(windows)]
    trial = Trial(held_out=items, adapted=[answer(i) for i in items], base=[frozen(i) for i in items])
    return evaluate(SUBJECT, trial, "none", tools(), FAST).blame


def test_each_planted_fault_is_blamed_on_the_part_it_was_planted_in() -> None:
    assert blamed(lambda item: told(item, 0.02)).at_fault == NOTHING
    assert blamed(lambda item: told(item, 0.6)).at_fault == ACTION_HEAD
    assert blamed(lambda item: told(item, 0.02, imagined=0.3)).at_fault == PICTURE
    assert blamed(lambda item: told(item, 0.02, round_trip=0.3)).at_fault == CODEC


def test_actions_scaled_by_another_bodys_statistics_make_the_statistics_a_suspect() -> None:
    def swapped(item: HeldOut) -> Imagined:
        assert item.window.actions is not None
        assert item.window.state is not None
        start = torch.stack([item.window.state[:, 0], torch.zeros(2)], dim=1).repeat_interleave(16, dim=0)
        scaled = start + 6 * (item.window.actions - start) + 2
        return Imagined(latents=item.sample.latents[1:], actions=scaled, actions_true_future=scaled)

    found = blamed(swapped)
    assert found.at_fault == ACTION_HEAD
    assert "correlation 1.00) at 6 times their size: suspect the statistics" in found.reason


def test_the_axes_that_the_head_cannot_read_are_named_where_it_reads_others() -> None:
    def one_axis(item: HeldOut) -> Imagined:
        assert item.window.actions is not None
        off = item.window.actions + torch.tensor([0.0, 2.0])
        return replace(perfect(item), actions=off, actions_true_future=off)

    found = blamed(one_axis)
    assert found.at_fault == ACTION_HEAD
    assert "It loses to holding still on 1 of 2 axes: joint1." in found.reason
    assert "axes" not in blamed(lambda item: told(item, 2.0)).reason


def test_a_blind_codec_is_at_fault_for_human_video_too() -> None:
    items = [held_out(number, labels=False) for number in range(12)]
    blind = [replace(item, sample=replace(item.sample, latents=torch.zeros(5, 3, 4, 4))) for item in items]
    trial = Trial(held_out=blind, adapted=[perfect(i) for i in blind], base=[perfect(i) for i in blind])
    found = evaluate(replace(SUBJECT, kind="human"), trial, "none", tools(labels=False), FAST).blame
    assert found.at_fault == CODEC
    assert set(found.ladder) == {"copy last frame", "codec ceiling", "imagined"}


def off_later(item: HeldOut) -> Tensor:
    """Actions right at first, then further off with every step."""
    assert item.window.actions is not None
    return item.window.actions + torch.arange(32)[:, None] / 10


def test_every_windows_errors_are_there_for_others_to_pair_and_cluster() -> None:
    items = [held_out(number) for number in range(8)]
    samples = [replace(item.sample, window_id=f"old {n}", actions=torch.zeros(32, 2)) for n, item in enumerate(items)]
    kept = [Imagined(latents=s.latents[1:], actions=torch.zeros(32, 2)) for s in samples]
    worse = [replace(frozen(i), actions=off_later(i)) for i in items]
    trial = Trial(held_out=items, adapted=[perfect(i) for i in items], base=worse)
    replayed = Replayed(samples=samples, adapted=kept, base=kept, sessions=[f"r{n}" for n in range(8)])
    found = evaluate(SUBJECT, trial, replayed, tools(), FAST)
    assert [row.window_id for row in found.by_window] == [i.window.window_id for i in items] + [
        s.window_id for s in samples
    ]
    assert found.by_window[3].session == items[3].window.session
    assert found.by_window[9].session == "r1"
    for id_ in ("video.frame_error", "actions.overall"):
        rows = [row.errors[id_][ZERO_SHOT] for row in found.by_window if id_ in row.errors]
        assert sum(rows) / len(rows) == pytest.approx(found.measure(id_).baselines[ZERO_SHOT])
    assert found.by_window[9].errors == {
        "retention.latent_error": {"adapted": 0.0, ZERO_SHOT: 0.0},
        "retention.action_error": {"adapted": 0.0, ZERO_SHOT: 0.0},
    }


def test_errors_are_told_for_each_step_of_the_first_chunk() -> None:
    def late(item: HeldOut) -> Imagined:
        return replace(perfect(item), actions=off_later(item))

    measure = judged(late, frozen).measure("actions.joint1")
    assert measure.by_step["adapted"] == pytest.approx([step / 10 for step in range(16)], abs=1e-5)
    assert set(measure.by_step) == {"adapted", HOLD_LAST}
    assert set(judged(late, frozen).measure("actions.overall").by_step) >= {"adapted", ZERO_SHOT, HOLD_LAST, MEAN}


def test_the_mean_is_that_of_the_runs_own_training_data_where_it_is_known() -> None:
    made = tools()
    assert made.body is not None
    item = held_out(0)
    assert item.window.actions is not None
    own = replace(made, body=replace(made.body, mean=torch.tensor([0.0, 9.0])))
    trial = Trial(held_out=[item], adapted=[perfect(item)], base=[perfect(item)])
    found = evaluate(SUBJECT, trial, "none", own, FAST).measure("actions.joint1").baselines[MEAN]
    assert found == pytest.approx(float((item.window.actions[:16, 1] - 9.0).abs().mean()), abs=1e-5)


def test_the_shares_of_truths_inside_the_told_spread_are_counted() -> None:
    def sure(item: HeldOut) -> Imagined:
        """Off by 1 on every axis; sure to 0.1 on the first, to 10 on the second."""
        assert item.window.actions is not None
        spread = torch.tensor([0.1, 10.0]).expand(32, 2)
        return replace(perfect(item), actions=item.window.actions + 1, spread=spread)

    found = judged(sure, frozen).calibration
    assert found is not None
    assert (found.wanted, found.inside, found.windows) == (0.9, 0.5, 8)
    assert found.by_axis == {"joint0": 0.0, "joint1": 1.0}
    assert judged(perfect, frozen).calibration is None


def test_where_nothing_can_be_seen_the_summary_says_how_small_a_gain_would_have_been() -> None:
    def half_of_the_time(item: HeldOut, odd: int) -> Imagined:
        return perfect(item) if int(item.window.window_id[-1]) % 2 == odd else frozen(item)

    found = judged(lambda item: half_of_the_time(item, 1), lambda item: half_of_the_time(item, 0))
    assert words(found, "video.frame_error")[ZERO_SHOT] == NO_GAIN
    assert re.search(r"no measurable gain over the unadapted base \(\d+% would have shown\)", found.summary)


def test_windows_are_shown_with_true_and_imagined_frames_ranks_and_traces() -> None:
    items = [held_out(number) for number in range(8)]
    answers = [frozen(item) if number == 5 else perfect(item) for number, item in enumerate(items)]
    base = [frozen(item) for item in items]
    made = tools()
    found = evaluate(SUBJECT, Trial(held_out=items, adapted=answers, base=base), "none", made, FAST)
    gallery = Gallery(held_out=items, adapted=answers, base=base, codec=made.codec, geometry=GEOMETRY, body=made.body)
    (worst, best) = gallery.show(found, [found.worst[0], items[2].window.window_id])
    assert (worst.window_id, worst.rank, worst.of) == (items[5].window.window_id, 1, 8)
    assert worst.error == found.by_window[5].errors["video.latent_error"]
    assert best.rank == found.worst.index(best.window_id) + 1 > 1
    assert torch.equal(best.frames["true"], best.frames["adapted"])
    assert torch.equal(worst.frames["adapted"], worst.frames["base"])
    assert all(torch.equal(frames[0], worst.frames["true"][0]) for frames in worst.frames.values())
    assert worst.traces is not None
    assert items[5].window.actions is not None
    assert torch.equal(worst.traces.true, items[5].window.actions)
    assert torch.equal(worst.traces.told["imagined"], items[5].window.actions + 1.0)
    assert (set(worst.traces.told), worst.traces.rate_hz) == ({"imagined", "true future"}, 10.0)


def test_windows_without_labels_are_shown_without_traces() -> None:
    item = replace(held_out(0, labels=False), frames=None)
    trial = Trial(held_out=[item], adapted=[perfect(item)], base=[frozen(item)])
    found = evaluate(SUBJECT, trial, "none", tools(labels=False), FAST)
    gallery = Gallery(
        held_out=[item], adapted=trial.adapted, base=trial.base, codec=GreyCodec(), geometry=GEOMETRY, body=None
    )
    (shown,) = gallery.show(found, found.worst)
    assert shown.traces is None
    assert torch.equal(shown.frames["true"], shown.frames["adapted"])
