"""The verb tells people and machines the same, downloads nothing, and says what is only planned."""

import json

import pytest

from pipelines import cli

TINY = ["plan", "--base", "tiny", "--minutes", "12", "--gpu", "24", "--no-measure"]
DREAMZERO = [
    "plan",
    "--base",
    "dreamzero-agibot",
    "--minutes",
    "30",
    "--data",
    "play",
    "--rank",
    "4",
    "--gpu",
    "2x24",
    "--set",
    "train.batch_size=2",
    "--no-measure",
]


@pytest.fixture(autouse=True)
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants to be connected is refused."""

    def refuse(*_: object) -> None:
        raise AssertionError("a plan asks nobody")

    monkeypatch.setattr("socket.socket.connect", refuse)


def test_a_small_base_fits_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*TINY, "--price", "2", "--set", "train.steps=600"]) == 0
    told = capsys.readouterr().out
    for part in ("tiny on RTX 4090 (24 GB)", "take       as it is", "225 windows in 12 min", "600 steps of 8", "price"):
        assert part in told
    assert "(planned)" not in told
    assert "not yet" not in told


def test_a_large_base_is_planned_for_and_what_is_not_there_yet_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(DREAMZERO) == 0
    told = capsys.readouterr().out
    for part in ("15,940 tokens", "19.17 M parameters in adapters of rank 4, 89.41 M in heads", "(planned)", "not yet"):
        assert part in told


def test_machines_are_told_the_same_and_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*TINY, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["chosen"], told["settings"], told["measured"]) == ("as it is", [], None)
    for rung in told["rungs"]:
        parts = ("frozen", "trained", "gradients", "optimiser", "activations")
        assert rung["total"] == sum(rung[part] for part in parts)
    work = told["flops_per_window"]["plain"] * told["batch_size"] * told["steps"]
    speed = told["machine"]["utilisation"] * told["machine"]["card"]["tflops"] * 1e12
    assert told["hours"] == pytest.approx(work / speed / 3600)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--base", "wan9", "--minutes", "12"], "is neither known by name nor a folder"),
        (["--base", "tiny", "--minutes", "12", "--gpu", "many"], "--gpu many: is no GPU"),
        (["--base", "tiny", "--minutes", "0.001", "--gpu", "24"], "make no window"),
        (["--base", "tiny", "--minutes", "12", "--recipe", "humann"], "did you mean 'human'"),
    ],
)
def test_what_cannot_be_planned_for_is_told(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", *words]) == 1
    assert told in capsys.readouterr().err
