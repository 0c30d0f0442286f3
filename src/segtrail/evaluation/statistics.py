"""Statistics of one metric over cases: centre, spread and a bootstrap interval of the mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Below this, an interval over cases says little about other cases, and a report has to say so.
FEWEST_CASES_FOR_CONCLUSIONS = 10


@dataclass(frozen=True)
class Summary:
    """One metric over cases; None where there are too few values for a statistic.

    Attributes:
        mean: Mean; None without values.
        sd: Standard deviation with n - 1 in the denominator; None below two values.
        median: Median; None without values.
        min: Smallest value; None without values.
        max: Largest value; None without values.
        interval: Lower and upper end of the bootstrap interval of the mean; None below two values.
        indicative: Whether there are fewer than ten values, so that the interval is only a hint.
    """

    mean: float | None
    sd: float | None
    median: float | None
    min: float | None
    max: float | None
    interval: tuple[float, float] | None
    indicative: bool


def summarise(
    values: Sequence[float],
    *,
    seed: int,
    samples: int = 2000,
    confidence: float = 0.95,
) -> Summary:
    """Summarise one metric over cases. The order of the cases does not matter.

    Args:
        values: One finite value per case that counts.
        seed: Seed of the bootstrap; the same seed gives the same interval.
        samples: How many times the cases are drawn again.
        confidence: Share of the resampled means that the interval holds, between 0 and 1.

    Returns:
        The statistics, in the unit of the values.

    Raises:
        ValueError: If a value is not finite, or if samples or confidence is out of range.
    """
    _check_bootstrap(samples, confidence)
    # Sorted, so that neither the draws nor the rounding of a sum depend on the order of the cases.
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    _check_finite(ordered)
    indicative = ordered.size < FEWEST_CASES_FOR_CONCLUSIONS
    if ordered.size == 0:
        return Summary(None, None, None, None, None, None, indicative)
    enough_for_spread = ordered.size >= 2
    return Summary(
        mean=float(ordered.mean()),
        sd=float(ordered.std(ddof=1)) if enough_for_spread else None,
        median=float(np.median(ordered)),
        min=float(ordered[0]),
        max=float(ordered[-1]),
        interval=_bootstrap_interval(ordered, seed, samples, confidence) if enough_for_spread else None,
        indicative=indicative,
    )


def _bootstrap_interval(
    values: NDArray[np.float64], seed: int, samples: int, confidence: float
) -> tuple[float, float]:
    """Percentile bootstrap of the mean (Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13)."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(values.size, size=(samples, values.size))
    means = values[drawn].mean(axis=1)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


def _check_finite(values: NDArray[np.float64]) -> None:
    broken = int(np.count_nonzero(~np.isfinite(values)))
    if broken:
        raise ValueError(
            f"{broken} of {values.size} values are not finite, but every case that counts needs a number: "
            "drop the cases that are left out, and count them beside it."
        )


def _check_bootstrap(samples: int, confidence: float) -> None:
    if samples < 1:
        raise ValueError(f"The bootstrap draws {samples} samples, but at least 1 is expected.")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"The confidence is {confidence}, but a share between 0 and 1 is expected.")
