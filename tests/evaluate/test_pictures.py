"""A strip shows what it says, in the same bytes every time."""

import io

import torch
from PIL import Image

from adapt.evaluate.pictures import draw_strip, to_png


def test_a_strip_shows_present_imagined_and_true_frame_a_row_for_each_chunk() -> None:
    true = torch.stack([torch.full((64, 64, 3), value, dtype=torch.uint8) for value in (10, 20, 30, 40, 50)])
    strip = draw_strip(true, true + 100, frames_per_chunk=2)
    assert strip.shape == (128 + 4 + 128, 3 * 128 + 2 * 4, 3)
    assert [strip[0, column, 0].item() for column in (0, 130, 132, 270)] == [10, 255, 130, 30]
    assert [strip[-1, column, 0].item() for column in (0, 132, 270)] == [10, 150, 50]


def test_a_picture_is_a_png_of_the_same_bytes_every_time() -> None:
    picture = torch.arange(48, dtype=torch.uint8).view(4, 4, 3)
    assert to_png(picture) == to_png(picture)
    assert torch.equal(torch.tensor(list(Image.open(io.BytesIO(to_png(picture))).tobytes())), picture.flatten())
