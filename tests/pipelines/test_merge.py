"""The verb tells what it made, for people and machines, and what it made can be asked."""

import json
from pathlib import Path

import pytest
from formats_builder import DREAMZERO_CONFIG, SMALL, small_base
from merge_builder import disturb, own_base, own_bundle

from adapt.errors import BundleError
from adapt.models.adapters import read_adapter
from adapt.models.formats.dreamzero_lora import DreamZeroLora, save_dreamzero_lora
from adapt.models.formats.published import load_published, save_published
from adapt.models.formats.sizes import ACTIONS, DREAMZERO
from pipelines import cli, merge

TRAINED_ON = f"GEAR-Dreams/DreamZero-AgiBot@{'a' * 40}"


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return own_bundle(tmp_path / "bundle", own_base(tmp_path / "base"))


def test_a_merged_base_is_told_of_and_can_be_asked(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["merge", "--bundle", "bundle", "--base", "base", "--out", "merged"]
    assert cli.main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["dtype"], told["base"]) == ("base", "float32", "random-tiny@0")
    assert 0 <= told["difference"] <= 1e-5
    files = [path for path in Path("merged").rglob("*") if path.is_file() and path.name != "merged.json"]
    assert told["bytes"] == sum(path.stat().st_size for path in files)

    assert cli.main(["predict", "--bundle", "merged", "--json"]) == 0
    asked = json.loads(capsys.readouterr().out)
    assert asked["body"] == "arm"
    assert asked["note"].startswith("no --image given")
    assert cli.main(["predict", "--bundle", "bundle", "--base", "base", "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)["actions"]["values"]
    apart = [
        abs(a - b) for x, y in zip(asked["actions"]["values"], wanted, strict=True) for a, b in zip(x, y, strict=True)
    ]
    assert max(apart) <= 1e-5

    assert cli.main(words) == 1
    assert "merged: is there already and is not empty" in capsys.readouterr().err


def test_people_read_what_it_is_of_and_how_near_it_is(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["merge", "--bundle", "bundle", "--base", "base", "--out", "m", "--format", "diffusers"]) == 0
    told = capsys.readouterr().out
    for part in (
        "from      bundle into random-tiny@0",
        "format    diffusers, float32",
        "differ by",
        "left out",
    ):
        assert part in told


def test_what_dreamzero_saved_is_merged_into_the_base_that_is_named(tmp_path: Path) -> None:
    save_published(tmp_path / "base", small_base(SMALL), DREAMZERO, config=DREAMZERO_CONFIG)
    transformer = load_published(tmp_path / "base").transformer
    disturb(transformer, "", "", size=0.001)
    actions = {name: value + 1 for name, value in small_base(SMALL)[ACTIONS].state_dict().items()}
    lora = DreamZeroLora(adapter=read_adapter(transformer), actions=actions, config=DREAMZERO_CONFIG)
    save_dreamzero_lora(tmp_path / "lora", lora)
    order = merge.Order(bundle=tmp_path / "lora", out=tmp_path / "out", base=tmp_path / "base", trained_on=TRAINED_ON)
    told = merge.run(order)
    assert (told["format"], told["base"]) == ("dreamzero", TRAINED_ON)
    (tmp_path / "base" / "origin.json").write_text('{"repo_id": "GEAR-Dreams/DreamZero-DROID", "commit": ""}')
    assert cli.main([
        "merge", "--bundle", str(tmp_path / "lora"), "--base", str(tmp_path / "base"),
        "--trained-on", TRAINED_ON, "--out", str(tmp_path / "again"),
    ]) == 1  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trained_on": "GEAR-Dreams/DreamZero-AgiBot"}, "is not written OWNER/NAME@COMMIT"),
        ({"trained_on": TRAINED_ON}, "--base is None"),
        ({"trained_on": TRAINED_ON, "base": Path("base"), "kind": "wan"}, "--format wan"),
    ],
)
def test_a_lora_run_needs_its_base_and_nothing_else(changes: dict[str, object], told: str) -> None:
    with pytest.raises(BundleError, match=told):
        merge.run(merge.Order(bundle=Path("lora"), out=Path("out"), **changes))  # type: ignore[arg-type]
