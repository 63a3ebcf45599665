"""Rollouts that go on past their window."""

import pytest
import torch
from torch import Tensor

from adapt.models.bases import random_tiny
from adapt.models.frozen import DECODE, forbid_decoding, guard
from adapt.models.imagine import Sampling, rollout
from adapt.models.long_rollout import Journey, LongFuture, encode_alike, rollout_long

BASE = random_tiny()
TEXT = BASE.condition(["go"])
ONE = Sampling(steps=1)


class Codec:
    """As causal as the real one and much quicker: a latent is its frames' mean, and a little of every latent before.

    The first latent of a window is of one frame, the others of four. It remembers what it was asked to encode.
    """

    def __init__(self) -> None:
        self.encoded: list[Tensor] = []

    def encode(self, frames: Tensor) -> Tensor:
        self.encoded.append(frames)
        cells = frames.float().unflatten(2, (8, 8)).unflatten(4, (8, 8)).mean(dim=(3, 5)) / 127.5 - 1
        later = cells[:, 1:].unflatten(1, (-1, 4)).mean(dim=2)
        own = torch.cat([cells[:, :1], later], dim=1).permute(0, 1, 4, 2, 3).repeat(1, 1, 6, 1, 1)[:, :, :16]
        return own + 0.1 * (own.cumsum(dim=1) - own)

    def decode(self, latents: Tensor) -> Tensor:
        guard(DECODE)
        cells = ((latents[:, :, :3].tanh() + 1) * 127.5).permute(0, 1, 3, 4, 2)
        big = cells.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3).to(torch.uint8)
        return torch.cat([big[:, :1], big[:, 1:].repeat_interleave(4, dim=1)], dim=1)


CODEC = Codec()


def film(frames: int) -> Tensor:
    return torch.randint(0, 256, (1, frames, 64, 64, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def journey(chunks: int, carried: int = 1, codec: Codec | None = None, seed: int = 0) -> LongFuture:
    present = CODEC.encode(film(1))
    going = Journey(chunks=chunks, codec=codec or CODEC, carried_chunks=carried)
    return rollout_long(BASE.model, present, TEXT, going, ONE, seeded(seed))


@pytest.mark.parametrize("chunks", [1, 4])
def test_within_a_window_it_is_the_rollout_bit_for_bit(chunks: int):
    future = journey(chunks)

    assert torch.equal(future.latents, rollout(BASE.model, CODEC.encode(film(1)), TEXT, chunks, ONE, seeded()))
    assert future.frames.shape == (1, 8 * chunks, 64, 64, 3)
    assert future.starts == (0,) * chunks


@pytest.mark.parametrize(
    ("carried", "starts"),
    [(0, (0, 0, 0, 0, 4, 4, 4, 4, 8)), (1, (0, 0, 0, 0, 3, 3, 3, 6, 6)), (3, (0, 0, 0, 0, 1, 2, 3, 4, 5))],
)
def test_it_goes_on_in_windows_that_start_with_what_is_carried(carried: int, starts: tuple[int, ...]):
    future = journey(9, carried)

    assert future.starts == starts
    assert future.latents.shape == (1, 18, 16, 8, 8)
    assert future.frames.shape == (1, 72, 64, 64, 3)


def test_every_further_window_is_encoded_from_its_own_first_frame():
    """Never latents of a longer encoding: the end of the decoded window, as pictures, begins the next."""
    codec, generator = Codec(), seeded()
    future = journey(6, 1, codec)
    present = CODEC.encode(film(1))
    first = rollout(BASE.model, present, TEXT, 4, ONE, generator)
    shown = CODEC.decode(torch.cat([present, first], dim=1))
    context = CODEC.encode(shown[:, -9:])
    second = rollout(BASE.model, context, TEXT, 2, ONE, generator)

    assert [frames.shape[1] for frames in codec.encoded] == [9]
    assert torch.equal(codec.encoded[0], shown[:, -9:])
    assert torch.equal(future.latents, torch.cat([first, second], dim=1))
    assert torch.equal(future.frames[:, :32], shown[:, 1:])
    assert torch.equal(future.frames[:, 32:], CODEC.decode(torch.cat([context, second], dim=1))[:, -16:])
    # The violation: the same latents moved to the window's start are not what the codec makes of those frames.
    assert (torch.cat([present, first], dim=1)[:, -3:] - context).abs().max() > 0.01


def test_truth_is_encoded_in_the_same_windows():
    """With the real codec, whose later latents remember the frames before them."""
    frames = film(49)

    alike = encode_alike(BASE.model, BASE.codec, frames, (0, 0, 0, 0, 3, 3))

    assert torch.equal(alike[:, :8], BASE.codec.encode(frames[:, :33])[:, 1:])
    assert torch.equal(alike[:, 8:], BASE.codec.encode(frames[:, 24:49])[:, 3:])
    assert (alike[:, 8:] - BASE.codec.encode(frames)[:, 9:]).abs().max() > 1e-4


def test_the_same_seed_goes_the_same_way():
    first, again, other = journey(5), journey(5), journey(5, seed=1)

    assert torch.equal(first.latents, again.latents)
    assert not torch.equal(first.latents, other.latents)


@pytest.mark.parametrize(("chunks", "carried"), [(0, 1), (5, 4), (5, -1)])
def test_journeys_that_lead_nowhere_are_refused(chunks: int, carried: int):
    with pytest.raises(ValueError, match=f"{chunks} chunks that carries {carried} .* 0 to 3 carried"):
        journey(chunks, carried)


def test_it_is_not_for_acting_which_decodes_nothing():
    with forbid_decoding(), pytest.raises(RuntimeError):
        journey(1)
