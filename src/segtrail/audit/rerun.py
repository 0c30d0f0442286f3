"""The reported numbers, computed again from ``best.pt`` and the data."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segtrail.audit.outcome import Outcome
from segtrail.dataset.description import read_description
from segtrail.errors import InputError
from segtrail.evaluation.evaluate import CaseEvaluation, ClassResult, evaluate_cases
from segtrail.evaluation.records import class_result_of, read_case_table
from segtrail.images.nifti import read_volume
from segtrail.inference.trained import open_trained_network
from segtrail.progress import Narrator

TITLE = "best.pt gives the reported label maps and metrics again"
# Dice that another machine may differ by, where its rounding moves voxels at the edge of an organ.
DICE_TOLERANCE = 0.002


@dataclass(frozen=True)
class _Comparison:
    """How a case that was segmented again differs from the record.

    Attributes:
        voxels: Voxels with another label.
        is_equal: Whether every metric is equal to the last digit.
        dice_difference: Largest difference of a Dice.
    """

    case: str
    voxels: int
    is_equal: bool
    dice_difference: float


def check_rerun(run_dir: Path, data_root: Path | None, device: str, narrator: Narrator) -> Outcome:
    """Segment and measure every evaluated case again.

    Args:
        run_dir: The run folder.
        data_root: Folder of the data set.
        device: Device to compute on.
        narrator: Shows progress.

    Returns:
        Which held: the same bits, the same label maps, or every Dice within the tolerance.
    """
    if data_root is None:
        return Outcome.not_checked(
            "rerun", TITLE, "--rerun needs --data DIR as well, where this machine does not know it"
        )
    try:
        compared = list(_compare(run_dir, data_root, device, narrator))
    except InputError as error:
        return Outcome("rerun", TITLE, "fail", (str(error).rstrip("."),))
    faults = [
        f"{one.case}: Dice differs by {one.dice_difference:.4f}, more than {DICE_TOLERANCE}, {one.voxels} voxels"
        for one in compared
        if not one.dice_difference <= DICE_TOLERANCE
    ]
    return Outcome.of_faults("rerun", TITLE, faults, _describe(compared))


def _describe(compared: Sequence[_Comparison]) -> str:
    n = len(compared)
    if all(one.is_equal and not one.voxels for one in compared):
        return f"bitwise: label maps and metrics of {n} cases are equal to the last digit"
    if not any(one.voxels for one in compared):
        return f"same masks: the label maps of {n} cases are equal voxel by voxel, metrics differ in rounding"
    worst = max(compared, key=lambda one: one.dice_difference)
    changed = sum(one.voxels > 0 for one in compared)
    return (
        f"within the tolerance of {DICE_TOLERANCE} Dice: the label maps of {changed} of {n} cases differ, "
        f"by {worst.dice_difference:.5f} Dice at most ({worst.case})"
    )


def _compare(run_dir: Path, data_root: Path, device: str, narrator: Narrator) -> Iterator[_Comparison]:
    trained = open_trained_network(run_dir, "best", device)
    description = read_description(data_root, trained.config.data.description_file)
    recorded: dict[str, list[ClassResult]] = {}
    for row in read_case_table(run_dir / "metrics_cases.csv"):
        result = class_result_of(row)
        recorded.setdefault(result.case, []).append(result)
    cases = [(description.case(case), results[0].split) for case, results in recorded.items()]
    tolerances = trained.config.infer.nsd_tolerances_mm
    again = evaluate_cases(trained.predictor, data_root, cases, description.class_names, tolerances)
    with narrator.track("Segmenting again", len(cases)) as tracker:
        for evaluation in again:
            yield _compare_case(run_dir, evaluation, recorded[evaluation.case])
            tracker.advance(evaluation.case)


def _compare_case(run_dir: Path, again: CaseEvaluation, recorded: Sequence[ClassResult]) -> _Comparison:
    kept = read_volume(run_dir / "predictions" / f"{again.case}.nii.gz").data[0]
    if kept.shape != again.prediction.shape:
        raise InputError(f"predictions/{again.case}.nii.gz does not lie on the grid of its image.")
    pairs = list(zip(recorded, again.results, strict=True))
    equal = all(_same_values(one, two) for one, two in pairs)
    differences = [abs(one.metrics.dice - two.metrics.dice) for one, two in pairs]
    known = [0.0 if math.isnan(difference) else difference for difference in differences]
    return _Comparison(
        again.case, int(np.count_nonzero(kept != again.prediction)), equal, max(known, default=0.0)
    )


def _same_values(one: ClassResult, two: ClassResult) -> bool:
    first, second = one.metrics.by_column(), two.metrics.by_column()
    return first.keys() == second.keys() and all(
        value == second[name] or (math.isnan(value) and math.isnan(second[name]))
        for name, value in first.items()
    )
