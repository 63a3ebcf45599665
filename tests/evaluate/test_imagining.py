"""Held-out windows are imagined each with its own noise, and read from every rung of the ladder."""

from dataclasses import replace

import pytest
import torch
from encoded_builder import GEOMETRY, arm, window
from torch import Tensor

from adapt.embodiment.statistics import measure_body
from adapt.evaluate.drifting import encoder, measure_drift, roll_out
from adapt.evaluate.frame_memory import FrameMemory
from adapt.evaluate.held_out import HeldOut, join, with_round_trip
from adapt.evaluate.imagining import Draw, Rungs, imagine_held_out, imagine_samples
from adapt.evaluate.record import COPY_LAST, ZERO_SHOT
from adapt.evaluate.tables import ADAPTED
from adapt.models.bases import Base, random_tiny
from adapt.policy.acting import Actor
from adapt.types import Sample

DRAW = Draw(video_steps=2, seed=0)
WINDOWS = [window(number, arm(), chunks=1 + number % 2) for number in range(5)]


@pytest.fixture(scope="module")
def base() -> Base:
    return random_tiny(0, bodies={"arm": (2, 2)})


@pytest.fixture(scope="module")
def actor() -> Actor:
    return Actor(spec=arm(), statistics=measure_body(WINDOWS, arm(), action_steps=16))


def held_out(number: int) -> HeldOut:
    made = WINDOWS[number]
    draw = torch.Generator().manual_seed(number)
    sample = Sample(
        window_id=made.window_id,
        embodiment="arm",
        latents=torch.randn(GEOMETRY.latent_frames(made.chunks), 16, 8, 8, generator=draw),
        text=torch.randn(3 + number, 16, generator=draw),
        actions=torch.zeros(16 * made.chunks, 2),
        state=torch.zeros(made.chunks, 2),
    )
    return HeldOut(window=made, sample=sample)


def test_judging_fewer_windows_or_in_another_order_changes_nothing_for_each(base: Base, actor: Actor) -> None:
    items = [held_out(number) for number in range(5)]
    rungs = Rungs(spread_draws=2, joint=True)
    whole = imagine_held_out(base.model, items, actor, DRAW, rungs=rungs)
    few = imagine_held_out(base.model, [items[4], items[2]], actor, DRAW, rungs=rungs)
    for one, other in ((whole[4], few[0]), (whole[2], few[1])):
        for name in ("latents", "actions", "spread", "actions_joint"):
            torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-5)
    samples = [item.sample for item in items]
    all_samples = imagine_samples(base.model, samples, DRAW)
    assert all_samples[3].actions is not None
    torch.testing.assert_close(
        all_samples[3].actions, imagine_samples(base.model, samples[3:4], DRAW)[0].actions, rtol=1e-4, atol=1e-5
    )


def test_windows_do_not_share_their_noise(base: Base, actor: Actor) -> None:
    same = held_out(0)
    twins = [same, replace(same, sample=replace(same.sample, window_id="another"))]
    one, other = imagine_held_out(base.model, twins, actor, DRAW)
    assert not torch.allclose(one.latents, other.latents)
    other_draw = Draw(video_steps=2, seed=1)
    assert not torch.allclose(imagine_held_out(base.model, twins, actor, other_draw)[0].latents, one.latents)
    # The true future is the same for both, so what is read from it differs by the head's own noise alone.
    read = [told.actions_true_future for told in imagine_held_out(base.model, twins, actor, DRAW, rungs=Rungs())]
    assert read[0] is not None
    assert read[1] is not None
    assert not torch.allclose(read[0], read[1])


def test_every_rung_is_told_where_it_is_asked_for_and_only_there(base: Base, actor: Actor) -> None:
    item = with_round_trip(held_out(1), base.codec)
    assert item.round_trip is not None
    (full,) = imagine_held_out(base.model, [item], actor, DRAW, rungs=Rungs(joint=True))
    shapes = {name: getattr(full, f"actions{name}").shape for name in ("", "_true_future", "_round_trip", "_joint")}
    assert shapes == {"": (32, 2), "_true_future": (32, 2), "_round_trip": (32, 2), "_joint": (16, 2)}
    assert full.spread is not None
    assert bool((full.spread > 0).all())
    (plain,) = imagine_held_out(base.model, [item], actor, DRAW)
    assert plain.actions is not None
    assert torch.equal(plain.actions, full.actions if full.actions is not None else torch.empty(0))
    assert (plain.actions_true_future, plain.actions_round_trip, plain.actions_joint, plain.spread) == (None,) * 4
    (unknown,) = imagine_held_out(base.model, [item], None, DRAW, rungs=Rungs())
    assert unknown.actions is None


def test_the_true_future_read_through_a_lossless_codec_is_the_true_future(base: Base, actor: Actor) -> None:
    class Lossless:
        def __init__(self) -> None:
            self.kept = torch.empty(0)

        def decode(self, latents: Tensor) -> Tensor:
            self.kept = latents
            return torch.zeros(1, 9, 64, 64, 3, dtype=torch.uint8)

        def encode(self, frames: Tensor) -> Tensor:
            assert frames.dtype == torch.uint8
            return self.kept

    item = with_round_trip(held_out(0), Lossless())
    (told,) = imagine_held_out(base.model, [item], actor, DRAW, rungs=Rungs())
    assert told.actions_round_trip is not None
    assert told.actions_true_future is not None
    assert torch.equal(told.actions_round_trip, told.actions_true_future)


def recording(base: Base, chunks: int) -> HeldOut:
    """A recording of so many chunks, out of windows of one."""
    parts = []
    for number in range(chunks):
        made = window(number, arm())
        latents = held_out(0).sample.latents * (1 + 0.1 * number)
        sample = Sample(window_id=made.window_id, embodiment="arm", latents=latents, text=torch.zeros(2, 16))
        parts.append(HeldOut(window=made, sample=sample, frames=base.codec.decode(latents[None])[0]))
    return join(parts, base.geometry, chunks)


def test_windows_of_one_recording_are_joined_end_to_end_and_cut(base: Base) -> None:
    joined = recording(base, 3)
    assert joined.window.chunks == 3
    assert joined.frames is not None
    assert (len(joined.frames), len(joined.sample.latents)) == (25, 7)
    assert joined.window.actions is not None
    second = window(1, arm()).actions
    assert second is not None
    assert torch.equal(joined.window.actions[16:32], second)
    short = join([joined, joined], base.geometry, 2)
    assert (short.window.chunks, len(short.sample.latents)) == (2, 5)


@pytest.mark.parametrize(("chunks", "words"), [(2, "it stays within one window"), (5, "through the codec")])
def test_a_rollout_is_measured_chunk_by_chunk_beside_base_and_frozen_picture(
    base: Base, actor: Actor, chunks: int, words: str
) -> None:
    recordings = [recording(base, chunks)]
    answers = roll_out(base.model, recordings, actor, DRAW, base.codec)
    encode = encoder(base.model, base.codec)
    drift = measure_drift(recordings, {ADAPTED: answers, ZERO_SHOT: answers}, encode, base.geometry, None)
    assert drift is not None
    assert list(drift.contenders) == [ADAPTED, ZERO_SHOT, COPY_LAST]
    assert all(len(row) == chunks for row in drift.contenders.values())
    assert drift.rollouts == (1,) * chunks
    assert words in drift.note
    assert answers[0].imagined.actions is not None
    assert answers[0].imagined.actions.shape == (16 * chunks, 2)


def test_a_rollout_that_imagines_the_truth_does_not_drift(base: Base, actor: Actor) -> None:
    recordings = [recording(base, 5)]
    encode = encoder(base.model, base.codec)
    (answer,) = roll_out(base.model, recordings, actor, DRAW, base.codec)
    assert recordings[0].frames is not None
    true = encode(recordings[0].frames, answer.starts)
    perfect = replace(answer, imagined=replace(answer.imagined, latents=true))
    drift = measure_drift(recordings, {ADAPTED: [perfect]}, encode, base.geometry, None)
    assert drift is not None
    assert drift.contenders[ADAPTED] == (0.0,) * 5
    assert measure_drift([], {}, encode, base.geometry, None) is None


def test_a_window_decoded_before_is_not_decoded_again_until_it_is_let_go(base: Base) -> None:
    asked: list[int] = []

    class Counting:
        def encode(self, frames: Tensor) -> Tensor:
            return base.codec.encode(frames)

        def decode(self, latents: Tensor) -> Tensor:
            asked.append(len(asked))
            return base.codec.decode(latents)

    first, second = (held_out(number).sample.latents[None] for number in (0, 2))
    memory = FrameMemory(Counting(), most_bytes=9 * 64 * 64 * 3)
    assert torch.equal(memory.decode(first), memory.decode(first.clone()))
    assert len(asked) == 1
    memory.decode(second)
    memory.decode(first)
    assert len(asked) == 3
