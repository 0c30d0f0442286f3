import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from segtrail.config.schema import SplitConfig
from segtrail.dataset.reading.scan import CaseScan, FileFacts
from segtrail.dataset.split import split_cases
from segtrail.errors import InputError

NAMES = [f"la_{number:03d}" for number in range(10)]


def scan_of(case, voxels=None, group=None):
    """A case as reading it would give it; ``voxels`` stands for the hash of its voxels."""
    facts = FileFacts(case, "", voxels or case, "uint8", (4, 4, 4), (1.0, 1.0, 1.0), "RAS", ())
    return CaseScan(case, group, facts, facts, (), {}, ())


def scans(same=(), groups=None):
    voxels = dict.fromkeys(same, "one scan")
    return [scan_of(case, voxels.get(case), (groups or {}).get(case)) for case in NAMES]


def split(cases=None, **config):
    return split_cases(scans() if cases is None else cases, SplitConfig(**config))


def sides(result):
    return {"train": set(result.train), "val": set(result.val), "test": set(result.test)}


def assert_no_side_shares_a_case(result):
    named = [*result.train, *result.val, *result.test]
    assert len(named) == len(set(named))


def test_without_lists_the_fraction_is_validated_and_the_rest_trains():
    result = split(val_frac=0.3)
    assert result.method == "fraction"
    assert (len(result.train), len(result.val), len(result.test)) == (7, 3, 0)
    assert sorted([*result.train, *result.val]) == NAMES


def test_the_seed_alone_decides_the_choice():
    results = [split(seed=seed) for seed in range(20)]
    assert [split(seed=seed) for seed in range(20)] == results
    assert len({result.val for result in results}) > 5
    assert len({result.hash for result in results}) == len({result.val for result in results})


def test_the_order_of_the_cases_in_the_description_does_not_matter():
    assert split(list(reversed(scans())), seed=3) == split(seed=3)


def test_a_small_data_set_still_validates_on_one_case():
    assert len(split(scans()[:2], val_frac=0.01).val) == 1


def test_a_named_validation_list_is_taken_and_the_rest_trains():
    result = split(val=("la_004", "la_001"))
    assert (result.method, result.val_frac) == ("named", None)
    assert result.val == ("la_001", "la_004")
    assert set(result.train) == set(NAMES) - set(result.val)


def test_cases_in_no_list_are_unused_when_both_lists_are_named():
    result = split(train=("la_000", "la_001"), val=("la_002",), test=("la_003",))
    assert sides(result) == {"train": {"la_000", "la_001"}, "val": {"la_002"}, "test": {"la_003"}}
    assert [result.side(case) for case in NAMES[:5]] == ["train", "train", "val", "test", "unused"]


def test_the_test_cases_are_never_chosen_for_validation():
    for seed in range(30):
        result = split(seed=seed, val_frac=0.5, test=("la_000", "la_009"))
        assert result.test == ("la_000", "la_009")
        assert_no_side_shares_a_case(result)


def test_identical_images_come_to_one_side():
    for seed in range(30):
        result = split(scans(same=("la_002", "la_007")), seed=seed, val_frac=0.3)
        assert result.side("la_002") == result.side("la_007")


def test_groups_of_the_description_and_of_the_configuration_come_to_one_side():
    cases = scans(groups={"la_000": "patient", "la_001": "patient"})
    for seed in range(30):
        result = split(cases, seed=seed, val_frac=0.4, groups={"centre": ("la_001", "la_005")})
        assert len({result.side(case) for case in ("la_000", "la_001", "la_005")}) == 1


@pytest.mark.requirement("DAT-03")
@given(
    seed=st.integers(0, 2**62),
    val_frac=st.floats(0.05, 0.95),
    groups=st.lists(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True), max_size=3),
    same=st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
    test=st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
)
def test_no_split_parts_a_group_or_names_a_case_on_two_sides(seed, val_frac, groups, same, test):
    config = {f"group {number}": tuple(members) for number, members in enumerate(groups)}
    try:
        result = split(scans(same=same), seed=seed, val_frac=val_frac, groups=config, test=tuple(test))
    except InputError:
        assume(False)
    assert_no_side_shares_a_case(result)
    for members in [*groups, same]:
        assert len({result.side(case) for case in members}) <= 1


def test_a_case_identical_to_a_test_case_is_refused_or_kept_out_of_training_under_every_seed():
    for seed in range(30):
        try:
            result = split(scans(same=("la_000", "la_001")), seed=seed, test=("la_000",))
        except InputError as error:
            assert "belong together" in str(error)
            continue
        assert result.test == ("la_000",)
        assert result.side("la_000") == "test"
        assert result.side("la_001") not in ("train", "val")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"val": ("la_099",)}, "names cases that dataset.json does not: la_099"),
        ({"groups": {"patient": ("la_098",)}}, "names cases that dataset.json does not: la_098"),
        ({"val": ("la_001",), "test": ("la_001",)}, "more than once: la_001"),
        ({"val": ("la_001", "la_001")}, "more than once: la_001"),
        ({"val": ()}, "leaves no case for validation"),
        ({"val": tuple(NAMES)}, "leaves no case for training"),
        ({"test": tuple(NAMES[:9]), "val_frac": 0.9}, "leaves no case for training"),
        (
            {"val": ("la_001",), "groups": {"patient": ("la_001", "la_002")}},
            "parts cases that belong together (the same scan or group): la_001 in val, la_002 in train",
        ),
    ],
)
def test_lists_that_make_no_split_are_refused(config, sentence):
    with pytest.raises(InputError) as caught:
        split(**config)
    assert sentence in str(caught.value)


def test_named_lists_that_part_identical_images_are_refused():
    with pytest.raises(InputError, match="la_005 in train, la_006 in val"):
        split(scans(same=("la_005", "la_006")), val=("la_006",))


def test_the_hash_changes_with_any_side():
    named = [
        split(train=("la_000",), val=("la_001",)),
        split(train=("la_001",), val=("la_000",)),
        split(train=("la_000",), val=("la_001",), test=("la_002",)),
    ]
    assert len({result.hash for result in named}) == 3


@pytest.mark.requirement("DAT-03")
def test_real_files_that_hold_one_scan_come_to_one_side(make_dataset, scan):
    folder = make_dataset(4)
    twin = np.random.default_rng(0).integers(1, 50, size=(8, 8, 8)).astype(np.int16)
    labels = (twin > 25).astype(np.uint8)
    folder.add_case("la_005", twin, labels)
    folder.add_case("la_026", twin.astype(np.float32), 1 - labels)
    for seed in range(10):
        result = split(scan(folder), seed=seed, val_frac=0.4)
        assert result.side("la_005") == result.side("la_026")
