"""The phases of a run in its folder: train, evaluate, report; each can be gone on with after an interruption."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import yaml

from segtrail.atomic import write_json
from segtrail.compute import Compute
from segtrail.config.schema import Config
from segtrail.errors import InputError, Interrupted, SegtrailError
from segtrail.evaluation.calibration import FILE_NAME as CALIBRATION
from segtrail.evaluation.calibration import ClassCalibration, describe_calibration
from segtrail.evaluation.evaluate import ClassResult, evaluate_cases
from segtrail.evaluation.records import (
    SELECTION_CAUTION,
    SELECTION_RULES,
    describe_bootstrap,
    describe_metrics,
    describe_segmentation,
    summarise_results,
    write_case_table,
)
from segtrail.experiment.disk_errors import describe_with_way_on, told_of_disk
from segtrail.experiment.examples import draw_examples
from segtrail.experiment.opened_run import OpenedRun
from segtrail.experiment.preparation import PreparedData, Stage, redactor_for
from segtrail.experiment.seal_run import seal_run
from segtrail.experiment.timing import Spent, timed
from segtrail.experiment.train_stages import EarlierTraining, StageTrainer
from segtrail.experiment.watching import OnEpoch, watched
from segtrail.images.nifti import write_label_map
from segtrail.inference.expectation import Expectation
from segtrail.inference.guard_note import describe_note
from segtrail.inference.trained import open_trained_network
from segtrail.progress import Narrator
from segtrail.provenance.energy import estimate_energy
from segtrail.provenance.folder import power_limit_watts
from segtrail.record.hashing import hash_file
from segtrail.record.run_folder import RunFolder
from segtrail.shell_words import quoted
from segtrail.training.loop import TrainingOutcome
from segtrail.training.memory import peak_resident_mb


@dataclass(frozen=True)
class FinishedRun:
    """A run that came to its end.

    Attributes:
        folder: Its folder.
        outcome: How the training of its last network ended.
        summary: The content of ``metrics_summary.json``.
        fingerprint: The SHA-256 of its manifest; empty before it is sealed.
    """

    folder: RunFolder
    outcome: TrainingOutcome
    summary: dict[str, Any]
    fingerprint: str = ""


def finish_run(
    folder: RunFolder,
    opened: OpenedRun,
    narrator: Narrator,
    opening: Sequence[str],
    earlier: EarlierTraining | None = None,
) -> FinishedRun:
    """Train, evaluate, report and seal.

    Args:
        folder: The run folder, opened.
        opened: What training starts from.
        narrator: Hears of all that happens.
        opening: What it hears first.
        earlier: What was trained before an interruption.

    Returns:
        The finished run.

    Raises:
        TrainingFailed: The training had to stop; the run folder says why.
        Interrupted: The user stopped it; the run folder is marked interrupted.
        InputError: A file can't be read or written.
    """
    with _marked(folder, opened.config, narrator):
        for sentence in opening:
            narrator.say(sentence)
        with watched(folder, opened.config, narrator) as on_epoch:
            finished = _train_and_evaluate(folder, opened, narrator, earlier or EarlierTraining(), on_epoch)
    with told_of_disk(folder):
        fingerprint = seal_run(folder, narrator, with_report=opened.config.report.enabled)
    return replace(finished, fingerprint=fingerprint)


def _train_and_evaluate(
    folder: RunFolder, opened: OpenedRun, narrator: Narrator, earlier: EarlierTraining, on_epoch: OnEpoch
) -> FinishedRun:
    config, data = opened.config, opened.data
    with _phase(folder, "train"):
        outcome = _train(folder, opened, narrator, earlier, on_epoch)
    with _phase(folder, "evaluate"):
        results = _evaluate(folder, config, data, narrator)
        summary = _write_metrics(folder, opened, outcome, results)
    val_and_test = data.hashes([*data.split.val, *data.split.test])
    folder.journal.write("evaluated", cases=val_and_test, files=_hash_results(folder))
    narrator.say(_describe_result(summary))
    folder.write_state(energy=_estimate_energy(folder, opened.compute))
    folder.end("finished", _describe_end(opened.stages))
    return FinishedRun(folder, outcome, summary)


def _train(
    folder: RunFolder, opened: OpenedRun, narrator: Narrator, earlier: EarlierTraining, on_epoch: OnEpoch
) -> TrainingOutcome:
    data = opened.data
    labels = data.description.labels
    volumes = [data.scans[case].volumes_ml for case in data.split.train]
    facts = {
        "config": yaml.safe_load((folder.path / "config_resolved.yaml").read_text(encoding="utf-8")),
        "labels": {str(value): name for value, name in labels.items()},
        "n_channels": data.description.n_channels,
        "dataset_fingerprint": data.summary["fingerprint"],
        "expectation": Expectation.of_volumes(volumes, data.description.class_names).as_mapping(),
    }
    return StageTrainer(folder, opened.stages, data, opened.compute, facts, narrator, earlier, on_epoch).run()


def _evaluate(folder: RunFolder, config: Config, data: PreparedData, narrator: Narrator) -> list[ClassResult]:
    """Segment validation and test cases with ``best.pt`` and write predictions, table and pictures."""
    trained = open_trained_network(folder.path, "best", config.train.device)
    sides = [(case, "val") for case in data.split.val] + [(case, "test") for case in data.split.test]
    cases = [(data.description.case(case), side) for case, side in sides]
    results: list[ClassResult] = []
    calibration: list[ClassCalibration] = []
    seen: list[dict[str, Any]] = []
    with narrator.track("Evaluating", len(cases)) as tracker:
        for case in evaluate_cases(
            trained.predictor,
            data.description.root,
            cases,
            data.description.class_names,
            config.infer.nsd_tolerances_mm,
        ):
            path = folder.path / "predictions" / f"{case.case}.nii.gz"
            write_label_map(path, case.prediction, case.volume.placement)
            results += case.results
            calibration += case.calibration
            seen.append({"case": case.case, **describe_segmentation(case.segmentation)})
            for note in case.segmentation.guard:
                narrator.say(f"Guard ({case.case}): {describe_note(note)}")
            tracker.advance(case.case)
    write_json(folder.path / "inference.json", {"schema_version": 1, "cases": seen})
    folder.write_state(inference=sorted(trained.predictor.modes_used))
    write_case_table(folder.path / "metrics_cases.csv", results)
    write_json(folder.path / CALIBRATION, {"schema_version": 1, **describe_calibration(calibration)})
    draw_examples(folder.path, data.description, [result for result in results if result.split == "val"])
    return results


def _hash_results(folder: RunFolder) -> dict[str, str]:
    names = ["history.csv", "inference.json", CALIBRATION, "metrics_cases.csv", "metrics_summary.json"]
    paths = [*(folder.path / name for name in names), *sorted((folder.path / "predictions").glob("*.nii.gz"))]
    return {path.relative_to(folder.path).as_posix(): hash_file(path) for path in paths}


def _write_metrics(
    folder: RunFolder, opened: OpenedRun, outcome: TrainingOutcome, results: list[ClassResult]
) -> dict[str, Any]:
    config, last = opened.config, opened.stages[-1]
    seed = config.train.seed
    sides = [side for side in ("val", "test") if any(result.split == side for result in results)]
    summary = {
        "schema_version": 1,
        "run_id": folder.run_id,
        "checkpoint": "checkpoints/best.pt",
        "selection": {
            "best_epoch": outcome.best_epoch,
            "rule": SELECTION_RULES[last.config.train.keep],
            "best_epoch_val_dice": None if outcome.best_val_dice < 0 else outcome.best_val_dice,
            "last_epoch": outcome.last_epoch,
            "last_epoch_val_dice": outcome.last_val_dice,
            "caution": SELECTION_CAUTION if last.config.train.keep == "best" else "",
        },
        "bootstrap": describe_bootstrap(config.report, seed),
        "definitions": describe_metrics(config.infer.nsd_tolerances_mm),
        "splits": {
            side: summarise_results(
                [result for result in results if result.split == side], config.report, seed
            )
            for side in sides
        },
    }
    write_json(folder.path / "metrics_summary.json", summary)
    return summary


@contextmanager
def _marked(folder: RunFolder, config: Config, narrator: Narrator) -> Iterator[None]:
    """Whatever ends the run early is written into its folder."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        because = (str(error) or "Ctrl-C came").rstrip(".")
        with suppress(OSError):  # the disk may be full as well
            folder.end("interrupted", because)
            folder.journal.write("interrupted", because=because)
        narrator.say(f"Interrupted; `segtrail resume {quoted(folder.path)}` goes on with it.")
        raise Interrupted(f"{because}.") from None
    except OSError as error:
        because = describe_with_way_on(folder, error)
        with suppress(OSError):
            _note_failure(folder, redactor_for(config).redact(because))
        raise InputError(because) from error
    except Exception as error:
        because = str(error) if isinstance(error, SegtrailError) else f"{type(error).__name__}: {error}"
        with suppress(OSError):
            _note_failure(folder, redactor_for(config).redact(because))
        raise


def _note_failure(folder: RunFolder, because: str) -> None:
    folder.end("failed", because)
    folder.journal.write("failed", because=because)


@contextmanager
def _phase(folder: RunFolder, name: str) -> Iterator[None]:
    """Add how long a phase took to the record, also of one that did not end well."""
    spent = Spent()
    try:
        with timed(spent, name):
            yield
    finally:
        with suppress(OSError):
            folder.add_spent(name, spent.seconds[name], spent.cpu_seconds[name])


def _estimate_energy(folder: RunFolder, compute: Compute) -> dict[str, Any]:
    state = folder.read_state()
    seconds = state["seconds"]
    on_card = compute.device.type == "cuda"
    return estimate_energy(
        wall_seconds=round(sum(seconds.values()), 3),
        cpu_seconds=round(sum(state.get("cpu_seconds", {}).values()), 3),
        memory_gb=round(peak_resident_mb() * 1024**2 / 1e9, 3),
        gpu_seconds=round(seconds["train"] + seconds["evaluate"], 3) if on_card else 0.0,
        gpu_watts=power_limit_watts(folder.path) if on_card else None,
    )


def _describe_end(stages: list[Stage]) -> str:
    epochs = [stage.config.train.max_epochs for stage in stages]
    if len(stages) == 1:
        return f"all {epochs[0]} epochs were trained"
    each = " and ".join(f"{n} of {stage.name}" for n, stage in zip(epochs, stages, strict=True))
    return f"all epochs were trained, {each}"


def _describe_result(summary: dict[str, Any]) -> str:
    parts = []
    for name, statistics in summary["splits"]["val"].items():
        dice = statistics["metrics"]["dice"]["mean"]
        parts.append(f"{name} {'undefined' if dice is None or np.isnan(dice) else f'{dice:.3f}'}")
    selection = summary["selection"]
    which = "the best" if selection["rule"] == SELECTION_RULES["best"] else "the last"
    return f"Validation Dice of epoch {selection['best_epoch']}, {which}: {', '.join(parts)}."
