"""The codec, the text encoder, and the guards that keep both out of training."""

from dataclasses import replace

import pytest
import torch

from adapt.models.bases import random_tiny
from adapt.models.codec import CodecConfig, VideoCodec
from adapt.models.frozen import forbid_decoding, forbid_frozen
from adapt.models.text import END, TextConfig, TextEncoder, byte_tokens

_SMALL_TEXT = TextConfig(d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2)
SMALL = CodecConfig(base_dim=4, z_dim=4, dim_mult=(1, 1, 1, 1), num_res_blocks=1)


def frames(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (2, count, 16, 24, 3), generator=generator, dtype=torch.uint8)


def test_codec_shrinks_space_by_8_and_time_by_4_but_keeps_the_first_frame_its_own():
    codec = VideoCodec(SMALL)

    latents = codec.encode(frames(9))

    assert latents.shape == (2, 3, 4, 2, 3)
    assert codec.decode(latents).shape == (2, 9, 16, 24, 3)
    assert codec.decode(latents).dtype == torch.uint8


def test_encoding_is_repeatable_and_causal():
    codec = VideoCodec(SMALL)
    clip = frames(9)
    later = clip.clone()
    later[:, 5:] = 0

    first, changed = codec.encode(clip), codec.encode(later)

    assert torch.equal(first, codec.encode(clip))
    assert torch.equal(first[:, :2], changed[:, :2])  # frames 0 and 1..4
    assert not torch.equal(first[:, 2], changed[:, 2])


def test_latents_are_shifted_and_scaled_per_channel_and_decoded_back():
    plain = VideoCodec(SMALL)
    scaled = VideoCodec(
        CodecConfig(**{**SMALL.to_json(), "dim_mult": (1, 1, 1, 1), "temporal_downsample": (False, True, True),
                       "latents_mean": (1.0, 0.0, 0.0, 0.0), "latents_std": (1.0, 1.0, 1.0, 4.0)})
    )  # fmt: skip
    clip = frames(5)
    raw = plain.encode(clip)

    latents = scaled.encode(clip)

    torch.testing.assert_close(latents[:, :, 0], raw[:, :, 0] - 1.0)
    torch.testing.assert_close(latents[:, :, 3], raw[:, :, 3] / 4.0)
    assert (scaled.decode(latents).int() - plain.decode(raw).int()).abs().max() <= 1
    assert scaled.fingerprint != plain.fingerprint


def test_codec_fingerprint_names_weights():
    assert VideoCodec(SMALL).fingerprint == VideoCodec(SMALL).fingerprint
    assert VideoCodec(SMALL).fingerprint != VideoCodec(SMALL, seed=1).fingerprint


def test_codec_config_survives_json():
    config = CodecConfig(latents_mean=(0.5,) * 16)

    assert CodecConfig.from_json(config.to_json()) == config


def test_bytes_follow_the_three_special_ids_and_end_with_a_mark():
    assert byte_tokens("ab", 128).tolist() == [97 + 3, 98 + 3, END]


def test_a_long_prompt_is_cut_between_letters_with_a_warning(caplog: pytest.LogCaptureFixture):
    tokens = byte_tokens("コップ", 8)  # three bytes a letter: two letters fit into 7

    assert len(tokens) == 7
    assert "prompt cut to 6 of 9 bytes" in caplog.text


def test_a_prompts_features_do_not_depend_on_the_others():
    text = TextEncoder(TextConfig(d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2))
    prompts = ["pour", "", "pour the water into the cup", "vidéos/コップ"]

    alone = text.encode(prompts)
    together, valid = text.embed(prompts)

    assert [len(features) for features in alone] == [5, 1, 28, 18]
    for row, features in enumerate(alone):
        torch.testing.assert_close(together[row, valid[row]], features, atol=1e-5, rtol=1e-5)
        assert together[row, ~valid[row]].abs().sum() == 0
    assert not torch.equal(alone[0][:4], alone[2][:4])


def test_frozen_parts_refuse_to_run_in_training():
    base = random_tiny()
    clip = torch.zeros(1, 5, 64, 64, 3, dtype=torch.uint8)
    latents = base.codec.encode(clip)

    with forbid_frozen():
        with pytest.raises(RuntimeError, match=r"codec.encode was called while training"):
            base.codec.encode(clip)
        with pytest.raises(RuntimeError, match=r"codec.decode was called while training"):
            base.codec.decode(latents)
        with pytest.raises(RuntimeError, match=r"text.encode was called while training"):
            base.text.encode(["go"])
    base.text.encode(["go"])


def test_acting_refuses_to_decode_but_encodes():
    codec = random_tiny().codec

    with forbid_decoding():
        latents = codec.encode(torch.zeros(1, 1, 64, 64, 3, dtype=torch.uint8))
        with pytest.raises(RuntimeError, match=r"codec.decode was called while acting"):
            codec.decode(latents)


def test_guards_within_guards_add_up():
    base = random_tiny()

    with forbid_frozen(), forbid_decoding(), pytest.raises(RuntimeError, match=r"text.encode"):
        base.text.encode(["go"])


def test_words_have_the_mean_of_their_bytes_features_whatever_else_is_in_the_batch() -> None:
    by_byte = TextEncoder(_SMALL_TEXT)
    by_word = TextEncoder(replace(_SMALL_TEXT, words=True))
    by_word.load_state_dict(by_byte.state_dict())
    features = by_byte.encode(["put it there"])[0]
    words, valid = by_word.embed(["put it there", "a much longer prompt than the other one"])

    assert valid.sum(1).tolist() == [3, 8]
    assert torch.allclose(words[0, 0], features[:3].mean(0), atol=1e-5)
    assert torch.allclose(words[0, 1], features[3:6].mean(0), atol=1e-5)
    assert torch.allclose(words[0, 2], features[6:].mean(0), atol=1e-5)  # with the end mark
    assert float(words[0, 3:].abs().sum()) == 0.0
    assert torch.allclose(by_word.encode(["put it there"])[0], words[0, :3], atol=1e-5)


def test_without_context_a_word_has_its_own_feature_whatever_stands_beside_it() -> None:
    alone = TextEncoder(replace(_SMALL_TEXT, words=True, context=False))
    reading = TextEncoder(replace(_SMALL_TEXT, words=True))
    near, far = ("put it near left", "put it far left")
    features, valid = alone.embed([near, "left", ""])

    assert valid.sum(1).tolist() == [4, 1, 1]
    assert float(features[1:, 1:].abs().sum()) == 0.0
    assert torch.allclose(features[0, 3], features[1, 0], atol=1e-6)
    assert torch.allclose(alone.encode([near])[0][3], alone.encode([far])[0][3], atol=1e-6)
    assert not torch.allclose(alone.encode([near])[0][2], alone.encode([far])[0][2], atol=1e-2)
    assert not torch.allclose(reading.encode([near])[0][3], reading.encode([far])[0][3], atol=1e-4)


def test_without_context_a_words_feature_is_the_mean_of_its_bytes_read_alone_however_long_the_others_are() -> None:
    by_byte = TextEncoder(_SMALL_TEXT)
    alone = TextEncoder(replace(_SMALL_TEXT, words=True, context=False))
    alone.load_state_dict(by_byte.state_dict())
    words = ["it", "incomprehensibly", "put", "it"]
    features, valid = alone.embed([" ".join(words), "left"])

    assert valid.tolist() == [[True] * 4, [True, False, False, False]]
    for found, word in zip([*features[0], features[1, 0]], [*words, "left"], strict=True):
        assert torch.allclose(found, by_byte.encode([word])[0].mean(0), atol=1e-5), word


def test_whether_words_read_each_other_decides_the_fingerprint() -> None:
    kinds = [replace(_SMALL_TEXT, words=True, context=context) for context in (True, False)]
    assert [TextConfig.from_json(kind.to_json()) for kind in kinds] == kinds
    assert len({TextEncoder(kind).fingerprint for kind in (*kinds, _SMALL_TEXT)}) == 3


def test_without_context_gradients_reach_the_encoder_and_long_prompts_are_cut(
    caplog: pytest.LogCaptureFixture,
) -> None:
    alone = TextEncoder(replace(_SMALL_TEXT, words=True, context=False, max_bytes=8)).requires_grad_(requires_grad=True)
    features, valid = alone.embed(["one two three", "one"])
    features.square().sum().backward()

    assert valid.sum(1).tolist() == [2, 1]
    assert "cut to 7 of 13 bytes" in caplog.text
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in alone.encoder.get_input_embeddings().parameters())
    with pytest.raises(ValueError, match="set words"):
        replace(_SMALL_TEXT, context=False)


def test_only_an_encoder_of_words_says_so_in_its_config() -> None:
    assert "context" not in replace(_SMALL_TEXT, words=True).to_json()
    assert not TextConfig.from_json(replace(_SMALL_TEXT, words=True, context=False).to_json()).context
    assert "words" not in _SMALL_TEXT.to_json()
    assert TextConfig.from_json(replace(_SMALL_TEXT, words=True).to_json()).words
