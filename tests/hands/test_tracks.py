"""Detections of hands whose truth is known become tracks: whose, which side, when, and how sure."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hand_builder import CAMERA, HZ, facing_turn, seen_hand

from adapt.geometry.cameras import assumed_camera
from adapt.geometry.rotations import orthonormal
from adapt.hands.follow import follow, without_twins
from adapt.hands.landmarks import HandLandmarks, SeenHand
from adapt.hands.tracks import FollowedHand, follow_hands, side_agreement
from adapt.video.reader import stream_frames

COUNT = 30
TIMES = [place / HZ for place in range(COUNT)]
ASPECT = CAMERA.width_px / CAMERA.height_px


def right(place: int) -> SeenHand:
    return seen_hand((0.1 + 0.003 * place, 0.08, 0.45))


def left(place: int) -> SeenHand:
    return seen_hand((-0.12 + 0.003 * place, 0.08, 0.45), side="left")


def other(place: int) -> SeenHand:
    return seen_hand((0.0, -0.1 + 0.001 * place, 0.7), facing_turn())


def looks(*hands: Callable[[int], SeenHand]) -> list[list[SeenHand]]:
    return [[hand(place) for hand in hands] for place in range(COUNT)]


def mirrored(hand: SeenHand) -> SeenHand:
    flip = torch.tensor([-1.0, 1, 1])
    shares = hand.landmarks * flip + torch.tensor([1.0, 0, 0])
    side = "left" if hand.side == "right" else "right"
    return replace(hand, side=side, landmarks=shares, world_m=hand.world_m * flip)


def followed(seen: Sequence[Sequence[SeenHand]]) -> list[FollowedHand]:
    return follow_hands(seen, TIMES, CAMERA)


def test_two_hands_become_two_tracks_of_their_sides_in_whatever_order_they_are_told() -> None:
    seen = [pair if place % 2 else pair[::-1] for place, pair in enumerate(looks(left, right))]
    hands = followed(seen)
    assert sorted(hand.side for hand in hands) == ["left", "right"]
    for hand in hands:
        assert hand.track.seen.all()
        assert hand.side_share > 0.9
        assert hand.wearer > 0.9
        assert not hand.outliers.any()
        own = left if hand.side == "left" else right
        torch.testing.assert_close(hand.track.landmarks[7], own(7).landmarks)


def test_single_looks_that_get_the_side_wrong_are_outvoted_and_believed_less() -> None:
    seen = looks(right)
    for place in (3, 11, 12, 25):
        seen[place] = [replace(seen[place][0], side="left")]
    (hand,) = followed(seen)
    assert hand.side == "right"
    assert hand.track.seen.all()
    assert hand.confidence[11] < 0.7 < hand.confidence[10]


def test_looks_that_cannot_tell_the_side_count_for_little() -> None:
    seen = [[replace(right(place), side="left", score=0.52)] for place in range(COUNT)]
    for place in range(10):
        seen[place] = [right(place)]
    (hand,) = followed(seen)
    assert hand.side == "right"


def test_both_hands_called_right_are_one_of_each() -> None:
    seen = [[right(place), replace(left(place), side="right", score=0.6)] for place in range(COUNT)]
    hands = followed(seen)
    assert [hand.side for hand in sorted(hands, key=lambda each: float(each.track.landmarks[0, 0, 0]))] == [
        "left",
        "right",
    ]
    assert all(hand.wearer >= 0.5 for hand in hands)


def test_short_gaps_are_bridged_on_the_way_and_long_ones_begin_a_new_track() -> None:
    seen = looks(right)
    for place in range(10, 15):
        seen[place] = []
    (hand,) = followed(seen)
    assert hand.known.all()
    assert not hand.track.seen[10:15].any()
    torch.testing.assert_close(hand.track.landmarks[12], right(12).landmarks, atol=1e-3, rtol=0)
    assert 0 < hand.confidence[12] < hand.confidence[10] < 0.5 < hand.confidence[9]
    for place in range(10, 24):
        seen[place] = []
    first, second = followed(seen)
    assert first.known.nonzero().max() == 9
    assert second.known.nonzero().min() == 24


def test_whoever_stands_opposite_is_not_the_wearer() -> None:
    hands = followed(looks(right, other))
    assert [hand.wearer >= 0.5 for hand in sorted(hands, key=lambda each: each.distance_m)] == [True, False]
    assert min(hand.wearer for hand in hands) < 0.2


def test_a_hand_beyond_the_reach_of_arms_is_not_the_wearer_s() -> None:
    (near,) = followed(looks(right))
    (far,) = followed([[seen_hand((0.1, 0.08, 1.6))] for _ in TIMES])
    assert near.distance_m == pytest.approx(0.45, abs=0.05)
    assert far.distance_m == pytest.approx(1.6, rel=0.1)
    assert near.wearer > 0.9
    assert far.wearer < 0.5


def test_a_third_hand_of_a_side_is_another_s_though_it_comes_from_below() -> None:
    beside = [seen_hand((0.3, 0.05, 0.6)) for _ in TIMES]
    hands = followed([[left(place), right(place), beside[place]] for place in range(COUNT)])
    assert sum(hand.wearer >= 0.5 for hand in hands) == 2
    assert {hand.side for hand in hands if hand.wearer >= 0.5} == {"left", "right"}


@pytest.mark.parametrize(("away_m", "outlier"), [(0.06, True), (0.3, False)])
def test_a_jump_away_and_back_is_not_believed(away_m: float, *, outlier: bool) -> None:
    """A small one as an outlier of its track; a large one never was of the track."""
    seen = looks(right)
    seen[14] = [seen_hand((0.142 - away_m, 0.08, 0.45))]
    (hand,) = followed(seen)
    assert hand.outliers.nonzero().flatten().tolist() == [14] * outlier
    assert not hand.track.seen[14]
    torch.testing.assert_close(hand.track.landmarks[14], right(14).landmarks, atol=2e-3, rtol=0)


def test_a_fast_reach_is_believed() -> None:
    reach = [[seen_hand((0.0 + 0.05 * max(0, min(place - 10, 6)), 0.08, 0.45))] for place in range(COUNT)]  # 1.5 m/s
    (fast,) = followed(reach)
    assert fast.track.seen.all()


def test_hands_that_cross_keep_their_tracks() -> None:
    def over(place: int) -> SeenHand:
        return seen_hand((-0.2 + 0.4 * place / COUNT, 0.02, 0.45), side="left")

    def under(place: int) -> SeenHand:
        return seen_hand((0.2 - 0.4 * place / COUNT, 0.12, 0.5))

    hands = followed(looks(over, under))
    assert len(hands) == 2
    for hand in hands:
        way = over if hand.side == "left" else under
        torch.testing.assert_close(hand.track.landmarks[-1], way(COUNT - 1).landmarks)


def test_mirroring_swaps_the_hands_and_nothing_else() -> None:
    seen = looks(left, right, other)
    plain = followed(seen)
    flipped = follow_hands([[mirrored(hand) for hand in look] for look in seen], TIMES, CAMERA.mirrored())
    for one, two in zip(plain, flipped, strict=True):
        assert {one.side, two.side} == {"left", "right"}
        assert one.side_share == pytest.approx(two.side_share, abs=1e-6)
        assert one.wearer == pytest.approx(two.wearer, abs=1e-6)
        torch.testing.assert_close(one.confidence, two.confidence)
        assert torch.equal(one.track.seen, two.track.seen)


def test_a_detector_whose_words_are_swapped_is_noticed() -> None:
    tilted = [[seen_hand((0.15, 0.08, 0.45), _from_the_right())] for _ in TIMES]
    swapped = [[replace(look[0], side="left")] for look in tilted]
    good, bad = side_agreement(followed(tilted)), side_agreement(followed(swapped))
    assert good is not None
    assert bad is not None
    assert bad < 0 < good
    assert side_agreement([]) is None


def test_a_hand_half_outside_the_picture_and_a_tiny_one_are_believed_less() -> None:
    (whole,) = followed(looks(right))
    (cut,) = followed([[seen_hand((0.38, 0.08, 0.45))] for _ in TIMES])
    (tiny,) = followed([[seen_hand((0.1, 0.1, 3.0))] for _ in TIMES])
    assert whole.confidence.min() > 0.9
    assert cut.confidence.max() < 0.7
    assert tiny.confidence.max() < 0.5


def test_a_flicker_is_no_hand_and_twins_are_one() -> None:
    seen: list[list[SeenHand]] = [[] for _ in TIMES]
    seen[4], seen[5] = [right(4)], [right(5)]
    assert followed(seen) == []
    twin = replace(right(4), score=0.5, landmarks=right(4).landmarks + 0.004)
    assert without_twins([twin, right(4), left(4)], ASPECT)[0].score == 0.97
    assert len(without_twins([twin, right(4), left(4)], ASPECT)) == 2


def test_uneven_times_are_kept_and_times_that_do_not_increase_refused() -> None:
    assert followed([[] for _ in TIMES]) == []
    with pytest.raises(ValueError, match="a time of its own"):
        follow(looks(right), TIMES[:-1], ASPECT)
    with pytest.raises(ValueError, match="must increase"):
        follow(looks(right), [0.0] * COUNT, ASPECT)


@pytest.mark.data
@pytest.mark.parametrize(
    ("clip", "sides"),
    [
        ("ego/egoloc_pour_RGB.mp4", {"left", "right"}),
        ("ego/egoloc_video3.mp4", {"right"}),
        ("third_person/sam2_02_cups.mp4", set()),
        ("third_person/sam2_03_blocks.mp4", set()),
    ],
)
def test_the_wearer_is_told_from_others_in_real_clips(
    hand_model: Path, real_data: Path, clip: str, sides: set[str]
) -> None:
    frames = list(stream_frames(real_data / "human" / clip, 10.0, long_side_px=640))[:40]
    with HandLandmarks(hand_model, most=4) as landmarks:
        seen = [landmarks.look_at_all(frame, time_s) for time_s, frame in frames]
    height, width = frames[0][1].shape[:2]
    hands = follow_hands(seen, [time_s for time_s, _ in frames], assumed_camera(float(width), float(height)))
    assert hands
    assert {hand.side for hand in hands if hand.wearer >= 0.5} == sides


def _from_the_right() -> torch.Tensor:
    return orthonormal(torch.tensor([-0.5, -0.45, 0.6]).double(), torch.tensor([0.0, -0.9, -0.5]).double())


def test_a_look_of_the_wrong_side_has_its_depths_put_back_only_where_they_are_reversed() -> None:
    flip = torch.tensor([1.0, 1, -1])
    seen = looks(right)
    seen[9] = [replace(right(9), side="left", world_m=right(9).world_m * flip)]
    seen[15] = [replace(right(15), side="left")]
    (hand,) = followed(seen)
    for place in (9, 15):
        torch.testing.assert_close(hand.track.world_m[place], right(place).world_m)


def test_a_track_that_takes_over_from_another_stays_the_wearer_s_and_of_its_side() -> None:
    """The detector finds a hand anew, elsewhere, at the last look at which it still follows the old one."""
    seen = [[right(place)] if place < 15 else [] for place in range(COUNT)]
    for place in range(14, COUNT):
        seen[place] = [*seen[place], seen_hand((-0.15, 0.0, 0.45))]
    first, second = followed(seen)
    assert (first.known & second.known).sum() == 1
    assert [first.side, second.side] == ["right", "right"]
    assert min(first.wearer, second.wearer) > 0.9


def test_a_hand_too_fast_for_its_last_place_is_followed_by_its_speed() -> None:
    steps = [0.0] * 10 + [0.02, 0.05, 0.08, 0.1, 0.1, 0.08, 0.05, 0.02] + [0.0] * 12  # 3 m/s at its fastest
    places = [-0.25 + sum(steps[: place + 1]) for place in range(COUNT)]
    (hand,) = followed([[seen_hand((x, 0.08, 0.45))] for x in places])
    assert hand.known.all()


def test_a_hand_told_twice_at_every_look_is_one_track() -> None:
    def again(place: int) -> SeenHand:
        return replace(right(place), score=0.5, landmarks=right(place).landmarks + 0.004)

    assert len(followed(looks(right, again))) == 1


def test_of_two_hands_side_by_side_each_goes_on_as_its_own_side() -> None:
    """They pass each other between two looks: the nearest detection is then the other hand's."""

    def near_left(place: int) -> SeenHand:
        return seen_hand((-0.032 if place < 15 else 0.024, 0.05, 0.45), side="left")

    def near_right(place: int) -> SeenHand:
        return seen_hand((0.032 if place < 15 else -0.024, 0.05, 0.45))

    hands = followed(looks(near_left, near_right))
    assert sorted(hand.side for hand in hands) == ["left", "right"]
    for hand in hands:
        own = near_left if hand.side == "left" else near_right
        torch.testing.assert_close(hand.track.landmarks[-1], own(COUNT - 1).landmarks)
