"""Writing what was read of a training: history, configuration, weights, label maps, metrics and pictures."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from segtrail.atomic import write_json, write_text
from segtrail.config.schema import ReportConfig
from segtrail.evaluation.evaluate import ClassResult
from segtrail.evaluation.records import (
    describe_bootstrap,
    describe_metrics,
    summarise_results,
    write_case_table,
)
from segtrail.experiment.examples import CaseSources, draw_ranked
from segtrail.progress import Narrator
from segtrail.record.hashing import hash_file
from segtrail.record.redaction import Redactor
from segtrail.record.run_folder import RunFolder
from segtrail.recording.foreign_training import CONFIGURATION_FILE, ForeignEpoch, ForeignTraining, LabelPair
from segtrail.recording.measure import TOLERANCES_MM, measure_pairs
from segtrail.recording.outputs import FOLDER as OUTPUTS
from segtrail.recording.outputs import copy_into

_STAGE = "main"
_SEED = 0
_SCHEMA_VERSION = 1


def write_training(
    folder: RunFolder,
    training: ForeignTraining,
    data_root: Path | None,
    redactor: Redactor,
    narrator: Narrator,
) -> Mapping[str, Any] | None:
    """Write a training into its record.

    Args:
        folder: The run folder, its journal open.
        training: What was read.
        data_root: The data set; None where none is named.
        redactor: Keeps machine paths out.
        narrator: Shows progress.

    Returns:
        The content of ``metrics_summary.json``; None where there was nothing to measure.

    Raises:
        InputError: A label map can't be measured.
        OSError: A file can't be read or written.
    """
    written = _write_files(folder, training)
    measured, results = _measure(folder, training, data_root, redactor, narrator)
    summary = None
    if results:
        write_case_table(folder.path / "metrics_cases.csv", results)
        summary = _summarise(folder.run_id, training, results)
        write_json(folder.path / "metrics_summary.json", summary)
        _draw(folder.path, training, results)
        written += ["metrics_cases.csv", "metrics_summary.json", *(entry["prediction"] for entry in measured)]
    hashes = {name: hash_file(folder.path / name) for name in sorted(written)}
    folder.journal.write("evaluated", cases=[entry["case"] for entry in measured], files=hashes)
    folder.write_state(recorded={**_describe(training, redactor), "measured": measured})
    return summary


def _write_files(folder: RunFolder, training: ForeignTraining) -> list[str]:
    written = []
    if training.history:
        write_history(folder.path / "history.csv", training.history)
        written.append("history.csv")
    if training.configuration:
        write_json(
            folder.path / CONFIGURATION_FILE, {"schema_version": _SCHEMA_VERSION, **training.configuration}
        )
        written.append(CONFIGURATION_FILE)
    checkpoint = _checkpoint(training)
    if checkpoint is not None and training.best_checkpoint is not None:
        copy_into(folder.path / checkpoint, training.best_checkpoint)
        written.append(checkpoint)
    for name, path in training.kept.items():
        copy_into(folder.path / OUTPUTS / name, path)
        written.append(f"{OUTPUTS}/{name}")
    return written


def write_history(path: Path, history: Sequence[ForeignEpoch]) -> None:
    """Write the epochs as ``history.csv``, empty where the program does not say."""
    names = [field.name for field in fields(ForeignEpoch)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["stage", *names, "schema_version"])
    for epoch in history:
        cells = ["" if value is None else repr(value) for value in asdict(epoch).values()]
        writer.writerow([_STAGE, *cells, _SCHEMA_VERSION])
    write_text(path, stream.getvalue())


def _measure(
    folder: RunFolder,
    training: ForeignTraining,
    data_root: Path | None,
    redactor: Redactor,
    narrator: Narrator,
) -> tuple[list[dict[str, Any]], list[ClassResult]]:
    measured: list[dict[str, Any]] = []
    results: list[ClassResult] = []
    with narrator.track("Measuring", len(training.validation)) as tracker:
        for pair, of_pair in measure_pairs(training):
            results += of_pair
            name = f"predictions/{pair.case}{_ending(pair.prediction)}"
            copy_into(folder.path / name, pair.prediction)
            measured.append(
                {
                    "case": pair.case,
                    "prediction": name,
                    "reference": _name_reference(pair, data_root, redactor),
                    "reference_sha256": hash_file(pair.reference),
                }
            )
            tracker.advance(pair.case)
    return measured, results


def _draw(run_dir: Path, training: ForeignTraining, results: list[ClassResult]) -> None:
    """Draw the best, the median and the worst case, where the images of all are known."""
    pairs = {pair.case: pair for pair in training.validation}
    if not all(pair.images for pair in pairs.values()):
        return

    def sources(case: str) -> CaseSources:
        pair = pairs[case]
        return CaseSources(pair.images, pair.reference, pair.prediction)

    # Classes that overlap share label values, which a picture can show but once.
    values = {value: name for name, of_class in training.classes.items() for value in of_class}
    draw_ranked(run_dir / "examples", results, sources, values)


def _ending(path: Path) -> str:
    return ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix


def _name_reference(pair: LabelPair, data_root: Path | None, redactor: Redactor) -> str:
    """Name a reference by its path in the data set, else without machine paths."""
    resolved = pair.reference.resolve()
    if data_root is not None and resolved.is_relative_to(data_root.resolve()):
        return resolved.relative_to(data_root.resolve()).as_posix()
    return redactor.redact_path(pair.reference)


def _summarise(run_id: str, training: ForeignTraining, results: Sequence[ClassResult]) -> dict[str, Any]:
    report = ReportConfig()
    return {
        "schema_version": 1,
        "run_id": run_id,
        "checkpoint": _checkpoint(training),
        "selection": None if training.best_epoch is None else _selection(training, training.best_epoch),
        "bootstrap": describe_bootstrap(report, _SEED),
        "definitions": describe_metrics(TOLERANCES_MM),
        "splits": {"val": summarise_results(results, report, _SEED)},
    }


def _checkpoint(training: ForeignTraining) -> str | None:
    return None if training.best_checkpoint is None else f"checkpoints/best{training.best_checkpoint.suffix}"


def _selection(training: ForeignTraining, best_epoch: int) -> dict[str, Any]:
    dice = {epoch.epoch: epoch.val_dice for epoch in training.history}
    last = max(dice, default=best_epoch)
    return {
        "best_epoch": best_epoch,
        "rule": training.chosen_how,
        "best_epoch_val_dice": dice.get(best_epoch),
        "last_epoch": last,
        "last_epoch_val_dice": dice.get(last),
        "caution": "",
    }


def _describe(training: ForeignTraining, redactor: Redactor) -> dict[str, Any]:
    return {
        "program": training.program,
        "network": training.network,
        "data_set": training.data_set,
        "classes": {name: list(values) for name, values in training.classes.items()},
        "ignored_label": training.ignored_label,
        "planned_epochs": training.planned_epochs,
        "train_cases": len(training.train_cases) or None,
        "not_found": [redactor.redact(gap) for gap in training.gaps],
    }
