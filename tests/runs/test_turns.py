"""What several processes want is made once; who cannot take turns makes it all the same."""

import multiprocessing
import time
from pathlib import Path

import pytest

from adapt.runs import turns
from adapt.runs.lock import hold
from adapt.runs.turns import in_turn


def make_each_once(folder: str, name: str, start: float) -> None:
    """Make ten things that another process wants at the same time."""
    time.sleep(max(0.0, start - time.time()))
    for number in range(10):
        with in_turn(Path(folder), str(number)):
            thing = Path(folder) / f"{number}.thing"
            if not thing.exists():
                time.sleep(0.01)
                thing.write_text(name)
                with (Path(folder) / "made").open("a") as made:
                    made.write(f"{number}\n")


def test_two_processes_make_everything_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = time.time() + 2.0
    both = [spawn.Process(target=make_each_once, args=(str(tmp_path), name, start)) for name in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert sorted((tmp_path / "made").read_text().split()) == sorted(str(number) for number in range(10))


def test_the_number_of_lock_files_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LOCKS", 16)
    for number in range(200):
        with in_turn(tmp_path, str(number)):
            pass
    assert len(list(tmp_path.iterdir())) == 16


def test_things_that_have_nothing_to_do_with_each_other_hardly_ever_wait_for_each_other(tmp_path: Path) -> None:
    for number in range(200):
        with in_turn(tmp_path, str(number)):
            pass
    assert len(list(tmp_path.iterdir())) > 190


def test_a_holder_that_never_ends_does_not_stop_others_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_PATIENCE_S", 0.1)
    with in_turn(tmp_path, "same"):
        (lock,) = tmp_path.glob(".turn-*.lock")
    with hold(tmp_path, lock.name[1 : -len(".lock")], "for ever"), in_turn(tmp_path, "same"):
        assert True


def test_a_folder_that_cannot_be_written_needs_no_turns(tmp_path: Path) -> None:
    entered = False
    with in_turn(tmp_path / "is" / "not" / "there", "thing"):
        entered = True
    assert entered


def test_what_goes_wrong_inside_comes_out(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="inside"), in_turn(tmp_path, "thing"):
        raise OSError("inside")
