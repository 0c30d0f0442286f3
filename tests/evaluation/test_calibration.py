"""Calibration of probabilities that are known, and of runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from numpy.typing import NDArray

from segtrail.evaluation.calibration import ClassCalibration, compute_reliability, describe_calibration

SHAPE = (10, 10, 10)
MM = (20.0, 20.0, 20.0)  # so that the room around a mask is one voxel


def reliability_of(probability: float, n_of_class: int) -> Any:
    """That of a cube of 1000 voxels with one probability, of which some are of the class."""
    reference = np.zeros(SHAPE, dtype=bool)
    reference.ravel()[:n_of_class] = True
    everywhere = np.ones(SHAPE, dtype=bool)
    return compute_reliability(np.full(SHAPE, probability, np.float32), everywhere, reference, MM)


def test_a_probability_that_comes_true_has_no_error() -> None:
    found = reliability_of(0.7, 700)
    assert found.error == pytest.approx(0.0, abs=1e-7)
    assert found.bias == pytest.approx(0.0, abs=1e-7)


def test_a_network_that_is_too_sure_is_off_by_what_it_is_too_sure() -> None:
    found = reliability_of(0.95, 700)
    assert found.error == pytest.approx(0.25)
    assert found.bias == pytest.approx(0.25)


def test_errors_of_both_signs_do_not_cancel_but_their_bias_does() -> None:
    pooled = reliability_of(0.95, 750) + reliability_of(0.05, 250)
    assert pooled.error == pytest.approx(0.2)
    assert pooled.bias == pytest.approx(0.0, abs=1e-7)


def test_voxels_far_from_the_organ_do_not_count() -> None:
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[10:14, 20:24, 5:9] = True
    found = compute_reliability(mask.astype(np.float32), mask, mask, (5.0, 10.0, 2.5))
    assert found.n_voxels == (4 + 2 + 2) * (4 + 1 + 1) * (4 + 4 + 4)


def test_the_box_ends_with_the_image() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[0, 0, 0] = True
    assert compute_reliability(mask.astype(np.float32), mask, mask, MM).n_voxels == 8


def test_nothing_to_look_at_is_refused() -> None:
    nothing = np.zeros(SHAPE, dtype=bool)
    with pytest.raises(ValueError, match="Neither mask"):
        compute_reliability(nothing.astype(np.float32), nothing, nothing, MM)


@given(
    hypothesis_numpy.arrays(np.float32, (4, 3, 2), elements=st.floats(0, 1, width=32)),
    hypothesis_numpy.arrays(np.bool_, (4, 3, 2)),
)
def test_every_voxel_is_in_one_bin_and_the_error_is_never_below_the_bias(
    probability: NDArray[np.float32], reference: NDArray[np.bool_]
) -> None:
    found = compute_reliability(probability, np.ones_like(reference), reference, MM)
    assert found.n_voxels == 24
    assert sum(found.class_voxels) == reference.sum()
    assert 0 <= abs(found.bias) - 1e-9 <= found.error <= 1 or found.error <= 1e-9
    assert found.bias == pytest.approx(float(probability.mean() - reference.mean()), abs=1e-6)


def test_cases_are_pooled_by_side_and_class() -> None:
    cases = [
        ClassCalibration("a", "val", "ball", reliability_of(0.95, 700)),
        ClassCalibration("b", "val", "ball", reliability_of(0.95, 900)),
        ClassCalibration("c", "test", "ball", reliability_of(0.5, 500)),
    ]
    pooled = describe_calibration(cases)["pooled"]
    assert [(pool["split"], pool["cases"], pool["voxels"]) for pool in pooled] == [
        ("val", 2, 2000),
        ("test", 1, 1000),
    ]
    assert pooled[0]["error"] == pytest.approx(0.15)
    (filled,) = (one for one in pooled[0]["bins"] if one["voxels"])
    assert (filled["from"], filled["to"]) == (0.9, 1.0)
    assert filled["share_of_class"] == pytest.approx(0.8)


def test_an_evaluation_tells_the_calibration_that_its_run_has(
    quick_run_dir: Path, segtrail: Callable[..., Any]
) -> None:
    data = quick_run_dir.parents[2] / "data"
    answer = json.loads(segtrail("evaluate", quick_run_dir, data, "--json").stdout)["calibration"]
    of_run = json.loads((quick_run_dir / "calibration.json").read_text(encoding="utf-8"))
    measured = {(entry["case"], entry["class"]): entry["error"] for entry in answer["cases"]}
    assert of_run["cases"]
    for entry in of_run["cases"]:
        assert measured[entry["case"], entry["class"]] == entry["error"]
