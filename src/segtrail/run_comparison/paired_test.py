"""A paired test of differences, and its correction for how many tests are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

LEVEL = 0.05
# The smallest two-sided p value of n signs is 2 / 2^n: with five pairs it is 0.0625, whatever they hold.
FEWEST_PAIRS = 6
_MOST_PAIRS_EXACT = 50
TEST = "Wilcoxon signed-rank test, two-sided; differences of 0 are left out"
CORRECTION = "Holm"


@dataclass(frozen=True)
class PairedTest:
    """What the test of one metric gave.

    Attributes:
        n: Differences that are not 0, the ones that are tested.
        p: The p value by itself; None where there are too few of them.
        method: Whether it is exact, or approximated by a normal distribution; None without a p value.
    """

    n: int
    p: float | None
    method: Literal["exact", "approximate"] | None


def signed_rank_test(differences: Sequence[float]) -> PairedTest:
    """Test whether paired differences lie around 0, by Wilcoxon's signed ranks.

    Exact up to 50 differences without ties, else approximated by a normal distribution with corrections for ties and
    for continuity.

    Args:
        differences: One finite difference for each case.

    Returns:
        The result, without a p value below six differences that are not 0.
    """
    tested = np.asarray([value for value in differences if value != 0.0], dtype=np.float64)
    if tested.size < FEWEST_PAIRS:
        return PairedTest(int(tested.size), None, None)
    from scipy.stats import wilcoxon

    has_ties = np.unique(np.abs(tested)).size < tested.size
    if tested.size <= _MOST_PAIRS_EXACT and not has_ties:
        return PairedTest(int(tested.size), float(wilcoxon(tested, method="exact").pvalue), "exact")
    p = float(wilcoxon(tested, method="approx", correction=True).pvalue)
    return PairedTest(int(tested.size), min(1.0, p), "approximate")


def correct_by_holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number, by Holm's step-down procedure.

    Args:
        p_values: The p values of all tests that are made.

    Returns:
        The corrected ones, in the same order; below a level they show a difference at that level.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
