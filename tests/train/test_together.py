"""Two processes on one machine against one: the same weights, losses and choice of step, and mistakes that show."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from together_builder import CASES, prepared, train
from train_builder import training

HERE = Path(__file__).parent
LIMIT_S = 300


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """What came of every case, done by two processes."""
    data = tmp_path_factory.mktemp("together")
    training(data)  # writes the data once for all
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{HERE.parent}:{HERE.parents[1]}"}
    command = [sys.executable, str(HERE.parent / "together_builder.py"), str(data)]
    rest = ["2", str(free_port())]
    started = [
        subprocess.Popen([*command, str(number), *rest], env=environment, stderr=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    try:
        said = [process.communicate(timeout=LIMIT_S)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], "\n".join(said)
    return data


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What came of a case, done by this process alone."""
    folder = tmp_path_factory.mktemp("alone")
    training(folder)
    done = {}

    def result(name: str):
        case = CASES[name]
        # Blocks that are computed again give the same: together they are, alone they need not be.
        settings = {name: value for name, value in case.settings.items() if name != "checkpointing"}
        key = (repr(sorted(settings.items())), case.wide)
        if key not in done:
            (folder / name).mkdir()
            train(prepared(folder, replace(case, settings=settings)), folder / name, folder / name)
            done[key] = read(folder / name)
        return done[key]

    return result


def read(place: Path):
    """Weights, and what is told of how they came about."""
    return load_file(place.with_suffix(".safetensors")), json.loads(place.with_suffix(".json").read_text())


def distances(one, other) -> dict[str, float]:
    """The largest difference of any trained number, of any loss, and of the gradients' norms as a share of them."""
    entries = [pair for name in ("curve", "validation") for pair in zip(one[1][name], other[1][name], strict=True)]
    assert all(set(entry) == set(twin) for entry, twin in entries)
    steps = min(len(one[1]["norms"]), len(other[1]["norms"]))  # those after a training was gone on with
    norms = zip(one[1]["norms"][-steps:], other[1]["norms"][-steps:], strict=True)
    return {
        "weights": max(float((one[0][name] - other[0][name]).abs().max()) for name in one[0]),
        "losses": max(abs(entry[name] - twin[name]) for entry, twin in entries for name in entry),
        "norms": max(abs(norm - twin) / norm for norm, twin in norms),
    }


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.planted and not case.wide])
def test_two_processes_train_as_one(together, alone, name):
    one, two = alone(name), read(together / name)
    apart = distances(one, two)
    assert max(apart["weights"], apart["losses"]) <= 1e-6
    assert apart["norms"] <= 1e-5
    assert one[1]["best"] == two[1]["best"]


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.wide])
def test_what_is_left_between_two_processes_and_one_is_the_order_of_sums(together, alone, name):
    assert max(distances(alone(name), read(together / name)).values()) <= 1e-12


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.planted])
def test_what_is_easily_got_wrong_shows(together, alone, name):
    assert max(distances(alone(name), read(together / name)).values()) > 1e-4


@pytest.mark.timeout(LIMIT_S)
def test_training_in_shares_changed_what_it_trained(together):
    fresh = training(together).trained.tensors
    assert any(not torch.equal(fresh[name], value) for name, value in read(together / "ddp")[0].items())


@pytest.mark.timeout(LIMIT_S)
def test_a_training_gone_on_with_by_two_processes_ends_with_the_same_bytes(together):
    gone_on, whole = read(together / "gone_on_together"), read(together / "ddp")
    assert all(torch.equal(gone_on[0][name], value) for name, value in whole[0].items())
    assert all(gone_on[1][name] == whole[1][name] for name in ("curve", "validation", "best"))


@pytest.mark.timeout(LIMIT_S)
def test_a_process_that_does_not_answer_is_told_of_in_words(together):
    told = (together / "told.txt").read_text()
    assert "one of the 2 processes that train together has stopped or does not answer" in told
    assert "same command goes on" in told


@pytest.mark.timeout(LIMIT_S)
def test_sharding_leaves_each_process_half_of_what_is_frozen_and_all_that_is_trained(together):
    held = json.loads((together / "held.json").read_text())
    assert held["trained"] == 1.0
    assert 0.5 <= held["frozen"] < 0.52  # tensors that do not divide evenly
