import pytest

from adapt.data.splits import GAP, assign_splits
from adapt.types import VideoRef, Window


def windows(*sessions: str) -> list[Window]:
    """A kept window for each name; "" is a rejected one of session "a"."""
    return [
        Window(
            window_id=f"{number:016d}",
            videos=(VideoRef(camera="main", path="v.mp4", digest="0"),),
            start_s=6.4 * number,
            chunks=4,
            instruction="pour",
            session=session or "a",
            split="train" if session else "rejected",
            embodiment="human_hand",
            rejection="" if session else "no hand is seen",
        )
        for number, session in enumerate(sessions)
    ]


def splits(given: list[Window], share: float = 0.2) -> str:
    """One letter a window: t, v, g(ap), r(ejected)."""
    found, _ = assign_splits(given, share)
    return "".join("g" if window.rejection == GAP else window.split[0] for window in found)


def test_one_session_gives_its_end_to_validation_after_a_gap() -> None:
    found, same_session = assign_splits(windows(*"aaaaaaaaaa"), 0.2)
    assert same_session
    assert [window.split for window in found] == ["train"] * 7 + ["rejected"] + ["validation"] * 2
    assert found[7].rejection == GAP


@pytest.mark.parametrize(("given", "wanted"), [("a", "t"), ("aa", "tt"), ("aaa", "tgv"), ("aaaa", "ttgv")])
def test_few_windows_of_one_session(given: str, wanted: str) -> None:
    assert splits(windows(*given)) == wanted


def test_sessions_stay_whole_and_the_shortest_are_held_out() -> None:
    given = windows(*"aaaaabbcccdddddd")  # 16 windows: a fifth is 3.2, so the 2 of b fit, and c would be too much
    found, same_session = assign_splits(given, 0.2)
    assert not same_session
    assert {window.session for window in found if window.split == "validation"} == {"b"}


def test_a_session_more_is_held_out_where_that_comes_nearer_to_the_share() -> None:
    given = windows(*"abbccddddddddd")  # 14 windows: a fifth is 2.8; a and b are 3, a alone would be 1
    found, _ = assign_splits(given, 0.2)
    assert {window.session for window in found if window.split == "validation"} == {"a", "b"}


def test_two_sessions_give_one_to_each_side() -> None:
    assert splits(windows(*"aab")) == "ttv"
    assert splits(windows(*"ab")) == "vt"


def test_never_all_sessions_are_held_out() -> None:
    assert sorted(splits(windows(*"abc"), share=0.5)) == ["t", "t", "v"]


def test_rejected_windows_stay_rejected_and_do_not_count() -> None:
    given = windows("a", "", "a", "", "a")
    assert splits(given) == "trgrv"


def test_the_order_of_windows_is_kept() -> None:
    given = windows(*"abcab")
    found, _ = assign_splits(given, 0.2)
    assert [window.window_id for window in found] == [window.window_id for window in given]
