"""One training run from configuration to report, readable like the runbook."""

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from segtrail.atomic import write_json
from segtrail.config.schema import Config
from segtrail.errors import InputError
from segtrail.experiment.opened_run import OpenedRun, open_run
from segtrail.experiment.preparation import Stage, redactor_for
from segtrail.experiment.resume_conditions import describe_device
from segtrail.experiment.run_phases import FinishedRun, describe_os_error, finish_run
from segtrail.progress import Narrator
from segtrail.record.local_paths import remember_paths
from segtrail.record.program_hash import hash_program
from segtrail.record.resolved_config import write_resolved_config
from segtrail.record.run_folder import RunFolder, describe_environment, utc_now
from segtrail.report.typeset import import_typst
from segtrail.report.wording import format_count
from segtrail.version import __version__


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
    with ExitStack() as claims:
        opened = open_run(config, narrator, claims)
        folder = _open_folder(opened, narrator, note, command or sys.argv)
        with folder.held():
            return finish_run(folder, opened, narrator, _describe_start(folder, opened))


def _open_folder(opened: OpenedRun, narrator: Narrator, note: str, command: list[str]) -> RunFolder:
    """Make the run folder and write down all that is known before training; one that can't be written goes again."""
    folder = RunFolder.create(Path(opened.config.paths.output_root).expanduser())
    try:
        _write_opening(folder, opened, narrator, note, command)
    except BaseException as error:
        narrator.detach_log()
        shutil.rmtree(folder.path, ignore_errors=True)
        if isinstance(error, OSError):
            raise InputError(describe_os_error(error)) from None
        raise
    return folder


def _write_opening(
    folder: RunFolder,
    opened: OpenedRun,
    narrator: Narrator,
    note: str,
    command: list[str],
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
        device=describe_device(compute),
        environment=describe_environment(),
        model=_describe_network(opened.stages[-1]),
        stages=[{"stage": stage.name, **_describe_network(stage)} for stage in opened.stages],
        own_code=opened.own_code,
        program_sha256=hash_program(),
        seconds=opened.seconds,
    )
    narrator.attach_log(folder.path / "train.log", redactor)
    remember_paths(folder.path, config.paths)


def _describe_network(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.config.model.name,
        "parameters": stage.built.n_parameters,
        "source_sha256": stage.built.source_sha256,
    }


def _describe_start(folder: RunFolder, opened: OpenedRun) -> list[str]:
    compute = opened.compute
    networks = ", then ".join(
        f"{stage.config.model.name} with {stage.built.n_parameters:,} weights, "
        f"{format_count(stage.config.train.max_epochs, 'epoch')}"
        for stage in opened.stages
    )
    start = (
        f"Run {folder.run_id}: {networks}, on {compute.device_name} ({compute.device.type}, {compute.precision}, "
        f"{compute.threads} threads)."
    )
    return [*filter(None, [compute.remark]), start]
