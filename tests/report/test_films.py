"""Films: every frame is in the page, exactly where small, and the last one shows."""

import base64
import io

import pytest
import torch
from PIL import Image
from report_builder import film

from adapt.report.films import Film, make_film, screen


def sheet(made: Film) -> Image.Image:
    """The picture behind a film."""
    kind, _, data = made.uri.partition(",")
    assert kind == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def frame(made: Film, number: int) -> torch.Tensor:
    part = sheet(made).crop((number * made.width, 0, (number + 1) * made.width, made.height))
    return torch.frombuffer(bytearray(part.tobytes()), dtype=torch.uint8).view(made.height, made.width, 3)


def test_small_frames_keep_every_bit():
    frames = torch.randint(0, 256, (5, 24, 40, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    made = make_film(frames)
    assert (made.frames, made.width, made.height, made.small) == (5, 40, 24, True)
    assert all(torch.equal(frame(made, number), frames[number]) for number in range(5))


def test_large_frames_are_made_smaller_and_stay_recognisable():
    frames = film(frames=3, size=640)
    made = make_film(frames)
    assert (made.width, made.height, made.small) == (320, 320, False)
    smaller = frames.float().view(3, 320, 2, 320, 2, 3).mean(dim=(2, 4))
    assert (frame(made, 2).float() - smaller[2]).abs().mean() < 4
    assert len(made.uri) < 60_000


def test_a_very_long_film_still_fits_one_picture():
    made = make_film(torch.zeros(400, 8, 100, 3, dtype=torch.uint8))
    assert sheet(made).width == made.width * 400 <= 16383


def test_equal_frames_give_equal_bytes():
    assert make_film(film()).uri == make_film(film()).uri


def test_the_screen_shows_the_last_frame_and_says_what_it_is():
    made = make_film(film(frames=9, size=16))
    drawn = screen(made, "true", 'what "happened" & more')
    assert f'x="{-8 * 16}"' in drawn
    assert 'viewBox="0 0 16 16"' in drawn
    assert 'aria-label="what &#34;happened&#34; &amp; more"' in drawn
    assert 'class="film small"' in drawn


@pytest.mark.parametrize("frames", [1, 2])
def test_a_film_of_one_frame_is_one(frames: int):
    assert make_film(film(frames=frames)).frames == frames
