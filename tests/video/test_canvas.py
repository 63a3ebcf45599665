import pytest
import torch
from torch.nn.functional import interpolate

from adapt.types import Canvas, Slot
from adapt.video.canvas import letterbox, place

TWO = Canvas(
    height=8,
    width=16,
    slots={"left": Slot(top=0, left=0, height=8, width=8), "right": Slot(top=0, left=8, height=8, width=8)},
)


def grey(value: int, height: int, width: int, frames: int = 1) -> torch.Tensor:
    return torch.full((frames, height, width, 3), value, dtype=torch.uint8)


def test_a_wide_view_is_centred_between_black_bars() -> None:
    box = letterbox(grey(200, 10, 20), 8, 8)[0, :, :, 0]
    assert box.tolist() == [[0] * 8] * 2 + [[200] * 8] * 4 + [[0] * 8] * 2


def test_a_tall_view_has_its_bars_at_the_sides() -> None:
    box = letterbox(grey(200, 20, 10), 8, 8)[0, :, :, 0]
    assert box.tolist() == [[0, 0, 200, 200, 200, 200, 0, 0]] * 8


def test_shrinking_averages_what_it_covers() -> None:
    stripes = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    stripes[:, :, ::2] = 200  # Skipping pixels would give 0 or 200.
    inner = letterbox(stripes, 8, 8)[0, 1:-1, 1:-1]
    assert (inner.int() - 100).abs().max() <= 3


def test_scaling_is_torchs_antialiased_filter() -> None:
    picture = torch.randint(0, 256, (1, 40, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    exact = interpolate(picture.permute(0, 3, 1, 2).float(), size=(16, 16), mode="bilinear", antialias=True)
    assert (letterbox(picture, 16, 16).permute(0, 3, 1, 2).float() - exact).abs().max() <= 1.01


def test_views_go_to_their_slots_and_the_rest_stays_black() -> None:
    both = place({"left": grey(50, 4, 4, frames=3), "right": grey(90, 20, 20, frames=3)}, TWO)
    assert both.shape == (3, 8, 16, 3)
    assert both[:, :, :8].unique().tolist() == [50]
    assert both[:, :, 8:].unique().tolist() == [90]
    assert place({"right": grey(90, 8, 8)}, TWO)[:, :, :8].unique().tolist() == [0]


def test_unknown_slots_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="slot 'middle' is not on the canvas"):
        place({"middle": grey(1, 8, 8)}, TWO)
    with pytest.raises(ValueError, match="of one length"):
        place({"left": grey(1, 8, 8), "right": grey(1, 8, 8, frames=2)}, TWO)
    with pytest.raises(ValueError, match="at least one"):
        place({}, TWO)
