"""What an image-to-video base is told of the first picture, in the passes that train and imagine."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderKLWan, WanImageToVideoPipeline
from model_builder import window
from torch import Tensor
from variant_builder import frames_of, image_of, text_of, variant

import adapt.models.wan.layout as layouts
from adapt.models.batch import collate, no_text
from adapt.models.first_image import FirstImage, first_frame_channels
from adapt.models.imagine import Imagination, Sampling
from adapt.models.noise import draw_noise
from adapt.models.passes import Scene, velocities
from adapt.models.wan.layout import Presence
from adapt.models.world_action import WorldActionModel

SIGMA = 0.7


def future(
    model: WorldActionModel,
    image: FirstImage | None,
    *,
    guidance: float = 1.0,
    told: bool = True,
    recompute: bool = False,
) -> Tensor:
    """One imagined chunk, in one step."""
    text = text_of(model, 5, 3)
    imagination = Imagination(
        model,
        frames_of(model, 3),
        text if told else no_text(text),
        Sampling(steps=1, guidance=guidance),
        image=image,
        recompute=recompute,
    )
    return imagination.next_chunk(torch.Generator().manual_seed(0))[0]


@pytest.fixture
def all_seeing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every token sees every other."""
    plain = layouts.visibility
    monkeypatch.setattr(layouts, "visibility", lambda layout: torch.ones_like(plain(layout)))
    layouts.visible_part.cache_clear()
    yield
    layouts.visible_part.cache_clear()


@pytest.mark.usefixtures("all_seeing")
@pytest.mark.parametrize("kind", ["t2v_fixed_text", "i2v", "ti2v"])
@pytest.mark.parametrize("chunks", [1, 4])
def test_a_causal_pass_that_may_see_everything_is_the_plain_one(kind: str, chunks: int):
    """Clean frames and those to be predicted then are one video; the plain pass is the published transformer's."""
    model = variant(kind)
    text, image = text_of(model, 5, 5), image_of(model)
    layout = model.layout(chunks, first_noisy=chunks - 1, acting=False)
    frames, clean = frames_of(model, 2 * chunks + 1), layout.clean_frames
    everyone = torch.ones(2, dtype=torch.bool)
    scene = Scene(
        layout=layout,
        presence=Presence(chunks=chunks * everyone.long(), video=everyone, action=everyone, state=everyone),
        clean=frames[:, :clean],
        noisy=frames[:, clean:],
        sigma=torch.full((2, 1), SIGMA),
        text=text,
        image=image,
    )
    x = frames if image is None else torch.cat([frames, image.channels[:, : frames.shape[1]]], dim=2)
    level = torch.tensor([0.0] * clean + [1000 * SIGMA] * 2).repeat_interleave(layout.rows * layout.columns)
    padding = (0, 0, 0, (model.config.wan.text_length or 5) - 5)

    got = velocities(model.dit, scene).video
    wanted = model.dit.forward_plain(
        x.transpose(1, 2),
        level.expand(2, -1),
        torch.nn.functional.pad(text.values, padding),
        None if image is None else image.features,
    ).transpose(1, 2)[:, clean:]

    assert 0.3 <= wanted.std() <= 10
    assert (got - wanted).abs().max() <= 1e-5


@pytest.mark.parametrize("recompute", [False, True], ids=["cached", "recomputed"])
def test_another_picture_imagines_another_future(*, recompute: bool):
    model = variant("i2v")
    image, other = image_of(model), image_of(model, seed=14)

    first, features, channels = (
        future(model, shown, recompute=recompute)
        for shown in (image, replace(image, features=other.features), replace(image, channels=other.channels))
    )

    assert (features - first).abs().mean() > 0.01
    assert (channels - first).abs().mean() > 0.01


def test_guidance_is_away_from_the_future_without_instruction_that_has_the_same_picture():
    model = variant("i2v", dtype=torch.float64)
    image = image_of(model)

    plain, without = (future(model, image, told=told) for told in (True, False))

    assert (plain - without).abs().max() > 0.01
    torch.testing.assert_close(future(model, image, guidance=3.0), without + 3.0 * (plain - without))


def test_training_reaches_all_that_reads_the_picture():
    model = variant("i2v").requires_grad_(requires_grad=True)
    batch = collate([window("a", 3), window("b", 2)], model.geometry)
    batch = replace(batch, image=image_of(model))
    noise = draw_noise(batch, torch.Generator().manual_seed(0), shift=3.0)

    loss = model.losses(batch, noise).video
    loss.mean().backward()

    reads = [name for name, _ in model.dit.named_parameters() if "image_embedder" in name or "add" in name]
    assert len(reads) == 8 + 5 * 3
    assert all(model.dit.get_parameter(name).grad.abs().max() > 0 for name in reads)
    by_channel = model.dit.patch_embedding.weight.grad.abs().amax(dim=(0, 2, 3, 4))
    assert by_channel.shape == (36,)
    assert by_channel.min() > 0


def test_a_batch_takes_its_picture_along():
    model = variant("i2v")
    batch = replace(collate([window("a", 1), window("b", 1)], model.geometry), image=image_of(model))

    moved = batch.to("cpu", torch.float64)

    assert moved.image.features.dtype == moved.image.channels.dtype == torch.float64
    assert torch.equal(moved.image.channels.float(), batch.image.channels)


@pytest.mark.parametrize(
    ("kind", "without", "words"),
    [
        ("i2v", ("features", "channels"), "no image features and 0 channels; this model takes image features and 20"),
        ("i2v", ("features",), "no image features and 20 channels; this model takes image features and 20"),
        ("i2v", ("channels",), "with image features and 0 channels; this model takes image features and 20"),
        ("t2v", (), "with image features and 20 channels; this model takes none and 0"),
    ],
)
@pytest.mark.parametrize("recompute", [False, True], ids=["cached", "recomputed"])
def test_a_picture_that_the_base_does_not_take_or_does_not_get_is_refused(
    kind: str, without: tuple[str, ...], words: str, *, recompute: bool
):
    image = replace(image_of(variant("i2v")), **dict.fromkeys(without))

    with pytest.raises(ValueError, match=words):
        future(variant(kind), image, recompute=recompute)


def test_channels_for_too_few_frames_are_refused():
    model = variant("i2v")
    image = image_of(model)

    with pytest.raises(ValueError, match="for 4 latent frames; this sequence goes up to 5"):
        future(model, replace(image, channels=image.channels[:, :4]))


def test_mask_and_latents_are_those_of_the_published_pipeline():
    sizes = {"base_dim": 4, "z_dim": 16, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    torch.manual_seed(0)
    codec = AutoencoderKLWan(**sizes, temperal_downsample=[False, True, True]).eval()
    pipeline = WanImageToVideoPipeline(tokenizer=None, text_encoder=None, vae=codec, scheduler=None)
    image = torch.rand(2, 3, 32, 48) * 2 - 1
    mean, std = (torch.tensor(codec.config[name])[:, None, None, None] for name in ("latents_mean", "latents_std"))

    with torch.no_grad():
        wanted = torch.cat(
            [pipeline.prepare_latents(one[None], 1, 16, 32, 48, 9, torch.float32, "cpu")[1] for one in image]
        )
        shown = torch.cat([image.unsqueeze(2), torch.zeros(2, 3, 8, 32, 48)], dim=2)
        latents = (codec.encode(shown).latent_dist.mode() - mean) / std
    got = first_frame_channels(latents.transpose(1, 2)).transpose(1, 2)

    assert got.shape == wanted.shape == (2, 20, 3, 4, 6)
    torch.testing.assert_close(got, wanted)
