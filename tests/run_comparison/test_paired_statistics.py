"""Paired differences are those that were put in, and the test is the one that its name says."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from segtrail.run_comparison.paired_statistics import PairedStatistics, compute_statistics, correct_all
from segtrail.run_comparison.paired_test import correct_by_holm, signed_rank_test
from segtrail.run_comparison.paired_values import Pair, PairedSeries

VALUES = st.floats(min_value=-1e6, max_value=1e6, allow_subnormal=False)


def statistics_of(pairs: Sequence[tuple[float, float]], better: str = "higher") -> PairedStatistics:
    named = [Pair(f"case_{n}", base, other, other - base) for n, (base, other) in enumerate(pairs)]
    return compute_statistics(PairedSeries("B", "ball", "dice", named, 0, 0, 0), better)


@pytest.mark.requirement("CMP-03")
def test_an_exact_p_value_is_the_one_counted_by_hand() -> None:
    # Of the 64 signs of the ranks 1 to 6, 14 have negative ranks that sum to 6 or less: twice 14 / 64.
    found = signed_rank_test([1.0, 2.0, 3.0, 4.0, 5.0, -6.0])
    assert (found.n, found.p, found.method) == (6, pytest.approx(28 / 64), "exact")


def test_six_differences_of_one_sign_reach_the_smallest_p_value() -> None:
    assert signed_rank_test([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).p == pytest.approx(2 / 64)


@pytest.mark.requirement("CMP-03")
def test_five_differences_have_no_p_value_even_if_all_point_one_way() -> None:
    found = signed_rank_test([0.1, 0.2, 0.3, 0.4, 0.5])
    assert (found.n, found.p, found.method) == (5, None, None)


def test_differences_of_0_are_left_out_and_do_not_count_as_pairs() -> None:
    assert signed_rank_test([0.0] * 20 + [0.1, 0.2, 0.3, 0.4, 0.5]).p is None
    with_zeros = signed_rank_test([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -6.0])
    assert with_zeros == signed_rank_test([1.0, 2.0, 3.0, 4.0, 5.0, -6.0])


@pytest.mark.parametrize(
    "differences", [[0.1, 0.1, 0.2, 0.3, 0.4, -0.5, 0.6], [float(n) for n in range(1, 60)]]
)
def test_ties_and_many_differences_are_approximated(differences: list[float]) -> None:
    found = signed_rank_test(differences)
    assert found.method == "approximate"
    expected = wilcoxon(differences, method="approx", correction=True).pvalue
    assert found.p == pytest.approx(float(expected))


@pytest.mark.requirement("CMP-03")
def test_holm_multiplies_the_smallest_by_all_and_the_next_by_one_less() -> None:
    assert correct_by_holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert correct_by_holm([0.6, 0.5]) == [1.0, 1.0]
    assert correct_by_holm([]) == []


def test_only_metrics_with_a_p_value_count_in_the_correction() -> None:
    many = statistics_of([(0.0, 0.1 * n) for n in range(1, 9)])
    few = statistics_of([(0.5, 0.6)])
    corrected = correct_all([many, few, many])
    assert corrected[0].p_corrected == pytest.approx(2 * 2 / 2**8)
    assert (corrected[1].p_corrected, corrected[1].verdict) == (None, "not tested")


def test_mean_median_and_counts_are_those_of_the_differences() -> None:
    found = statistics_of([(0.5, 0.6), (0.5, 0.7), (0.5, 0.2), (0.5, 0.5)])
    assert found.mean == pytest.approx(0.0)
    assert found.median == pytest.approx(0.05)
    assert (found.n, found.n_better, found.n_worse, found.is_indicative) == (4, 2, 1, True)


def test_a_lower_distance_is_better() -> None:
    found = statistics_of([(5.0, 3.0), (5.0, 4.0), (5.0, 6.0)], "lower")
    assert (found.n_better, found.n_worse, found.direction) == (2, 1, "better")
    assert found.mean == pytest.approx(-2 / 3)


@pytest.mark.requirement("CMP-02")
@given(st.lists(st.tuples(VALUES, VALUES), max_size=30))
def test_with_the_runs_exchanged_all_has_the_other_sign(pairs: list[tuple[float, float]]) -> None:
    one = statistics_of(pairs)
    two = statistics_of([(other, base) for base, other in pairs])
    assert (one.n_better, one.n_worse) == (two.n_worse, two.n_better)
    assert one.test == two.test
    if one.mean is None or two.mean is None or one.median is None or two.median is None:
        assert pairs == []
        return
    assert (one.mean, one.median) == (-two.mean, -two.median)
    if one.interval is not None and two.interval is not None:
        assert one.interval == (-two.interval[1], -two.interval[0])
        assert all(math.isfinite(end) for end in one.interval)
