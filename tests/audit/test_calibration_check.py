"""What is segmented again is compared with the calibration on record, case by case and pooled."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from segtrail.audit.calibration import calibration_difference, pooled_faults
from segtrail.evaluation.calibration import ClassCalibration, Reliability, describe_calibration

# Ten voxels in each bin, all with the probability in its middle.
MIDDLES = tuple(place + 0.5 for place in range(10))
CASES = [
    ClassCalibration("a", "val", "ball", Reliability((10,) * 10, MIDDLES, (0, 0, 1, 2, 4, 5, 6, 8, 9, 10))),
    ClassCalibration("b", "val", "ball", Reliability((10,) * 10, MIDDLES, (1, 1, 2, 3, 4, 5, 7, 7, 8, 9))),
]


def faults_after(change: Callable[[dict[str, Any]], object], *, same_voxels: bool = True) -> list[str]:
    record = describe_calibration(CASES)
    change(record["pooled"][0])
    return list(pooled_faults(record, CASES, 0.002, same_voxels=same_voxels))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("measure", ["error", "bias"])
def test_a_figure_that_is_no_number_is_infinitely_far_from_what_is_measured(
    measure: str, value: float
) -> None:
    again: Any = SimpleNamespace(case="a", calibration=CASES[:1])
    record = describe_calibration(CASES)["cases"]
    assert calibration_difference(record, again) == 0.0
    record[0][measure] = value
    assert calibration_difference(record, again) == math.inf


@pytest.mark.parametrize(
    "change",
    [
        lambda pool: pool.update(error=pool["error"] + 0.01),
        lambda pool: pool.update(bias=math.nan),
        lambda pool: pool.update(voxels=201),
        lambda pool: pool.update({"class": "cube"}),
        lambda pool: pool["bins"].pop(),
        lambda pool: pool["bins"][3].update(mean_probability=0.36),
        lambda pool: pool["bins"][3].update(share_of_class=math.nan),
        lambda pool: pool["bins"][3].update(voxels=21),
    ],
)
def test_a_pool_that_is_not_measured_again_is_a_fault(change: Callable[[dict[str, Any]], object]) -> None:
    assert faults_after(change) != []


def test_what_rounding_moves_is_no_fault() -> None:
    assert faults_after(dict) == []
    assert faults_after(lambda pool: pool.update(error=pool["error"] + 0.001)) == []
    assert faults_after(lambda pool: pool.update(voxels=201), same_voxels=False) == []
