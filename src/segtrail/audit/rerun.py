"""The reported numbers, computed again from ``best.pt`` and the data."""

import importlib.util
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segtrail.audit.calibration import calibration_difference, pooled_faults, read_calibration
from segtrail.audit.numbers import read_object
from segtrail.audit.outcome import Outcome
from segtrail.config.schema import Config
from segtrail.dataset.description import read_description
from segtrail.errors import InputError
from segtrail.evaluation.calibration import ClassCalibration
from segtrail.evaluation.evaluate import CaseEvaluation, evaluate_cases, measure_classes
from segtrail.evaluation.metrics import ClassMetrics
from segtrail.evaluation.records import class_result_of, read_case_table
from segtrail.images.nifti import read_volume
from segtrail.inference.trained import TrainedNetwork, open_trained_network
from segtrail.progress import Narrator
from segtrail.record.hashing import hash_file
from segtrail.training.checkpoint import load_checkpoint

TITLE = "best.pt gives the reported label maps and metrics again"
# What Dice and calibration may differ by on another machine, where its rounding moves voxels at the edge of an organ.
DICE_TOLERANCE = 0.002
CALIBRATION_TOLERANCE = 0.002
# Share that a metric of one and the same label map may differ by, where another library sums in another order.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class _Comparison:
    """How a case that was segmented again differs from the record.

    Attributes:
        case: The case.
        faults: Numbers of the table that its own label map does not give.
        voxels: Voxels that are segmented otherwise.
        is_equal: Whether every metric is equal to the last digit.
        dice_difference: Largest difference of a Dice between the label maps.
        calibration_difference: Largest difference of a calibration; 0 where the record holds none.
        calibration: What was measured again of each class.
    """

    case: str
    faults: tuple[str, ...]
    voxels: int
    is_equal: bool
    dice_difference: float
    calibration_difference: float
    calibration: tuple[ClassCalibration, ...]


def check_rerun(run_dir: Path, data_root: Path, device: str, narrator: Narrator) -> Outcome:
    """Measure every label map of the validation and test cases again, and segment these cases again.

    What the table says of a label map must follow from it on any machine. A label map that is segmented again may
    differ a little where the machine is another one.

    Args:
        run_dir: The run folder; its files are those that were sealed.
        data_root: Folder of the data set.
        device: Device to compute on.
        narrator: Shows progress.

    Returns:
        Which held: the same bits, the same label maps, or every Dice within the tolerance.

    Raises:
        InputError: Data, checkpoint or code of one's own is not what the run used.
    """
    _refuse_other_code(run_dir)
    compared = list(_compare(run_dir, data_root, device, narrator))
    faults = [*_faults_of_cases(compared), *_faults_of_pools(run_dir, compared)]
    if not compared:
        faults.append("the split names no case of validation or test")
    return Outcome.of_faults("rerun", TITLE, faults, _describe(compared) if compared else "")


def _faults_of_cases(compared: Sequence[_Comparison]) -> list[str]:
    faults = [fault for one in compared for fault in one.faults]
    faults += [
        f"{one.case}: Dice differs by {one.dice_difference:.4f}, more than {DICE_TOLERANCE}, {one.voxels} voxels"
        for one in compared
        if not one.dice_difference <= DICE_TOLERANCE
    ]
    faults += [
        f"{one.case}: best.pt does not give its calibration again"
        for one in compared
        if not one.calibration_difference <= CALIBRATION_TOLERANCE
    ]
    return faults


def _faults_of_pools(run_dir: Path, compared: Sequence[_Comparison]) -> list[str]:
    """Pool the cases again: figures and bins could be forged together."""
    recorded = read_calibration(run_dir)
    if recorded is None:
        return []
    again = [calibration for one in compared for calibration in one.calibration]
    same_voxels = not any(one.voxels for one in compared)
    return list(pooled_faults(recorded, again, CALIBRATION_TOLERANCE, same_voxels=same_voxels))


def _refuse_other_code(run_dir: Path) -> None:
    """Make sure that a checkpoint names no code but that of the run, before any of it is imported."""
    own_code = read_object(run_dir / "run.json").get("own_code") or {}
    config = Config.model_validate(load_checkpoint(run_dir / "checkpoints" / "best.pt")["config"])
    for stage in config.stage_configs().values():
        if ":" in stage.model.name and stage.model.name not in own_code:
            raise InputError(f"best.pt names {stage.model.name}, which the run did not use.")
    if own_code and Path.cwd().resolve().is_relative_to(run_dir.resolve()):
        raise InputError("Code is not run out of a run folder. Start from the folder of your own code.")
    if own_code and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    for path, sha256 in own_code.items():
        spec = importlib.util.find_spec(path.partition(":")[0])
        if spec is None or spec.origin is None:
            raise InputError(f"The run used {path}, which is not to be found here.")
        if sha256 is not None and hash_file(Path(spec.origin)) != sha256:
            raise InputError(f"{path} is other code than the run used.")


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
        f"by {worst.dice_difference:.5f} Dice at most ({worst.case}); the reported metrics follow from those on record"
    )


def _compare(run_dir: Path, data_root: Path, device: str, narrator: Narrator) -> Iterator[_Comparison]:
    trained = open_trained_network(run_dir, "best", device)
    description = read_description(data_root, trained.config.data.description_file)
    split = read_object(run_dir / "dataset_summary.json")["split"]
    cases = [(description.case(case), side) for side in ("val", "test") for case in split[side]]
    recorded: dict[str, dict[str, ClassMetrics]] = {}
    for row in read_case_table(run_dir / "metrics_cases.csv"):
        result = class_result_of(row)
        recorded.setdefault(result.case, {})[result.class_name] = result.metrics
    calibration = read_calibration(run_dir)
    again = evaluate_cases(
        trained.predictor,
        data_root,
        cases,
        description.class_names,
        trained.config.infer.nsd_tolerances_mm,
    )
    with narrator.track("Segmenting again", len(cases)) as tracker:
        for evaluation in again:
            compared = _compare_case(run_dir, trained, evaluation, recorded.get(evaluation.case, {}))
            difference = (
                0.0 if calibration is None else calibration_difference(calibration["cases"], evaluation)
            )
            is_equal = compared.is_equal and difference == 0.0
            yield replace(compared, is_equal=is_equal, calibration_difference=difference)
            tracker.advance(evaluation.case)


def _compare_case(
    run_dir: Path, trained: TrainedNetwork, again: CaseEvaluation, recorded: Mapping[str, ClassMetrics]
) -> _Comparison:
    kept = read_volume(run_dir / "predictions" / f"{again.case}.nii.gz").data[0].astype(np.uint8)
    if kept.shape != again.prediction.shape:
        raise InputError(f"predictions/{again.case}.nii.gz does not lie on the grid of its image.")
    names = {value: name for value, name in trained.labels.items() if value != 0}
    tolerances = trained.config.infer.nsd_tolerances_mm
    measured = measure_classes(kept, again.reference, again.volume.affine, names, tolerances)
    segmented = {result.class_name: result.metrics for result in again.results}
    differences = [_difference(measured[name].dice, segmented[name].dice) for name in names.values()]
    return _Comparison(
        again.case,
        tuple(_faults_of_table(again.case, recorded, measured)),
        int(np.count_nonzero(kept != again.prediction)),
        recorded.keys() == segmented.keys()
        and all(_is_same(recorded[name], segmented[name], 0.0) for name in recorded),
        max(differences, default=0.0),
        0.0,
        again.calibration,
    )


def _difference(one: float, two: float) -> float:
    """Subtract; one that is defined is infinitely far from one that is not."""
    if math.isnan(one) or math.isnan(two):
        return 0.0 if math.isnan(one) and math.isnan(two) else math.inf
    return abs(one - two)


def _faults_of_table(
    case: str, recorded: Mapping[str, ClassMetrics], measured: Mapping[str, ClassMetrics]
) -> Iterator[str]:
    for name in sorted({*recorded, *measured}):
        if name not in recorded or name not in measured:
            yield f"{case}: {name} is not in both the table and the data set"
        elif not _is_same(recorded[name], measured[name], _ROUNDING):
            yield f"{case}: the label map on record does not give the numbers of {name} in metrics_cases.csv"


def _is_same(one: ClassMetrics, two: ClassMetrics, tolerance: float) -> bool:
    first, second = one.by_column(), two.by_column()
    return (
        one.status == two.status
        and first.keys() == second.keys()
        and all(_is_close(value, second[name], tolerance) for name, value in first.items())
    )


def _is_close(one: float, two: float, tolerance: float) -> bool:
    if math.isnan(one) or math.isnan(two):
        return math.isnan(one) and math.isnan(two)
    return math.isclose(one, two, rel_tol=tolerance, abs_tol=tolerance)
