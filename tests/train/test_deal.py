from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from adapt.train.deal import Place, deal

PLACES = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 4)).map(
        # A window's length hangs on its id.
        lambda pair: Place(window_id=f"w{pair[0]}", chunks=1 + pair[0] % 4, acts=pair[0] % 2 == 0)
    ),
    max_size=24,
)


@given(batch=PLACES, hands=st.integers(1, 5))
def test_every_place_is_dealt_once_in_order_and_windows_stay_together(batch, hands):
    dealt = deal(batch, hands)
    assert len(dealt) == hands
    assert sorted(place for places in dealt for place in places) == list(range(len(batch)))
    assert all(places == sorted(places) for places in dealt)
    owners = Counter((batch[place].window_id, hand) for hand, places in enumerate(dealt) for place in places)
    assert len({window for window, _ in owners}) == len(owners)


def test_different_windows_are_dealt_evenly_by_length():
    batch = [Place(window_id=str(n), chunks=1 + n % 4, acts=False) for n in range(16)]
    loads = [sum(batch[place].chunks for place in places) for places in deal(batch, 4)]
    assert loads == [10, 10, 10, 10]


def test_one_hand_gets_the_batch_as_it_is():
    batch = [Place(window_id=name, chunks=chunks, acts=False) for name, chunks in (("b", 1), ("a", 4), ("b", 1))]
    assert deal(batch, 1) == [[0, 1, 2]]
