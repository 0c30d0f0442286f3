from hypothesis import given
from hypothesis import strategies as st

from segtrail.training.patches import EpochBatches, PatchKey


def batches(epoch, n_cases=5, patches_per_case=3, batch_size=2, seed=0):
    sampler = EpochBatches(n_cases, patches_per_case, batch_size, seed)
    sampler.epoch = epoch
    return list(sampler)


@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 7), st.integers(1, 50), st.integers(0, 2**62))
def test_an_epoch_holds_every_patch_of_every_case_once(n_cases, patches_per_case, batch_size, epoch, seed):
    found = batches(epoch, n_cases, patches_per_case, batch_size, seed)
    keys = [key for batch in found for key in batch]
    assert len(keys) == n_cases * patches_per_case
    assert set(keys) == {PatchKey(epoch, c, i) for c in range(n_cases) for i in range(patches_per_case)}
    assert [len(batch) for batch in found[:-1]] == [batch_size] * (len(found) - 1)
    assert len(EpochBatches(n_cases, patches_per_case, batch_size, seed)) == len(found)


def test_the_order_is_the_same_every_time_and_another_in_every_epoch():
    orders = [[(k.case, k.index) for batch in batches(epoch) for k in batch] for epoch in range(1, 11)]
    again = [[(k.case, k.index) for batch in batches(epoch) for k in batch] for epoch in range(1, 11)]
    assert orders == again
    assert len({tuple(order) for order in orders}) == 10


def test_the_order_depends_on_the_seed():
    assert batches(1, seed=0) != batches(1, seed=1)


def test_the_order_does_not_depend_on_the_batch_size():
    small = [key for batch in batches(4, batch_size=1) for key in batch]
    large = [key for batch in batches(4, batch_size=15) for key in batch]
    assert small == large
