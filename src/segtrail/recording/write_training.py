"""Writing what was read of a training: history, configuration, weights, label maps, metrics and pictures."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from segtrail.atomic import write_json, write_text
from segtrail.config.schema import ReportConfig
from segtrail.dataset.names import shown_list
from segtrail.evaluation.evaluate import ClassResult
from segtrail.evaluation.records import (
    describe_bootstrap,
    describe_metrics,
    summarise_results,
    write_case_table,
)
from segtrail.experiment.examples import CaseSources, draw_chosen
from segtrail.progress import Narrator
from segtrail.record.hashing import hash_file
from segtrail.record.recorded_training import CONFIGURATION_FILE
from segtrail.record.redaction import Redactor
from segtrail.record.run_folder import RunFolder
from segtrail.recording.data_files import DataState
from segtrail.recording.foreign_training import ForeignEpoch, ForeignTraining, LabelPair
from segtrail.recording.measure import TOLERANCES_MM, measure_pairs
from segtrail.recording.outputs import FOLDER as OUTPUTS
from segtrail.recording.outputs import copy_into

_STAGE = "main"
_SEED = 0
# Programs divide whole numbers of voxels; a difference beyond this is no rounding.
_SAME_DICE = 1e-4
_SCHEMA_VERSION = 1


def write_training(
    folder: RunFolder,
    training: ForeignTraining,
    data: DataState | None,
    redactor: Redactor,
    narrator: Narrator,
) -> Mapping[str, Any] | None:
    """Write a training into its record.

    Args:
        folder: The run folder, its journal open.
        training: What was read.
        data: The files of the data set; None where none is named.
        redactor: Keeps machine paths out.
        narrator: Shows progress.

    Returns:
        The content of ``metrics_summary.json``; None where there was nothing to measure.

    Raises:
        InputError: A label map can't be measured.
        OSError: A file can't be read or written.
    """
    written = _write_files(folder, training, redactor)
    measured, results = _measure(folder, training, data, redactor, narrator)
    summary = None
    if results:
        write_case_table(folder.path / "metrics_cases.csv", results)
        summary = _summarise(folder.run_id, training, results)
        write_json(folder.path / "metrics_summary.json", summary)
        _draw(folder.path, training, results)
        written += ["metrics_cases.csv", "metrics_summary.json", *(entry["prediction"] for entry in measured)]
    hashes = {name: hash_file(folder.path / name) for name in sorted(written)}
    folder.journal.write("evaluated", cases=[entry["case"] for entry in measured], files=hashes)
    not_found = [*training.gaps, *_differing_dice(training, results)]
    described = {"measured": measured, "not_found": [redactor.redact(gap) for gap in not_found]}
    folder.write_state(recorded={**_describe(training), **described})
    return summary


def _write_files(folder: RunFolder, training: ForeignTraining, redactor: Redactor) -> list[str]:
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
        target = folder.path / OUTPUTS / name
        copy_into(target, path)
        if name in training.with_machine_paths:
            write_text(target, redactor.redact(target.read_text(encoding="utf-8", errors="replace")))
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
    data: DataState | None,
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
                    "reference": _name_reference(pair, data, redactor),
                    "reference_sha256": hash_file(pair.reference),
                }
            )
            tracker.advance(pair.case)
    return measured, results


def _draw(run_dir: Path, training: ForeignTraining, results: list[ClassResult]) -> None:
    """Draw the best, the median, the worst and every failed case, where the images of all are known."""
    pairs = {pair.case: pair for pair in training.validation}
    if not all(pair.images for pair in pairs.values()):
        return

    def sources(case: str) -> CaseSources:
        pair = pairs[case]
        return CaseSources(pair.images, pair.reference, pair.prediction)

    # Classes that overlap share label values, which a picture can show but once.
    values = {value: name for name, of_class in training.classes.items() for value in of_class}
    draw_chosen(run_dir / "examples", results, sources, values)


def _ending(path: Path) -> str:
    return ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix


def _name_reference(pair: LabelPair, data: DataState | None, redactor: Redactor) -> str:
    """Name a reference by the path of the same bytes in the data set, else without machine paths."""
    same = [] if data is None else data.find(hash_file(pair.reference))
    return same[0] if same else redactor.redact_path(pair.reference)


def _differing_dice(training: ForeignTraining, results: Sequence[ClassResult]) -> list[str]:
    """Say where the program's own Dice is another one than was measured; where one is undefined, it is not compared."""
    differing = sorted(
        {
            result.case
            for result in results
            if (own := training.own_dice.get(result.case, {}).get(result.class_name)) is not None
            and abs(own - result.metrics.dice) > _SAME_DICE
        }
    )
    if not differing:
        return []
    return [f"The program's own Dice is another one than was measured for {shown_list(differing)}."]


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


def _describe(training: ForeignTraining) -> dict[str, Any]:
    return {
        "program": training.program,
        "network": training.network,
        "data_set": training.data_set,
        "classes": {name: list(values) for name, values in training.classes.items()},
        "ignored_label": training.ignored_label,
        "planned_epochs": training.planned_epochs,
        "train_cases": len(training.train_cases) or None,
    }
