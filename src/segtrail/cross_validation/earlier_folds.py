"""What an earlier command left of a cross-validation: its configuration, its versions, its finished folds."""

from collections.abc import Mapping

from segtrail.errors import InputError
from segtrail.evaluation.records import read_case_table
from segtrail.record.cross_validation import CrossValidationFolder, CrossValidationRecord, FoldEntry
from segtrail.record.run_folder import read_json
from segtrail.version import __version__


def describe_other_versions(record: CrossValidationRecord, environment: Mapping[str, str]) -> str:
    """Say which versions are others than when a cross-validation began; empty where none is.

    Args:
        record: Its record.
        environment: The versions of now.
    """
    before = {"segtrail": record.segtrail_version, **record.environment}
    now = {"segtrail": __version__, **environment}
    changed = [
        f"{name} {now.get(name, 'missing')} (was {before.get(name, 'missing')})"
        for name in {**before, **now}
        if now.get(name) != before.get(name)
    ]
    if not changed:
        return ""
    return (
        f"{record.cv_id} began with other versions: {', '.join(changed)}. The folds that are left are trained with "
        "those of now, which may give other results."
    )


def fault_of_finished_fold(
    folder: CrossValidationFolder, record: CrossValidationRecord, fold: FoldEntry
) -> str | None:
    """Return why a fold that is said to be finished can't be kept, as a sentence; None where it can.

    Args:
        folder: The folder, whose runs lie beside it.
        record: The record.
        fold: The fold.
    """
    if fold.run_id is None:
        return "cv.json names no run of it."
    run = folder.output_root / "runs" / fold.run_id
    try:
        status = read_json(run / "run.json").get("status")
        fingerprint = read_json(run / "dataset_summary.json").get("fingerprint")
        read_json(run / "metrics_summary.json")
        rows = read_case_table(run / "metrics_cases.csv")
    except InputError as error:
        return str(error)
    if status != "finished":
        return f"The run {fold.run_id} is {status}."
    if fingerprint != record.dataset_fingerprint:
        return f"The run {fold.run_id} was trained on other data."
    if {row["case"] for row in rows} != set(fold.val):
        return f"The run {fold.run_id} measured other cases than those of the fold."
    return None
