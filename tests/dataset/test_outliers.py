"""Cases unlike the others of their data set."""

import numpy as np
import pytest

from segtrail.dataset.checking.outliers import FEWEST_CASES, find_outliers, robust_scores
from segtrail.dataset.reading.scan import CaseScan, FileFacts


def case(name, spacing_mm=(1.0, 1.0, 2.0), shape=(100, 100, 50), median=100.0, volume_ml=80.0, affine=None):
    affine = np.diag([*spacing_mm, 1.0]) if affine is None else affine
    facts = FileFacts(
        (f"{name}.nii",), "", "", "int16", shape, spacing_mm, "RAS", tuple(map(tuple, affine.tolist()))
    )
    return CaseScan(name, None, facts, facts, ({"50": median, "99.5": 4 * median},), {"organ": volume_ml}, ())


def ordinary(count=12):
    rng = np.random.default_rng(0)
    return [
        case(f"c{number}", median=100 + 3 * rng.normal(), volume_ml=80 * np.exp(0.1 * rng.normal()))
        for number in range(count)
    ]


def found(*odd, count=12):
    return [(finding.check, finding.case) for finding in find_outliers([*ordinary(count), *odd])]


def test_ordinary_cases_are_no_outliers():
    assert found() == []


@pytest.mark.parametrize(
    ("odd", "checks"),
    [
        ({"spacing_mm": (1.0, 1.0, 3.0), "shape": (100, 100, 33)}, ["outlier-spacing"]),
        ({"shape": (100, 40, 50)}, ["outlier-size"]),
        ({"median": 500.0}, ["outlier-intensity", "outlier-intensity"]),
        ({"volume_ml": 800.0}, ["outlier-volume"]),
        ({"volume_ml": 8.0}, ["outlier-volume"]),
    ],
)
def test_an_odd_case_is_found_by_what_is_odd(odd, checks):
    assert found(case("odd", **odd)) == [(check, "odd") for check in checks]


def test_a_file_in_another_axis_order_is_no_outlier():
    turned = np.array([[0, 0, -1.0, 99], [1.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 0, 1]])
    assert found(case("turned", (1.0, 2.0, 1.0), (100, 50, 100), affine=turned)) == []


def test_few_cases_tell_nothing():
    assert found(case("odd", volume_ml=800.0), count=FEWEST_CASES - 2) == []


def test_the_score_is_that_of_iglewicz_and_hoaglin():
    values = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    assert robust_scores(values, 0.0)[-1] == pytest.approx(0.6745 * 97 / 1)


def test_a_difference_of_rounding_is_no_outlier_where_all_others_are_equal():
    same = [case(f"c{number}") for number in range(12)]
    assert find_outliers([*same, case("rounded", spacing_mm=(1.0004, 1.0, 2.0))]) == []


def test_the_score_takes_the_mean_deviation_where_more_than_half_are_alike():
    values = np.array([1.0, 1.0, 1.0, 1.0, 6.0])
    assert robust_scores(values, 0.01)[-1] == pytest.approx(5 / (1.253314 * 1))


def with_slices(*thicknesses_mm):
    return [
        case(f"c{number}", (0.8, 0.8, thickness_mm), (100, 100, round(250 / thickness_mm)))
        for number, thickness_mm in enumerate(thicknesses_mm)
    ]


@pytest.mark.parametrize(
    "thicknesses_mm",
    [
        [5.0] * 55 + [2.5] * 30 + [1.0] * 15,
        [1.25] * 51 + [1.37] * 49,
        [5.0] * 89 + [1.0] * 11,
        [5.0] * 11 + [2.5] * 6 + [1.0] * 3,
    ],
)
def test_a_second_slice_thickness_of_many_cases_is_no_outlier(thicknesses_mm):
    found = find_outliers(with_slices(*thicknesses_mm))
    assert [finding.case for finding in found if finding.check == "outlier-spacing"] == []


@pytest.mark.parametrize(("count", "odd"), [(8, 1), (13, 1), (40, 2), (100, 5)])
def test_few_odd_cases_are_found_where_all_others_are_equal(count, odd):
    found = find_outliers(with_slices(*[5.0] * (count - odd), *[1.0] * odd))
    names = [finding.case for finding in found if finding.check == "outlier-spacing"]
    assert names == [f"c{number}" for number in range(count - odd, count)]


def test_intensities_in_another_unit_are_found_however_large_they_are():
    other = [case(f"other{number}", median=40_000.0 * (1 + 0.1 * number)) for number in range(4)]
    assert {name for _, name in found(*other, count=16)} == {scan.case for scan in other}
