import pytest
import torch
from model_builder import batch_of, small_model, window

from adapt.models.adapters import adapter_parameters, add_lora
from adapt.models.lora import LoraConfig
from adapt.models.noise import draw_noise
from adapt.models.row_dropout import RowDropout, dropping


def mask(seeds, *, length=40, width=25, number=3, share=0.3) -> torch.Tensor:
    with dropping(lambda: seeds):
        return RowDropout(share, number)(torch.ones(len(seeds), length, width))


def test_a_rows_mask_hangs_on_its_seed_and_not_on_the_other_rows():
    together = mask([5, 6, 7])
    assert torch.equal(together[1:2], mask([6]))
    assert torch.equal(mask([7, 5])[1], together[0])
    assert not torch.equal(together[0], together[1])


def test_padding_changes_nothing_of_what_was_there():
    assert torch.equal(mask([5], length=60)[:, :40], mask([5], length=40))


def test_layers_drop_different_elements():
    assert not torch.equal(mask([5], number=1), mask([5], number=2))


def test_seeds_that_differ_in_their_upper_half_alone_give_different_masks():
    assert not torch.equal(mask([5]), mask([5 + 2**40]))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_share_is_dropped_and_the_rest_grows_by_as_much(share):
    found = mask(list(range(20)), length=200, share=share)
    assert found.unique().tolist() == pytest.approx([0.0, 1 / (1 - share)])
    kept = (found > 0).float()
    # 100 000 elements: 5 standard deviations are below .008, of all of them as of each 20th.
    assert abs(float(kept.mean()) - (1 - share)) < 0.008
    assert (kept.mean(dim=(1, 2)) - (1 - share)).abs().max() < 0.036
    # Neighbours and rows do not go together: correlation of 99 000 pairs.
    centred = kept - kept.mean()
    for one, other in (
        (centred[:, 1:], centred[:, :-1]),
        (centred[..., 1:], centred[..., :-1]),
        (centred[1:], centred[:-1]),
    ):
        assert abs(float((one * other).mean() / centred.var())) < 0.016


def test_evaluation_drops_nothing_and_outside_it_is_torchs_own():
    layer, x = RowDropout(0.5, 0), torch.ones(2, 30)
    torch.manual_seed(1)
    expected = torch.nn.functional.dropout(x, 0.5)
    torch.manual_seed(1)
    assert torch.equal(layer(x), expected)
    with dropping(lambda: [1, 2]):
        assert torch.equal(layer.eval()(x), x)


def test_other_rows_than_seeds_are_refused():
    with dropping(lambda: [1, 2]), pytest.raises(ValueError, match="3 rows, but seeds for 2"):
        RowDropout(0.5, 0)(torch.ones(3, 4))


def test_gradients_of_adapters_do_not_hang_on_how_a_batch_is_cut():
    model = small_model(dtype=torch.float64)
    add_lora(model.dit, LoraConfig(rank=2, alpha=4.0, dropout=0.4), base_id="b", revision="r")
    with torch.no_grad():
        for value in adapter_parameters(model.dit):
            value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel())))
    model.double().train()
    windows = [window("a", 1), window("bb", 1), window("ccc", 1)]

    def gradients(*cuts) -> list[torch.Tensor]:
        model.zero_grad()
        for cut in cuts:
            batch = batch_of(*[windows[n] for n in cut], dtype=torch.float64)
            with dropping(lambda cut=cut: [1000 + n for n in cut]):
                model.losses(batch, draw_noise(batch, torch.Generator().manual_seed(0), shift=1.0)).video.sum.backward()
        return [value.grad.clone() for value in adapter_parameters(model.dit)]

    whole, cut = gradients([0, 1, 2]), gradients([2], [0, 1])
    assert (
        max(float((one - other).abs().max() / one.abs().max()) for one, other in zip(whole, cut, strict=True)) < 1e-10
    )
    other = gradients([0], [1], [1])
    assert any(not torch.allclose(one, two) for one, two in zip(whole, other, strict=True))
