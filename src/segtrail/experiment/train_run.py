"""One training run from configuration to report, readable like the runbook."""

import errno
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from segtrail.atomic import write_json
from segtrail.compute import Compute
from segtrail.config.schema import Config
from segtrail.errors import InputError, Interrupted, SegtrailError
from segtrail.evaluation.evaluate import ClassResult, evaluate_cases
from segtrail.evaluation.records import (
    SELECTION_CAUTION,
    SELECTION_RULE,
    describe_bootstrap,
    describe_metrics,
    summarise_results,
    write_case_table,
)
from segtrail.experiment.examples import draw_examples
from segtrail.experiment.preparation import (
    PreparedData,
    cache_folder,
    check_and_split,
    hash_own_code,
    prepare_volumes,
    redactor_for,
    require_disk,
    resolve_config,
    set_up_network,
)
from segtrail.experiment.train_progress import TrainProgress
from segtrail.experiment.validation import Validation
from segtrail.images.nifti import write_label_map
from segtrail.inference.predictor import Predictor
from segtrail.inference.trained import open_trained_network
from segtrail.networks.build import BuiltNetwork
from segtrail.preprocessing.cache import PreparedCase, VolumeCache
from segtrail.progress import Narrator
from segtrail.record.local_paths import remember_paths
from segtrail.record.redaction import Redactor
from segtrail.record.resolved_config import write_resolved_config
from segtrail.record.run_folder import RunFolder, describe_environment, utc_now
from segtrail.report.make import make_report
from segtrail.report.typeset import import_typst
from segtrail.report.wording import format_count
from segtrail.training.loop import Training, TrainingOutcome
from segtrail.training.rehearsal import rehearse
from segtrail.version import __version__


@dataclass(frozen=True)
class FinishedRun:
    """A run that came to its end."""

    folder: RunFolder
    outcome: TrainingOutcome
    summary: dict[str, Any]


@dataclass(frozen=True)
class _Opened:
    """Everything that training starts from."""

    config: Config
    data: PreparedData
    compute: Compute
    built: BuiltNetwork
    prepared: dict[str, PreparedCase]
    own_code: dict[str, str | None]


def train_run(
    config: Config, narrator: Narrator, note: str = "", command: list[str] | None = None
) -> FinishedRun:
    """Check, split, preprocess, train, evaluate, report.

    Args:
        config: The configuration.
        narrator: Hears of all that happens.
        note: A remark for the record.
        command: The command line that started the run.

    Returns:
        The finished run.

    Raises:
        InputError: Configuration, data or machine can't be worked with; no run folder is left.
        CheckFailed: The data did not pass their checks; no run folder is left.
        TrainingFailed: The training had to stop; the run folder says why.
        Interrupted: The user stopped it; the run folder is marked interrupted.
    """
    if config.report.enabled:
        import_typst()
    seconds: dict[str, float] = {}
    with _timed(seconds, "checks"):
        data = check_and_split(config, narrator)
        config = resolve_config(config, data)
        own_code = hash_own_code(config)
        compute, built = set_up_network(config, data.description)
        require_disk(config, built, len(data.split.val) + len(data.split.test))
    cache = VolumeCache(cache_folder(config), config.preprocess.cache_limit_gb)
    with cache.claim([data.scans[case] for case in _cached_cases(data)], config.preprocess):
        with _timed(seconds, "preprocess"):
            prepared = prepare_volumes(config, data, cache, narrator)
        opened = _Opened(config, data, compute, built, prepared, own_code)
        rehearse(config, built, compute, [prepared[case] for case in data.split.train], data.description)
        redactor = redactor_for(config)
        folder = _open_folder(opened, narrator, note, command or sys.argv, seconds)
        with _marked(folder, redactor, narrator):
            _say_start(folder, opened, narrator)
            finished = _train_and_evaluate(folder, opened, narrator)
    if config.report.enabled:
        with _stage(folder, "report"):
            path = make_report(folder.path)
        narrator.say(f"Report: {path}")
    narrator.say(f"Run folder: {folder.path}")
    return finished


def _train_and_evaluate(folder: RunFolder, opened: _Opened, narrator: Narrator) -> FinishedRun:
    config, data = opened.config, opened.data
    with _stage(folder, "train"):
        outcome = _train(folder, opened, narrator)
    with _stage(folder, "evaluate"):
        results = _evaluate(folder, config, data, narrator)
        summary = _write_metrics(folder, config, outcome, results)
    narrator.say(_describe_result(summary))
    folder.end("finished", f"all {outcome.last_epoch} epochs were trained")
    return FinishedRun(folder, outcome, summary)


def _train(folder: RunFolder, opened: _Opened, narrator: Narrator) -> TrainingOutcome:
    config, data, compute, built = opened.config, opened.data, opened.compute, opened.built
    assert config.preprocess.spacing is not None
    predictor = Predictor(built, config, compute, len(data.description.labels))
    facts = {
        "config": yaml.safe_load((folder.path / "config_resolved.yaml").read_text(encoding="utf-8")),
        "labels": {str(value): name for value, name in data.description.labels.items()},
        "n_channels": data.description.n_channels,
        "dataset_fingerprint": data.summary["fingerprint"],
    }
    with TrainProgress(narrator, config.train.max_epochs) as observer:
        training = Training(
            config=config,
            built=built,
            compute=compute,
            cases=[opened.prepared[case] for case in data.split.train],
            validate=Validation(predictor, data, opened.prepared, config.preprocess.spacing, narrator),
            run_dir=folder.path,
            checkpoint_facts=facts,
            observer=observer,
        )
        return training.run()


def _evaluate(folder: RunFolder, config: Config, data: PreparedData, narrator: Narrator) -> list[ClassResult]:
    """Segment validation and test cases with ``best.pt`` and write predictions, table and pictures."""
    trained = open_trained_network(folder.path, "best", config.train.device)
    sides = [(case, "val") for case in data.split.val] + [(case, "test") for case in data.split.test]
    cases = [(data.description.case(case), side) for case, side in sides]
    results: list[ClassResult] = []
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
            tracker.advance(case.case)
    folder.write_state(inference=sorted(trained.predictor.modes_used))
    write_case_table(folder.path / "metrics_cases.csv", results)
    draw_examples(folder.path, data.description, [result for result in results if result.split == "val"])
    return results


def _write_metrics(
    folder: RunFolder, config: Config, outcome: TrainingOutcome, results: list[ClassResult]
) -> dict[str, Any]:
    seed = config.train.seed
    sides = [side for side in ("val", "test") if any(result.split == side for result in results)]
    summary = {
        "schema_version": 1,
        "run_id": folder.run_id,
        "checkpoint": "checkpoints/best.pt",
        "selection": {
            "best_epoch": outcome.best_epoch,
            "rule": SELECTION_RULE,
            "best_epoch_val_dice": outcome.best_val_dice,
            "last_epoch": outcome.last_epoch,
            "last_epoch_val_dice": outcome.last_val_dice,
            "caution": SELECTION_CAUTION,
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


def _open_folder(
    opened: _Opened, narrator: Narrator, note: str, command: list[str], seconds: dict[str, float]
) -> RunFolder:
    """Make the run folder and write down all that is known before training; one that can't be written goes again."""
    folder = RunFolder.create(Path(opened.config.paths.output_root).expanduser())
    try:
        _write_opening(folder, opened, narrator, note, command, seconds)
    except BaseException as error:
        narrator.detach_log()
        shutil.rmtree(folder.path, ignore_errors=True)
        if isinstance(error, OSError):
            raise InputError(_describe_os_error(error)) from None
        raise
    return folder


def _write_opening(
    folder: RunFolder,
    opened: _Opened,
    narrator: Narrator,
    note: str,
    command: list[str],
    seconds: dict[str, float],
) -> None:
    config, compute, built = opened.config, opened.compute, opened.built
    redactor = redactor_for(config)
    write_resolved_config(folder.path, config, redactor)
    write_json(folder.path / "dataset_summary.json", opened.data.summary)
    folder.write_state(
        status="running",
        created_utc=utc_now(),
        ended_utc=None,
        ended_because=None,
        segtrail_version=__version__,
        start_command=redactor.redact_command(command),
        project=config.project.name,
        operator=config.project.operator,
        note=redactor.redact(note),
        device={
            "type": compute.device.type,
            "name": compute.device_name,
            "precision": compute.precision,
            "threads": compute.threads,
            "deterministic": compute.deterministic,
        },
        environment=describe_environment(),
        model={
            "name": config.model.name,
            "parameters": built.n_parameters,
            "source_sha256": built.source_sha256,
        },
        own_code=opened.own_code,
        seconds=seconds,
    )
    narrator.attach_log(folder.path / "train.log", redactor)
    remember_paths(folder.path, config.paths)


def _say_start(folder: RunFolder, opened: _Opened, narrator: Narrator) -> None:
    compute, config = opened.compute, opened.config
    if compute.remark:
        narrator.say(compute.remark)
    narrator.say(
        f"Run {folder.run_id}: {config.model.name} with {opened.built.n_parameters:,} weights on "
        f"{compute.device_name} ({compute.device.type}, {compute.precision}, {compute.threads} threads), "
        f"{format_count(config.train.max_epochs, 'epoch')}."
    )


@contextmanager
def _marked(folder: RunFolder, redactor: Redactor, narrator: Narrator) -> Iterator[None]:
    """Whatever ends the run early is written into its folder."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        because = (str(error) or "Ctrl-C came").rstrip(".")
        folder.end("interrupted", because)
        narrator.say(f"Interrupted; what is there lies in {folder.path}")
        raise Interrupted(f"{because}.") from None
    except OSError as error:
        because = _describe_os_error(error)
        with suppress(OSError):
            folder.end("failed", redactor.redact(because))
        raise InputError(because) from error
    except Exception as error:
        because = str(error) if isinstance(error, SegtrailError) else f"{type(error).__name__}: {error}"
        folder.end("failed", redactor.redact(because))
        raise


@contextmanager
def _stage(folder: RunFolder, name: str) -> Iterator[None]:
    """Write how long a stage took into the record, also of one that did not end well."""
    seconds: dict[str, float] = {}
    try:
        with _timed(seconds, name):
            yield
    finally:
        with suppress(OSError):
            folder.write_state(seconds=seconds)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = round(time.perf_counter() - started, 3)


def _describe_os_error(error: OSError) -> str:
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full ({what}). Free some space, or choose another paths.output_root, and start again."
    return f"A file that the run needs can't be read or written ({what})."


def _cached_cases(data: PreparedData) -> list[str]:
    return [*data.split.train, *data.split.val]


def _describe_result(summary: dict[str, Any]) -> str:
    parts = []
    for name, statistics in summary["splits"]["val"].items():
        dice = statistics["metrics"]["dice"]["mean"]
        parts.append(f"{name} {'undefined' if dice is None or np.isnan(dice) else f'{dice:.3f}'}")
    best = summary["selection"]["best_epoch"]
    return f"Validation Dice of epoch {best}, the best: {', '.join(parts)}."
