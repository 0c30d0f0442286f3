"""One training run from configuration to report, readable like the runbook."""

import errno
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
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
    SELECTION_RULES,
    describe_bootstrap,
    describe_metrics,
    describe_segmentation,
    summarise_results,
    write_case_table,
)
from segtrail.experiment.examples import draw_examples
from segtrail.experiment.preparation import (
    PreparedData,
    Stage,
    cache_folder,
    check_and_split,
    hash_own_code,
    prepare_volumes,
    redactor_for,
    require_disk,
    resolve_spacings,
    set_up_networks,
    settle_stages,
)
from segtrail.experiment.train_stages import StageTrainer
from segtrail.images.nifti import write_label_map
from segtrail.inference.expectation import Expectation
from segtrail.inference.guard_note import describe_note
from segtrail.inference.trained import open_trained_network
from segtrail.preprocessing.cache import PreparedCase, VolumeCache
from segtrail.progress import Narrator
from segtrail.record.local_paths import remember_paths
from segtrail.record.redaction import Redactor
from segtrail.record.resolved_config import write_resolved_config
from segtrail.record.run_folder import RunFolder, describe_environment, utc_now
from segtrail.report.make import make_report
from segtrail.report.typeset import import_typst
from segtrail.report.wording import format_count
from segtrail.training.loop import TrainingOutcome
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
    stages: list[Stage]
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
        config = resolve_spacings(config, data)
        own_code = hash_own_code(config)
        compute, networks = set_up_networks(config, data.description)
        require_disk(config, networks.values(), len(data.split.val) + len(data.split.test))
    with ExitStack() as claims:
        with _timed(seconds, "preprocess"):
            prepared = _preprocess(config, data, narrator, claims)
        config, stages = settle_stages(config, data, compute, networks, prepared)
        opened = _Opened(config, data, compute, stages, own_code)
        _rehearse(opened)
        folder = _open_folder(opened, narrator, note, command or sys.argv, seconds)
        with _marked(folder, redactor_for(config), narrator):
            _say_start(folder, opened, narrator)
            finished = _train_and_evaluate(folder, opened, narrator)
    if config.report.enabled:
        with _stage(folder, "report"):
            path = make_report(folder.path)
        narrator.say(f"Report: {path}")
    narrator.say(f"Run folder: {folder.path}")
    return finished


def _preprocess(
    config: Config, data: PreparedData, narrator: Narrator, claims: ExitStack
) -> dict[str, dict[str, PreparedCase]]:
    """Preprocess the cases for every stage; their cache entries are kept for as long as the claims last."""
    scans = [data.scans[case] for case in _cached_cases(data)]
    prepared = {}
    for name, stage in config.stage_configs().items():
        cache = VolumeCache(cache_folder(config), stage.preprocess.cache_limit_gb)
        claims.enter_context(cache.claim(scans, stage.preprocess))
        prepared[name] = prepare_volumes(stage.preprocess, data, cache, narrator)
    return prepared


def _rehearse(opened: _Opened) -> None:
    for stage in opened.stages:
        cases = [stage.prepared[case] for case in opened.data.split.train]
        rehearse(stage.config, stage.built, opened.compute, cases, opened.data.description, stage.prefix)


def _train_and_evaluate(folder: RunFolder, opened: _Opened, narrator: Narrator) -> FinishedRun:
    config, data = opened.config, opened.data
    with _stage(folder, "train"):
        outcome = _train(folder, opened, narrator)
    with _stage(folder, "evaluate"):
        results = _evaluate(folder, config, data, narrator)
        summary = _write_metrics(folder, opened, outcome, results)
    narrator.say(_describe_result(summary))
    folder.end("finished", _describe_end(opened.stages))
    return FinishedRun(folder, outcome, summary)


def _train(folder: RunFolder, opened: _Opened, narrator: Narrator) -> TrainingOutcome:
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
    return StageTrainer(folder, opened.stages, data, opened.compute, facts, narrator).run()


def _evaluate(folder: RunFolder, config: Config, data: PreparedData, narrator: Narrator) -> list[ClassResult]:
    """Segment validation and test cases with ``best.pt`` and write predictions, table and pictures."""
    trained = open_trained_network(folder.path, "best", config.train.device)
    sides = [(case, "val") for case in data.split.val] + [(case, "test") for case in data.split.test]
    cases = [(data.description.case(case), side) for case, side in sides]
    results: list[ClassResult] = []
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
            seen.append({"case": case.case, **describe_segmentation(case.segmentation)})
            for note in case.segmentation.guard:
                narrator.say(f"Guard ({case.case}): {describe_note(note)}")
            tracker.advance(case.case)
    write_json(folder.path / "inference.json", {"schema_version": 1, "cases": seen})
    folder.write_state(inference=sorted(trained.predictor.modes_used))
    write_case_table(folder.path / "metrics_cases.csv", results)
    draw_examples(folder.path, data.description, [result for result in results if result.split == "val"])
    return results


def _write_metrics(
    folder: RunFolder, opened: _Opened, outcome: TrainingOutcome, results: list[ClassResult]
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
    config, compute = opened.config, opened.compute
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
        model=_describe_network(opened.stages[-1]),
        stages=[{"stage": stage.name, **_describe_network(stage)} for stage in opened.stages],
        own_code=opened.own_code,
        seconds=seconds,
    )
    narrator.attach_log(folder.path / "train.log", redactor)
    remember_paths(folder.path, config.paths)


def _describe_network(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.config.model.name,
        "parameters": stage.built.n_parameters,
        "source_sha256": stage.built.source_sha256,
    }


def _say_start(folder: RunFolder, opened: _Opened, narrator: Narrator) -> None:
    compute = opened.compute
    if compute.remark:
        narrator.say(compute.remark)
    networks = ", then ".join(
        f"{stage.config.model.name} with {stage.built.n_parameters:,} weights, "
        f"{format_count(stage.config.train.max_epochs, 'epoch')}"
        for stage in opened.stages
    )
    narrator.say(
        f"Run {folder.run_id}: {networks}, on {compute.device_name} ({compute.device.type}, {compute.precision}, "
        f"{compute.threads} threads)."
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
