import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segtrail.evaluation.statistics import summarise


def test_statistics_of_known_values_are_the_known_ones():
    summary = summarise([2.0, 4.0, 4.0, 10.0], seed=0)
    assert summary.mean == 5.0
    assert summary.sd == pytest.approx(math.sqrt((9 + 1 + 1 + 25) / 3))
    assert summary.median == 4.0
    assert (summary.min, summary.max) == (2.0, 10.0)


def test_an_empty_list_has_no_statistics_and_is_indicative():
    summary = asdict(summarise([], seed=0))
    assert summary.pop("indicative") is True
    assert set(summary.values()) == {None}


def test_one_value_has_a_mean_but_neither_spread_nor_interval():
    summary = summarise([0.9], seed=0)
    assert (summary.mean, summary.median, summary.min, summary.max) == (0.9, 0.9, 0.9, 0.9)
    assert summary.sd is None
    assert summary.interval is None


@pytest.mark.requirement("RES-04")
@pytest.mark.parametrize(("cases", "indicative"), [(2, True), (9, True), (10, False), (40, False)])
def test_an_interval_is_indicative_below_ten_cases(cases, indicative):
    assert summarise([float(i) for i in range(cases)], seed=0).indicative is indicative


def test_equal_values_give_an_interval_of_no_width():
    assert summarise([0.5] * 6, seed=0).interval == (0.5, 0.5)


def test_two_values_give_the_interval_that_can_be_worked_out_by_hand():
    # The mean of two draws from {0, 1} is 0, 1/2 or 1 with chances 1/4, 1/2 and 1/4.
    assert summarise([0.0, 1.0], seed=0, confidence=0.95).interval == (0.0, 1.0)
    assert summarise([0.0, 1.0], seed=0, confidence=0.30).interval == (0.5, 0.5)


def test_the_interval_of_many_values_agrees_with_normal_theory():
    values = np.random.default_rng(3).normal(10.0, 2.0, size=400)
    low, high = summarise(values, seed=0).interval
    half_width = 1.96 * values.std(ddof=1) / math.sqrt(values.size)
    assert low == pytest.approx(values.mean() - half_width, abs=0.1 * half_width)
    assert high == pytest.approx(values.mean() + half_width, abs=0.1 * half_width)


@pytest.mark.requirement("RES-04")
def test_about_95_of_100_intervals_hold_the_true_mean():
    generator = np.random.default_rng(11)
    held = 0
    for _ in range(300):
        low, high = summarise(generator.normal(size=30), seed=0, samples=500).interval
        held += low <= 0.0 <= high
    assert 0.90 <= held / 300 <= 0.98


def test_more_confidence_gives_a_wider_interval():
    values = np.random.default_rng(5).normal(size=20)
    low_80, high_80 = summarise(values, seed=0, confidence=0.80).interval
    low_99, high_99 = summarise(values, seed=0, confidence=0.99).interval
    assert low_99 < low_80 < high_80 < high_99


def test_the_seed_decides_the_interval_and_nothing_else():
    values = list(np.random.default_rng(7).random(12))
    once, again, other = (summarise(values, seed=seed) for seed in (1, 1, 2))
    assert once == again
    assert once.interval != other.interval
    assert once.mean == other.mean


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=15), data=st.data())
def test_the_order_of_the_cases_changes_no_digit(values, data):
    shuffled = data.draw(st.permutations(values))
    assert summarise(values, seed=0, samples=50) == summarise(shuffled, seed=0, samples=50)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=15), seed=st.integers(0, 2**32))
def test_the_interval_lies_within_the_range_of_the_values(values, seed):
    summary = summarise(values, seed=seed, samples=50)
    low, high = summary.interval
    assert summary.min - 1e-12 <= low <= high <= summary.max + 1e-12


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused_with_their_number(broken):
    with pytest.raises(ValueError, match="1 of 3 values are not finite"):
        summarise([0.9, broken, 0.8], seed=0)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_that_is_not_a_share_is_refused(confidence):
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        summarise([0.9, 0.8], seed=0, confidence=confidence)


def test_a_bootstrap_without_samples_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        summarise([0.9, 0.8], seed=0, samples=0)
