"""The plain autoencoder: as causal and as frozen as Wan's, and one latent for what stands still."""

from dataclasses import replace

import pytest
import torch

from adapt.errors import CheckpointError
from adapt.models.codec import PLAIN, CodecConfig, VideoCodec

SMALL = CodecConfig(architecture=PLAIN, base_dim=4, z_dim=4, dim_mult=(1, 2, 2), num_res_blocks=1)


def clip(frames: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(256, (2, frames, 32, 16, 3), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


@pytest.mark.parametrize("frames", [1, 5, 9])
def test_one_frame_and_every_further_four_make_a_latent_frame_and_back(frames: int) -> None:
    codec = VideoCodec(SMALL)
    latents = codec.encode(clip(frames))

    assert latents.shape == (2, 1 + (frames - 1) // 4, 4, 4, 2)
    assert codec.decode(latents).shape == (2, frames, 32, 16, 3)


def test_latents_do_not_see_later_frames_nor_frames_later_latents() -> None:
    codec = VideoCodec(SMALL)
    whole = codec.encode(clip(9))

    assert torch.equal(codec.encode(clip(9)[:, :5]), whole[:, :2])
    assert torch.equal(codec.decode(whole)[:, :5], codec.decode(whole[:, :2]))


def test_every_frame_shows_in_the_latents() -> None:
    codec = VideoCodec(SMALL)
    still = clip(9)
    before = codec.encode(still)
    for frame in range(9):
        other = still.clone()
        other[:, frame] = clip(1, seed=1)[:, 0]
        changed = (codec.encode(other) - before).abs().amax((0, 2, 3, 4)) > 0

        assert changed.tolist() == [place == (frame + 3) // 4 for place in range(3)]


def test_what_stands_still_has_the_same_latents_again_and_again() -> None:
    latents = VideoCodec(SMALL).encode(clip(1).expand(-1, 9, -1, -1, -1))

    assert torch.allclose(latents, latents[:, :1].expand_as(latents), atol=1e-6)


def test_the_mean_and_deviation_of_latents_are_taken_out_and_put_back() -> None:
    plain = VideoCodec(SMALL)
    scaled = VideoCodec(replace(SMALL, latents_mean=(1.0,) * 4, latents_std=(2.0,) * 4))

    assert torch.allclose(scaled.encode(clip(5)), (plain.encode(clip(5)) - 1) / 2, atol=1e-6)
    assert (scaled.decode(scaled.encode(clip(5))).int() - plain.decode(plain.encode(clip(5))).int()).abs().max() <= 1


def test_its_config_comes_back_from_json_and_wans_says_nothing_of_a_choice() -> None:
    assert CodecConfig.from_json(SMALL.to_json()) == SMALL
    assert "architecture" not in CodecConfig().to_json()


def test_an_architecture_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"codec\.architecture is 'round'; known: wan, plain"):
        CodecConfig(architecture="round")
