"""The truth is decoded once however many models are judged, and nothing else is kept."""

import torch
from torch import Tensor

from adapt.evaluate.study_codec import RememberingCodec


class Counting:
    """A codec that halves and doubles, and counts."""

    def __init__(self) -> None:
        self.encoded = self.decoded = 0

    def encode(self, frames: Tensor) -> Tensor:
        self.encoded += 1
        return frames.float().movedim(-1, 2) / 2

    def decode(self, latents: Tensor) -> Tensor:
        self.decoded += 1
        return (latents * 2).movedim(2, -1).to(torch.uint8)


def test_the_truth_is_decoded_and_a_still_encoded_once_and_a_models_picture_each_time():
    true, imagined = torch.ones(1, 4, 3, 2, 2), torch.full((1, 4, 3, 2, 2), 5.0)
    still = torch.zeros(1, 3, 2, 2, 3, dtype=torch.uint8)
    counting = Counting()
    codec = RememberingCodec(counting, [true[0]])
    for _ in range(3):
        assert torch.equal(codec.decode(true), Counting().decode(true))
        assert torch.equal(codec.decode(imagined), Counting().decode(imagined))
        assert torch.equal(codec.encode(still), Counting().encode(still))
    assert (counting.decoded, counting.encoded) == (1 + 3, 1)


def test_pictures_that_differ_are_not_taken_for_each_other():
    codec = RememberingCodec(Counting(), [])
    one, other = torch.zeros(1, 2, 1, 1, 3, dtype=torch.uint8), torch.ones(1, 2, 1, 1, 3, dtype=torch.uint8)
    assert not torch.equal(codec.encode(one), codec.encode(other))
