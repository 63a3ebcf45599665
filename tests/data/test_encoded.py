import dataclasses
import json

import pytest
import torch
from encoded_builder import ENCODERS, GEOMETRY, arm, hand, window, write_folder

from adapt.data.encoded import EncodedParts, read_encoded, write_encoded
from adapt.errors import DataError


def test_encoded_folder_comes_back_as_it_was_written(tmp_path):
    windows = [window(0, hand(), chunks=2), window(1, arm(), split="validation"), window(2, arm())]
    encoded = read_encoded(write_folder(tmp_path, windows, [hand(), arm()]))
    assert [item.window_id for item in encoded.windows] == ["human_hand-0000", "arm-0001", "arm-0002"]
    assert encoded.geometry == GEOMETRY
    assert encoded.encoders == ENCODERS
    assert encoded.embodiments["arm"] == arm()
    assert set(encoded.prompts) == {"A human hand: task 0", "A robot: task 1", "A robot: task 2"}
    assert encoded.latents.read("human_hand-0000").shape == (5, 16, 8, 8)
    assert torch.equal(encoded.windows[2].actions, windows[2].actions)


def test_encoded_folder_of_the_same_content_has_the_same_bytes(tmp_path):
    windows = [window(0, hand()), window(1, arm())]
    for name in ("a", "b"):
        write_folder(tmp_path / name, windows, [hand(), arm()])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_encoded_folder_holds_no_path_of_this_machine_in_its_json(tmp_path):
    folder = write_folder(tmp_path, [window(0, hand())], [hand()])
    assert not [path for path in folder.glob("*.json") if str(tmp_path) in path.read_text()]


def test_encoded_folder_refuses_a_window_without_latents_or_prompt(tmp_path):
    written = read_encoded(write_folder(tmp_path / "a", [window(0, hand())], [hand()]))
    fields = {field.name for field in dataclasses.fields(EncodedParts)}
    parts = EncodedParts(**{name: getattr(written, name) for name in fields})
    latents = [("human_hand-0000", written.latents.read("human_hand-0000"))]
    (tmp_path / "b").mkdir()
    with pytest.raises(ValueError, match="prompt's embedding is missing"):
        write_encoded(tmp_path / "b", latents, dataclasses.replace(parts, prompts={}))
    with pytest.raises(ValueError, match="1 windows have no latents; the first is human_hand-0000"):
        write_encoded(tmp_path / "b", [("another", latents[0][1])], parts)


@pytest.mark.parametrize("name", ["geometry.json", "prompts.json", "text.safetensors", "clips.parquet"])
def test_encoded_folder_names_the_file_that_is_missing(tmp_path, name):
    folder = write_folder(tmp_path, [window(0, hand())], [hand()])
    (folder / name).unlink()
    with pytest.raises(DataError, match=name.partition(".")[0]):
        read_encoded(folder)


def test_encoded_folder_names_a_prompt_whose_embedding_is_gone(tmp_path):
    folder = write_folder(tmp_path, [window(0, hand())], [hand()])
    (folder / "prompts.json").write_text(json.dumps({"0123456789abcdef": "something else"}))
    with pytest.raises(DataError, match="0123456789abcdef"):
        read_encoded(folder)
