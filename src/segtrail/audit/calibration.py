"""``calibration.json`` against itself, against the table of cases, and against what ``best.pt`` gives again."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrail.audit.numbers import read_object, read_rows
from segtrail.audit.outcome import Outcome
from segtrail.evaluation.calibration import FILE_NAME, N_BINS, ClassCalibration, describe_calibration

if TYPE_CHECKING:  # it imports torch
    from segtrail.evaluation.evaluate import CaseEvaluation

TITLE = "The calibration fits the table of cases"
_MEASURES = ("error", "bias")
_MEANS = ("mean_probability", "share_of_class")
# The mean of a bin is on record, not its sum.
_ROUNDING = 1e-9
# Probabilities are of single precision, also at the edges of the bins.
_PRECISION = 1e-6


def check_calibration(run_dir: Path) -> Outcome:
    """Compare the cases of ``calibration.json`` with the table, and the pooled figures with their bins."""
    if not (run_dir / FILE_NAME).is_file():
        return Outcome.not_checked(
            "calibration", TITLE, f"the run has no {FILE_NAME}; older versions wrote none"
        )
    content = read_object(run_dir / FILE_NAME)
    rows = read_rows(run_dir / "metrics_cases.csv")
    faults = [*_faults_of_cases(content["cases"], rows), *_faults_of_pools(content)]
    n_classes = len(content["cases"])
    return Outcome.of_faults(
        "calibration", TITLE, faults, f"{n_classes} rows, every pooled figure computed again"
    )


def read_calibration(run_dir: Path) -> Mapping[str, Any] | None:
    """Return the content of ``calibration.json``; None where the run has none."""
    return read_object(run_dir / FILE_NAME) if (run_dir / FILE_NAME).is_file() else None


def calibration_difference(recorded: Sequence[Mapping[str, Any]], again: "CaseEvaluation") -> float:
    """Compare a case with its record.

    Args:
        recorded: The calibrations on record, of all cases.
        again: The case, segmented again.

    Returns:
        The largest difference of an error or a bias; infinite where other classes are calibrated, or where one is no
        number.
    """
    known = {entry["class"]: entry for entry in recorded if entry["case"] == again.case}
    found = {one.class_name: one.reliability for one in again.calibration}
    if known.keys() != found.keys():
        return math.inf
    return _largest(
        float(known[name][measure]) - float(getattr(reliability, measure))
        for name, reliability in found.items()
        for measure in _MEASURES
    )


def pooled_faults(
    recorded: Mapping[str, Any], again: Sequence[ClassCalibration], tolerance: float, *, same_voxels: bool
) -> Iterator[str]:
    """Compare the pooled calibration on record with that of cases that were segmented again.

    Args:
        recorded: The content of ``calibration.json``.
        again: The calibration of every class of every case, measured again.
        tolerance: What errors, biases, probabilities and shares may differ by.
        same_voxels: Whether the label maps are equal, so that the same voxels were looked at.

    Yields:
        A fault for each pool that differs.
    """
    known, found = (
        {(pool["split"], pool["class"]): pool for pool in pools}
        for pools in (recorded["pooled"], describe_calibration(again)["pooled"])
    )
    if known.keys() != found.keys():
        yield "best.pt gives a pooled calibration of other sides and classes than are on record"
    for split, name in sorted(known.keys() & found.keys()):
        one, two = known[split, name], found[split, name]
        if not _is_same_pool(one, two, tolerance, same_voxels=same_voxels):
            yield f"{name}, {split}: best.pt does not give its pooled calibration again"


def _is_same_pool(
    one: Mapping[str, Any], two: Mapping[str, Any], tolerance: float, *, same_voxels: bool
) -> bool:
    if len(one["bins"]) != N_BINS or (same_voxels and one["voxels"] != two["voxels"]):
        return False
    pairs = zip(one["bins"], two["bins"], strict=True)
    return _largest(one[measure] - two[measure] for measure in _MEASURES) <= tolerance and all(
        _is_same_bin(first, second, tolerance, two["voxels"]) for first, second in pairs
    )


def _is_same_bin(one: Mapping[str, Any], two: Mapping[str, Any], tolerance: float, n_voxels: int) -> bool:
    """Compare two bins; voxels that rounding moves over an edge change the means of a small bin by their share."""
    moved, larger = abs(one["voxels"] - two["voxels"]), max(one["voxels"], two["voxels"])
    if not one["voxels"] or not two["voxels"]:
        return bool(moved <= tolerance * n_voxels)
    difference = _largest(one[mean] - two[mean] for mean in _MEANS)
    return bool(moved <= tolerance * n_voxels and difference <= tolerance + moved / larger)


def _largest(differences: Iterable[float]) -> float:
    """Return the largest absolute difference; infinite where one is NaN, which ``max`` may pass over."""
    return max((math.inf if math.isnan(one) else abs(one) for one in differences), default=0.0)


def _faults_of_cases(
    entries: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    expected = [(row["case"], row["split"], row["class"]) for row in rows if row["status"] != "left_out"]
    found = [(entry["case"], entry["split"], entry["class"]) for entry in entries]
    if len(found) != len(set(found)):
        yield f"{FILE_NAME} has a class of a case more than once"
    for case, _, name in sorted(set(expected) - set(found)):
        yield f"{FILE_NAME} has no {name} of {case}"
    for case, side, name in sorted(set(found) - set(expected)):
        yield f"{FILE_NAME} has {name} of {case} ({side}), which metrics_cases.csv does not measure"


def _faults_of_pools(content: Mapping[str, Any]) -> Iterator[str]:
    pools = {(pool["split"], pool["class"]): pool for pool in content["pooled"]}
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in content["cases"]:
        groups.setdefault((entry["split"], entry["class"]), []).append(entry)
    if pools.keys() != groups.keys() or len(pools) != len(content["pooled"]):
        yield f"{FILE_NAME} pools other sides and classes than its cases have"
    for key in pools.keys() & groups.keys():
        where = f"{FILE_NAME}: {key[1]}, {key[0]}"
        yield from _faults_of_pool(where, pools[key], groups[key])


def _faults_of_pool(where: str, pool: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    faults = [*_faults_of_values(cases), *_faults_of_bins(pool["bins"])]
    if not faults:  # else there is nothing to compute with
        faults = [*_faults_of_counts(pool, cases), *_faults_of_measures(pool, cases)]
    yield from (f"{where}: {fault}" for fault in faults)


def _faults_of_values(cases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for case in cases:
        if not (
            case["voxels"] > 0
            and 0 <= case["error"] <= 1 + _PRECISION
            and abs(case["bias"]) <= 1 + _PRECISION
        ):
            yield f"{case['case']} has figures that no case can have"


def _faults_of_bins(bins: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    edges = [place / N_BINS for place in range(N_BINS + 1)]
    if [(one["from"], one["to"]) for one in bins] != list(pairwise(edges)):
        yield f"its bins are not {N_BINS} of equal width from 0 to 1"
    if not all(_is_possible(one) for one in bins):
        yield "a bin holds what no bin can hold"
    if not sum(one["voxels"] for one in bins):
        yield "its bins hold no voxel"


def _is_possible(one: Mapping[str, Any]) -> bool:
    if one["voxels"] <= 0:
        return bool(one["voxels"] == 0 and one["mean_probability"] is None and one["share_of_class"] is None)
    low, high = one["from"] - _PRECISION, one["to"] + _PRECISION
    return bool(low <= one["mean_probability"] <= high and 0 <= one["share_of_class"] <= 1)


def _faults_of_counts(pool: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    counted = {
        "cases": (pool["cases"], len(cases)),
        "voxels": (pool["voxels"], sum(case["voxels"] for case in cases)),
        "voxels of the bins": (pool["voxels"], sum(one["voxels"] for one in pool["bins"])),
    }
    for name, (recorded, again) in counted.items():
        if recorded != again:
            yield f"{recorded} {name} on record, {again} again"


def _faults_of_measures(pool: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    bins = [one for one in pool["bins"] if one["voxels"]]
    gaps = [one["voxels"] * (one["mean_probability"] - one["share_of_class"]) for one in bins]
    voxels = sum(one["voxels"] for one in bins)
    measures = {"error": math.fsum(map(abs, gaps)) / voxels, "bias": math.fsum(gaps) / voxels}
    for name, again in measures.items():
        if not _is_close(pool[name], again):
            yield f"the {name} is {pool[name]}, {again} again from the bins"
    bias, error = (_mean_over_voxels(cases, measure) for measure in ("bias", "error"))
    if not _is_close(pool["bias"], bias):
        yield f"the bias is {pool['bias']}, {bias} again from the cases"
    # In a sum over cases, what one has too much cancels what another has too little, and never adds up to more.
    if not abs(pool["bias"]) - _ROUNDING <= pool["error"] <= error + _ROUNDING:
        yield f"the error is {pool['error']}, which its bias and the errors of its cases, {error} in the mean, exclude"


def _mean_over_voxels(cases: Sequence[Mapping[str, Any]], measure: str) -> float:
    voxels = [int(case["voxels"]) for case in cases]
    return math.fsum(n * case[measure] for n, case in zip(voxels, cases, strict=True)) / sum(voxels)


def _is_close(one: float, two: float) -> bool:
    return math.isclose(one, two, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
