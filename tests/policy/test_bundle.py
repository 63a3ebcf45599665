"""A bundle comes back as it was written, and whatever was added, changed or taken away is noticed."""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapt.errors import BundleError, EmbodimentError
from adapt.policy.bundle import Bundle, read_bundle, write_bundle


@pytest.fixture
def folder(contents: Bundle, tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", contents)
    return tmp_path / "bundle"


def rewrite(folder: Path, name: str, change: Callable[[dict[str, object]], object]) -> None:
    """Change a JSON file of the bundle and mend its checksum, as somebody who means harm would."""
    value = json.loads((folder / name).read_text())
    change(value)
    (folder / name).write_text(json.dumps(value))
    resum(folder)


def resum(folder: Path) -> None:
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
        if name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def test_a_bundle_comes_back_as_it_was_written(contents: Bundle, folder: Path) -> None:
    found = read_bundle(folder)
    assert torch.equal(found.heads["inverse_dynamics.null_state"], torch.arange(4.0))
    assert found.adapter_config["target_modules"] == ["to_q", "to_v"]
    assert (found.base, found.embodiment, found.card) == (contents.base, contents.embodiment, contents.card)
    assert found.pictures == contents.pictures
    assert found.statistics.actions is not None
    assert found.statistics.actions.max.tolist() == [1.0, 1.0]
    assert found.golden.observation.state is not None
    assert found.golden.observation.state.tolist() == [0.5]


def test_the_same_contents_give_the_same_bytes(contents: Bundle, folder: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "again", contents)
    first, again = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (folder, tmp_path / "again")
    )
    assert first == again


def test_no_file_of_a_bundle_names_this_machine(folder: Path) -> None:
    text = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    assert str(folder.parent).encode() not in text
    assert os.uname().nodename.encode() not in text


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs the command sha256sum")
def test_checksums_are_those_of_the_usual_tool(folder: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)


def test_a_changed_file_is_named(folder: Path) -> None:
    (folder / "recipe.yaml").write_text("base: other\n")
    with pytest.raises(BundleError, match=r"recipe\.yaml: sha256 should be"):
        read_bundle(folder)


def test_a_file_cut_short_is_named(folder: Path) -> None:
    path = folder / "heads.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError, match=r"heads\.safetensors"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["stats.json", "golden.safetensors", "SHA256SUMS", "README.md"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"lacks {name}"):
        read_bundle(folder)


def test_a_pickle_beside_the_weights_is_refused(folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(BundleError, match=r"adapter_model\.bin could run code"):
        read_bundle(folder)


def test_an_unknown_file_is_refused_and_the_nearest_name_told(folder: Path) -> None:
    (folder / "head.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match=r"'head\.safetensors' is not a file.*Did you mean 'heads\.safetensors'"):
        read_bundle(folder)


def test_what_the_hub_and_the_run_put_beside_a_bundle_is_left_alone(folder: Path) -> None:
    (folder / "manifest.json").write_text("{}")  # The run's own record, where the bundle lies in a run.
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x.lock").write_text("")
    assert read_bundle(folder).kind == "play"


def test_a_link_is_refused_even_to_the_right_bytes(folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    (folder / "stats.json").rename(real)
    (folder / "stats.json").symlink_to(real)
    with pytest.raises(BundleError, match=r"stats\.json: is a link"):
        read_bundle(folder)


def test_a_linked_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "pictures", tmp_path / "elsewhere")
    (folder / "pictures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="pictures: is a link"):
        read_bundle(folder)


def test_a_newer_format_says_which_version_reads_it(folder: Path) -> None:
    rewrite(folder, "bundle.json", lambda value: value.update(format=2, minimum_reader="3.1", shape_of_things="new"))
    with pytest.raises(BundleError, match=r"format 2.*wam-adapt 3\.1 or later reads it: pip install"):
        read_bundle(folder)


def test_a_reader_version_that_is_no_version_reaches_no_command(folder: Path) -> None:
    rewrite(folder, "bundle.json", lambda value: value.update(format=2, minimum_reader="1; rm -rf ~"))
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert "rm -rf" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("bundle.json", "hed"),
        ("base.json", "revison"),
        ("adapter_config.json", "target_module"),
        ("stats.json", "stat"),
    ],
)
def test_an_unknown_field_is_refused(folder: Path, name: str, field: str) -> None:
    rewrite(folder, name, lambda value: value.update({field: 1}))
    with pytest.raises((BundleError, EmbodimentError), match=f"'{field}'"):
        read_bundle(folder)


def test_the_nearest_field_is_told(folder: Path) -> None:
    rewrite(folder, "base.json", lambda value: value.update(revison="x"))
    with pytest.raises(BundleError, match="Did you mean 'revision'"):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"auto_mapping": {"parent_library": "os"}}, "'auto_mapping' is"),
        ({"megatron_config": {"a": 1}}, "'megatron_config' is"),
        ({"peft_type": "PREFIX_TUNING"}, "only LORA"),
        ({"revision": "main"}, r"wam-adapt/tiny@main, but base\.json names wam-adapt/tiny@0\.1\.0"),
    ],
)
def test_an_adapter_config_that_could_do_more_than_lora_is_refused(
    folder: Path, change: dict[str, object], message: str
) -> None:
    rewrite(folder, "adapter_config.json", lambda value: value.update(change))
    with pytest.raises(BundleError, match=message):
        read_bundle(folder)


def test_weights_that_are_not_finite_are_refused(folder: Path) -> None:
    save_file({"inverse_dynamics.null_state": torch.tensor([0.0, float("nan")])}, folder / "heads.safetensors")
    resum(folder)
    with pytest.raises(BundleError, match=r"inverse_dynamics\.null_state holds NaN"):
        read_bundle(folder)


def test_a_header_that_points_outside_its_file_is_refused(folder: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[999],"data_offsets":[0,3996]}}'
    (folder / "heads.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    resum(folder)
    with pytest.raises(BundleError, match="not a sound safetensors file"):
        read_bundle(folder)


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": 1, "a": 2}', "[]", "{", "[" * 100_000])
def test_json_that_is_not_strict_is_refused(folder: Path, text: str) -> None:
    (folder / "evaluation.json").write_text(text)
    resum(folder)
    with pytest.raises(BundleError, match=r"evaluation\.json"):
        read_bundle(folder)


def test_a_picture_that_is_no_png_is_refused(folder: Path) -> None:
    (folder / "pictures" / "window_0.png").write_bytes(b"\x80\x04.")
    resum(folder)
    with pytest.raises(BundleError, match="is not a PNG"):
        read_bundle(folder)


def test_a_list_of_files_that_is_not_the_folders_is_refused(folder: Path) -> None:
    (folder / "pictures" / "extra.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    resum(folder)
    with pytest.raises(BundleError, match=r"list of files does not match the folder \(pictures/extra\.png"):
        read_bundle(folder)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no bundle\.json"):
        read_bundle(tmp_path)
    with pytest.raises(BundleError, match="no such folder"):
        read_bundle(tmp_path / "nowhere")


def test_nothing_is_written_over(contents: Bundle, folder: Path) -> None:
    with pytest.raises(BundleError, match="not empty"):
        write_bundle(folder, contents)


def test_an_adapter_of_another_base_is_not_written(contents: Bundle, tmp_path: Path) -> None:
    other = dataclasses.replace(contents, base=dataclasses.replace(contents.base, repo="someone/else"))
    with pytest.raises(BundleError, match=r"names the base wam-adapt/tiny@0\.1\.0"):
        write_bundle(tmp_path / "other", other)
    assert not (tmp_path / "other").exists()
