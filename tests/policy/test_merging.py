"""Merged weights do what base and adapter did, are made of the two that belong together, and appear whole or not."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel
from merge_builder import COMMIT, REPO, SEEN, own_base, own_bundle, published_base, published_bundle

import adapt.policy.merging as merging
from adapt.errors import BundleError, CheckpointError, RunError
from adapt.models.bases import find_base, load_base, random_tiny, save_base
from adapt.models.formats.merging import require_alike
from adapt.models.formats.probe import answer
from adapt.models.formats.published import load_published
from adapt.policy import load
from adapt.policy.merging import merge_bundle, read_merged
from adapt.policy.opening import open_policy


@dataclass(frozen=True)
class Pair:
    """A base and a bundle of it; `answer` is what both together answer, of a published one."""

    base: Path
    bundle: Path
    answer: torch.Tensor


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_base(tmp_path_factory.mktemp("own") / "base")


@pytest.fixture(scope="module")
def bundle(base: Path) -> Path:
    return own_bundle(base.parent / "bundle", base)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A diffusers pipeline and a bundle of it."""
    place = tmp_path_factory.mktemp("published")
    base = published_base(place / "base")
    return Pair(base=base, bundle=place / "bundle", answer=published_bundle(place / "bundle", base))


@pytest.fixture(params=["own", "published"])
def pair(request: pytest.FixtureRequest, base: Path, bundle: Path, published: Pair) -> Pair:
    return published if request.param == "published" else Pair(base=base, bundle=bundle, answer=torch.zeros(0))


def test_a_merged_base_answers_as_base_and_adapter_and_the_figure_is_told(bundle: Path, base: Path, tmp_path: Path):
    made = merge_bundle(bundle, tmp_path / "merged", base=base)
    wanted = load(bundle, bases={"random-tiny": base}).predict(SEEN, "wave", seed=3)
    found = open_policy(str(tmp_path / "merged")).predict(SEEN, "wave", seed=3)
    alone = open_policy(str(tmp_path / "merged"), video_steps=1).predict(SEEN, "wave", seed=3)

    assert wanted.actions is not None
    assert found.actions is not None
    assert (found.latents - wanted.latents).abs().max() <= 1e-5 * wanted.latents.abs().max()
    assert (found.actions.values - wanted.actions.values).abs().max() <= 1e-5
    assert (alone.latents - wanted.latents).abs().max() > 1e-3  # the bundle's steps are kept
    note = (tmp_path / "merged" / "merged.json").read_text()
    assert str(tmp_path) not in note  # where things lay is nobody's business
    told = json.loads(note)
    assert told["difference"] == made.weights.difference <= 1e-5
    assert told["base"] == {"repo": "random-tiny", "revision": "0", "licence": "apache-2.0"}
    open_policy(str(tmp_path / "merged")).verify_golden()


def test_it_is_a_base_of_its_own_with_all_that_its_base_had(bundle: Path, base: Path, tmp_path: Path):
    merge_bundle(bundle, tmp_path / "merged", base=base)
    before, after = load_base(str(base)), load_base(str(find_base(str(tmp_path / "merged"))))
    assert after.identity.name.startswith("random-tiny-merged-")
    assert after.identity.fingerprint != before.identity.fingerprint
    assert (list(after.embodiments), list(after.statistics)) == (["arm"], ["arm"])
    assert after.replay is not None
    assert (after.replay / "geometry.json").read_text() == "{}\n"
    for part in ("codec", "text"):
        kept = before.parts[part].state_dict()
        assert all(torch.equal(value, kept[name]) for name, value in after.parts[part].state_dict().items())
    with pytest.raises(BundleError, match="belongs to the base random-tiny@0"):
        load(bundle, bases={"random-tiny": tmp_path / "merged"})


def test_the_same_bundle_gives_the_same_bytes(bundle: Path, base: Path, tmp_path: Path):
    for name in ("one", "two"):
        merge_bundle(bundle, tmp_path / name, base=base)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert [(tmp_path / "one" / name).read_bytes() for name in files if (tmp_path / "one" / name).is_file()] == [
        (tmp_path / "two" / name).read_bytes() for name in files if (tmp_path / "two" / name).is_file()
    ]


def test_half_takes_half_the_room_and_its_rounding_is_measured(bundle: Path, base: Path, tmp_path: Path):
    whole = merge_bundle(bundle, tmp_path / "whole", base=base)
    half = merge_bundle(bundle, tmp_path / "half", base=base, dtype=torch.bfloat16)
    sizes = [(tmp_path / name / "dit.safetensors").stat().st_size for name in ("whole", "half")]
    assert 0.4 < sizes[1] / sizes[0] < 0.6
    assert 1e-4 < half.weights.difference < 0.1
    assert whole.weights.difference <= 1e-5


def test_diffusers_own_class_answers_as_base_and_adapter(bundle: Path, base: Path, tmp_path: Path):
    made = merge_bundle(bundle, tmp_path / "merged", base=base, kind="diffusers")
    adapted = load(bundle, bases={"random-tiny": base})._base.model.dit
    theirs = WanTransformer3DModel.from_pretrained(str(tmp_path / "merged"))
    x, text = torch.randn(1, 16, 2, 8, 8), torch.randn(1, 5, 16)
    with torch.no_grad():
        wanted = adapted.forward_plain(x, torch.tensor([300.0]), text)
        found = theirs(x, torch.tensor([300]), text, return_dict=False)[0]
    assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    assert "heads" in made.left


def test_a_published_pipeline_stays_one(published: Pair, tmp_path: Path):
    out, wanted = tmp_path / "merged", published.answer
    made = merge_bundle(published.bundle, out, base=published.base)
    assert (out / "vae" / "diffusion_pytorch_model.safetensors").read_bytes() == b"a codec"
    assert made.weights.copied == ("model_index.json", "vae/diffusion_pytorch_model.safetensors")
    assert (answer(load_published(out).transformer) - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    assert (answer(load_published(published.base).transformer) - wanted).abs().max() > 0.01 * wanted.abs().max()
    assert not (out / "origin.json").exists()  # it is not that commit any more


@pytest.mark.parametrize(("source", "kind"), [("wan", "diffusers"), ("diffusers", "wan")])
def test_one_format_becomes_another(source: str, kind: str, tmp_path: Path):
    base = published_base(tmp_path / "base", source)
    wanted = published_bundle(tmp_path / "bundle", base)
    made = merge_bundle(tmp_path / "bundle", tmp_path / "merged", base=base, kind=kind)
    found = load_published(tmp_path / "merged")
    assert (made.weights.kind, found.kind) == (kind, kind)
    assert (answer(found.transformer) - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ({"repo_id": REPO, "commit": "d" * 40}, "is 'Wan-AI/Wan2.1-I2V-14B-480P-Diffusers' at 'ddd.*trained on"),
        ({"repo_id": "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "commit": COMMIT}, "is 'Wan-AI/Wan2.1-T2V-1.3B-Diffusers'"),
        (None, "has no origin.json that says which commit it is"),
    ],
)
def test_another_published_base_is_refused(origin: Any, told: str, published: Pair, tmp_path: Path):
    shutil.copytree(published.base, tmp_path / "base")
    said = tmp_path / "base" / "origin.json"
    said.unlink() if origin is None else said.write_text(json.dumps(origin))
    with pytest.raises(CheckpointError, match=told):
        merge_bundle(published.bundle, tmp_path / "merged", base=tmp_path / "base")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]


def test_another_base_of_the_packages_own_is_refused(bundle: Path, tmp_path: Path):
    save_base(tmp_path / "other", random_tiny(7, bodies={"arm": (2, 1)}))
    with pytest.raises(BundleError, match=r"belongs to the base random-tiny@0 .* found is random-tiny@7"):
        merge_bundle(bundle, tmp_path / "merged", base=tmp_path / "other")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("dreamzero", "is in the diffusers format, without what a dreamzero folder holds"),
        ("base", "is no base in the package's own format"),
    ],
)
def test_a_format_that_a_published_base_cannot_have_is_refused(kind: str, told: str, published: Pair, tmp_path: Path):
    with pytest.raises(CheckpointError, match=told):
        merge_bundle(published.bundle, tmp_path / "merged", base=published.base, kind=kind)
    assert not list(tmp_path.iterdir())


def test_a_base_of_ours_has_no_encoders_of_dreamzeros(bundle: Path, base: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match="has no action encoders of DreamZero's"):
        merge_bundle(bundle, tmp_path / "merged", base=base, kind="dreamzero")
    assert not list(tmp_path.iterdir())


def test_without_room_nothing_is_begun(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr("adapt.runs.disk.shutil.disk_usage", lambda _: usage)
    with pytest.raises(RunError, match=r"merging into .*merged: needs 0\.0 GB, and the disk"):
        merge_bundle(pair.bundle, tmp_path / "merged", base=pair.base)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["^C", "full"])
def test_what_was_broken_off_leaves_nothing_and_is_made_again(
    trouble: BaseException, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    untouched = {path: path.read_bytes() for path in pair.base.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        for module in ("adapt.models.formats.merging", "adapt.policy.merging"):
            patch.setattr(f"{module}.write_note", lambda *_: (_ for _ in ()).throw(trouble))
        with pytest.raises((KeyboardInterrupt, RunError)):
            merge_bundle(pair.bundle, tmp_path / "merged", base=pair.base)
    assert not list(tmp_path.iterdir())
    merge_bundle(pair.bundle, tmp_path / "merged", base=pair.base)
    assert {path: path.read_bytes() for path in pair.base.rglob("*") if path.is_file()} == untouched
    with pytest.raises(RunError, match="is there already and is not empty"):
        merge_bundle(pair.bundle, tmp_path / "merged", base=pair.base)


def test_weights_merged_with_another_gain_are_not_kept(bundle: Path, base: Path, tmp_path: Path, monkeypatch):
    def halved(dit: Any) -> None:
        from peft.tuners.lora import LoraLayer

        for layer in dit.modules():
            if isinstance(layer, LoraLayer):
                layer.scaling = {name: 0.5 * gain for name, gain in layer.scaling.items()}
        merge(dit)

    merge = merging.merge_adapter
    monkeypatch.setattr(merging, "merge_adapter", halved)
    for kind in (None, "diffusers"):
        with pytest.raises(CheckpointError, match="answer otherwise than base and adapter"):
            merge_bundle(bundle, tmp_path / "merged", base=base, kind=kind)
        assert not (tmp_path / "merged").exists()


def test_a_difference_that_is_no_number_is_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match="give --dtype float32"):
        require_alike(float("nan"), torch.float32, tmp_path)


def test_an_adapter_in_memory_can_be_merged_for_acting(bundle: Path, base: Path):
    plain, merged = (load(bundle, bases={"random-tiny": base}, merge=merge) for merge in (False, True))
    wanted, found = (policy.act(SEEN, "wave", seed=3).values for policy in (plain, merged))
    assert (found - wanted).abs().max() <= 1e-5
    assert not any("lora_" in name for name in merged._base.model.state_dict())
    merged.verify_golden()


@pytest.mark.parametrize(
    "said", ["", "[]", '{"body": 3, "video_steps": 2}', '{"body": "arm"}', '{"body": "arm", "video_steps": 5000}']
)
def test_a_damaged_note_is_told(said: str, tmp_path: Path):
    (tmp_path / "merged.json").write_text(said)
    with pytest.raises(CheckpointError, match="Make it again with `wam-adapt merge`"):
        read_merged(tmp_path)


def test_a_published_base_is_told_for_what_it_is(published: Pair):
    with pytest.raises(CheckpointError, match=r"is a base as it is published.* no command trains"):
        find_base(str(published.base))


def test_a_base_that_was_not_merged_has_no_note(base: Path):
    assert read_merged(base) is None
