"""What is asked for next is what the split and the verdicts really want."""

import pytest

from adapt.data.splits import assign_splits
from adapt.evaluate import bootstrap, verdict
from adapt.quality import goals
from adapt.quality.files import FileReport, Stretch
from adapt.quality.findings import HINT, PART, Finding
from adapt.quality.goals import HeldOut, Step, film_next, goal_minutes, goal_sessions, task_reports
from adapt.types import Window

PLENTY = HeldOut(windows=20, sessions=4, same_session=False)


def file(name: str, task: str = "pour", *, kept_s: float = 0.0, lost_s: float = 0.0, **changes: object) -> FileReport:
    stretches = []
    if kept_s:
        stretches.append(Stretch(start_s=0.0, end_s=kept_s, code="kept"))
    if lost_s:
        stretches.append(Stretch(start_s=kept_s, end_s=kept_s + lost_s, code="dark", reason="too dark; more light"))
    fields: dict[str, object] = {
        "name": name,
        "digest": name,
        "instruction": task,
        "session": name,
        "info": None,
        "train_s": kept_s,
        "validation_s": 0.0,
        "stretches": tuple(stretches),
        "hands": None,
        "looks_hz": 5.0,
        "findings": (),
    }
    return FileReport(**(fields | changes))  # type: ignore[arg-type]


def steps(*files: FileReport, held_out: HeldOut = PLENTY) -> list[Step]:
    return film_next(files, task_reports(files, 0.2), held_out)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4, 0.5])
def test_as_many_sessions_are_wanted_as_hold_out_four_and_not_one_more(share: float) -> None:
    def held_out(sessions: int) -> int:
        windows = [
            Window(
                window_id=str(number),
                videos=(),
                start_s=0.0,
                chunks=1,
                instruction="pour",
                session=str(number),
                split="train",
                embodiment="human_hand",
            )
            for number in range(sessions)
        ]
        return sum(window.split == "validation" for window in assign_splits(windows, share)[0])

    wanted = goal_sessions(1, share)
    assert held_out(wanted) >= goals.HELD_OUT_SESSIONS
    if wanted > goals.GOAL_TASK_SESSIONS:
        assert held_out(wanted - 1) < goals.HELD_OUT_SESSIONS


def test_what_is_wanted_to_judge_by_is_what_verdicts_want() -> None:
    assert goals.HELD_OUT_SESSIONS == bootstrap.LEAST_SESSIONS
    assert goals.HELD_OUT_WINDOWS == verdict.LEAST_WINDOWS


def test_minutes_are_shared_among_tasks_but_each_has_some() -> None:
    assert goal_minutes(1) == 12.0
    assert goal_minutes(3) == pytest.approx(4.0)
    assert goal_minutes(100) == pytest.approx(12 / 9)
    assert goal_sessions(2, 0.2) == 9  # 18 in all
    assert goal_sessions(100, 0.2) == 8


def test_a_task_is_told_how_much_is_missing_in_minutes_and_sessions() -> None:
    files = [file(f"{number}.mp4", kept_s=60.0) for number in range(2)]
    (task,) = task_reports(files, 0.2)
    assert (task.usable_s, task.sessions, task.missing_s, task.missing_sessions) == (120.0, 2, 600.0, 16)
    (step,) = steps(*files)
    assert step.kind == "film"
    assert step.what.startswith('Film "pour" in 16 more sessions, each about 40 s long')
    assert step.why == "2.0 min in 2 sessions can be used; 12.0 min in 18 are wanted."


def test_nothing_is_asked_of_who_has_enough() -> None:
    assert steps(*(file(f"{number}.mp4", kept_s=40.0) for number in range(18))) == []


def test_a_folder_without_any_instruction_is_asked_for_it_and_told_what_it_would_be_worth() -> None:
    untold = file("a.mp4", "", train_s=0.0, stretches=(Stretch(start_s=0.0, end_s=90.0, code="no_instruction"),))
    tell, film = steps(untold, held_out=HeldOut(windows=0, sessions=0, same_session=False))
    assert (tell.kind, tell.files, tell.why) == ("tell", ("a.mp4",), "That alone makes 90 s usable.")
    assert film.what.startswith("Film your task in 17 more sessions")
    assert film.why.startswith("90 s in 1 session can be used; 12.0 min in 18")


def test_a_task_that_is_all_held_out_is_to_be_filmed_once_more() -> None:
    enough = [file(f"{number}.mp4", kept_s=60.0) for number in range(18)]
    held_out = file("z.mp4", "stir", kept_s=60.0, train_s=0.0, validation_s=60.0)
    told = [step for step in steps(*enough, held_out) if "held out" in step.why]
    assert [step.what for step in told] == ['Film "stir" in one more session at least.']


def test_one_session_and_too_few_windows_are_told() -> None:
    told = steps(file("a.mp4", kept_s=10.0), held_out=HeldOut(windows=1, sessions=1, same_session=True))
    assert len(told) == 1  # who films what is missing anyway mends both
    assert "stamped same_session." in told[0].why
    assert told[0].why.endswith("1 window would be held out to judge by; below 8 there is no verdict.")
    few = HeldOut(windows=3, sessions=4, same_session=False)
    (step,) = steps(*(file(f"{number}.mp4", kept_s=40.0) for number in range(18)), held_out=few)
    assert step.what.startswith("Film more sessions")
    assert step.why == "3 windows would be held out to judge by; below 8 there is no verdict."


def test_faults_are_told_by_remedy_the_costliest_first_and_trifles_not_at_all() -> None:
    def lost(name: str, code: str, seconds: float, remedy: str, weight: str = PART) -> FileReport:
        finding = Finding(code=code, weight=weight, found=code, remedy=remedy, seconds=seconds)
        return file(name, kept_s=60.0, findings=(finding,))

    told = steps(
        lost("dark1.mp4", "dark", 3.0, "put more light on the hands"),
        lost("dark2.mp4", "dark", 9.0, "put more light on the hands"),
        lost("none.mp4", "no_hand", 20.0, "film the hands"),
        lost("few.mp4", "few_hands", 5.0, "film the hands"),
        lost("blink.mp4", "blurred", 0.5, "clean the lens"),
        lost("again.mp4", "copy", 30.0, "leave one of the two out"),
        lost("hint.mp4", "low_rate", 0.0, "record at 30 frames a second", HINT),
        lost("broken.mp4", "truncated", 4.0, "copy it again"),
    )
    again = [step for step in told if step.kind == "film_again"]
    assert [(step.what, step.files) for step in again] == [
        ("Film the hands.", ("none.mp4", "few.mp4")),
        ("Put more light on the hands.", ("dark2.mp4", "dark1.mp4")),
    ]
    assert again[0].why == "No hand is seen or hands are seen in too few frames: 25 s lost."
    assert [step.files for step in told if step.kind == "mend"] == [("broken.mp4",)]
