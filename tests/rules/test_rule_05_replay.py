"""Rule 5: new data is mixed with data the base knows in a fixed share, and doing without is said aloud."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from encoded_builder import arm, hand, window, write_folder
from run_builder import job
from toy_bundle import JOB, toy_records

from adapt.data.encoded import read_encoded
from adapt.data.samples import Mixture
from adapt.errors import DataError
from adapt.hub import facts
from adapt.hub.card import render_card
from adapt.runs.cache import Cache
from pipelines import finetune
from pipelines import replay as replays
from pipelines.encode import encoders_fingerprint
from pipelines.job import Job
from pipelines.replay import Replay

NEW, OLD = 30, 3
STEPS = 24


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Much human video, little replay, and a share that does not go up in whole windows."""
    folder = tmp_path_factory.mktemp("run")
    base = job(folder).recipe.base
    encoders = encoders_fingerprint(base)
    write_folder(folder / "new", [window(n, hand()) for n in range(NEW)], [hand()], text_width=16, encoders=encoders)
    write_folder(folder / "replay", [window(n, arm()) for n in range(OLD)], [arm()], text_width=16, encoders=encoders)
    return job(folder, replay=str(folder / "replay"), batch_size=5, replay_share=0.5)


def mixture(task: Job, cache: Cache) -> Mixture:
    replay = replays.find_replay(task, cache)
    return finetune.prepare(task, read_encoded(Path(task.replay).parent / "new"), replay).mixture


def check_share_is_kept(mixed: Mixture) -> None:
    counts = []
    for step in range(STEPS):
        bodies = [window.embodiment for window in mixed.windows(step)]
        assert len(bodies) == 5
        counts.append(bodies.count("arm"))
    assert set(counts) == {2, 3}, f"replay is not half of every step: {counts}"
    assert abs(sum(counts) / (5 * STEPS) - 0.5) < 0.05, f"replay is not half of all steps: {counts}"


def check_missing_replay_is_refused(task: Job, cache: Cache) -> None:
    lost = Job(kind="human", source=task.source, run=task.run, replay="nowhere", recipe=task.recipe)
    told = ""
    try:
        replays.find_replay(lost, cache)
    except DataError as error:
        told = str(error)
    assert "nowhere" in told, "replay is missing without a word"
    assert "--replay none" in told


def check_doing_without_is_said(task: Job, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    without = Job(kind="human", source=task.source, run=task.run, replay="none", recipe=task.recipe)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert replays.find_replay(without, cache).folder is None
    assert "no replay data" in caplog.text, "not said in the log"
    card = render_card(facts.collect_facts(toy_records(job={**JOB, "replay": "none"}), []))
    assert "Replay of what the base already knew: none, so it may have forgotten" in card, "not said in the card"


def test_replay_is_half_of_every_step_however_little_there_is(task: Job, tmp_path: Path) -> None:
    check_share_is_kept(mixture(task, Cache(tmp_path)))


def test_replay_that_is_not_there_is_refused(task: Job, tmp_path: Path) -> None:
    check_missing_replay_is_refused(task, Cache(tmp_path))


def test_doing_without_replay_is_said(task: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_doing_without_is_said(task, Cache(tmp_path), caplog)


def one_pool(self: Mixture, _step: int) -> list[int]:
    """All windows in one pool: whoever has most is seen most."""
    sizes = [len(dataset) for dataset in self.datasets]
    return [round(self.batch_size * size / sum(sizes)) for size in sizes]


def test_planted_single_pool_is_noticed(task: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mixture, "_places", one_pool)
    with pytest.raises(AssertionError, match="replay is not half of every step"):
        check_share_is_kept(mixture(task, Cache(tmp_path)))


def test_planted_loss_of_the_replay_is_noticed(task: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that looks for replay, finds none, and goes on."""
    monkeypatch.setattr(replays, "find_replay", lambda *_: Replay(origin="none", folder=None, key=""))
    with pytest.raises(AssertionError, match="replay is not half of every step"):
        check_share_is_kept(mixture(task, Cache(tmp_path)))
    with pytest.raises(AssertionError, match="missing without a word"):
        check_missing_replay_is_refused(task, Cache(tmp_path))


@pytest.mark.parametrize(
    ("where", "name", "silent", "noticed"),
    [
        (replays.log, "warning", lambda *_: None, "not said in the log"),
        (facts, "_replay", lambda *_: "the recipe's", "not said in the card"),
    ],
    ids=["log", "card"],
)
def test_planted_silence_about_it_is_noticed(
    task: Job,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    where: object,
    name: str,
    silent: Callable[..., object],
    noticed: str,
) -> None:
    monkeypatch.setattr(where, name, silent)
    with pytest.raises(AssertionError, match=noticed):
        check_doing_without_is_said(task, Cache(tmp_path), caplog)
