import pytest

from adapt.data.window_id import window_id
from adapt.data.windows import WindowConfig, cut
from adapt.errors import RecipeError
from adapt.types import BaseGeometry, Canvas, Slot

CANVAS = Canvas(height=64, width=64, slots={"full": Slot(top=0, left=0, height=64, width=64)})
GEOMETRY = BaseGeometry(canvas=CANVAS, latent_channels=16, latent_height=8, latent_width=8, action_steps=16)


def test_windows_are_longest_first_and_share_no_chunk() -> None:
    # 17 s hold ten chunks of 1.6 s: 4 + 4 + 2.
    cuts = cut(17.0, chunk_s=1.6, config=WindowConfig())
    assert [chunks for _, chunks in cuts] == [4, 4, 2]
    assert [start_s for start_s, _ in cuts] == pytest.approx([0.0, 6.4, 12.8])


def test_a_stretch_of_exactly_one_window_gives_it() -> None:
    assert cut(1.6, chunk_s=1.6, config=WindowConfig()) == [(0.0, 1)]
    assert cut(1.59, chunk_s=1.6, config=WindowConfig()) == []


def test_shorter_windows_than_asked_are_not_cut() -> None:
    assert [chunks for _, chunks in cut(17.0, chunk_s=1.6, config=WindowConfig(min_chunks=3))] == [4, 4]


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"min_chunks is 3 and windows\.max_chunks is 2"):
        WindowConfig(min_chunks=3, max_chunks=2)
    with pytest.raises(RecipeError, match=r"validation_share is 0\.9"):
        WindowConfig(validation_share=0.9)


def name(**changes: object) -> str:
    asked = {"views": {"full": "ab" * 32}, "start_s": 1.6, "chunks": 2, "geometry": GEOMETRY} | changes
    return window_id(asked.pop("views"), **asked)


def test_a_window_is_named_by_what_decides_its_pixels() -> None:
    taller = Canvas(height=128, width=64, slots=CANVAS.slots)
    changes = (
        {"views": {"full": "cd" * 32}},
        {"start_s": 3.2},
        {"chunks": 1},
        {"geometry": BaseGeometry(canvas=taller, latent_channels=16, latent_height=8, latent_width=8, action_steps=16)},
    )
    names = {name(), *(name(**change) for change in changes)}
    assert len(names) == 5
    assert all(len(found) == 16 for found in names)


def test_a_windows_name_does_not_hang_on_slots_it_does_not_fill() -> None:
    more = Canvas(height=64, width=64, slots={**CANVAS.slots, "corner": Slot(top=0, left=0, height=32, width=32)})
    geometry = BaseGeometry(canvas=more, latent_channels=16, latent_height=8, latent_width=8, action_steps=16)
    assert name(geometry=geometry) == name()
