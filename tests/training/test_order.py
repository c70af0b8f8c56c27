"""The order of the data is a function of the seed and the batch's number."""

from itertools import chain, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.training.order import OrderedBatches, derived_seed, epoch_order

sizes = st.integers(1, 40)


def keys(batches: OrderedBatches, count: int) -> list[list[tuple[int, int]]]:
    return list(islice(batches, count))


@settings(deadline=None)  # a slow moment of the machine is no failure
@given(sizes, sizes, st.integers(0, 9))
def test_every_epoch_visits_every_example_once(examples: int, batch_size: int, seed: int) -> None:
    count = 3 * examples // batch_size + 1
    flat = [
        key for batch in keys(OrderedBatches(examples, batch_size, seed), count) for key in batch
    ]
    for epoch in range(2):
        part = flat[epoch * examples : (epoch + 1) * examples]
        assert sorted(part) == [(epoch, index) for index in range(examples)]


@settings(deadline=None)
@given(sizes, sizes, st.integers(0, 50))
def test_a_later_start_continues_the_same_order(examples: int, batch_size: int, start: int) -> None:
    whole = keys(OrderedBatches(examples, batch_size, seed=3), start + 3)
    assert keys(OrderedBatches(examples, batch_size, seed=3, first_draw=start), 3) == whole[start:]


@settings(deadline=None)
@given(sizes, st.integers(1, 5), st.integers(1, 4))
def test_ranks_share_the_batch_of_one(examples: int, share: int, ranks: int) -> None:
    whole = keys(OrderedBatches(examples, share * ranks, seed=1), 4)
    parts = [
        keys(OrderedBatches(examples, share * ranks, seed=1, rank=rank, ranks=ranks), 4)
        for rank in range(ranks)
    ]
    together = [list(chain(*slices)) for slices in zip(*parts, strict=True)]
    assert together == whole


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = {tuple(epoch_order(seed, epoch, 20)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_meaning_of_a_seed_stays() -> None:
    # Written down once: runs that were begun by an older version must continue as they began.
    assert derived_seed(0, "iteration", 0, 7) == 3646440811991203336
    assert epoch_order(0, 0, 6) == [2, 5, 0, 3, 1, 4]
    # No two different lists of parts are the same text.
    assert derived_seed(1, 11) != derived_seed(11, 1)


def test_batch_that_ranks_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 8 cannot be shared by 3 ranks"):
        OrderedBatches(10, 8, 0, ranks=3)


def test_shuffled_data_are_visited_in_their_own_order() -> None:
    found = keys(OrderedBatches(5, 3, seed=1, first_draw=1, is_shuffled=True), 3)
    assert found == [
        [(0, 3), (0, 4), (1, 0)],
        [(1, 1), (1, 2), (1, 3)],
        [(1, 4), (2, 0), (2, 1)],
    ]
