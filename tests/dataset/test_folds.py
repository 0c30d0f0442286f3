"""Folds: every case validates once, and nothing leaks from one part to another."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from segtrail.config.schema import SplitConfig
from segtrail.dataset.folds import divide_into_folds
from segtrail.dataset.reading.scan import CaseScan, FileFacts
from segtrail.errors import InputError

NAMES = [f"la_{number:03d}" for number in range(10)]


def scan_of(case, voxels=None, group=None):
    facts = FileFacts(case, "", voxels or case, "uint8", (4, 4, 4), (1.0, 1.0, 1.0), "RAS", ())
    return CaseScan(case, group, facts, facts, (), {}, ())


def scans(same=(), groups=None):
    voxels = dict.fromkeys(same, "one scan")
    return [scan_of(case, voxels.get(case), (groups or {}).get(case)) for case in NAMES]


def divide(n_folds, cases=None, left_out=None, **config):
    return divide_into_folds(cases or scans(), SplitConfig(**config), n_folds, left_out or {})


def fold_of(folds, case):
    (number,) = [fold.number for fold in folds if case in fold.val]
    return number


@pytest.mark.parametrize("n_folds", [2, 3, 5, 10])
def test_every_case_validates_once_and_trains_in_the_other_folds(n_folds):
    folds = divide(n_folds)
    assert [fold.number for fold in folds] == list(range(1, n_folds + 1))
    assert sorted(case for fold in folds for case in fold.val) == NAMES
    assert all(sorted([*fold.train, *fold.val]) == NAMES for fold in folds)


@pytest.mark.parametrize(("n_folds", "sizes"), [(2, [5, 5]), (3, [4, 3, 3]), (4, [3, 3, 2, 2])])
def test_the_parts_are_as_equal_in_size_as_can_be(n_folds, sizes):
    assert [len(fold.val) for fold in divide(n_folds)] == sizes


def test_large_groups_do_not_make_the_parts_unequal_while_single_cases_can_fill_up():
    folds = divide(2, scans(same=NAMES[:4]), groups={"patient": ("la_004", "la_005", "la_006")})
    assert [len(fold.val) for fold in folds] == [5, 5]


def test_the_seed_and_the_number_of_folds_alone_decide():
    divisions = [divide(3, seed=seed) for seed in range(10)]
    assert [divide(3, list(reversed(scans())), seed=seed) for seed in range(10)] == divisions
    assert len({tuple(fold.val for fold in folds) for folds in divisions}) == 10


@given(
    seed=st.integers(0, 2**62),
    n_folds=st.integers(2, 5),
    groups=st.lists(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True), max_size=3),
    same=st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
)
def test_cases_that_belong_together_validate_together(seed, n_folds, groups, same):
    config = {f"group {number}": tuple(members) for number, members in enumerate(groups)}
    try:
        folds = divide(n_folds, scans(same=same), seed=seed, groups=config)
    except InputError:
        assume(False)
    for members in [*groups, same]:
        assert len({fold_of(folds, case) for case in members}) <= 1


def test_test_cases_are_in_no_fold():
    folds = divide(3, test=("la_000", "la_009"))
    assert {case for fold in folds for case in (*fold.val, *fold.train)} == set(NAMES[1:9])


def test_a_list_of_training_cases_limits_what_is_divided():
    folds = divide(2, scans(same=("la_001", "la_005")), train=("la_001", "la_002", "la_003"))
    assert {case for fold in folds for case in (*fold.val, *fold.train)} == {"la_001", "la_002", "la_003"}


@pytest.mark.parametrize(
    ("n_folds", "config", "sentence"),
    [
        (1, {}, "--folds is 1"),
        (11, {}, "11 folds need at least 11 cases that may be parted, but there are 10"),
        (10, {"groups": {"patient": ("la_001", "la_002")}}, "but there are 9"),
        (2, {"val": ("la_001",)}, "split.val names la_001"),
        (2, {"val": ()}, "Add split.val=null"),
        (2, {"train": ("la_099", "la_001")}, "names cases that dataset.json does not: la_099"),
        (2, {"test": ("la_001", "la_001")}, "more than once: la_001"),
        (
            2,
            {"test": ("la_001",), "groups": {"patient": ("la_001", "la_002")}},
            "The cases la_001, la_002 belong together (the same scan or group), but split.test names only la_001",
        ),
    ],
)
def test_what_makes_no_folds_is_refused(n_folds, config, sentence):
    with pytest.raises(InputError) as caught:
        divide(n_folds, **config)
    assert sentence in str(caught.value)


def test_a_case_that_is_left_out_can_not_be_named():
    with pytest.raises(InputError, match=r"la_050 \(label-empty\)"):
        divide(2, left_out={"la_050": ("label-empty",)}, train=("la_050", "la_001"))
