"""What an earlier command left of a cross-validation: its configuration, its versions, its finished folds."""

from collections.abc import Mapping
from pathlib import Path

from segtrail.config.load import load_config
from segtrail.config.schema import Config
from segtrail.errors import InputError
from segtrail.evaluation.records import read_case_table
from segtrail.record.cross_validation import CrossValidationFolder, CrossValidationRecord, FoldEntry
from segtrail.record.local_paths import fill_in_placeholders, find_data_root
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import read_json
from segtrail.version import __version__


def read_recorded_config(folder: CrossValidationFolder, data_root: Path | None) -> Config:
    """Read the configuration that a cross-validation began with.

    Args:
        folder: Its folder; runs are written beside it, wherever that was when it began.
        data_root: Where the data lie now; None where they lay.

    Returns:
        The configuration with this machine's paths.

    Raises:
        InputError: The file can't be read, or this machine does not know where the data lie.
    """
    file = folder.path / CONFIG_FILE
    config = load_config(file)
    root = data_root or Path(config.paths.data_root)
    if data_root is None and not root.expanduser().is_dir():
        root = find_data_root(folder.path)
    paths = {"data_root": str(root), "output_root": str(folder.output_root)}
    config = config.model_copy(update={"paths": config.paths.model_copy(update=paths)})
    return fill_in_placeholders(config, file, {"paths.data_root"})


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
