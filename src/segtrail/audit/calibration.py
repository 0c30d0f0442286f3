"""``calibration.json`` against itself, against the table of cases, and against what ``best.pt`` gives again."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrail.audit.numbers import read_object, read_rows
from segtrail.audit.outcome import Outcome
from segtrail.evaluation.calibration import FILE_NAME

if TYPE_CHECKING:  # it imports torch
    from segtrail.evaluation.evaluate import CaseEvaluation

TITLE = "The calibration fits the table of cases"
_MEASURES = ("error", "bias")
# The mean of a bin is on record, not its sum.
_ROUNDING = 1e-9


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


def read_calibration(run_dir: Path) -> list[dict[str, Any]] | None:
    """Return the calibration of each class of each case on record; None where the run has none."""
    if not (run_dir / FILE_NAME).is_file():
        return None
    return list(read_object(run_dir / FILE_NAME)["cases"])


def calibration_difference(recorded: Sequence[Mapping[str, Any]], again: "CaseEvaluation") -> float:
    """Compare a case with its record.

    Args:
        recorded: The calibrations on record, of all cases.
        again: The case, segmented again.

    Returns:
        The largest difference of an error or a bias; infinite where other classes are calibrated.
    """
    known = {entry["class"]: entry for entry in recorded if entry["case"] == again.case}
    found = {one.class_name: one.reliability for one in again.calibration}
    if known.keys() != found.keys():
        return math.inf
    differences = (
        abs(float(known[name][measure]) - float(getattr(reliability, measure)))
        for name, reliability in found.items()
        for measure in _MEASURES
    )
    return max(differences, default=0.0)


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
    bins = [one for one in pool["bins"] if one["voxels"]]
    counted = {
        "cases": (pool["cases"], len(cases)),
        "voxels": (pool["voxels"], sum(case["voxels"] for case in cases)),
        "voxels of the bins": (pool["voxels"], sum(one["voxels"] for one in bins)),
    }
    for name, (recorded, again) in counted.items():
        if recorded != again:
            yield f"{where}: {recorded} {name} on record, {again} again"
    gaps = [one["voxels"] * (one["mean_probability"] - one["share_of_class"]) for one in bins]
    voxels = sum(one["voxels"] for one in bins)
    measures = {"error": math.fsum(map(abs, gaps)) / voxels, "bias": math.fsum(gaps) / voxels}
    for name, again in measures.items():
        if not math.isclose(pool[name], again, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
            yield f"{where}: the {name} is {pool[name]}, {again} again from the bins"
    of_cases = math.fsum(case["voxels"] * case["bias"] for case in cases) / sum(
        case["voxels"] for case in cases
    )
    if not math.isclose(pool["bias"], of_cases, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
        yield f"{where}: the bias is {pool['bias']}, {of_cases} again from the cases"
