"""Measuring a trained network on any data set, without touching its run."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segtrail.atomic import write_json
from segtrail.dataset.description import DatasetDescription, open_description
from segtrail.dataset.reading.scan import CaseScan
from segtrail.errors import InputError
from segtrail.evaluation.calibration import ClassCalibration, describe_calibration
from segtrail.evaluation.evaluate import ClassResult, evaluate_cases
from segtrail.evaluation.records import (
    case_rows,
    describe_bootstrap,
    describe_metrics,
    describe_segmentation,
    summarise_results,
    write_case_table,
)
from segtrail.experiment.checking import read_and_check, require_sound
from segtrail.images.nifti import write_label_map
from segtrail.inference.guard_note import describe_note
from segtrail.inference.likeness import TrainingRange
from segtrail.inference.trained import Checkpoint, TrainedNetwork, open_trained_network
from segtrail.progress import Narrator
from segtrail.record.addenda import Addenda
from segtrail.record.journal import DATA_ACCESS, Journal
from segtrail.record.manifest import ADDENDA
from segtrail.record.run_folder import RunFolder, claim_folder, read_json, utc_now
from segtrail.record.seal import read_seal

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class EvaluationRequest:
    """What to evaluate.

    Attributes:
        dataset: Folder of the data set, or its description file.
        checkpoint: ``best`` or ``last``.
        cases: Names of the cases; empty means all.
        device: Device to compute on.
        save: Write table, summary and predictions to ``RUN/evaluations``.
    """

    dataset: Path
    checkpoint: Checkpoint = "best"
    cases: Sequence[str] = ()
    device: str = "auto"
    save: bool = False


def evaluate_run(run: RunFolder, request: EvaluationRequest, narrator: Narrator) -> dict[str, Any]:
    """Segment the cases of a data set and measure them.

    Args:
        run: The run whose network is used.
        request: What to evaluate.
        narrator: Hears of progress.

    Returns:
        ``schema_version``, ``run_id``, ``checkpoint``, ``epoch``, ``dataset``, ``cases`` (one entry per case and
        class), ``summary`` (of all, by class), ``summary_by_split``, ``bootstrap``, ``definitions``,
        ``calibration`` (how well probabilities fit) and ``inference`` (how each image went through the networks).

    Raises:
        InputError: Run or data set can't be worked with.
        CheckFailed: The data set did not pass its checks.
    """
    trained = open_trained_network(run.path, request.checkpoint, request.device)
    description = open_description(request.dataset, trained.config.data.description_file)
    _require_same_kind(trained, description)
    checked = read_and_check(_choose_cases(description, request.cases), trained.config.data, narrator)
    require_sound(checked, "evaluated on", narrator)
    _require_same_units(run, trained, checked.usable)
    sides = _sides(run, checked.usable)
    description = replace(description, cases=tuple(case for case in description.cases if case.case in sides))
    with _saving(run, description) if request.save else nullcontext() as folder:
        if folder is not None:
            _note_data(run, trained, checked.usable, folder)
        results, calibration, seen = _evaluate(trained, description, sides, folder, narrator)
        answer = _answer(run, request, trained, description, results)
        answer["calibration"] = describe_calibration(calibration)
        answer["inference"] = seen
        if folder is not None:
            write_case_table(folder / "metrics_cases.csv", results)
            write_json(folder / "evaluation.json", {**answer, "created_utc": utc_now()})
    if folder is not None:
        narrator.say(f"Saved in {folder}")
    return answer


def _evaluate(
    trained: TrainedNetwork,
    description: DatasetDescription,
    sides: Mapping[str, str],
    folder: Path | None,
    narrator: Narrator,
) -> tuple[list[ClassResult], list[ClassCalibration], list[dict[str, Any]]]:
    results: list[ClassResult] = []
    calibration: list[ClassCalibration] = []
    seen: list[dict[str, Any]] = []
    with narrator.track("Evaluating", len(description.cases)) as tracker:
        for case in evaluate_cases(
            trained.predictor,
            description.root,
            [(files, sides[files.case]) for files in description.cases],
            description.class_names,
            trained.config.infer.nsd_tolerances_mm,
        ):
            results += case.results
            calibration += case.calibration
            seen.append({"case": case.case, **describe_segmentation(case.segmentation)})
            for note in case.segmentation.guard:
                narrator.say(f"Guard ({case.case}): {describe_note(note)}")
            if folder is not None:
                path = folder / "predictions" / f"{case.case}.nii.gz"
                write_label_map(path, case.prediction, case.volume.placement)
            tracker.advance(case.case)
    return results, calibration, seen


def _note_data(run: RunFolder, trained: TrainedNetwork, scans: Sequence[CaseScan], folder: Path) -> None:
    """Write into a journal beside the results which data they are of."""
    Journal(folder / DATA_ACCESS, trained.config.project.operator).write(
        "data used",
        purpose="evaluate",
        cases={scan.case: scan.hashes() for scan in scans},
        voxels={scan.case: scan.image.sha256_voxels for scan in scans if scan.image is not None},
        run_id=run.run_id,
        checkpoint_sha256=trained.checkpoint_sha256,
    )


def _answer(
    run: RunFolder,
    request: EvaluationRequest,
    trained: TrainedNetwork,
    description: DatasetDescription,
    results: list[ClassResult],
) -> dict[str, Any]:
    config = trained.config
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "checkpoint": f"checkpoints/{request.checkpoint}.pt",
        "epoch": trained.epoch,
        "dataset": {"name": description.name, "dataset_json_sha256": description.sha256},
        "cases": case_rows(results),
        "summary": summarise_results(results, config.report, config.train.seed),
        "summary_by_split": {
            split: summarise_results(
                [r for r in results if r.split == split], config.report, config.train.seed
            )
            for split in sorted({result.split for result in results})
        },
        "bootstrap": describe_bootstrap(config.report, config.train.seed),
        "definitions": describe_metrics(config.infer.nsd_tolerances_mm),
    }


def _require_same_kind(trained: TrainedNetwork, description: DatasetDescription) -> None:
    if trained.labels != description.labels:
        raise InputError(
            f"The network knows the classes {trained.labels}, but {description.name} names {description.labels}. "
            "They must be the same for a comparison to mean anything."
        )
    if trained.n_channels != description.n_channels:
        raise InputError(
            f"The network takes images of {trained.n_channels} channels, but {description.name} names "
            f"{description.n_channels} under modality. It can't be measured on them."
        )


def _require_same_units(run: RunFolder, trained: TrainedNetwork, scans: Sequence[CaseScan]) -> None:
    known = TrainingRange.of_summary(read_json(run.path / "dataset_summary.json"), trained.n_channels)
    for scan in scans:
        assert scan.image is not None
        try:
            known.refuse_other_units(np.asarray(scan.image.affine), scan.image.shape)
        except InputError as error:
            raise InputError(f"{scan.case}: {error}") from None


def _choose_cases(description: DatasetDescription, names: Sequence[str]) -> DatasetDescription:
    """Leave only the cases that are named; all where none is."""
    unknown = sorted(set(names) - {case.case for case in description.cases})
    if unknown:
        raise InputError(f"{description.name} has no case {', '.join(unknown)}.")
    return replace(
        description,
        cases=tuple(case for case in description.cases if not names or case.case in names),
        findings=() if names else description.findings,
    )


def _sides(run: RunFolder, scans: Sequence[CaseScan]) -> dict[str, str]:
    """Tell which cases the run has seen, by the hash of their voxels; the others are external."""
    record = read_json(run.path / "dataset_summary.json")
    known = {
        case["image"]["sha256_voxels"]: str(case["side"])
        for case in record["cases"]
        if case["side"] != "unused"
    }
    sides = {}
    for scan in scans:
        assert scan.image is not None
        sides[scan.case] = known.get(scan.image.sha256_voxels, "external")
    return sides


@contextmanager
def _saving(run: RunFolder, description: DatasetDescription) -> Iterator[Path]:
    """Give a new folder under ``evaluations``, of a sealed run in its addenda; when the block fails, it goes again."""
    safe_name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in description.name)
    is_sealed = read_seal(run.path) is not None
    evaluations = run.path / ADDENDA / "evaluations" if is_sealed else run.path / "evaluations"
    folder: Path | None = None
    try:
        with nullcontext() if is_sealed else run.held():  # no resume or seal beside it
            folder = claim_folder(evaluations, safe_name)
            (folder / "predictions").mkdir()
            yield folder
    except BaseException as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise InputError(
                f"The evaluation can't be saved in {evaluations}: {error.strerror or error}. Leave out --save, or "
                "copy the run to where it can be written."
            ) from None
        raise
    if is_sealed:  # a line without its files could not be explained, files without a line can
        Addenda(run.path, run.read_state().get("operator")).note_folder(folder, "evaluation saved")
